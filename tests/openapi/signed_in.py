"""A hook of schemathesis: a person who is signed in for each request, and often sends what is right.

Random input is never a password, a token or the id of one's own session. Where it has the right shape this puts the
right value in, so that each operation is seen to succeed too.
"""

import base64
import json
import os
import re
from typing import Any

import jwt
import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.factories import PASSWORD

ORIGIN, DELIVERY = os.environ["OPENAPI_ORIGIN"], os.environ["TOKEN_DELIVERY"]
CREDENTIALS = {"email": "grace@example.com", "password": PASSWORD}

http = requests.Session()
held: list[tuple[str, str]] = []
http.post(f"{ORIGIN}/auth/register", json=CREDENTIALS).raise_for_status()


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    if case.path.startswith("/auth/device/") and DELIVERY == "cookie":
        act_as_device(case)
        return
    access, refresh = held.pop() if held else sign_in()
    if case.method == "GET" or case.path.startswith("/api/"):
        held.append((access, refresh))  # Other requests may end the session that they come with.
    if DELIVERY == "cookie":
        case.cookies = {**case.cookies, "access_token": access, "refresh_token": refresh}
        case.headers.pop("Authorization", None)
    else:
        case.headers["Authorization"] = f"Bearer {access}"
    if case.path == "/auth/sessions/{session_id}" and "-" in str(case.path_parameters["session_id"]):
        case.path_parameters["session_id"] = session_id(access)
    if case.path == "/api/notes/{id}/" and str(case.path_parameters["id"]).isdecimal():
        case.path_parameters["id"] = note_id(access)
    if isinstance(case.body, dict):
        right = {
            "/auth/login": CREDENTIALS,
            "/auth/register": {"password": PASSWORD},
            "/auth/refresh": {"refresh_token": refresh},
            "/auth/account/change-password": {"current_password": PASSWORD, "new_password": PASSWORD},
        }.get(case.path, {})
        case.body.update({name: value for name, value in right.items() if isinstance(case.body.get(name), str)})


def sign_in() -> tuple[str, str]:
    answer = http.post(f"{ORIGIN}/auth/login", json=CREDENTIALS)
    # Not the session's jar: the two cookies are Secure, and this is no TLS.
    tokens = answer.json() if DELIVERY == "json" else answer.cookies
    http.cookies.clear()
    return tokens["access_token"], tokens["refresh_token"]


def act_as_device(case: schemathesis.Case) -> None:
    """Send what a browser sends that keeps its session bound to the device."""
    key = ec.generate_private_key(ec.SECP256R1())
    answer = http.post(f"{ORIGIN}/auth/login", json=CREDENTIALS)
    http.cookies.clear()
    challenge = re.search('challenge="([^"]+)"', answer.headers["Secure-Session-Registration"])[1]
    public = {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True)}
    by_itself = {"Sec-Fetch-Mode": "no-cors"}
    headers = {"Secure-Session-Response": signed(key, challenge, jwk=public), **by_itself}
    if case.path == "/auth/device/bind":
        case.cookies = {"access_token": answer.cookies["access_token"]}
        case.headers.update(headers)
        return
    bound = http.post(f"{ORIGIN}/auth/device/bind", headers=headers, cookies=dict(answer.cookies))
    http.cookies.clear()
    case.cookies = {"device_token": bound.cookies["device_token"]}
    headers = {"Sec-Secure-Session-Id": bound.json()["session_identifier"], **by_itself}
    asked = http.post(f"{ORIGIN}/auth/device/refresh", headers=headers)
    challenge = re.match('"([^"]+)"', asked.headers["Secure-Session-Challenge"])[1]
    case.headers.update({**headers, "Secure-Session-Response": signed(key, challenge)})


def signed(key: ec.EllipticCurvePrivateKey, challenge: str, **header: Any) -> str:
    return jwt.encode({"jti": challenge}, key, "ES256", {"typ": "dbsc+jwt", **header})


def session_id(access: str) -> str:
    payload = access.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sid"]


def note_id(access: str) -> int:
    bearer = {"Authorization": f"Bearer {access}"}
    return http.post(f"{ORIGIN}/api/notes/", json={"text": "to be deleted"}, headers=bearer).json()["id"]
