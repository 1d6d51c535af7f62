"""``python -m benchmarks`` measures and prints; ``--write`` keeps what came out in the documentation."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import OPERATIONS, pages, report
from benchmarks.contenders import CONTENDERS
from benchmarks.pages import ROOT
from benchmarks.postgresql import DurablePostgreSQL
from benchmarks.turns import measure
from tests import databases

DATABASE = "fastauth_benchmarks"


@contextmanager
def database(kind: str) -> Iterator[dict[str, Any]]:
    """An empty database for a run, as an entry of ``DATABASES``.

    Connections persist, as those of a project that counts milliseconds do. Raises :class:`tests.databases.Unavailable`.
    """
    if kind == "sqlite":
        # As Django's documentation recommends it for a site that writes.
        options = {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
        }
        with TemporaryDirectory(prefix="benchmarks-") as directory:
            yield {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": f"{directory}/db.sqlite3",
                "OPTIONS": options,
                "CONN_MAX_AGE": None,
            }
        return
    settings = {**DurablePostgreSQL.settings(), "CONN_MAX_AGE": None}

    import psycopg

    address = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"]}
    with psycopg.connect(**address, password=settings["PASSWORD"], dbname="postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        server.execute(f"CREATE DATABASE {DATABASE}")
        try:
            yield {**settings, "NAME": DATABASE}
        finally:
            server.execute(f"DROP DATABASE {DATABASE}")


def prepared(database: dict[str, Any]) -> dict[str, Any] | None:
    """The settings of ``database`` with prepared statements, as the page recommends them; None if it has no such."""
    if not database["ENGINE"].endswith("postgresql"):
        return None
    return {**database, "OPTIONS": {**database.get("OPTIONS", {}), **databases.Prepared.options}}


def run(kinds: list[str], operations: list[str], rounds: int, refreshes: int) -> report.Results:
    """Measure on each kind of database. One that this machine lacks is left out, and standard error says why."""
    measured = {}
    for kind in kinds:
        say(report.DATABASES[kind])
        try:
            with database(kind) as settings:
                measured[kind] = measure(
                    settings, operations, rounds=rounds, refreshes=refreshes, say=say, prepared=prepared(settings)
                )
        except databases.Unavailable as reason:
            print(f"{report.DATABASES[kind]} is left out: {reason}", file=sys.stderr)
    say("")
    distributions = ["Django", *dict.fromkeys(kind.distribution for kind in CONTENDERS.values()), "PyJWT", "psycopg"]
    return {
        "date": f"{datetime.now(UTC):%d %B %Y}",
        "machine": f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()})",
        "versions": {"Python": platform.python_version(), **{each: version(each) for each in distributions}},
        "rounds": rounds,
        "refreshes": refreshes,
        "operations": operations,
        "databases": measured,
    }


def say(text: str) -> None:
    """Tell whoever waits at a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def keep(results: report.Results, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (directory / "tables.md").write_text(report.as_markdown(results))
    (directory / "chart.svg").write_text(report.as_svg(results))


def publish(results: report.Results) -> None:
    """Show the run in the documentation."""
    (ROOT / "benchmarks/results.json").write_text(json.dumps(results, indent=1) + "\n")
    (ROOT / "docs/diagrams/performance.svg").write_text(report.as_svg(results))
    pages.publish("performance.md", "./scripts/bench", f"\n{report.as_markdown(results)}\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=__doc__)
    parser.add_argument("--database", choices=[*report.DATABASES, "both"], default="both")
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=OPERATIONS, metavar="OPERATION")
    parser.add_argument("--rounds", type=int, default=25, help="turns of each contender (default: %(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="two rounds and 20 refreshes: shows that all works, measures nothing"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench", help="where to write the files")
    parser.add_argument(
        "--write", action="store_true", help="keep the run in docs/performance.md and benchmarks/results.json"
    )
    options = parser.parse_args()
    rounds, refreshes = (2, 20) if options.quick else (options.rounds, 1000)
    kinds = list(report.DATABASES) if options.database == "both" else [options.database]
    results = run(kinds, options.operations, rounds, refreshes)
    if not results["databases"]:
        sys.exit("No database to measure on.")
    print(report.as_markdown(results))
    keep(results, options.output)
    if options.write:
        publish(results)


if __name__ == "__main__":
    main()
