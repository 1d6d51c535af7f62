"""Prefixed names and scoped paths, as the browser understands them."""

import pytest

from tests.browser.front_end import FrontEnd

pytestmark = pytest.mark.browser

HOST = {"COOKIE_NAME_ACCESS": "__Host-access", "COOKIE_NAME_REFRESH": "__Host-refresh"}
SECURE = {"COOKIE_NAME_ACCESS": "__Secure-access", "COOKIE_NAME_REFRESH": "__Secure-refresh"}
SCOPED = {"COOKIE_PATH_REFRESH": "/auth"}
CONFIGURATIONS = {
    "host": HOST,
    "secure": SECURE,
    "secure-with-domain": {**SECURE, "COOKIE_DOMAIN": "example.test"},
    "scoped-refresh": SCOPED,
    "host-access-and-scoped-secure-refresh": {**HOST, **SCOPED, "COOKIE_NAME_REFRESH": "__Secure-refresh"},
    "host-none": {**HOST, "COOKIE_SAMESITE": "none"},
}


@pytest.fixture(params=CONFIGURATIONS)
def fastauth(request):
    return CONFIGURATIONS[request.param]


def test_a_person_stays_signed_in_until_signing_out(profile, servers, fastauth, name):
    server = servers.get(FASTAUTH=fastauth)
    app = FrontEnd(profile.open(server.origin("app.example.test") + "/page"))
    app.sign_up(name)
    assert len(profile.cookies()) == 2
    app.tab.reload()
    assert app.me() is not None
    profile.forget(fastauth.get("COOKIE_NAME_ACCESS", "access_token"))
    assert app.add_note("with a renewed token") == 201
    app.sign_out()
    assert profile.cookies() == []
    assert app.me() is None


def test_a_scoped_refresh_cookie_goes_where_it_is_needed_only(profile, servers, name):
    server = servers.get(FASTAUTH=SCOPED)
    app = FrontEnd(profile.open(server.origin("app.example.test") + "/page"))
    app.sign_up(name)
    app.add_note("a note")
    app.refresh()
    app.sign_out()
    sent = {path: server.seen(path)[-1].cookies for path in ("/notes", "/auth/refresh", "/auth/logout")}
    assert sent == {
        "/notes": ["access_token"],
        "/auth/refresh": ["access_token", "refresh_token"],
        "/auth/logout": ["access_token", "refresh_token"],
    }


@pytest.mark.parametrize(
    "impossible",
    [
        {**HOST, "COOKIE_DOMAIN": "example.test"},
        {**HOST, "COOKIE_PATH_ACCESS": "/auth", "COOKIE_PATH_REFRESH": "/auth"},
    ],
    ids=["with-domain", "with-path"],
)
def test_browsers_drop_host_prefixed_cookies_with_a_domain_or_path(profile, servers, name, impossible):
    """Which is why ``manage.py check`` refuses such settings."""
    app = FrontEnd(profile.open(servers.get(FASTAUTH=impossible).origin("app.example.test") + "/page"))
    app.sign_up(name)
    assert profile.cookies() == []


def test_a_cookie_domain_is_shared_by_all_its_hosts(profile, servers, name):
    server = servers.get(FASTAUTH={"COOKIE_DOMAIN": "example.test"})
    FrontEnd(profile.open(server.origin("app.example.test") + "/page")).sign_up(name)
    assert FrontEnd(profile.open(server.origin("admin.example.test") + "/page")).me() is not None


def test_without_one_no_other_host_gets_the_cookies(profile, servers, name):
    server = servers.get()
    FrontEnd(profile.open(server.origin("app.example.test") + "/page")).sign_up(name)
    assert FrontEnd(profile.open(server.origin("admin.example.test") + "/page")).me() is None
