"""The example's page and the admin's pages of sessions, looked over by axe."""

import os
import subprocess
import sys

import pytest

from tests.browser.accessibility import axe, findings
from tests.browser.example import Example, expect, expect_signed_in, expect_signed_out
from tests.browser.example_server import ENVIRONMENT
from tests.browser.servers import ROOT

pytestmark = pytest.mark.browser

SESSIONS = "/admin/fastauth_django/authsession/"
DEMONSTRATION = {"DEBUG": "1", "SECRET_KEY": "of a demonstration, and long enough for HS256"}


@pytest.fixture(scope="module")
def script():
    return axe()


@pytest.fixture(scope="module")
def demo(servers, certificate, tmp_path_factory):
    """The example as ./scripts/demo starts it, with its two accounts."""
    server = Example(servers, tmp_path_factory.mktemp("example")).start(certificate, **DEMONSTRATION)
    environment = {**ENVIRONMENT, **DEMONSTRATION, "DATABASE_URL": f"sqlite:///{server.database}"}
    command = [sys.executable, "-m", "django", "create_demo_account"]
    subprocess.run(command, env={**os.environ, **environment}, cwd=ROOT, check=True, capture_output=True)
    return server


@pytest.fixture(params=["light", "dark"])
def page(request, profile, demo):
    page = profile.open(demo.origin("app.example.test") + "/").page
    page.emulate_media(color_scheme=request.param, reduced_motion="reduce")
    return page


def test_page_of_the_demo_has_no_findings(page, script):
    expect_signed_out(page)
    found = {"sign in": findings(page, script)}
    page.get_by_role("button", name="Create one").click()
    found["sign up"] = findings(page, script)
    page.reload()
    page.get_by_role("button", name="Use the demo account").click()
    expect_signed_in(page)
    page.get_by_text("Change the password").click()
    found["notes"] = findings(page, script)
    page.get_by_role("button", name="Sign out everywhere", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found["question"] = findings(page, script)

    assert {shown: each for shown, each in found.items() if each} == {}


def test_sessions_in_the_admin_have_no_findings(page, demo, script):
    page.get_by_role("button", name="Use the demo account").click()
    expect_signed_in(page)
    page.goto(demo.origin("app.example.test") + "/admin/login/?next=" + SESSIONS)
    page.locator("#id_username").fill("staff@example.com")
    page.locator("#id_password").fill("demo-pass-1234")
    page.locator("[type=submit]").click()
    expect(page.locator("#result_list")).to_be_visible()
    found = {"list": findings(page, script)}
    page.locator(".field-device a").first.click()
    expect(page.locator("[name=end]")).to_be_visible()
    found["detail"] = findings(page, script)

    assert {shown: each for shown, each in found.items() if each} == {}
