"""This app and three of its peers: the routes of each, and what a client of it sends and keeps.

``contenders`` and ``tests/comparison/peers.py`` make projects of them: the one as fast as the documentation allows, the
other as strict. Django is not set up yet when this module is read.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Protocol

JSON = "application/json"


@dataclass
class Call:
    """One request of a client, without what the client always sends."""

    method: str
    path: str
    data: Any = None
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)  # as in a WSGI environ

    @property
    def body(self) -> bytes:
        if self.data is None:
            return b""
        return self.data.encode() if isinstance(self.data, str) else json.dumps(self.data).encode()


class Client(Protocol):
    """Has a cookie jar, and keeps the tokens that come otherwise."""

    refresh_token: str | None

    def bear(self, scheme: str, access: str, refresh: str | None = None) -> None:
        """Send ``access`` in the Authorization header from now on, and keep ``refresh``."""


class Package:
    """What a project needs to use it, and what its clients do."""

    distribution: str
    apps: list[str] = []
    settings: dict[str, Any] = {}
    authentication: str | None = None

    def urlpatterns(self) -> list[Any]:
        return []

    def sign_in(self, username: str, password: str) -> Call:
        raise NotImplementedError

    def refresh(self, client: Client) -> Call:
        raise NotImplementedError

    def sign_out(self, client: Client) -> Call:
        raise NotImplementedError

    def keep(self, client: Client, answer: Any) -> None:
        """Have ``client`` keep what the answer to a sign-in or a refresh gave it, beside cookies."""


class FastAuth(Package):
    distribution = "fastauth-django"
    apps = ["fastauth_django"]
    settings = {"FASTAUTH": {"TOKEN_DELIVERY": "cookie"}}
    authentication = "fastauth_django.authentication.CookieJWTAuthentication"

    def urlpatterns(self) -> list[Any]:
        from django.urls import include, path

        return [path("auth/", include("fastauth_django.urls"))]

    def sign_in(self, username: str, password: str) -> Call:
        return Call("POST", "/auth/login", {"username": username, "password": password})

    def refresh(self, client: Client) -> Call:
        return Call("POST", "/auth/refresh")

    def sign_out(self, client: Client) -> Call:
        return Call("POST", "/auth/logout")


class SimpleJwt(Package):
    distribution = "djangorestframework-simplejwt"
    apps = ["rest_framework_simplejwt.token_blacklist"]
    settings = {"SIMPLE_JWT": {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}}
    authentication = "rest_framework_simplejwt.authentication.JWTAuthentication"

    def urlpatterns(self) -> list[Any]:
        from django.urls import path
        from rest_framework_simplejwt import views

        return [
            path("token/", views.TokenObtainPairView.as_view()),
            path("token/refresh/", views.TokenRefreshView.as_view()),
            path("token/blacklist/", views.TokenBlacklistView.as_view()),
        ]

    def sign_in(self, username: str, password: str) -> Call:
        return Call("POST", "/token/", {"username": username, "password": password})

    def refresh(self, client: Client) -> Call:
        return Call("POST", "/token/refresh/", {"refresh": client.refresh_token})

    def sign_out(self, client: Client) -> Call:
        return Call("POST", "/token/blacklist/", {"refresh": client.refresh_token})

    def keep(self, client: Client, answer: Any) -> None:
        client.bear("Bearer", answer["access"], answer.get("refresh", client.refresh_token))


class DjRestAuth(Package):
    distribution = "dj-rest-auth"
    apps = [*SimpleJwt.apps, "dj_rest_auth"]
    settings = {
        **SimpleJwt.settings,
        "REST_AUTH": {
            "USE_JWT": True,
            "JWT_AUTH_COOKIE": "access_token",
            "JWT_AUTH_REFRESH_COOKIE": "refresh_token",
            "JWT_AUTH_HTTPONLY": True,
            "SESSION_LOGIN": False,
            "TOKEN_MODEL": None,
        },
    }
    authentication = "dj_rest_auth.jwt_auth.JWTCookieAuthentication"

    def urlpatterns(self) -> list[Any]:
        from django.urls import include, path

        return [path("auth/", include("dj_rest_auth.urls"))]

    def sign_in(self, username: str, password: str) -> Call:
        return Call("POST", "/auth/login/", {"username": username, "password": password})

    def refresh(self, client: Client) -> Call:
        return Call("POST", "/auth/token/refresh/", {})

    def sign_out(self, client: Client) -> Call:
        return Call("POST", "/auth/logout/", {})


class Knox(Package):
    distribution = "django-rest-knox"
    apps = ["knox"]
    authentication = "knox.auth.TokenAuthentication"

    def urlpatterns(self) -> list[Any]:
        from django.urls import path
        from knox import views
        from rest_framework.authentication import BasicAuthentication

        login = type("LoginView", (views.LoginView,), {"authentication_classes": [BasicAuthentication]})
        return [path("login/", login.as_view()), path("logout/", views.LogoutView.as_view())]

    def sign_in(self, username: str, password: str) -> Call:
        basic = base64.b64encode(f"{username}:{password}".encode()).decode()
        return Call("POST", "/login/", headers={"HTTP_AUTHORIZATION": f"Basic {basic}"})

    def sign_out(self, client: Client) -> Call:
        return Call("POST", "/logout/")

    def keep(self, client: Client, answer: Any) -> None:
        client.bear("Token", answer["token"])
