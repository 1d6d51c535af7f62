"""A project with cookies of its own on simplejwt, and the same project after it has followed the page."""

import re
import shlex

import pytest

from fastauth_django.checks.keys import IGNORED
from fastauth_django.conf import Settings
from tests.documentation.pages import page
from tests.integration.project import setting_names, steps, table, text_of
from tests.test_simplejwt import HONOURED

pytestmark = pytest.mark.slow

PAGE = "migrating/from-simplejwt-cookies.md"
PASSWORD = "correct horse battery 9"
OLD, OURS = {"access", "refresh"}, {"access_token", "refresh_token"}
# What both projects have: a user model, keys of REST_FRAMEWORK, views that name a class, tests.
SETTINGS = """
SECRET_KEY = "of the project, before and after, and long enough for HS256"
INSTALLED_APPS += ["rest_framework", "people"]
AUTH_USER_MODEL = "people.Person"
REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
"""
MODELS = """
from django.contrib.auth.models import AbstractUser


class Person(AbstractUser):
    pass
"""
VIEWS = """
from mysite.authentication import CookieAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView


class Private(APIView):
    def get(self, request):
        return Response({"user": request.user.get_username()})

    post = get


class Public(Private):
    permission_classes = [AllowAny]


class Reports(Private):
    authentication_classes = [CookieAuthentication]
"""
URLS = """
from django.urls import path
from people.views import Private, Public, Reports

urlpatterns += [
    path("private", Private.as_view()),
    path("public", Public.as_view()),
    path("reports", Reports.as_view()),
]
"""
TESTS = """from __future__ import annotations

from django.test import TestCase
from people.models import Person
from rest_framework_simplejwt.tokens import RefreshToken


class ReportTests(TestCase):
    def test_reports_are_for_people(self):
        self.ada = Person.objects.create_user("ada")
        self.assertEqual(self.client.get("/reports").status_code, 401)
        self.client.cookies["access"] = str(RefreshToken.for_user(self.ada).access_token)
        self.assertEqual(self.client.get("/reports").json(), {"user": "ada"})
"""
TOKENS_OF_ADA = """
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import RefreshToken
ada = User.objects.create_user("ada")
RefreshToken.for_user(ada).blacklist()
RefreshToken.for_user(ada)
"""
DELETE_ADA = """
from django.contrib.auth.models import User
print(User.objects.get(username="ada").delete()[0], "gone")
"""
FORGED = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture(scope="module")
def make_site(make_project):
    """The project before it moved."""

    def make_site():
        project = make_project().configure(SETTINGS)
        project.write("people/__init__.py", "").write("people/migrations/__init__.py", "")
        project.write("people/models.py", MODELS).write("people/views.py", VIEWS)
        project.write("people/tests.py", TESTS, append=False).write("mysite/urls.py", URLS)
        project.follow(PAGE, "Where you come from").manage("makemigrations", "people")
        return project

    return make_site


@pytest.fixture(scope="module")
def move(make_site):
    """The project that has followed the page, with the tables of a server."""

    def move(server):
        project = make_site()
        for how, file, code in steps(PAGE, "Where you come from"):
            if how == "at":
                now = (project.directory / file).read_text()
                assert code in now
                project.write(file, now.replace(code, ""), append=False)
            else:
                (project.directory / file).unlink()
        project.follow(PAGE, "Steps")
        project.carry_out(PAGE, "Steps")
        return project.take_tables_of(server)

    return move


@pytest.fixture(scope="module")
def before(make_site, serve):
    return serve(make_site(), "migrate", users={"ada": PASSWORD})


@pytest.fixture(scope="module")
def moved(move, before):
    project = move(before).follow(PAGE, "People who are signed in")
    [exchange] = [code for _how, file, code in steps("migrating/from-dj-rest-auth.md") if file == "mysite/exchange.py"]
    assert exchange.count('= "app-refresh"') == 1
    return project.write("mysite/exchange.py", exchange.replace('= "app-refresh"', '= "refresh"'), append=False)


@pytest.fixture(scope="module")
def after(moved, serve):
    return serve(moved, "migrate")


@pytest.fixture
def old_ada(before, visit):
    """Ada, signed in before the project changed."""
    visitor = visit(before)
    assert visitor.sign_in("/api/token/", username="ada", password=PASSWORD).status_code == 200
    assert visitor.holds() == OLD
    return visitor


@pytest.fixture
def ada(after, visit):
    """Ada, signed in afterwards."""
    visitor = visit(after)
    assert visitor.sign_in(username="ada", password=PASSWORD).status_code == 200
    assert visitor.holds() == OURS
    return visitor


@pytest.fixture
def moved_ada(old_ada, after):
    """Ada, signed in before, whose page is served by the new project."""
    old_ada.origin = after.origin("127.0.0.1")
    return old_ada


def test_old_cookies_open_nothing_and_lock_nothing(moved_ada):
    assert moved_ada.get("/private").status_code == 401
    assert moved_ada.get("/public").status_code == 200
    assert moved_ada.sign_in(username="ada", password=PASSWORD).status_code == 200
    assert moved_ada.get("/private").json() == {"user": "ada"}


def test_old_cookies_go_at_the_next_sign_in(moved_ada):
    moved_ada.sign_in(username="ada", password=PASSWORD)

    assert moved_ada.holds() == OURS


def test_an_old_access_token_works_in_the_header(moved_ada, after, visit):
    bearer = {"Authorization": f"Bearer {moved_ada.cookies['access']}"}

    assert visit(after).get("/private", headers=bearer).json() == {"user": "ada"}


def test_an_old_refresh_token_buys_nothing(moved_ada, after, visit):
    response = visit(after).post("/auth/refresh", json={"refresh_token": moved_ada.cookies["refresh"]})

    assert response.status_code == 401


def test_an_old_cookie_is_exchanged_for_a_session_once(moved_ada, after, visit):
    old = moved_ada.cookies.get_dict()

    assert moved_ada.post("/auth/exchange").status_code == 200

    assert moved_ada.holds() == OURS
    for path in ("/private", "/reports"):
        assert moved_ada.get(path).json() == {"user": "ada"}
    assert visit(after).post("/auth/exchange", cookies=old).status_code == 400
    assert visit(after).post("/auth/exchange", cookies=old, headers=FORGED).status_code == 403


def test_strangers_cannot_sign_up_unless_the_project_says_so(after, visit):
    stranger = {"username": "eve", "email": "eve@example.com", "password": PASSWORD}

    assert visit(after).post("/auth/register", json=stranger).status_code == 403


def test_tests_of_the_project_pass_before_and_after(make_site, moved):
    make_site().manage("test", "people")

    moved.carry_out(PAGE, "Your tests")
    moved.configure('FASTAUTH["ACCEPT_TOKENS_WITHOUT_SESSION"] = False')

    assert "for_user" not in (moved.directory / "people/tests.py").read_text()
    moved.manage("test", "people")


def test_way_back(before, move):
    [command] = re.findall(r"`python manage.py (.+?)`", text_of(PAGE, "How to go back"))
    project = move(before)
    project.manage("migrate")

    assert "Unapplying fastauth_django.0001_initial... OK" in project.manage(*command.split())


def test_the_names_can_stay(move, before, old_ada, serve):
    names = 'FASTAUTH.update(COOKIE_NAME_ACCESS="access", COOKIE_NAME_REFRESH="refresh", COOKIE_FORMER=[])'
    server = serve(move(before).configure(names), "migrate")
    old_ada.origin = server.origin("127.0.0.1")

    old_ada.sign_in(username="ada", password=PASSWORD)

    assert old_ada.holds() == OLD
    assert old_ada.get("/private").json() == {"user": "ada"}


def test_the_table_has_each_setting_and_no_other():
    own = {"AUTH_COOKIE", "AUTH_COOKIE_REFRESH", "AUTH_COOKIE_HTTP_ONLY"}
    own |= {f"AUTH_COOKIE_{option}" for option in ("DOMAIN", "SECURE", "PATH", "SAMESITE")}
    rows = table(PAGE, "Settings")

    assert {name for old, _new in rows for name in old} == {*HONOURED, *IGNORED, *own}
    assert {name for _old, new in rows for name in setting_names(new)} <= {*Settings.declared(), "SIMPLE_JWT"}


def test_the_routes_in_the_table_answer(before, after, visit):
    for old, new in table(PAGE, "Routes, bodies and codes"):
        for server, names in ((before, old), (after, new)):
            for method, path in (name.split() for name in names if re.match("(GET|POST) ", name)):
                assert visit(server).request(method, f"/{path}").status_code not in {404, 405}, path


def test_the_bodies_and_codes_in_the_table_are_those(before, after, visit):
    wrong = {"username": "ada", "password": "a guess"}
    refusals = visit(before).sign_in("/api/token/", **wrong), visit(after).sign_in(**wrong)
    assert [(refusal.status_code, refusal.json().get("code")) for refusal in refusals] == [
        (401, None),
        (401, "invalid_credentials"),
    ]
    assert set(visit(after).sign_in(username="ada", password=PASSWORD).json()) == {
        *("message", "expires_in", "refresh_expires_in", "user"),
    }
    bad = [
        visit(before).post("/api/token/refresh/", cookies={"refresh": "garbage"}),
        visit(before).post("/api/token/refresh/"),
        visit(after).post("/auth/refresh", cookies={"refresh_token": "garbage"}),
        visit(after).post("/auth/refresh"),
    ]
    assert [(answer.status_code, answer.json().get("code")) for answer in bad] == [
        (401, "token_not_valid"),
        (400, None),
        (401, "token_invalid"),
        (401, "refresh_token_required"),
    ]


def test_the_tables_of_the_blacklist_are_found_and_can_go(make_project):
    blacklist = '"rest_framework_simplejwt.token_blacklist"'
    project = make_project().configure(f'INSTALLED_APPS += ["rest_framework", "fastauth_django", {blacklist}]')
    project.manage("migrate")
    project.manage("shell", "-c", TOKENS_OF_ADA)
    project.configure(f"INSTALLED_APPS.remove({blacklist})")
    assert "token_blacklist_outstandingtoken" in project.manage("check", "--database", "default")

    project.configure(f"INSTALLED_APPS.append({blacklist})")
    [block] = page(f"docs/{PAGE}").take("console", under="The tables of the blacklist")
    for command in block.commands:
        project.manage(*shlex.split(command)[2:])
    project.configure(f"INSTALLED_APPS.remove({blacklist})")

    assert "W061" not in project.manage("check", "--database", "default")
    assert "1 gone" in project.manage("shell", "-c", DELETE_ADA)


# --- What is different afterwards, row by row ----------------------------------------------------------------------


def test_a_public_view_with_a_garbage_cookie(before, after, visit):
    assert visit(before).get("/public", cookies={"access": "garbage"}).status_code == 401
    assert visit(after).get("/public", cookies={"access_token": "garbage"}).status_code == 200


def test_signing_out_with_a_garbage_cookie(before, after, visit):
    refused = visit(before).post("/api/logout/", cookies={"access": "garbage"})
    done = visit(after).post("/auth/logout", cookies={"access_token": "garbage"})

    assert (refused.status_code, "Set-Cookie" in refused.headers) == (401, False)
    assert (done.status_code, done.headers["Set-Cookie"].count("Max-Age=0")) == (200, 4)


def test_the_tokens_after_signing_out(old_ada, ada):
    kept, old_kept = ada.cookies.get_dict(), old_ada.cookies.get_dict()
    assert old_ada.post("/api/logout/").status_code == 200
    assert ada.post("/auth/logout").status_code == 200

    assert old_ada.get("/private", cookies=old_kept).status_code == 200
    assert old_ada.post("/api/token/refresh/", cookies=old_kept).status_code == 200
    assert ada.get("/private", cookies=kept).status_code == 401
    assert ada.post("/auth/refresh", cookies=kept).status_code == 401


def test_a_forged_form(old_ada, ada):
    assert old_ada.post("/private", headers=FORGED).status_code == 200
    assert ada.post("/private", headers=FORGED).status_code == 403


def test_the_cookies_after_the_browser_was_closed(old_ada, ada):
    assert [cookie.expires for cookie in old_ada.cookies] == [None, None]
    assert all(cookie.expires for cookie in ada.cookies)
