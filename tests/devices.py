"""A device as a browser with Device Bound Session Credentials is one: a key that stays, and proofs signed with it."""

import re
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from rest_framework.response import Response

from tests.clients import Browser
from tests.hostile.forging import base64url

BIND, RENEW = "/auth/device/bind", "/auth/device/refresh"
DEVICE = "device_token"
#: What every browser says of the requests that it makes by itself.
BY_ITSELF = {"HTTP_SEC_FETCH_MODE": "no-cors"}
REGISTRATION = re.compile(r'\(ES256\);path="(?P<path>[^"]+)";challenge="(?P<challenge>[^"]+)"')
CHALLENGE = re.compile(r'"(?P<challenge>[^"]+)";id="(?P<id>[^"]+)"')


class Device:
    """The key of one session, as the browser keeps it, with what the browser remembers of the session."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        self.key = ec.generate_private_key(curve or ec.SECP256R1())
        self.session_id = ""
        self.challenge: str | None = None

    @property
    def jwk(self) -> dict[str, str]:
        numbers, size = self.key.public_key().public_numbers(), (self.key.curve.key_size + 7) // 8
        coordinates = {"x": numbers.x, "y": numbers.y}
        encoded = {name: base64url(value.to_bytes(size)) for name, value in coordinates.items()}
        return {"kty": "EC", "crv": {256: "P-256", 384: "P-384"}[self.key.curve.key_size], **encoded}

    def sign(self, header: Any, payload: Any) -> str:
        """A JWT with this key's signature, whatever its header says."""
        content = f"{base64url(header)}.{base64url(payload)}"
        r, s = decode_dss_signature(self.key.sign(content.encode(), ec.ECDSA(hashes.SHA256())))
        size = (self.key.curve.key_size + 7) // 8
        return f"{content}.{base64url(r.to_bytes(size) + s.to_bytes(size))}"

    def registration(self, challenge: str, **header: Any) -> str:
        """The proof with which the browser hands its key over."""
        return self.sign({"alg": "ES256", "typ": "dbsc+jwt", "jwk": self.jwk, **header}, {"jti": challenge})

    def proof(self, challenge: str | None = None, **header: Any) -> str:
        """The proof with which the browser renews the session."""
        return self.sign({"alg": "ES256", "typ": "dbsc+jwt", **header}, {"jti": challenge or self.challenge})

    def bind(self, browser: Browser, answer: Response) -> Response:
        """Do what the answer of a sign-in asks the browser for."""
        return self.remember(bind(browser, self.registration(challenge_of_sign_in(answer))))

    def renew(self, browser: Browser, proof: str | None = None) -> Response:
        """Renew the access cookie: with the challenge at hand, or after fetching one."""
        if proof is None and self.challenge is None:
            self.ask(browser)
        return self.remember(renew(browser, self.session_id, self.proof() if proof is None else proof))

    def ask(self, browser: Browser) -> Response:
        """Ask for a challenge."""
        return self.remember(renew(browser, self.session_id))

    def remember(self, answer: Response) -> Response:
        if answer.status_code == 200:
            self.session_id = answer.data["session_identifier"]
        if "Secure-Session-Challenge" in answer.headers:
            self.challenge = CHALLENGE.fullmatch(answer.headers["Secure-Session-Challenge"])["challenge"]
        return answer


def challenge_of_sign_in(answer: Response) -> str:
    return REGISTRATION.fullmatch(answer.headers["Secure-Session-Registration"])["challenge"]


def bind(browser: Browser, proof: str, **headers: Any) -> Response:
    return browser.post(BIND, HTTP_SECURE_SESSION_RESPONSE=proof, **{**BY_ITSELF, **headers})


def renew(browser: Browser, session_id: str, proof: str | None = None, **headers: Any) -> Response:
    if proof is not None:
        headers["HTTP_SECURE_SESSION_RESPONSE"] = proof
    return browser.post(RENEW, HTTP_SEC_SECURE_SESSION_ID=session_id, **{**BY_ITSELF, **headers})


def bind_on_sign_in(browser: Browser, answer: Response) -> Device:
    """The device of a browser that bound its session, and has said so with one more request."""
    device = Device()
    assert device.bind(browser, answer).status_code == 200
    assert browser.get("/auth/me").status_code == 200
    return device
