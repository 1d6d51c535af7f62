"""Refreshing: the answer, its lifetimes, refusals and lost races. The rule of rotation has tests of its own."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from rest_framework.throttling import BaseThrottle
from rest_framework_simplejwt.tokens import RefreshToken as PlainRefreshToken

from fastauth_django.cookies import CookieTooLarge
from fastauth_django.models import AuthSession, UnrevokedSession
from fastauth_django.signals import refresh_token_reused, token_refreshed
from fastauth_django.tokens import RefreshToken
from fastauth_django.views import RefreshView
from tests.clients import ACCESS, REFRESH, Browser, NativeApp
from tests.reading import (
    access_claims,
    clears_cookies,
    holds_token,
    listening,
    refresh_claims,
    session_of,
    sets_cookies,
    touches_no_cookie,
)

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60


def refresh(client, **extra):
    return client.post("/auth/refresh", **extra)


def refresh_with(client, *raw_tokens):
    """A refresh by a browser that sends several cookies of the name, in this order."""
    return refresh(client, HTTP_COOKIE="; ".join(f"{REFRESH}={raw_token}" for raw_token in raw_tokens))


# --- The answer -----------------------------------------------------------------------------------------------------


def test_refresh_answers_200_with_two_new_cookies_and_no_token_in_the_body(clock, signed_in):
    before = {name: signed_in.cookie(name) for name in (ACCESS, REFRESH)}

    response = refresh(signed_in)

    assert response.status_code == 200
    assert response.json() == {
        "message": "Authentication successful",
        "expires_in": 900,
        "refresh_expires_in": 30 * DAY,
    }
    assert {name: morsel["max-age"] for name, morsel in response.cookies.items()} == {ACCESS: 900, REFRESH: 30 * DAY}
    assert signed_in.cookie(ACCESS) != before[ACCESS]
    assert signed_in.cookie(REFRESH) != before[REFRESH]
    assert response["Cache-Control"] == "no-store"
    assert "Cookie" in response["Vary"]
    assert not holds_token(response)


def test_refresh_in_json_delivery_answers_with_the_pair(native_app, account, settings):
    settings.FASTAUTH = {}
    native_app.sign_in(account)

    response = native_app.refresh()

    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in"}
    assert response["Cache-Control"] == "no-store"
    assert touches_no_cookie(response)
    assert native_app.get("/private").status_code == 200


def test_refresh_works_when_the_access_cookie_is_long_gone(signed_in):
    signed_in.set_cookie(ACCESS, "")

    assert refresh(signed_in).status_code == 200
    assert signed_in.get("/private").status_code == 200


def test_refresh_costs_two_queries(signed_in, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert refresh(signed_in).status_code == 200


@pytest.mark.slow
def test_thousand_refreshes_leave_one_row(signed_in):
    for _round in range(1_000):
        assert refresh(signed_in).status_code == 200

    session = AuthSession.objects.get()
    assert session.generation == 1_000


def test_refresh_token_is_a_function_of_the_row(signed_in):
    refresh(signed_in)

    session = AuthSession.objects.select_related("user").get()
    assert str(RefreshToken.for_session(session, in_cookie=True)) == signed_in.cookie(REFRESH)


def test_refresh_records_the_device(clock, signed_in):
    clock.shift(timedelta(hours=1))

    refresh(signed_in, REMOTE_ADDR="192.0.2.9", HTTP_USER_AGENT="Navigator/5.0")

    session = session_of(signed_in)
    assert (session.ip_address, session.user_agent) == ("192.0.2.9", "Navigator/5.0")
    assert session.rotated_at == timezone.now()
    assert session.created_at == timezone.now() - timedelta(hours=1)


def test_refresh_is_announced(signed_in):
    with listening(token_refreshed) as heard:
        refresh(signed_in)

    ((_signal, arguments),) = heard
    assert arguments["sender"] is AuthSession
    assert arguments["session"].generation == 1
    assert arguments["session"].user == session_of(signed_in).user
    assert arguments["request"].path == "/auth/refresh"


# --- A token leaves by the way it came ------------------------------------------------------------------------------


def test_json_view_never_reads_a_refresh_cookie(signed_in):
    """Or a script could empty the HttpOnly jar through it."""
    response = signed_in.post("/app/refresh")

    assert response.status_code == 401
    assert response.json()["code"] == "refresh_token_required"
    assert touches_no_cookie(response)
    assert session_of(signed_in).generation == 0


def test_answer_that_comes_after_that_of_a_new_sign_in_clears_nothing(signed_in, account):
    """A tab's refresh that was on its way while another tab signed in: its 401 may be the last to arrive."""
    tab = signed_in.clone()
    signed_in.sign_in(account)

    late = tab.refresh()

    assert (late.status_code, late.json()["code"]) == (401, "session_revoked")
    assert not late.cookies
    assert signed_in.get("/private").status_code == 200


def test_json_view_takes_no_token_that_was_delivered_in_a_cookie(clock, signed_in):
    """Or who copied the cookie would get, inside the grace, the successor that a second tab does not get."""
    thief, stolen = NativeApp(), {"refresh_token": signed_in.cookie(REFRESH)}
    signed_in.refresh()
    clock.shift(4)

    response = thief.post("/app/refresh", stolen, format="json")

    assert (response.status_code, response.json()["code"]) == (401, "token_invalid")
    assert not holds_token(response)
    assert signed_in.refresh().status_code == 200
    assert thief.post("/app/refresh", stolen, format="json").json()["code"] == "refresh_token_reused"


def test_token_in_the_body_of_a_cookie_view_leaves_in_cookies(signed_in):
    fresh = Browser()

    response = fresh.post("/auth/refresh", {"refresh_token": signed_in.cookie(REFRESH)}, format="json")

    assert response.status_code == 200
    assert sets_cookies(response)
    assert not holds_token(response)
    assert fresh.get("/private").status_code == 200


def test_cookie_counts_before_the_body(signed_in, other_account):
    other = Browser()
    other.sign_in(other_account)

    signed_in.post("/auth/refresh", {"refresh_token": other.cookie(REFRESH)}, format="json")

    assert session_of(signed_in).generation == 1
    assert session_of(other).generation == 0


# --- Lifetimes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("remember", "days"), [(True, 90), (False, 30)])
def test_life_slides_and_remember_me_survives_every_refresh(clock, browser, account, remember, days):
    browser.sign_in(account, remember=remember)

    for _round in range(5):
        clock.shift(timedelta(days=days - 1))
        response = refresh(browser)
        assert response.cookies[REFRESH]["max-age"] == days * DAY

    session = session_of(browser)
    assert session.remember is remember
    assert session.expires_at == timezone.now() + timedelta(days=days)


def test_session_that_is_not_used_runs_out(clock, signed_in):
    clock.shift(timedelta(days=30))

    response = refresh(signed_in)

    assert (response.status_code, response.json()["code"]) == (401, "token_expired")


@pytest.fixture
def week_long(settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "SESSION_MAX_AGE": timedelta(days=7)}


def test_session_max_age_is_the_end_however_often_it_refreshes(clock, week_long, browser, account):
    response = browser.sign_in(account, remember=True)
    assert response.cookies[REFRESH]["max-age"] == 7 * DAY

    for left in range(6, 0, -1):
        clock.shift(timedelta(days=1))
        assert refresh(browser).cookies[REFRESH]["max-age"] == left * DAY

    clock.shift(timedelta(days=1))
    assert refresh(browser).json()["code"] == "token_expired"


def test_access_token_never_outlives_its_session(clock, week_long, browser, account):
    browser.sign_in(account)
    clock.shift(timedelta(days=7, minutes=-5))

    response = refresh(browser)

    assert response.json()["expires_in"] == 300
    assert {morsel["max-age"] for morsel in response.cookies.values()} == {300}
    assert access_claims(browser.cookie(ACCESS))["exp"] == refresh_claims(browser.cookie(REFRESH))["exp"]


def test_session_max_age_that_was_shortened_ends_older_sessions(clock, browser, account, settings):
    browser.sign_in(account)
    clock.shift(timedelta(days=8))
    settings.FASTAUTH = {**settings.FASTAUTH, "SESSION_MAX_AGE": timedelta(days=7)}

    response = refresh(browser)

    assert (response.status_code, response.json()["code"]) == (401, "token_expired")
    assert clears_cookies(response)


# --- Refused finally, or for the moment -----------------------------------------------------------------------------


def user_of(browser):
    return session_of(browser).user


def signed_out(browser):
    AuthSession.objects.update(revoked_at=timezone.now(), revoked_reason="ended")


def row_gone(browser):
    AuthSession.objects.all().delete()


def row_run_out(browser):
    AuthSession.objects.update(expires_at=timezone.now())


def user_deactivated(browser):
    type(user_of(browser))._default_manager.update(is_active=False)


def user_deleted(browser):
    user_of(browser).delete()


def password_set(browser):
    user = user_of(browser)
    user.set_password("a new one 1234")
    user.save()


def garbage(browser):
    browser.set_cookie(REFRESH, "garbage")


def access_token_instead(browser):
    browser.set_cookie(REFRESH, browser.cookie(ACCESS))


def plain_refresh_token_instead(browser):
    browser.set_cookie(REFRESH, str(PlainRefreshToken.for_user(user_of(browser))))


def another_user(browser):
    claims = RefreshToken.read(browser.cookie(REFRESH))
    claims["user_id"] = "0"
    browser.set_cookie(REFRESH, str(claims))


FINAL = [
    (signed_out, "session_revoked"),
    (row_gone, "session_revoked"),
    (row_run_out, "token_expired"),
    (user_deactivated, "user_inactive"),
    (user_deleted, "session_revoked"),
    (password_set, "password_changed"),
    (garbage, "token_invalid"),
    (access_token_instead, "token_invalid"),
    (plain_refresh_token_instead, "token_invalid"),
    (another_user, "token_invalid"),
]
final = pytest.mark.parametrize(("spoil", "code"), FINAL, ids=[spoil.__name__ for spoil, _code in FINAL])


@final
def test_refusal_that_is_final_clears_both_cookies_and_says_why(signed_in, spoil, code):
    spoil(signed_in)

    with listening(refresh_token_reused) as heard:
        response = refresh(signed_in)

    assert response.status_code == 401
    assert response.json()["code"] == code
    assert clears_cookies(response)
    assert response["Cache-Control"] == "no-store"
    assert response["WWW-Authenticate"] == f'Bearer realm="api", error="invalid_token", error_description="{code}"'
    assert heard == []


@final
def test_json_view_refuses_the_same_and_touches_no_cookie(signed_in, spoil, code):
    spoil(signed_in)

    response = signed_in.post("/app/refresh", {"refresh_token": signed_in.cookie(REFRESH)}, format="json")

    assert (response.status_code, response.json()["code"]) == (401, code)
    assert touches_no_cookie(response)


def test_nothing_to_refresh_with_is_a_401_that_clears_nothing(browser):
    """The cookies may be on their way in the answer to another tab."""
    response = refresh(browser)

    assert response.status_code == 401
    assert response.json() == {"detail": "A refresh token is required.", "code": "refresh_token_required"}
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert touches_no_cookie(response)


def test_forged_refresh_is_a_403_that_clears_nothing(signed_in):
    response = refresh(signed_in, HTTP_ORIGIN="https://evil.example")

    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    assert touches_no_cookie(response)
    assert refresh(signed_in).status_code == 200


class NotNow(BaseThrottle):
    """A project's throttle that has had enough."""

    def allow_request(self, request, view):
        return False

    def wait(self):
        return 7


def test_throttled_refresh_is_a_429_that_clears_nothing(signed_in, rf):
    request = rf.post("/auth/refresh", HTTP_COOKIE=f"{REFRESH}={signed_in.cookie(REFRESH)}")

    response = RefreshView.as_view(throttle_classes=[NotNow])(request)

    assert response.status_code == 429
    assert response["Retry-After"] == "7"
    assert touches_no_cookie(response)
    assert session_of(signed_in).generation == 0


def test_pair_that_cannot_be_sent_does_not_cost_the_old_one(signed_in, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": lambda user, claims: {**claims, "x": "x" * 5000}}
    with pytest.raises(CookieTooLarge):
        refresh(signed_in)
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie"}

    assert session_of(signed_in).generation == 0
    assert refresh(signed_in).status_code == 200


# --- Lost races -----------------------------------------------------------------------------------------------------


LOST = [
    (signed_out, "session_revoked"),
    (row_gone, "session_revoked"),
    (user_deleted, "session_revoked"),
]


@pytest.mark.parametrize(("spoil", "code"), LOST, ids=[spoil.__name__ for spoil, _code in LOST])
def test_refresh_that_loses_to_an_end_is_refused_without_an_alarm(signed_in, between, caplog, spoil, code):
    between(lambda: spoil(signed_in))

    with listening(refresh_token_reused, token_refreshed) as heard:
        response = refresh(signed_in)

    assert (response.status_code, response.json()["code"]) == (401, code)
    assert clears_cookies(response)
    assert heard == []
    assert not [record for record in caplog.records if record.name == "fastauth_django.security"]
    assert AuthSession.objects.live().count() == 0


@pytest.mark.parametrize(
    ("spoil", "code"),
    [(password_set, "password_changed"), (user_deactivated, "user_inactive")],
    ids=["password", "account"],
)
def test_refresh_that_loses_to_another_tab_and_a_new_password_is_refused_without_an_alarm(
    signed_in, between, spoil, code
):
    other_tab = signed_in.clone()

    def act():
        refresh(other_tab)
        spoil(signed_in)

    between(act)

    with listening(refresh_token_reused) as heard:
        response = refresh(signed_in)

    assert (response.status_code, response.json()["code"]) == (401, code)
    assert heard == []


def test_password_that_changes_during_a_refresh_ends_the_session_at_its_next_request(signed_in, between):
    between(lambda: password_set(signed_in))

    refresh(signed_in)

    assert signed_in.get("/private").status_code == 401
    assert refresh(signed_in).json()["code"] == "password_changed"


def test_stale_snapshot_is_a_503_that_clears_nothing(signed_in, monkeypatch):
    """Neither the write nor what beat it can be seen: nobody is to blame, so nobody is signed out."""
    with monkeypatch.context() as patch:
        patch.setattr(UnrevokedSession, "update", lambda *args, **changes: 0)
        response = refresh(signed_in)

    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert response.json()["code"] == "try_again"
    assert touches_no_cookie(response)
    assert refresh(signed_in).status_code == 200


class SerializationFailure(Exception):
    """As psycopg reports it."""

    sqlstate = "40001"


def fail_with(cause):
    def write(*args, **changes):
        raise OperationalError("a statement failed") from cause

    return write


@pytest.mark.django_db(transaction=True)
def test_write_that_the_database_refuses_for_a_race_is_a_lost_race(signed_in, monkeypatch):
    monkeypatch.setattr(UnrevokedSession, "update", fail_with(SerializationFailure()))

    assert refresh(signed_in).status_code == 503


def test_race_lost_in_the_callers_transaction_is_the_callers_to_repeat(signed_in, monkeypatch):
    monkeypatch.setattr(UnrevokedSession, "update", fail_with(SerializationFailure()))

    with pytest.raises(OperationalError):
        refresh(signed_in)


@pytest.mark.django_db(transaction=True)
def test_database_that_goes_away_during_a_refresh_costs_nobody_the_session(signed_in, monkeypatch):
    signed_in.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(UnrevokedSession, "update", fail_with(ConnectionResetError()))
        response = refresh(signed_in)

    assert response.status_code == 500
    assert touches_no_cookie(response)
    assert refresh(signed_in).status_code == 200
