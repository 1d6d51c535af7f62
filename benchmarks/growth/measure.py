"""The measurements. Requests go through Django's test client: the whole project, and no network but to the database."""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from importlib.metadata import version
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection as django_connection
from django.db import transaction
from django.test import Client
from django.utils import timezone

from benchmarks.growth.rows import SESSIONS, USERS, Rows
from benchmarks.pages import ROOT
from benchmarks.postgresql import DurablePostgreSQL
from benchmarks.scale.load import PROJECTS, in_milliseconds
from benchmarks.scale.people import PASSWORD, address
from fastauth_django.models import AuthSession
from fastauth_django.tokens import TokenPair
from tests.databases import found

ROUTES = PROJECTS["fastauth_django"]
PGBENCH_CLIENTS = 4
LOOKUP = f"""SELECT s.*, u.* FROM {SESSIONS} s INNER JOIN {USERS} u ON s.user_id = u.id WHERE s.id = session_id(:n);
"""  # noqa: S608
# As a refresh writes them, and the first request that shows that its answer arrived.
REFRESH = """UPDATE {table} SET generation = generation + 1, predecessor = generation, successor = generation + 1,
    seen = false, rotated_at = now(), expires_at = now() + interval '30 days'
    WHERE id = session_id({n}) AND revoked_at IS NULL;
"""
CONFIRM = """UPDATE {table} SET seen = true WHERE id IN (
    SELECT id FROM {table} WHERE id = session_id({n}) AND seen = false FOR UPDATE SKIP LOCKED);
"""


class Device:
    """Somebody with the cookies of a session that was not signed in over HTTP, but loaded."""

    #: One for all, since each of them would set up Django's middleware for itself.
    client = Client(headers={"Origin": "https://testserver", "Sec-Fetch-Site": "same-origin"})

    def __init__(self, session: AuthSession | None = None) -> None:
        self.jar = SimpleCookie()
        if session is not None:
            pair = TokenPair.for_session(session, timezone.now())
            self.jar.load({"access_token": pair.access, "refresh_token": pair.refresh})

    def get(self) -> None:
        self._ask("get", ROUTES.me)

    def refresh(self) -> None:
        self._ask("post", ROUTES.refresh)

    def sign_in(self, number: int) -> None:
        self._ask("post", ROUTES.sign_in, {"email": address(number), "password": PASSWORD})

    def _ask(self, method: str, path: str, data: Any = None) -> None:
        self.client.cookies = self.jar
        response = getattr(self.client, method)(path, data, content_type="application/json", secure=True)
        if response.status_code != 200:
            raise RuntimeError(f"{path}: {response.status_code} {response.content[:500]!r}")


def seconds_of(act: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


class Measurement:
    def __init__(self, postgresql: DurablePostgreSQL, connection: Any, options: argparse.Namespace) -> None:
        self.postgresql, self.connection, self.options = postgresql, connection, options
        self.rows = Rows(connection, max([*options.sessions, 2 * options.dead]))
        self.random = random.Random(1)  # noqa: S311

    def versions(self) -> str:
        packages = ("fastauth-django", "Django", "djangorestframework", "psycopg")
        return ", ".join([*(f"{name} {version(name)}" for name in packages), self.postgresql.version()])

    def devices(self, number: int) -> list[Device]:
        numbers = self.random.sample(range(self.rows.number), min(number, self.rows.number))
        return [Device(session) for session in self._sessions(self.rows.ids(numbers))]

    def _sessions(self, ids: list[UUID]) -> list[AuthSession]:
        found = AuthSession.objects.select_related("user").in_bulk(ids)
        return [found[pk] for pk in ids]

    # --- At one size ------------------------------------------------------------------------------------------------

    def at_size(self, number: int) -> dict[str, Any]:
        """What requests cost with ``number`` sessions, all of them live."""
        self.rows.grow(number)
        sizes = self.rows.sizes()
        for device in self.devices(100):  # Whatever happens once, happens here.
            device.get()
            device.refresh()
        devices = self.devices(self.options.samples)
        gets = [seconds_of(device.get) for device in devices]
        self.connection.execute("CHECKPOINT")
        first, wal_of_first = self._with_wal(lambda: [seconds_of(device.refresh) for device in devices])
        confirming, wal_of_confirming = self._with_wal(lambda: [seconds_of(device.get) for device in devices])
        again, wal_of_again = self._with_wal(lambda: [seconds_of(device.refresh) for device in devices])
        self.connection.execute("ALTER SYSTEM SET wal_compression = on")
        self.connection.execute("SELECT pg_reload_conf()")
        self.connection.execute("CHECKPOINT")
        others = self.devices(self.options.samples)
        _, wal_compressed = self._with_wal(lambda: [device.refresh() for device in others])
        self.connection.execute("ALTER SYSTEM RESET wal_compression")
        self.connection.execute("SELECT pg_reload_conf()")
        refresh, confirm = (statement.format(table=SESSIONS, n=":n") for statement in (REFRESH, CONFIRM))
        signing_in = min(300, number // 2)
        _, wal_of_sign_in = self._with_wal(lambda: [Device().sign_in(n) for n in range(signing_in)])
        return {
            "sessions": number,
            "sizes": sizes,
            "users": self.connection.execute("SELECT pg_total_relation_size(%s::regclass)", [USERS]).fetchone()[0],
            "milliseconds": in_milliseconds(
                {"protected GET": gets, "refresh": [*first, *again], "first GET after a refresh": confirming}
            ),
            "wal": {
                "refresh, the first of a page since a checkpoint": wal_of_first / len(first),
                "refresh, a later one": wal_of_again / len(again),
                "the first GET after a refresh": wal_of_confirming / len(confirming),
                "the first, with wal_compression": wal_compressed / len(others),
                "sign-in": wal_of_sign_in / signing_in,
            },
            "plans": self.plans(),
            "per second": {
                "the query of a protected GET": self._per_second(LOOKUP),
                "the same, prepared": self._per_second(LOOKUP, "--protocol=prepared"),
                "both queries of a refresh": self._per_second(LOOKUP + refresh),
                "those, and the first GET after it": self._per_second(LOOKUP + refresh + LOOKUP + confirm),
            },
        }

    def _with_wal(self, act: Callable[[], list[Any]]) -> tuple[list[Any], int]:
        """What ``act`` returns, and the bytes of write-ahead log meanwhile."""
        [begin] = self.connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        result = act()
        [bytes_] = self.connection.execute("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", [begin]).fetchone()
        return result, int(bytes_)

    def plans(self) -> dict[str, str]:
        """The plans of the two queries, as the app sends them."""
        [device] = self.devices(1)
        found: dict[str, str] = {}

        def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            kind = sql.split()[0]
            if kind in {"SELECT", "UPDATE"} and not sql.startswith("EXPLAIN") and kind not in found:
                found[kind] = ""
                with transaction.atomic(), django_connection.cursor() as cursor:
                    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", params)
                    found[kind] = "\n".join(line for (line,) in cursor.fetchall())
                    transaction.set_rollback(True)
            return execute(sql, params, many, context)

        with django_connection.execute_wrapper(explain):
            device.refresh()
        return found

    def _per_second(self, script: str, *options: str) -> float:
        """How often PostgreSQL alone does it, on connections that are kept, each time for another session."""
        command = [found("pgbench"), "--no-vacuum", "--file=-"]
        seconds = max(1, round(self.options.seconds / 2))
        clients = [f"--client={PGBENCH_CLIENTS}", f"--time={seconds}", "--host=127.0.0.1"]
        server = [f"--port={self.postgresql.port}", f"--username={self.postgresql.user}", "growth"]
        done = subprocess.run(
            [*command, *options, *clients, *server],
            input=f"\\set n random(0, {self.rows.number - 1})\n{script}",
            capture_output=True,
            text=True,
        )
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        if rate is None:
            raise RuntimeError(done.stdout + done.stderr)
        return float(rate[1])

    # --- Updates in place -------------------------------------------------------------------------------------------

    def updates_in_place(self) -> list[dict[str, Any]]:
        """How many refreshes change their row in its page (HOT): in a table without room to spare and in one with some.

        Each round is as many refreshes as there are rows, in random order, each with the write that confirms it. Before
        the third somebody opens a transaction and leaves it open, so that nothing may be thrown away; after it they
        have gone.
        """
        number = min(100_000, max(self.options.sessions))
        return [self._with_fillfactor(fillfactor, number) for fillfactor in (100, 90)]

    def _with_fillfactor(self, fillfactor: int, number: int) -> dict[str, Any]:
        name = f"sessions_{fillfactor}"
        execute = self.connection.execute
        execute(f"CREATE TABLE {name} (LIKE {SESSIONS} INCLUDING ALL) WITH (fillfactor = {fillfactor})")
        execute(f"INSERT INTO {name} SELECT * FROM {SESSIONS} ORDER BY id LIMIT {number}")  # noqa: S608
        execute(f"VACUUM (ANALYZE) {name}")
        rounds = []
        for is_held_up in (False, False, True, False):
            before = self._updates(name)
            with self.postgresql.connect("growth") as somebody:
                if is_held_up:
                    somebody.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                    somebody.execute("SELECT 1")
                self._refresh_all(name, number)
            after = self._updates(name)
            execute(f"VACUUM {name}")  # As autovacuum does, after every fifth row has changed.
            [size] = execute(f"SELECT pg_total_relation_size('{name}')").fetchone()
            rounds.append({"in place": (after[0] - before[0]) / (after[1] - before[1]), "size": size})
        execute(f"DROP TABLE {name}")
        return {"fillfactor": fillfactor, "rows": number, "rounds": rounds}

    def _refresh_all(self, name: str, number: int) -> None:
        # Each in a transaction of its own. That it need not be on the disk changes nothing here but the time.
        self.connection.execute("SET synchronous_commit = off")
        self.connection.execute(f"""DO $$ DECLARE n int; BEGIN
            FOR n IN SELECT (random() * ({number} - 1))::int FROM generate_series(1, {number}) LOOP
                {REFRESH.format(table=name, n="n")}
                COMMIT;
                {CONFIRM.format(table=name, n="n")}
                COMMIT;
            END LOOP;
        END $$""")  # noqa: S608
        self.connection.execute("RESET synchronous_commit")

    def _updates(self, name: str) -> tuple[int, int]:
        self.connection.execute("SELECT pg_stat_force_next_flush()")
        self.connection.execute("SELECT pg_stat_clear_snapshot()")
        found = self.connection.execute(
            "SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relid = %s::regclass", [name]
        ).fetchone()
        return int(found[0]), int(found[1])

    # --- Partitions -------------------------------------------------------------------------------------------------

    def partitions(self) -> dict[str, Any]:
        """The two queries on a table that is split by ``id``, and the race of two refreshes on one split by expiry."""
        execute = self.connection.execute
        execute(f"CREATE TABLE by_id (LIKE {SESSIONS} INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id)")
        bounds = ["00000000-0000-0000-0000-000000000000"]
        bounds += [str(self.rows.ids([self.rows.number * part // 4])[0]) for part in (1, 2, 3)]
        bounds += ["ffffffff-ffff-ffff-ffff-ffffffffffff"]
        for part, (low, high) in enumerate(pairwise(bounds), 1):
            execute(f"CREATE TABLE by_id_{part} PARTITION OF by_id FOR VALUES FROM ('{low}') TO ('{high}')")
        execute(f"INSERT INTO by_id SELECT * FROM {SESSIONS} ORDER BY id LIMIT 10000")  # noqa: S608
        execute("ANALYZE by_id")
        [some_id] = self.rows.ids([min(5000, self.rows.number // 8)])
        plan = execute(
            f"EXPLAIN UPDATE by_id SET generation = 1, expires_at = now() WHERE id = '{some_id}' AND generation = 0"  # noqa: S608
        ).fetchall()
        execute("DROP TABLE by_id")
        return {"plan": "\n".join(line for (line,) in plan), "by expiry": self._race_on_partitions_by_expiry()}

    def _race_on_partitions_by_expiry(self) -> str:
        """What the second of two refreshes is told when the first has moved the row to another partition."""
        execute = self.connection.execute
        execute("CREATE TABLE by_expiry (id int, generation int, expires_at date) PARTITION BY RANGE (expires_at)")
        for month in (1, 2):
            bounds = f"FROM ('2026-0{month}-01') TO ('2026-0{month + 1}-01')"
            execute(f"CREATE TABLE by_expiry_{month} PARTITION OF by_expiry FOR VALUES {bounds}")
        execute("INSERT INTO by_expiry VALUES (1, 0, '2026-01-31')")
        refresh = "UPDATE by_expiry SET generation = 1, expires_at = '2026-02-01' WHERE id = 1 AND generation = 0"
        with self.postgresql.connect("growth") as first, self.postgresql.connect("growth") as second:
            first.execute("BEGIN")
            first.execute(refresh)
            [waiting] = second.execute("SELECT pg_backend_pid()").fetchone()
            said: list[str] = []

            def race() -> None:
                try:
                    said.append(f"{second.execute(refresh).rowcount} rows")
                except psycopg.Error as error:
                    said.append(f"{error.sqlstate}: {str(error).splitlines()[0]}")

            thread = threading.Thread(target=race)
            thread.start()
            blocked = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
            while thread.is_alive() and not execute(blocked, [waiting]).fetchone()[0]:
                time.sleep(0.01)
            first.execute("COMMIT")
            thread.join()
        execute("DROP TABLE by_expiry")
        return said[0]

    # --- Clearing ---------------------------------------------------------------------------------------------------

    def clearing(self) -> dict[str, Any]:
        """``clear_auth_sessions`` on as many expired sessions as live ones, in between them, while people refresh."""
        self.rows.clear()
        self.rows.grow(2 * self.options.dead, dead=True)
        numbers = self.random.sample(range(0, self.rows.number, 2), min(self.options.samples, self.options.dead))
        devices = [Device(session) for session in self._sessions(self.rows.ids(numbers))]
        taken: dict[str, list[float]] = {"before": [], "during": [], "after": []}

        def refresh_steadily(phase: str, goes_on: Callable[[], bool]) -> None:
            # From when it was due: a refresh that had to wait for the one before counts as late.
            due = time.perf_counter()
            while goes_on():
                time.sleep(max(0.0, due - time.perf_counter()))
                self.random.choice(devices).refresh()
                taken[phase].append(time.perf_counter() - due)
                due += 1 / self.options.rate

        def for_seconds() -> Callable[[], bool]:
            end = time.perf_counter() + self.options.seconds
            return lambda: time.perf_counter() < end

        refresh_steadily("before", for_seconds())
        begun = time.perf_counter()
        command = subprocess.Popen(
            [sys.executable, "-m", "django", "clear_auth_sessions"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        try:
            refresh_steadily("during", lambda: command.poll() is None)
        finally:
            command.kill()
        took = time.perf_counter() - begun
        said = command.communicate()[0].strip()
        refresh_steadily("after", for_seconds())
        [left] = self.connection.execute(f"SELECT count(*) FROM {SESSIONS}").fetchone()  # noqa: S608
        return {
            "dead": self.options.dead,
            "said": said,
            "left": left,
            "seconds": round(took, 1),
            "rate": self.options.rate,
            "refreshes": in_milliseconds(taken),
        }
