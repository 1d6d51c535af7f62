"""The threat model names tests. Each exists, and each threat has one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
#: Title to text.
SECTIONS = dict(section.split("\n", 1) for section in PAGE.split("\n## ")[1:])


def named_in(text: str) -> set[str]:
    return set(re.findall(r"`(test_\w+)`", text))


@pytest.fixture(scope="module")
def written() -> set[str]:
    """The names of all tests."""
    modules = (ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("*.py"))
    functions = (node for module in modules for node in ast.walk(module) if isinstance(node, ast.FunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("title", SECTIONS)
def test_every_test_that_a_threat_names_exists(title, written):
    assert named_in(SECTIONS[title]) <= written


@pytest.mark.parametrize("title", [title for title in SECTIONS if not title.startswith("How it is known")])
def test_every_threat_names_a_test(title):
    assert named_in(SECTIONS[title])


@pytest.mark.parametrize("title", SECTIONS)
def test_every_name_of_a_test_is_read(title):
    """A name that is not set as code would be overlooked."""
    assert set(re.findall(r"\btest_\w+", SECTIONS[title])) == named_in(SECTIONS[title])
