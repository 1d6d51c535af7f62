"""Fixtures that every test may use. A test reads as a browser or a client would act: over HTTP where a user would."""

import os
from importlib.metadata import version

import pytest
import time_machine
from django.core.cache import cache
from packaging.requirements import Requirement
from rest_framework.response import Response

from tests.clients import Browser, NativeApp
from tests.devices import Device, bind_on_sign_in
from tests.factories import Account, make_account
from tests.missing import cannot_run

#: A whole second, so that lifetimes come out as round numbers.
NOW = "2026-06-01T12:00:00Z"


def pytest_report_header() -> str:
    database = os.environ.get("FASTAUTH_TEST_DATABASE", "sqlite")
    isolation = os.environ.get("FASTAUTH_TEST_ISOLATION") or "its own isolation level"
    return f"database: {database}, {isolation}"


def pytest_runtest_setup(item):
    """``@pytest.mark.needs("PyJWT >= 2.12")``: skip what an older version, which this app supports too, does not do."""
    for marker in item.iter_markers("needs"):
        [requirement] = map(Requirement, marker.args)
        if not requirement.specifier.contains(installed := version(requirement.name), prereleases=True):
            cannot_run(f"needs {requirement}, and {installed} is installed")


@pytest.fixture(autouse=True)
def _empty_cache():
    """Failed sign-ins are counted in the cache; no test inherits another's."""
    cache.clear()


@pytest.fixture
def account(db) -> Account:
    """Ada, who has an account and knows her password."""
    return make_account("ada")


@pytest.fixture
def other_account(db) -> Account:
    """Bob, who has an account of his own."""
    return make_account("bob")


@pytest.fixture
def browser() -> Browser:
    """A browser with an empty cookie jar."""
    return Browser()


@pytest.fixture
def native_app() -> NativeApp:
    """A client that keeps no cookies and sends ``Authorization: Bearer``."""
    return NativeApp()


@pytest.fixture
def signed_in(browser, account) -> Browser:
    """Ada's browser, signed in."""
    assert browser.sign_in(account).status_code == 200
    return browser


@pytest.fixture
def device_binding(settings):
    """The server asks browsers to bind their sessions to their device."""
    settings.FASTAUTH = {**settings.FASTAUTH, "DEVICE_BINDING": "optional"}


@pytest.fixture
def offer(device_binding, browser, account, clock) -> Response:
    """The answer of a sign-in, which asks the browser for a key."""
    return browser.sign_in(account)


@pytest.fixture
def device(browser, offer) -> Device:
    """The device that the browser's session is bound to."""
    return bind_on_sign_in(browser, offer)


@pytest.fixture
def between(settings):
    """``between(act)``: have ``act`` happen between the read and the compare-and-set of the next request."""

    def schedule(act):
        acts = [act]

        def claims_hook(user, claims):
            if acts:
                acts.pop()()
            return claims

        settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": claims_hook}

    return schedule


@pytest.fixture
def use(django_capture_on_commit_callbacks):
    """``use(client)``: a protected request with the client's access token, and what follows its transaction."""

    def request(client, path="/private"):
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            assert client.get(path).status_code == 200
        return callbacks

    return request


@pytest.fixture
def clock():
    """A clock that stands still; ``clock.shift(seconds)`` moves it."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller
