"""People who are signed in with dj-rest-auth, and the same people after the project has followed the page."""

import json
import re
import subprocess

import pytest

from fastauth_django.conf import Settings
from tests.browser.servers import ROOT
from tests.documentation.pages import page
from tests.integration.project import setting_names, table, text_of
from tests.missing import need

pytestmark = pytest.mark.slow

PAGE = "migrating/from-dj-rest-auth.md"
PASSWORD, NEW_PASSWORD = "correct horse battery 9", "another battery horse 7"
OLD, OURS = {"app-access", "app-refresh", "sessionid", "csrftoken"}, {"access_token", "refresh_token"}
DJANGOS = {"sessionid", "csrftoken"}
LEFT_OUT = ('    "dj_rest_auth",\n', 'path("dj-rest-auth/", include("dj_rest_auth.urls")),')

# A project that has much of its own: a user model, keys of REST_FRAMEWORK, views that name the class, tests.
SETTINGS = """
SECRET_KEY = "of the project, before and after, and long enough for HS256"
INSTALLED_APPS += [
    "rest_framework",
    "rest_framework.authtoken",
    "dj_rest_auth",
    "people",
]
AUTH_USER_MODEL = "people.Person"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["dj_rest_auth.jwt_auth.JWTCookieAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"anon": "1000/day"},
}
"""
REST_AUTH = """
REST_AUTH = {
    "USE_JWT": True,
    "JWT_AUTH_COOKIE": "app-access",
    "JWT_AUTH_REFRESH_COOKIE": "app-refresh",
    "JWT_AUTH_REFRESH_COOKIE_PATH": "/dj-rest-auth/",
}
"""
MODELS = """
import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
"""
VIEWS = """
from dj_rest_auth.jwt_auth import JWTCookieAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView


class Private(APIView):
    def get(self, request):
        return Response({"user": request.user.get_username()})


class Reports(Private):
    authentication_classes = [JWTCookieAuthentication]
"""
URLS = """
from django.urls import include, path
from people.views import Private, Reports

urlpatterns += [
    path("private", Private.as_view()),
    path("reports", Reports.as_view()),
    path("dj-rest-auth/", include("dj_rest_auth.urls")),
]
"""
TESTS = """from __future__ import annotations

from django.test import TestCase
from django.urls import reverse
from people.models import Person
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken


class ReportTests(TestCase):
    def setUp(self):
        self.ada = Person.objects.create_user("ada", password="correct horse")
        self.client = APIClient()

    def test_reports_are_for_people(self):
        self.assertEqual(self.client.get("/reports").status_code, 401)
        self.client.cookies["app-access"] = str(AccessToken.for_user(self.ada))
        self.assertEqual(self.client.get("/reports").json(), {"user": "ada"})

    def test_reports_for_apps(self):
        client, ada = APIClient(), self.ada
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {RefreshToken.for_user(ada).access_token}")
        self.assertEqual(client.get("/reports").json(), {"user": "ada"})

    def test_signing_in(self):
        answer = self.client.post(reverse("rest_login"), {"username": "ada", "password": "correct horse"})
        self.assertEqual(answer.json()["user"]["username"], "ada")
        self.assertEqual(self.client.get(reverse('rest_user_details')).json()["username"], "ada")
"""
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
TOKEN_OF_BO = """
from people.models import Person
from rest_framework.authtoken.models import Token
Token.objects.create(user=Person.objects.create_user("bo"))
"""
DELETE_BO = """
from django.core.management import call_command
from people.models import Person
call_command("check", databases=["default"])
print(Person.objects.get(username="bo").delete()[0], "gone")
"""


@pytest.fixture(scope="module")
def make_site(make_project):
    def make_site(settings=REST_AUTH):
        project = make_project().configure(SETTINGS + settings)
        project.write("people/__init__.py", "").write("people/migrations/__init__.py", "")
        project.write("people/models.py", MODELS).write("people/views.py", VIEWS)
        project.write("people/tests.py", TESTS, append=False).write("mysite/urls.py", URLS)
        project.manage("makemigrations", "people")
        return project

    return make_site


@pytest.fixture(scope="module")
def move(make_site):
    """A project that has followed the page, with the tables of a server."""

    def move(server, *sections, settings=REST_AUTH):
        project = make_site(settings)
        for file in ("mysite/settings.py", "mysite/urls.py"):
            code = (project.directory / file).read_text().replace(settings, "")
            for line in LEFT_OUT:
                code = code.replace(line, "")
            project.write(file, code, append=False)
        project.follow(PAGE, "Steps", *sections)
        project.carry_out(PAGE, "Steps")
        return project.take_tables_of(server)

    return move


@pytest.fixture(scope="module")
def before(make_site, serve):
    need("dj_rest_auth")
    return serve(make_site(), "migrate", users={"ada": PASSWORD, "bob": PASSWORD})


@pytest.fixture(scope="module")
def moved(before, move):
    project = move(before, "What stays dj-rest-auth's")
    project.configure('EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"')
    return project.configure('EMAIL_FILE_PATH = BASE_DIR / "mails"')


@pytest.fixture(scope="module")
def after(moved, serve):
    return serve(moved, "migrate")


def sign_in_before(server, visitor):
    """Ada, who signs in before the project changes, and whose page is served by ``server`` then."""
    response = visitor.sign_in("/dj-rest-auth/login/", username="ada", password=PASSWORD)
    assert response.status_code == 200
    visitor.origin = server.origin("127.0.0.1")
    return visitor


@pytest.fixture
def ada(before, after, visit):
    visitor = sign_in_before(after, visit(before))
    visitor.old_tokens = {name: visitor.cookies[name] for name in ("app-access", "app-refresh")}
    assert visitor.holds() == OLD
    return visitor


def test_her_old_cookies_open_nothing_and_lock_nothing(ada):
    assert ada.get("/auth/me").status_code == 401
    assert ada.sign_in(username="ada", password=PASSWORD).status_code == 200
    assert ada.get("/auth/me").json()["username"] == "ada"
    assert ada.holds() == {*OURS, "csrftoken"}, "the session that sessionid names is not in the new database"


def test_her_old_cookie_is_exchanged_for_a_session_once(after, ada, visit):
    answer = ada.post("/dj-rest-auth/exchange")

    assert (answer.status_code, answer.json()) == (200, {"message": "Signed in"})
    assert ada.holds() - DJANGOS == OURS
    for path in ("/private", "/reports"):
        assert ada.get(path).json() == {"user": "ada"}
    again = visit(after).post("/dj-rest-auth/exchange", cookies=ada.old_tokens)
    assert (again.status_code, "Set-Cookie" in again.headers) == (400, False)


def test_a_cookie_that_was_exchanged_is_on_the_blacklist(before, move, serve, visit):
    project = move(before)
    [line] = re.findall(r"`([^`]+ = token\.blacklist\(\))`", text_of(PAGE, "Steps"))
    code = re.sub(r"\w+ = cache\.add.+", line, project.read("mysite/exchange.py"))
    project.write("mysite/exchange.py", code, append=False)
    project.configure('INSTALLED_APPS += ["rest_framework_simplejwt.token_blacklist"]')
    server = serve(project, "migrate")
    cookies = {"app-refresh": sign_in_before(server, visit(before)).cookies["app-refresh"]}

    statuses = [visit(server).post("/dj-rest-auth/exchange", cookies=cookies).status_code for _time in range(2)]

    assert statuses == [200, 400]


def test_signing_out_ends_the_session_that_the_cookie_became(ada):
    ada.post("/dj-rest-auth/exchange")
    kept = ada.cookies.get_dict()

    assert ada.post("/auth/logout").status_code == 200
    assert ada.get("/private", cookies=kept).status_code == 401


def test_anything_else_is_exchanged_for_nothing(after, ada, visit):
    access = ada.old_tokens["app-access"]
    ada.sign_in(username="ada", password=PASSWORD)
    for cookie in ("", "garbage", access, ada.cookies["refresh_token"]):
        assert visit(after).post("/dj-rest-auth/exchange", cookies={"app-refresh": cookie}).status_code == 400
    assert visit(after).post("/dj-rest-auth/exchange").status_code == 400


def test_a_page_of_another_site_exchanges_nothing(ada):
    assert ada.post("/dj-rest-auth/exchange", headers=FOREIGN).status_code == 403
    assert ada.get("/dj-rest-auth/exchange").status_code == 405


def test_cookies_may_have_had_our_names(make_site, move, serve, visit):
    need("dj_rest_auth")
    names = (
        'REST_AUTH = {"USE_JWT": True, "JWT_AUTH_COOKIE": "access_token", "JWT_AUTH_REFRESH_COOKIE": "refresh_token"}'
    )
    before = serve(make_site(names), "migrate", users={"ada": PASSWORD})
    project = move(before, settings=names).configure('FASTAUTH["COOKIE_FORMER"] = []')
    [setting] = re.findall("^OLD_REFRESH_COOKIE = .*$", (project.directory / "mysite/exchange.py").read_text(), re.M)
    project.write("mysite/exchange.py", setting.replace("app-refresh", "refresh_token"))
    ada = sign_in_before(serve(project, "migrate"), visit(before))
    assert ada.holds() == {*OURS, *DJANGOS}

    assert ada.post("/dj-rest-auth/exchange").status_code == 200

    assert ada.get("/private").json() == {"user": "ada"}
    assert ada.post("/dj-rest-auth/exchange").status_code == 400
    assert ada.post("/auth/refresh").status_code == 200


def test_page_exchanges_its_cookie_before_it_asks(ada, tmp_path):
    """The front end's code, in node, with a jar and a storage like the browser's."""
    [script] = page(f"docs/{PAGE}").take("js", under="The front end")
    client = ROOT / "fastauth_django/static/fastauth_django/fastauth.js"
    (tmp_path / "auth.mjs").write_text(script.code.replace("/static/fastauth_django/fastauth.js", client.as_uri()))
    (tmp_path / "page.mjs").write_text(f"""
const jar = new Map(Object.entries({json.dumps(ada.cookies.get_dict())}));
const kept = new Map();
globalThis.localStorage = {{ getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) }};
globalThis.location = new URL("{ada.origin}/");
const send = globalThis.fetch;
const exchanges = [];
globalThis.fetch = async (input, init) => {{
  const request = new Request(input instanceof Request ? input : new URL(input, location), init);
  request.headers.set("Cookie", [...jar].map((pair) => pair.join("=")).join("; "));
  const isExchange = request.url.endsWith("/exchange");
  const away = isExchange && exchanges.length === 0;
  const answer = away ? new Response("", {{ status: 502 }}) : await send(request);
  if (isExchange) exchanges.push(answer.status);
  for (const line of answer.headers.getSetCookie()) jar.set(...line.split(";")[0].split(/=(.*)/s).slice(0, 2));
  return answer;
}};
const {{ auth, takeOver }} = await import("./auth.mjs");
const users = [await takeOver(), await takeOver(), await takeOver()];
auth.close();
console.log(JSON.stringify([exchanges, users.map((user) => user?.username ?? null)]));
""")

    done = subprocess.run(["node", "page.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [[502, 200], [None, "ada", "ada"]]


def test_her_apps_old_access_token_works_in_the_header(after, ada, visit):
    bearer = {"Authorization": f"Bearer {ada.old_tokens['app-access']}"}

    assert visit(after).get("/auth/me", headers=bearer).json()["username"] == "ada"


def test_her_old_refresh_token_buys_nothing_of_refresh(after, ada, visit):
    for sent in ({"json": {"refresh_token": ada.old_tokens["app-refresh"]}}, {"cookies": ada.old_tokens}):
        assert visit(after).post("/auth/refresh", **sent).status_code == 401


def test_strangers_cannot_sign_up_unless_the_project_says_so(after, visit):
    stranger = {"username": "eve", "email": "eve@example.com", "password": PASSWORD}

    assert visit(after).post("/auth/register", json=stranger).status_code == 403


def test_a_password_reset_by_mail_stays_and_ends_her_sessions(moved, after, visit):
    bob = visit(after)
    bob.sign_in(username="bob", password=PASSWORD)
    assert bob.post("/password/reset/", json={"email": "bob@example.com"}).status_code == 200
    (mail,) = (moved.directory / "mails").iterdir()
    uid, token = re.search(r"/reset/([^/]+)/([^/]+)/", mail.read_text()).groups()
    chosen = {"uid": uid, "token": token, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    assert bob.post("/password/reset/confirm/", json=chosen).status_code == 200

    refusal = bob.get("/auth/me")
    assert (refusal.status_code, refusal.json()["code"]) == (401, "password_changed")
    assert bob.sign_in(username="bob", password=NEW_PASSWORD).status_code == 200


def test_each_mention_of_the_class_that_the_line_changes_exists(make_site):
    project = make_site()  # Whoever follows the page may run the line before or after the settings are changed.
    project.carry_out(PAGE, "Steps")

    assert "fastauth_django.authentication.CookieJWTAuthentication" in project.read(project.settings_file)
    assert "dj_rest_auth.jwt_auth" not in project.read(project.settings_file)


def test_tests_of_the_project_pass_before_and_after(make_site, moved):
    need("dj_rest_auth")
    make_site().manage("test", "people")

    moved.carry_out(PAGE, "Your tests")
    project = moved.configure('FASTAUTH["ACCEPT_TOKENS_WITHOUT_SESSION"] = False')

    tests = (project.directory / "people/tests.py").read_text()
    assert "for_user" not in tests
    assert "rest_" not in tests.replace("rest_framework", "")
    project.manage("test", "people")


def test_old_tables_are_found_and_go(after, move):
    project = move(after)
    project.manage("shell", "-c", TOKEN_OF_BO)
    project.configure('INSTALLED_APPS.remove("rest_framework.authtoken")')
    assert "authtoken_token" in project.manage("check", "--database", "default")

    project.configure('INSTALLED_APPS.append("rest_framework.authtoken")')
    [block] = page(f"docs/{PAGE}").take("console", under="Old tables")
    for command in block.commands:
        project.manage(*command.split()[2:])
    project.configure('INSTALLED_APPS.remove("rest_framework.authtoken")')

    said = project.manage("shell", "-c", DELETE_BO)
    assert "no issues" in said
    assert "gone" in said


def test_the_settings_in_the_table_exist():
    need("dj_rest_auth")
    from dj_rest_auth.app_settings import DEFAULTS

    rows = table(PAGE, "Settings")

    assert {name for old, _new in rows for name in old} == {name for name in DEFAULTS if not name.startswith("MFA_")}
    assert {name for _old, new in rows for name in setting_names(new)} <= {*Settings.declared(), "DEBUG"}


def test_the_routes_in_the_table_answer(before, after, visit):
    for old, new in table(PAGE, "Routes"):
        # Registration is a part of dj-rest-auth that needs allauth; this project does not have it.
        olds = [route for route in old if not route.endswith("registration/")]
        for server, route in [*((before, route) for route in olds), *((after, route) for route in new)]:
            method, path = route.split()
            assert visit(server).request(method, path).status_code not in {404, 405}, route


def test_the_bodies_in_the_table_are_those(before, after, visit):
    old, new = visit(before), visit(after)
    credentials = {"username": "ada", "password": PASSWORD}
    wrong = {**credentials, "password": "a guess"}

    assert set(old.sign_in("/dj-rest-auth/login/", **credentials).json()) == {"access", "refresh", "user"}
    assert set(new.sign_in(**credentials).json()) == {"message", "expires_in", "refresh_expires_in", "user"}
    assert set(old.post("/dj-rest-auth/token/refresh/").json()) == {"access", "access_expiration"}
    assert set(new.post("/auth/refresh").json()) == {"message", "expires_in", "refresh_expires_in"}

    refusal = visit(before).sign_in("/dj-rest-auth/login/", **wrong)
    assert (refusal.status_code, set(refusal.json())) == (400, {"non_field_errors"})
    refusal = visit(after).sign_in(**wrong)
    assert (refusal.status_code, refusal.json()["code"]) == (401, "invalid_credentials")

    fields = old.post("/dj-rest-auth/password/change/").json()
    assert set(fields) == {"new_password1", "new_password2"}
    assert set(new.post("/auth/account/change-password").json()) == {"current_password", "new_password"}

    bad = {"Authorization": "Bearer garbage"}
    codes = [visit(server).get("/private", headers=bad).json()["code"] for server in (before, after)]
    assert codes == ["token_not_valid", "token_invalid"]
    kept, old_kept = new.cookies.get_dict(), old.cookies.get_dict()
    assert set(old.post("/dj-rest-auth/logout/").json()) == {"detail"}
    assert set(new.post("/auth/logout").json()) == {"message"}
    assert visit(before).get("/private", cookies=old_kept).status_code == 200
    refusal = visit(after).get("/private", headers={"Authorization": f"Bearer {kept['access_token']}"})
    assert (refusal.status_code, refusal.json()["code"]) == (401, "session_revoked")


def test_signing_in_and_out_may_keep_their_addresses(before, move, serve, visit):
    project = move(before)
    code = project.read("mysite/urls.py").replace('path("auth/", include(', 'path("dj-rest-auth/", include(')
    ada = visit(serve(project.write("mysite/urls.py", code, append=False), "migrate"))

    assert ada.sign_in("/dj-rest-auth/login/", username="ada", password=PASSWORD).status_code == 200
    assert ada.post("/dj-rest-auth/logout/").status_code == 200


def test_way_back(after, move):
    commands = re.findall(r"`python manage.py (.+?)`", text_of(PAGE, "How to go back"))
    project = move(after)

    assert "Unapplying fastauth_django.0001_initial... OK" in project.manage(*commands[0].split())
