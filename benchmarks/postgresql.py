"""PostgreSQL as it is in production, for the time of a run."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

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

    def die(self) -> None:
        """Kill all of its processes at once, as a power cut does."""
        server = Path(f"{self.data}/postmaster.pid").read_text().split()[0]
        backends = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        for process in (server, *backends):
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)


class DurableStandby(DurablePostgreSQL, Standby):
    """The same for a standby."""
