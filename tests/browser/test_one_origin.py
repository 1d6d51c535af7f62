"""Page and API on one origin, which needs no setting at all."""

import re

import pytest

from tests.browser.engines import ENGINES
from tests.browser.front_end import FrontEnd, claims_of

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("profile", ENGINES, indirect=True)]


@pytest.fixture(params=["origin", "token"], ids=lambda mode: f"csrf-{mode}")
def page(request, servers):
    server = servers.get(FASTAUTH={"CSRF_PROTECTION": request.param})
    return server.origin("app.example.test") + "/page"


def test_a_person_stays_signed_in_until_signing_out(profile, page, name):
    app = FrontEnd(profile.open(page))
    app.sign_up(name)
    app.tab.reload()
    assert app.me() is not None
    assert app.add_note("after a reload") == 201
    app.sign_out()
    assert app.me() is None
    assert auth_cookies(profile) == []


def test_signing_in_again_and_renewing_work(profile, page, name):
    app = FrontEnd(profile.open(page))
    app.sign_up(name)
    app.sign_out()
    app.sign_in(name)
    profile.forget("access_token")
    assert app.add_note("with a renewed token") == 201
    assert app.notes() == ["with a renewed token"]


def test_changing_the_password_keeps_this_browser_signed_in(profile, page, name):
    app = FrontEnd(profile.open(page))
    app.sign_up(name)
    app.change_password("a new and longer pass phrase 9")
    app.tab.reload()
    assert app.me() is not None


def test_no_script_can_see_a_token(profile, page, name):
    app = FrontEnd(profile.open(page))
    app.sign_up(name)
    first = {cookie.value for cookie in auth_cookies(profile)}
    app.refresh()
    second = {cookie.value for cookie in auth_cookies(profile)}
    assert len(first | second) == 4
    visible = app.visible_to_script()
    assert not [value for value in first | second if value in visible]
    assert "access_token" not in visible
    assert "refresh_token" not in visible
    # Nor any other token: each is a JWT.
    assert not re.search(r"eyJ[\w-]+\.", visible)


def test_the_cookies_lie_in_the_jar_as_fastauth_sets_them(profile, page, name):
    FrontEnd(profile.open(page)).sign_up(name)
    jar = {cookie.name: cookie for cookie in auth_cookies(profile)}
    assert set(jar) == {"access_token", "refresh_token"}
    for cookie in jar.values():
        assert (cookie.domain, cookie.path) == ("app.example.test", "/")
        assert (cookie.secure, cookie.httponly, cookie.samesite) == (True, True, "lax")
    assert claims_of(jar["access_token"])["sid"] == claims_of(jar["refresh_token"])["sid"]


def auth_cookies(profile):
    """All but Django's own CSRF token, which script must be able to read."""
    return [cookie for cookie in profile.cookies() if cookie.name != "csrftoken"]
