"""Lost races that a database reports as errors, and their repetition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

from django.db import DatabaseError, OperationalError, connections, router

from .exceptions import UserInactive

T = TypeVar("T")

# SQLSTATE of PostgreSQL: serialization_failure (REPEATABLE READ) and deadlock_detected.
POSTGRESQL_STATES = {"40001", "40P01"}
# MariaDB and MySQL: ER_CHECKREAD (snapshot isolation), ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK.
MYSQL_CODES = {1020, 1205, 1213}
ATTEMPTS = 100
PATIENCE = 10  # seconds; SQLite and MariaDB report a wait that took too long as a loss too, and one of those is enough


def is_lost_race(error: OperationalError) -> bool:
    """Whether the database refused a statement only because another transaction was first.

    A database that is gone is no lost race: repeating would only keep the client waiting.
    """
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    code = error.args[0] if error.args else None
    return state in POSTGRESQL_STATES or code in MYSQL_CODES or code == "database is locked"


def until_not_lost(operation: Callable[[], T], using: str) -> T:
    """Run ``operation`` again for as long as it loses races; each loss is somebody else's progress.

    Inside a transaction it runs once: that transaction is lost, and its owner's to repeat.
    """
    deadline = monotonic() + PATIENCE
    for _attempt in range(ATTEMPTS):
        try:
            return operation()
        except OperationalError as error:
            if connections[using].in_atomic_block or not is_lost_race(error) or monotonic() > deadline:
                raise
    return operation()


@contextmanager
def unless_deleted(user: Any) -> Iterator[None]:
    """Refuse a ``user`` whose account is deleted meanwhile: writing to it, or a session of it, is an error then.

    Inside a transaction the error stays what it is: no more can be asked of the database there.
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
