"""docs/device-binding.md, and what docs/http.md shows of the device's routes."""

import json

import pytest

from fastauth_django.models import AuthSession
from tests.clients import Browser
from tests.devices import Device, bind_on_sign_in
from tests.documentation.pages import page

pytestmark = pytest.mark.django_db

[SETTINGS] = page("docs/device-binding.md").take("python", under="Device-bound sessions")
[END_UNBOUND] = page("docs/device-binding.md").take("python", under="Optional or required")
[INSTRUCTIONS] = page("docs/http.md").take("json", under="POST device/bind")


@pytest.fixture(autouse=True)
def _as_on_the_page(settings):
    names: dict = {}
    exec(SETTINGS.code, names)  # noqa: S102
    settings.FASTAUTH = names["FASTAUTH"]


def test_sessions_are_bound_with_the_settings_of_the_page(browser, account):
    bind_on_sign_in(browser, browser.sign_in(account))

    assert AuthSession.objects.get().is_device_bound


def test_instructions_are_as_shown(browser, account):
    shown = json.loads(INSTRUCTIONS.code)
    answer = Device().bind(browser, browser.sign_in(account))

    assert {**answer.json(), "session_identifier": "…"} == {**shown, "session_identifier": "…"}
    assert len(shown["session_identifier"]) == len(answer.json()["session_identifier"])


def test_sessions_that_are_not_bound_are_ended_by_what_the_page_says(browser, account):
    bind_on_sign_in(browser, browser.sign_in(account))
    other = Browser()
    other.sign_in(account)

    exec(END_UNBOUND.code, {})  # noqa: S102

    assert [session.is_device_bound for session in AuthSession.objects.live()] == [True]
    assert other.get("/private").status_code == 401
    assert browser.get("/private").status_code == 200
