"""A real nginx that caches and ignores ``Vary``: whoever asks second gets what the first one got."""

import pytest

from tests.browser.servers import free_port
from tests.factories import make_account
from tests.integration.visitor import Visitor
from tests.nginx_server import nginx

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SITE = """
proxy_cache_path {directory}/cache keys_zone=shared:1m;
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass {upstream};
        proxy_cache shared;
        proxy_cache_valid any 1m;
        proxy_cache_methods GET HEAD POST;
        proxy_ignore_headers Vary Set-Cookie;
        add_header X-Cache $upstream_cache_status always;
    }}
}}
"""


@pytest.fixture
def visitor_named(tmp_path, live_server, settings):
    """Somebody with an account, signed in past the cache; from then on each request goes through it."""
    settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_SECURE": False}
    port = free_port()
    with nginx(tmp_path, SITE.format(directory=tmp_path, port=port, upstream=live_server.url)):

        def visitor_named(name):
            account = make_account(name)
            visitor = Visitor(live_server.url)
            assert visitor.sign_in(**account.credentials).status_code == 200
            # Cookies know no port (RFC 6265, section 8.5).
            visitor.origin = live_server.url.rpartition(":")[0] + f":{port}"
            visitor.name, visitor.id = account.user.get_username(), str(account.user.pk)
            return visitor

        yield visitor_named


def test_the_cache_is_one_that_gives_an_answer_to_somebody_else(visitor_named):
    """Or the tests below would show nothing. This is a project's own view, which says nothing about storing."""
    ada, bob = visitor_named("ada"), visitor_named("bob")

    assert ada.get("/private").json() == {"user": ada.name}
    assert bob.get("/private").json() == {"user": ada.name}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "me"),
        ("get", "sessions"),
        ("get", "account/change-password"),
        ("post", "account/change-password"),
        ("post", "login"),
        ("post", "refresh"),
        ("post", "logout"),
    ],
)
def test_no_route_of_this_app_is_given_to_the_next_one(visitor_named, method, path):
    """Answers and refusals, with and without cookies."""
    ada, bob, nobody = visitor_named("ada"), visitor_named("bob"), visitor_named("eve")
    nobody.cookies.clear()

    answers = [visitor.request(method, f"/auth/{path}") for visitor in (ada, bob, nobody, ada)]

    assert {answer.headers["X-Cache"] for answer in answers} == {"MISS"}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


def test_each_is_told_who_they_are(visitor_named):
    ada, bob = visitor_named("ada"), visitor_named("bob")

    assert [str(visitor.get("/auth/me").json()["id"]) for visitor in (ada, bob)] == [ada.id, bob.id]
