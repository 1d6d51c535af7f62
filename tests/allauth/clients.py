"""The two kinds of client that ``allauth.headless`` serves: a front end in a browser, and an app."""

import base64
import hmac
import re
import struct
import time
from dataclasses import dataclass
from typing import Any

from django.core import mail
from django.http import HttpResponse
from django.test import Client

OURS = {"access_token", "refresh_token"}
PAIR = {"access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in"}
#: Headers that a browser adds to a request of a page of the same origin, and of one of a sibling.
OWN_PAGE = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
SISTER = "https://app.example.com"
SISTERS_PAGE = {"Origin": SISTER, "Sec-Fetch-Site": "same-site"}


class Visitor:
    """Whoever speaks to ``/_allauth/<kind>/v1``. ``call("POST", "auth/login", …)`` answers with the response."""

    kind: str
    sign_out_at = "/auth/logout"

    def __init__(self) -> None:
        self.http = Client(enforce_csrf_checks=True, raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send(method, f"/_allauth/{self.kind}/v1/{path}", body, **headers)

    def send(self, method: str, url: str, body: Any = None, **headers: str) -> HttpResponse:
        call = getattr(self.http, method.lower())
        named = {**self.headers(), **{name.replace("_", "-"): value for name, value in headers.items()}}
        if method == "GET":
            response = call(url, body, headers=named)
        else:
            response = call(url, body or {}, content_type="application/json", headers=named)
        self.keep(response)
        return response

    def headers(self) -> dict[str, str]:
        raise NotImplementedError

    def keep(self, response: HttpResponse) -> None:
        raise NotImplementedError

    def me(self) -> str | None:
        """The address of who is signed in, by our own route."""
        response = self.send("GET", "/auth/me")
        return response.json()["email"] if response.status_code == 200 else None

    def sessions(self) -> list[dict[str, Any]]:
        return self.send("GET", "/auth/sessions").json()

    def assert_current(self, email: str) -> None:
        assert self.me() == email
        assert [session["current"] for session in self.sessions()].count(True) == 1

    def methods(self) -> list[str]:
        """The steps by which allauth says that the visitor signed in."""
        answer = self.call("GET", "auth/session").json()
        return [record["method"] for record in answer["data"]["methods"]]


class FrontEnd(Visitor):
    """A page in a browser: it has cookies and no token. allauth's CSRF token it never sends."""

    kind = "browser"

    def headers(self):
        return OWN_PAGE

    def keep(self, response):
        for name, morsel in list(self.http.cookies.items()):
            if morsel["max-age"] == 0 or not morsel.value:
                dict.__delitem__(self.http.cookies, name)

    @property
    def jar(self) -> dict[str, str]:
        return {name: morsel.value for name, morsel in self.http.cookies.items()}

    def clone(self) -> "FrontEnd":
        other = type(self)()
        other.http.cookies.load(self.jar)
        return other

    def assert_signed_in(self, response, email):
        assert set(self.jar) == OURS
        assert b"eyJ" not in response.content
        assert response.headers["Cache-Control"] == "no-store"
        self.assert_current(email)

    def assert_signed_out(self):
        assert not set(self.jar) & {*OURS, "sessionid"}
        assert self.me() is None

    def refresh(self):
        assert self.send("POST", "/auth/refresh").status_code == 200


class SisterFrontEnd(FrontEnd):
    """A page of another origin of the same site."""

    def headers(self):
        return SISTERS_PAGE


class App(Visitor):
    """A program that keeps its tokens itself: ``X-Session-Token`` on the way to a sign-in, ``Bearer`` after it."""

    kind = "app"
    sign_out_at = "/auth/app/logout"

    def __init__(self) -> None:
        super().__init__()
        self.session_token: str | None = None
        self.pair: dict[str, Any] = {}

    def headers(self):
        if self.pair:
            return {"Authorization": f"Bearer {self.pair['access_token']}"}
        return {"X-Session-Token": self.session_token} if self.session_token else {}

    def keep(self, response):
        assert not response.cookies
        meta = response.json().get("meta", {}) if "_allauth" in response.wsgi_request.path else {}
        if "session_token" in meta:
            self.session_token = meta["session_token"]
        if "access_token" in meta:
            self.pair = {name: meta[name] for name in PAIR}

    def clone(self) -> "App":
        other = App()
        other.session_token, other.pair = self.session_token, dict(self.pair)
        return other

    def assert_signed_in(self, response, email):
        meta = response.json()["meta"]
        assert {name for name in meta if "token" in name} == {"access_token", "refresh_token", "token_type"}
        assert response.headers["Cache-Control"] == "no-store"
        self.assert_current(email)

    def assert_signed_out(self):
        assert self.me() is None
        self.pair = {}

    def refresh(self):
        body = {"refresh_token": self.pair["refresh_token"]}
        response = self.http.post("/auth/app/refresh", body, content_type="application/json")
        self.pair = {name: response.json()[name] for name in PAIR}


@dataclass
class Mail:
    """The last mail that was sent."""

    to: str
    text: str

    @property
    def code(self) -> str:
        return re.search(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", self.text, re.M)[1]

    @property
    def key(self) -> str:
        return re.search(r"https://app\.example\.com/\w+/(\S+)", self.text)[1]


def last_mail() -> Mail:
    message = mail.outbox[-1]
    return Mail(message.to[0], message.body)


def totp(secret: str) -> str:
    """What the person's authenticator app shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, "sha1").digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"
