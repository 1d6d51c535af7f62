"""http: what works on localhost, and what does not elsewhere."""

import pytest

from tests.browser.front_end import FrontEnd

pytestmark = pytest.mark.browser


@pytest.fixture
def serve(servers, plain_pages):
    """A plain-http server, as runserver is, and a front end on another port, as a bundler's server is."""

    def serve(*hosts, debug=True, tls=False, **fastauth):
        origins = [plain_pages.origin(host) for host in hosts]
        return servers.get(tls=tls, DEBUG=debug, FASTAUTH={"CORS_ORIGINS": origins, **fastauth})

    return serve


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("secure", [False, True], ids=["debug-default", "secure"])
def test_two_ports_of_this_machine_work(profile, serve, plain_pages, name, host, secure):
    server = serve(host, **({"COOKIE_SECURE": True} if secure else {}))
    app = FrontEnd(profile.open(plain_pages.front_end(host, server.origin(host))))
    app.sign_up(name)
    assert [cookie.secure for cookie in profile.cookies()] == [secure, secure]
    app.tab.reload()
    profile.forget("access_token")
    assert app.add_note("from another port") == 201
    app.sign_out()
    assert profile.cookies() == []


def test_host_prefixed_names_work_on_localhost(profile, serve, plain_pages, name):
    server = serve(
        "localhost", COOKIE_SECURE=True, COOKIE_NAME_ACCESS="__Host-access", COOKIE_NAME_REFRESH="__Host-refresh"
    )
    app = FrontEnd(profile.open(plain_pages.front_end("localhost", server.origin("localhost"))))
    app.sign_up(name)
    assert {cookie.name for cookie in profile.cookies()} == {"__Host-access", "__Host-refresh"}
    assert app.me() is not None
    app.sign_out()
    assert profile.cookies() == []


@pytest.mark.parametrize(("page", "api"), [("localhost", "127.0.0.1"), ("127.0.0.1", "localhost")])
def test_localhost_and_its_address_are_two_sites(profile, serve, plain_pages, name, page, api):
    server = serve(page)
    app = FrontEnd(profile.open(plain_pages.front_end(page, server.origin(api))))
    app.sign_up(name)
    assert profile.cookies() == []
    assert app.me() is None


def test_secure_cookies_are_never_stored_from_plain_http(profile, serve, name):
    server = serve(debug=False)
    app = FrontEnd(profile.open(server.origin("app.example.test") + "/page"))
    app.sign_up(name)
    assert profile.cookies() == []
    assert app.me() is None


def test_plain_http_works_without_secure_and_so_without_protection_on_the_way(profile, serve, name):
    """No Sec-Fetch-Site is sent to such a host: the Origin alone decides, and it is enough."""
    server = serve(debug=True)
    app = FrontEnd(profile.open(server.origin("app.example.test") + "/page"))
    app.sign_up(name)
    assert app.add_note("over plain http") == 201
    assert {seen.fetch_site for seen in server.seen("/notes")} == {None}
    app.sign_out()
    assert profile.cookies() == []


@pytest.mark.parametrize("samesite", ["lax", "none"])
def test_a_page_on_http_gets_no_cookies_of_https(profile, serve, plain_pages, name, samesite):
    """The scheme is part of the site, also under one name; and None is a third-party cookie there, kept per site."""
    server = serve("app.example.test", debug=False, tls=True, COOKIE_SAMESITE=samesite, COOKIE_PARTITIONED=False)
    app = FrontEnd(profile.open(plain_pages.front_end("app.example.test", server.origin("api.example.test"))))
    app.sign_up(name)
    assert profile.cookies() == []
    assert app.me() is None
