"""Two tabs of one person, whose access token has expired, act at the same moment."""

import pytest

from tests.browser.engines import ENGINES
from tests.browser.front_end import FrontEnd, claims_of

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("profile", ENGINES, indirect=True)]


@pytest.fixture
def server(servers):
    return servers.get()


@pytest.fixture
def open_tabs(profile, server, name):
    """Two signed-in tabs without an access cookie."""

    def open_tabs(query=""):
        page = server.origin("app.example.test") + "/page" + query
        tabs = [FrontEnd(profile.open(page)) for _ in range(2)]
        tabs[0].sign_up(name)
        for tab in tabs:
            assert tab.me() is not None
        profile.forget("access_token")
        server.forget_seen()
        return tabs

    return open_tabs


def act_at_the_same_moment(server, tabs):
    """Both are refused before either refreshes: the server holds the first two requests until both are there."""
    server.hold("/notes", parties=2)
    ends = [tab.begin_to_add_note(f"from tab {number}") for number, tab in enumerate(tabs)]
    return [end() for end in ends]


def refresh_token_of(profile):
    return next(claims_of(cookie) for cookie in profile.cookies() if cookie.name == "refresh_token")


def test_both_tabs_succeed_with_one_refresh(profile, server, open_tabs):
    tabs = open_tabs()
    assert act_at_the_same_moment(server, tabs) == [201, 201]
    assert [seen.status for seen in server.seen("/notes")] == [401, 401, 201, 201]
    assert len(server.seen("/auth/refresh")) == 1
    assert server.session(refresh_token_of(profile)["sid"])["generation"] == 1


def test_without_the_clients_lock_the_servers_grace_lets_both_succeed(profile, server, open_tabs):
    tabs = open_tabs("?unlocked")
    server.hold("/auth/refresh", parties=2)
    assert act_at_the_same_moment(server, tabs) == [201, 201]
    assert [seen.status for seen in server.seen("/auth/refresh")] == [200, 200]
    session = server.session(refresh_token_of(profile)["sid"])
    assert (session["generation"], session["revoked_at"]) == (1, None)


@pytest.mark.parametrize("query", ["", "?unlocked"], ids=["locked", "unlocked"])
def test_neither_tab_is_signed_out(profile, server, open_tabs, query):
    tabs = open_tabs(query)
    if query:
        server.hold("/auth/refresh", parties=2)
    act_at_the_same_moment(server, tabs)
    assert [signed_in for tab in tabs for signed_in, _reason in tab.changes() if not signed_in] == []
    profile.forget("access_token")
    assert [tab.add_note("once more") for tab in tabs] == [201, 201]


def test_the_cookies_that_remain_are_the_current_ones(profile, server, open_tabs):
    """The answers may arrive in any order: whichever is last, its cookies are those of the row."""
    tabs = open_tabs("?unlocked")
    server.hold("/auth/refresh", parties=2)
    act_at_the_same_moment(server, tabs)
    token = refresh_token_of(profile)
    assert token["gen"] == server.session(token["sid"])["generation"] == 1


def test_signing_out_in_one_tab_signs_out_the_other(open_tabs):
    here, there = open_tabs()
    here.sign_out()
    there.tab.wait_until("() => changes.some(([signedIn]) => !signedIn)")
    assert there.me() is None
