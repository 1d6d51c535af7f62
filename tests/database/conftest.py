from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import Client

from tests.database.crowd import Crowd


@pytest.fixture(autouse=True)
def _errors_are_answers(monkeypatch):
    """A 500 is an answer here, with its traceback in the log: Django's client would raise other threads' errors too."""
    monkeypatch.setattr(Client, "store_exc_info", lambda self, **kwargs: None)


@pytest.fixture
def crowd(transactional_db) -> Iterator[Crowd]:
    crowd = Crowd()
    yield crowd
    crowd.go_home()


@pytest.fixture(params=[False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def transactions(request, monkeypatch) -> None:
    """A project's requests may run statement by statement, or each in a transaction; the test runs under both."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)
