"""The list of a user's devices, and ending them."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.signals import user_logged_out
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken

from fastauth_django.models import AuthSession
from fastauth_django.signals import session_revoked
from tests.clients import Browser, NativeApp
from tests.reading import clears_cookies, is_alive, listening, revoked_reason, session_of, touches_no_cookie

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _utc(settings):
    """Times are given in the project's own time zone."""
    settings.TIME_ZONE = "UTC"


@pytest.fixture
def phone(account) -> Browser:
    """Ada's second device."""
    browser = Browser()
    browser.sign_in(account)
    return browser


@pytest.fixture
def stranger(other_account) -> Browser:
    browser = Browser()
    browser.sign_in(other_account)
    return browser


@pytest.fixture
def app(account) -> NativeApp:
    """Ada's native app."""
    native_app = NativeApp()
    pair = native_app.post("/app/login", account.credentials, format="json").json()
    native_app.access, native_app.refresh_token = pair["access_token"], pair["refresh_token"]
    return native_app


@pytest.fixture(params=["cookie", "bearer"])
def caller(request):
    """Ada, with each kind of credential."""
    return request.getfixturevalue("signed_in" if request.param == "cookie" else "app")


def end(client, session, **extra):
    return client.delete(f"/auth/sessions/{session.pk}", **extra)


# --- The list -------------------------------------------------------------------------------------------------------


def test_list_shows_every_device_and_which_one_asks(clock, browser, account):
    browser.post(
        "/auth/login", account.credentials, format="json", REMOTE_ADDR="192.0.2.1", HTTP_USER_AGENT="Navigator/4.0"
    )

    response = browser.get("/auth/sessions")

    assert response.status_code == 200
    assert response.json() == [
        {
            "id": str(session_of(browser).pk),
            "created_at": "2026-06-01T12:00:00Z",
            "last_used_at": "2026-06-01T12:00:00Z",
            "expires_at": "2026-07-01T12:00:00Z",
            "ip_address": "192.0.2.1",
            "user_agent": "Navigator/4.0",
            "device_bound": False,
            "current": True,
        }
    ]


def test_times_are_those_of_the_contract_whatever_the_project_prefers(caller, settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DATETIME_FORMAT": "%A at %H"}
    [device] = caller.get("/auth/sessions").json()
    assert all(datetime.fromisoformat(device[name]) for name in ("created_at", "last_used_at", "expires_at"))


def test_list_is_last_used_first(clock, signed_in, phone, caller):
    clock.shift(60)
    phone.post("/auth/refresh")

    listed = caller.get("/auth/sessions").json()

    assert listed[0]["id"] == str(session_of(phone).pk)
    assert listed[0]["last_used_at"] == "2026-06-01T12:01:00Z"
    assert listed[0]["created_at"] == "2026-06-01T12:00:00Z"
    assert [each["id"] for each in listed if each["current"]] == [str(session_of(caller).pk)]


def test_list_has_neither_dead_sessions_nor_those_of_others(clock, browser, account, stranger):
    expired, ended = Browser(), Browser()
    expired.sign_in(account)
    clock.shift(timedelta(days=31))
    ended.sign_in(account)
    ended.post("/auth/logout")
    browser.sign_in(account)

    assert [each["current"] for each in browser.get("/auth/sessions").json()] == [True]


def test_list_costs_two_queries(signed_in, phone, django_assert_num_queries):
    with django_assert_num_queries(2):
        signed_in.get("/auth/sessions")


@pytest.mark.parametrize("method", ["get", "delete"])
def test_sessions_are_for_the_signed_in(browser, method):
    path = "/auth/sessions" if method == "get" else "/auth/sessions/all"

    response = getattr(browser, method)(path)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


# --- Ending one -----------------------------------------------------------------------------------------------------


def test_ending_another_device_ends_it_and_leaves_the_caller(caller, phone):
    session = session_of(phone)

    response = end(caller, session)

    assert response.status_code == 200
    assert response.json() == {"message": "Session ended"}
    assert touches_no_cookie(response)
    assert revoked_reason(session) == "ended"
    assert phone.get("/private").status_code == 401
    assert caller.get("/private").status_code == 200


def test_ending_the_current_one_clears_the_cookies_of_a_cookie_caller(signed_in):
    response = end(signed_in, session_of(signed_in))

    assert response.status_code == 200
    assert clears_cookies(response)
    assert response["Cache-Control"] == "no-store"
    assert signed_in.get("/private").status_code == 401


def test_ending_the_current_one_clears_no_cookie_of_a_bearer_caller(app):
    response = end(app, session_of(app))

    assert response.status_code == 200
    assert touches_no_cookie(response)
    assert app.get("/private").status_code == 401


def test_session_of_another_user_is_as_unknown_as_one_that_never_was(caller, stranger):
    session = session_of(stranger)

    foreign, unknown = end(caller, session), caller.delete(f"/auth/sessions/{uuid4()}")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
    assert foreign.json()["code"] == "not_found"
    assert is_alive(session)


def test_session_that_has_ended_cannot_be_ended_again(signed_in, phone):
    session = session_of(phone)
    end(signed_in, session)

    assert end(signed_in, session).status_code == 404


def test_id_is_taken_with_and_without_hyphens(signed_in, phone):
    assert signed_in.delete(f"/auth/sessions/{session_of(phone).pk.hex}").status_code == 200


def test_forged_end_is_refused(signed_in, phone):
    response = end(signed_in, session_of(phone), HTTP_SEC_FETCH_SITE="same-site")

    assert response.status_code == 403
    assert is_alive(session_of(phone))


# --- Ending all -----------------------------------------------------------------------------------------------------


def test_ending_all_ends_the_current_one_too(signed_in, phone, stranger):
    response = signed_in.delete("/auth/sessions/all")

    assert response.status_code == 200
    assert response.json() == {"message": "Sessions ended"}
    assert clears_cookies(response)
    assert signed_in.get("/private").status_code == phone.get("/private").status_code == 401
    assert stranger.get("/private").status_code == 200


def test_ending_all_as_a_bearer_caller_clears_no_cookie(app, phone):
    response = app.delete("/auth/sessions/all")

    assert touches_no_cookie(response)
    assert app.get("/private").status_code == phone.get("/private").status_code == 401


@pytest.mark.parametrize("value", ["true", "True", "1", "on"])
def test_ending_all_others_keeps_the_current_one(caller, phone, value):
    response = caller.delete(f"/auth/sessions/all?keep_current={value}")

    assert response.status_code == 200
    assert touches_no_cookie(response)
    assert caller.get("/private").status_code == 200
    assert revoked_reason(session_of(phone)) == "ended"


@pytest.mark.parametrize("value", ["false", "0", "off"])
def test_keep_current_can_be_said_no_to(signed_in, value):
    assert clears_cookies(signed_in.delete(f"/auth/sessions/all?keep_current={value}"))


@pytest.mark.parametrize("value", ["maybe", "", "2"])
def test_keep_current_that_is_neither_yes_nor_no_is_a_400_that_ends_nothing(caller, phone, value):
    response = caller.delete(f"/auth/sessions/all?keep_current={value}")

    assert response.status_code == 400
    assert set(response.json()) == {"keep_current"}
    assert AuthSession.objects.live().count() == 2


def test_ending_all_others_when_there_are_none_is_no_error(signed_in):
    assert signed_in.delete("/auth/sessions/all?keep_current=true").status_code == 200


# --- Signals, and callers without a session -------------------------------------------------------------------------


def test_ends_are_announced_and_the_callers_own_as_a_sign_out(signed_in, account, phone):
    with listening(session_revoked, user_logged_out) as heard:
        signed_in.delete("/auth/sessions/all")

    assert [signal for signal, _arguments in heard] == [session_revoked, session_revoked, user_logged_out]
    assert {arguments["reason"] for signal, arguments in heard if signal is session_revoked} == {"ended"}
    assert heard[-1][1]["user"] == account.user


def test_end_of_another_device_is_no_sign_out(signed_in, phone):
    with listening(session_revoked, user_logged_out) as heard:
        end(signed_in, session_of(phone))

    assert [signal for signal, _arguments in heard] == [session_revoked]


@pytest.fixture
def migrating(account, settings) -> NativeApp:
    """Ada's app of before the migration: it still has a token of plain simplejwt."""
    settings.FASTAUTH = {**settings.FASTAUTH, "ACCEPT_TOKENS_WITHOUT_SESSION": True}
    native_app = NativeApp()
    native_app.access = str(PlainAccessToken.for_user(account.user))
    return native_app


def test_caller_without_a_session_sees_none_as_current(migrating, phone):
    assert [each["current"] for each in migrating.get("/auth/sessions").json()] == [False]


@pytest.mark.parametrize("query", ["", "?keep_current=true"])
def test_caller_without_a_session_ends_all(migrating, phone, query):
    response = migrating.delete(f"/auth/sessions/all{query}")

    assert response.status_code == 200
    assert touches_no_cookie(response)
    assert phone.get("/private").status_code == 401


def test_forced_authentication_of_a_projects_tests_has_no_session(account, phone):
    client = APIClient()
    client.force_authenticate(account.user)
    assert [session["current"] for session in client.get("/auth/sessions").json()] == [False]
    assert client.delete("/auth/sessions/all", query_params={"keep_current": "true"}).status_code == 200
    assert AuthSession.objects.live().count() == 0
