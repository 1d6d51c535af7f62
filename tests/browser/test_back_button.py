"""Back to a page of somebody who has signed out: browsers keep pages as they were left, script and all."""

import pytest

from tests.browser.front_end import FrontEnd

pytestmark = pytest.mark.browser
ENGINES = pytest.mark.parametrize("engine", ["chromium", "webkit"])

SIGN_OUT_UNHEARD = "() => fetch('/auth/logout', { method: 'POST' }).then(({ status }) => status)"


@pytest.fixture
def profile(request, engine):
    browser = request.getfixturevalue(engine)
    profile = browser.profile_that_keeps_pages() if engine == "chromium" else browser.profile()
    yield profile
    profile.close()


@pytest.fixture
def server(servers):
    return servers.get(tls=False, DEBUG=True)


@pytest.fixture
def app(profile, server, name):
    """The front end in a tab, whose page shows who has just signed in."""
    app = FrontEnd(profile.open(server.origin("localhost") + "/page"))
    app.sign_up(name)
    app.tab.wait_until(f"() => document.querySelector('#who').textContent.includes({name!r})")
    return app


def leave_for_another_page(app, server):
    app.tab.go(server.origin("localhost") + "/worker.js")


def come_back(app):
    """Whether the page was kept, what it showed at first, and what its client told then."""
    app.tab.back()
    app.tab.wait_until("() => window.shown && changes.at(-1)?.[0] !== null")
    return app.tab.run("() => [...shown, changes.at(-1)]")


@ENGINES
def test_who_comes_back_after_a_sign_out_sees_nobody_at_any_time(app, server):
    leave_for_another_page(app, server)
    assert app.tab.run(SIGN_OUT_UNHEARD) == 200

    assert come_back(app) == [True, "", [False, "nobody"]]

    assert app.tab.run("() => document.querySelector('#who').textContent") == ""
    assert app.changes() == [[True, "signed-in"], [None, "away"], [False, "nobody"]]


@ENGINES
def test_who_comes_back_signed_in_is_seen_again(app, server, name):
    leave_for_another_page(app, server)

    assert come_back(app) == [True, "", [True, "restored"]]

    app.tab.wait_until(f"() => document.querySelector('#who').textContent.includes({name!r})")


@pytest.mark.parametrize("engine", ["chromium"])
def test_a_page_that_could_hear_of_the_sign_out_is_not_kept(app, profile, server):
    """Chromium throws a kept page away when a message comes for it, and Back loads the page anew."""
    leave_for_another_page(app, server)
    FrontEnd(profile.open(server.origin("localhost") + "/page")).sign_out()

    assert come_back(app) == [False, "", None]

    assert app.me() is None
