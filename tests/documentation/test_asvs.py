"""docs/asvs.md: each requirement of the three chapters has its place, and what is called met has a test."""

import re
from collections import Counter

import pytest

from tests.documentation.pages import page

PAGE = page("docs/asvs.md").text
#: How many requirements each section of version 5.0.0 has.
SECTIONS = {
    **{"3.1": 1, "3.2": 3, "3.3": 5, "3.4": 8, "3.5": 8, "3.6": 1, "3.7": 5},
    **{"6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4},
    **{"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2},
}
REQUIREMENTS = [f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in PAGE.splitlines()
    if re.match(r"\| [367]\.", line)
]
LEFT_OUT = PAGE.partition("## What is left out")[2]


def test_every_requirement_has_one_place():
    in_rows = [number for row in ROWS for number in row[0].split(", ")]

    assert Counter(in_rows + re.findall(r"\b[367]\.\d\.\d+\b", LEFT_OUT)) == Counter(REQUIREMENTS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_row_says_at_which_level_what_is_done_and_how(row):
    _number, level, asked, state, how = row

    assert set(level.split(", ")) <= {"1", "2", "3"}
    assert asked
    assert how
    assert state in {"met", "project", "not met"}
    if state == "met":
        assert re.search(r"`test_\w+`", how) or "The app has none" in how


def test_every_state_is_explained():
    assert [state for state in ("met", "project", "not met") if f"- **{state}**: " not in PAGE] == []
