"""A failover, for real: a PostgreSQL standby that lacks the last second is promoted, and the app goes on with it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.database.processes import app_on, migrated_postgres, query
from tests.databases import PostgreSQL, find, found
from tests.factories import sign_up_data
from tests.missing import is_missing
from tests.rotation.people import Person

pytestmark = [pytest.mark.slow, pytest.mark.database]

PATIENCE = 60  # seconds
TABLE = "fastauth_django_authsession"


class Standby(PostgreSQL):
    """A copy of ``primary`` that follows it, asynchronously, until it is cut off and promoted."""

    def __init__(self, primary: PostgreSQL) -> None:
        super().__init__()
        self.primary = primary

    def install_command(self) -> list[str]:
        source = ["--host=127.0.0.1", f"--port={self.primary.port}", f"--username={self.user}"]
        options = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
        return [found("pg_basebackup"), *source, "-D", self.data, *options]

    def catch_up(self) -> None:
        [[position]] = query(self.primary, "SELECT pg_current_wal_lsn()")
        wait_until(lambda: query(self, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position) == [(True,)])

    def cut_off(self) -> None:
        """Have it receive nothing any more, as when the network between the two is gone."""
        query(self, "ALTER SYSTEM SET primary_conninfo = ''")
        query(self, "SELECT pg_reload_conf()")
        wait_until(lambda: query(self, "SELECT 1 FROM pg_stat_wal_receiver") == [])

    def promote(self) -> None:
        subprocess.run(
            [found("pg_ctl"), "promote", "-D", self.data],
            check=True,
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            **self.identity,
        )
        wait_until(lambda: query(self, "SELECT pg_is_in_recovery()") == [(False,)])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)


@pytest.fixture
def primary() -> Iterator[PostgreSQL]:
    if not (find("pg_basebackup") and find("pg_ctl")):
        is_missing("pg_basebackup")
    with migrated_postgres() as server:
        yield server


@pytest.fixture
def standby(primary) -> Iterator[Standby]:
    server = Standby(primary)
    server.install()
    server.start()
    yield server
    server.stop()


def test_failover_to_a_standby_that_lacks_the_last_second(primary, standby):
    names = ["one", "two", "three", "copied", "late", "ended", "ended after"]
    with app_on(primary) as port:
        people = {name: Person(port) for name in names}
        for number, name in enumerate(names):
            if name != "late":
                assert people[name].request("POST", "/auth/register", sign_up_data(f"person{number}")) == 201
        assert people["ended"].clone().request("POST", "/auth/logout") == 200
        standby.catch_up()
        standby.cut_off()

        # The second that the standby lacks.
        for name, rotations in {"one": 1, "two": 2, "three": 3, "copied": 1, "ended after": 1}.items():
            assert [people[name].refresh() for _rotation in range(rotations)] == [200] * rotations
        copy = people["copied"].clone()
        assert people["copied"].refresh() == 200
        assert people["late"].request("POST", "/auth/register", sign_up_data("late")) == 201
    primary.stop()
    standby.promote()

    def row(person: Person) -> tuple[Any, ...]:
        columns = "generation, predecessor, revoked_reason"
        rows = query(standby, f"SELECT {columns} FROM {TABLE} WHERE id = %s", sessions[person], database="fastauth")  # noqa: S608
        return rows[0] if rows else ()

    sessions = {person: person.session_id for person in people.values()}
    assert [row(people[name]) for name in ("one", "two", "three", "copied")] == [(0, None, "")] * 4
    with app_on(standby) as port:
        for person in (*people.values(), copy):
            person.port = port

        # Access tokens of the lost generations are good: the session is.
        assert all(people[name].is_let_in() for name in ("one", "two", "three", "copied"))

        assert people["one"].refresh() == 200
        assert row(people["one"]) == (1001, 1, "")
        assert people["one"].is_let_in()
        assert people["one"].refresh() == 200
        assert people["two"].refresh() == 200
        assert row(people["two"]) == (1002, 2, "")

        assert people["three"].refresh() == 401
        assert row(people["three"])[2] == "behind"
        assert not people["three"].jar

        assert people["copied"].refresh() == 200
        assert row(people["copied"]) == (1002, 2, "")
        assert copy.refresh() == 401
        assert row(people["copied"])[2] == "reuse"
        assert people["copied"].refresh() == 401

        # Ended stays ended, before the failover and after it, also for a token that is ahead.
        assert people["ended"].refresh() == 401
        assert row(people["ended"])[2] == "signed_out"
        assert people["ended after"].clone().request("POST", "/auth/logout") == 200
        assert people["ended after"].refresh() == 401
        assert row(people["ended after"])[2] == "signed_out"

        # Whoever signed up in that second has to do it again, and can.
        assert not people["late"].is_let_in()
        assert people["late"].refresh() == 401
        assert people["late"].request("POST", "/auth/register", sign_up_data("late")) == 201
