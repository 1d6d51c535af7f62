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
OURS = {"access_token", "refresh_token"}


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
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def after(make_project, before, database, serve):
    """The Django project, with FastAuth's accounts."""
    need("argon2")
    project = make_project(FASTAUTH_SECRET=SECRET).follow(PAGE)
    project.configure(f"DATABASES['fastauth']['NAME'] = {str(database)!r}")
    for package in ("accounts", "accounts/management", "accounts/management/commands"):
        project.write(f"{package}/__init__.py", "", append=False)
    return serve(project, "makemigrations accounts", "migrate", "import_fastauth_users")


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
