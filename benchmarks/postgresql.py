"""PostgreSQL as it is in production, for the time of a run."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.processes import children
from tests.databases import PostgreSQL, Standby


class DurablePostgreSQL(PostgreSQL):
    """A server that has a commit on the disk before it says so. ``stop`` is its fast shutdown."""

    stop_signal = "INT"

    def command(self) -> list[str]:
        # The last one of a name counts.
        return [*super().command(), "--fsync=on", "--full_page_writes=on", "--shared_buffers=512MB"]

    def connect(self, database: str = "postgres") -> Any:
        import psycopg

        return psycopg.connect(host="127.0.0.1", port=self.port, user=self.user, dbname=database, autocommit=True)

    def make_database(self, name: str) -> str:
        """Make an empty database; returns its URL."""
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgres://{self.user}@127.0.0.1:{self.port}/{name}"

    def version(self) -> str:
        with self.connect() as connection:
            [version] = connection.execute("SHOW server_version").fetchone()
        return f"PostgreSQL {version.split()[0]}"

    def sessions(self, database: str) -> dict[str, int]:
        """How many sessions are in the table, by why they were revoked; the others under ``unrevoked``."""
        with self.connect(database) as connection:
            rows = connection.execute(
                "SELECT revoked_reason, count(*) FROM fastauth_django_authsession GROUP BY revoked_reason"
            ).fetchall()
        return {reason or "unrevoked": count for reason, count in rows}

    def die(self) -> None:
        """Kill all of its processes at once, as a power cut does."""
        server = int(Path(f"{self.data}/postmaster.pid").read_text().split()[0])
        for process in (server, *children(server)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


class DurableStandby(DurablePostgreSQL, Standby):
    """The same for a standby."""
