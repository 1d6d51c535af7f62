"""What a type checker tells the users of the package, by a run of mypy on a project of theirs."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from rest_framework.serializers import Serializer

from fastauth_django.conf import FastAuthSettings, Settings
from tests.missing import need

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "tests" / "typed_project"


def claims(user, claims):
    return claims


#: Values of every kind that a setting may have, and of some that none has.
VALUES = [
    "None",
    "True",
    "1",
    "1.5",
    "timedelta(seconds=1)",
    "b'lax'",
    "'rest_framework.serializers.Serializer'",
    *["'json'", "'cookie'", "'lax'", "'Strict'", "'NONE'", "'origin'", "'token'", "'optional'", "'required'"],
    *["['a']", "('a',)", "{'a'}", "frozenset({'a'})", "[1]", "{'a': 'b'}", "[None]"],
    *["[re.compile('a')]", "['a', re.compile('a')]", "('a', re.compile('a'))", "re.compile('a')"],
    *["[{'name': 'a'}]", "({'name': 'a'},)", "[{'path': '/'}]", "[{'name': 'a', 'samesite': 'lax'}]"],
    "[{'name': 'a', 'path': '/', 'domain': None, 'partitioned': True}]",
    "[{'name': 'a', 'path': None}]",
    "Serializer",
    "claims",
]
NAMES = {"re": re, "timedelta": timedelta, "Serializer": Serializer, "claims": claims}
TEXTS = [value for value in VALUES if value.startswith("'")]
SERIALIZERS = ["LOGIN_SERIALIZER", "REGISTER_SERIALIZER", "USER_SERIALIZER"]


def accepts(key: str, value: str) -> bool:
    try:
        Settings.declared()[key].kind.clean(eval(value, NAMES))  # noqa: S307
    except (TypeError, ValueError):
        return False
    return True


#: Where type and value differ on purpose.
DIFFERENCES = {
    # To a type checker bool is an int.
    **{(key, "True"): "types alone accept" for key in Settings.declared() if accepts(key, "1")},
    # A type cannot tell an import path from another text.
    **{
        (key, text): "types alone accept" for key in [*SERIALIZERS, "TOKEN_CLAIMS"] for text in TEXTS if "." not in text
    },
    # A list of str has to be accepted too, and of two types of list mypy tries one. A tuple has no such trouble.
    **{("CORS_ORIGINS", text): "values alone are accepted" for text in ["[re.compile('a')]", "['a', re.compile('a')]"]},
    # manage.py check refuses these.
    **{(key, "claims"): "values alone are accepted" for key in SERIALIZERS},
    ("TOKEN_CLAIMS", "Serializer"): "values alone are accepted",
}
CASES = [(key, value) for key in Settings.declared() for value in VALUES]
PREAMBLE = """
import re
from datetime import timedelta
from typing import Any
from fastauth_django.conf import FastAuthSettings
from rest_framework.serializers import Serializer
def claims(user: Any, claims: dict[str, Any]) -> dict[str, Any]: return claims
"""


@pytest.fixture(scope="module")
def errors(tmp_path_factory) -> dict[str, dict[int, set[str]]]:
    """What mypy says of the project: file, line, codes. Beside its own files stands one with a line for each case."""
    need("mypy", "mypy_django_plugin", "mypy_drf_plugin")
    directory = tmp_path_factory.mktemp("typing")
    lines = [f"v{number}: FastAuthSettings = {{'{key}': {value}}}" for number, (key, value) in enumerate(CASES)]
    values = directory / "values.py"
    values.write_text("\n".join([*PREAMBLE.split("\n"), *lines]))
    path = os.pathsep.join([str(ROOT), str(PROJECT.parent), str(directory)])
    command = [sys.executable, "-m", "mypy", "--config-file", PROJECT / "mypy.ini", "--cache-dir", directory / "cache"]
    run = subprocess.run(
        [*command, "--no-error-summary", "--hide-error-context", "-p", PROJECT.name, "-m", values.stem],
        cwd=directory,
        env={**os.environ, "MYPYPATH": path, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.stderr == ""
    found: dict[str, dict[int, set[str]]] = {}
    for line in run.stdout.splitlines():
        if ": note: " not in line:
            file, number, code = re.fullmatch(r"(.+\.py):(\d+): error: .*\[([\w-]+)\]", line).groups()
            found.setdefault(Path(file).name, {}).setdefault(int(number), set()).add(code)
    return found


def test_type_of_the_setting_has_every_key_in_the_order_of_the_reference():
    assert list(FastAuthSettings.__annotations__) == list(Settings.declared())
    assert FastAuthSettings.__required_keys__ == frozenset()


@pytest.mark.slow
def test_type_of_the_setting_accepts_what_the_setting_accepts(errors):
    first = len(PREAMBLE.split("\n")) + 1
    said = errors["values.py"]
    disagreements = {}
    for number, (key, value) in enumerate(CASES, first):
        fits, accepted = number not in said, accepts(key, value)
        if fits != accepted:
            disagreements[key, value] = "types alone accept" if fits else "values alone are accepted"

    assert disagreements == DIFFERENCES


@pytest.mark.slow
def test_project_that_uses_the_package_rightly_passes_strict(errors):
    assert set(errors) == {"mistakes.py", "values.py"}


@pytest.mark.slow
def test_each_mistake_is_found(errors):
    expected = {
        number: code
        for number, line in enumerate((PROJECT / "mistakes.py").read_text().splitlines(), 1)
        if (code := line.partition("# error: ")[2])
    }

    assert errors["mistakes.py"].keys() == expected.keys()
    assert all(code in errors["mistakes.py"][number] for number, code in expected.items())


def test_settings_module_may_import_the_type():
    """It is imported before Django has settings, and by it. No setting may be read, and no model loaded."""
    script = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "typed_project.settings"
import typed_project.settings
from django.apps import apps
from django.conf import settings
assert not settings.configured and not apps.apps_ready
loaded = [name for name in ("django.db", "rest_framework", "fastauth_django.models") if name in sys.modules]
assert loaded == [], loaded
import django
django.setup()
from fastauth_django.conf import conf
print(conf.TOKEN_DELIVERY)
"""
    path = os.pathsep.join([str(ROOT), str(PROJECT.parent)])
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    run = subprocess.run(
        [sys.executable, "-c", script], env={**environment, "PYTHONPATH": path}, capture_output=True, text=True
    )

    assert (run.stdout, run.stderr) == ("cookie\n", "")


def test_package_says_that_it_is_typed():
    assert files("fastauth_django").joinpath("py.typed").is_file()
