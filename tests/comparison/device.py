"""A signed-in client."""

from __future__ import annotations

import copy
from typing import Any

from rest_framework.test import APIClient


class Device(APIClient):
    """A browser, or an app that keeps its tokens: one signed-in client."""

    refresh_token: str | None = None
    access_token: str | None = None

    def bear(self, scheme: str, access: str, refresh: str | None = None) -> None:
        self.access_token, self.refresh_token = access, refresh
        self.credentials(HTTP_AUTHORIZATION=f"{scheme} {access}")

    def clone(self, **options: Any) -> Device:
        """A thief's copy of the cookies and the tokens, or another tab's."""
        other = Device(**options)
        other.cookies = copy.deepcopy(self.cookies)
        other._credentials = dict(self._credentials)
        other.access_token, other.refresh_token = self.access_token, self.refresh_token
        return other
