"""Where WebKit differs from the other engines: in Secure on localhost, and in all third-party cookies.

Its column of docs/samesite.md is from here and from the tests that run in every engine.
"""

import pytest

from tests.browser.front_end import FrontEnd

pytestmark = pytest.mark.browser

HTTP = {"DEBUG": True}
AS_SHIPPED, ALLOWED = "--enable-itp", "--cookies-policy=always"


@pytest.fixture
def open_webkit(webkit):
    """A browser with other settings than most people's. One runs at a time."""
    opened = []

    def open_webkit(*arguments):
        opened.append(webkit.profile(*arguments))
        return opened[-1]

    yield open_webkit
    for profile in opened:
        profile.close()


@pytest.fixture
def profile(open_webkit):
    return open_webkit(AS_SHIPPED)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_two_ports_of_this_machine_work_while_debug_is_on(profile, servers, plain_pages, name, host):
    """Nothing is Secure then."""
    server = servers.get(tls=False, **HTTP, FASTAUTH={"CORS_ORIGINS": [plain_pages.origin(host)]})
    app = FrontEnd(profile.open(plain_pages.front_end(host, server.origin(host))))
    app.sign_up(name)
    app.tab.reload()
    profile.forget("access_token")
    assert app.add_note("from another port") == 201
    app.sign_out()
    assert profile.cookies() == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "app.example.test"])
@pytest.mark.parametrize("prefix", ["", "__Host-"])
def test_secure_cookies_are_dropped_on_localhost_too(profile, servers, name, host, prefix):
    """The server answers 201, and the next request is a stranger's."""
    names = {"COOKIE_NAME_ACCESS": f"{prefix}access", "COOKIE_NAME_REFRESH": f"{prefix}refresh"}
    server = servers.get(tls=False, **HTTP, FASTAUTH={"COOKIE_SECURE": True, **names})
    app = FrontEnd(profile.open(f"{server.origin(host)}/page"))
    app.sign_up(name)
    assert [seen.status for seen in server.seen("/auth/register")][-1] == 201
    assert profile.cookies() == []
    assert app.me() is None


def test_localhost_and_its_address_are_two_sites(profile, servers, plain_pages, name):
    server = servers.get(tls=False, **HTTP, FASTAUTH={"CORS_ORIGINS": [plain_pages.origin("localhost")]})
    app = FrontEnd(profile.open(plain_pages.front_end("localhost", server.origin("127.0.0.1"))))
    app.sign_up(name)
    assert profile.cookies() == []
    assert app.me() is None


def test_plain_http_works_without_secure(profile, servers, name):
    server = servers.get(tls=False, **HTTP)
    app = FrontEnd(profile.open(f"{server.origin('app.example.test')}/page"))
    app.sign_up(name)
    assert app.add_note("over plain http") == 201
    assert {seen.fetch_site for seen in server.seen("/notes")} == {None}
    app.sign_out()
    assert profile.cookies() == []


def test_it_has_web_locks_where_other_engines_have_them(profile, servers):
    addresses = [servers.get().origin("app.example.test"), servers.get(tls=False, **HTTP).origin("localhost")]
    assert [profile.open(f"{address}/page").run("() => typeof navigator.locks") for address in addresses] == [
        "object"
    ] * 2


def test_tabs_without_web_locks_tell_each_other(profile, servers, name):
    """Plain http has none. Both tabs are refused at the same moment, and neither is signed out."""
    server = servers.get(tls=False, **HTTP)
    tabs = [FrontEnd(profile.open(f"{server.origin('app.example.test')}/page")) for _ in range(2)]
    assert [tab.tab.run("() => [typeof navigator.locks, typeof BroadcastChannel]") for tab in tabs] == [
        ["undefined", "function"]
    ] * 2
    tabs[0].sign_up(name)
    assert [tab.me() is not None for tab in tabs] == [True, True]
    for _ in range(2):
        profile.forget("access_token")
        server.hold("/notes", parties=2)
        ends = [tab.begin_to_add_note("from a tab") for tab in tabs]
        assert [end() for end in ends] == [201, 201]
    assert {seen.status for seen in server.seen("/auth/refresh")} == {200}
    [session] = tabs[0].sessions()
    assert server.session(session["id"])["revoked_at"] is None
    tabs[0].sign_out()
    tabs[1].tab.wait_until("() => changes.some(([signedIn]) => !signedIn)")


@pytest.fixture
def serve(servers, pages):
    """A server at api.other.test for a front end at app.example.test."""

    def serve(**fastauth):
        return servers.get(FASTAUTH={"CORS_ORIGINS": [pages.origin("app.example.test")], **fastauth})

    return serve


@pytest.fixture
def open_app(pages):
    def open_app(profile, server):
        return FrontEnd(profile.open(pages.front_end("app.example.test", server.origin("api.other.test"))))

    return open_app


@pytest.mark.parametrize(
    "cookies",
    [
        {"COOKIE_SAMESITE": "lax"},
        {"COOKIE_SAMESITE": "none", "COOKIE_PARTITIONED": True},
        {"COOKIE_SAMESITE": "none", "COOKIE_PARTITIONED": False},
    ],
    ids=["lax", "partitioned", "not-partitioned"],
)
def test_no_cookie_works_from_another_site(profile, serve, open_app, name, cookies):
    """Not a Partitioned one either. The server answers 201, and the next request is a stranger's."""
    app = open_app(profile, serve(**cookies))
    app.sign_up(name)
    assert profile.cookies() == []
    app.tab.reload()
    assert app.me() is None


@pytest.mark.parametrize("partitioned", [True, False], ids=["partitioned", "not-partitioned"])
def test_where_third_party_cookies_are_allowed_none_works(open_webkit, serve, open_app, name, partitioned):
    profile = open_webkit(ALLOWED)
    app = open_app(profile, serve(COOKIE_SAMESITE="none", COOKIE_PARTITIONED=partitioned))
    app.sign_up(name)
    app.tab.reload()
    assert app.add_note("from another site") == 201
    assert len(profile.cookies()) == 2
    app.sign_out()
    assert profile.cookies() == []


def test_lax_and_strict_are_not_sent_there_either(open_webkit, serve, open_app, name):
    app = open_app(open_webkit(ALLOWED), serve(COOKIE_SAMESITE="lax"))
    app.sign_up(name)
    assert app.me() is None


def test_json_delivery_works_from_another_site(profile, serve, open_app, name):
    """What is left for two sites: this tab's own tokens, which script can read."""
    app = open_app(profile, serve(TOKEN_DELIVERY="json"))
    app.sign_up(name)
    assert app.add_note("with a header") == 201
    app.sign_out()
    assert app.me() is None


FORGE = """(url) => fetch(url, {
    method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams({ text: "forged" }),
}).then(() => null)"""


@pytest.mark.parametrize("samesite", ["lax", "strict", "none"])
@pytest.mark.parametrize("rule", ["origin", None], ids=["rule-on", "rule-off"])
def test_only_the_origin_rule_stops_a_form_of_a_sibling_subdomain(profile, servers, pages, name, samesite, rule):
    server = servers.get(FASTAUTH={"COOKIE_SAMESITE": samesite, "CSRF_PROTECTION": rule})
    app = FrontEnd(profile.open(f"{server.origin('app.example.test')}/page"))
    app.sign_up(name)
    server.forget_seen()
    sibling = profile.open(pages.origin("blog.example.test"))
    sibling.run(FORGE, f"{server.origin('app.example.test')}/notes")
    [seen] = server.seen("/notes")
    assert "access_token" in seen.cookies
    assert seen.status == (403 if rule else 201)
    assert app.notes() == ([] if rule else ["forged"])
