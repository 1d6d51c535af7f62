"""The example project's own page, driven as a person would: by what is written on it."""

import json
import re
from functools import partial

import pytest

from tests.browser import attacks
from tests.browser.example import (
    Example,
    add_note,
    expect,
    expect_signed_in,
    expect_signed_out,
    sign_in,
    sign_up,
    write_note,
)
from tests.browser.servers import free_port
from tests.factories import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def start(servers, certificate, tmp_path_factory):
    """Start the example with more variables in its environment."""
    example = Example(servers, tmp_path_factory.mktemp("example"))
    return partial(example.start, certificate)


@pytest.fixture(scope="module")
def example(start):
    return start()


@pytest.fixture
def address(example):
    return example.origin("app.example.test") + "/"


def test_a_person_stays_signed_in_until_signing_out(profile, address, name):
    page = profile.open(address).page
    sign_up(page, name)
    page.reload()
    expect_signed_in(page)
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    expect_signed_out(page)
    assert profile.cookies() == []


def test_no_script_can_see_a_token(profile, address, name):
    page = profile.open(address).page
    answers = []
    page.on("response", lambda response: answers.append(response))
    sign_up(page, name)
    page.get_by_role("button", name="Refresh now").click()
    expect(page.get_by_text("POST /auth/refresh").first).to_be_visible()
    visible = page.content() + page.evaluate("document.cookie")
    visible += "".join(response.text() for response in answers if response.status in {200, 201})
    assert {cookie.name for cookie in profile.cookies()} == {"__Host-access_token", "__Host-refresh_token"}
    assert not [cookie for cookie in profile.cookies() if cookie.value in visible]
    assert not re.search(r"eyJ[\w-]+\.", visible)


def test_a_wrong_password_is_told_under_its_field(profile, address, name):
    page = profile.open(address).page
    sign_in(page, name, "not the password 9")
    field = page.get_by_role("form", name="Sign in").get_by_label("Password")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()


def test_an_expired_access_token_is_not_noticed(profile, address, name):
    page = profile.open(address).page
    sign_up(page, name)
    profile.forget("__Host-access_token")
    add_note(page, "with a renewed token")


def test_two_tabs_whose_access_token_has_expired_both_go_on(profile, example, address, name):
    first = profile.open(address).page
    sign_up(first, name)
    pages = [first, profile.open(address).page]
    expect_signed_in(pages[1])
    profile.forget("__Host-access_token")
    example.hold("/api/notes/", parties=2)
    for number, page in enumerate(pages):
        write_note(page, f"from tab {number}")
    for number, page in enumerate(pages):
        expect(page.get_by_text(f"from tab {number}")).to_be_visible()


def test_a_session_ended_elsewhere_is_told(profile, open_profile, address, name):
    here = profile.open(address).page
    sign_up(here, name)
    there = open_profile().open(address).page
    sign_in(there, name)
    expect_signed_in(there)
    there.get_by_role("button", name="Sign out everywhere else").click()
    expect(there.get_by_text("Every other device is signed out.")).to_be_attached()
    write_note(here, "too late")
    expect_signed_out(here)
    expect(here.get_by_text("Your session was ended on another device")).to_be_visible()


def test_the_live_view_survives_a_reload(profile, address, name):
    page = profile.open(address).page
    sign_up(page, name)
    expect(page.get_by_text("POST /auth/register")).to_be_visible()
    page.reload()
    expect_signed_in(page)
    expect(page.get_by_text("POST /auth/register")).to_be_visible()
    expect(page.locator("#cookies .name")).to_have_count(2)
    assert not re.search(r"eyJ[\w-]+\.", page.evaluate("JSON.stringify(sessionStorage)"))


def test_a_new_password_signs_out_the_other_devices(profile, open_profile, address, name):
    there = open_profile().open(address).page
    sign_up(there, name)
    page = profile.open(address).page
    sign_in(page, name)
    expect_signed_in(page)
    page.get_by_text("Change the password").click()
    page.get_by_label("Current password").fill("not the password 9")
    page.get_by_label("New password").fill("another battery horse 7")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_label("Current password")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    add_note(page, "still here")
    write_note(there, "too late")
    expect_signed_out(there)


def test_signing_out_everywhere_is_asked_about(profile, address, name):
    page = profile.open(address).page
    sign_up(page, name)
    page.get_by_role("button", name="Sign out everywhere", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    add_note(page, "still here")
    page.get_by_role("button", name="Sign out everywhere", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    expect_signed_out(page)


def test_the_demo_account_is_one_click_and_only_in_a_demonstration(profile, start, address):
    assert profile.open(address).page.get_by_role("button", name="Use the demo account").count() == 0
    demo = start(DEBUG="1", SECRET_KEY="of a demonstration, and long enough for HS256")
    page = profile.open(demo.origin("app.example.test") + "/").page
    expect(page.get_by_role("button", name="Use the demo account")).to_be_visible()


def test_the_page_may_call_an_api_on_another_origin_of_the_site(profile, start, name):
    page_port, api_port = free_port(), free_port()
    page_origin = f"https://app.example.test:{page_port}"
    api = start(port=api_port, CORS_ORIGINS=page_origin, COOKIE_SAMESITE="strict")
    start(port=page_port, API_ORIGIN=api.origin("api.example.test"))
    page = profile.open(page_origin + "/").page
    sign_up(page, name)
    add_note(page, "on another origin")
    page.reload()
    expect_signed_in(page)
    assert {cookie.domain for cookie in profile.cookies()} == {"api.example.test"}
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    expect_signed_out(page)
    assert profile.cookies() == []


@pytest.mark.parametrize("host", ["evil.test", "blog.example.test"])
def test_no_other_page_can_add_a_note(profile, example, pages, address, name, host):
    page = profile.open(address).page
    sign_up(page, name)
    attacker = profile.open(pages.origin(host))
    attacks.form_urlencoded(attacker, address + "api/notes/", {"text": "forged"})
    assert example.seen("/api/notes/", "POST")[-1].status in {401, 403}
    page.reload()
    expect_signed_in(page)
    expect(page.get_by_text("forged")).to_have_count(0)


def try_out(page, operation, body=None):
    """Expand an operation of the API's page, try it out and return the status it shows."""
    block = page.locator(f"#operations-auth-{operation}")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    if body is not None:
        block.locator("textarea.body-param__text").fill(json.dumps(body))
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table tr.response")
    status = answer.locator(".response-col_status").inner_text()
    return int(status.split()[0]), answer.locator(".response-col_description").inner_text()


def test_the_api_can_be_tried_out_with_cookies(profile, address, name):
    page = profile.open(address + "api/schema/swagger-ui/").page
    status, shown = try_out(page, "auth_register_create", {"email": f"{name}@example.com", "password": PASSWORD})
    assert status == 201
    assert "eyJ" not in shown
    assert {cookie.name for cookie in profile.cookies()} >= {"__Host-access_token", "__Host-refresh_token"}
    status, shown = try_out(page, "auth_me_retrieve")
    assert status == 200
    assert f"{name}@example.com" in shown
    assert try_out(page, "auth_refresh_create", {})[0] == 200
    assert try_out(page, "auth_logout_create", {})[0] == 200
    assert try_out(page, "auth_sessions_list")[0] == 401


def test_the_page_of_the_api_needs_nothing_from_elsewhere(profile, address):
    tab = profile.open("about:blank")
    asked = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.go(address + "api/schema/swagger-ui/")
    expect(tab.page.get_by_text("/auth/login")).to_be_visible()
    assert len(asked) > 3
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
