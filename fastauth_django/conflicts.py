"""Lost races that a database reports as errors, and what to do about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from time import monotonic
from typing import Any, Protocol, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DatabaseError, OperationalError, connections, router, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from .exceptions import UserInactive

T = TypeVar("T")


class Rows(Protocol):
    """A queryset, or whatever updates rows as one does."""

    @property
    def db(self) -> str: ...
    def update(self, **changes: Any) -> int: ...


# SQLSTATE of PostgreSQL: serialization_failure (REPEATABLE READ) and deadlock_detected.
POSTGRESQL_STATES = {"40001", "40P01"}
# MariaDB and MySQL: ER_CHECKREAD (snapshot isolation), ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK.
MYSQL_CODES = {1020, 1205, 1213}
ATTEMPTS = 100
RETRY_AFTER = 60  # seconds
MOST_REMEMBERED = 10_000
PATIENCE = 10  # seconds. SQLite and MariaDB also report a wait that took too long; one such wait is enough.


def is_lost_race(error: OperationalError) -> bool:
    """Whether the database refused a statement only because another transaction was first.

    A database that is gone is no lost race: repeating would only keep the client waiting.
    """
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    code = error.args[0] if error.args else None
    return state in POSTGRESQL_STATES or code in MYSQL_CODES or code == "database is locked"


def until_not_lost(operation: Callable[[], T], using: str) -> T:
    """Run ``operation``, and again if it loses a race: up to 100 times, or 10 seconds.

    Inside a transaction it runs once: that transaction is lost, and its owner has to repeat it.
    """
    deadline = monotonic() + PATIENCE
    for _attempt in range(ATTEMPTS):
        try:
            return operation()
        except OperationalError as error:
            if connections[using].in_atomic_block or not is_lost_race(error) or monotonic() > deadline:
                raise
    return operation()


def update_if_unchanged(rows: Rows, **changes: Any) -> bool:
    """Update ``rows``, filtered by the values that were read, and return whether there was a row to update.

    A race that the database reports as an error is a lost race too. Inside a transaction that error is raised.
    """
    try:
        return bool(until_not_lost(lambda: rows.update(**changes), using=rows.db))
    except OperationalError as error:
        if connections[rows.db].in_atomic_block or not is_lost_race(error):
            raise
        return False


def update_in_passing(rows: Rows, **changes: Any) -> None:
    """Update ``rows`` during a request that does not depend on it. If this loses a race, a later request does it."""
    # In a caller's transaction this is a savepoint, so that a lost race does not break what the caller does. Alone, a
    # statement needs no transaction: that would be two more round trips to the database.
    alone = connections[rows.db].get_autocommit()
    try:
        with nullcontext() if alone else transaction.atomic(using=rows.db):
            rows.update(**changes)
    except OperationalError as error:
        if not is_lost_race(error):
            raise


def update_unless_locked(rows: QuerySet[Any], **changes: Any) -> None:
    """Update ``rows`` if nobody holds a lock on them now. It waits for nobody, and a lost race is lost."""
    connection: Any = connections[rows.db]
    try:
        if connection.vendor == "sqlite":
            # The lock is the whole database's, and the driver would wait five seconds for it.
            with _without_waiting(connection.connection):
                rows.update(**changes)
        elif connection.vendor == "postgresql":
            # One statement, as above. Django's select_for_update would need a transaction around it.
            sql, parameters = rows.values("pk").query.get_compiler(rows.db).as_sql()
            rows.filter(pk__in=RawSQL(f"{sql} FOR UPDATE SKIP LOCKED", parameters)).update(**changes)  # noqa: S611
        elif connection.features.has_select_for_update_skip_locked:
            # In the subquery of an UPDATE MariaDB skips nothing: it waits 50 seconds.
            with transaction.atomic(using=rows.db):
                unlocked = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
                rows.filter(pk__in=unlocked).update(**changes)
        else:
            rows.update(**changes)
    except OperationalError as error:
        if not is_lost_race(error):
            raise


@contextmanager
def _without_waiting(sqlite: Any) -> Iterator[None]:
    [patience] = sqlite.execute("PRAGMA busy_timeout").fetchone()
    sqlite.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        sqlite.execute(f"PRAGMA busy_timeout = {patience:d}")


_tried: dict[tuple[Any, ...], float] = {}


def is_due(*what: object) -> bool:
    """Whether this process did not try ``what`` within the last minute. Then it counts as tried."""
    now = monotonic()
    if now - _tried.get(what, -RETRY_AFTER) < RETRY_AFTER:
        return False
    if len(_tried) >= MOST_REMEMBERED:
        _tried.clear()
    _tried[what] = now
    return True


@contextmanager
def unless_deleted(user: AbstractBaseUser) -> Iterator[None]:
    """Raise :class:`UserInactive` if somebody deletes ``user`` while a session of theirs is written.

    Inside a transaction the database's error is raised instead, because the database answers no more queries there.
    """
    try:
        yield
    except DatabaseError as error:
        alias = router.db_for_write(user.__class__)
        if isinstance(error, OperationalError) or connections[alias].in_atomic_block:
            raise
        if user.__class__._base_manager.using(alias).filter(pk=user.pk).exists():
            raise
        raise UserInactive from error
