"""The races of this package again, on the databases and isolation levels that the run itself does not use.

Each run is a pytest of its own, because Django's settings name one default database. To debug one, start it by hand:
``FASTAUTH_TEST_DATABASE=postgres FASTAUTH_TEST_ISOLATION="repeatable read" python -m pytest tests/database``.

Through PgBouncer and Django's pool, and with prepared statements, go the races and people's ways through the app. The
tests of crashes pass there too, but each of them waits for the pool to give up.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import ALL, CONNECTION_VARIABLE, KINDS, POOLS, PREPARED, PgBouncer, PreparedPgBouncer
from tests.missing import cannot_run

pytestmark = [pytest.mark.slow, pytest.mark.database]

JOURNEYS = [Path(__file__).parents[1] / path for path in ("views/test_flow.py", "test_asgi.py")]
RUN = (os.environ.get("FASTAUTH_TEST_DATABASE", "sqlite"), os.environ.get("FASTAUTH_TEST_ISOLATION", ""))
#: A run on SQLite looks after all of these; one on a server, after the other isolation levels of that server.
OTHERS = [
    other
    for other in [(kind, isolation) for kind in KINDS for isolation in ("read committed", "repeatable read")]
    if RUN[0] in {"sqlite", other[0]} and other != (RUN[0], RUN[1] or "read committed")
]


if RUN[0] == "sqlite":
    OTHERS += [(other, "") for other in POOLS | PREPARED]


def _case(kind, isolation):
    # Each takes two minutes. Of pools PgBouncer alone runs each time, and with prepared statements PostgreSQL alone.
    marks = pytest.mark.nightly if kind in {"pool", "pool-prepared", "pgbouncer-prepared"} else ()
    return pytest.param(kind, isolation, id=", ".join(filter(None, (kind, isolation))), marks=marks)


@pytest.mark.parametrize(("kind", "isolation"), [_case(*other) for other in OTHERS])
def test_races(kind, isolation):
    if lack := ALL[kind].missing():
        cannot_run(lack)
    if ALL[kind] is PreparedPgBouncer and PgBouncer.version() < PreparedPgBouncer.since:
        pytest.skip("this PgBouncer does not know prepared statements")
    environment = {**os.environ, "FASTAUTH_TEST_DATABASE": kind, "FASTAUTH_TEST_ISOLATION": isolation}
    del environment[CONNECTION_VARIABLE]
    here = Path(__file__)

    options = ["-p", "no:cacheprovider", f"--ignore={here}"]
    if kind not in KINDS:
        # A pool keeps connections, and PostgreSQL drops no database that has one.
        options += ["--reuse-db", f"--ignore={here.with_name('test_crashes.py')}", *map(str, JOURNEYS)]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(here.parent)],
        env=environment,
        cwd=here.parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )

    if run.returncode != 0:
        pytest.fail(run.stdout, pytrace=False)
