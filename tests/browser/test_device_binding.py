"""Sessions bound to a device, with the browser that does it: the keys are Chromium's, and so is every renewal."""

import sqlite3
from urllib.parse import urlsplit

import pytest

from tests.browser import example as person
from tests.browser.example import Example, expect
from tests.browser.front_end import FrontEnd, claims_of, sign_in_data
from tests.devices import BIND, RENEW

pytestmark = pytest.mark.browser

REFRESH = "/auth/refresh"
PLAIN_FETCH = "async () => (await fetch('/auth/me')).status"


@pytest.fixture
def server(servers):
    return servers.get(FASTAUTH={"DEVICE_BINDING": "optional"})


def page_of(server):
    return server.origin("app.example.test") + "/page"


def sign_up(profile, server, name):
    """A signed-up person, whose browser has bound the session meanwhile."""
    front_end = FrontEnd(profile.open(page_of(server)))
    front_end.sign_up(name)
    profile.wait_for(front_end.tab.page, "creation")
    return front_end


def row_of(profile, server):
    access = next(cookie for cookie in profile.cookies() if cookie.name == "access_token")
    return server.session(claims_of(access)["sid"])


def age(server, session_id, seconds, column="created_at"):
    """Let a moment of a session be longer ago than it is, in the place of a minute's wait."""
    connection = sqlite3.connect(server.database)
    with connection:
        connection.execute(
            f"UPDATE fastauth_django_authsession SET {column} = datetime({column}, ?) WHERE id = ?",  # noqa: S608
            [f"-{seconds} seconds", session_id],
        )
    connection.close()


def wait_until_run_out(profile, page):
    """Wait for the browser to throw the access cookie away: it lives two seconds here."""
    while profile.has_cookie("access_token"):
        page.wait_for_timeout(50)


def answers(server, path):
    return [seen.status for seen in server.seen(path)]


SIGN_OUT = "async () => (await fetch('/auth/logout', { method: 'POST' })).status"


def renew_until_the_quota_is_used_up(profile, front_end):
    """Chromium renews the sessions of a site about six times in a few minutes."""
    for _renewal in range(20):
        profile.forget("access_token")
        if front_end.tab.run(PLAIN_FETCH) == 401:
            return
    raise AssertionError("it renews without end")


class TestTheOwner:
    def test_is_bound_without_any_script(self, owner, server, name):
        server.forget_seen()
        front_end = sign_up(owner, server, name)
        assert answers(server, BIND) == [200]
        assert front_end.tab.run(PLAIN_FETCH) == 200
        row = row_of(owner, server)
        assert row["device_bound_at"] is not None
        assert {cookie.name for cookie in owner.cookies()} == {"access_token", "device_token"}
        assert [session["device_bound"] for session in front_end.sessions()] == [True]

    def test_is_renewed_for_a_plain_fetch(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        owner.forget("access_token")
        assert front_end.tab.run(PLAIN_FETCH) == 200
        owner.wait_for(front_end.tab.page, "refresh", result="Refreshed")
        assert owner.has_cookie("access_token")

    def test_sends_the_device_cookie_by_itself(self, owner, server, name):
        """In two requests, of which neither looks like a script's."""
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        owner.forget("access_token")
        server.forget_seen()
        assert front_end.tab.run(PLAIN_FETCH) == 200
        assert {(tuple(seen.cookies), seen.fetch_mode, seen.fetch_site) for seen in server.seen(RENEW)} == {
            (("device_token",), "no-cors", "same-origin")
        }

    def test_without_the_device_cookie_is_signed_out_and_the_session_is_not_revoked(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        session_id = row_of(owner, server)["id"]
        owner.forget("access_token")
        owner.forget("device_token")
        server.forget_seen()
        assert front_end.tab.run(PLAIN_FETCH) == 401
        assert answers(server, RENEW)[-1] == 401
        owner.wait_for(front_end.tab.page, "termination")
        assert server.session(session_id)["revoked_at"] is None

    def test_signs_out_although_the_browser_cannot_renew_for_now(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        session_id = row_of(owner, server)["id"]
        renew_until_the_quota_is_used_up(owner, front_end)
        loot = [cookie for cookie in owner.context.cookies() if cookie["name"] == "device_token"]
        owner.forget("device_token")
        server.forget_seen()
        assert front_end.tab.run(SIGN_OUT) == 503
        assert [seen.skipped.partition(";")[0] for seen in server.seen("/auth/logout")] == ["quota_exceeded"]
        assert server.session(session_id)["revoked_at"] is None
        owner.context.add_cookies(loot)
        assert front_end.tab.run(SIGN_OUT) == 200
        assert server.session(session_id)["revoked_reason"] == "signed_out"
        assert owner.cookies() == []

    def test_is_renewed_for_a_plain_navigation(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        owner.forget("access_token")
        assert front_end.tab.page.goto(server.origin("app.example.test") + "/auth/me").status == 200

    def test_is_renewed_before_a_form_acts(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        owner.forget("access_token")
        assert front_end.add_note("written with a renewed cookie") == 201
        assert [seen.status for seen in server.seen("/notes", "POST")][-1:] == [201]

    def test_is_renewed_after_the_cookie_really_ran_out(self, owner, servers, name):
        server = servers.get(FASTAUTH={"DEVICE_BINDING": "optional", "BOUND_ACCESS_TOKEN_TTL": 2})
        front_end = sign_up(owner, server, name)
        wait_until_run_out(owner, front_end.tab.page)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        wait_until_run_out(owner, front_end.tab.page)
        assert front_end.tab.page.goto(server.origin("app.example.test") + "/auth/me").status == 200

    def test_with_two_tabs_stays_signed_in_in_both(self, owner, server, name):
        first = sign_up(owner, server, name)
        second = FrontEnd(owner.open(page_of(server)))
        assert second.tab.run(PLAIN_FETCH) == 200
        owner.forget("access_token")
        ends = [front_end.tab.begin(PLAIN_FETCH) for front_end in (first, second)]
        assert [end() for end in ends] == [200, 200]
        assert row_of(owner, server)["revoked_at"] is None

    def test_is_signed_in_after_the_browser_was_closed(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        owner.restart()
        owner.forget("access_token")
        front_end = FrontEnd(owner.open(page_of(server)))
        assert front_end.tab.run(PLAIN_FETCH) == 200

    def test_signs_out_and_leaves_neither_cookie_nor_session(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        front_end.sign_out()
        assert owner.cookies() == []
        server.forget_seen()
        assert front_end.tab.run(PLAIN_FETCH) == 401
        assert answers(server, RENEW) == [401]
        owner.wait_for(front_end.tab.page, "termination")
        assert front_end.tab.run(PLAIN_FETCH) == 401
        assert answers(server, RENEW) == [401], "the browser's session is over: it asks no more"

    def test_signs_in_again_after_signing_out(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        front_end.sign_out()
        front_end.sign_in(name)
        owner.wait_for(front_end.tab.page, "creation")
        assert front_end.tab.run(PLAIN_FETCH) == 200
        assert row_of(owner, server)["device_bound_at"] is not None

    def test_goes_on_with_a_new_password(self, owner, server, name):
        front_end = sign_up(owner, server, name)
        front_end.change_password("another horse, battery 8")
        owner.wait_for(front_end.tab.page, "creation")
        assert front_end.tab.run(PLAIN_FETCH) == 200
        assert row_of(owner, server)["device_bound_at"] is not None

    def test_is_renewed_where_page_and_api_are_two_origins(self, owner, servers, pages, name):
        fastauth = {"DEVICE_BINDING": "optional", "CORS_ORIGINS": [pages.origin("app.example.test")]}
        server = servers.get(FASTAUTH=fastauth)
        api = server.origin("api.example.test")
        front_end = FrontEnd(owner.open(pages.front_end("app.example.test", api)))
        front_end.sign_up(name)
        owner.wait_for(front_end.tab.page, "creation")
        assert front_end.me() is not None
        owner.forget("access_token")
        server.forget_seen()
        assert front_end.add_note("from another origin") == 201
        assert answers(server, "/notes")[-1:] == [201]
        assert answers(server, REFRESH) == []

    def test_arrives_signed_out_by_a_link_from_a_site_that_is_not_listed(self, owner, server, pages, name):
        """Documented: whom the browser renewed the cookie for could tell from the time it takes who is signed in."""
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        owner.forget("access_token")
        stranger = owner.open(pages.origin("www.other.test") + "/blank")
        me = server.origin("app.example.test") + "/auth/me"
        with stranger.page.expect_navigation(url=me) as navigation:
            stranger.evaluate(f"void (location.href = '{me}')")
        assert navigation.value.status == 401
        assert front_end.tab.run(PLAIN_FETCH) == 200

    def test_comes_by_a_link_from_a_listed_site_without_being_signed_out(self, owner, servers, pages, name):
        """The browser wants to renew for it, and sends the SameSite cookie to nobody of another site."""
        listed = pages.origin("www.other.test")
        server = servers.get(FASTAUTH={"DEVICE_BINDING": "optional"}, CSRF_TRUSTED_ORIGINS=[listed])
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        owner.forget("access_token")
        server.forget_seen()
        stranger = owner.open(listed + "/blank")
        me = server.origin("app.example.test") + "/auth/me"
        with stranger.page.expect_navigation(url=me) as navigation:
            stranger.evaluate(f"void (location.href = '{me}')")
        first, second, *later = [(seen.status, seen.cookies) for seen in server.seen(RENEW)]
        assert [first, second] == [(403, []), (503, [])]
        # The page has an icon, of its own site: the browser may have renewed the session for that by now.
        assert later in ([], [(200, ["device_token"])])
        assert navigation.value.status == 401
        assert front_end.tab.run(PLAIN_FETCH) == 200


def come_back_from_another_site(profile, server, pages, name):
    """Sign ``name`` in by a provider's redirect, which another site starts. Returns the tab."""
    tab = profile.open(pages.origin("www.other.test") + "/blank")
    identifier = next(value for key, value in sign_in_data(name).items() if key != "password")
    with tab.page.expect_navigation(url=page_of(server)):
        tab.evaluate(f"void (location.href = '{server.origin('app.example.test')}/callback?for={identifier}')")
    return FrontEnd(tab)


class TestASignInByAnotherSite:
    def test_is_not_bound_because_the_browser_sends_no_cookie_to_bind(self, owner, server, pages, name):
        """Documented: what that site started is cross-site, and the cookies are SameSite=Lax."""
        front_end = FrontEnd(owner.open(page_of(server)))
        front_end.sign_up(name)
        front_end.sign_out()
        server.forget_seen()
        owner.events.clear()
        front_end = come_back_from_another_site(owner, server, pages, name)
        owner.wait_for(front_end.tab.page, "creation")
        assert [(seen.status, seen.cookies) for seen in server.seen(BIND)] == [(401, [])]
        assert front_end.me() is not None
        assert not row_of(owner, server)["device_key"]

    def test_ends_the_session_of_who_was_there_before(self, owner, server, pages, name):
        """The browser would else renew it into the cookie of who signed in last, who would be somebody else."""
        later = "later-" + name
        sign_up(owner, server, later).sign_out()
        front_end = sign_up(owner, server, name)
        assert front_end.tab.run(PLAIN_FETCH) == 200
        earlier = row_of(owner, server)["id"]
        assert {cookie.name for cookie in owner.cookies()} == {"access_token", "device_token"}
        owner.forget("access_token")

        front_end = come_back_from_another_site(owner, server, pages, later)
        me = front_end.me()
        assert me is not None
        owner.forget("access_token")

        assert front_end.me() == me
        assert server.session(earlier)["revoked_reason"] == "replaced"


class TestTheThief:
    def test_with_both_cookies_is_in_until_the_access_cookie_runs_out_and_never_after(
        self, owner, open_device, servers, name
    ):
        server = servers.get(FASTAUTH={"DEVICE_BINDING": "optional", "BOUND_ACCESS_TOKEN_TTL": 6, "REFRESH_GRACE": 0})
        front_end = sign_up(owner, server, name)
        loot = owner.context.cookies()
        assert {cookie["name"] for cookie in loot} == {"access_token", "refresh_token", "device_token"}
        thief = open_device()
        thief.context.add_cookies(loot)
        stolen = FrontEnd(thief.open(page_of(server)))
        assert stolen.tab.run(PLAIN_FETCH) == 200

        wait_until_run_out(thief, stolen.tab.page)

        assert stolen.tab.run(PLAIN_FETCH) == 401
        assert stolen.me() is None
        assert 401 in answers(server, REFRESH)
        assert stolen.tab.page.goto(server.origin("app.example.test") + "/auth/me").status == 401
        assert front_end.tab.run(PLAIN_FETCH) == 200
        assert row_of(owner, server)["revoked_at"] is None

    def test_with_the_cookies_of_before_the_binding_is_out_once_it_is_confirmed(
        self, owner, open_device, servers, name
    ):
        server = servers.get(FASTAUTH={"DEVICE_BINDING": "optional", "REFRESH_GRACE": 0})
        loot = []
        tab = owner.open(page_of(server))
        # The cookies of the sign-in's own answer, before the browser has bound anything.
        tab.page.on(
            "response",
            lambda response: loot.append(response) if urlsplit(response.url).path == "/auth/register" else None,
        )
        front_end = FrontEnd(tab)
        front_end.sign_up(name)
        owner.wait_for(tab.page, "creation")
        jar = dict(
            line.split(";")[0].split("=", 1)
            for header in loot[0].headers_array()
            if header["name"].lower() == "set-cookie"
            for line in [header["value"]]
            if "Max-Age=0" not in line
        )
        assert set(jar) == {"access_token", "refresh_token"}
        assert front_end.tab.run(PLAIN_FETCH) == 200
        age(server, row_of(owner, server)["id"], 1, "device_bound_at")

        thief = open_device()
        thief.context.add_cookies(
            [
                {"name": each, "value": value, "url": server.origin("app.example.test"), "secure": True}
                for each, value in jar.items()
            ]
        )
        stolen = FrontEnd(thief.open(page_of(server)))

        assert stolen.tab.run(PLAIN_FETCH) == 401
        assert stolen.me() is None
        assert front_end.tab.run(PLAIN_FETCH) == 200


class TestABrowserWithoutTheFeature:
    @pytest.fixture
    def plain(self, open_device):
        return open_device(can_bind=False)

    def test_notices_nothing_where_binding_is_optional(self, plain, server, name):
        front_end = FrontEnd(plain.open(page_of(server)))
        server.forget_seen()
        front_end.sign_up(name)
        plain.forget("access_token")
        assert front_end.add_note("renewed by the client") == 201
        assert {cookie.name for cookie in plain.cookies()} == {"access_token", "refresh_token"}
        assert [seen for path in (BIND, RENEW) for seen in server.seen(path)] == []
        assert answers(server, REFRESH) == [200]

    def test_is_told_clearly_where_binding_is_required(self, plain, servers, name):
        server = servers.get(FASTAUTH={"DEVICE_BINDING": "required"})
        front_end = FrontEnd(plain.open(page_of(server)))
        front_end.sign_up(name)
        assert front_end.me() is not None
        session_id = row_of(plain, server)["id"]
        age(server, session_id, 61)
        codes = front_end.tab.begin("() => new Promise((resolve) => auth.onChange((change) => resolve(change.code)))")
        assert front_end.add_note("too late") == 401
        assert codes() == "device_binding_required"
        assert front_end.me() is None
        assert plain.cookies() == []
        assert server.session(session_id)["revoked_reason"] == "not_bound"
        front_end.sign_in(name)
        assert front_end.me() is not None

    @pytest.mark.parametrize("profile", ["firefox"], indirect=True)
    def test_such_as_firefox_ignores_it(self, profile, server, name):
        front_end = FrontEnd(profile.open(page_of(server)))
        server.forget_seen()
        front_end.sign_up(name)
        profile.forget("access_token")
        assert front_end.add_note("renewed by the client") == 201
        assert [seen for path in (BIND, RENEW) for seen in server.seen(path)] == []
        assert {cookie.name for cookie in profile.cookies()} == {"access_token", "refresh_token"}


def test_where_binding_is_required_a_browser_that_can_goes_on(owner, servers, name):
    server = servers.get(FASTAUTH={"DEVICE_BINDING": "required"})
    front_end = sign_up(owner, server, name)
    assert front_end.tab.run(PLAIN_FETCH) == 200
    age(server, row_of(owner, server)["id"], 61)
    owner.forget("access_token")
    assert front_end.tab.run(PLAIN_FETCH) == 200


def test_the_client_leaves_it_to_the_browser(owner, server, name):
    front_end = sign_up(owner, server, name)
    assert front_end.me() is not None
    server.forget_seen()
    assert front_end.refresh() is True
    assert front_end.tab.run("() => auth.status.deviceBound") is True
    assert answers(server, REFRESH) == [401]
    assert front_end.add_note("still signed in") == 201
    assert [signed_in for signed_in, _reason in front_end.changes()] == [True]


def test_a_server_that_is_away_for_a_moment_signs_nobody_out(owner, servers, name):
    server = servers.start(FASTAUTH={"DEVICE_BINDING": "optional"})
    front_end = sign_up(owner, server, name)
    assert front_end.me() is not None
    owner.forget("access_token")
    servers.stop(server)
    assert front_end.tab.run("() => auth.me().catch((error) => error.name)") == "TypeError"
    servers.start(after=server, FASTAUTH={"DEVICE_BINDING": "optional"})
    assert front_end.tab.run("() => auth.status.signedIn") is True
    assert front_end.tab.run(PLAIN_FETCH) == 200


@pytest.fixture(scope="module")
def example(servers, certificate, tmp_path_factory):
    return Example(servers, tmp_path_factory.mktemp("example")).start(certificate, DEVICE_BINDING="optional")


class TestTheExampleProject:
    def test_says_that_the_session_is_bound_to_this_device(self, owner, example, name):
        page = owner.open(example.origin("app.example.test") + "/").page
        person.sign_up(page, name)
        expect(page.get_by_text("bound to this device")).to_be_visible()
        expect(page.get_by_text("POST /auth/device/bind by the browser")).to_be_visible()
        expect(page.locator("#fact-renewer")).to_have_text("the browser")

    def test_shows_what_the_browser_renews_by_itself(self, owner, example, name):
        page = owner.open(example.origin("app.example.test") + "/").page
        person.sign_up(page, name)
        expect(page.get_by_text("bound to this device")).to_be_visible()
        owner.forget("__Host-access_token")
        example.forget_seen()
        person.add_note(page, "with a cookie that the browser renewed")
        expect(page.get_by_text("POST /auth/device/refresh by the browser").first).to_be_visible()
        assert example.seen(REFRESH) == []

    def test_says_nothing_of_the_kind_in_another_browser(self, open_device, example, name):
        page = open_device(can_bind=False).open(example.origin("app.example.test") + "/").page
        person.sign_up(page, name)
        person.add_note(page, "a note")
        expect(page.get_by_text("bound to this device").locator("visible=true")).to_have_count(0)
        expect(page.locator("#fact-renewer")).to_have_text("this page")


def test_over_plain_http_on_localhost_nothing_is_bound(owner, servers, name):
    """Chromium 156 looks at the header over HTTPS only, where most other rules make an exception for localhost."""
    server = servers.get(tls=False, FASTAUTH={"DEVICE_BINDING": "optional", "COOKIE_SECURE": False})
    front_end = FrontEnd(owner.open(server.origin("localhost") + "/page"))
    front_end.sign_up(name)
    assert front_end.add_note("signed in all the same") == 201
    assert server.seen(BIND) == []
