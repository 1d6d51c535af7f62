"""A project for each peer, set up as strictly as its documentation allows, and what else it brings."""

from __future__ import annotations

from collections.abc import Callable, Sized
from contextlib import AbstractContextManager
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks import packages
from benchmarks.packages import Call, Client

if TYPE_CHECKING:  # the settings of a peer are read before REST framework may be imported
    from tests.comparison.device import Device
    from tests.comparison.fastapi_site import Site

PASSWORD = "correct horse battery"
SIGN_UP = {"username": "grace", "email": "grace@example.com", "password": PASSWORD}
SIGN_UP_TWICE = SIGN_UP | {"password1": PASSWORD, "password2": PASSWORD, "first_name": "Grace", "last_name": "Hopper"}
ADA = {"email": "ada@example.com"}
SIMPLE_JWT = {**packages.SimpleJwt.settings["SIMPLE_JWT"], "CHECK_REVOKE_TOKEN": True}
ALLAUTH_APPS = [
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
]
ALLAUTH_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
GOOGLE = {"google": {"APPS": [{"client_id": "id", "secret": "secret"}]}}


class Peer(packages.Package):
    """What all have in common: a protected REST framework view at ``/protected``."""

    label: str
    setup: str  # for the page: how the project is set up
    database = ":memory:"
    csrf_cookie = "csrftoken"  # a page reads it, and it opens nothing
    uses_cookies = False
    refreshes = True
    middleware: list[str] = []
    app_authentication: str | None = None  # where an app has a class of its own
    stateless: str | None = None  # an authentication class that asks no database
    stateless_settings: dict[str, Any] | None = None  # or settings with which the usual one asks none
    sessions: tuple[str, str] | None = None  # routes to list the user's sessions, and to end one
    features: dict[str, Callable[[Device], bool]] = {}

    def sign_in_app(self, device: Device) -> None:
        """Sign in a client that keeps no cookies, and refresh once where one refreshes; only for ``uses_cookies``."""
        given = device.sign_in().json()
        device.cookies.clear()
        device.credentials()
        data = {"refresh": given.get("refresh", "")}
        answer = device.post(self.refresh(device).path, data, format="json")
        if answer.status_code == 200:
            device.cookies.clear()
            device.bear("Bearer", answer.json()["access"])

    def change_password(self, client: Client, old: str, new: str) -> Call | None:
        """By a route of the package; only where it has one and :meth:`set_password` ends no session."""
        return None

    def create_user(self) -> None:
        from django.contrib.auth import get_user_model

        get_user_model().objects.create_user("ada", "ada@example.com", PASSWORD)

    def set_password(self, password: str) -> None:
        """As an administrator or a script does."""
        from django.contrib.auth import get_user_model

        user = get_user_model().objects.get(username="ada")
        user.set_password(password)
        user.save()

    def delete_users(self) -> None:
        from django.contrib.auth import get_user_model

        get_user_model().objects.all().delete()

    def captured_queries(self) -> AbstractContextManager[Sized]:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        return CaptureQueriesContext(connection)


def answers(
    path: str, data: dict[str, Any], status: int, holds: str = "", *, signed_in: bool = False
) -> Callable[[Device], bool]:
    """A POST is answered with this status, and with these words."""

    def asks(device: Device) -> bool:
        if signed_in:
            device.sign_in()
        answer = device.post(path, data, format="json")
        return answer.status_code == status and holds in answer.content.decode()

    return asks


def sends_mail(path: str, data: dict[str, str]) -> Callable[[Device], bool]:
    """A POST sends one mail, to the address that it names."""

    def asks(device: Device) -> bool:
        from django.core import mail

        device.post(path, data, format="json")
        return [message.to for message in mail.outbox] == [[data["email"]]]

    return asks


def offers_totp_of_dj_rest_auth(device: Device) -> bool:
    device.sign_in()
    return "secret" in device.get("/auth/mfa/totp/activate/").json()


class FastAuth(packages.FastAuth, Peer):
    label = "this app"
    setup = '`TOKEN_DELIVERY = "cookie"`, everything else by default.'
    uses_cookies = True
    stateless = "fastauth_django.authentication.CookieJWTStatelessUserAuthentication"
    features = {"sign-up": answers("/auth/register", SIGN_UP, 201)}
    sessions = ("/auth/sessions", "/auth/sessions/{id}")

    def urlpatterns(self) -> list[Any]:
        from django.urls import path

        from fastauth_django.views import LoginView, RefreshView

        return [
            *super().urlpatterns(),
            path("app/login", LoginView.as_view(token_delivery="json")),
            path("app/refresh", RefreshView.as_view(token_delivery="json")),
        ]

    def sign_in_app(self, device: Device) -> None:
        given = device.post("/app/login", {"username": "ada", "password": PASSWORD}, format="json").json()
        answer = device.post("/app/refresh", {"refresh_token": given["refresh_token"]}, format="json")
        device.bear("Bearer", answer.json()["access_token"])


class DjRestAuth(packages.DjRestAuth, Peer):
    label = "dj-rest-auth"
    setup = (
        "`USE_JWT`, both `JWT_AUTH_COOKIE` names, `JWT_AUTH_HTTPONLY`, both settings for CSRF, no `SESSION_LOGIN`; its "
        "apps `registration` (which needs allauth) and `mfa`; simplejwt as in its own column."
    )
    uses_cookies = True
    apps = [
        *ALLAUTH_APPS,
        "django.contrib.sites",
        "django.contrib.admin",
        *packages.DjRestAuth.apps,
        "dj_rest_auth.registration",
        "dj_rest_auth.mfa",
    ]
    middleware = ALLAUTH_MIDDLEWARE
    settings = {
        "SITE_ID": 1,
        "SOCIALACCOUNT_PROVIDERS": GOOGLE,
        "ACCOUNT_EMAIL_VERIFICATION": "optional",
        "SIMPLE_JWT": SIMPLE_JWT,
        "REST_AUTH": {
            **packages.DjRestAuth.settings["REST_AUTH"],
            "JWT_AUTH_COOKIE_USE_CSRF": True,
            "JWT_AUTH_COOKIE_ENFORCE_CSRF_ON_UNAUTHENTICATED": True,
        },
    }
    stateless = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"
    features = {
        "sign-up": answers("/auth/registration/", SIGN_UP_TWICE, 201),
        "password reset by mail": sends_mail("/auth/password/reset/", ADA),
        "mail address is verified at sign-up": sends_mail("/auth/registration/", SIGN_UP_TWICE),
        "social sign-in": answers("/auth/google/", {}, 400, "access_token"),
        "second factor (TOTP)": offers_totp_of_dj_rest_auth,
    }

    def urlpatterns(self) -> list[Any]:
        from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter
        from dj_rest_auth.registration.views import SocialLoginView
        from django.http import HttpResponse
        from django.urls import include, path

        # The page that the mail links to is the project's.
        reset = path("reset/<uidb64>/<token>/", lambda request, **_: HttpResponse(), name="password_reset_confirm")
        google = type("GoogleLogin", (SocialLoginView,), {"adapter_class": GoogleOAuth2Adapter})
        return [
            path("auth/", include("dj_rest_auth.mfa.urls")),
            path("auth/registration/", include("dj_rest_auth.registration.urls")),
            path("auth/google/", google.as_view()),
            *super().urlpatterns(),
            reset,
        ]

    def keep(self, client: Device, answer: Any) -> None:
        """The body has the access token, too."""
        client.access_token = answer["access"]


class DrfAuthKit(DjRestAuth):
    """Its routes, and what they take and give, are dj-rest-auth's."""

    label, distribution = "drf-auth-kit", "drf-auth-kit"
    setup = (
        "Cookies, by default; `USE_MFA`, `USE_PASSWORDLESS`, its apps `social`, `mfa` and `webauthn`; simplejwt as in "
        "its own column. With pyotp before 2.11: setting up TOTP fails with a newer one."
    )
    apps = [
        *ALLAUTH_APPS,
        "auth_kit",
        "auth_kit.social",
        "auth_kit.mfa",
        "auth_kit.webauthn",
        "rest_framework_simplejwt.token_blacklist",
    ]
    settings = {
        "SOCIALACCOUNT_PROVIDERS": GOOGLE,
        "ACCOUNT_EMAIL_VERIFICATION": "optional",
        "SIMPLE_JWT": SIMPLE_JWT,
        "AUTH_KIT": {
            "USE_MFA": True,
            "USE_PASSWORDLESS": True,
            "PASSWORDLESS_HANDLERS": [
                "auth_kit.passwordless.handlers.email_link.EmailLinkHandler",
                "auth_kit.passwordless.handlers.webauthn.WebAuthnHandler",
            ],
            "PASSWORDLESS_MAGIC_LINK_URL": "https://app.example.com/link",
        },
    }
    authentication = "auth_kit.authentication.JWTCookieAuthentication"
    features = {
        "sign-up": answers("/auth/registration/", SIGN_UP_TWICE, 201),
        "password reset by mail": sends_mail("/auth/password/reset/", ADA),
        "mail address is verified at sign-up": sends_mail("/auth/registration/", SIGN_UP_TWICE),
        "sign-in by a code or a link in a mail": sends_mail("/auth/passwordless/email/initiate/", ADA),
        "social sign-in": answers("/auth/social/google/", {}, 400, '"code"'),
        "second factor (TOTP)": answers("/auth/mfa/", {"method": "app"}, 201, "qr_link", signed_in=True),
        "passkeys": answers("/auth/passwordless/webauthn/initiate/", {}, 200, "challenge"),
    }

    def urlpatterns(self) -> list[Any]:
        from django.urls import include, path

        return [
            path("auth/social/", include("auth_kit.social.urls")),
            path("auth/webauthn/", include("auth_kit.webauthn.urls")),
            path("auth/", include("auth_kit.urls")),
        ]


class JwtAllauth(Peer):
    label, distribution = "django-jwt-allauth", "django-jwt-allauth"
    setup = (
        "`JWT_ALLAUTH_ACCESS_TOKEN_SESSION_CHECK`; the refresh token is in a cookie, by default, and the page keeps "
        "the access token and sends it in a header; allauth's apps `socialaccount` and `mfa`."
    )
    uses_cookies = True
    apps = ["jwt_allauth", "rest_framework.authtoken", *ALLAUTH_APPS, "allauth.mfa", "django.contrib.admin"]
    middleware = ALLAUTH_MIDDLEWARE
    settings = {
        "AUTHENTICATION_BACKENDS": [
            "django.contrib.auth.backends.ModelBackend",
            "allauth.account.auth_backends.AuthenticationBackend",
        ],
        "ACCOUNT_ADAPTER": "jwt_allauth.adapter.JWTAllAuthAdapter",
        "ACCOUNT_LOGIN_METHODS": {"email"},
        "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*", "password2*"],
        "EMAIL_VERIFICATION": "optional",
        "JWT_ALLAUTH_SECRET_KEY": "for the comparison only, and long enough for HS256",
        "JWT_ALLAUTH_ACCESS_TOKEN_SESSION_CHECK": True,
        "JWT_ALLAUTH_MFA_TOTP_MODE": "optional",
        "SOCIALACCOUNT_PROVIDERS": GOOGLE,
    }
    authentication = "jwt_allauth.authentication.JWTAllAuthAuthentication"
    stateless_settings = {"JWT_ALLAUTH_ACCESS_TOKEN_SESSION_CHECK": False}

    features = {
        "sign-up": answers("/jwt-allauth/registration/", SIGN_UP_TWICE, 201),
        "password reset by mail": sends_mail("/jwt-allauth/password/reset/", ADA),
        "mail address is verified at sign-up": sends_mail("/jwt-allauth/registration/", SIGN_UP_TWICE),
        "social sign-in": answers(
            "/jwt-allauth/social/google/token/", {"client_id": "id", "id_token": "forged"}, 401, "invalid_social_token"
        ),
        "second factor (TOTP)": answers("/jwt-allauth/mfa/setup/", {}, 200, "secret", signed_in=True),
    }

    def urlpatterns(self) -> list[Any]:
        from django.urls import include, path

        return [path("jwt-allauth/", include("jwt_allauth.urls"))]

    def sign_in(self, username: str, password: str) -> Call:
        return Call("POST", "/jwt-allauth/login/", {"email": f"{username}@example.com", "password": password})

    def refresh(self, client: Client) -> Call:
        return Call("POST", "/jwt-allauth/refresh/", {})

    def sign_out(self, client: Client) -> Call:
        return Call("POST", "/jwt-allauth/logout/", {})

    def change_password(self, client: Client, old: str, new: str) -> Call:
        data = {"old_password": old, "new_password1": new, "new_password2": new}
        return Call("POST", "/jwt-allauth/password/change/", data)

    def keep(self, client: Client, answer: Any) -> None:
        client.bear("Bearer", answer["access"], answer.get("refresh"))

    def create_user(self) -> None:
        """With a confirmed address, as its sign-up makes them: it sends no mail to another."""
        from allauth.account.models import EmailAddress
        from django.contrib.auth import get_user_model

        super().create_user()
        user = get_user_model().objects.get(username="ada")
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


class SimpleJwt(packages.SimpleJwt, Peer):
    label = "simplejwt"
    setup = "`ROTATE_REFRESH_TOKENS`, `BLACKLIST_AFTER_ROTATION`, `CHECK_REVOKE_TOKEN`, the blacklist app."
    settings = {"SIMPLE_JWT": SIMPLE_JWT}
    stateless = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"


class Knox(packages.Knox, Peer):
    label = "knox"
    setup = "`AUTO_REFRESH`; its `LoginView` with `BasicAuthentication`."
    refreshes = False
    settings = {"REST_KNOX": {"AUTO_REFRESH": True}}


ALLAUTH_SETTINGS: dict[str, Any] = {
    "AUTHENTICATION_BACKENDS": [
        "django.contrib.auth.backends.ModelBackend",
        "allauth.account.auth_backends.AuthenticationBackend",
    ],
    "HEADLESS_ONLY": True,
    "HEADLESS_FRONTEND_URLS": {
        "account_confirm_email": "https://app.example.com/verify/{key}",
        "account_reset_password_from_key": "https://app.example.com/reset/{key}",
        "account_signup": "https://app.example.com/signup",
    },
    "ACCOUNT_LOGIN_BY_CODE_ENABLED": True,
    "ACCOUNT_EMAIL_VERIFICATION": "optional",
    "MFA_SUPPORTED_TYPES": ["totp", "recovery_codes", "webauthn"],
    "MFA_PASSKEY_LOGIN_ENABLED": True,
    "SOCIALACCOUNT_PROVIDERS": GOOGLE,
}


class AllauthBrowser(Peer):
    label, distribution = "allauth headless, browser", "django-allauth"
    setup = "The `browser` client, which is Django's session; all apps of allauth."
    uses_cookies = True
    refreshes = False
    apps = [*ALLAUTH_APPS, "allauth.mfa", "allauth.usersessions", "allauth.headless"]
    middleware = [*ALLAUTH_MIDDLEWARE, "allauth.usersessions.middleware.UserSessionsMiddleware"]
    settings = ALLAUTH_SETTINGS
    authentication = "rest_framework.authentication.SessionAuthentication"
    app_authentication = "allauth.headless.contrib.rest_framework.authentication.XSessionTokenAuthentication"
    sessions = ("/_allauth/browser/v1/auth/sessions", "/_allauth/browser/v1/auth/sessions")
    client = "browser"

    @property
    def features(self) -> dict[str, Callable[[Device], bool]]:  # type: ignore[override]
        base = f"/_allauth/{self.client}/v1"

        def redirects_to_provider(device: Device) -> bool:
            data = {"provider": "google", "callback_url": "http://testserver/", "process": "login"}
            answer = device.post(f"{base}/auth/provider/redirect", data)
            return answer.status_code == 302 and answer["Location"].startswith("https://accounts.google.com/")

        def offers_totp(device: Device) -> bool:
            device.sign_in()
            answer = device.get(f"{base}/account/authenticators/totp")
            return answer.status_code == 404 and "secret" in answer.json()["meta"]  # 404: none yet, here is its secret

        def offers_passkeys(device: Device) -> bool:
            answer = device.get(f"{base}/auth/webauthn/login")
            return answer.status_code == 200 and "request_options" in answer.json()["data"]

        return {
            "sign-up": answers(f"{base}/auth/signup", SIGN_UP, 200),
            "password reset by mail": sends_mail(f"{base}/auth/password/request", ADA),
            "mail address is verified at sign-up": sends_mail(f"{base}/auth/signup", SIGN_UP),
            "sign-in by a code or a link in a mail": sends_mail(f"{base}/auth/code/request", ADA),
            "social sign-in": redirects_to_provider,
            "second factor (TOTP)": offers_totp,
            "passkeys": offers_passkeys,
        }

    def urlpatterns(self) -> list[Any]:
        from django.urls import include, path

        return [path("accounts/", include("allauth.urls")), path("_allauth/", include("allauth.headless.urls"))]

    def sign_in(self, username: str, password: str) -> Call:
        return Call("POST", f"/_allauth/{self.client}/v1/auth/login", {"username": username, "password": password})

    def sign_out(self, client: Client) -> Call:
        return Call("DELETE", f"/_allauth/{self.client}/v1/auth/session")

    def sign_in_app(self, device: Device) -> None:
        data = {"username": "ada", "password": PASSWORD}
        answer = device.post("/_allauth/app/v1/auth/login", data, format="json")
        device.credentials(HTTP_X_SESSION_TOKEN=answer.json()["meta"]["session_token"])


class AllauthApp(AllauthBrowser):
    label = "allauth headless, app (JWT)"
    stateless_settings = {"HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED": False}
    app_authentication = None
    setup = "The `app` client with `JWTTokenStrategy` and `HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED`."
    uses_cookies = False
    refreshes = True
    settings = {
        **ALLAUTH_SETTINGS,
        "HEADLESS_CLIENTS": ("app",),
        "HEADLESS_TOKEN_STRATEGY": "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy",
        "HEADLESS_JWT_ALGORITHM": "HS256",
        "HEADLESS_JWT_PRIVATE_KEY": "for the comparison only, and long enough for HS256",
        "HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED": True,
    }
    authentication = "allauth.headless.contrib.rest_framework.authentication.JWTTokenAuthentication"
    sessions = ("/_allauth/app/v1/auth/sessions", "/_allauth/app/v1/auth/sessions")
    client = "app"

    @property
    def features(self) -> dict[str, Callable[[Device], bool]]:  # type: ignore[override]
        features = dict(super().features)
        del features["social sign-in"]  # a redirect is for the browser client

        data = {"provider": "google", "process": "login", "token": {"client_id": "id", "id_token": "forged"}}
        takes_token = answers("/_allauth/app/v1/auth/provider/token", data, 400, "invalid_token")
        return {**features, "social sign-in": takes_token}

    def refresh(self, client: Client) -> Call:
        return Call("POST", "/_allauth/app/v1/tokens/refresh", {"refresh_token": client.refresh_token})

    def keep(self, client: Client, answer: Any) -> None:
        given = answer.get("meta", answer["data"])  # of a sign-in, of a refresh
        client.bear("Bearer", given["access_token"], given["refresh_token"])


class Original(Peer):
    """FastAuth itself, whose cookie delivery this app brings to Django."""

    label, distribution = "FastAuth (FastAPI)", "sreekarnv-fastauth"
    setup = (
        '`token_delivery="cookie"`, `token_adapter`, `session_adapter`, an issuer and an '
        "audience; a second instance in JSON delivery for apps; its providers for links by mail, Google and passkeys."
    )
    csrf_cookie = "csrf_token"
    uses_cookies = True
    sessions = ("/auth/sessions", "/auth/sessions/{id}")
    features = {
        "sign-up": answers("/auth/register", SIGN_UP, 201),
        "password reset by mail": sends_mail("/auth/forgot-password", ADA),
        "mail address is verified at sign-up": sends_mail("/auth/register", SIGN_UP),
        "sign-in by a code or a link in a mail": sends_mail("/auth/magic-links/login", ADA),
        "social sign-in": lambda device: (
            "//accounts.google.com/"
            in device.get("/auth/oauth/google/authorize?redirect_uri=http://testserver/").json()["url"]
        ),
        "passkeys": answers("/auth/passkeys/authenticate/begin", {}, 200, "challenge"),
    }

    def __init__(self) -> None:
        self.folder = TemporaryDirectory()
        self.database = f"{self.folder.name}/db.sqlite3"

    @cached_property
    def site(self) -> Site:
        from tests.comparison.fastapi_site import Site

        return Site(self.database)

    def urlpatterns(self) -> list[Any]:
        from django.urls import re_path

        return [re_path("", self.site.as_django_view())]

    def sign_in(self, username: str, password: str) -> Call:
        return Call("POST", "/auth/login", {"email": f"{username}@example.com", "password": password})

    def refresh(self, client: Device) -> Call:
        return Call("POST", "/auth/refresh", headers=self.csrf(client))

    def sign_out(self, client: Device) -> Call:
        return Call("POST", "/auth/logout", headers=self.csrf(client))

    def csrf(self, client: Device) -> dict[str, str]:
        return {"HTTP_X_CSRF_TOKEN": client.cookies[self.csrf_cookie].value}

    def change_password(self, client: Device, old: str, new: str) -> Call:
        data = {"current_password": old, "new_password": new}
        return Call("POST", "/auth/account/change-password", data, headers=self.csrf(client))

    def sign_in_app(self, device: Device) -> None:
        given = device.post("/app/auth/login", {**ADA, "password": PASSWORD}, format="json").json()
        answer = device.post("/app/auth/refresh", {"refresh_token": given["refresh_token"]}, format="json")
        device.bear("Bearer", answer.json()["access_token"])

    def create_user(self) -> None:
        self.site.create_user("ada@example.com", PASSWORD)

    def set_password(self, password: str) -> None:
        self.site.set_password("ada@example.com", password)

    def delete_users(self) -> None:
        self.site.empty()

    def captured_queries(self) -> AbstractContextManager[Sized]:
        return self.site.captured_queries()


PEERS: dict[str, type[Peer]] = {
    "fastauth": FastAuth,
    "dj-rest-auth": DjRestAuth,
    "drf-auth-kit": DrfAuthKit,
    "django-jwt-allauth": JwtAllauth,
    "simplejwt": SimpleJwt,
    "allauth-browser": AllauthBrowser,
    "allauth-app": AllauthApp,
    "knox": Knox,
    "original": Original,
}
