"""``python -m benchmarks.growth``: a throwaway PostgreSQL, millions of sessions, and what they cost.

    python -m benchmarks.growth --sessions 10000 1000000 5000000 --dead 1000000
    python -m benchmarks.growth --write          and keep the report in docs/scaling.md

Takes some minutes and some gigabytes of the temporary directory, and leaves nothing behind. Needs PostgreSQL, and the
Python packages of ``./scripts/scale``: run it with the Python of its virtual environment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import pages
from benchmarks.growth.report import as_markdown
from benchmarks.pages import ROOT
from benchmarks.postgresql import DurablePostgreSQL
from benchmarks.scale.servers import environment


def configure(database: str) -> None:
    """Set Django up with the example project on ``database``."""
    sys.path.insert(0, str(ROOT / "example_project"))
    os.environ |= environment("benchmarks.scale.settings", "testserver", database)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, nargs="+", default=[10_000, 1_000_000, 5_000_000])
    parser.add_argument("--dead", type=int, default=1_000_000, help="for clear_auth_sessions, among as many live ones")
    parser.add_argument("--samples", type=int, default=1000, help="sessions that are used, at each size")
    parser.add_argument("--seconds", type=float, default=10, help="of refreshes before and after clear_auth_sessions")
    parser.add_argument("--rate", type=float, default=10, help="refreshes per second meanwhile")
    parser.add_argument("--json", type=Path, help="keep everything that was seen in this file")
    parser.add_argument("--write", action="store_true", help="keep the report in docs/scaling.md")
    options = parser.parse_args()
    if reason := DurablePostgreSQL.missing():
        print(f"{reason} is missing. On Debian and Ubuntu: apt-get install postgresql", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as stack:
        postgresql = stack.enter_context(DurablePostgreSQL().serving())
        configure(postgresql.make_database("growth"))

        # These import the app's models, which needs Django set up.
        from benchmarks.growth.measure import Measurement

        measurement = Measurement(postgresql, stack.enter_context(postgresql.connect("growth")), options)
        result = {
            "sizes": [measurement.at_size(size) for size in sorted(options.sessions)],
            "hot": measurement.updates_in_place(),
            "partitions": measurement.partitions(),
            "clearing": measurement.clearing(),
            "date": f"{datetime.now(UTC):%d %B %Y}",
            "versions": f"Python {platform.python_version()}, {measurement.versions()}",
        }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    text = as_markdown(result)
    print(text)
    if options.write:
        pages.publish("scaling.md", "python -m benchmarks.growth", text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
