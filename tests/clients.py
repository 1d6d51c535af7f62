"""Clients as they are in the world: a browser with a cookie jar, and an app that keeps its tokens itself."""

from typing import Any

from rest_framework.response import Response
from rest_framework.test import APIClient

from tests.factories import Account

ACCESS, REFRESH = "access_token", "refresh_token"


class Browser(APIClient):
    """Keeps the cookies it is given and drops those it is told to, as browsers do and Django's client does not."""

    def request(self, **kwargs: Any) -> Response:
        response = super().request(**kwargs)
        for key, morsel in list(self.cookies.items()):
            if morsel["max-age"] == 0:
                dict.__delitem__(self.cookies, key)
        return response

    def sign_in(self, account: Account, **extra: Any) -> Response:
        return self.post("/auth/login", {**account.credentials, **extra}, format="json")

    def refresh(self, **extra: Any) -> Response:
        return self.post("/auth/refresh", **extra)

    def cookie(self, name: str) -> str | None:
        return self.cookies[name].value if name in self.cookies else None

    def set_cookie(self, name: str, value: str) -> None:
        self.cookies[name] = value

    def clone(self) -> "Browser":
        """Another browser with a copy of this jar: a second tab that has not seen later answers, or a thief."""
        other = Browser()
        other.cookies.load({name: morsel.value for name, morsel in self.cookies.items()})
        return other


class NativeApp(APIClient):
    """Keeps its tokens in memory and has no cookie jar."""

    access: str | None = None
    refresh_token: str | None = None

    def request(self, **kwargs: Any) -> Response:
        if self.access:
            kwargs.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.access}")
        response = super().request(**kwargs)
        self.cookies.clear()
        return response

    def sign_in(self, account: Account, **extra: Any) -> Response:
        return self._keep(self.post("/auth/login", {**account.credentials, **extra}, format="json"))

    def refresh(self, **extra: Any) -> Response:
        return self._keep(self.post("/auth/refresh", {"refresh_token": self.refresh_token}, format="json", **extra))

    def clone(self) -> "NativeApp":
        """Another app with a copy of these tokens: a retry that has not seen later answers, or a thief."""
        other = NativeApp()
        other.access, other.refresh_token = self.access, self.refresh_token
        return other

    def _keep(self, response: Response) -> Response:
        if response.status_code == 200 and "access_token" in response.data:
            self.access, self.refresh_token = response.data["access_token"], response.data["refresh_token"]
        return response
