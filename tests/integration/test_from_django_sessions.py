"""A project with Django's sessions, and the same project with both: it follows the page."""

import json
import re
import subprocess

import pytest

from tests.browser.servers import ROOT
from tests.documentation.pages import page
from tests.integration.project import text_of

pytestmark = pytest.mark.slow

PAGE = "migrating/from-django-sessions.md"
PASSWORD = "correct horse battery 9"
OURS, DJANGOS = {"access_token", "refresh_token"}, {"sessionid", "csrftoken"}
SETTINGS = """
SECRET_KEY = "of the project, before and after, and long enough for HS256"
INSTALLED_APPS += ["rest_framework"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
LOGIN_REDIRECT_URL = "/page"
LOGOUT_REDIRECT_URL = "/page"
"""
VIEWS = """
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.views import APIView


class Private(APIView):
    def get(self, request):
        return Response({"user": request.user.get_username()})

    post = get


@login_required
def page(request):
    return HttpResponse(f"Hello {request.user.get_username()}")
"""
URLS = """
from django.urls import include
from mysite import views

urlpatterns += [
    path("private", views.Private.as_view()),
    path("page", views.page),
    path("accounts/", include("django.contrib.auth.urls")),
]
"""
FORM = '<form method="post">{% csrf_token %}{{ form }}</form>'
TESTS = """from __future__ import annotations

from django.contrib.auth.models import User
from django.test import TestCase


class PrivateTests(TestCase):
    def setUp(self):
        self.ada = User.objects.create_user("ada")

    def test_ada_is_known(self):
        self.client.force_login(self.ada)
        self.assertEqual(self.client.get("/private").json(), {"user": "ada"})
"""
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture(scope="module")
def make_site(make_project):
    def make_site():
        project = make_project().configure(SETTINGS).write("templates/registration/login.html", FORM)
        return (
            project.write("mysite/views.py", VIEWS)
            .write("mysite/urls.py", URLS)
            .write("mysite/tests.py", TESTS, append=False)
        )

    return make_site


@pytest.fixture(scope="module")
def before(make_site, serve):
    return serve(make_site(), "migrate", users={"ada": PASSWORD})


@pytest.fixture(scope="module")
def moved(make_site, before):
    # Both serve one database: the sessions in it go on.
    return make_site().configure(f'DATABASES["default"]["NAME"] = "{before.database}"').follow(PAGE, "Steps")


@pytest.fixture(scope="module")
def after(moved, serve):
    return serve(moved, "migrate")


def sign_in_by_form(visitor):
    visitor.get("/accounts/login/")
    token = visitor.cookies["csrftoken"]
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert visitor.post("/accounts/login/", data=form).status_code == 302
    return visitor


def with_token(visitor, **headers):
    return {"X-CSRFToken": visitor.cookies["csrftoken"], **headers}


def shows_page(visitor):
    return visitor.get("/page").text == "Hello ada"


@pytest.fixture
def old_ada(before, after, visit):
    """Ada, signed in before the project changed, whose page is served by the new one."""
    visitor = sign_in_by_form(visit(before))
    assert visitor.holds() == DJANGOS
    visitor.origin = after.origin("127.0.0.1")
    return visitor


@pytest.fixture
def ada(after, visit):
    """Ada, signed in by the form of the new project."""
    visitor = sign_in_by_form(visit(after))
    assert visitor.holds() == {*DJANGOS, *OURS}
    return visitor


def test_who_is_signed_in_stays_so(old_ada):
    assert old_ada.get("/private").json() == {"user": "ada"}
    assert old_ada.post("/private", headers=with_token(old_ada)).status_code == 200
    assert old_ada.post("/private").status_code == 403
    assert shows_page(old_ada)


def test_session_is_taken_over_with_a_csrf_token(old_ada):
    assert old_ada.post("/auth/take-over").status_code == 403
    assert old_ada.post("/auth/take-over", headers=with_token(old_ada, **FOREIGN)).status_code == 403

    assert old_ada.post("/auth/take-over", headers=with_token(old_ada)).status_code == 200

    assert old_ada.holds() == {*DJANGOS, *OURS}
    assert old_ada.get("/auth/me").json()["username"] == "ada"
    assert shows_page(old_ada)


def test_nobody_takes_over_what_is_not_there(after, visit):
    assert visit(after).post("/auth/take-over").status_code == 403


def test_form_starts_both(ada):
    assert ada.post("/private").status_code == 200
    assert ada.post("/private", headers=FOREIGN).status_code == 403
    assert shows_page(ada)


@pytest.mark.parametrize("way", ["the form's log-out", "the API's"])
def test_either_sign_out_ends_both(ada, way):
    kept = ada.cookies.get_dict()
    if way == "the API's":
        assert ada.post("/auth/logout").status_code == 200
    else:
        assert ada.post("/accounts/logout/", headers=with_token(ada)).status_code == 302

    for name in ("sessionid", "access_token"):
        assert ada.get("/private", cookies={name: kept[name]}).status_code == 401
    assert not shows_page(ada)


def test_sign_in_by_the_api_opens_templates_and_leaves_no_django_session(after, visit):
    visitor = visit(after)
    assert visitor.sign_in(username="ada", password=PASSWORD).status_code == 200

    assert shows_page(visitor)
    assert visitor.holds() == OURS


def test_nobody_is_401_afterwards_and_was_403_before(before, after, visit):
    assert visit(before).get("/private").status_code == 403
    assert visit(after).get("/private").status_code == 401


def test_page_takes_its_session_over(old_ada, tmp_path):
    """The front end's code, in node, with a jar like the browser's."""
    [script] = page(f"docs/{PAGE}").take("js", under="The front end")
    client = ROOT / "fastauth_django/static/fastauth_django/fastauth.js"
    (tmp_path / "auth.mjs").write_text(script.code.replace("/static/fastauth_django/fastauth.js", client.as_uri()))
    (tmp_path / "page.mjs").write_text(f"""
const jar = new Map(Object.entries({json.dumps(old_ada.cookies.get_dict())}));
globalThis.document = {{
  get cookie() {{ return `csrftoken=${{jar.get("csrftoken")}}`; }}, visibilityState: "visible", addEventListener() {{}},
  removeEventListener() {{}},
}};
globalThis.location = new URL("{old_ada.origin}/");
const send = globalThis.fetch;
globalThis.fetch = async (input, init) => {{
  const request = new Request(input instanceof Request ? input : new URL(input, location), init);
  request.headers.set("Cookie", [...jar].map((pair) => pair.join("=")).join("; "));
  const answer = await send(request);
  for (const line of answer.headers.getSetCookie()) jar.set(...line.split(";")[0].split(/=(.*)/s).slice(0, 2));
  return answer;
}};
const {{ auth, takeOver }} = await import("./auth.mjs");
const user = await takeOver();
auth.close();
console.log(JSON.stringify([user.username, [...jar.keys()].sort()]));
""")

    done = subprocess.run(["node", "page.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == ["ada", sorted({*DJANGOS, *OURS})]


def test_tests_of_the_project_pass_before_and_after(moved):
    moved.manage("test", "mysite")

    moved.carry_out(PAGE, "Your tests")
    moved.configure('REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"].pop()')

    assert "force_login" not in (moved.directory / "mysite/tests.py").read_text()
    moved.manage("test", "mysite")


def test_way_back(moved):
    [command] = re.findall(r"`python manage.py (.+?)`", text_of(PAGE, "How to go back"))

    assert "Unapplying fastauth_django.0001_initial... OK" in moved.manage(*command.split())
