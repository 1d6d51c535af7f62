"""Page and API on two sites. Only SameSite=None can work, and Partitioned where third-party cookies are blocked."""

import pytest

from tests.browser.front_end import FrontEnd

pytestmark = pytest.mark.browser

# chrome://settings/cookies: 1 blocks third-party cookies, 0 allows them.
BLOCKED, ALLOWED = {"cookie_controls_mode": 1}, {"cookie_controls_mode": 0}


@pytest.fixture(params=[{}, BLOCKED, ALLOWED], ids=["as-shipped", "third-party-blocked", "third-party-allowed"])
def profile(request, open_profile):
    return open_profile(**request.param)


@pytest.fixture
def in_firefox(firefox):
    """As shipped: third-party cookies are stored, apart for each top-level site."""
    profile = firefox.profile()
    yield profile
    profile.close()


@pytest.fixture
def blocking(open_profile):
    return open_profile(**BLOCKED)


@pytest.fixture
def allowing(open_profile):
    return open_profile(**ALLOWED)


@pytest.fixture
def serve(servers, pages):
    """A server at api.other.test for a front end at app.example.test."""

    def serve(**fastauth):
        return servers.get(FASTAUTH={"CORS_ORIGINS": [pages.origin("app.example.test")], **fastauth})

    return serve


@pytest.fixture
def open_app(pages):
    def open_app(profile, server, host="app.example.test"):
        return FrontEnd(profile.open(pages.front_end(host, server.origin("api.other.test"))))

    return open_app


def test_none_works_whatever_the_browser_does_with_third_party_cookies(profile, serve, open_app, name):
    app = open_app(profile, serve(COOKIE_SAMESITE="none"))
    app.sign_up(name)
    app.tab.reload()
    assert app.me() is not None
    assert app.add_note("from another site") == 201
    assert app.notes() == ["from another site"]


def test_an_expired_access_token_is_renewed(profile, serve, open_app, name):
    app = open_app(profile, serve(COOKIE_SAMESITE="none"))
    app.sign_up(name)
    profile.forget("access_token")
    assert app.add_note("with a renewed token") == 201


def test_signing_out_removes_the_cookies(profile, serve, open_app, name):
    app = open_app(profile, serve(COOKIE_SAMESITE="none"))
    app.sign_up(name)
    assert len(profile.cookies()) == 2
    app.sign_out()
    assert profile.cookies() == []
    app.tab.reload()
    assert app.me() is None


@pytest.mark.parametrize("samesite", ["lax", "strict"])
def test_lax_and_strict_do_not_work(profile, serve, open_app, name, samesite):
    server = serve(COOKIE_SAMESITE=samesite)
    app = open_app(profile, server)
    app.sign_up(name)  # The server answers 201; the browser drops the cookies without a word.
    assert profile.cookies() == []
    app.tab.reload()
    assert app.me() is None


def test_none_without_partitioned_is_dropped_where_third_party_cookies_are_blocked(blocking, serve, open_app, name):
    app = open_app(blocking, serve(COOKIE_SAMESITE="none", COOKIE_PARTITIONED=False))
    app.sign_up(name)
    assert blocking.cookies() == []
    assert app.me() is None


def test_none_without_partitioned_works_where_they_are_allowed(allowing, serve, open_app, name):
    app = open_app(allowing, serve(COOKIE_SAMESITE="none", COOKIE_PARTITIONED=False))
    app.sign_up(name)
    assert app.me() is not None
    app.sign_out()
    assert allowing.cookies() == []


def test_a_partitioned_session_is_of_one_front_end_site(allowing, servers, pages, open_app, name):
    """Another listed site that shows a page of its own does not share it: each top-level site has its own jar."""
    origins = [pages.origin("app.example.test"), pages.origin("app.partner.test")]
    server = servers.get(FASTAUTH={"COOKIE_SAMESITE": "none", "CORS_ORIGINS": origins})
    app = open_app(allowing, server)
    app.sign_up(name)
    assert open_app(allowing, server, host="app.partner.test").me() is None
    assert app.me() is not None


def test_going_partitioned_leaves_no_cookie_behind(allowing, servers, pages, open_app, name):
    """A deployment that adds Partitioned names the cookies of before in COOKIE_FORMER."""
    fastauth = {"COOKIE_SAMESITE": "none", "CORS_ORIGINS": [pages.origin("app.example.test")]}
    before = servers.start(FASTAUTH={**fastauth, "COOKIE_PARTITIONED": False})
    app = open_app(allowing, before)
    app.sign_up(name)
    former = [{"name": each, "partitioned": False} for each in ("access_token", "refresh_token")]
    after = servers.start(after=before, FASTAUTH={**fastauth, "COOKIE_FORMER": former})
    app = open_app(allowing, after)
    assert app.me() is not None
    assert app.refresh()
    assert [cookie.partitioned for cookie in allowing.cookies()] == [True, True]
    app.sign_out()
    assert allowing.cookies() == []


@pytest.mark.parametrize("partitioned", [True, False], ids=["partitioned", "not-partitioned"])
def test_none_works_in_firefox(in_firefox, serve, open_app, name, partitioned):
    app = open_app(in_firefox, serve(COOKIE_SAMESITE="none", COOKIE_PARTITIONED=partitioned))
    app.sign_up(name)
    app.tab.reload()
    assert app.me() is not None
    assert app.add_note("from another site") == 201
    assert len(in_firefox.cookies()) == 2
    app.sign_out()
    assert in_firefox.cookies() == []
    app.tab.reload()
    assert app.me() is None


@pytest.mark.parametrize("samesite", ["lax", "strict"])
def test_lax_and_strict_do_not_work_in_firefox_either(in_firefox, serve, open_app, name, samesite):
    app = open_app(in_firefox, serve(COOKIE_SAMESITE=samesite))
    app.sign_up(name)
    app.tab.reload()
    assert app.me() is None
