"""A failover, for real: a PostgreSQL standby that lacks the last second is promoted, and the app goes on with it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.database.processes import app_on, migrated_postgres, query
from tests.databases import PostgreSQL, Standby, find
from tests.factories import sign_up_data
from tests.missing import is_missing
from tests.rotation.people import Person

pytestmark = [pytest.mark.slow, pytest.mark.database]

PATIENCE = 60  # seconds
TABLE = "fastauth_django_authsession"


def catch_up(standby: Standby, primary: PostgreSQL) -> None:
    [[position]] = query(primary, "SELECT pg_current_wal_lsn()")
    wait_until(lambda: query(standby, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position) == [(True,)])


def cut_off(standby: Standby) -> None:
    """Have it receive nothing any more, as when the network between the two is gone."""
    query(standby, "ALTER SYSTEM SET primary_conninfo = ''")
    query(standby, "SELECT pg_reload_conf()")
    wait_until(lambda: query(standby, "SELECT 1 FROM pg_stat_wal_receiver") == [])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)


@pytest.fixture
def primary() -> Iterator[PostgreSQL]:
    if not all(map(find, Standby.programs)):
        is_missing("pg_basebackup")
    with migrated_postgres() as server:
        yield server


@pytest.fixture
def standby(primary) -> Iterator[Standby]:
    with Standby(primary.port).serving() as server:
        yield server


def test_failover_to_a_standby_that_lacks_the_last_second(primary, standby):
    names = ["one", "two", "three", "copied", "late", "ended", "ended after"]
    with app_on(primary) as port:
        people = {name: Person(port) for name in names}
        for number, name in enumerate(names):
            if name != "late":
                assert people[name].request("POST", "/auth/register", sign_up_data(f"person{number}")) == 201
        assert people["ended"].clone().request("POST", "/auth/logout") == 200
        catch_up(standby, primary)
        cut_off(standby)

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
