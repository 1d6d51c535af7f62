"""What a process loads that serves a project: of other packages nothing that simplejwt does not load, too."""

import subprocess
import sys

import pytest

from tests.missing import need

need("benchmarks", source="the repository")
from benchmarks.contenders import CONTENDERS  # noqa: E402
from benchmarks.pages import ROOT  # noqa: E402
from benchmarks.startup import SHOWN, start  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The modules of a process after a sign-in and a protected GET, by contender."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path_factory.mktemp("startup") / "db.sqlite3")}
    for name in ("fastauth", "simplejwt"):
        start(name, "prepare", database)
    return {name: set(start(name, "serve", database)["modules"]) for name in ("fastauth", "simplejwt")}


def test_of_other_packages_only_the_cache_is_loaded_that_counts_failed_sign_ins(loaded):
    beside = loaded["fastauth"] - loaded["simplejwt"]

    assert {module for module in beside if module.split(".")[0] != "fastauth_django"} == {
        "django.core.cache.backends.locmem"
    }


def test_integrations_and_rules_of_the_checks_are_loaded_by_those_who_use_them(loaded):
    own = {module for module in loaded["fastauth"] if module.startswith("fastauth_django.")}

    assert {module for module in own if module.startswith(("fastauth_django.contrib", "fastauth_django.test"))} == set()
    assert {module for module in own if module.startswith("fastauth_django.checks.")} == {
        "fastauth_django.checks.messages",
        "fastauth_django.checks.types",
    }


def test_table_has_a_row_for_each_contender():
    need("dj_rest_auth", "knox")
    command = [sys.executable, "-m", "benchmarks.startup", "--rounds", "1"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    _head, _line, *rows = done.stdout.strip().splitlines()
    assert [row.split(" | ")[0] for row in rows] == [f"| {CONTENDERS[name].label}" for name in SHOWN]
