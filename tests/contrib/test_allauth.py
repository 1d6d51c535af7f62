"""``contrib.allauth``: tests/allauth, in processes that have django-allauth installed as an app.

By hand: ``pytest tests/allauth --ds tests.allauth.settings``.
"""

import os
import subprocess
import sys
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "tests/allauth").glob("test_*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_with_allauth_installed(path):
    # Where this run measures coverage, that of the other process counts too: pytest-cov combines what lies there.
    measured = ["coverage", "run", "--parallel-mode", "-m"] if coverage.Coverage.current() else []
    command = [sys.executable, "-m", *measured, "pytest", "-p", "no:cacheprovider", "--ds", "tests.allauth.settings"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}

    done = subprocess.run([*command, path], cwd=ROOT, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
