"""Every place that says with which versions this works says the same, and tox.ini runs them."""

import configparser
import re
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
SETUP, TOX = configparser.ConfigParser(), configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
TOX.read(ROOT / "tox.ini")


def environments():
    """The names in tox's ``env_list``, its braces written out."""
    for line in TOX["tox"]["env_list"].split():
        parts = re.split(r"\{(.+?)\}", line)
        choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
        yield from map("".join, product(*choices))


def in_matrix(letters):
    """The versions of the matrix, in order: of Python for ``"py"``, of Django for ``"django"``."""
    factors = {factor for name in environments() for factor in name.split("-")}
    found = [re.fullmatch(rf"{letters}(\d)(\d+)", factor) for factor in factors]
    return sorted((f"{match[1]}.{match[2]}" for match in found if match), key=Version)


def classified(heading):
    """The versions under a heading of the package index."""
    classifiers = SETUP["metadata"]["classifiers"].split("\n")
    found = [re.fullmatch(rf"{re.escape(heading)} :: (\d+\.\d+)", line) for line in classifiers]
    return [match[1] for match in found if match]


def oldest():
    """The first release of each required package that setup.cfg takes."""
    requirements = map(Requirement, SETUP["options"]["install_requires"].strip().splitlines())
    series = {requirement.name: str(requirement.specifier).removeprefix(">=") for requirement in requirements}
    # Django's first release of a series has two numbers.
    return {name: number if name == "Django" else f"{number}.0" for name, number in series.items()}


def pins(factor):
    """What tox installs for one factor of a name."""
    lines = re.findall(rf"^{factor}: (.+)$", TOX["testenv"]["deps"], re.MULTILINE)
    return {requirement.name: str(requirement.specifier) for requirement in map(Requirement, lines)}


def in_words(versions):
    return " and ".join([", ".join(versions[:-1]), versions[-1]])


def test_matrix_has_the_versions_that_the_package_index_names():
    assert in_matrix("py") == classified("Programming Language :: Python")
    assert in_matrix("django") == classified("Framework :: Django")


def test_nothing_older_can_be_installed():
    assert SETUP["options"]["python_requires"] == f">={in_matrix('py')[0]}"
    assert oldest()["Django"] == in_matrix("django")[0]


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_page_names_the_versions_of_the_matrix(page):
    text = " ".join((ROOT / page).read_text().split())
    python = in_matrix("py")

    assert f"Python {python[0]} to {python[-1]}, Django {in_words(in_matrix('django'))}" in text


def test_oldest_environment_has_the_oldest_of_everything():
    [name] = [name for name in environments() if name.endswith("-oldest")]
    python, *factors = name.split("-")
    installed = {package: pin for factor in factors for package, pin in pins(factor).items()}

    assert python == f"py{in_matrix('py')[0].replace('.', '')}"
    assert installed == {package: f"=={version}" for package, version in oldest().items()}


def test_scripts_look_for_every_python_the_newest_first():
    [loop] = re.findall(r"for candidate in (.+); do", (ROOT / "scripts/_venv").read_text())

    assert re.findall(r"python(3\.\d+)", loop) == in_matrix("py")[::-1]
