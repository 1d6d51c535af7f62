"""A phone app, signed in by example_project/clients/session.ts, and run by node."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.browser import npm
from tests.browser.example_server import ENVIRONMENT

pytestmark = pytest.mark.slow

PHONE = Path(__file__).with_name("phone")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The module as JavaScript. Its types have been checked."""
    directory = tmp_path_factory.mktemp("compiled")
    with npm.packages(PHONE):
        npm.run(PHONE, "node", "node_modules/typescript/bin/tsc", "--project", ".", "--outDir", str(directory))
    return (directory / "session.js").rename(directory / "session.mjs")


def test_a_phone_stays_signed_in(compiled, site):
    """What each of its tests says: tests/without_a_browser/phone/session.test.mjs."""
    where = {"MODULE": str(compiled), "ORIGIN": site.origin("localhost"), "SECRET_KEY": ENVIRONMENT["SECRET_KEY"]}
    command = ["node", "--test", "--test-reporter=spec", "session.test.mjs"]
    ran = subprocess.run(command, cwd=PHONE, env={**os.environ, **where}, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout
    assert int(re.search(r"pass (\d+)", ran.stdout)[1]) > 20  # or a run of nothing would pass
