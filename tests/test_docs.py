"""The documentation names tests as its evidence: they have to exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "SECURITY.md"])
SOURCES = "\n".join(path.read_text() for path in ROOT.glob("tests/**/*.py"))
FILES = {path.name for path in ROOT.glob("tests/**/*.py")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page):
    named = re.findall(r"`(?:tests/[\w/]*)?(test_\w+)(\.py)?`", page.read_text())
    missing = [
        name + ending
        for name, ending in named
        if (f"{name}.py" not in FILES if ending else f"def {name}(" not in SOURCES)
    ]
    assert missing == []


def test_pages_do_name_tests():
    """Or the test above could not fail."""
    assert any("`test_" in page.read_text() for page in PAGES)
