"""A project with simplejwt's own views, and the same project while and after it follows the page."""

import json
import re
import subprocess

import pytest

from tests.browser.servers import ROOT
from tests.documentation.pages import page
from tests.integration.project import table, text_of

pytestmark = pytest.mark.slow

PAGE = "migrating/from-simplejwt-bearer.md"
PASSWORD = "correct horse battery 9"
SAME_KEY = 'SECRET_KEY = "of the project, before and after, and as long as HS512 needs it to be: 64"'

# A project that has much of its own: a user model, keys of REST_FRAMEWORK, views that name the class, tests.
SETTINGS = f"""
{SAME_KEY}
INSTALLED_APPS += ["rest_framework", "people"]
AUTH_USER_MODEL = "people.Person"
REST_FRAMEWORK = {{
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {{"anon": "1000/day"}},
}}
SIMPLE_JWT = {{"ALGORITHM": "HS512", "USER_ID_CLAIM": "person", "CHECK_REVOKE_TOKEN": True}}
"""
MODELS = """
from django.contrib.auth.models import AbstractUser


class Person(AbstractUser):
    pass
"""
VIEWS = """
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication


class Private(APIView):
    def get(self, request):
        return Response({"user": request.user.get_username()})


class Reports(Private):
    authentication_classes = [JWTAuthentication]
"""
URLS = """
from django.urls import path
from people.views import Private, Reports
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

urlpatterns += [
    path("private", Private.as_view()),
    path("reports", Reports.as_view()),
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
]
"""
TESTS = """
from django.test import TestCase
from people.models import Person
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import RefreshToken


class ReportTests(TestCase):
    def test_reports_are_for_people(self):
        ada = Person.objects.create_user("ada")
        client = APIClient()
        self.assertEqual(client.get("/reports").status_code, 401)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {RefreshToken.for_user(ada).access_token}")
        self.assertEqual(client.get("/reports").json(), {"user": "ada"})
"""
OWN_CLASS = """
from rest_framework_simplejwt.authentication import JWTAuthentication


class OwnAuthentication(JWTAuthentication):
    pass
"""
WITH_A_COOKIE = """
from django.contrib.auth import get_user_model
from fastauth_django.test import force_sign_in
from rest_framework.test import APIClient

client = APIClient(HTTP_HOST="localhost")
force_sign_in(client, get_user_model().objects.create_user("eve"))
print(client.get("/private").json())
"""
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture(scope="module")
def make_site(make_project):
    def make_site():
        project = make_project().configure(SETTINGS)
        project.write("people/__init__.py", "").write("people/migrations/__init__.py", "")
        project.write("people/models.py", MODELS).write("people/views.py", VIEWS).write("people/tests.py", TESTS)
        project.write("mysite/urls.py", URLS)
        project.manage("makemigrations", "people")
        return project

    return make_site


@pytest.fixture(scope="module")
def before(make_site, serve):
    return serve(make_site(), "migrate", users={"ada": PASSWORD, "bob": PASSWORD})


@pytest.fixture(scope="module")
def moved(make_site, before):
    project = make_site().take_tables_of(before).follow(PAGE, "Steps")
    project.carry_out(PAGE, "Steps")
    return project


@pytest.fixture(scope="module")
def after(moved, serve):
    return serve(moved, "migrate")


@pytest.fixture
def pair(before, visit):
    """Ada's tokens of before."""
    answer = visit(before).sign_in("/api/token/", username="ada", password=PASSWORD)
    assert answer.status_code == 200
    return answer.json()


@pytest.fixture
def ada(after, visit):
    return visit(after)


def bearer(pair):
    return {"Authorization": f"Bearer {pair['access']}"}


def test_the_old_front_end_goes_on(pair, ada):
    for path in ("/private", "/reports"):
        assert ada.get(path, headers=bearer(pair)).json() == {"user": "ada"}
    anew = ada.post("/api/token/refresh/", json={"refresh": pair["refresh"]}).json()
    assert ada.get("/reports", headers=bearer(anew)).json() == {"user": "ada"}
    assert ada.holds() == set()


def test_a_token_is_exchanged_for_cookies_once(pair, ada, after, visit):
    answer = ada.post("/auth/exchange", json={"refresh": pair["refresh"]})

    assert (answer.status_code, answer.json()) == (200, {"message": "Signed in"})
    assert ada.holds() == {"access_token", "refresh_token"}
    for path in ("/private", "/reports"):
        assert ada.get(path).json() == {"user": "ada"}
    assert visit(after).post("/auth/exchange", json={"refresh": pair["refresh"]}).status_code == 400


@pytest.mark.parametrize("body", [{}, [], {"refresh": "garbage"}, {"refresh": None}, {"refresh": {"a": 1}}, "text"])
def test_anything_else_is_exchanged_for_nothing(ada, body):
    assert ada.post("/auth/exchange", json=body).status_code == 400
    assert ada.holds() == set()


def test_an_access_token_is_exchanged_for_nothing(pair, ada):
    assert ada.post("/auth/exchange", json={"refresh": pair["access"]}).status_code == 400


def test_a_new_password_ends_a_token_that_nobody_has_exchanged(before, after, visit):
    """Where SIMPLE_JWT has CHECK_REVOKE_TOKEN, as simplejwt's own class."""
    old = visit(before).sign_in("/api/token/", username="bob", password=PASSWORD).json()
    bob = visit(after)
    bob.sign_in(username="bob", password=PASSWORD)
    body = {"current_password": PASSWORD, "new_password": "battery horse correct 7"}
    assert bob.post("/auth/account/change-password", json=body).status_code == 200

    answer = visit(after).post("/auth/exchange", json={"refresh": old["refresh"]})

    assert (answer.status_code, "Set-Cookie" in answer.headers) == (400, False)
    assert visit(after).get("/private", headers=bearer(old)).status_code == 401


def test_a_page_of_another_site_exchanges_nothing(pair, ada):
    assert ada.post("/auth/exchange", json={"refresh": pair["refresh"]}, headers=FOREIGN).status_code == 403


def test_signing_out_ends_the_session_that_the_token_became(pair, ada):
    ada.post("/auth/exchange", json={"refresh": pair["refresh"]})
    kept = ada.cookies.get_dict()

    assert ada.post("/auth/logout").status_code == 200
    assert ada.get("/private", cookies=kept).status_code == 401


def test_a_token_that_was_exchanged_is_on_the_blacklist(make_site, serve, visit):
    project = make_site().follow(PAGE, "Steps").carry_out(PAGE, "Steps")
    [line] = re.findall(r"`([^`]+ = token\.blacklist\(\))`", text_of(PAGE, "Steps"))
    code = re.sub(r"\w+ = cache\.add.+", line, project.read("mysite/exchange.py"))
    project.write("mysite/exchange.py", code, append=False)
    project.configure('INSTALLED_APPS += ["rest_framework_simplejwt.token_blacklist"]')
    server = serve(project, "migrate", users={"ada": PASSWORD})
    ada = visit(server)
    refresh = ada.sign_in("/api/token/", username="ada", password=PASSWORD).json()["refresh"]

    statuses = [visit(server).post("/auth/exchange", json={"refresh": refresh}).status_code for _time in range(2)]

    assert statuses == [200, 400]
    assert ada.post("/api/token/refresh/", json={"refresh": refresh}).status_code == 401


def test_page_gives_its_token_back(pair, after, tmp_path):
    """The front end's code, in node, with a storage like the browser's."""
    [script] = page(f"docs/{PAGE}").take("js", under="The front end")
    client = ROOT / "fastauth_django/static/fastauth_django/fastauth.js"
    (tmp_path / "auth.mjs").write_text(script.code.replace("/static/fastauth_django/fastauth.js", client.as_uri()))
    origin = after.origin("127.0.0.1")
    (tmp_path / "page.mjs").write_text(f"""
const kept = new Map(Object.entries({json.dumps(pair)}));
globalThis.localStorage = {{ getItem: (key) => kept.get(key) ?? null, removeItem: (key) => kept.delete(key) }};
globalThis.location = new URL("{origin}/");
const statuses = [];
const send = globalThis.fetch;
let away = true;
globalThis.fetch = async (path, init) => {{
  const answer = away ? new Response("", {{ status: 502 }}) : await send(new URL(path, location), init);
  statuses.push(answer.status);
  return answer;
}};
const {{ auth, takeOver }} = await import("./auth.mjs");
await takeOver();
away = false;
const left = kept.size;
await takeOver();
await takeOver();
auth.close();
console.log(JSON.stringify({{ statuses, left, kept: kept.size }}));
""")

    done = subprocess.run(["node", "page.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == {"statuses": [502, 200], "left": 2, "kept": 0}


def test_each_mention_of_the_class_that_the_line_changes_exists(make_site):
    project = make_site()  # Whoever follows the page may run the line before or after the settings are changed.
    project.carry_out(PAGE, "Steps")

    assert "fastauth_django.authentication.CookieJWTAuthentication" in project.read(project.settings_file)
    assert "simplejwt.authentication" not in project.read(project.settings_file)


def test_a_class_of_the_projects_own_in_the_list_becomes_one_of_ours(make_site, before):
    project = make_site().write("people/authentication.py", OWN_CLASS).follow(PAGE, "Steps")
    project.configure('REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = ["people.authentication.OwnAuthentication"]')

    project.carry_out(PAGE, "Steps")

    assert "no issues" in project.manage("check")
    project.take_tables_of(before).manage("migrate")
    assert "{'user': 'eve'}" in project.manage("shell", "-c", WITH_A_COOKIE)


def test_tests_of_the_project_pass_before_and_after(moved):
    moved.manage("test")

    moved.carry_out(PAGE, "Your tests")
    moved.configure('FASTAUTH["ACCEPT_TOKENS_WITHOUT_SESSION"] = False')

    assert "for_user" not in (moved.directory / "people/tests.py").read_text()
    moved.manage("test")


def test_check_says_what_is_to_be_done_and_what_can_go(make_site):
    project = make_site().follow(PAGE, "Steps")

    assert "W050" in project.manage("check")
    project.carry_out(PAGE, "Steps")
    assert "no issues" in project.manage("check")
    assert {"W052", "W053"} <= set(re.findall(r"fastauth_django\.(\w+)", project.manage("check", "--deploy")))


def test_routes_in_the_table_answer(before, after, visit):
    for old, new in table(PAGE, "Bodies and codes"):
        for server, names in ((before, old), (after, new)):
            for method, path in (name.split() for name in names if re.match("(GET|POST) ", name)):
                if "verify" not in path and "blacklist" not in path:  # Which that project has not.
                    assert visit(server).request(method, f"/{path}").status_code not in {404, 405}, path


def test_way_back(moved):
    [command] = re.findall(r"`python manage.py (.+?)`", text_of(PAGE, "How to go back"))
    moved.configure(
        'REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = '
        '["rest_framework_simplejwt.authentication.JWTAuthentication"]\n'
    )

    assert "Unapplying fastauth_django.0001_initial... OK" in moved.manage(*command.split())
