"""django-allauth proves who somebody is, and the sign-in ends with our two cookies."""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest

from tests.integration.provider import PERSON, SECRET, Provider
from tests.needs import need

pytestmark = pytest.mark.slow

PAGE = "integrations/allauth.md"
PASSWORD = "correct horse battery 9"
OURS = {"access_token", "refresh_token"}


@pytest.fixture(scope="module")
def provider():
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def make_site(make_project, provider):
    def make_site():
        need("allauth")
        project = make_project(IDP_SECRET=SECRET).follow("quickstart.md").follow(PAGE)
        project.configure(provider.as_setting())
        project.configure('EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"')
        return project.configure('EMAIL_FILE_PATH = BASE_DIR / "mails"')

    return make_site


@pytest.fixture(scope="module")
def project(make_site):
    return make_site()


@pytest.fixture(scope="module")
def server(project, serve):
    return serve(project, "migrate", users={"ada": PASSWORD})


@pytest.fixture
def visitor(server, visit):
    return visit(server)


def submit(visitor, path, **fields):
    """Fill in the form of a page."""
    form = visitor.get(path)
    assert form.status_code == 200
    return visitor.post(path, data={**fields, "csrfmiddlewaretoken": visitor.cookies["csrftoken"]})


def consent(visitor, path="/accounts/oidc/idp/login/"):
    """Go to the provider and allow it; returns the address that the provider sends the visitor back to."""
    page = visitor.get(submit(visitor, path).headers["Location"])
    return unescape(re.search('href="(.*?)"', page.text)[1])


def continues_at(response):
    return unescape(re.search('http-equiv="refresh" content="0; url=(.*?)"', response.text)[1])


def is_in_djangos_session(visitor):
    """Whether allauth's own page for people who are signed in knows the visitor."""
    page = visitor.get("/accounts/email/").text
    assert ('action="/accounts/login/"' in page) != ('href="/accounts/logout/"' in page)
    return 'href="/accounts/logout/"' in page


def code_in_mail(project, recipient):
    mails = sorted((project.directory / "mails").iterdir(), key=lambda mail: mail.stat().st_mtime_ns)
    text = next(mail.read_text() for mail in reversed(mails) if f"To: {recipient}" in mail.read_text())
    return re.search(r"^\s*([A-Z0-9-]{6,9})\s*$", text, re.M)[1]


def test_an_oauth_sign_in_ends_with_our_cookies(visitor):
    response = visitor.get(consent(visitor))

    assert response.status_code == 200
    assert visitor.holds() >= OURS
    assert visitor.get("/auth/me").json()["email"] == PERSON["email"]
    assert len(visitor.get("/auth/sessions").json()) == 1


def test_the_cookies_are_as_the_settings_say(visitor):
    response = visitor.get(consent(visitor))

    assert response.headers["Set-Cookie"].count("HttpOnly; Max-Age=") == 2
    assert response.headers["Set-Cookie"].count("SameSite=strict") == 2
    assert response.headers["Cache-Control"] == "no-store"


def test_nobody_is_left_signed_in_to_djangos_session(visitor):
    visitor.get(consent(visitor))

    assert "sessionid" not in visitor.holds()
    assert not is_in_djangos_session(visitor)


def test_without_the_adapter_somebody_would_be(make_site, server, serve, visit):
    """Or the test above could not fail."""
    site = make_site().configure("del ACCOUNT_ADAPTER").take_tables_of(server)
    visitor = visit(serve(site, "migrate"))

    visitor.get(consent(visitor))

    assert is_in_djangos_session(visitor)
    assert not visitor.holds() & OURS


def test_signing_out_is_the_apis(visitor):
    visitor.get(consent(visitor))

    assert visitor.post("/auth/logout").status_code == 200

    assert visitor.get("/auth/me").status_code == 401
    assert not visitor.holds() & {*OURS, "sessionid"}


def test_the_page_goes_on_to_where_the_visitor_wanted_to_be(visitor):
    response = visitor.get(consent(visitor, "/accounts/oidc/idp/login/?next=/orders/%3Fpage=2%26all=1"))

    assert continues_at(response) == "/orders/?page=2&all=1"


def test_it_goes_on_to_no_other_site(visitor):
    response = visitor.get(consent(visitor, "/accounts/oidc/idp/login/?next=https://evil.example/"))

    assert continues_at(response) == "/"


def test_the_answer_of_the_provider_serves_only_the_visitor_who_asked(visitor, server, visit):
    """Or an attacker's link would sign others in to the attacker's account."""
    victim = visit(server)

    victim.get(consent(visitor))

    assert not victim.holds() & OURS


def test_a_one_time_code_ends_with_our_cookies(project, visitor):
    assert submit(visitor, "/accounts/login/code/", email="ada@example.com").status_code == 302

    response = submit(visitor, "/accounts/login/code/confirm/", code=code_in_mail(project, "ada@example.com"))

    assert response.status_code == 200
    assert visitor.holds() >= OURS
    assert "sessionid" not in visitor.holds()
    assert visitor.get("/auth/me").json()["username"] == "ada"


def test_a_wrong_code_signs_nobody_in(visitor):
    submit(visitor, "/accounts/login/code/", email="ada@example.com")

    submit(visitor, "/accounts/login/code/confirm/", code="WRONG-1")

    assert not visitor.holds() & OURS


def test_a_password_on_allauths_own_page_ends_so_too(visitor):
    submit(visitor, "/accounts/login/", login="ada", password=PASSWORD)

    assert visitor.holds() >= OURS
    assert not is_in_djangos_session(visitor)


def test_a_session_of_before_ends(visitor):
    visitor.sign_in(username="ada", password=PASSWORD)
    before = visitor.cookies["access_token"]

    visitor.get(consent(visitor))

    assert visitor.get("/auth/me").json()["email"] == PERSON["email"]
    assert visitor.get("/auth/me", headers={"Cookie": f"access_token={before}"}).status_code == 401


def test_no_message_is_left_in_a_cookie(visitor):
    visitor.get(consent(visitor))

    assert visitor.holds() == {*OURS, "csrftoken"}


def test_the_site_asked_the_provider_it_was_told_to(visitor, provider):
    location = submit(visitor, "/accounts/oidc/idp/login/").headers["Location"]

    assert urlsplit(location).netloc == urlsplit(provider.address).netloc
