"""Telling a lost race from a database that is gone, and repeating only the former."""

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from fastauth_django import conflicts
from fastauth_django.conflicts import ATTEMPTS, PATIENCE, is_lost_race, unless_deleted, until_not_lost
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
