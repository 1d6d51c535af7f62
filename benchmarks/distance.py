"""``python -m benchmarks.distance``: which route makes how many round trips to a database that is far away.

    python -m benchmarks.distance --write        and keep the table in docs/scaling.md

The example project and a throwaway PostgreSQL, with a proxy between them that waits. Needs the Python packages of
``./scripts/scale``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import pages
from benchmarks.growth.__main__ import configure
from benchmarks.pages import table
from benchmarks.postgresql import DurablePostgreSQL

TIMES = 5  # how often each request is made


class Distance:
    """A proxy before a port of this machine. It holds back what it carries for half of ``round_trip``, in seconds.

    ``round_trips`` counts how often the far side answered: however much one side says at once, it is one journey.
    """

    def __init__(self, far_port: int, round_trip: float) -> None:
        self.far_port, self.one_way = far_port, round_trip / 2
        self.round_trips = 0
        self._is_cut = False
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connect, "127.0.0.1"), self._loop)
        self.port: int = starting.result().sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Lose all that is on its way, and carry nothing any more."""
        self._is_cut = True

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            return writer.close()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        asked = False

        def ask() -> None:
            nonlocal asked
            asked = True

        def answer() -> None:
            nonlocal asked
            self.round_trips += asked
            asked = False

        await asyncio.gather(self._carry(reader, far_writer, ask), self._carry(far_reader, writer, answer))

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, note: Callable[[], None]
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                note()
                self._loop.call_later(self.one_way, self._deliver, target, data)
        self._loop.call_later(self.one_way, target.close)

    def _deliver(self, target: asyncio.StreamWriter, data: bytes) -> None:
        if not (self._is_cut or target.is_closing()):
            target.write(data)


class Visitor:
    """Calls each route as a browser does, and notes how many round trips each request took, and how long."""

    def __init__(self, distance: Distance) -> None:
        self.distance = distance
        self.seen: dict[str, list[tuple[int, float]]] = {}

    def note(self, name: str, request: Callable[[], Any], status: int = 200) -> Any:
        before, begun = self.distance.round_trips, time.perf_counter()
        answer = request()
        taken = time.perf_counter() - begun
        assert answer.status_code == status, (name, answer.status_code, answer.content)
        self.seen.setdefault(name, []).append((self.distance.round_trips - before, taken))
        return answer

    def visit(self, number: int) -> None:
        from django.conf import settings
        from django.db import close_old_connections, connection
        from django.test import override_settings

        from tests.clients import Browser
        from tests.devices import Device

        class Tab(Browser):
            def post(self, path: str, data: Any = None, **extra: Any) -> Any:
                return super().post(path, data, format="json", HTTP_SEC_FETCH_SITE="same-origin", **extra)

            def delete(self, path: str, data: Any = None, **extra: Any) -> Any:
                return super().delete(path, data, HTTP_SEC_FETCH_SITE="same-origin", **extra)

        account = {"email": f"visitor-{number}@example.com", "password": "correct horse battery 9"}
        tab, phone, tablet = Tab(), Tab(), Tab()
        self.note("sign-up", lambda: tab.post("/auth/register", account), status=201)
        self.note("sign-in", lambda: phone.post("/auth/login", account))
        with override_settings(FASTAUTH={**settings.FASTAUTH, "MAX_SESSIONS_PER_USER": 10}):
            self.note("sign-in, with `MAX_SESSIONS_PER_USER`", lambda: tablet.post("/auth/login", account))
        self.note("`me`, or any protected request", lambda: tab.get("/auth/me"))
        close_old_connections()  # What begins every request under a server, and no request of a test client.
        self.note("`me`, with `CONN_HEALTH_CHECKS`", lambda: tab.get("/auth/me"))
        self.note("refresh", lambda: tab.post("/auth/refresh"))
        self.note("the first protected request after a refresh", lambda: tab.get("/auth/me"))
        listed = self.note("list of sessions", lambda: tab.get("/auth/sessions"))
        other = next(session["id"] for session in listed.json() if not session["current"])
        self.note("end one session", lambda: tab.delete(f"/auth/sessions/{other}"))
        self.note("end all others", lambda: tab.delete("/auth/sessions/all?keep_current=true"))
        change = {"current_password": account["password"], "new_password": "another horse battery 8"}
        self.note("change the password", lambda: tab.post("/auth/account/change-password", change))
        self.note("sign-out", lambda: tab.post("/auth/logout"))

        account["password"] = change["new_password"]
        with override_settings(FASTAUTH={**settings.FASTAUTH, "DEVICE_BINDING": "optional"}):
            device = Device()
            offer = tab.post("/auth/login", account)
            self.note("device: bind", lambda: device.bind(tab, offer))
            self.note("the first protected request of a bound session", lambda: tab.get("/auth/me"))
            self.note("device: ask for a challenge", lambda: device.ask(tab), status=403)
            self.note("device: renew", lambda: device.renew(tab))

        tab.post("/auth/login", account)
        connection.close()
        self.note("`me`, over a new connection", lambda: tab.get("/auth/me"))


def report(visitor: Visitor, options: argparse.Namespace, postgresql: str) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("fastauth-django", "Django", "psycopg"))
    rows = []
    for name, seen in visitor.seen.items():
        trips = sorted({trips for trips, _taken in seen})
        taken = median(taken for _trips, taken in seen)
        rows.append([name, " to ".join(map(str, trips)), f"{taken * 1000:.0f}"])
    return (
        f"Run on {datetime.now(UTC):%d %B %Y} with Python {platform.python_version()}, {versions}, {postgresql}; "
        f"{options.round_trip * 1000:.0f} ms between application and database.\n\n"
        + table(["request", "round trips", "median, in milliseconds"], rows)
        + "\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.distance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--round-trip", type=float, default=0.08, help="seconds (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="keep everything that was seen in this file")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/scaling.md")
    options = parser.parse_args()
    if reason := DurablePostgreSQL.missing():
        print(f"{reason} is missing. On Debian and Ubuntu: apt-get install postgresql", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as stack:
        postgresql = stack.enter_context(DurablePostgreSQL().serving())
        server = postgresql.version()
        near = postgresql.make_database("distance")
        configure(near)

        from django.db import connections

        connections.close_all()
        distance = Distance(postgresql.port, options.round_trip)
        connections["default"].settings_dict["PORT"] = distance.port
        stack.callback(connections.close_all)
        visitor = Visitor(distance)
        visitor.visit(0)  # Whatever happens once, happens here.
        visitor.seen.clear()
        for number in range(TIMES):
            visitor.visit(number + 1)
    if options.json:
        options.json.write_text(json.dumps(visitor.seen, indent=1))
    text = report(visitor, options, server)
    print(text)
    if options.write:
        pages.publish("scaling.md", "python -m benchmarks.distance", text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
