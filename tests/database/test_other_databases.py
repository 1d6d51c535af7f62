"""The races of this package again, on the databases and isolation levels that the run itself does not use.

Each run is a pytest of its own, because Django's settings name one default database. To debug one, start it by hand:
``FASTAUTH_TEST_DATABASE=postgres FASTAUTH_TEST_ISOLATION="repeatable read" python -m pytest tests/database``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import CONNECTION_VARIABLE, KINDS
from tests.missing import cannot_run

pytestmark = [pytest.mark.slow, pytest.mark.database]

RUN = (os.environ.get("FASTAUTH_TEST_DATABASE", "sqlite"), os.environ.get("FASTAUTH_TEST_ISOLATION", ""))
#: A run on SQLite looks after all of these; one on a server, after the other isolation levels of that server.
OTHERS = [
    other
    for other in [(kind, isolation) for kind in KINDS for isolation in ("read committed", "repeatable read")]
    if RUN[0] in {"sqlite", other[0]} and other != (RUN[0], RUN[1] or "read committed")
]


@pytest.mark.parametrize(("kind", "isolation"), OTHERS, ids=[", ".join(other) for other in OTHERS])
def test_races(kind, isolation):
    if lack := KINDS[kind].missing():
        cannot_run(lack)
    environment = {**os.environ, "FASTAUTH_TEST_DATABASE": kind, "FASTAUTH_TEST_ISOLATION": isolation}
    del environment[CONNECTION_VARIABLE]
    here = Path(__file__)

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(here.parent), f"--ignore={here}"],
        env=environment,
        cwd=here.parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )

    if run.returncode != 0:
        pytest.fail(run.stdout, pytrace=False)
