"""A client of a peer."""

from __future__ import annotations

import copy
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from rest_framework.response import Response
from rest_framework.test import APIClient

from benchmarks.packages import Call
from tests.comparison.peers import PASSWORD, Peer


class Device(APIClient):
    """A browser, or an app that keeps its tokens."""

    refresh_token: str | None = None
    access_token: str | None = None

    def __init__(self, peer: Peer, **options: Any) -> None:
        super().__init__(**options)
        self.peer = peer

    def sign_in(self, password: str = PASSWORD) -> Response:
        return self._keep(self.send(self.peer.sign_in("ada", password)))

    def refresh(self) -> Response:
        return self._keep(self.send(self.peer.refresh(self)))

    def sign_out(self) -> Response:
        return self.send(self.peer.sign_out(self))

    def send(self, call: Call) -> Response:
        return self.generic(call.method, call.path, call.body, call.content_type, **call.headers)

    def _keep(self, answer: Response) -> Response:
        if answer.status_code == 200:
            self.peer.keep(self, answer.json())
        return answer

    def bear(self, scheme: str, access: str, refresh: str | None = None) -> None:
        self.access_token, self.refresh_token = access, refresh
        self.credentials(HTTP_AUTHORIZATION=f"{scheme} {access}")

    def clone(self, **options: Any) -> Device:
        """A thief's copy of the cookies and the tokens, or another tab's."""
        other = Device(self.peer, **options)
        other.cookies = copy.deepcopy(self.cookies)
        other._credentials = dict(self._credentials)
        other.access_token, other.refresh_token = self.access_token, self.refresh_token
        return other


class ForeignPage(Device):
    """A page of another site, in a browser that sends the cookies along, as it does from a sibling domain."""

    #: What needs no CORS preflight: JSON without a name, a form, JSON as plain text.
    CONTENT_TYPES = ("", "application/x-www-form-urlencoded", MULTIPART_CONTENT, "text/plain")

    def __init__(self, peer: Peer, content_type: str, cookies: SimpleCookie) -> None:
        super().__init__(peer, enforce_csrf_checks=True, raise_request_exception=False)
        self.content_type = content_type
        self.cookies = copy.deepcopy(cookies)

    def send(self, call: Call) -> Response:
        """Without the headers of ``call``: the page has no token, and reads no cookie of the other site."""
        body = {
            "": call.body if call.data else b"",
            "application/x-www-form-urlencoded": urlencode(call.data or {}).encode(),
            MULTIPART_CONTENT: encode_multipart(BOUNDARY, call.data or {}),
            "text/plain": call.body,
        }[self.content_type]
        headers = {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"}
        return self.generic(call.method, call.path, body, self.content_type, **headers)
