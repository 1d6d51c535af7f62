"""A session's life: limits, lifetimes, keys that change, and what is recorded of the client."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import OperationalError, connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fastauth_django import sessions
from fastauth_django.cookies import CookieTooLarge
from fastauth_django.models import AuthSession, AuthSessionQuerySet, UnrevokedSession
from fastauth_django.signals import session_revoked
from fastauth_django.tokens import RefreshToken
from tests.clients import ACCESS, REFRESH, Browser
from tests.reading import is_alive, listening, revoked_reason, session_of

pytestmark = pytest.mark.django_db

Reason = AuthSession.RevokedReason


class Deadlock(Exception):
    """As psycopg reports it."""

    sqlstate = "40P01"


def start(user, remember=False, **meta):
    """A session whose tokens nobody delivers."""
    session, _pair = sessions.start(user, RequestFactory().get("/", **meta), delivery="json", remember=remember)
    return session


# --- Start ----------------------------------------------------------------------------------------------------------


def test_times_are_whole_seconds(clock, account):
    clock.shift(timedelta(microseconds=987_654))

    session = start(account.user)

    session.refresh_from_db()
    times = (session.created_at, session.rotated_at, session.expires_at)
    assert [time.microsecond for time in times] == [0, 0, 0]


def fail(user, claims):
    raise RuntimeError("tokens that cannot be made")


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({"TOKEN_CLAIMS": fail}, RuntimeError),
        ({"TOKEN_CLAIMS": lambda user, claims: {"scope": "s" * 4096, **claims}}, CookieTooLarge),
        ({"COOKIE_PATH_REFRESH": "/" + "p" * 4096}, CookieTooLarge),
    ],
    ids=["cannot be minted", "access cookie too large", "refresh cookie too large"],
)
def test_nothing_is_written_when_the_tokens_cannot_be_delivered(account, settings, broken, error):
    before = start(account.user)
    settings.FASTAUTH = broken
    replacing = [RefreshToken.for_session(before)]

    with pytest.raises(error):
        sessions.start(account.user, RequestFactory().get("/"), delivery="cookie", replacing=replacing)

    assert list(AuthSession.objects.live()) == [before]


def test_session_max_age_bounds_the_life_of_a_new_session(clock, account, settings):
    settings.FASTAUTH = {"SESSION_MAX_AGE": 3600}

    session = start(account.user, remember=True)

    assert session.expires_at - session.created_at == timedelta(hours=1)


def test_lifetimes_that_are_no_whole_seconds_are_cut(clock, account, settings):
    settings.FASTAUTH = {"REFRESH_TOKEN_TTL": timedelta(seconds=90, milliseconds=900)}

    assert start(account.user).expires_at - timezone.now() == timedelta(seconds=90)


# --- What is recorded of the client ---------------------------------------------------------------------------------


def test_user_agent_of_10_kb_is_cut(browser, account):
    browser.post("/auth/login", account.credentials, format="json", HTTP_USER_AGENT="x" * 10_000)

    assert session_of(browser).user_agent == "x" * 512


def test_user_agent_with_a_nul_is_stored_without_it(browser, account):
    browser.post("/auth/login", account.credentials, format="json", HTTP_USER_AGENT="a\0b")

    assert session_of(browser).user_agent == "ab"


@pytest.mark.parametrize("address", ["garbage", "", "192.0.2.300", "\0", "unix:"])
def test_invalid_address_is_null(browser, account, address):
    response = browser.post("/auth/login", account.credentials, format="json", REMOTE_ADDR=address)

    assert response.status_code == 200
    assert session_of(browser).ip_address is None


@pytest.mark.parametrize(
    ("proxies", "recorded"), [(None, "192.0.2.1"), (0, "192.0.2.1"), (1, "192.0.2.3"), (2, "192.0.2.2")]
)
def test_address_honours_num_proxies(browser, account, settings, proxies, recorded):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}

    browser.post(
        "/auth/login",
        account.credentials,
        format="json",
        REMOTE_ADDR="192.0.2.1",
        HTTP_X_FORWARDED_FOR="198.51.100.9, 192.0.2.2, 192.0.2.3",
    )

    assert session_of(browser).ip_address == recorded


# --- MAX_SESSIONS_PER_USER ------------------------------------------------------------------------------------------


@pytest.fixture
def two_at_most(settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "MAX_SESSIONS_PER_USER": 2}


def test_oldest_session_ends_when_one_too_many_starts(clock, two_at_most, account):
    started = []
    for _device in range(4):
        started.append(start(account.user))
        clock.shift(1)

    assert [revoked_reason(session) for session in started] == ["session_limit", "session_limit", "", ""]


def test_ties_within_one_second_are_broken_by_the_order_of_the_starts(clock, two_at_most, account):
    started = []
    for _device in range(5):
        started.append(start(account.user))
        clock.shift(timedelta(milliseconds=2))

    assert len({session.created_at for session in started}) == 1
    assert [is_alive(session) for session in started] == [False, False, False, True, True]


def test_oldest_is_by_start_however_lately_it_was_used(clock, two_at_most, account):
    first, second, third = Browser(), Browser(), Browser()
    for browser in (first, second):
        browser.sign_in(account)
        clock.shift(60)
    first.post("/auth/refresh")

    third.sign_in(account)

    assert [each.get("/private").status_code for each in (first, second, third)] == [401, 200, 200]


def test_session_that_ends_for_the_limit_is_announced(clock, two_at_most, account):
    first = start(account.user)
    clock.shift(1)
    start(account.user)
    clock.shift(1)

    with listening(session_revoked) as heard:
        start(account.user)

    assert [(arguments["session"], arguments["reason"]) for _signal, arguments in heard] == [(first, "session_limit")]


def test_dead_sessions_do_not_count(clock, two_at_most, account):
    kept = start(account.user, remember=True)
    expired = start(account.user)
    clock.shift(timedelta(days=31))
    sessions.revoke(AuthSession.objects.filter(pk=start(account.user).pk), Reason.ENDED)
    start(account.user)

    assert is_alive(kept)
    assert revoked_reason(expired) == ""


def test_replaced_session_does_not_count(clock, two_at_most, account):
    first, second = Browser(), Browser()
    first.sign_in(account)
    clock.shift(1)
    second.sign_in(account)
    clock.shift(1)

    second.sign_in(account)

    assert first.get("/private").status_code == 200
    assert AuthSession.objects.live().count() == 2


def test_sessions_of_others_do_not_count(clock, two_at_most, account, other_account):
    mine = start(account.user)
    for _device in range(3):
        start(other_account.user)
        clock.shift(1)

    assert is_alive(mine)
    assert AuthSession.objects.live().filter(user=other_account.user).count() == 2


def test_limit_of_one_keeps_the_newest(clock, browser, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "MAX_SESSIONS_PER_USER": 1}
    browser.sign_in(account)
    clock.shift(1)
    newer = Browser()
    newer.sign_in(account)

    assert browser.post("/auth/refresh").json()["code"] == "session_revoked"
    assert newer.get("/private").status_code == 200


def test_without_a_limit_every_device_stays(account):
    for _device in range(12):
        start(account.user)

    assert AuthSession.objects.live().count() == 12


@pytest.mark.django_db(transaction=True)
def test_limit_holds_outside_of_a_test_transaction(clock, two_at_most, account):
    for _device in range(3):
        start(account.user)
        clock.shift(1)

    assert AuthSession.objects.live().count() == 2


@pytest.mark.parametrize("no_key", [True, False], ids=["NO KEY known", "NO KEY unknown"])
def test_users_row_is_locked_where_the_database_can(account, monkeypatch, no_key):
    """The lock itself is shown by the concurrency tests; here, that both kinds of database are asked rightly."""
    asked = []

    class Features:
        has_select_for_update = True
        has_select_for_no_key_update = no_key

    class Connection:
        features = Features

    manager = get_user_model()._base_manager
    queryset_class = type(manager.all())
    monkeypatch.setattr(sessions, "connections", {"default": Connection})
    monkeypatch.setattr(
        queryset_class,
        "select_for_update",
        lambda queryset, **options: asked.append(options) or queryset,
    )

    sessions._lock(account.user, "default")

    assert asked == [{"no_key": no_key}]


# --- End ------------------------------------------------------------------------------------------------------------


def test_revoke_ends_and_announces_those_alive_only(account):
    first, second = start(account.user), start(account.user)
    sessions.revoke(AuthSession.objects.filter(pk=first.pk), Reason.SIGNED_OUT)

    with listening(session_revoked) as heard:
        ended = sessions.revoke(AuthSession.objects.all(), Reason.ENDED)

    assert ended == [second]
    assert ended[0].revoked_reason == "ended"
    assert ended[0].user == account.user
    assert len(heard) == 1
    assert heard[0][1]["request"] is None
    assert revoked_reason(first) == "signed_out"


def test_end_that_another_end_was_faster_than_is_not_announced(account, monkeypatch):
    session = start(account.user)
    write = AuthSessionQuerySet.update

    def lose(rows, **changes):
        write(AuthSession.objects.all(), revoked_at=timezone.now(), revoked_reason="ended")
        return write(rows, **changes)

    monkeypatch.setattr(AuthSessionQuerySet, "update", lose)

    with listening(session_revoked) as heard:
        assert sessions.revoke(AuthSession.objects.all(), Reason.SIGNED_OUT) == []

    assert heard == []
    assert revoked_reason(session) == "ended"


@pytest.mark.django_db(transaction=True)
def test_end_that_loses_to_a_refresh_is_tried_again(signed_in, monkeypatch):
    """Signing out while a refresh is in flight must not bring the session back."""
    write, losses = UnrevokedSession.update, [1, 2, 3]

    def lose(rows, **changes):
        if losses:
            losses.pop()
            raise OperationalError("deadlock detected") from Deadlock()
        return write(rows, **changes)

    monkeypatch.setattr(UnrevokedSession, "update", lose)

    assert signed_in.clone().post("/auth/logout").status_code == 200
    assert signed_in.get("/private").status_code == 401


def test_revoking_the_live_rows_of_a_user_ends_each_and_no_other(account, other_account):
    mine, theirs = [start(account.user), start(account.user)], start(other_account.user)

    ended = sessions.revoke(sessions.live_rows(account.user), Reason.ENDED_BY_STAFF)

    assert set(ended) == set(mine)
    assert is_alive(theirs)


def test_ended_session_is_never_written_again(signed_in):
    session = session_of(signed_in)
    token = RefreshToken.read(signed_in.cookie(REFRESH))
    stale = sessions.live_session(token)
    sessions.revoke(AuthSession.objects.all(), Reason.ENDED)

    request = RequestFactory().get("/")
    successor = sessions.next_generation(stale, request, sessions.current_second(), generation=1, predecessor=0)

    assert sessions.put_generation(stale, successor, request) is False
    assert revoked_reason(session) == "ended"


def test_token_of_one_user_does_not_open_the_session_of_another(signed_in, other_account):
    AuthSession.objects.update(user=other_account.user)

    assert signed_in.get("/auth/me").json()["code"] == "token_invalid"
    assert signed_in.post("/auth/refresh").json()["code"] == "token_invalid"


# --- A key that changes ---------------------------------------------------------------------------------------------

OLD_KEY = "the old key of the tests, and long enough for HS256"
NEW_KEY = "the new key of the tests, and long enough for HS256"


@pytest.fixture
def before_the_change(settings, browser, account) -> Browser:
    """Signed in while the old key was the key."""
    settings.SECRET_KEY = OLD_KEY
    browser.sign_in(account)
    return browser


def test_planned_change_of_the_key_signs_nobody_out(before_the_change, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]

    assert before_the_change.get("/private").status_code == 200
    assert before_the_change.post("/auth/refresh").status_code == 200
    assert before_the_change.get("/private").status_code == 200


def test_auth_hash_is_rewritten_once_after_a_planned_change(before_the_change, settings, account):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]

    with CaptureQueriesContext(connection) as first:
        before_the_change.get("/private")
    with CaptureQueriesContext(connection) as second:
        before_the_change.get("/private")

    assert AuthSession.objects.get().auth_hash == account.user.get_session_auth_hash()
    assert [sum(query["sql"].startswith("UPDATE") for query in queries) for queries in (first, second)] == [1, 0]


def test_auth_hash_is_rewritten_by_compare_and_set(before_the_change, settings, monkeypatch):
    """A hash that changed since it was read, by a password form of the project, is not overwritten."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]
    write = UnrevokedSession.update

    def late(session, **changes):
        AuthSession.objects.update(auth_hash="a newer one")
        return write(session, **changes)

    monkeypatch.setattr(UnrevokedSession, "update", late)
    before_the_change.get("/private")

    assert AuthSession.objects.get().auth_hash == "a newer one"


@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "inside a transaction"])
@pytest.mark.django_db(transaction=True)
def test_rewriting_that_loses_a_race_is_left_to_a_later_request(before_the_change, settings, monkeypatch, atomic):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]

    def lose(rows, **changes):
        raise OperationalError("deadlock detected") from Deadlock()

    with monkeypatch.context() as patch, transaction.atomic() if atomic else nullcontext():
        patch.setattr(UnrevokedSession, "update", lose)
        assert before_the_change.get("/private").status_code == 200

    before_the_change.get("/private")
    settings.SECRET_KEY_FALLBACKS = []
    assert before_the_change.post("/auth/refresh").json()["code"] == "token_invalid", "its token is of the old key"
    assert AuthSession.objects.get().auth_hash == get_user_model()._default_manager.get().get_session_auth_hash()


def test_rewriting_that_fails_otherwise_is_told(before_the_change, settings, monkeypatch):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]

    def fail(rows, **changes):
        raise OperationalError("the server is gone")

    monkeypatch.setattr(UnrevokedSession, "update", fail)

    with pytest.raises(OperationalError, match="gone"):
        before_the_change.get("/private")


def test_old_key_can_go_once_everybody_has_refreshed(before_the_change, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]
    before_the_change.post("/auth/refresh")
    settings.SECRET_KEY_FALLBACKS = []

    assert before_the_change.get("/private").status_code == 200
    assert before_the_change.post("/auth/refresh").status_code == 200


def test_grace_spans_a_change_of_the_key(clock, before_the_change, settings):
    tab = before_the_change.clone()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]
    before_the_change.post("/auth/refresh")

    assert tab.post("/auth/refresh").status_code == 200
    assert tab.get("/private").status_code == 200
    assert session_of(tab).generation == 1


def test_after_a_leak_everybody_signs_in_again(before_the_change, settings, account):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, []

    assert before_the_change.get("/private").status_code == 401
    assert before_the_change.post("/auth/refresh").json()["code"] == "token_invalid"
    assert before_the_change.sign_in(account).status_code == 200


def test_tokens_of_a_leaked_key_are_refused_though_the_rows_are_there(before_the_change, settings):
    """A forger with the old key can mint what he likes; the auth_hash would not match either."""
    access = before_the_change.cookie(ACCESS)
    settings.SECRET_KEY = NEW_KEY

    assert Browser().get("/auth/me", HTTP_AUTHORIZATION=f"Bearer {access}").json()["code"] == "token_invalid"


def test_password_change_counts_during_a_planned_change_too(before_the_change, settings, account):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]
    get_user_model()._default_manager.update(password=make_password("another horse 7"))

    assert before_the_change.get("/auth/me").json()["code"] == "password_changed"


def test_key_of_simplejwts_own_is_left_alone(settings, browser, account):
    """SECRET_KEY does not sign here, so its change concerns the auth_hash only."""
    settings.SIMPLE_JWT = {"SIGNING_KEY": "a key of simplejwt's own, and long enough for it"}
    settings.SECRET_KEY = OLD_KEY
    browser.sign_in(account)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [OLD_KEY]

    assert browser.post("/auth/refresh").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.post("/auth/refresh").status_code == 200
