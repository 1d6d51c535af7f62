"""``python -m benchmarks.growth.beyond_memory``: the same requests on tables that do not fit into memory.

The server reads and writes past the cache of the operating system (``debug_io_direct``), so whatever is not in
``shared_buffers`` comes from the disk. It starts twice on the same rows, with room for all of them and for few. Needs
PostgreSQL 16 or later: it takes the ``postgres`` of ``PATH`` first.
"""

from __future__ import annotations

import argparse
import platform
import random
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from benchmarks import pages
from benchmarks.growth.__main__ import configure
from benchmarks.pages import number, table
from benchmarks.postgresql import DurablePostgreSQL
from tests.databases import found

WARMING = 300  # requests for other sessions than those that are timed: they load what all need


class DirectPostgreSQL(DurablePostgreSQL):
    """A server with ``megabytes`` of memory for its tables, and no other cache."""

    megabytes = 2048

    def command(self) -> list[str]:
        return [*super().command(), "--debug_io_direct=data", f"--shared_buffers={self.megabytes}MB"]

    def restart(self, megabytes: int) -> None:
        self.stop(keep_files=True)
        self.megabytes = megabytes
        self.start()


def measure(postgresql: DirectPostgreSQL, sessions: int, samples: int, little: int) -> list[dict[str, Any]]:
    """What requests cost with memory for all of ``sessions``, and with ``little`` megabytes."""
    # These import the app's models, which needs Django set up.
    from django.db import connection as django_connection

    from benchmarks.growth.measure import Device, seconds_of
    from benchmarks.growth.rows import SESSIONS, USERS, Rows
    from benchmarks.scale.load import in_milliseconds
    from fastauth_django.models import AuthSession

    def pages_read() -> int:
        with django_connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute("SELECT blks_read FROM pg_stat_database WHERE datname = current_database()")
            return int(cursor.fetchone()[0])

    with postgresql.connect("growth") as connection:
        connection.execute("CREATE EXTENSION pg_prewarm")
        rows = Rows(connection, sessions)
        rows.grow(sessions)
        query = f"SELECT pg_total_relation_size('{SESSIONS}') + pg_total_relation_size('{USERS}')"
        [size] = connection.execute(query).fetchone()
        # Nobody acts twice: whose rows were read before are in memory.
        numbers = random.Random(1).sample(range(sessions), 2 * (WARMING + 2 * samples))  # noqa: S311
        as_loaded = AuthSession.objects.select_related("user").in_bulk(rows.ids(numbers))
    devices = iter([Device(session) for session in as_loaded.values()])
    measured = []
    for megabytes in (size // 2**20 + 512, little):
        django_connection.close()
        postgresql.restart(megabytes)
        if megabytes != little:
            with postgresql.connect("growth") as connection:
                connection.execute("SELECT pg_prewarm(oid::regclass) FROM pg_class WHERE relkind IN ('r', 'i')")
        for _request in range(WARMING):
            next(devices).get()
        taken, read = {}, {}
        for act, do in (("protected GET", Device.get), ("refresh", Device.refresh)):
            before = pages_read()
            taken[act] = [seconds_of(lambda do=do: do(next(devices))) for _request in range(samples)]
            read[act] = (pages_read() - before) / samples
        measured.append({"megabytes": megabytes, "size": size, "milliseconds": in_milliseconds(taken), "read": read})
    return measured


def as_markdown(measured: list[dict[str, Any]], circumstances: str) -> str:
    head = ["", *(f"{number(each['megabytes'])} MB of memory for {each['size'] / 1e6:,.0f} MB" for each in measured)]
    rows = []
    for act in ("protected GET", "refresh"):
        for name, point in (("median", "p50"), ("95 %", "p95"), ("99 %", "p99")):
            rows.append([f"{act}, {name}, in milliseconds", *(each["milliseconds"][act][point] for each in measured)])
        rows.append([f"{act}, pages of 8 KB read from the disk", *(f"{each['read'][act]:.1f}" for each in measured)])
    return f"{circumstances}\n\n{table(head, rows)}\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth.beyond_memory", description=__doc__)
    parser.add_argument("--sessions", type=int, default=5_000_000)
    parser.add_argument("--samples", type=int, default=1000, help="requests of each kind")
    parser.add_argument("--megabytes", type=int, default=256, help="of memory, where there is little")
    parser.add_argument("--write", action="store_true", help="keep the report in docs/scaling.md")
    options = parser.parse_args()
    if reason := DirectPostgreSQL.missing():
        sys.exit(f"{reason} is missing")
    said = subprocess.run([found("postgres"), "--version"], capture_output=True, text=True).stdout
    if not (server := re.search(r"(\d+)\.\d+", said)) or int(server[1]) < 16:
        sys.exit(f"debug_io_direct needs PostgreSQL 16 or later, and this is {said}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with DirectPostgreSQL().serving() as postgresql:
        configure(postgresql.make_database("growth"))
        measured = measure(postgresql, options.sessions, options.samples, options.megabytes)
    versions = f"Python {platform.python_version()}, PostgreSQL {server[0]}"
    run = f"Run on {datetime.now(UTC):%d %B %Y} with {number(options.sessions)} sessions, {versions}."
    text = as_markdown(measured, run)
    print(text)
    if options.write:
        pages.publish("scaling.md", "python -m benchmarks.growth.beyond_memory", text)


if __name__ == "__main__":
    main()
