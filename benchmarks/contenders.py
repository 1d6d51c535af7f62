"""A project for each contender, and the requests of one of its clients.

Each is set up as its documentation recommends for the operation. Where two ways are documented it is the faster one:
dj-rest-auth checks no CSRF token, knox signs in with ``BasicAuthentication``, simplejwt writes no ``last_login``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from benchmarks import OPERATIONS, packages
from benchmarks.packages import Call

USERS, PASSWORD = [f"user{number}" for number in range(1000)], "correct horse battery"
CSRF_TOKEN = "c" * 32
FORM = "application/x-www-form-urlencoded"


class Device:
    """A client of one user: its cookie jar, or the tokens that it keeps itself."""

    def __init__(self, username: str) -> None:
        self.username = username
        self.cookies: dict[str, str] = {}
        self.authorization: str | None = None
        self.refresh_token: str | None = None

    def bear(self, scheme: str, access: str, refresh: str | None = None) -> None:
        self.authorization, self.refresh_token = f"{scheme} {access}", refresh


class Contender(packages.Package):
    """A project, and its clients. All have a view that anybody may see, and a protected one."""

    name: str
    label: str
    setup: str  # for the page
    operations: list[str] = OPERATIONS

    def call(self, operation: str, device: Device) -> Call:
        """The request that ``operation`` consists of."""
        match operation:
            case "anonymous":
                return Call("GET", "/public")
            case "refused" | "protected":
                return Call("GET", "/protected")
            case "refresh":
                return self.refresh(device)
            case "sign_in":
                return self.sign_in(device.username, PASSWORD)
            case "sign_out":
                return self.sign_out(device)
        raise ValueError(operation)


class FastAuth(packages.FastAuth, Contender):
    name, label = "fastauth", "this app, cookies"
    setup = (
        '`TOKEN_DELIVERY = "cookie"`, everything else by default: CSRF protection, sessions, limits on failed sign-ins.'
    )


class FastAuthStateless(FastAuth):
    name, label = "fastauth_stateless", "this app, stateless"
    setup = "`CookieJWTStatelessUserAuthentication`, which asks no database; the four acts are those of the first line."
    operations = ["anonymous", "refused", "protected"]
    authentication = "fastauth_django.authentication.CookieJWTStatelessUserAuthentication"


class FastAuthWithoutLastLogin(FastAuth):
    name, label = "fastauth_without_last_login", "this app, no last_login"
    setup = "The first line without Django's receiver for `last_login`, which dj-rest-auth and simplejwt do not write."
    operations = ["sign_in"]

    def urlpatterns(self) -> list[Any]:
        from django.contrib.auth.signals import user_logged_in

        user_logged_in.disconnect(dispatch_uid="update_last_login")
        return super().urlpatterns()


class FastAuthBearer(FastAuth):
    name, label = "fastauth_bearer", "this app, bearer"
    setup = '`TOKEN_DELIVERY = "json"`, for clients that keep their tokens as those of simplejwt do.'
    settings = {"FASTAUTH": {"TOKEN_DELIVERY": "json"}}

    def refresh(self, client: packages.Client) -> Call:
        return Call("POST", "/auth/refresh", {"refresh_token": client.refresh_token})

    def sign_out(self, client: packages.Client) -> Call:
        return Call("POST", "/auth/logout", {"refresh_token": client.refresh_token})

    def keep(self, client: packages.Client, answer: Any) -> None:
        client.bear("Bearer", answer["access_token"], answer["refresh_token"])


class SimpleJwt(packages.SimpleJwt, Contender):
    name, label = "simplejwt", "simplejwt, rotation and blacklist"
    setup = "`ROTATE_REFRESH_TOKENS`, `BLACKLIST_AFTER_ROTATION` and the blacklist app."


class SimpleJwtPlain(SimpleJwt):
    name, label = "simplejwt_plain", "simplejwt, neither"
    setup = "As it is by default: no rotation, no blacklist, and so no way to sign out."
    operations = ["anonymous", "refused", "protected", "refresh", "sign_in"]
    apps = []
    settings = {}


class SimpleJwtStateless(SimpleJwt):
    name, label = "simplejwt_stateless", "simplejwt, stateless"
    setup = "`JWTStatelessUserAuthentication`, which asks no database."
    operations = ["anonymous", "refused", "protected"]
    authentication = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"


class DjRestAuth(packages.DjRestAuth, Contender):
    name, label = "dj_rest_auth", "dj-rest-auth, cookies"
    setup = (
        "`USE_JWT`, both `JWT_AUTH_COOKIE` names, `JWT_AUTH_HTTPONLY`, no `SESSION_LOGIN`, no check of a CSRF token; "
        "simplejwt with rotation and blacklist."
    )


class Knox(packages.Knox, Contender):
    name, label = "knox", "knox"
    setup = "As it is by default; its `LoginView` with `BasicAuthentication`. Its tokens are not refreshed."
    operations = ["anonymous", "refused", "protected", "sign_in", "sign_out"]


class Session(Contender):
    name, label = "session", "DRF's session authentication"
    distribution = "djangorestframework"
    setup = "`SessionAuthentication`, Django's sessions in the database, the views of `rest_framework.urls`."
    operations = ["anonymous", "refused", "protected", "sign_in", "sign_out"]
    settings = {"LOGIN_REDIRECT_URL": "/public", "LOGOUT_REDIRECT_URL": "/public"}
    authentication = "rest_framework.authentication.SessionAuthentication"

    def urlpatterns(self) -> list[Any]:
        from django.urls import include, path

        return [path("api-auth/", include("rest_framework.urls"))]

    def sign_in(self, username: str, password: str) -> Call:
        form = urlencode({"username": username, "password": password})
        headers = {"HTTP_COOKIE": f"csrftoken={CSRF_TOKEN}", "HTTP_X_CSRFTOKEN": CSRF_TOKEN}
        return Call("POST", "/api-auth/login/", form, FORM, headers)

    def sign_out(self, client: Any) -> Call:
        return Call("POST", "/api-auth/logout/", "", FORM, {"HTTP_X_CSRFTOKEN": client.cookies["csrftoken"]})


class Bare(Contender):
    name, label = "bare", "bare DRF view"
    distribution = "djangorestframework"
    setup = "No authentication at all, and its protected view is open to anybody: the floor."
    operations = ["anonymous", "protected"]


CONTENDERS: dict[str, type[Contender]] = {
    kind.name: kind
    for kind in (
        FastAuth,
        FastAuthWithoutLastLogin,
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
