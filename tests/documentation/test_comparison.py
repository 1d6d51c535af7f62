"""docs/comparison.md: the column of this app is asked again, and the page shows what the program writes.

The peers are not installed for this suite; ``python -m tests.comparison --write`` asks them.
"""

import json
import re
import subprocess
import sys

import pytest

from tests.documentation.pages import ROOT, page
from tests.missing import need

COMPARISON = page("docs/comparison.md")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in COMPARISON.text.splitlines()
    if line.startswith("|") and not line.startswith("| ---")
]


@pytest.mark.slow
def test_column_of_this_app_is_what_it_does():
    need("tests.comparison", source="the repository")
    done = subprocess.run(
        [sys.executable, "-m", "tests.comparison", "fastauth"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])["answers"]

    assert {question: own for question, own, *_others in ROWS[1:]} == answers


def test_every_peer_is_shown_with_its_version():
    columns = ROWS[0][1:]

    versions = dict(re.findall(r"^- \*\*(.+?)\*\* \(\S+ ([\d.]+)\)", COMPARISON.text, re.MULTILINE))
    assert list(versions) == columns
