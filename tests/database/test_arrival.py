"""The mark that a rotation has arrived: what it races with, and that the request it rides on never waits for it."""

import sqlite3
import time
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, connections, transaction
from django.test import Client

from fastauth_django import conflicts
from fastauth_django.models import AuthSession
from fastauth_django.signals import refresh_token_repeated, refresh_token_reused
from tests.clients import REFRESH, Browser
from tests.database.crowd import is_let_in, is_signed_in, new_session, refresh, sign_out
from tests.reading import listening, refresh_claims

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

racing = pytest.mark.usefixtures("transactions")
AT_ONCE = 1.0  # seconds. The databases would wait 5 to 50 seconds for a lock.


@pytest.fixture(autouse=True)
def _as_another_process():
    """Each process tries to mark a generation once a minute, and remembers what it tried."""
    conflicts._tried.clear()


def row() -> AuthSession:
    return AuthSession.objects.latest("pk")


def refreshed(account) -> Browser:
    """A browser whose last answer arrived, which the server does not know yet."""
    browser = new_session(account)
    assert refresh(browser) == 200
    assert row().seen is False
    return browser


def an_hour_passes() -> None:
    """For the row alone, so that access tokens stay good."""
    AuthSession.objects.update(rotated_at=row().rotated_at - timedelta(hours=1))


# --- Races -----------------------------------------------------------------------------------------------------------


@racing
def test_an_access_token_of_the_new_generation_marks_it_and_one_of_the_old_does_not(account):
    browser = new_session(account)
    before = browser.clone()
    assert refresh(browser) == 200

    assert is_let_in(before)
    assert row().seen is False
    assert is_let_in(browser)
    assert row().seen is True


@racing
def test_first_sight_racing_a_refresh_disturbs_neither(crowd, account):
    for _round in range(15):
        browser = refreshed(account)
        with listening(refresh_token_reused) as heard:
            statuses = crowd.race(
                partial(is_let_in, browser.clone()), partial(is_let_in, browser.clone()), partial(refresh, browser)
            )
        assert statuses == [True, True, 200]
        assert (row().generation, row().predecessor) == (2, 1)
        # A mark of generation 1 must not count for generation 2.
        assert row().seen is False
        assert heard == []
        assert is_let_in(browser)
        assert row().seen is True


@racing
def test_first_sight_racing_a_sign_out_revives_nothing(crowd, account):
    for _round in range(15):
        browser = refreshed(account)
        tab = browser.clone()

        let_in, signed_out = crowd.race(partial(is_let_in, tab), partial(sign_out, browser))

        assert let_in in {True, False}
        assert signed_out == 200
        assert row().revoked_reason == "signed_out"
        assert not is_signed_in(tab)


@racing
def test_first_sight_twice_at_once_lets_both_in(crowd, account):
    for _round in range(15):
        browser = refreshed(account)
        assert crowd.race(*[partial(is_let_in, browser.clone()) for _tab in range(8)]) == [True] * 8
        # Whoever lost a race leaves the mark to a later request, here of another process.
        conflicts._tried.clear()
        assert is_let_in(browser)
        assert row().seen is True


@racing
@pytest.mark.parametrize("tabs", [2, 6])
@pytest.mark.parametrize("last", [0, -1], ids=["first answer last", "last answer last"])
def test_lost_answer_repeated_after_an_hour_by_tabs_at_once(crowd, account, tabs, last):
    for _round in range(5):
        browser = new_session(account)
        assert refresh(browser.clone()) == 200  # and the answer is lost
        an_hour_passes()
        clones = [browser.clone() for _tab in range(tabs)]

        with listening(refresh_token_repeated, refresh_token_reused) as heard:
            statuses = crowd.race(*[partial(refresh, clone) for clone in clones])

        assert statuses == [200] * tabs
        assert {signal for signal, _ in heard} == {refresh_token_repeated}
        assert True in {said["lost"] for _, said in heard}
        # The tabs share one jar, in which the answer that arrived last stands.
        browser = sorted(clones, key=lambda clone: refresh_claims(clone.cookie(REFRESH))["gen"])[last]
        assert is_let_in(browser)
        assert row().seen is True
        an_hour_passes()
        assert refresh(browser) == 200
        assert is_let_in(browser)


@racing
def test_of_two_clients_that_repeated_a_lost_answer_one_is_cut_off(crowd, account):
    browser = new_session(account)
    assert refresh(browser.clone()) == 200
    an_hour_passes()
    first, second = browser.clone(), browser.clone()
    assert crowd.race(partial(refresh, first), partial(refresh, second)) == [200, 200]
    an_hour_passes()

    statuses = crowd.race(partial(refresh, first), partial(refresh, second))

    assert sorted(statuses) == [200, 401]
    assert row().revoked_reason == "reuse"
    assert not is_signed_in(first, second)


# --- The row is behind -----------------------------------------------------------------------------------------------


def set_back(by: int) -> None:
    """What a failover to a lagging standby does."""
    generation = row().generation - by
    AuthSession.objects.update(
        generation=generation, successor=generation, predecessor=generation - 1, seen=True
    ) if generation else AuthSession.objects.update(generation=0, successor=None, predecessor=None, seen=None)


@racing
@pytest.mark.parametrize("by", [1, 2])
def test_row_set_back_goes_on_and_a_second_client_ahead_is_reuse(crowd, account, by):
    for _round in range(5):
        browser = new_session(account)
        earlier = None
        for _rotation in range(2):
            earlier, _status = browser.clone(), refresh(browser)
        set_back(by)
        an_hour_passes()
        clones = [browser.clone() for _tab in range(4)]

        statuses = crowd.race(*[partial(refresh, clone) for clone in clones])

        assert statuses == [200] * 4
        assert (row().generation, row().predecessor) == (1002, 2)
        [winner] = [clone for clone in clones if refresh_claims(clone.cookie(REFRESH))["gen"] == 1002]
        assert is_let_in(winner)
        assert refresh(earlier) == 401
        assert row().revoked_reason == "reuse"
        assert not is_signed_in(*clones)


@racing
def test_two_clients_ahead_of_the_row_race_and_one_is_reuse(crowd, account):
    for _round in range(10):
        browser = new_session(account)
        assert refresh(browser) == 200
        one = browser.clone()
        assert refresh(browser) == 200
        set_back(2)
        an_hour_passes()

        statuses = crowd.race(partial(refresh, one), partial(refresh, browser))

        assert sorted(statuses) in ([200, 401], [401, 401])
        assert row().revoked_reason == "reuse"
        assert not is_signed_in(one, browser)


@racing
def test_row_set_back_with_a_sign_out_in_between_stays_ended(crowd, account):
    for _round in range(10):
        browser = new_session(account)
        assert [refresh(browser), refresh(browser)] == [200, 200]
        set_back(1)
        tabs = [browser.clone(), browser.clone()]

        *refreshed, signed_out = crowd.race(*[partial(refresh, tab) for tab in tabs], partial(sign_out, browser))

        assert set(refreshed) <= {200, 401}
        assert signed_out == 200
        assert row().revoked_reason == "signed_out"
        assert not is_signed_in(*tabs)


@racing
def test_row_set_back_by_three_ends_without_an_alarm(crowd, account):
    browser = new_session(account)
    assert [refresh(browser) for _rotation in range(3)] == [200] * 3
    set_back(3)

    with listening(refresh_token_reused) as heard:
        statuses = crowd.race(partial(refresh, browser.clone()), partial(refresh, browser.clone()))

    assert statuses == [401, 401]
    assert row().revoked_reason == "behind"
    assert heard == []


# --- The mark never fails or slows the request that it rides on ------------------------------------------------------


@contextmanager
def another_transaction(session: AuthSession):
    """Somebody else's transaction that has written the row, or where there is one lock, anything."""
    if connection.vendor == "sqlite":
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
        return
    other = connections.create_connection("default")
    other.set_autocommit(False)
    with other.cursor() as cursor:
        key = AuthSession._meta.pk.get_db_prep_value(session.pk, other)
        cursor.execute(
            f"UPDATE {AuthSession._meta.db_table} SET user_agent = 'elsewhere' WHERE id = %s",  # noqa: S608
            [key],
        )
    yield
    other.rollback()
    other.close()


def timed(act):
    started = time.monotonic()
    return act(), time.monotonic() - started


def test_a_locked_row_makes_nobody_wait(account, transactions):
    browser = refreshed(account)
    assert is_let_in(browser.clone())  # connects
    AuthSession.objects.update(seen=False)
    conflicts._tried.clear()

    with another_transaction(row()):
        let_in, seconds = timed(partial(is_let_in, browser))

    assert let_in
    assert seconds < AT_ONCE
    assert row().seen is False
    conflicts._tried.clear()
    assert is_let_in(browser)
    assert row().seen is True
    if connection.vendor == "sqlite":
        [patience] = connection.cursor().execute("PRAGMA busy_timeout").fetchone()
        assert patience == 30_000


def test_a_process_tries_once_a_minute(account, transactions):
    browser = refreshed(account)
    with another_transaction(row()):
        assert is_let_in(browser)
    assert is_let_in(browser)
    assert row().seen is False


def view_in(browser: Browser, around):
    """The protected view, with ``around`` as a middleware would put it around the request."""
    with around:
        return browser.get("/private").status_code


@contextmanager
def rolled_back():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def read_only():
    with transaction.atomic():
        if connection.vendor != "sqlite":
            connection.cursor().execute("SELECT 1")
        if connection.vendor == "postgresql":
            connection.cursor().execute("SET TRANSACTION READ ONLY")
        yield


def test_a_transaction_that_is_rolled_back_is_answered_and_marks_later(account):
    browser = refreshed(account)
    assert view_in(browser, rolled_back()) == 200
    assert row().seen is False
    conflicts._tried.clear()
    assert is_let_in(browser)
    assert row().seen is True


def test_a_transaction_marks_when_it_is_committed(account):
    browser = refreshed(account)
    with transaction.atomic():
        assert is_let_in(browser)
        assert row().seen is False
    assert row().seen is True


def test_a_read_only_transaction_is_answered(account):
    browser = refreshed(account)
    assert view_in(browser, read_only()) == 200
    assert row().seen is True


def test_read_only_database_is_answered(account):
    browser = refreshed(account)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA query_only = ON")
        elif connection.vendor == "postgresql":
            cursor.execute("SET default_transaction_read_only = on")
        else:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
    try:
        assert browser.get("/private").status_code == 200
        assert row().seen is False
    finally:
        if connection.vendor == "postgresql":  # Somebody else gets the connection out of a pool.
            connection.cursor().execute("RESET default_transaction_read_only")
        connection.close()
    conflicts._tried.clear()
    assert is_let_in(browser)
    assert row().seen is True


def test_autocommit_off_is_answered(account):
    browser = refreshed(account)
    transaction.set_autocommit(False)
    try:
        assert browser.get("/private").status_code == 200
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    conflicts._tried.clear()
    assert is_let_in(browser)
    assert row().seen is True


def test_a_request_that_fails_after_its_user_was_read_changes_nothing(account, monkeypatch):
    """With ATOMIC_REQUESTS the 500 rolls the transaction back, and the mark that waited for its end is gone."""
    from tests.testapp import views

    def fails(self, request):
        AuthSession.objects.extra(where=["no_such_column = 1"]).count()  # aborts a transaction of PostgreSQL

    browser = refreshed(account)
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    monkeypatch.setattr(views.PrivateView, "get", fails)
    client = Client(raise_request_exception=False)
    client.cookies = browser.cookies
    assert client.get("/private").status_code == 500
    monkeypatch.undo()
    conflicts._tried.clear()
    assert row().seen is False
    assert is_let_in(browser)
    assert row().seen is True
