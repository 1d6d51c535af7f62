"""What an attack must never bring about: a row, or a log record that shows a secret."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.contrib.auth import get_user_model

from fastauth_django.models import AuthSession

#: What is shorter may stand in a log for another reason.
SHORTEST_SECRET = 12


class Ear(logging.Handler):
    """Hears every record of every logger, and keeps what any handler could have written of it."""

    def __init__(self) -> None:
        super().__init__(level=logging.NOTSET)
        self.records: list[logging.LogRecord] = []
        self.heard: list[str] = []
        self._format = logging.Formatter("%(name)s %(levelname)s %(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        extra = {name: value for name, value in vars(record).items() if name not in {"exc_text", "exc_info"}}
        self.heard += [self._format.format(record), repr(extra)]

    def mentions(self, secrets: Iterable[str]) -> list[str]:
        return [line for line in self.heard for secret in secrets if len(secret) >= SHORTEST_SECRET and secret in line]


@contextmanager
def listening_to_all_loggers() -> Iterator[Ear]:
    """Every logger speaks, however it is configured."""
    ear, root = Ear(), logging.getLogger()
    named = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    levels = {logger: logger.level for logger in (root, *named)}
    root.addHandler(ear)
    for logger in levels:
        logger.setLevel(1 if logger is root else logging.NOTSET)
    try:
        yield ear
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        root.removeHandler(ear)


def rows() -> tuple[int, int]:
    """How many sessions and users there are."""
    return AuthSession.objects.count(), get_user_model()._default_manager.count()


@contextmanager
def nothing_comes_of_it(secrets: Iterable[str]) -> Iterator[None]:
    """Fails when the block leaves a row behind, or a log record that shows one of ``secrets``."""
    before = rows()
    with listening_to_all_loggers() as ear:
        yield
    assert rows() == before
    assert ear.mentions(secrets) == []
