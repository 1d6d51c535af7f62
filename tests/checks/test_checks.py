"""The checks as a whole: their reference, the suggestions they make, when they run, and where they are silent."""

import importlib.util
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.core.management import call_command
from django.db import IntegrityError, connection, models
from django.test import override_settings
from django.urls import path

from fastauth_django.checks import REFERENCE, deployment, domains
from fastauth_django.checks.messages import Message
from fastauth_django.models import AuthSession
from fastauth_django.views import LoginView
from tests.checks import project
from tests.checks.cases import (
    APP,
    BASIC_CLASS,
    COMMON,
    COOKIE_CLASS,
    CORS,
    CSRF,
    DECIDED,
    LOCMEM,
    PROXY_HEADER,
    SECURITY,
    SESSION_CLASS,
    SIMPLEJWT_CLASS,
    STATELESS_CLASS,
    cache,
    classes,
    hosts,
    made_by,
    middleware,
    needing_more,
    proxies,
    simple_jwt,
    urls,
    without_app,
)
from tests.checks.running import PRODUCTION, fastauth, found, ids, json_fastauth, without
from tests.missing import need

DOCS = Path(__file__).parents[2] / "docs"


# --- The reference -------------------------------------------------------------------------------------------------


def test_two_messages_cannot_share_a_number():
    taken = next(iter(REFERENCE.values()))
    with pytest.raises(ValueError, match=f"{taken.id} is taken"):
        Message(taken.number, "Another sentence.", "Another hint.")
    assert REFERENCE[taken.id] is taken


def test_message_cannot_take_the_number_of_one_that_is_gone():
    with pytest.raises(ValueError, match=r"fastauth_django\.E032 is taken"):
        Message("E032", "Another sentence.", "Another hint.")


@pytest.mark.parametrize("message", REFERENCE.values(), ids=lambda message: message.number)
def test_message_says_what_happens_and_how_to_mend_it(message):
    assert message.text.endswith(".")
    assert message.hint.endswith((".", "{suggestion}"))
    assert message.level == {"E": "Error", "W": "Warning"}[message.number[0]]


def test_documentation_lists_every_message():
    page, directive = (DOCS / "checks.md").read_text(), (DOCS / "_ext" / "reference.py").read_text()
    assert "```{checks-reference}" in page
    assert "from fastauth_django.checks import REFERENCE" in directive
    assert "REFERENCE.values()" in directive


# --- Suggestions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("COOKIE_SAMSITE", "Did you mean 'COOKIE_SAMESITE'?"),
        ("cookie_secure", "Did you mean 'COOKIE_SECURE'?"),
        ("ACCESS_TOKEN_LIFETIME", "Did you mean 'ACCESS_TOKEN_TTL'?"),
        ("SESSIONS_PER_USER", "Did you mean 'MAX_SESSIONS_PER_USER'?"),
        ("WHATEVER", "The settings reference lists the keys."),
    ],
)
def test_unknown_key_suggests_the_nearest(key, suggestion):
    [message] = found(fastauth(**{key: 1}))
    assert message.hint == suggestion


def test_path_that_does_not_import_says_why():
    [message] = found(fastauth(TOKEN_CLAIMS="nowhere.claims"))
    assert "No module named 'nowhere'" in message.hint


def test_broken_module_behind_a_path_says_why():
    [message] = found(fastauth(TOKEN_CLAIMS="tests.checks.raises_at_import.claims"))
    assert "the module is broken" in message.hint


def test_unreached_urls_are_named_once_each():
    [message] = found(fastauth(COOKIE_PATH_REFRESH="/elsewhere"))
    assert "to /auth/refresh, /auth/logout:" in message.msg


# --- Public suffixes -----------------------------------------------------------------------------------------------

ONE_LABEL = ["com", ".com", "COM", "intranet"]
LISTED = ["co.uk", ".Co.Uk", "kawasaki.jp", "xn--55qx5d.cn", "github.io", "vercel.app", "s3.amazonaws.com"]
ABOVE = ["amazonaws.com", "railway.app", ".Railway.app", "googleapis.com"]
OWN = ["localhost", ".localhost", "example.com", "bbc.co.uk", "city.kawasaki.jp", "shop.vercel.app", "127.0.0.1"]


@pytest.fixture
def without_public_suffix_list(monkeypatch):
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)  # Importing it raises ImportError.
    domains._public_suffix_list.cache_clear()
    yield
    domains._public_suffix_list.cache_clear()


@pytest.mark.parametrize("domain", [*ONE_LABEL, *LISTED])
def test_public_suffix_is_known(domain):
    assert domains.is_public_suffix(domain)


@pytest.mark.parametrize("domain", OWN)
def test_domain_of_ones_own_is_no_public_suffix(domain):
    assert not domains.is_public_suffix(domain)


@pytest.mark.parametrize("domain", [*ONE_LABEL, *LISTED, *ABOVE])
def test_strangers_have_names_below_it(domain):
    assert domains.covers_public_suffix(domain)


@pytest.mark.parametrize("domain", OWN)
def test_nobody_else_has_a_name_below_ones_own(domain):
    assert not domains.covers_public_suffix(domain)


@pytest.mark.parametrize("domain", ONE_LABEL)
def test_one_label_is_a_public_suffix_without_the_list(domain, without_public_suffix_list):
    assert domains.is_public_suffix(domain)


@pytest.mark.parametrize("domain", [*LISTED, *OWN])
def test_nothing_else_is_a_public_suffix_without_the_list(domain, without_public_suffix_list):
    assert not domains.is_public_suffix(domain)


SUFFIXES = {
    "COOKIE_DOMAIN": fastauth(COOKIE_DOMAIN="com"),
    "CSRF_TRUSTED_ORIGINS": {"CSRF_TRUSTED_ORIGINS": ["https://*.com"]},
}


@pytest.mark.parametrize("overrides", SUFFIXES.values(), ids=SUFFIXES)
def test_message_says_that_the_list_has_the_suffix(overrides):
    [message] = found(overrides)
    assert "according to the public suffix list" in message.msg


@pytest.mark.parametrize("overrides", SUFFIXES.values(), ids=SUFFIXES)
def test_message_says_how_to_install_the_list(overrides, without_public_suffix_list):
    message, *_unchecked = found(overrides)
    assert "it has one label; install fastauth-django[check]" in message.msg


def test_list_is_not_read_for_a_configuration_that_names_no_domain(monkeypatch, without_public_suffix_list):
    monkeypatch.delitem(sys.modules, "publicsuffixlist")
    assert found({"CSRF_TRUSTED_ORIGINS": [APP], **fastauth()}) == []
    assert "publicsuffixlist" not in sys.modules


# --- What nobody decided -------------------------------------------------------------------------------------------


def test_all_names_that_another_host_can_set_are_in_one_message():
    [message] = found(fastauth(SIGN_UP_ENABLED=True), defaults=True)
    assert message.msg.startswith("COOKIE_NAME_ACCESS is 'access_token', COOKIE_NAME_REFRESH is 'refresh_token': ")


def test_example_project_passes_with_deploy():
    production = {
        "DEBUG": "0",
        "SECRET_KEY": "k" * 50,
        "ALLOWED_HOSTS": "app.example.com",
        "REDIS_URL": "redis://cache",
        "NUM_PROXIES": "1",
    }
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=DOCS.parent / "example_project",
        capture_output=True,
        text=True,
        check=True,
        env={**production, "PYTHONPATH": str(DOCS.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "fastauth_django." not in checked.stdout + checked.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(deployment.PEERS_VIEWS))
def test_peers_still_call_their_sign_in_views_so(name):
    module, _dot, view = name.rpartition(".")
    need(module)
    assert f"\nclass {view}(" in Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")


# --- When they run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides",
    [cache(LOCMEM), proxies(None)],
    ids=["cache in each process", "proxies"],
)
def test_question_of_deployment_is_asked_with_deploy_only(overrides):
    assert found(overrides, deploy=False) == []
    assert all(message.deploy for message in (REFERENCE[said.id] for said in found(overrides, defaults=True)))
    assert found(overrides, defaults=True)


def test_one_mistake_in_a_type_silences_what_would_only_guess():
    assert ids(fastauth(COOKIE_SECURE="no", COOKIE_SAMESITE="none", CSRF_PROTECTION=None)) == ["E003"]


def test_check_command_is_silent():
    with override_settings(**PRODUCTION):
        call_command("check", stdout=(out := StringIO()), stderr=(err := StringIO()))
    assert (out.getvalue().strip(), err.getvalue()) == ("System check identified no issues (0 silenced).", "")


def test_check_command_with_deploy_names_none_of_ours():
    with override_settings(**PRODUCTION, **fastauth(**DECIDED)):
        call_command("check", deploy=True, stdout=StringIO(), stderr=(err := StringIO()))
    assert "security.W" in err.getvalue()  # The test project leaves Django's own advice aside.
    assert "fastauth_django" not in err.getvalue()


def test_views_are_not_loaded_with_the_apps():
    """They would read ``REST_FRAMEWORK`` and import the project's classes before its apps are ready."""
    script = """
import sys
from django.conf import settings
apps = ["django.contrib.auth", "django.contrib.contenttypes", "fastauth_django"]
settings.configure(SECRET_KEY="k" * 32, INSTALLED_APPS=apps)
import django
django.setup()
print([name for name in sys.modules if name in {"fastauth_django.views", "fastauth_django.serializers"}])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# --- Tables ---------------------------------------------------------------------------------------------------------

WITHOUT_ADMIN = without_app("django.contrib.admin")


@pytest.mark.django_db(transaction=True)
def test_table_without_a_model_stands_in_the_way_of_deleting_a_user(account):
    from django.contrib.admin.models import LogEntry

    LogEntry.objects.create(user=account.user, action_flag=1, object_repr="a book")
    with override_settings(**WITHOUT_ADMIN):
        [message] = found(WITHOUT_ADMIN, databases=("default",))
        with pytest.raises(IntegrityError):
            account.user.delete()
    assert "django_admin_log" in message.msg


@pytest.mark.django_db
def test_check_without_a_database_asks_none(django_assert_num_queries):
    with override_settings(**PRODUCTION, **WITHOUT_ADMIN), django_assert_num_queries(0):
        call_command("check", stdout=StringIO(), stderr=(err := StringIO()))
    assert "W061" not in err.getvalue()


@pytest.mark.django_db
def test_check_with_a_database_looks_at_its_tables():
    with override_settings(**PRODUCTION, **WITHOUT_ADMIN):
        call_command("check", databases=["default"], stdout=StringIO(), stderr=(err := StringIO()))
    assert "fastauth_django.W061" in err.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("on_delete", "numbers"),
    [([], ["W061"]), ([None], ["W061"]), ([models.DO_NOTHING], ["W061"]), ([models.SET_NULL], [])],
    ids=["before 6.1", "unknown", "nothing", "something"],
)
def test_foreign_key_that_says_what_on_delete_does_is_in_nobodys_way(monkeypatch, on_delete, numbers):
    """As Django's introspection tells from version 6.1 on."""
    user_table = get_user_model()._meta.db_table
    relations = {"user_id": ("id", user_table, *on_delete)}
    monkeypatch.setattr(type(connection.introspection), "get_relations", lambda self, cursor, table: relations)

    assert ids(WITHOUT_ADMIN, databases=("default",)) == numbers


class UsersElsewhere:
    """A router of a project that has its users in another database."""

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return False


@pytest.mark.django_db
def test_database_without_the_users_is_not_looked_at(django_assert_num_queries):
    with override_settings(**WITHOUT_ADMIN, DATABASE_ROUTERS=[UsersElsewhere()]), django_assert_num_queries(0):
        assert found(WITHOUT_ADMIN, databases=("default",)) == []


@pytest.mark.django_db
def test_table_of_a_model_in_a_schema_is_known(monkeypatch):
    monkeypatch.setattr(AuthSession._meta, "db_table", 'main"."fastauth_django_authsession')
    assert found({}, databases=("default",)) == []


# --- Where they are silent -----------------------------------------------------------------------------------------

DEVELOPMENT = {"DEBUG": True, **hosts(), **cache(LOCMEM), **urls(project.AUTH)}
STARTPROJECT = middleware(
    SECURITY,
    "django.contrib.sessions.middleware.SessionMiddleware",
    COMMON,
    CSRF,
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)
WITH_CORS = middleware(CORS, *STARTPROJECT["MIDDLEWARE"])

RIGHT = {
    "quick start": {**DEVELOPMENT, **STARTPROJECT, **classes(COOKIE_CLASS), **fastauth()},
    "quick start, deployed": {**STARTPROJECT, **classes(COOKIE_CLASS), **fastauth(), **urls(project.AUTH)},
    "front end on another port of localhost": {
        **DEVELOPMENT,
        **WITH_CORS,
        **fastauth(CORS_ORIGINS=["http://localhost:3000", "http://127.0.0.1:3000"]),
    },
    "front end of the same site": {**WITH_CORS, **fastauth(CORS_ORIGINS=[APP], COOKIE_SAMESITE="strict")},
    "front end of another site": {
        **WITH_CORS,
        **fastauth(CORS_ORIGINS=["https://app.example.net"], COOKIE_SAMESITE="none"),
    },
    "CORS just before CommonMiddleware": {
        **middleware(SECURITY, "django.middleware.locale.LocaleMiddleware", CORS, COMMON, CSRF),
        **fastauth(CORS_ORIGINS=[APP]),
    },
    "app of a shell that names its own scheme": {**WITH_CORS, **fastauth(CORS_ORIGINS=["capacitor://localhost"])},
    "__Host- names": fastauth(COOKIE_NAME_ACCESS="__Host-access_token", COOKIE_NAME_REFRESH="__Host-refresh_token"),
    "__Secure- name with a path": fastauth(COOKIE_NAME_REFRESH="__Secure-refresh", COOKIE_PATH_REFRESH="/auth/"),
    "cookies for all subdomains": fastauth(COOKIE_DOMAIN="example.com"),
    "hosts that a proxy has checked": {**hosts("*"), **fastauth(COOKIE_DOMAIN="example.com")},
    "former cookies": fastauth(COOKIE_FORMER=[{"name": "refresh_token", "path": "/auth/", "domain": "example.com"}]),
    "Django's CSRF token": fastauth(CSRF_PROTECTION="token"),
    "behind a proxy": {**PROXY_HEADER, **proxies(1)},
    "an API for native apps": {
        **urls(project.AUTH),
        **STARTPROJECT,
        **classes(COOKIE_CLASS),
        **json_fastauth(),
    },
    "an API for native apps, with DRF's defaults": {
        **urls(project.AUTH),
        **classes(SESSION_CLASS, BASIC_CLASS),
        **json_fastauth(),
    },
    "browsers and native apps": {**classes(COOKIE_CLASS, SESSION_CLASS), **fastauth()},
    "each view with its own class": {**urls(project.AUTH, project.API), **classes(SESSION_CLASS), **fastauth()},
    "a service that only verifies": {**urls(project.API), **classes(STATELESS_CLASS)},
    "migrating from simplejwt": {
        **urls(project.AUTH, project.SIMPLEJWT),
        **classes(COOKIE_CLASS, SIMPLEJWT_CLASS),
        **simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True),
        **fastauth(ACCEPT_TOKENS_WITHOUT_SESSION=True),
    },
    "simplejwt's lifetimes": simple_jwt(ACCESS_TOKEN_LIFETIME=timedelta(minutes=5)),
}


@pytest.mark.parametrize("overrides", [pytest.param(value, id=key) for key, value in RIGHT.items()])
def test_right_configuration_is_not_complained_about(overrides):
    assert found(overrides, deploy=not overrides.get("DEBUG", False)) == []


@pytest.mark.parametrize(
    ("during", "overrides"),
    [
        (broken, overrides)
        for broken in (lambda: made_by(project.create_user_of_tenant), needing_more)
        for overrides in (
            fastauth(SIGN_UP_ENABLED=False),
            fastauth(REGISTER_SERIALIZER="tests.checks.project.OwnRegisterSerializer"),
            urls(path("auth/login", LoginView.as_view())),
        )
    ],
)
def test_user_model_is_looked_at_only_where_visitors_sign_up_with_the_built_in_serializer(during, overrides):
    with during():
        assert not {"E057", "W058"} & set(ids(overrides))


def test_model_whose_save_may_fill_in_the_field_is_not_complained_about():
    with needing_more(), mock.patch.object(get_user_model(), "save", return_value=None):
        assert found({}) == []


def test_field_that_the_manager_names_is_not_complained_about():
    manager = project.ActiveManager()
    manager.model, manager.name = get_user_model(), "objects"

    with needing_more(), mock.patch.object(get_user_model()._meta, "default_manager", manager):
        assert found({}) == []


def test_manager_without_natural_keys_is_right_where_a_backend_of_the_project_finds_people():
    with without(BaseUserManager, "get_by_natural_key"):
        assert found({"AUTHENTICATION_BACKENDS": ["tests.checks.project.OwnBackend"]}) == []


def test_manager_without_create_user_can_make_accounts():
    with mock.patch.object(get_user_model()._meta, "default_manager", models.Manager()):
        assert "E057" not in ids({})


@pytest.mark.filterwarnings("ignore:The HMAC key")  # PyJWT's own warning, which this suite makes an error.
def test_short_keys_are_no_fault_in_a_test_run():
    assert found({"SECRET_KEY": "test", "SECRET_KEY_FALLBACKS": ["old"]}) == []


def test_new_project_with_the_quick_start_passes(tmp_path):
    def run(*command):
        return subprocess.run(
            [sys.executable, "-m", "django", *command], cwd=tmp_path, capture_output=True, text=True, check=True
        )

    run("startproject", "mysite", ".")
    blocks = [part.partition("```")[0] for part in (DOCS / "quickstart.md").read_text().split("```python\n")[1:]]
    with (tmp_path / "mysite" / "settings.py").open("a") as settings_file:
        settings_file.write(blocks[0])
    with (tmp_path / "mysite" / "urls.py").open("a") as urls_file:
        urls_file.write(blocks[1])
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(DOCS.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (checked.returncode, checked.stderr) == (0, "")
