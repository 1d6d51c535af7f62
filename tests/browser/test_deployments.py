"""A deployment changes the cookies' name, path or domain: the old ones must not shadow the new."""

import pytest

from tests.browser.front_end import FrontEnd, claims_of
from tests.browser.servers import free_port
from tests.nginx_server import nginx

pytestmark = pytest.mark.browser

NAMES = ("access_token", "refresh_token")
HOST_ONLY = [{"name": name} for name in NAMES]
ON_DOMAIN = [{"name": name, "domain": "example.test"} for name in NAMES]
WIDE_REFRESH, NARROW_REFRESH = [{"name": "refresh_token"}], [{"name": "refresh_token", "path": "/auth"}]
DOMAIN, SCOPED = {"COOKIE_DOMAIN": "example.test"}, {"COOKIE_PATH_REFRESH": "/auth"}
RENAMED = {"COOKIE_NAME_ACCESS": "__Host-access", "COOKIE_NAME_REFRESH": "__Host-refresh"}

STILL_READ = [{"name": name, "token": name.removesuffix("_token"), "read_until": "9999-12-31"} for name in NAMES]
TAKES_TURNS = """
upstream deployments {{ server 127.0.0.1:{blue}; server 127.0.0.1:{green}; }}
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    location / {{
        proxy_pass http://deployments;
        proxy_set_header Host $http_host;
    }}
}}
"""

# what it was, what it becomes, and the COOKIE_FORMER that belongs to it
CHANGES = {
    "add-domain": ({}, DOMAIN, HOST_ONLY),
    "remove-domain": (DOMAIN, {}, ON_DOMAIN),
    "narrow-path": ({}, SCOPED, WIDE_REFRESH),
    "widen-path": (SCOPED, {}, NARROW_REFRESH),
}
MOVED = pytest.mark.parametrize(("old", "new", "former"), CHANGES.values(), ids=CHANGES)
# Strict rotation: a stale refresh cookie that wins once is reuse, and ends the session.
STRICT = {"REFRESH_GRACE": 0}


class Deployments:
    """One site, deployed again and again on the same port and database."""

    def __init__(self, servers):
        self.servers, self.server = servers, None

    def deploy(self, **fastauth):
        self.server = self.servers.start(after=self.server, FASTAUTH=STRICT | fastauth)

    def open(self, profile):
        return FrontEnd(profile.open(self.server.origin("app.example.test") + "/page"))


@pytest.fixture
def site(servers):
    deployments = Deployments(servers)
    yield deployments
    servers.stop(deployments.server)


@MOVED
@pytest.mark.parametrize("listed", [True, False], ids=["former-listed", "former-forgotten"])
def test_whoever_is_signed_in_stays_signed_in(profile, site, name, old, new, former, listed):
    site.deploy(**old)
    site.open(profile).sign_up(name)
    site.deploy(**new, **({"COOKIE_FORMER": former} if listed else {}))
    app = site.open(profile)
    assert app.me() is not None
    for _ in range(3):
        assert app.refresh()
        assert app.add_note("still here") == 201


@MOVED
@pytest.mark.parametrize("listed", [True, False], ids=["former-listed", "former-forgotten"])
def test_whoever_signs_in_as_somebody_else_is_somebody_else(profile, site, names, old, new, former, listed):
    site.deploy(**old)
    app, first, second = site.open(profile), next(names), next(names)
    second_user = app.sign_up(second)
    app.sign_out()
    app.sign_up(first)
    site.deploy(**new, **({"COOKIE_FORMER": former} if listed else {}))
    app = site.open(profile)
    app.sign_in(second)
    assert app.me() == second_user
    app.refresh()
    assert app.me() == second_user


@MOVED
def test_the_old_cookies_are_gone_after_a_refresh(profile, site, name, old, new, former):
    site.deploy(**old)
    site.open(profile).sign_up(name)
    site.deploy(**new, COOKIE_FORMER=former)
    assert site.open(profile).refresh()
    assert sorted(cookie.name for cookie in profile.cookies()) == list(NAMES)
    refresh = next(cookie for cookie in profile.cookies() if cookie.name == "refresh_token")
    assert claims_of(refresh)["gen"] == 1


@MOVED
def test_signing_out_leaves_no_cookie(profile, site, name, old, new, former):
    site.deploy(**old)
    site.open(profile).sign_up(name)
    site.deploy(**new, COOKIE_FORMER=former)
    app = site.open(profile)
    app.sign_out()
    assert profile.cookies() == []
    assert app.me() is None


@MOVED
def test_signing_out_ends_the_session_also_where_the_former_was_forgotten(profile, site, name, old, new, former):
    site.deploy(**old)
    site.open(profile).sign_up(name)
    session_id = claims_of(profile.cookies()[0])["sid"]
    site.deploy(**new)
    app = site.open(profile)
    app.refresh()
    app.sign_out()
    assert site.server.session(session_id)["revoked_reason"] == "signed_out"
    assert app.me() is None


def test_a_new_name_asks_for_a_new_sign_in_and_leaves_nothing_behind(profile, site, name):
    """A cookie of another name is another cookie: it is not read, only cleared."""
    site.deploy()
    site.open(profile).sign_up(name)
    site.deploy(**RENAMED, COOKIE_FORMER=HOST_ONLY)
    app = site.open(profile)
    assert app.me() is None
    app.sign_in(name)
    assert sorted(cookie.name for cookie in profile.cookies()) == ["__Host-access", "__Host-refresh"]
    assert app.me() is not None
    app.sign_out()
    assert profile.cookies() == []


@pytest.fixture
def blue_and_green(servers, certificate, tmp_path):
    """Two deployments, of which the second has other names, and a proxy that sends every other request to it."""
    blue = servers.start(tls=False, FASTAUTH=STRICT)
    green = servers.start(tls=False, beside=blue, FASTAUTH=STRICT | RENAMED | {"COOKIE_FORMER": STILL_READ})
    port = free_port()
    site = TAKES_TURNS.format(blue=blue.port, green=green.port, port=port, certificate=certificate)
    with nginx(tmp_path, site):
        yield f"https://app.example.test:{port}/page", blue, green
    servers.stop(blue)
    servers.stop(green)


@pytest.mark.parametrize("profile", ["chromium", "firefox"], indirect=True)
def test_deployments_with_different_names_serve_one_browser_in_turns(profile, blue_and_green, names):
    page, blue, green = blue_and_green
    app = FrontEnd(profile.open(page))
    for name in (next(names), next(names)):
        user = app.sign_up(name)
        for turn in range(12):
            assert app.me() == user
            if turn % 5 == 0:
                assert app.refresh()
            assert app.add_note(f"turn {turn}") == 201
        app.sign_out()
        assert app.me() is None
    assert all(server.seen("/auth/me") and server.seen("/auth/refresh") for server in (blue, green))
    assert profile.cookies() == []


@pytest.mark.parametrize("profile", ["chromium", "firefox"], indirect=True)
def test_a_new_name_that_is_read_until_a_day_signs_nobody_out(profile, servers, name):
    site = Deployments(servers)
    site.deploy()
    user = site.open(profile).sign_up(name)
    site.deploy(**RENAMED, COOKIE_FORMER=STILL_READ)
    app = site.open(profile)
    assert app.refresh()
    assert app.me() == user
    # Once the day is over:
    site.deploy(**RENAMED, COOKIE_FORMER=HOST_ONLY)
    app = site.open(profile)
    assert app.refresh()
    assert app.me() == user
    assert sorted(cookie.name for cookie in profile.cookies()) == ["__Host-access", "__Host-refresh"]
    servers.stop(site.server)


def test_going_back_works_too(profile, site, name):
    site.deploy()
    site.open(profile).sign_up(name)
    site.deploy(**DOMAIN, COOKIE_FORMER=HOST_ONLY)
    site.open(profile).refresh()
    site.deploy(COOKIE_FORMER=ON_DOMAIN)
    app = site.open(profile)
    assert app.refresh()
    assert app.me() is not None
    app.sign_out()
    assert profile.cookies() == []
