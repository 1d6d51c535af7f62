"""Reading what decides where it was written, whatever the project's database routers say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models, router

_from_primary: ContextVar[bool] = ContextVar("fastauth_django_from_primary", default=False)


class PrimaryRouter:
    """A router that says nothing, except inside of :func:`read_from_primary`."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        if not _from_primary.get():
            return None
        primary = router.db_for_write(model, **hints)
        # A table that the project only reads, in a database of others, is not there.
        return primary if router.allow_migrate_model(primary, model) else None


@contextmanager
def read_from_primary() -> Iterator[None]:
    """Have every query of the block go to the database that takes the writes of its model.

    A replica that lags does not know the account that was created, or the password that was set, a moment ago. Django's
    managers and authentication backends take no alias, so a router in front of the project's own answers for them.
    """
    routers: list[Any] = router.routers
    if routers and not any(isinstance(each, PrimaryRouter) for each in routers):
        routers.insert(0, PrimaryRouter())
    token = _from_primary.set(True)
    try:
        yield
    finally:
        _from_primary.reset(token)
