"""A sibling subdomain can write cookies for the whole site. What that does to the people of this one."""

from urllib.parse import quote

import pytest

from tests.browser.front_end import FrontEnd

pytestmark = pytest.mark.browser

NAMES = ("access_token", "refresh_token")
HOST = {"COOKIE_NAME_ACCESS": "__Host-access", "COOKIE_NAME_REFRESH": "__Host-refresh"}
# Browsers send the longer path first, so these come before the site's own.
PATHS = ("/", "/auth", "/auth/login", "/auth/logout", "/auth/refresh", "/notes")


@pytest.fixture
def toss(profile, pages):
    """Write cookies from https://blog.example.test, by script or by a header."""

    def toss(cookies, by_header=False):
        attacker = profile.open(pages.origin("blog.example.test"))
        for name, value in cookies.items():
            for path in PATHS:
                cookie = f"{name}={value}; Domain=example.test; Path={path}; Secure; Max-Age=9999999"
                if by_header:
                    attacker.go(pages.origin("blog.example.test") + "/set-cookie?" + quote(cookie, encoding="latin-1"))
                else:
                    attacker.run("(cookie) => { document.cookie = cookie }", cookie)

    return toss


@pytest.fixture
def open_app(profile, servers):
    def open_app(**fastauth):
        server = servers.get(FASTAUTH={"REFRESH_GRACE": 0, **fastauth})
        return FrontEnd(profile.open(server.origin("app.example.test") + "/page"))

    return open_app


@pytest.mark.parametrize("garbage", ["garbage", "", "a.b.c"], ids=["garbage", "empty", "three-parts"])
def test_garbage_locks_nobody_out(profile, open_app, toss, name, garbage):
    app = open_app()
    toss(dict.fromkeys(NAMES, garbage))
    assert len(profile.cookies()) == 12
    app.sign_up(name)
    app.sign_out()
    app.sign_in(name)
    assert app.me() is not None
    assert app.add_note("as myself") == 201
    assert app.refresh()
    app.sign_out()
    assert app.me() is None


def test_garbage_tossed_at_a_signed_in_person_changes_nothing(profile, open_app, toss, name):
    app = open_app()
    app.sign_up(name)
    toss(dict.fromkeys(NAMES, "garbage"))
    app.tab.reload()
    assert app.me() is not None
    assert app.add_note("as myself") == 201
    for _ in range(2):
        assert app.refresh()
    app.sign_out()
    assert {cookie.value for cookie in profile.cookies()} == {"garbage"}


# what Django's settings say, what the client is told, and what is tossed
CSRF_COOKIES = {
    "default-names": ({}, "", "a" * 32),
    "other-names": (
        {"CSRF_COOKIE_NAME": "my.csrf", "CSRF_HEADER_NAME": "HTTP_X_MY_CSRF"},
        "?csrf=my.csrf&header=X-My-CSRF",
        "a" * 32,
    ),
    # Under a plain name this would lock everybody out: Django refuses the request by the cookie alone.
    "host-prefix": (
        {"CSRF_COOKIE_NAME": "__Host-csrftoken", "CSRF_COOKIE_SECURE": True},
        "?csrf=__Host-csrftoken&header=X-CSRFToken",
        "garbage",
    ),
}


@pytest.mark.parametrize(("csrf", "query", "tossed"), CSRF_COOKIES.values(), ids=CSRF_COOKIES)
@pytest.mark.parametrize("first", ["own", "tossed"])
@pytest.mark.parametrize("profile", ["chromium", "firefox"], indirect=True)
def test_of_two_csrf_cookies_the_client_and_django_take_the_same(
    profile, servers, toss, name, csrf, query, tossed, first
):
    server = servers.get(FASTAUTH={"CSRF_PROTECTION": "token"}, **csrf)
    cookie = {csrf.get("CSRF_COOKIE_NAME", "csrftoken"): tossed}
    if first == "tossed":
        toss(cookie)
    app = FrontEnd(profile.open(server.origin("app.example.test") + "/page" + query))
    app.sign_up(name)
    toss(cookie)
    app.tab.reload()
    assert app.add_note("as myself") == 201
    assert app.refresh()
    app.sign_out()
    assert app.me() is None
    app.sign_in(name)
    assert app.add_note("as myself") == 201


@pytest.fixture
def attackers_tokens(open_profile, servers, names):
    """The tokens of the attacker's own session, which the attacker is free to read."""

    def attackers_tokens(**fastauth):
        own = open_profile()
        server = servers.get(FASTAUTH={"REFRESH_GRACE": 0, **fastauth})
        app = FrontEnd(own.open(server.origin("app.example.test") + "/page"))
        app.sign_up(next(names))
        return {cookie.name: cookie.value for cookie in own.cookies()}, app

    return attackers_tokens


def test_host_prefixed_names_cannot_be_tossed_in(profile, open_app, toss, name, attackers_tokens):
    tokens, attacker = attackers_tokens(**HOST)
    app = open_app(**HOST)
    me = app.sign_up(name)
    before = profile.cookies()
    toss(tokens)
    assert profile.cookies() == before
    app.add_note("my secret")
    assert app.me() == me
    assert attacker.notes() == []


def test_plain_names_can_and_then_the_attackers_session_is_used(open_app, toss, name, attackers_tokens):
    """Why the deployment page recommends ``__Host-``: nothing tells a tossed cookie from one's own."""
    tokens, attacker = attackers_tokens()
    app = open_app()
    app.sign_up(name)
    toss(tokens)
    app.add_note("my secret")
    assert attacker.notes() == ["my secret"]


# how it is written, and whether only a header can
DISGUISES = {
    "other-case": ("__host-{}", False),
    "unicode-space": ("\u2000__Host-{}", False),
    "no-name": ("=__Host-{}", False),
    "tab": ("\t__Host-{}", False),
    "quoted": ('"__Host-{}"', False),
    "latin-1-space": ("\xa0__Host-{}", True),
    "latin-1-newline": ("\x85__Host-{}", True),
}


@pytest.mark.parametrize(("disguise", "by_header"), DISGUISES.values(), ids=DISGUISES)
def test_no_disguise_of_a_host_prefix_is_taken_for_one(open_app, toss, name, attackers_tokens, disguise, by_header):
    """Browsers refuse some of these names and store others; none may become the person's session."""
    tokens, attacker = attackers_tokens(**HOST)
    app = open_app(**HOST)
    me = app.sign_up(name)
    toss({disguise.format(name.removeprefix("__Host-")): value for name, value in tokens.items()}, by_header)
    app.add_note("my secret")
    assert app.me() == me
    assert app.refresh()
    assert attacker.notes() == []
