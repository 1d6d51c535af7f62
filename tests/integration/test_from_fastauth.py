"""Accounts that FastAuth itself made, and the same people after the project has followed the page."""

import os
import subprocess
import sys
from dataclasses import fields
from http.cookies import SimpleCookie

import pytest

from fastauth_django import signals
from fastauth_django.conf import Settings
from tests.browser.servers import ROOT
from tests.integration.project import setting_names, table
from tests.integration.visitor import Visitor
from tests.missing import need

pytestmark = pytest.mark.slow

PAGE = "migrating/from-fastauth.md"
SECRET = "FastAuth's own secret, long enough for HS256"
ADA = {"email": "ada@example.com", "password": "correct horse battery 9"}
BOB = {"email": "bob@example.com", "password": "another battery horse 7"}
OURS = {"access_token", "refresh_token"}
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
# What the Django project has of its own: keys of REST_FRAMEWORK, a view, tests.
SETTINGS = """
INSTALLED_APPS += ["rest_framework", "notes"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
"""
VIEWS = """
from rest_framework.response import Response
from rest_framework.views import APIView


class Private(APIView):
    def get(self, request):
        return Response({"user": request.user.email})

    post = get
"""
URLS = """
from django.urls import path
from notes.views import Private

urlpatterns += [path("private", Private.as_view())]
"""
TESTS = """from __future__ import annotations

from django.contrib.auth import get_user_model
from django.test import TestCase


class NoteTests(TestCase):
    def test_notes_are_for_people(self):
        ada = get_user_model().objects.create_user(email="ada@example.com")
        self.client.force_login(ada)
        self.assertEqual(self.client.get("/private").json(), {"user": "ada@example.com"})
"""


class FastAuthSite:
    """FastAuth's server, in a process of its own."""

    def __init__(self, database):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.fastauth_site", str(database)],
            cwd=ROOT,
            env={**os.environ, "FASTAUTH_SECRET": SECRET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline())

    def origin(self, host):
        return f"http://{host}:{self.port}"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("fastauth") / "auth.db"


@pytest.fixture(scope="module")
def before(database):
    """FastAuth, and Ada's account there."""
    need("fastauth")
    site = FastAuthSite(database)
    try:
        with Visitor(site.origin("127.0.0.1")) as visitor:
            assert visitor.post("/auth/register", json={**ADA, "name": "Ada Lovelace"}).status_code == 201
            assert visitor.post("/auth/register", json=BOB).status_code == 201
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def moved(make_project, before, database):
    """The Django project, which has followed the page."""
    need("argon2")
    project = make_project(FASTAUTH_SECRET=SECRET).configure(SETTINGS)
    project.write("notes/__init__.py", "").write("notes/views.py", VIEWS).write("mysite/urls.py", URLS)
    project.write("notes/tests.py", TESTS, append=False)
    project.follow(PAGE, "Steps").configure(f"DATABASES['fastauth']['NAME'] = {str(database)!r}")
    for package in ("accounts", "accounts/management", "accounts/management/commands", "accounts/migrations"):
        project.write(f"{package}/__init__.py", "", append=False)
    return project


@pytest.fixture(scope="module")
def after(moved, serve):
    """The project's server, with FastAuth's accounts."""
    return serve(moved, "makemigrations accounts", "migrate", "import_fastauth_users")


@pytest.fixture(scope="module")
def with_token(moved, after, serve):
    """The same project, with CSRF protection by FastAuth's names."""
    settings = moved.directory / moved.settings_file
    was = settings.read_text()
    server = serve(moved.follow(PAGE, "FastAuth's CSRF cookie and header"))
    settings.write_text(was)
    return server


@pytest.fixture
def ada(before, after, visit):
    """Ada's browser, signed in with FastAuth, whose page is served by the new project."""
    visitor = visit(before)
    assert visitor.sign_in(**ADA).status_code == 200
    visitor.described = visitor.get("/auth/me").json()
    visitor.origin = after.origin("127.0.0.1")
    return visitor


def attributes(response):
    """What each ``Set-Cookie`` says beside the value, spelled alike."""
    lines = response.raw.headers.getlist("Set-Cookie")
    morsels = {name: morsel for line in lines for name, morsel in SimpleCookie(line).items()}
    return {
        name: {key: str(value).lower() for key, value in morsel.items() if value and key != "expires"}
        for name, morsel in morsels.items()
    }


def test_the_old_password_signs_in(after, visit):
    assert visit(after).sign_in(**ADA).status_code == 200


def test_addresses_are_found_in_any_case_as_before(before, after, visit):
    for site in (before, after):
        assert visit(site).sign_in(**{**ADA, "email": "Ada@EXAMPLE.com"}).status_code == 200


def test_somebody_who_has_an_account_cannot_sign_up_again(before, after, visit):
    for site in (before, after):
        assert visit(site).post("/auth/register", json={**ADA, "email": "Ada@example.com"}).status_code == 409


def test_clients_are_told_the_same_of_the_user(ada):
    ada.sign_in(**ADA)

    assert ada.get("/auth/me").json() == ada.described


def test_the_cookies_are_the_same_but_for_the_third(before, after, visit):
    old, new = attributes(visit(before).sign_in(**ADA)), attributes(visit(after).sign_in(**ADA))

    assert old.keys() - new.keys() == set()
    assert {name: old[name] for name in OURS} == {name: new[name] for name in OURS}
    assert new["csrf_token"]["max-age"] == "0"


def test_old_cookies_open_nothing_and_are_replaced_by_the_next_sign_in(ada):
    assert ada.holds() == {*OURS, "csrf_token"}
    assert ada.get("/auth/me").status_code == 401

    assert ada.sign_in(**ADA).status_code == 200

    assert ada.holds() == OURS
    assert ada.get("/auth/me").status_code == 200


def test_a_refresh_with_the_old_cookie_clears_both(ada):
    assert ada.post("/auth/refresh").status_code == 401

    assert not ada.holds() & OURS


def test_an_apps_old_access_token_works_until_it_runs_out(before, after, visit):
    tokens = visit(before).sign_in("/json/auth/login", **ADA).json()
    app = visit(after)

    response = app.get("/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    assert response.json()["email"] == ADA["email"]
    assert app.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401


def test_a_front_end_that_goes_on_sending_the_csrf_header_is_not_in_the_way(ada):
    ada.sign_in(**ADA)

    assert ada.post("/auth/refresh", headers={"X-CSRF-Token": "of FastAuth's"}).status_code == 200


def bearer(visitor):
    return {"Authorization": f"Bearer {visitor.app['access_token']}"}


@pytest.fixture
def both(before, after, visit):
    """Browsers at either site that hold Ada's cookies, and Bob's tokens of an app in ``app``."""
    old, new = visit(before), visit(after)
    for visitor in (old, new):
        assert visitor.sign_in(**ADA).status_code == 200
    old.app = visit(before).sign_in("/json/auth/login", **BOB).json()
    # The project's cookie routes beside routes for apps: a second session, whose tokens are read off its cookies.
    app = visit(after)
    app.sign_in(**BOB)
    new.app = app.cookies.get_dict()
    return old, new


def test_of_a_cookie_and_a_header_the_other_one_counts(both):
    assert [visitor.get("/auth/me", headers=bearer(visitor)).json()["email"] for visitor in both] == [
        BOB["email"],
        ADA["email"],
    ]
    bad = {"Authorization": "Bearer garbage"}
    assert [visitor.get("/auth/me", headers=bad).status_code for visitor in both] == [401, 200]


def test_of_a_cookie_and_a_body_the_other_one_is_refreshed(both):
    old, new = both
    for visitor in both:
        # No CSRF header: FastAuth asks for it only where the cookie counts.
        assert visitor.post("/auth/refresh", json={"refresh_token": visitor.app["refresh_token"]}).status_code == 200

    assert old.get("/auth/me").json()["email"] == BOB["email"]
    assert new.get("/auth/me").json()["email"] == ADA["email"]


def test_a_header_counts_without_a_cookie(both, after, visit):
    _old, new = both

    assert visit(after).get("/auth/me", headers=bearer(new)).json()["email"] == BOB["email"]


def test_csrf_cookie_and_header_can_keep_their_names(before, with_token, visit):
    visitor = visit(before)
    visitor.sign_in(**ADA)
    of_fastauth = visitor.cookies["csrf_token"]
    visitor.origin = with_token.origin("127.0.0.1")

    assert visitor.sign_in(**ADA).status_code == 200

    assert visitor.holds() == {*OURS, "csrf_token"}
    assert visitor.cookies["csrf_token"] != of_fastauth
    for path in ("/private", "/auth/refresh"):
        assert visitor.post(path).status_code == 403
        assert visitor.post(path, headers={"X-CSRF-Token": visitor.cookies["csrf_token"]}).status_code == 200
    assert visit(with_token).sign_in("/auth/login", **ADA).status_code == 200
    assert visit(with_token).post("/auth/login", json=ADA, headers=FOREIGN).status_code == 403


def test_refusals_of_forged_requests_are_403_on_both_sides(before, after, visit):
    old, new = visit(before), visit(after)
    for visitor in (old, new):
        visitor.sign_in(**ADA)

    refusals = old.post("/auth/refresh"), new.post("/auth/refresh", headers=FOREIGN)

    assert [(refusal.status_code, refusal.json().get("code")) for refusal in refusals] == [
        (403, None),
        (403, "csrf_failed"),
    ]
    assert refusals[0].json()["detail"] == "CSRF token missing or invalid"


def test_view_of_the_project_knows_her(ada):
    ada.sign_in(**ADA)

    assert ada.get("/private").json() == {"user": ADA["email"]}


@pytest.mark.usefixtures("after")
def test_tests_of_the_project_pass_after_the_line(moved):
    moved.carry_out(PAGE, "Your tests")

    assert "force_login" not in (moved.directory / "notes/tests.py").read_text()
    moved.manage("test", "notes")


@pytest.mark.usefixtures("before")
def test_the_settings_in_the_table_exist():
    from fastauth.config import FastAuthConfig, JWTConfig, PasswordConfig, SecurityConfig

    parts = {"": FastAuthConfig, "jwt.": JWTConfig, "security.": SecurityConfig, "password.": PasswordConfig}
    rows = table(PAGE, "Settings")

    assert {name for old, _new in rows for name in old} == {
        prefix + field.name for prefix, config in parts.items() for field in fields(config)
    }
    elsewhere = {"SECRET_KEY", "SIMPLE_JWT", "SIGNING_KEY", "VERIFYING_KEY", "ALGORITHM", "ISSUER", "AUDIENCE"}
    elsewhere |= {"AUTH_PASSWORD_VALIDATORS", "AUTHENTICATION_BACKENDS"}
    assert {name for _old, new in rows for name in setting_names(new)} <= {*Settings.declared(), *elsewhere}


def test_the_routes_in_the_table_answer(before, after, visit):
    for old, new in table(PAGE, "Routes"):
        for site, route in [*((before, route) for route in old), *((after, route) for route in new)]:
            method, path = route.split()
            assert visit(site).request(method, path).status_code not in {404, 405}, route


@pytest.mark.filterwarnings("ignore:cuid_wrapper:DeprecationWarning")
@pytest.mark.usefixtures("before")
def test_the_hooks_in_the_table_exist():
    from django.contrib.auth import signals as django_signals
    from fastauth.api import deps
    from fastauth.core.protocols import EventHooks

    rows = table(PAGE, "Hooks")

    for old, new in rows:
        assert hasattr(EventHooks, old[0]) or hasattr(deps, old[0]), old
        assert [name for name in new if any(hasattr(place, name) for place in (signals, django_signals, Settings))] or (
            new == ["IsAuthenticated"]
        ), new


def test_the_bodies_in_the_table_are_those(before, after, visit):
    old, old_app, new = visit(before), visit(before), visit(after)

    was, answer = old.sign_in(**ADA).json(), new.sign_in(**ADA).json()
    assert set(was) == {"message"}
    assert was["message"] == answer["message"]
    assert set(answer) == {"message", "expires_in", "refresh_expires_in", "user"}
    assert set(new.post("/auth/refresh").json()) == {"message", "expires_in", "refresh_expires_in"}
    assert set(old_app.sign_in("/json/auth/login", **ADA).json()) == {
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
    }

    wrong = {**ADA, "password": "a guess"}
    refusals = visit(before).sign_in(**wrong), visit(after).sign_in(**wrong)
    assert [refusal.status_code for refusal in refusals] == [401, 401]
    assert [set(refusal.json()) for refusal in refusals] == [{"detail"}, {"detail", "code"}]
    assert [visit(site).post("/auth/login", json={}).status_code for site in (before, after)] == [422, 400]


def test_signing_out_needs_nobody_to_be_signed_in(before, after, visit):
    assert [visit(site).post("/auth/logout").status_code for site in (before, after)] == [401, 200]
