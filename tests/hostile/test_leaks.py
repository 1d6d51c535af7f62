"""No token, cookie or password comes out: of logs, error mails, Django's debug page, tracebacks and ``repr``.

Each fault below is made to happen in the middle of a request, and everything that came out is searched.
"""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import django
import jwt
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core import mail
from django.core.signals import got_request_exception
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils.log import AdminEmailHandler, RequireDebugFalse
from django.views.debug import SafeExceptionReporterFilter, get_default_exception_reporter_filter
from django.views.decorators.debug import sensitive_variables

from fastauth_django import cookies, serializers, sessions, signals, throttling
from fastauth_django.conf import conf
from fastauth_django.error_reports import ExceptionReporterFilter, hide_credentials
from fastauth_django.exceptions import RefreshTokenReused
from fastauth_django.models import AuthSession, AuthSessionManager
from fastauth_django.tokens import AccessToken, FallbackTokenBackend, RefreshToken, TokenPair, token_backend
from tests.clients import Browser, NativeApp
from tests.devices import Device
from tests.factories import PASSWORD, make_account, sign_up_data
from tests.hostile.watching import listening_to_all_loggers
from tests.testapp.views import PrivateView

NEW_PASSWORD = "another battery horse 7"
#: Names that Django has no reason to hide.
ACCESS, REFRESH = "__Host-at", "__Host-rt"
#: Anything that looks like a JWT, whole or cut off in its third part.
JWT = re.compile(r"eyJ[\w-]{5,}\.eyJ[\w-]{5,}\.[\w-]*")


class Boom(Exception):
    """What goes wrong. It says nothing of its own."""


def boom(*args: Any, **kwargs: Any) -> Any:
    raise Boom


# --- What goes wrong -----------------------------------------------------------------------------------------------


class BackendThatFails(ModelBackend):
    def authenticate(self, request, username=None, password=None, **kwargs):
        typed = {"username": username, "password": password}
        raise Boom(len(typed))


class ValidatorThatFails:
    def validate(self, password, user=None):
        raise Boom(len(password))

    def password_changed(self, password, user=None):
        pass


class ValidatorThatFailsAfterwards(ValidatorThatFails):
    def validate(self, password, user=None):
        pass

    def password_changed(self, password, user=None):
        raise Boom(len(password))


def claims_that_fail(user, claims):
    raise Boom


def claims_that_are_not_json(user, claims):
    return {**claims, "tenant": object()}


def claims_that_are_too_large(user, claims):
    return {**claims, "large": "x" * 4096}


class UserThatIsNotJson(serializers.UserSerializer):
    def to_representation(self, instance):
        return {"id": {object(): 1}}


class UserThatFails(serializers.UserSerializer):
    to_representation = boom


@dataclass
class Tools:
    """What a fault may be made with."""

    monkeypatch: pytest.MonkeyPatch
    settings: Any
    cleanup: ExitStack

    def patch(self, owner: Any, name: str) -> None:
        self.monkeypatch.setattr(owner, name, boom)

    def deafen(self, signal: Any) -> None:
        signal.connect(boom)
        self.cleanup.callback(signal.disconnect, boom)

    def fastauth(self, **changes: Any) -> None:
        self.settings.FASTAUTH = {**self.settings.FASTAUTH, **changes}

    def database(self, statement: str) -> None:
        """Have the database refuse every statement that begins so."""

        def refuse(execute, sql, params, many, context):
            if sql.startswith(statement):
                raise Boom
            return execute(sql, params, many, context)

        self.cleanup.enter_context(connection.execute_wrapper(refuse))


def fail_with(setting: str, value: Any) -> Callable[[Tools], None]:
    return lambda tools: setattr(tools.settings, setting, value)


def fail_in_validator(name: str) -> Callable[[Tools], None]:
    return fail_with("AUTH_PASSWORD_VALIDATORS", [{"NAME": f"tests.hostile.test_leaks.{name}"}])


def fail_in_hasher(tools: Tools) -> None:
    tools.patch(MD5PasswordHasher, "verify")
    tools.patch(MD5PasswordHasher, "encode")


def fail_in_core(tools: Tools) -> None:
    for name in ("start", "rotate", "revoke", "revoke_by"):
        tools.patch(sessions, name)


#: What goes wrong, and in which requests.
FAULTS: dict[str, tuple[Callable[[Tools], None], list[str]]] = {
    "authentication backend": (
        fail_with("AUTHENTICATION_BACKENDS", ["tests.hostile.test_leaks.BackendThatFails"]),
        ["login", "login by form", "login of an app", "login in vain", "change-password", "change-password by form"],
    ),
    "hasher": (fail_in_hasher, ["login", "register", "register by form", "change-password of an app"]),
    "validator": (fail_in_validator("ValidatorThatFails"), ["register", "register of an app", "change-password"]),
    "validator after the change": (
        fail_in_validator("ValidatorThatFailsAfterwards"),
        ["change-password", "change-password by form", "change-password of an app"],
    ),
    "SELECT": (
        lambda tools: tools.database("SELECT"),
        [
            *["login", "register", "refresh", "refresh of an app", "me of an app", "sessions", "end all sessions"],
            *["view of the project", "view of the project for an app"],
        ],
    ),
    "INSERT": (
        lambda tools: tools.database("INSERT"),
        [
            *["login", "login of an app", "register", "register of an app", "change-password"],
            *["change-password of an app", "view without REST framework"],
        ],
    ),
    "UPDATE": (
        lambda tools: tools.database("UPDATE"),
        [
            *["login", "refresh", "refresh of an app", "logout", "logout of an app", "change-password"],
            "end all sessions",
        ],
    ),
    "TOKEN_CLAIMS that fails": (
        lambda tools: tools.fastauth(TOKEN_CLAIMS=claims_that_fail),
        ["login", "register", "refresh", "refresh of an app", "change-password", "view without REST framework"],
    ),
    "TOKEN_CLAIMS that is no JSON": (
        lambda tools: tools.fastauth(TOKEN_CLAIMS=claims_that_are_not_json),
        ["login", "login of an app", "refresh of an app"],
    ),
    "TOKEN_CLAIMS that is too large": (
        lambda tools: tools.fastauth(TOKEN_CLAIMS=claims_that_are_too_large),
        ["login", "refresh", "view without REST framework"],
    ),
    "USER_SERIALIZER that fails": (
        lambda tools: tools.fastauth(USER_SERIALIZER=UserThatFails),
        ["login", "login of an app", "register of an app", "change-password of an app", "me"],
    ),
    "USER_SERIALIZER that is no JSON": (
        lambda tools: tools.fastauth(USER_SERIALIZER=UserThatIsNotJson),
        ["login", "login of an app", "register of an app", "change-password of an app", "me"],
    ),
    "receiver of user_logged_in": (
        lambda tools: tools.deafen(user_logged_in),
        ["login", "login by form", "login of an app", "register", "view without REST framework"],
    ),
    "receiver of user_login_failed": (lambda tools: tools.deafen(user_login_failed), ["login in vain"]),
    "receiver of user_signed_up": (
        lambda tools: tools.deafen(signals.user_signed_up),
        ["register", "register by form"],
    ),
    "verifying": (
        lambda tools: tools.patch(FallbackTokenBackend, "get_verifying_key"),
        ["refresh", "logout of an app", "me", "me of an app", "view of the project"],
    ),
    "signing": (
        lambda tools: tools.patch(jwt, "encode"),
        ["login", "refresh of an app", "change-password"],
    ),
    "session core": (fail_in_core, ["login", "refresh", "refresh of an app", "logout", "change-password"]),
    "session lookup": (
        lambda tools: tools.patch(AuthSessionManager, "get_with_user"),
        ["refresh", "me", "view of the project for an app"],
    ),
    "writing of the cookies": (
        lambda tools: tools.patch(cookies.PartitionedMorsel, "set"),
        ["login", "refresh", "view without REST framework"],
    ),
    "clearing of the cookies": (lambda tools: tools.patch(cookies, "_clear_former"), ["logout", "end all sessions"]),
    "counting of failures": (
        lambda tools: tools.patch(throttling.Network, "counter"),
        ["login", "change-password by form"],
    ),
    "settings": (
        lambda tools: tools.fastauth(REFRESH_GRACE="soon", LOGIN_FAILURE_LIMIT="few", COOKIE_DOMAIN=5),
        ["login", "refresh", "logout"],
    ),
    "names of the cookies": (lambda tools: tools.fastauth(COOKIE_NAME_ACCESS=5), ["me", "view of the project"]),
    "view": (
        lambda tools: tools.patch(PrivateView, "get"),
        ["view of the project", "view of the project for an app"],
    ),
}

#: What fails without an effect on the answer. Django logs it, and mails it to the administrators.
FAULTS_OF_LISTENERS: dict[str, tuple[Callable[[Tools], None], list[str]]] = {
    "receiver of user_logged_out": (
        lambda tools: tools.deafen(user_logged_out),
        ["logout", "logout of an app", "end all sessions"],
    ),
    "receiver of token_refreshed": (
        lambda tools: tools.deafen(signals.token_refreshed),
        ["refresh", "refresh of an app"],
    ),
    "receiver of session_revoked": (
        lambda tools: tools.deafen(signals.session_revoked),
        ["login", "logout", "change-password", "end all sessions"],
    ),
}

#: What a reporter finds that walks tracebacks and knows nothing of ``sensitive_variables``. A function that checks a
#: password or reads a token has it in a variable for as long as that takes, and frames below that are Django's, REST
#: framework's, simplejwt's and PyJWT's, which do the same. So such a reporter must be told to drop the variables of
#: frames (the threat model's section on logs says how). What can be done here is to keep this list short: no variable
#: holds a secret while a session is written, a signal is sent or the user is described, but the new password's.
BARE_VARIABLES = {
    "AuthView.body: data",
    "LoginView.verified_user: validated",
    "LoginSerializer.validate: attrs",
    "_authenticate: password",
    "verify_credentials: password",
    "verify_credentials.<locals>.<lambda>: password",
    "RegisterSerializer.validate: attrs",
    "RegisterSerializer.create: validated_data",
    "create: fields",
    "create: validated_data",
    "_create_user: fields",
    "ChangePasswordSerializer.validate: attrs",
    "ChangePasswordView.post: new_password",
    "ChangePasswordView.post.<locals>.change: new_password",
    "RefreshView.presented_tokens: in_body",
    "RefreshView.presented_tokens: raw_tokens",
    "_readable: raw_token",
    "_readable: raw_tokens",
    "LogoutView.post: refresh_token",
    "sign_out: refresh_token",
    "bearer_tokens: header",
    "bearer_tokens: raw_token",
    "read_all: raw_token",
    "read_all: raw_tokens",
    "CookieJWTAuthentication.authenticate_by_cookie: raw_token",
    "CookieJWTAuthentication.get_validated_token: raw_token",
    "SessionToken.read: raw_token",
    "SessionToken.__init__: token",
    "FallbackTokenBackend.decode: token",
    "CookieSpec.morsel: value",
}


def cases(faults):
    """Each fault in one request, and in the others as well in the whole suite."""
    return [
        pytest.param(make, route, id=f"{fault}-{route}", marks=[] if route == routes[0] else pytest.mark.slow)
        for fault, (make, routes) in faults.items()
        for route in routes
    ]


# --- What is tried while it does -----------------------------------------------------------------------------------


def sent_as(kind: str, data: dict[str, str]) -> dict[str, Any]:
    return {"data": data, "format": {"form": "multipart"}.get(kind, "json")}


def attempts(browser: Browser, native: NativeApp) -> dict[str, Callable[[], Any]]:
    """Each route as a browser and as a native app use it."""
    identifier = get_user_model().USERNAME_FIELD
    wrong = {identifier: "nobody@example.com", "password": NEW_PASSWORD}
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    eve = {identifier: sign_up_data("eve")[identifier], "password": PASSWORD}

    def post(client, path, data=None, kind="json"):
        return lambda: client.post(path, **sent_as(kind, data or {}))

    return {
        "login": post(browser, "/auth/login", eve),
        "login by form": post(browser, "/auth/login", eve, "form"),
        "login in vain": post(browser, "/auth/login", wrong),
        "login of an app": post(native, "/app/login", eve),
        "register": post(browser, "/auth/register", sign_up_data("mallory")),
        "register by form": post(browser, "/auth/register", sign_up_data("mallory"), "form"),
        "register of an app": post(native, "/app/register", sign_up_data("mallory")),
        "refresh": post(browser, "/auth/refresh"),
        "refresh of an app": post(native, "/app/refresh", {"refresh_token": native.refresh_token}),
        "logout": post(browser, "/auth/logout"),
        "logout of an app": post(native, "/app/logout", {"refresh_token": native.refresh_token}),
        "change-password": post(browser, "/auth/account/change-password", change),
        "change-password by form": post(browser, "/auth/account/change-password", change, "form"),
        "change-password of an app": post(native, "/auth/account/change-password", change),
        "me": lambda: browser.get("/auth/me"),
        "me of an app": lambda: native.get("/auth/me"),
        "sessions": lambda: browser.get("/auth/sessions"),
        "end all sessions": lambda: browser.delete("/auth/sessions/all"),
        "view of the project": lambda: browser.get("/private"),
        "view of the project for an app": lambda: native.get("/private"),
        "view without REST framework": lambda: browser.get(f"/invitation?for={eve[identifier]}"),
    }


# --- What came out -------------------------------------------------------------------------------------------------


@dataclass
class Leaks:
    """Everything that came out while a request failed."""

    text: dict[str, str]
    frames: list[tuple[Any, Any]]

    def of(self, secrets: list[str]) -> list[str]:
        return [
            f"{where}: …{text[max(0, found - 150) : found + 20]}…"
            for where, text in self.text.items()
            for found in [_first_secret(text, secrets)]
            if found is not None
        ]

    def of_our_frames(self, secrets: list[str]) -> list[str]:
        """Variables of our functions that show a secret although Django's own filter has cleansed them.

        That is what a reporter gets that walks the traceback itself and knows ``sensitive_variables``, but not our
        filter.
        """
        django = SafeExceptionReporterFilter()
        return self._shown_by(lambda request, frame: django.get_traceback_frame_variables(request, frame), secrets)

    def of_bare_variables(self, secrets: list[str]) -> list[str]:
        return self._shown_by(lambda request, frame: frame.f_locals.items(), secrets)

    def _shown_by(self, variables_of: Callable[[Any, Any], Any], secrets: list[str]) -> list[str]:
        return [
            f"{frame.f_code.co_qualname}: {name}"
            for request, frame in self.frames
            if frame.f_globals.get("__name__", "").startswith("fastauth_django.")
            for name, value in variables_of(request, frame)
            if _first_secret(_shown(value), secrets) is not None
        ]


def _first_secret(text: str, secrets: list[str]) -> int | None:
    places = [text.find(secret) for secret in secrets if secret in text]
    places += [match.start() for match in [JWT.search(text)] if match]
    return min(places, default=None)


@pytest.fixture
def project(settings, db) -> Any:
    # Django 6.0 takes addresses alone, and 6.1 sends mail by MAILERS. Each deprecates what was there before.
    settings.ADMINS = ["root@example.com"] if django.VERSION >= (6, 0) else [("Root", "root@example.com")]
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.FASTAUTH = {
        "TOKEN_DELIVERY": "cookie",
        "COOKIE_NAME_ACCESS": ACCESS,
        "COOKIE_NAME_REFRESH": REFRESH,
        "COOKIE_SECURE": True,
    }
    return settings


@pytest.fixture
def tools(monkeypatch, project) -> Iterator[Tools]:
    with ExitStack() as cleanup:
        yield Tools(monkeypatch, project, cleanup)


@pytest.fixture
def clients(project) -> SimpleNamespace:
    ada, eve = make_account("ada"), make_account("eve")
    browser, native = Browser(), NativeApp()
    assert browser.sign_in(ada).status_code == 200
    native._keep(native.post("/app/login", eve.credentials, format="json"))
    assert native.access
    secrets = [PASSWORD, NEW_PASSWORD, browser.cookie(ACCESS), browser.cookie(REFRESH)]
    secrets += [native.access, native.refresh_token, project.SECRET_KEY]
    # What follows the last dot is what makes a token good, so a part of a token is a secret too.
    secrets += [secret.rpartition(".")[2] for secret in secrets[2:6]]
    return SimpleNamespace(browser=browser, native=native, secrets=secrets)


def failed(
    tools: Tools,
    clients: SimpleNamespace,
    make_fault: Callable[[Tools], None],
    route: str,
    statuses: range = range(500, 501),
) -> Leaks:
    """Send a request in which something fails, and collect what an operator, a log and a browser are shown."""
    send = attempts(clients.browser, clients.native)[route]
    for client in (clients.browser, clients.native):
        client.raise_request_exception = False
        client.defaults["HTTP_ACCEPT"] = "text/html, application/json;q=0.9"
    make_fault(tools)
    frames: list[tuple[Any, Any]] = []

    def keep_frames(sender, request=None, **kwargs):
        error = sys.exc_info()[1]
        while error is not None:
            frames.extend((request, frame) for frame, _line in traceback.walk_tb(error.__traceback__))
            error = error.__cause__ or error.__context__

    # As in Django's own configuration: errors, and only in production.
    handler, logger = AdminEmailHandler(include_html=True), logging.getLogger("django")
    handler.setLevel(logging.ERROR)
    handler.addFilter(RequireDebugFalse())
    got_request_exception.connect(keep_frames)
    logger.addHandler(handler)
    try:
        with listening_to_all_loggers() as ear:
            response = send()
    finally:
        logger.removeHandler(handler)
        got_request_exception.disconnect(keep_frames)
    assert response.status_code in statuses
    tracebacks = [logging.Formatter().formatException(record.exc_info) for record in ear.records if record.exc_info]
    mails = [
        [message.subject, message.body, *(part.content for part in message.alternatives)] for message in mail.outbox
    ]
    text = {
        "log": "\n".join(ear.heard),
        "traceback in the log": "\n".join(tracebacks),
        "mail": "\n".join(part for parts in mails for part in parts),
        "page": response.content.decode(),
        "headers": f"{response.headers!r} {response.cookies}",
    }
    return Leaks(text, frames)


@pytest.mark.parametrize(("make_fault", "route"), cases(FAULTS))
class TestNothingLeaksWhenSomethingFails:
    def test_on_the_debug_page(self, tools, clients, make_fault, route):
        tools.settings.DEBUG = True

        leaks = failed(tools, clients, make_fault, route)

        assert "Traceback" in leaks.text["page"]
        assert leaks.of(clients.secrets) == []

    def test_in_production(self, tools, clients, make_fault, route):
        leaks = failed(tools, clients, make_fault, route)

        assert "Traceback" in leaks.text["mail"]
        assert leaks.of(clients.secrets) == []
        assert leaks.of_our_frames(clients.secrets) == []
        assert set(leaks.of_bare_variables(clients.secrets)) <= BARE_VARIABLES


@pytest.mark.parametrize(("make_fault", "route"), cases(FAULTS_OF_LISTENERS))
def test_nothing_leaks_when_a_listener_fails_and_the_request_does_not(tools, clients, make_fault, route):
    leaks = failed(tools, clients, make_fault, route, statuses=range(200, 205))
    del leaks.text["page"], leaks.text["headers"]  # the answer as it should be, tokens and all

    assert "Boom" in leaks.text["mail"]
    assert leaks.of(clients.secrets) == []
    assert leaks.of_our_frames(clients.secrets) == []


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:
        return ""


# --- Ours to show ---------------------------------------------------------------------------------------------------


def test_an_error_mail_still_says_what_happened(tools, clients):
    leaks = failed(tools, clients, FAULTS["TOKEN_CLAIMS that fails"][0], "refresh")

    assert "Boom" in leaks.text["mail"]
    assert "claims_that_fail" in leaks.text["mail"]
    assert "sessions.rotate(" in leaks.text["mail"], "our source is no secret"


@pytest.mark.parametrize("client", ["browser", "native"])
def test_plain_text_of_the_debug_page_shows_no_secret(tools, clients, client):
    tools.settings.DEBUG = True
    tools.patch(PrivateView, "get")
    sender = getattr(clients, client)
    sender.raise_request_exception = False

    page = sender.get("/private", HTTP_ACCEPT="application/json").content.decode()

    assert "Boom" in page
    assert _first_secret(page, clients.secrets) is None


def test_the_browsable_api_does_not_repeat_a_password(browser, account):
    data = {**account.credentials, "password": NEW_PASSWORD}

    response = browser.post("/auth/login", data, format="json", HTTP_ACCEPT="text/html")

    assert response.status_code == 401
    assert NEW_PASSWORD not in response.content.decode()


def test_a_query_log_shows_no_secret(clients):
    """Django logs every statement in ``DEBUG``. None has a token or a password in it."""
    identifier = get_user_model().USERNAME_FIELD
    with CaptureQueriesContext(connection), listening_to_all_loggers() as ear:
        clients.browser.post("/auth/refresh")
        clients.browser.get("/auth/me")
        clients.native.get("/auth/me")
        changed = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert clients.browser.post("/auth/account/change-password", changed, format="json").status_code == 200
        clients.browser.post("/auth/logout")
        clients.browser.post("/auth/register", sign_up_data("mallory"), format="json")
        clients.browser.post("/auth/login", {identifier: "nobody", "password": NEW_PASSWORD}, format="json")

    assert any("INSERT" in line for line in ear.heard), "the log is not on"
    assert [line for line in ear.heard if _first_secret(line, clients.secrets) is not None] == []


# --- repr -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def session(signed_in):
    return AuthSession.objects.select_related("user").get()


def of_a_pair(session, rf):
    return TokenPair.for_session(session, sessions.current_second())


def of_a_cookie(session, rf):
    pair = of_a_pair(session, rf)
    response = HttpResponse()
    cookies.set_auth_cookies(response, pair)
    return list(response.cookies.values())


def of_a_serializer(kind):
    def make(session, rf):
        serializer = kind(data={"password": PASSWORD, "refresh_token": str(RefreshToken.for_session(session))})
        serializer.is_valid()
        return serializer

    return make


OBJECTS = {
    "AuthSession": lambda session, rf: session,
    "AccessToken": lambda session, rf: AccessToken.for_session(session, sessions.current_second()),
    "AccessToken that was read": lambda session, rf: AccessToken.read(of_a_pair(session, rf).access),
    "RefreshToken that was read": lambda session, rf: RefreshToken.read(of_a_pair(session, rf).refresh),
    "TokenPair": of_a_pair,
    "cookies": of_a_cookie,
    "CookieSpec": lambda session, rf: cookies.access_cookie(),
    "backend": lambda session, rf: [token_backend(), vars(conf)],
    "counters of failures": lambda session, rf: throttling.Network.of(rf.get("/")).counter(
        "identifier", "ada@example.com"
    ),
    "refusal": lambda session, rf: [RefreshTokenReused(session), RefreshTokenReused(session).detail],
    "RefreshSerializer": of_a_serializer(serializers.RefreshSerializer),
    "RegisterSerializer": of_a_serializer(serializers.RegisterSerializer),
    "ChangePasswordSerializer": of_a_serializer(
        type("Unchecked", (serializers.ChangePasswordSerializer,), {"validate": lambda self, attrs: attrs})
    ),
    "LoginSerializer": of_a_serializer(
        type("Unchecked", (serializers.LoginSerializer,), {"validate": lambda self, attrs: attrs})
    ),
}


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_repr_shows_no_secret(session, rf, settings, make):
    thing = make(session, rf)
    secrets = [PASSWORD, settings.SECRET_KEY, session.auth_hash, "ada@example.com"]

    assert (
        _first_secret(f"{thing!r} {thing}" if not hasattr(thing, "get_token_backend") else repr(thing), secrets) is None
    )


# --- The filter of error reports -------------------------------------------------------------------------------------


class ProjectsFilter(SafeExceptionReporterFilter):
    cleansed_substitute = "(hidden by the project)"


@pytest.fixture
def report_filter(settings):
    """The filter that a failing request gets, for the project's ``DEFAULT_EXCEPTION_REPORTER_FILTER``."""

    def for_project(path: str | None, request: Any) -> Any:
        if path is not None:
            settings.DEFAULT_EXCEPTION_REPORTER_FILTER = path
        get_default_exception_reporter_filter.cache_clear()
        hide_credentials(None, request=request)
        return request.exception_reporter_filter

    yield for_project
    get_default_exception_reporter_filter.cache_clear()


def test_the_projects_own_filter_is_kept_beside_ours(rf, report_filter):
    request = rf.get("/", HTTP_COOKIE=f"access_token={'x' * 20}; theme=dark")

    chosen = report_filter("tests.hostile.test_leaks.ProjectsFilter", request)

    assert isinstance(chosen, ProjectsFilter)
    assert chosen.get_safe_cookies(request) == {"access_token": "(hidden by the project)", "theme": "dark"}


def test_our_filter_may_be_the_projects_default(rf, report_filter):
    chosen = report_filter("fastauth_django.error_reports.ExceptionReporterFilter", rf.get("/"))

    assert type(chosen) is ExceptionReporterFilter


def test_a_filter_of_the_request_itself_is_left_alone(rf, report_filter):
    request = rf.get("/")
    own = request.exception_reporter_filter = ProjectsFilter()

    assert report_filter(None, request) is own


def test_an_error_outside_of_a_request_is_no_business_of_the_filter():
    hide_credentials(None)


@pytest.mark.parametrize(
    "fastauth", [{"COOKIE_FORMER": [{"name": "jwt"}]}, {"COOKIE_NAME_ACCESS": 5}], ids=["set", "bad"]
)
def test_cookies_of_ours_are_hidden_whatever_they_are_called(rf, settings, fastauth):
    """With settings that cannot be read, every cookie might be ours."""
    settings.FASTAUTH = fastauth
    request = rf.get("/", HTTP_COOKIE="jwt=secret")

    assert ExceptionReporterFilter().get_safe_cookies(request) == {"jwt": "********************"}


def test_a_token_in_another_cookie_is_hidden_too(rf, session):
    raw_token = str(RefreshToken.for_session(session))
    request = rf.get("/", HTTP_COOKIE=f"draft={raw_token}; theme=dark")

    safe = ExceptionReporterFilter().get_safe_cookies(request)

    assert safe == {"draft": "********************", "theme": "dark"}


class Unspeakable:
    def __repr__(self):
        raise Boom


def test_a_proof_of_a_device_is_hidden(rf):
    """It is good until it is spent, and an error may have come before that."""
    proof = Device().proof("challenge")
    request = rf.post("/auth/device/refresh", HTTP_SECURE_SESSION_RESPONSE=f'"{proof}"')

    meta = ExceptionReporterFilter().get_safe_request_meta(request)

    assert meta["HTTP_SECURE_SESSION_RESPONSE"] == "********************"
    assert meta["PATH_INFO"] == "/auth/device/refresh"


def test_a_variable_that_cannot_be_shown_does_not_break_the_report(rf):
    unspeakable = Unspeakable()
    frame = sys._getframe()

    variables = dict(ExceptionReporterFilter().get_traceback_frame_variables(rf.get("/"), frame))

    assert variables["unspeakable"] is unspeakable


def test_what_any_caller_marked_as_sensitive_is_hidden(rf):
    """Django heeds the nearest of its decorators alone."""

    @sensitive_variables("credentials")
    def near(credentials, password):
        return dict(ExceptionReporterFilter().get_traceback_frame_variables(rf.get("/"), sys._getframe()))

    @sensitive_variables("password")
    def far(password):
        return near({"password": password}, password)

    shown = far("secret")

    assert (shown["credentials"], shown["password"]) == ("********************", "********************")
