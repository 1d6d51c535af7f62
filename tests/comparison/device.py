"""A client of a peer."""

from __future__ import annotations

import copy
from typing import Any

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

    def sign_in(self, password: str = PASSWORD, **extra: Any) -> Response:
        return self._keep(self._send(self.peer.sign_in("ada", password), extra))

    def refresh(self, **extra: Any) -> Response:
        return self._keep(self._send(self.peer.refresh(self), extra))

    def sign_out(self, **extra: Any) -> Response:
        return self._send(self.peer.sign_out(self), extra)

    def _send(self, call: Call, extra: dict[str, Any]) -> Response:
        return self.generic(call.method, call.path, call.body, call.content_type, **call.headers, **extra)

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
