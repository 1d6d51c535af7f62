"""Telling a lost race from a database that is gone, and repeating only the former."""

import re
from time import monotonic

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.db.models import QuerySet

from fastauth_django import conflicts
from fastauth_django.conflicts import (
    ATTEMPTS,
    MOST_REMEMBERED,
    PATIENCE,
    RETRY_AFTER,
    is_due,
    is_lost_race,
    unless_deleted,
    until_not_lost,
    update_unless_locked,
)
from fastauth_django.exceptions import UserInactive


class PsycopgError(Exception):
    def __init__(self, sqlstate):
        self.sqlstate = sqlstate


class Psycopg2Error(Exception):
    def __init__(self, pgcode):
        self.pgcode = pgcode


def error(*args, cause=None):
    error = OperationalError(*args)
    error.__cause__ = cause
    return error


LOST = {
    "PostgreSQL, serialization failure": error("could not serialize access", cause=PsycopgError("40001")),
    "PostgreSQL, deadlock": error("deadlock detected", cause=PsycopgError("40P01")),
    "PostgreSQL by psycopg2": error("could not serialize access", cause=Psycopg2Error("40001")),
    "MariaDB, snapshot isolation": error(1020, "Record has changed since last read"),
    "MariaDB, lock wait timeout": error(1205, "Lock wait timeout exceeded"),
    "MariaDB, deadlock": error(1213, "Deadlock found when trying to get lock"),
    "SQLite": error("database is locked"),
}
FATAL = {
    "PostgreSQL, shut down": error("terminating connection", cause=PsycopgError("57P01")),
    "PostgreSQL, no connection": error("could not connect", cause=PsycopgError(None)),
    "MariaDB, gone away": error(2006, "Server has gone away"),
    "SQLite, no such table": error("no such table: x"),
    "nothing known": error(),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_lost_race_is_recognised(lost):
    assert is_lost_race(lost)


@pytest.mark.parametrize("fatal", FATAL.values(), ids=FATAL)
def test_database_that_is_gone_is_no_lost_race(fatal):
    assert not is_lost_race(fatal)


class Operation:
    """Fails with each of ``errors`` in turn, then succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.runs = 0

    def __call__(self):
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.django_db(transaction=True)
class TestOutsideOfATransaction:
    def test_operation_that_succeeds_runs_once(self):
        operation = Operation()

        assert until_not_lost(operation, using="default") == "done"
        assert operation.runs == 1

    def test_operation_that_loses_is_repeated(self):
        operation = Operation(*LOST.values())

        assert until_not_lost(operation, using="default") == "done"
        assert operation.runs == len(LOST) + 1

    def test_operation_that_fails_otherwise_is_not(self):
        operation = Operation(FATAL["MariaDB, gone away"])

        with pytest.raises(OperationalError, match="gone away"):
            until_not_lost(operation, using="default")
        assert operation.runs == 1

    def test_operation_that_never_wins_ends(self):
        operation = Operation(*[error("database is locked") for _attempt in range(ATTEMPTS + 5)])

        with pytest.raises(OperationalError, match="locked"):
            until_not_lost(operation, using="default")
        assert operation.runs == ATTEMPTS + 1

    def test_wait_that_took_too_long_is_not_repeated(self, monkeypatch):
        """A database reports it as a lost race when a lock was not free in time, and the client is still waiting."""
        monkeypatch.setattr(conflicts, "monotonic", iter([0, PATIENCE + 1]).__next__)
        operation = Operation(LOST["MariaDB, lock wait timeout"])

        with pytest.raises(OperationalError, match="timeout"):
            until_not_lost(operation, using="default")
        assert operation.runs == 1

    def test_transaction_of_a_caller_is_the_callers_to_repeat(self):
        operation = Operation(LOST["SQLite"])

        with transaction.atomic(), pytest.raises(OperationalError, match="locked"):
            until_not_lost(operation, using=connection.alias)
        assert operation.runs == 1


# --- An account that is deleted meanwhile ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestUserWhoIsDeletedMeanwhile:
    def test_error_of_a_user_who_is_gone_is_a_refusal(self, account):
        user = get_user_model()._default_manager.get()
        account.user.delete()

        with pytest.raises(UserInactive), unless_deleted(user):
            raise IntegrityError("the foreign key refers to nobody")

    def test_error_of_a_user_who_is_there_is_an_error(self, account):
        with pytest.raises(IntegrityError, match="another"), unless_deleted(account.user):
            raise IntegrityError("another constraint")

    def test_database_that_is_gone_is_not_asked_for_the_user(self, account, django_assert_num_queries):
        with pytest.raises(OperationalError), django_assert_num_queries(0), unless_deleted(account.user):
            raise OperationalError("the server is gone")

    def test_transaction_that_is_broken_is_not_asked_for_the_user(self, account):
        with pytest.raises(DatabaseError, match="broken"), transaction.atomic(), unless_deleted(account.user):
            raise DatabaseError("broken")

    def test_no_error_is_no_refusal(self, account, django_assert_num_queries):
        with django_assert_num_queries(0), unless_deleted(account.user):
            pass


# --- An update that waits for nobody --------------------------------------------------------------------------------


class Rows:
    """What ``update_unless_locked`` does to a queryset, in order."""

    db = "default"

    def __init__(self, failure=None):
        self.done = []
        self.failure = failure

    def select_for_update(self, **options):
        self.done.append(("lock", options))
        return self

    def values_list(self, *names, flat):
        return [7]

    def filter(self, **conditions):
        self.done.append(("filter", conditions))
        return self

    def update(self, **changes):
        self.done.append(("update", changes))
        if self.failure:
            raise self.failure


def on(monkeypatch, vendor, skip_locked):
    """Connections to a database of another kind. What the lock does is shown with the real one."""

    class Features:
        has_select_for_update_skip_locked = skip_locked

    class Connection:
        features = Features

    Connection.vendor = vendor
    monkeypatch.setattr(conflicts, "connections", {"default": Connection})


@pytest.mark.django_db
class TestUpdateUnlessLocked:
    def test_postgresql_skips_a_locked_row_in_one_statement(self, monkeypatch):
        """With a transaction around it, it would be three round trips to the database."""
        rows = get_user_model()._base_manager.using("default").filter(is_active=True)
        on(monkeypatch, "postgresql", skip_locked=True)
        statements = []
        monkeypatch.setattr(QuerySet, "update", lambda rows, **changes: statements.append(str(rows.query)))

        update_unless_locked(rows, is_active=False)

        [statement] = statements
        assert re.search(r" IN \(SELECT .+ WHERE .+ FOR UPDATE SKIP LOCKED\)", statement)

    def test_rows_are_named_one_by_one_where_the_database_skips_none_in_a_subquery(self, monkeypatch):
        rows = Rows()
        on(monkeypatch, "mysql", skip_locked=True)

        update_unless_locked(rows, seen=True)

        assert rows.done == [
            ("lock", {"skip_locked": True}),
            ("filter", {"pk__in": [7]}),
            ("update", {"seen": True}),
        ]

    def test_row_is_updated_where_the_database_cannot_skip(self, monkeypatch):
        rows = Rows()
        on(monkeypatch, "mysql", skip_locked=False)

        update_unless_locked(rows, seen=True)

        assert rows.done == [("update", {"seen": True})]

    @pytest.mark.parametrize("skip_locked", [True, False])
    def test_race_that_is_lost_is_lost(self, monkeypatch, skip_locked):
        on(monkeypatch, "mysql", skip_locked)

        update_unless_locked(Rows(LOST["MariaDB, deadlock"]), seen=True)

    def test_database_that_is_gone_is_told(self, monkeypatch):
        on(monkeypatch, "mysql", skip_locked=False)

        with pytest.raises(OperationalError, match="gone away"):
            update_unless_locked(Rows(FATAL["MariaDB, gone away"]), seen=True)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite locks the whole database")
@pytest.mark.django_db(transaction=True)
def test_sqlite_that_is_locked_is_not_waited_for(account):
    """The driver would wait as long as its timeout says, which is 30 s in these tests."""
    other = connection.copy()
    begun = monotonic()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
        update_unless_locked(get_user_model()._base_manager.using("default"), is_active=False)
    finally:
        other.close()

    assert monotonic() - begun < 5
    assert get_user_model()._base_manager.get().is_active
    with connection.cursor() as cursor:
        [patience] = cursor.execute("PRAGMA busy_timeout").fetchone()
    assert patience == 30_000


# --- What is tried once a minute ------------------------------------------------------------------------------------


@pytest.fixture
def stopwatch(monkeypatch):
    """Seconds that this process has run, in a list of one."""
    monkeypatch.setattr(conflicts, "_tried", {})
    seconds = [1_000.0]
    monkeypatch.setattr(conflicts, "monotonic", lambda: seconds[0])
    return seconds


def test_what_was_tried_is_due_again_after_a_minute(stopwatch):
    assert [is_due("a", 1), is_due("a", 1), is_due("a", 2)] == [True, False, True]
    stopwatch[0] += RETRY_AFTER - 1
    assert not is_due("a", 1)
    stopwatch[0] += 1
    assert is_due("a", 1)


def test_what_is_tried_first_is_due_on_a_host_that_was_just_started(stopwatch):
    stopwatch[0] = 0.0

    assert is_due("a")


def test_memory_of_what_was_tried_is_bounded(stopwatch):
    for number in range(MOST_REMEMBERED):
        assert is_due(number)
    assert not is_due(0)

    assert is_due(MOST_REMEMBERED)
    assert len(conflicts._tried) == 1
