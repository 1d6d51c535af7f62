"""A project with cookies of its own on simplejwt, and the same project after it has followed the page."""

import shlex

import pytest

from fastauth_django.checks.keys import IGNORED
from fastauth_django.conf import Settings
from tests.documentation.pages import page
from tests.integration.project import setting_names, table
from tests.test_simplejwt import HONOURED

pytestmark = pytest.mark.slow

PAGE = "migrating/from-simplejwt-cookies.md"
PASSWORD = "correct horse battery 9"
OLD, OURS = {"access", "refresh"}, {"access_token", "refresh_token"}
SAME_KEY = 'SECRET_KEY = "of the project, before and after, and long enough for HS256"'
# Views that both projects have.
VIEWS = """
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView


class Private(APIView):
    def get(self, request):
        return Response({"user": request.user.get_username()})

    post = get


class Public(Private):
    permission_classes = [AllowAny]
"""
URLS = """
from mysite.views import Private, Public

urlpatterns += [path("private", Private.as_view()), path("public", Public.as_view())]
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
    def make_site(section):
        project = make_project().follow(PAGE, section).configure(SAME_KEY)
        return project.write("mysite/views.py", VIEWS).write("mysite/urls.py", URLS)

    return make_site


@pytest.fixture(scope="module")
def before(make_site, serve):
    return serve(make_site("Where you come from"), "migrate", users={"ada": PASSWORD})


@pytest.fixture(scope="module")
def after(make_site, before, serve):
    return serve(make_site("Steps").take_tables_of(before), "migrate")


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


def test_the_names_can_stay(make_site, before, old_ada, serve):
    names = 'FASTAUTH.update(COOKIE_NAME_ACCESS="access", COOKIE_NAME_REFRESH="refresh", COOKIE_FORMER=[])'
    server = serve(make_site("Steps").configure(names).take_tables_of(before), "migrate")
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
    for old, new in table(PAGE, "Routes"):
        for server, route in [*((before, route) for route in old), *((after, route) for route in new)]:
            method, path = route.split()
            assert visit(server).request(method, path).status_code not in {404, 405}, route


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
