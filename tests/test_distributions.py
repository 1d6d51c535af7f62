"""Wheel and sdist: they hold what they should and nothing else, and the wheel is all that a project needs.

They are built here, or taken from the directory ``FASTAUTH_TEST_DISTRIBUTIONS``, which ``tox -e release`` sets.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from fnmatch import fnmatch
from pathlib import Path

import pytest

import fastauth_django
from tests.documentation.playing import play
from tests.documentation.project import Project
from tests.documentation.test_quick_start import IN_README, signs_up_and_out
from tests.missing import is_missing, need

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
NAME = f"fastauth_django-{fastauth_django.__version__}"
#: What a package may consist of. A new kind of file is a decision, here and in setup.cfg.
PACKAGE_FILES = [
    "fastauth_django/*.py",
    "fastauth_django/py.typed",
    "fastauth_django/locale/*/LC_MESSAGES/django.mo",
    "fastauth_django/locale/*/LC_MESSAGES/django.po",
    "fastauth_django/static/fastauth_django/fastauth.d.ts",
    "fastauth_django/static/fastauth_django/fastauth.js",
    "fastauth_django/static/fastauth_django/package.json",
    "fastauth_django/static/fastauth_django/react.d.ts",
    "fastauth_django/static/fastauth_django/react.js",
    "fastauth_django/static/fastauth_django/server.d.ts",
    "fastauth_django/static/fastauth_django/server.js",
    "fastauth_django/templates/admin/fastauth_django/authsession/submit_line.html",
]
METADATA = {"METADATA", "RECORD", "WHEEL", "top_level.txt", "licenses/LICENSE"}
#: For who works in a checkout, and what compares this app with others.
NOT_IN_SDIST = [".*", "benchmarks/*", "scripts/bench", "scripts/scale", "tests/browser/proxies/*", "tests/comparison/*"]
WRITTEN_BY_BUILD = ["PKG-INFO", "fastauth_django.egg-info/*"]


def source_files():
    """Everything that is in the repository, or would be after ``git add --all``."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout: what belongs into the sdist is not known")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def modules_beside_the_package():
    """Those that setup.cfg names, such as a plugin that must not import the package."""
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / "setup.cfg")
    return configuration.get("options", "py_modules", fallback="").split()


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """A directory with wheel and sdist."""
    given = os.environ.get("FASTAUTH_TEST_DISTRIBUTIONS")
    if given:
        return Path(given)
    need("build")
    # From a copy: building leaves its traces where it is done.
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in source_files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--outdir", built, source)
    return built


def run(*command, cwd=None):
    """Run a command that may need the package index. Shows what it said if it fails."""
    # Neither the database nor the arguments of this run are the other one's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FASTAUTH", "PYTEST"))}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode and "NewConnectionError" in done.stdout + done.stderr:
        is_missing("the package index")
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel_holds_the_package_and_nothing_else(distributions):
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
    metadata = {name for name in names if name.startswith(f"{NAME}.dist-info/")}
    package = names - metadata

    modules = {f"{name}.py" for name in modules_beside_the_package()}
    assert [name for name in package - modules if not any(fnmatch(name, pattern) for pattern in PACKAGE_FILES)] == []
    assert package == {name for name in source_files() if name.startswith("fastauth_django/") or name in modules}
    assert {name.partition("/")[2] for name in metadata} - {"entry_points.txt"} == METADATA


def test_sdist_holds_the_repository_and_nothing_else(distributions):
    with tarfile.open(distributions / f"{NAME}.tar.gz") as sdist:
        names = {member.name.removeprefix(f"{NAME}/") for member in sdist.getmembers() if member.isfile()}
    left_out = {name for name in source_files() if any(fnmatch(name, pattern) for pattern in NOT_IN_SDIST)}

    assert {name for name in names if not any(fnmatch(name, pattern) for pattern in WRITTEN_BY_BUILD)} == (
        source_files() - left_out
    )


@pytest.mark.parametrize("how", ["--collect-only", pytest.param("--exitfirst", marks=pytest.mark.nightly)])
def test_quick_tests_pass_in_the_unpacked_sdist(distributions, tmp_path, how):
    """They are collected, and every night they are run: nothing of them is left out but what they compare with."""
    with tarfile.open(distributions / f"{NAME}.tar.gz") as sdist:
        sdist.extractall(tmp_path, filter="data")

    quick = "not slow and not browser and not database and not nightly"
    run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", quick, how, cwd=tmp_path / NAME)


def test_page_of_the_package_is_the_readme(distributions):
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        metadata = wheel.read(f"{NAME}.dist-info/METADATA").decode()

    assert metadata.endswith((ROOT / "README.md").read_text())
    assert "Description-Content-Type: text/markdown" in metadata
    required = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert sorted(required) == ["Django", "djangorestframework", "djangorestframework-simplejwt"]


def test_page_of_the_package_is_shown_as_it_is_meant(distributions):
    """The package index leaves out what it holds for dangerous, and a link that is relative leads nowhere there."""
    need("readme_renderer")
    from readme_renderer import markdown

    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        metadata = message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))
    shown = markdown.render(metadata.get_payload())
    assert shown is not None, "no renderer for Markdown: readme-renderer without its extra md"
    addresses = re.findall(r'(?:href|src)="([^"]*)"', shown)

    assert [address for address in addresses if not address.startswith(("https://", "#user-content-"))] == []
    assert len([address for address in addresses if address.startswith("https://")]) > 40
    assert re.findall(r'<img [^>]*src="https://[^"]+/demo\.png"', shown), "no picture"
    assert "<table>" in shown
    assert not re.search(r"\]\[|\]\(", re.sub(r"<pre.*?</pre>", "", shown, flags=re.DOTALL)), (
        "a link without an address"
    )


def test_name_and_extras_are_those_that_hints_and_pages_name(distributions):
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        metadata = message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))
    sources = [*ROOT.glob("fastauth_django/**/*.py"), ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    named = {each for path in sources for each in re.findall(r"(fastauth[-_]django)\[([a-z,-]+)\]", path.read_text())}

    assert {name for name, _extras in named} == {metadata["Name"]} == {"fastauth-django"}
    assert {extra for _name, extras in named for extra in extras.split(",")} <= set(metadata.get_all("Provides-Extra"))


@pytest.fixture
def project(tmp_path):
    """A directory for a project, and an environment in which nothing is installed."""
    venv.create(tmp_path / "venv")
    (tmp_path / "mysite").mkdir()
    project = Project(tmp_path / "mysite", python=tmp_path / "venv/bin/python")
    yield project
    project.stop()


def test_quick_start_of_the_readme_works_with_the_wheel_alone(distributions, project):
    wheel = distributions / f"{NAME}-py3-none-any.whl"
    run(sys.executable, "-m", "pip", "--python", project.python, "install", "--quiet", wheel)
    project.start()

    answers = play(project, sorted(IN_README, key=lambda block: block.line), install=lambda: None)

    signs_up_and_out(answers)
    assert "no issues" in project.run("python manage.py check --fail-level WARNING")
    where = project.run("python -c 'import fastauth_django; print(fastauth_django.__file__)'")
    assert str(project.bin.parent) in where, "not the one that was installed"
