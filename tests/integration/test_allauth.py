"""The page on django-allauth, followed step by step: sign-ins end with our two cookies, or with our pair."""

import json
import os
import re
import subprocess
import sys
from html import unescape
from urllib.parse import urlsplit

import pytest

from tests.documentation.pages import ROOT, page
from tests.integration.provider import PERSON, SECRETS, Provider
from tests.missing import need

pytestmark = pytest.mark.slow

PAGE = "integrations/allauth.md"
PASSWORD = "correct horse battery 9"
OURS = {"access_token", "refresh_token"}
[CALLS] = page(f"docs/{PAGE}").take("js")
[FORM] = page(f"docs/{PAGE}").take("html")


@pytest.fixture(scope="module")
def provider():
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def project(make_project, provider):
    need("allauth", source="the extra test")
    project = make_project(**SECRETS).follow("quickstart.md").follow(PAGE)
    project.configure(provider.as_setting())
    project.configure('EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"')
    return project.configure('EMAIL_FILE_PATH = BASE_DIR / "mails"')


@pytest.fixture(scope="module")
def server(project, serve):
    """Served after a ``manage.py check`` that had nothing to say."""
    return serve(project, "migrate")


@pytest.fixture
def visitor(server, visit):
    return visit(server)


def code_in_mail(project, recipient):
    mails = sorted((project.directory / "mails").iterdir(), key=lambda mail: mail.stat().st_mtime_ns)
    text = next(mail.read_text() for mail in reversed(mails) if f"To: {recipient}" in mail.read_text())
    return re.search(r"^\s*([A-Z0-9-]{6,9})\s*$", text, re.M)[1]


def calls_of_the_page():
    """What the page's front end sends: path and body."""
    found = re.findall(r'await api\("(.+?)", (\{.+?\})\)', CALLS.code)
    return [(path, json.loads(re.sub(r"(\w+):", r'"\1":', body))) for path, body in found]


def test_calls_of_the_page_sign_somebody_up(project, visitor):
    (sign_up, person), (verify, key) = calls_of_the_page()
    base = "/_allauth/browser/v1"

    assert visitor.post(f"{base}/{sign_up}", json=person).status_code == 401
    key = dict.fromkeys(key, code_in_mail(project, person["email"]))
    assert visitor.post(f"{base}/{verify}", json=key).status_code == 200

    assert visitor.holds() == OURS
    assert visitor.get("/auth/me").json()["email"] == person["email"]
    assert len(visitor.get("/auth/sessions").json()) == 1
    assert visitor.post("/auth/refresh").status_code == 200
    assert visitor.post("/auth/logout").status_code == 200
    assert visitor.holds() == set()


def test_app_gets_the_pair(project, visitor):
    person = {"email": "app@example.com", "password": PASSWORD}
    started = visitor.post("/_allauth/app/v1/auth/signup", json=person)
    token = {"X-Session-Token": started.json()["meta"]["session_token"]}
    key = {"key": code_in_mail(project, person["email"])}

    answer = visitor.post("/_allauth/app/v1/auth/email/verify", json=key, headers=token).json()

    bearer = {"Authorization": f"Bearer {answer['meta']['access_token']}"}
    assert visitor.get("/auth/me", headers=bearer).json()["email"] == person["email"]
    assert visitor.get("/_allauth/app/v1/auth/session", headers=bearer).status_code == 200
    renewed = visitor.post("/app/refresh", json={"refresh_token": answer["meta"]["refresh_token"]})
    assert renewed.json()["access_token"]
    assert visitor.post("/app/logout", headers=bearer).status_code == 200
    assert visitor.get("/_allauth/app/v1/auth/session", headers=bearer).status_code == 401
    assert visitor.holds() == set()


def test_provider_signs_in(visitor, provider):
    form = {"provider": "idp", "process": "login", "callback_url": "/home"}
    to_provider = visitor.post("/_allauth/browser/v1/auth/provider/redirect", data=form)
    assert urlsplit(to_provider.headers["Location"]).netloc == urlsplit(provider.address).netloc
    consent = visitor.get(to_provider.headers["Location"])

    back = visitor.get(unescape(re.search('href="(.*?)"', consent.text)[1]), allow_redirects=False)

    assert (back.status_code, back.headers["Location"]) == (302, "/home")
    assert visitor.holds() == OURS
    assert visitor.get("/auth/me").json()["email"] == PERSON["email"]


@pytest.mark.parametrize(
    ("provider_id", "place"), [("google", "accounts.google.com"), ("github", "github.com")], ids=["Google", "GitHub"]
)
def test_form_of_the_page_leads_to(visitor, provider_id, place):
    fields = dict(re.findall('name="(.+?)" value="(.+?)"', FORM.code))
    assert fields["provider"] == "google"

    action = re.search('action="(.+?)"', FORM.code)[1]
    answer = visitor.post(action, data={**fields, "provider": provider_id})

    assert answer.status_code == 302
    assert urlsplit(answer.headers["Location"]).netloc == place


def test_admin_sends_staff_to_the_same_sign_in(visitor):
    asked = visitor.get("/admin/login/?next=/admin/", allow_redirects=False)

    assert asked.status_code == 302
    assert asked.headers["Location"] == "/sign-in?next=%2Fadmin%2F"


def test_our_own_sign_in_is_not_there(visitor):
    assert visitor.post("/auth/login", json={"username": "ada", "password": PASSWORD}).status_code == 404


def test_allauths_own_pages(make_project, serve, visit, server):
    project = make_project(**SECRETS).follow("quickstart.md").follow(PAGE)
    project.configure("del HEADLESS_ONLY, HEADLESS_FRONTEND_URLS\nACCOUNT_EMAIL_VERIFICATION = 'optional'")
    project.configure("ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = False\nLOGIN_REDIRECT_URL = '/auth/me'")
    visitor = visit(serve(project.take_tables_of(server), users={"mary": PASSWORD}))

    def submit(path, **fields):
        visitor.get(path)
        token = {"csrfmiddlewaretoken": visitor.cookies["csrftoken"]}
        return visitor.post(path, data={**fields, **token}, headers={"Origin": visitor.origin})

    assert submit("/accounts/login/", login="mary@example.com", password=PASSWORD).status_code == 302
    assert visitor.holds() - {"csrftoken", "messages"} == OURS
    assert "mary@example.com" in visitor.get("/accounts/email/").text
    assert visitor.get("/auth/me").json()["username"] == "mary"
    assert len(visitor.get("/auth/sessions").json()) == 1
    assert submit("/accounts/logout/").status_code == 302
    assert not visitor.holds() & {*OURS, "sessionid"}


DEMO = """
from django.test import Client

client = Client()
for path in ["openapi.json", "swagger-ui/", "browser/v1/config", "app/v1/config"]:
    print(client.get(f"/_allauth/{path}").status_code)
print("AccessToken" in client.get("/_allauth/openapi.json").json()["components"]["securitySchemes"])
"""


def test_demo_has_it_beside_ours_by_a_variable():
    need("allauth", "drf_spectacular_sidecar", "dj_database_url", "whitenoise")
    environment = {**os.environ, "FASTAUTH_ALLAUTH": "1", "ALLOWED_HOSTS": "testserver", "PYTHONPATH": str(ROOT)}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"

    def manage(*arguments):
        command = [sys.executable, "manage.py", *arguments]
        run = subprocess.run(command, cwd=ROOT / "example_project", env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout

    assert "no issues" in manage("check")
    assert manage("shell", "--no-imports", "-c", DEMO).split() == ["200"] * 4 + ["True"]
