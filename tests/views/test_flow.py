"""What holds for all routes: the whole flow, paths, caching, transactions, and a project's exception handler."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import exception_handler

from fastauth_django import views
from fastauth_django.models import AuthSession, UnrevokedSession
from tests.clients import ACCESS, REFRESH, Browser
from tests.factories import PASSWORD, identifier_for, sign_up_data
from tests.reading import clears_cookies, is_alive, revoked_reason, session_of, sets_cookies, touches_no_cookie

pytestmark = pytest.mark.django_db

IDENTIFIER = get_user_model().USERNAME_FIELD

slashes = pytest.mark.parametrize("slash", ["", "/"], ids=["without slash", "with slash"])


@slashes
def test_whole_flow_in_cookie_delivery(browser, slash):
    def step(method, route, data=None):
        return getattr(browser, method)(f"/auth/{route}{slash}", data, format="json")

    sign_up = sign_up_data()
    assert step("post", "register", sign_up).status_code == 201
    assert step("get", "me").json()[IDENTIFIER] == identifier_for("grace")
    assert step("post", "refresh").status_code == 200
    assert step("get", "sessions").status_code == 200
    change = {"current_password": sign_up["password"], "new_password": "another horse battery 8"}
    assert step("post", "account/change-password", change).status_code == 200
    assert browser.get("/private").status_code == 200
    assert step("post", "logout").status_code == 200
    assert not browser.cookies
    assert step("get", "me").status_code == 401
    credentials = {IDENTIFIER: sign_up[IDENTIFIER], "password": "another horse battery 8", "remember": True}
    assert step("post", "login", credentials).status_code == 200
    (session,) = step("get", "sessions").json()
    assert step("delete", f"sessions/{session['id']}").status_code == 200
    assert not browser.cookies
    assert step("post", "login", credentials).status_code == 200
    assert step("delete", "sessions/all").status_code == 200
    assert step("get", "me").status_code == 401


@slashes
def test_whole_flow_in_json_delivery(native_app, settings, slash):
    settings.FASTAUTH = {}

    def step(method, route, data=None):
        response = getattr(native_app, method)(f"/auth/{route}{slash}", data, format="json")
        assert touches_no_cookie(response)
        return native_app._keep(response)

    sign_up = sign_up_data()
    assert step("post", "register", sign_up).status_code == 201
    assert step("post", "login", sign_up).status_code == 200
    assert step("get", "me").json()[IDENTIFIER] == identifier_for("grace")
    assert step("post", "refresh", {"refresh_token": native_app.refresh_token}).status_code == 200
    change = {"current_password": sign_up["password"], "new_password": "another horse battery 8"}
    assert step("post", "account/change-password", change).status_code == 200
    assert native_app.get("/private").status_code == 200
    assert len(step("get", "sessions").json()) == 1
    assert step("post", "logout", {"refresh_token": native_app.refresh_token}).status_code == 200
    assert step("get", "me").json()["code"] == "session_revoked"


@pytest.mark.skipif(
    IDENTIFIER != "email" or get_user_model().REQUIRED_FIELDS != [],
    reason="FastAuth knows users by their email alone",
)
def test_front_end_written_for_fastauth_works_unchanged(browser):
    def step(method, route, data=None):
        return getattr(browser, method)(f"/auth/{route}", data, format="json")

    registered = step("post", "register", {"email": "ada@example.com", "password": "correct horse 9", "name": None})
    assert registered.status_code == 201
    assert registered.json()["message"] == "Authentication successful"
    assert registered.json()["expires_in"] == 900
    assert registered.json()["user"]["email"] == "ada@example.com"
    assert set(registered.cookies) == {ACCESS, REFRESH}
    again = step("post", "register", {"email": "ada@example.com", "password": "correct horse 9"})
    assert again.status_code == 409

    assert step("get", "me").json()["email"] == "ada@example.com"
    refreshed = step("post", "refresh")
    assert refreshed.status_code == 200
    assert refreshed.json() == {
        "message": "Authentication successful",
        "expires_in": 900,
        "refresh_expires_in": 30 * 24 * 60 * 60,
    }
    signed_out = step("post", "logout")
    assert signed_out.json() == {"message": "Logged out"}
    assert clears_cookies(signed_out)

    wrong = {"email": "ada@example.com", "password": "wrong", "remember": False}
    assert step("post", "login", wrong).status_code == 401
    right = {"email": "ada@example.com", "password": "correct horse 9", "remember": True}
    signed_in = step("post", "login", right)
    assert signed_in.status_code == 200
    assert signed_in.cookies[REFRESH]["max-age"] == 90 * 24 * 60 * 60
    assert step("get", "me").status_code == 200


# --- A database that is away ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("post", "register"),
        ("post", "login"),
        ("post", "refresh"),
        ("post", "logout"),
        ("get", "me"),
        ("get", "me?optional=true"),
        ("post", "account/change-password"),
        ("get", "sessions"),
        ("delete", "sessions/all"),
    ],
)
def test_database_that_is_away_clears_no_cookie(signed_in, method, route):
    """As in a failover: a refusal would be final, and nobody can tell now whether the session is live."""
    body = {**sign_up_data(), "current_password": PASSWORD, "new_password": "another horse battery 8"}
    signed_in.raise_request_exception = False

    def is_away(*args):
        raise OperationalError("the connection is closed")

    with connection.execute_wrapper(is_away):
        response = getattr(signed_in, method)(f"/auth/{route}", body if method == "post" else None, format="json")

    assert response.status_code == 500
    assert not response.cookies
    assert signed_in.get("/auth/me").status_code == 200


# --- Views ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["register", "login", "refresh", "logout"])
@pytest.mark.parametrize("delivery", ["auth", "app"], ids=["cookie", "json"])
def test_answer_of_an_act_is_never_stored_not_even_a_refusal(browser, account, route, delivery):
    response = browser.post(f"/{delivery}/{route}", {}, format="json")

    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("delivery", ["cookies", "", "JSON"])
def test_delivery_that_does_not_exist_is_refused_when_the_view_is_made(delivery):
    with pytest.raises(ImproperlyConfigured, match="token_delivery of LoginView"):
        views.LoginView.as_view(token_delivery=delivery)


def test_delivery_can_be_set_by_a_subclass(rf, account, settings):
    class AppLoginView(views.LoginView):
        token_delivery = "json"

    response = AppLoginView.as_view()(rf.post("/", account.credentials))

    assert "access_token" in response.data


def test_code_stands_beside_every_detail(browser):
    assert browser.get("/auth/login").json()["code"] == "method_not_allowed"
    assert browser.post("/auth/login", "x", content_type="text/csv").json()["code"] == "unsupported_media_type"
    assert browser.post("/auth/login", "{", content_type="application/json").json()["code"] == "parse_error"


# --- A project's own exception handler ------------------------------------------------------------------------------


def terse_handler(exc, context):
    """A project's own: it knows nothing of codes and headers."""
    response = exception_handler(exc, context)
    return response and Response({"error": True}, status=response.status_code)


@pytest.fixture
def terse(settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": f"{__name__}.terse_handler"}


@pytest.mark.usefixtures("terse")
class TestUnderTheProjectsExceptionHandler:
    def test_refusal_to_refresh_keeps_status_and_challenge_and_clears_cookies(self, signed_in):
        signed_in.clone().post("/auth/logout")

        response = signed_in.post("/auth/refresh")

        assert response.status_code == 401
        assert response.json() == {"error": True}
        assert 'error_description="session_revoked"' in response["WWW-Authenticate"]
        assert response["Cache-Control"] == "no-store"
        assert clears_cookies(response)

    def test_wrong_credentials_keep_status_and_challenge(self, browser, account):
        response = browser.post("/auth/login", {**account.credentials, "password": "wrong"}, format="json")

        assert response.status_code == 401
        assert response["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_limit_keeps_retry_after(self, browser, account):
        for _try in range(6):
            response = browser.post("/auth/login", {**account.credentials, "password": "wrong"}, format="json")

        assert response.status_code == 429
        assert 0 < int(response["Retry-After"]) <= 300

    def test_account_route_keeps_status_and_challenge(self, browser):
        response = browser.get("/auth/me")

        assert response.status_code == 401
        assert response["WWW-Authenticate"] == 'Bearer realm="api"'


class LostConnection(Exception):
    """An error that the project's handler knows and REST framework does not."""


def welcoming_handler(exc, context):
    return Response({"detail": "Come back later."}, status=503) if isinstance(exc, LostConnection) else None


def test_handler_may_answer_what_rest_framework_does_not_know(browser, account, settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": f"{__name__}.welcoming_handler"}

    def fail(user, claims):
        raise LostConnection

    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": fail}

    response = browser.sign_in(account)

    assert response.status_code == 503
    assert response.json() == {"detail": "Come back later."}
    assert response["Cache-Control"] == "no-store"


# --- ATOMIC_REQUESTS ------------------------------------------------------------------------------------------------


@pytest.fixture
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture
def thief(signed_in) -> Browser:
    """Holds a refresh token that was replaced a minute ago, while the owner uses its successor."""
    copy = signed_in.clone()
    signed_in.post("/auth/refresh")
    AuthSession.objects.update(rotated_at=timezone.now() - timedelta(minutes=1), seen=True)
    return copy


@pytest.mark.usefixtures("atomic_requests")
class TestAtomicRequests:
    @pytest.mark.django_db(transaction=True)
    def test_revocation_survives_its_own_401(self, signed_in, thief):
        assert thief.post("/auth/refresh").json()["code"] == "refresh_token_reused"

        assert revoked_reason(session_of(signed_in)) == "reuse"
        assert signed_in.get("/private").status_code == 401

    def test_revocation_survives_its_own_401_inside_a_transaction(self, signed_in, thief):
        assert thief.post("/auth/refresh").json()["code"] == "refresh_token_reused"

        assert revoked_reason(session_of(signed_in)) == "reuse"
        assert signed_in.get("/private").status_code == 401

    @pytest.mark.django_db(transaction=True)
    def test_revocation_survives_in_the_callers_own_transaction(self, signed_in, thief, rf):
        request = rf.post("/auth/refresh", HTTP_COOKIE=f"{REFRESH}={thief.cookie(REFRESH)}")

        with transaction.atomic():
            response = views.RefreshView.as_view()(request)
            assert AuthSession.objects.count() == 1, "the caller's transaction goes on"

        assert response.status_code == 401
        assert revoked_reason(session_of(signed_in)) == "reuse"

    @pytest.mark.django_db(transaction=True)
    def test_lost_race_is_a_503_and_no_broken_transaction(self, signed_in, monkeypatch):
        def lose(*args, **changes):
            raise OperationalError(1213, "Deadlock found")

        with monkeypatch.context() as patch:
            patch.setattr(UnrevokedSession, "update", lose)
            assert signed_in.post("/auth/refresh").status_code == 503

        assert signed_in.post("/auth/refresh").status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_rotation_is_not_undone_by_an_error_after_it(self, signed_in, monkeypatch):
        """Or the answer to another tab, which was in the grace, would name a generation that never was."""
        signed_in.raise_request_exception = False

        def fail(*args, **kwargs):
            raise RuntimeError("an answer that cannot be made")

        with monkeypatch.context() as patch:
            patch.setattr(views.RefreshView, "answer", fail)
            assert signed_in.post("/auth/refresh").status_code == 500

        assert session_of(signed_in).generation == 1
        assert signed_in.post("/auth/refresh").status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_arrival_of_an_answer_is_noted_after_the_commit(self, signed_in):
        signed_in.post("/auth/refresh")

        assert signed_in.get("/private").status_code == 200

        assert session_of(signed_in).seen is True

    @pytest.mark.django_db(transaction=True)
    def test_whole_flow(self, browser):
        assert browser.post("/auth/register", sign_up_data(), format="json").status_code == 201
        assert browser.post("/auth/register", sign_up_data(), format="json").status_code == 409
        assert browser.post("/auth/login", {**sign_up_data(), "password": "x"}, format="json").status_code == 401
        assert browser.get("/private").status_code == 200
        assert sets_cookies(browser.post("/auth/refresh"))
        change = {"current_password": sign_up_data()["password"], "new_password": "another horse battery 8"}
        assert browser.post("/auth/account/change-password", change, format="json").status_code == 200
        session = session_of(browser)
        assert clears_cookies(browser.post("/auth/logout"))
        assert not is_alive(session)

    @pytest.mark.django_db(transaction=True)
    def test_refusal_to_change_the_password_leaves_the_session(self, signed_in):
        change = {"current_password": "wrong", "new_password": "another horse battery 8"}

        assert signed_in.post("/auth/account/change-password", change, format="json").status_code == 400
        assert signed_in.get("/private").status_code == 200
