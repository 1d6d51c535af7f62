"""Do tables that no model knows any more stand in the way of deleting a user?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import checks
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

from . import messages


def faults(databases: Iterable[str]) -> Iterator[checks.CheckMessage]:
    """The faults in these databases. Django asks a database only for ``check --database`` and ``migrate``."""
    for alias in databases:
        has_users = router.allow_migrate_model(alias, get_user_model())
        tables = _left_tables(connections[alias]) if has_users else []
        if tables:
            yield messages.TABLES_LEFT(alias=alias, tables=", ".join(tables), user=get_user_model()._meta.label)


def _left_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """The tables without a model that have a foreign key to a user's row."""
    known = {_table_of(model) for model in apps.get_models(include_auto_created=True)}
    user_model = get_user_model()
    users = {_table_of(model) for model in (user_model, *user_model._meta.get_parent_list())}
    inspect = connection.introspection
    with connection.cursor() as cursor:
        left = [table for table in inspect.table_names(cursor) if table.lower() not in known]
        return [
            table
            for table in left
            if any(_holds(each, users) for each in inspect.get_relations(cursor, table).values())
        ]


def _holds(relation: Sequence[Any], tables: set[str]) -> bool:
    """Whether a foreign key keeps a row of ``tables``. From version 6.1 on Django knows what its ``ON DELETE`` does."""
    _column, table, *on_delete = relation
    return table.lower() in tables and {*on_delete} <= {None, models.DO_NOTHING}


def _table_of(model: type[models.Model]) -> str:
    """The table's name without a schema, which projects write as ``'schema"."table'``, in lower case as MySQL may."""
    return model._meta.db_table.rpartition('"."')[2].strip('"').lower()
