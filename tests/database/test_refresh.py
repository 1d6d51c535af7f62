"""Clients that present the same refresh token in the same instant: tabs of one browser, and thieves."""

from datetime import timedelta
from functools import partial

import jwt
import pytest

from fastauth_django.models import AuthSession
from tests.clients import REFRESH
from tests.database.crowd import is_let_in, is_signed_in, new_session, refresh

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transactions")]

CROWDS = pytest.mark.parametrize(("tabs", "rounds"), [(2, 20), (10, 6), (50, 2)], ids=["2 tabs", "10 tabs", "50 tabs"])


def token_id(browser) -> str:
    return jwt.decode(browser.cookie(REFRESH), options={"verify_signature": False})["jti"]


@CROWDS
def test_of_tabs_that_refresh_at_once_one_gets_the_successor_and_all_are_let_in(crowd, account, settings, tabs, rounds):
    settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 60}  # for a busy machine
    browser = new_session(account)
    for generation in range(1, rounds + 1):
        clones = [browser.clone() for _tab in range(tabs)]

        statuses = crowd.race(*[partial(refresh, tab) for tab in clones])

        assert statuses == [200] * tabs
        # The tabs of a browser share one jar: the successor is in it, whichever tab got it.
        [winner] = [tab for tab in clones if token_id(tab) != token_id(browser)]
        assert AuthSession.objects.get().generation == generation
        assert all(is_let_in(tab) for tab in clones)
        browser = winner


@CROWDS
def test_without_grace_one_refresh_wins_and_the_session_ends(crowd, account, settings, tabs, rounds):
    settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 0}
    elsewhere = new_session(account)
    for _round in range(rounds):
        browser = new_session(account)
        clones = [browser.clone() for _tab in range(tabs)]

        statuses = crowd.race(*[partial(refresh, tab) for tab in clones])

        assert sorted(statuses) == [200] + [401] * (tabs - 1)
        assert AuthSession.objects.latest("pk").revoked_reason == "reuse"
        assert not is_signed_in(browser, *clones)
    assert is_let_in(elsewhere)


def test_predecessor_after_the_grace_ends_this_session_alone(crowd, account, clock):
    elsewhere, browser = new_session(account), new_session(account)
    thief = browser.clone()
    assert refresh(browser) == 200
    assert is_let_in(browser)
    clock.shift(timedelta(seconds=11))

    statuses = crowd.race(*[partial(refresh, thief.clone()) for _thief in range(10)])

    assert statuses == [401] * 10
    assert not is_signed_in(browser, thief)
    assert is_let_in(elsewhere)


def test_grandparent_within_the_grace_ends_this_session_alone(crowd, account, clock):
    elsewhere, browser = new_session(account), new_session(account)
    thief = browser.clone()
    assert [refresh(browser), refresh(browser)] == [200, 200]

    statuses = crowd.race(*[partial(refresh, thief.clone()) for _thief in range(10)])

    assert statuses == [401] * 10
    assert not is_signed_in(browser, thief)
    assert is_let_in(elsewhere)


def test_thief_racing_the_owner_never_outlives_the_next_refresh_of_both(crowd, account, clock):
    """One of them gets the successor, the other an access token. The next refresh of whoever was slower is reuse."""
    for _round in range(10):
        browser = new_session(account)
        thief = browser.clone()
        assert crowd.race(partial(refresh, browser), partial(refresh, thief)) == [200, 200]
        assert is_let_in(browser)
        assert is_let_in(thief)
        clock.shift(timedelta(seconds=30))

        statuses = [refresh(thief), refresh(browser)]

        assert statuses in ([200, 401], [401, 401])
        assert AuthSession.objects.latest("pk").revoked_reason == "reuse"
        assert not is_signed_in(browser, thief)


def test_key_change_racing_refreshes_signs_nobody_out(crowd, account, settings):
    """Every request of the moment rewrites the session's hash with the new key, some while the row is rotated."""
    settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 60}
    for number in range(15):
        browser = new_session(account)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = f"key number {number}, as long as HS256 wants it"
        tabs, visitors = ([browser.clone() for _tab in range(5)] for _group in range(2))

        statuses = crowd.race(
            *[partial(refresh, tab) for tab in tabs],
            *[partial(is_let_in, visitor) for visitor in visitors],
        )

        assert statuses == [200] * 5 + [True] * 5
        settings.SECRET_KEY_FALLBACKS = []
        assert all(is_let_in(tab) for tab in tabs)
