"""Lost races that a database reports as errors, and their repetition."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connections

T = TypeVar("T")

# SQLSTATE of PostgreSQL: serialization_failure (REPEATABLE READ) and deadlock_detected.
POSTGRESQL_STATES = {"40001", "40P01"}
# MariaDB and MySQL: ER_CHECKREAD (snapshot isolation), ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK.
MYSQL_CODES = {1020, 1205, 1213}
ATTEMPTS = 100


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
    for _attempt in range(ATTEMPTS):
        try:
            return operation()
        except OperationalError as error:
            if connections[using].in_atomic_block or not is_lost_race(error):
                raise
    return operation()
