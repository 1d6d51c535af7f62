"""A project for each peer, set up as strictly as its documentation allows, and what else it brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks import packages
from benchmarks.packages import Call, Client

if TYPE_CHECKING:  # the settings of a peer are read before REST framework may be imported
    from tests.comparison.device import Device

PASSWORD = "correct horse battery"
SIGN_UP = {"username": "grace", "email": "grace@example.com", "password": PASSWORD}
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
        raise NotImplementedError


class FastAuth(packages.FastAuth, Peer):
    label = "this app"
    setup = '`TOKEN_DELIVERY = "cookie"`, everything else by default.'
    uses_cookies = True
    stateless = "fastauth_django.authentication.CookieJWTStatelessUserAuthentication"
    features = {"sign-up": lambda device: device.post("/auth/register", SIGN_UP, format="json").status_code == 201}
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


def sends_reset_mail(path: str) -> Callable[[Device], bool]:
    def sends(device: Device) -> bool:
        from django.core import mail

        answer = device.post(path, {"email": "ada@example.com"}, format="json")
        return answer.status_code == 200 and len(mail.outbox) == 1

    return sends


def offers_totp_of_dj_rest_auth(device: Device) -> bool:
    device.sign_in()
    return "secret" in device.get("/auth/mfa/totp/activate/").json()


def verifies_mail_of_dj_rest_auth(device: Device) -> bool:
    from django.core import mail

    device.post("/auth/registration/", SIGN_UP | {"password1": PASSWORD, "password2": PASSWORD}, format="json")
    return [message.to for message in mail.outbox] == [["grace@example.com"]]


def signs_up_with_dj_rest_auth(device: Device) -> bool:
    data = SIGN_UP | {"password1": PASSWORD, "password2": PASSWORD}
    return device.post("/auth/registration/", data, format="json").status_code in {201, 204}


def asks_for_a_provider_token(device: Device) -> bool:
    answer = device.post("/auth/google/", {}, format="json")
    return answer.status_code == 400 and "access_token" in answer.content.decode()


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
        "sign-up": signs_up_with_dj_rest_auth,
        "password reset by mail": sends_reset_mail("/auth/password/reset/"),
        "mail address is verified at sign-up": verifies_mail_of_dj_rest_auth,
        "social sign-in": asks_for_a_provider_token,
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

    def sign_in_app(self, device: Device) -> None:
        given = device.sign_in().json()
        device.cookies.clear()
        answer = device.post("/auth/token/refresh/", {"refresh": given["refresh"]}, format="json")
        if answer.status_code == 200:
            device.cookies.clear()
            device.bear("Bearer", answer.json()["access"])


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

        def verifies_mail(device: Device) -> bool:
            from django.core import mail

            device.post(f"{base}/auth/signup", SIGN_UP, format="json")
            return [message.to for message in mail.outbox] == [["grace@example.com"]]

        def sends_code(device: Device) -> bool:
            from django.core import mail

            answer = device.post(f"{base}/auth/code/request", {"email": "ada@example.com"}, format="json")
            return answer.status_code == 401 and len(mail.outbox) == 1  # 401: one more step to go

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

        def signs_up(device: Device) -> bool:
            return device.post(f"{base}/auth/signup", SIGN_UP, format="json").status_code == 200

        return {
            "sign-up": signs_up,
            "password reset by mail": sends_reset_mail(f"{base}/auth/password/request"),
            "mail address is verified at sign-up": verifies_mail,
            "one-time code by mail": sends_code,
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

        def takes_provider_token(device: Device) -> bool:
            data = {"provider": "google", "process": "login", "token": {"client_id": "id", "id_token": "forged"}}
            answer = device.post("/_allauth/app/v1/auth/provider/token", data, format="json")
            return answer.status_code == 400 and answer.json()["errors"][0]["code"] == "invalid_token"

        return {**features, "social sign-in": takes_provider_token}

    def refresh(self, client: Client) -> Call:
        return Call("POST", "/_allauth/app/v1/tokens/refresh", {"refresh_token": client.refresh_token})

    def keep(self, client: Client, answer: Any) -> None:
        given = answer.get("meta", answer["data"])  # of a sign-in, of a refresh
        client.bear("Bearer", given["access_token"], given["refresh_token"])


PEERS: dict[str, type[Peer]] = {
    "fastauth": FastAuth,
    "dj-rest-auth": DjRestAuth,
    "simplejwt": SimpleJwt,
    "allauth-browser": AllauthBrowser,
    "allauth-app": AllauthApp,
    "knox": Knox,
}
