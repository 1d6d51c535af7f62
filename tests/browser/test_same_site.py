"""Page and API on two origins of one site: browsers send cookies of any SameSite, and CORS_ORIGINS is all it needs."""

import pytest

from tests.browser.engines import ENGINES
from tests.browser.front_end import FrontEnd

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("profile", ENGINES, indirect=True),
    pytest.mark.parametrize("samesite", ["lax", "strict"]),
]


@pytest.fixture
def server(servers, pages, samesite):
    fastauth = {"COOKIE_SAMESITE": samesite, "CORS_ORIGINS": [pages.origin("app.example.test")]}
    return servers.get(FASTAUTH=fastauth)


@pytest.fixture
def app(profile, pages, server):
    return FrontEnd(profile.open(pages.front_end("app.example.test", server.origin("api.example.test"))))


def test_a_person_stays_signed_in_until_signing_out(profile, app, name):
    app.sign_up(name)
    app.tab.reload()
    assert app.me() is not None
    assert app.add_note("from another origin") == 201
    assert app.notes() == ["from another origin"]
    app.sign_out()
    assert app.me() is None
    assert profile.cookies() == []


def test_an_expired_access_token_is_renewed(profile, app, name):
    app.sign_up(name)
    profile.forget("access_token")
    assert app.add_note("with a renewed token") == 201


def test_devices_are_listed_and_ended(profile, app, name):
    app.sign_up(name)
    assert [session["current"] for session in app.sessions()] == [True]
    app.tab.run("() => auth.sessions.endAll()")
    assert profile.cookies() == []


def test_an_origin_that_is_not_listed_can_neither_act_nor_read(profile, app, name, server, pages):
    app.sign_up(name)
    stranger = FrontEnd(profile.open(pages.front_end("blog.example.test", server.origin("api.example.test"))))
    assert stranger.tab.run("() => auth.me().catch((error) => error.name)") == "TypeError"
    assert stranger.tab.run("() => auth.signOut().catch((error) => error.name)") == "TypeError"
    assert app.me() is not None


def test_no_script_can_see_a_token(profile, app, name):
    app.sign_up(name)
    tokens = [cookie.value for cookie in profile.cookies()]
    visible = app.visible_to_script()
    assert len(tokens) == 2
    assert not [token for token in tokens if token in visible]
