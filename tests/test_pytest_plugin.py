"""The plugin as pytest finds it: by its entry point, in projects with Django and without."""

from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest in a process of its own and in a directory of its own, where nothing of this suite is known."""
    for name in ("DJANGO_SETTINGS_MODULE", "PYTEST_ADDOPTS", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments: pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *arguments)


SETTINGS = """
from fastauth_django.conf import FastAuthSettings

SECRET_KEY = "for the tests only, and long enough for HS256"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "fastauth_django"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "fastauth_django.urls"
FASTAUTH: FastAuthSettings = {"TOKEN_DELIVERY": "cookie"}
"""


def test_entry_point_is_registered():
    [entry_point] = [each for each in entry_points(group="pytest11") if each.name == "fastauth_django"]

    assert entry_point.value == "pytest_fastauth_django"


def test_fixture_gives_signed_in_clients(pytester, run):
    pytester.makeini("[pytest]\nDJANGO_SETTINGS_MODULE = project_settings")
    pytester.makepyfile(project_settings=SETTINGS)
    pytester.makepyfile(
        """
        import pytest
        from django.contrib.auth.models import User
        from django.test import Client

        pytestmark = pytest.mark.django_db

        @pytest.fixture
        def ada():
            return User.objects.create_user("ada")

        @pytest.mark.parametrize("delivery", [None, "cookie", "json"])
        def test_client(sign_in_client, ada, delivery):
            client = sign_in_client(ada, remember=True, token_delivery=delivery)
            assert client.get("/me").json()["username"] == "ada"
            assert bool(client.cookies) is (delivery != "json")
            assert [device["current"] for device in client.get("/sessions").json()] == [True]

        def test_two_devices(sign_in_client, ada):
            phone, laptop = sign_in_client(ada), sign_in_client(ada)
            assert phone.delete("/sessions/all?keep_current=true").status_code == 200
            assert laptop.get("/me").status_code == 401
            assert phone.get("/me").status_code == 200

        def test_fixtures_of_pytest_django_are_what_they_were(client, sign_in_client):
            assert type(client) is Client
            assert client.get("/me").status_code == 401
        """
    )

    run().assert_outcomes(passed=5)


def test_fixture_is_described(pytester, run):
    run("--fixtures", "-p", "no:django").stdout.fnmatch_lines(["sign_in_client*", "*returns a client*signed in*"])


def test_run_without_django_imports_none_of_it(pytester, run):
    """A run of something else, in an environment in which the package happens to be installed."""
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_loaded():
            packages = {name.partition(".")[0] for name in sys.modules}
            assert "pytest_fastauth_django" in packages
            assert not {"fastauth_django", "django", "rest_framework", "rest_framework_simplejwt"} & packages
        """
    )

    run("-p", "no:django").assert_outcomes(passed=1)


def test_project_that_has_not_configured_django_is_left_alone(pytester, run):
    pytester.makepyfile("def test_it(): pass")

    run().assert_outcomes(passed=1)


def test_coverage_sees_every_line_of_the_package(pytester, run):
    """A plugin that imported the package would have its first lines run before coverage is measured."""
    pytester.makeini("[pytest]\nDJANGO_SETTINGS_MODULE = project_settings")
    pytester.makepyfile(project_settings=SETTINGS)
    pytester.makepyfile("def test_it(): import fastauth_django.apps, fastauth_django.contrib")

    result = run("--cov=fastauth_django", "--cov-report=term")

    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r".*fastauth_django/contrib/__init__\.py +\d+ +0 +100%"])


def test_plugin_can_be_switched_off(pytester, run):
    pytester.makepyfile("def test_it(sign_in_client): pass")

    result = run("-p", "no:fastauth_django", "-p", "no:django")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'sign_in_client' not found*"])
