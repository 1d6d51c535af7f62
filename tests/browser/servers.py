"""Servers for the tests: each configuration in its own process, with a database in a file that outlives a restart."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

ROOT = Path(__file__).parents[2]
SITE = {"DJANGO_SETTINGS_MODULE": "tests.browser.site.settings", "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    status: int
    cookies: list[str]
    origin: str | None
    fetch_site: str | None
    fetch_mode: str | None
    skipped: str | None
    forwarded: list[str]


class Server:
    """A project that runs. ``server.origin("app.example.test")`` is its origin under that name."""

    module = "tests.browser.serve"

    def __init__(
        self, directory: Path, environment: dict[str, str], database: Path, certificate: Path | None, port: int = 0
    ) -> None:
        self.scheme = "https" if certificate else "http"
        self.database = database
        self.log = directory / f"{uuid4()}.log"
        self.log.touch()
        errors = self.log.with_suffix(".err")
        command = [sys.executable, "-m", self.module, str(self.log), "--port", str(port)]
        if certificate:
            command += ["--certificate", str(certificate)]
        with errors.open("w") as stderr:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        started = self.process.stdout.readline()
        if not started:
            self.stop()
            raise RuntimeError(errors.read_text())
        self.port = int(started)

    def origin(self, host: str) -> str:
        return f"{self.scheme}://{host}:{self.port}"

    def hold(self, path: str, parties: int) -> None:
        """Make the next ``parties`` requests for ``path`` wait for each other."""
        self.process.stdin.write(f"{path} {parties}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "held\n"

    def seen(self, path: str, method: str | None = None) -> list[Seen]:
        """The requests for ``path`` so far."""
        entries = [Seen(**json.loads(line)) for line in self.log.read_text().splitlines()]
        return [entry for entry in entries if entry.path == path and method in {None, entry.method}]

    def forget_seen(self) -> None:
        self.log.write_text("")

    def session(self, session_id: str) -> dict[str, Any]:
        """The row of a session."""
        connection = sqlite3.connect(self.database)
        connection.row_factory = sqlite3.Row
        try:
            query = "SELECT * FROM fastauth_django_authsession WHERE id = ?"
            return dict(connection.execute(query, [UUID(session_id).hex]).fetchone())
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()


class Servers:
    """Starts servers, and stops what it started. Databases are copies of one that was migrated once."""

    def __init__(self, directory: Path, certificate: Path, template: Path) -> None:
        self.directory, self.certificate, self.template = directory, certificate, template
        self.shared: dict[str, Server] = {}
        self.started: list[Server] = []

    def get(self, *, tls: bool = True, **settings: Any) -> Server:
        """A server with these settings, which other tests of the module may use too."""
        key = json.dumps([tls, settings], sort_keys=True)
        if key not in self.shared:
            self.shared[key] = self.start(tls=tls, **settings)
        return self.shared[key]

    def start(
        self,
        *,
        tls: bool = True,
        port: int = 0,
        after: Server | None = None,
        beside: Server | None = None,
        **settings: Any,
    ) -> Server:
        """A server of its own. ``after`` stops that one and takes over its database and port: a new deployment.

        ``beside`` lets that one run, and shares its database.
        """
        if beside is not None:
            database = beside.database
        elif after is None:
            database = self.directory / f"{uuid4()}.sqlite3"
            shutil.copy(self.template, database)
        else:
            database, port = after.database, after.port
            if after in self.started:
                self.stop(after)
        environment = {**SITE, "SITE_DATABASE": str(database), "SITE_SETTINGS": json.dumps(settings)}
        return self.run(environment, database, self.certificate if tls else None, port)

    def run(self, environment: dict[str, str], database: Path, certificate: Path | None, port: int = 0) -> Server:
        server = Server(self.directory, environment, database, certificate, port)
        self.started.append(server)
        return server

    def stop(self, server: Server) -> None:
        self.started.remove(server)
        server.stop()

    def close(self) -> None:
        for server in self.started:
            server.process.stdin.close()  # all at once
        for server in list(self.started):
            self.stop(server)


def migrate(environment: dict[str, str]) -> None:
    """Make the tables of a project."""
    command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity=0"]
    subprocess.run(command, env={**os.environ, **environment}, cwd=ROOT, check=True)


def make_template(path: Path) -> Path:
    """A migrated database for the user model of this run."""
    migrate({**SITE, "SITE_DATABASE": str(path)})
    return path


def free_port() -> int:
    """A port for a server whose origin other settings have to know before it starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
