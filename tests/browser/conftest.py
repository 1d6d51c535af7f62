"""Browsers, servers and names. Browsers live as long as this package's tests: while Playwright runs, its event loop
would keep Django's ORM from working in this thread."""

from itertools import count

import pytest

from tests.browser import npm
from tests.browser.certificate import Authority
from tests.browser.device import DeviceProfile, trusting_home
from tests.browser.engines import ChromiumProfile, start_chromium, start_firefox
from tests.browser.pages import Pages
from tests.browser.servers import Servers, free_port, make_template
from tests.browser.webkit import start_webkit


@pytest.fixture(scope="session")
def default_ports(pages, plain_pages):
    """Two hosts as they are in the world, on ports that no address names: ``app`` is a front end's, ``api`` is free."""
    return {
        "app.default.test:443": pages.port,
        "app.default.test:80": plain_pages.port,
        "api.default.test:443": free_port(),
        "api.default.test:80": plain_pages.port,
    }


@pytest.fixture(scope="package")
def chromium(tmp_path_factory, default_ports):
    browser, end = start_chromium(tmp_path_factory.mktemp("chromium"), default_ports)
    yield browser
    end()


@pytest.fixture(scope="package")
def firefox():
    browser = start_firefox()
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def webkit(tmp_path_factory):
    browser = start_webkit(tmp_path_factory.mktemp("webkit"))
    yield browser
    browser.close()


@pytest.fixture
def profile(request):
    """An empty cookie jar: Chromium's, unless the test is parametrised with the name of the engine."""
    profile = request.getfixturevalue(getattr(request, "param", "chromium")).profile()
    yield profile
    profile.close()


@pytest.fixture(scope="module")
def allowing(chromium):
    """Third-party cookies are allowed, which is best for the attacker."""
    profile = chromium.profile_with({"cookie_controls_mode": 0})
    yield profile
    profile.close()


@pytest.fixture
def open_profile(chromium):
    """More cookie jars, for other people or other settings of the browser."""
    opened: list[ChromiumProfile] = []

    def open_profile(**preferences):
        opened.append(chromium.profile_with(preferences) if preferences else chromium.profile())
        return opened[-1]

    yield open_profile
    for profile in opened:
        profile.close()


@pytest.fixture
def open_device(chromium, authority, tmp_path):
    """Another person's profile, or another person at the same: a browser that can bind unless told otherwise."""
    opened = []

    def open_device(**options):
        directory = tmp_path / f"profile{len(opened)}"
        opened.append(DeviceProfile(chromium.chromium, trusting_home(authority), directory, **options))
        return opened[-1]

    yield open_device
    for profile in opened:
        profile.close()


@pytest.fixture
def owner(open_device):
    return open_device()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.certificate


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    return make_template(tmp_path_factory.mktemp("template") / "template.sqlite3")


@pytest.fixture(scope="module")
def servers(tmp_path_factory, certificate, template):
    servers = Servers(tmp_path_factory.mktemp("servers"), certificate, template)
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def pages(certificate):
    """Front ends and attackers' pages, on any host under .test."""
    pages = Pages(certificate)
    yield pages
    pages.close()


@pytest.fixture(scope="session")
def plain_pages():
    """The same without TLS."""
    pages = Pages(None)
    yield pages
    pages.close()


@pytest.fixture(scope="session")
def react_app(tmp_path_factory):
    """The folder of the example's React app, whose packages are installed."""
    return npm.install(npm.REACT, tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="session")
def names():
    return (f"person{number}" for number in count(1))


@pytest.fixture
def name(names):
    """Somebody who has no account yet: servers are shared between tests."""
    return next(names)
