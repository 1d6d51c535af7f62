"""A project for each contender, and how one of its clients signs in, refreshes and signs out.

Each is set up as its documentation recommends for the operation. Where two ways are documented it is the faster one:
dj-rest-auth checks no CSRF token, knox signs in with ``BasicAuthentication``, simplejwt writes no ``last_login``.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from benchmarks import OPERATIONS

USERS, PASSWORD = [f"user{number}" for number in range(1000)], "correct horse battery"
CSRF_TOKEN = "c" * 32
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


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


class Device:
    """A client of one user: its cookie jar, or the tokens that it keeps itself."""

    def __init__(self, username: str) -> None:
        self.credentials = {"username": username, "password": PASSWORD}
        self.cookies: dict[str, str] = {}
        self.authorization: str | None = None
        self.refresh_token: str | None = None


class Contender:
    """A project, and its clients. All have a view that anybody may see, and a protected one."""

    name: str
    label: str
    distribution: str
    setup: str  # for the page
    operations: list[str] = OPERATIONS
    apps: list[str] = []
    settings: dict[str, Any] = {}
    authentication: str | None = None

    def urlpatterns(self) -> list[Any]:
        return []

    def sign_in(self, device: Device) -> Call:
        raise NotImplementedError

    def refresh(self, device: Device) -> Call:
        raise NotImplementedError

    def sign_out(self, device: Device) -> Call:
        raise NotImplementedError

    def keep(self, device: Device, answer: Any) -> None:
        """What a client keeps of an answer that brought credentials, beside its cookies."""

    def call(self, operation: str, device: Device) -> Call:
        """The request that ``operation`` consists of."""
        if operation in {"anonymous", "protected"}:
            return Call("GET", {"anonymous": "/public", "protected": "/protected"}[operation])
        call: Call = getattr(self, operation)(device)
        return call


class FastAuth(Contender):
    name, label = "fastauth", "this app, cookies"
    distribution = "fastauth-django"
    setup = (
        '`TOKEN_DELIVERY = "cookie"`, everything else by default: CSRF protection, sessions, limits on failed sign-ins.'
    )
    apps = ["fastauth_django"]
    settings = {"FASTAUTH": {"TOKEN_DELIVERY": "cookie"}}
    authentication = "fastauth_django.authentication.CookieJWTAuthentication"

    def urlpatterns(self) -> list[Any]:
        from django.urls import include, path

        return [path("auth/", include("fastauth_django.urls"))]

    def sign_in(self, device: Device) -> Call:
        return Call("POST", "/auth/login", device.credentials)

    def refresh(self, device: Device) -> Call:
        return Call("POST", "/auth/refresh")

    def sign_out(self, device: Device) -> Call:
        return Call("POST", "/auth/logout")


class FastAuthStateless(FastAuth):
    name, label = "fastauth_stateless", "this app, stateless"
    setup = "`CookieJWTStatelessUserAuthentication`, which asks no database; the four acts are those of the first line."
    operations = ["anonymous", "protected"]
    authentication = "fastauth_django.authentication.CookieJWTStatelessUserAuthentication"


class FastAuthBearer(FastAuth):
    name, label = "fastauth_bearer", "this app, bearer"
    setup = '`TOKEN_DELIVERY = "json"`, for clients that keep their tokens as those of simplejwt do.'
    settings = {"FASTAUTH": {"TOKEN_DELIVERY": "json"}}

    def refresh(self, device: Device) -> Call:
        return Call("POST", "/auth/refresh", {"refresh_token": device.refresh_token})

    def sign_out(self, device: Device) -> Call:
        return Call("POST", "/auth/logout", {"refresh_token": device.refresh_token})

    def keep(self, device: Device, answer: Any) -> None:
        device.authorization, device.refresh_token = f"Bearer {answer['access_token']}", answer["refresh_token"]


class SimpleJwt(Contender):
    name, label = "simplejwt", "simplejwt, rotation and blacklist"
    distribution = "djangorestframework-simplejwt"
    setup = "`ROTATE_REFRESH_TOKENS`, `BLACKLIST_AFTER_ROTATION` and the blacklist app."
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

    def sign_in(self, device: Device) -> Call:
        return Call("POST", "/token/", device.credentials)

    def refresh(self, device: Device) -> Call:
        return Call("POST", "/token/refresh/", {"refresh": device.refresh_token})

    def sign_out(self, device: Device) -> Call:
        return Call("POST", "/token/blacklist/", {"refresh": device.refresh_token})

    def keep(self, device: Device, answer: Any) -> None:
        device.authorization = f"Bearer {answer['access']}"
        device.refresh_token = answer.get("refresh", device.refresh_token)


class SimpleJwtPlain(SimpleJwt):
    name, label = "simplejwt_plain", "simplejwt, neither"
    setup = "As it is by default: no rotation, no blacklist, and so no way to sign out."
    operations = ["anonymous", "protected", "refresh", "sign_in"]
    apps = []
    settings = {}


class SimpleJwtStateless(SimpleJwt):
    name, label = "simplejwt_stateless", "simplejwt, stateless"
    setup = "`JWTStatelessUserAuthentication`, which asks no database."
    operations = ["anonymous", "protected"]
    authentication = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"


class DjRestAuth(Contender):
    name, label = "dj_rest_auth", "dj-rest-auth, cookies"
    distribution = "dj-rest-auth"
    setup = (
        "`USE_JWT`, both `JWT_AUTH_COOKIE` names, `JWT_AUTH_HTTPONLY`, no `SESSION_LOGIN`, no check of a CSRF token; "
        "simplejwt with rotation and blacklist."
    )
    apps = ["rest_framework_simplejwt.token_blacklist", "dj_rest_auth"]
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

    def sign_in(self, device: Device) -> Call:
        return Call("POST", "/auth/login/", device.credentials)

    def refresh(self, device: Device) -> Call:
        return Call("POST", "/auth/token/refresh/", {})

    def sign_out(self, device: Device) -> Call:
        return Call("POST", "/auth/logout/", {})


class Knox(Contender):
    name, label = "knox", "knox"
    distribution = "django-rest-knox"
    setup = "As it is by default; its `LoginView` with `BasicAuthentication`. Its tokens are not refreshed."
    operations = ["anonymous", "protected", "sign_in", "sign_out"]
    apps = ["knox"]
    authentication = "knox.auth.TokenAuthentication"

    def urlpatterns(self) -> list[Any]:
        from django.urls import path
        from knox import views
        from rest_framework.authentication import BasicAuthentication

        login = type("LoginView", (views.LoginView,), {"authentication_classes": [BasicAuthentication]})
        return [path("login/", login.as_view()), path("logout/", views.LogoutView.as_view())]

    def sign_in(self, device: Device) -> Call:
        basic = base64.b64encode(":".join(device.credentials.values()).encode()).decode()
        return Call("POST", "/login/", headers={"HTTP_AUTHORIZATION": f"Basic {basic}"})

    def sign_out(self, device: Device) -> Call:
        return Call("POST", "/logout/")

    def keep(self, device: Device, answer: Any) -> None:
        device.authorization = f"Token {answer['token']}"


class Session(Contender):
    name, label = "session", "DRF's session authentication"
    distribution = "djangorestframework"
    setup = "`SessionAuthentication`, Django's sessions in the database, the views of `rest_framework.urls`."
    operations = ["anonymous", "protected", "sign_in", "sign_out"]
    settings = {"LOGIN_REDIRECT_URL": "/public", "LOGOUT_REDIRECT_URL": "/public"}
    authentication = "rest_framework.authentication.SessionAuthentication"

    def urlpatterns(self) -> list[Any]:
        from django.urls import include, path

        return [path("api-auth/", include("rest_framework.urls"))]

    def sign_in(self, device: Device) -> Call:
        device.cookies.setdefault("csrftoken", CSRF_TOKEN)
        return Call(
            "POST",
            "/api-auth/login/",
            urlencode(device.credentials),
            FORM,
            {"HTTP_X_CSRFTOKEN": device.cookies["csrftoken"]},
        )

    def sign_out(self, device: Device) -> Call:
        return Call("POST", "/api-auth/logout/", "", FORM, {"HTTP_X_CSRFTOKEN": device.cookies["csrftoken"]})


class Bare(Contender):
    name, label = "bare", "bare DRF view"
    distribution = "djangorestframework"
    setup = "No authentication at all, and its protected view is open to anybody: the floor."
    operations = ["anonymous", "protected"]


CONTENDERS: dict[str, type[Contender]] = {
    kind.name: kind
    for kind in (
        FastAuth,
        FastAuthBearer,
        FastAuthStateless,
        SimpleJwt,
        SimpleJwtPlain,
        SimpleJwtStateless,
        DjRestAuth,
        Knox,
        Session,
        Bare,
    )
}
