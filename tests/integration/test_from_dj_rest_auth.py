"""People who are signed in with dj-rest-auth, and the same people after the project has followed the page."""

import re

import pytest

from fastauth_django.conf import Settings
from tests.integration.project import setting_names, table
from tests.missing import need

pytestmark = pytest.mark.slow

PAGE = "migrating/from-dj-rest-auth.md"
PASSWORD, NEW_PASSWORD = "correct horse battery 9", "another battery horse 7"
OLD, OURS = {"app-access", "app-refresh", "sessionid"}, {"access_token", "refresh_token"}
SAME_KEY = 'SECRET_KEY = "of the project, before and after, and long enough for HS256"'


@pytest.fixture(scope="module")
def before(make_project, serve):
    need("dj_rest_auth")
    project = make_project().follow(PAGE, "Where you come from").configure(SAME_KEY)
    return serve(project, "migrate", users={"ada": PASSWORD, "bob": PASSWORD})


@pytest.fixture(scope="module")
def migrated(before, make_project):
    project = make_project().follow(PAGE, "Steps", "What stays dj-rest-auth's").configure(SAME_KEY)
    project.configure('EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"')
    return project.configure('EMAIL_FILE_PATH = BASE_DIR / "mails"').take_tables_of(before)


@pytest.fixture(scope="module")
def after(migrated, serve):
    return serve(migrated, "migrate")


@pytest.fixture
def ada(before, after, visit):
    """Ada, who signed in before the project changed, and whose page is served by the new one."""
    visitor = visit(before)
    response = visitor.sign_in("/dj-rest-auth/login/", username="ada", password=PASSWORD)
    assert response.status_code == 200
    visitor.old_tokens = {name: visitor.cookies[name] for name in ("app-access", "app-refresh")}
    visitor.origin = after.origin("127.0.0.1")
    return visitor


def test_she_is_signed_in_the_old_way(ada):
    assert ada.holds() == {*OLD, "csrftoken"}


def test_her_old_cookies_open_nothing_and_lock_nothing(ada):
    assert ada.get("/auth/me").status_code == 401
    assert ada.sign_in(username="ada", password=PASSWORD).status_code == 200
    assert ada.get("/auth/me").json()["username"] == "ada"


def test_her_old_cookies_go_at_the_next_sign_in(ada):
    ada.sign_in(username="ada", password=PASSWORD)

    assert ada.holds() == {*OURS, "csrftoken"}, "the session that sessionid names is not in the new database"


def test_her_apps_old_access_token_works_in_the_header(after, ada, visit):
    bearer = {"Authorization": f"Bearer {ada.old_tokens['app-access']}"}

    assert visit(after).get("/auth/me", headers=bearer).json()["username"] == "ada"


def test_her_old_refresh_token_buys_nothing(after, ada, visit):
    for sent in ({"json": {"refresh_token": ada.old_tokens["app-refresh"]}}, {"cookies": ada.old_tokens}):
        assert visit(after).post("/auth/refresh", **sent).status_code == 401


def test_a_password_reset_by_mail_stays_and_ends_her_sessions(migrated, after, visit):
    bob = visit(after)
    bob.sign_in(username="bob", password=PASSWORD)
    assert bob.post("/password/reset/", json={"email": "bob@example.com"}).status_code == 200
    (mail,) = (migrated.directory / "mails").iterdir()
    uid, token = re.search(r"/reset/([^/]+)/([^/]+)/", mail.read_text()).groups()
    chosen = {"uid": uid, "token": token, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    assert bob.post("/password/reset/confirm/", json=chosen).status_code == 200

    refusal = bob.get("/auth/me")
    assert (refusal.status_code, refusal.json()["code"]) == (401, "password_changed")
    assert bob.sign_in(username="bob", password=NEW_PASSWORD).status_code == 200


@pytest.mark.usefixtures("before")
def test_the_settings_in_the_table_exist():
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
