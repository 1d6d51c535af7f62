"""``CORS_ORIGINS`` and django-cors-headers."""

import re

import pytest
from corsheaders.signals import check_request_enabled
from django.test import modify_settings

from fastauth_django.contrib import cors
from tests.reading import sets_cookies

pytestmark = pytest.mark.django_db

FRONT_END = "https://app.example.com"
EVIL = "https://evil.example"


@pytest.fixture(autouse=True)
def _front_end(settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CORS_ORIGINS": [FRONT_END]}


def test_page_of_a_listed_origin_may_read_answers_and_send_cookies(browser, account):
    response = browser.post("/auth/login", account.credentials, format="json", HTTP_ORIGIN=FRONT_END)

    assert sets_cookies(response)
    assert response["Access-Control-Allow-Origin"] == FRONT_END
    assert response["Access-Control-Allow-Credentials"] == "true"
    assert "origin" in response["Vary"].lower()


def test_refusal_can_be_read_too(browser, account):
    response = browser.post("/auth/refresh", HTTP_ORIGIN=FRONT_END)

    assert response.status_code == 401
    assert response["Access-Control-Allow-Origin"] == FRONT_END


def test_preflight_of_a_listed_origin_is_answered(browser):
    response = browser.options(
        "/auth/login",
        HTTP_ORIGIN=FRONT_END,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="content-type",
    )

    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == FRONT_END
    assert "POST" in response["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    "origin",
    [EVIL, "null", "http://app.example.com", f"{FRONT_END}:8443", f"{FRONT_END}.evil.example", "https://example.com"],
)
def test_page_of_any_other_origin_may_not(browser, origin):
    response = browser.get("/public", HTTP_ORIGIN=origin)

    assert "Access-Control-Allow-Origin" not in response


@pytest.mark.parametrize("method", ["get", "options"])
def test_page_without_an_origin_may_not_even_if_it_is_listed(browser, settings, method):
    """Any page can open a sandboxed frame, and that sends null."""
    settings.FASTAUTH = {**settings.FASTAUTH, "CORS_ORIGINS": ["null"]}

    response = getattr(browser, method)("/public", HTTP_ORIGIN="null", HTTP_ACCESS_CONTROL_REQUEST_METHOD="GET")

    assert "Access-Control-Allow-Origin" not in response


@pytest.fixture
def _previews(settings):
    preview = re.compile(r"https://pr-\d+\.example\.com|null")
    settings.FASTAUTH = {**settings.FASTAUTH, "CORS_ORIGINS": [FRONT_END, preview]}


@pytest.mark.usefixtures("_previews")
def test_page_of_an_origin_that_a_pattern_matches_may(browser):
    response = browser.get("/public", HTTP_ORIGIN="https://pr-7.example.com")

    assert response["Access-Control-Allow-Origin"] == "https://pr-7.example.com"


@pytest.mark.usefixtures("_previews")
@pytest.mark.parametrize("origin", ["https://pr-7.example.com.evil.example", "https://pr-.example.com", "null", EVIL])
def test_page_of_an_origin_that_a_pattern_matches_in_part_may_not(browser, origin):
    assert "Access-Control-Allow-Origin" not in browser.get("/public", HTTP_ORIGIN=origin)


@pytest.mark.parametrize(("path", "allowed"), [("/public", False), ("/auth/me", True), ("/auth/login", True)])
@pytest.mark.parametrize("method", ["get", "options"])
def test_limit_that_the_project_set_for_cors_headers_holds(browser, settings, method, path, allowed):
    settings.CORS_URLS_REGEX = r"^/auth/"

    response = getattr(browser, method)(path, HTTP_ORIGIN=FRONT_END, HTTP_ACCESS_CONTROL_REQUEST_METHOD="GET")

    assert ("Access-Control-Allow-Origin" in response) is allowed


def test_request_without_an_origin_is_nobodys_page(browser):
    assert "Access-Control-Allow-Origin" not in browser.get("/public")


def test_origins_are_read_when_they_are_used(browser, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CORS_ORIGINS": []}

    assert "Access-Control-Allow-Origin" not in browser.get("/public", HTTP_ORIGIN=FRONT_END)


def test_project_without_cors_headers_is_left_alone():
    before = list(check_request_enabled.receivers)

    with modify_settings(INSTALLED_APPS={"remove": ["corsheaders"]}):
        cors.connect()

    assert check_request_enabled.receivers == before


def test_connecting_twice_asks_once():
    before = len(check_request_enabled.receivers)

    cors.connect()

    assert len(check_request_enabled.receivers) == before
