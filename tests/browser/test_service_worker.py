"""A service worker that answers from its cache, without a look at ``no-store``."""

import pytest

from tests.browser.engines import ENGINES
from tests.browser.front_end import FrontEnd

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("profile", ENGINES, indirect=True)]

WORK = """async () => {
    await navigator.serviceWorker.register("/cache-first.js");
    await navigator.serviceWorker.ready;
}"""


@pytest.fixture
def app(profile, servers):
    app = FrontEnd(profile.open(servers.get(tls=False, DEBUG=True).origin("localhost") + "/page"))
    app.tab.run(WORK)
    app.tab.reload()
    assert app.tab.run("() => Boolean(navigator.serviceWorker.controller)")
    return app


def test_its_cache_does_not_say_who_is_signed_in(app, name, names):
    user = app.sign_up(name)
    assert app.me() == user
    app.sign_out()
    app.tab.reload()
    assert app.me() is None
    other = app.sign_up(next(names))
    app.tab.reload()
    assert app.me() == other
    assert len(app.sessions()) == 1


def test_what_it_keeps_of_the_project_is_the_projects_business(app, name, names):
    """Or the test above could not fail: the worker does answer from its cache."""
    app.sign_up(name)
    app.add_note("of the first")
    assert app.notes() == ["of the first"]
    app.sign_out()
    app.sign_up(next(names))
    assert app.notes() == ["of the first"]
