"""Queries for sessions. :meth:`AuthSessionManager.get_with_user` is on every request's way, and spelled out in SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from django.contrib.auth import get_user_model
from django.db import connections, models, router
from django.db.models.manager import BaseManager
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from .models import AuthSession


class AuthSessionQuerySet(models.QuerySet["AuthSession"]):
    def alive(self) -> AuthSessionQuerySet:
        """Sessions that neither were ended nor have run out."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())


class _Join(NamedTuple):
    """The session-and-user query for one connection: its text, and how to read its row."""

    sql: str
    session_names: list[str]
    user_names: list[str]
    converters: list[tuple[int, Any, list[Callable[..., Any]]]]


class AuthSessionManager(models.Manager["AuthSession"]):
    def __init__(self) -> None:
        super().__init__()
        self._joins: WeakKeyDictionary[BaseDatabaseWrapper, _Join] = WeakKeyDictionary()

    def get_queryset(self) -> AuthSessionQuerySet:
        return AuthSessionQuerySet(self.model, using=self._db)

    def alive(self) -> AuthSessionQuerySet:
        return self.get_queryset().alive()

    def for_write(self) -> AuthSessionQuerySet:
        """Sessions as the database that takes the writes has them: a replica may not know of a revocation yet."""
        return self.get_queryset().using(router.db_for_write(self.model))

    def get_with_user(self, pk: UUID) -> AuthSession | None:
        """The session and its user in one query, or None where either is not to be found.

        The ORM takes longer to build this query than the database to answer it, so its text is built once per
        connection. That is only done where the user model's default manager hides nobody and the model is one plain
        table; otherwise the ORM runs the query through that manager.
        """
        alias = router.db_for_write(self.model)
        user_model = get_user_model()
        if not _is_one_plain_table(user_model):
            visible = user_model._default_manager.using(alias).values("pk")
            return self.for_write().select_related("user").filter(pk=pk, user__in=visible).first()

        connection: Any = connections[alias]
        join = self._joins.get(connection)
        if join is None:
            join = self._joins[connection] = self._build_join(connection, user_model)
        pk_field: Any = self.model._meta.pk
        with connection.cursor() as cursor:
            cursor.execute(join.sql, [pk_field.get_db_prep_value(pk, connection)])
            row = cursor.fetchone()
        if row is None:
            return None
        values = list(row)
        for position, expression, converters in join.converters:
            for convert in converters:
                values[position] = convert(values[position], expression, connection)
        boundary = len(join.session_names)
        session = self.model.from_db(alias, join.session_names, values[:boundary])
        user = user_model.from_db(alias, join.user_names, values[boundary:])
        self.model._meta.get_field("user").set_cached_value(session, user)
        return session

    def _build_join(self, connection: BaseDatabaseWrapper, user_model: type[models.Model]) -> _Join:
        quote = connection.ops.quote_name
        session_table, user_table = self.model._meta.db_table, user_model._meta.db_table
        session_key: Any = self.model._meta.pk
        foreign_key: Any = self.model._meta.get_field("user")
        session_fields = self.model._meta.concrete_fields
        user_fields = user_model._meta.concrete_fields
        columns: list[Any] = [field.get_col(session_table) for field in session_fields]
        columns += [field.get_col(user_table) for field in user_fields]
        selected = ", ".join(f"{quote(column.alias)}.{quote(column.target.column)}" for column in columns)
        # Every part is a quoted name out of the models; the one value is a parameter.
        sql = (
            f"SELECT {selected} FROM {quote(session_table)} INNER JOIN {quote(user_table)}"  # noqa: S608
            f" ON {quote(session_table)}.{quote(foreign_key.column)}"
            f" = {quote(user_table)}.{quote(foreign_key.target_field.column)}"
            f" WHERE {quote(session_table)}.{quote(session_key.column)} = %s"
        )
        converters: list[tuple[int, Any, list[Callable[..., Any]]]] = []
        for position, column in enumerate(columns):
            chain = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
            if chain:
                converters.append((position, column, chain))
        return _Join(
            sql, [field.attname for field in session_fields], [field.attname for field in user_fields], converters
        )


def _is_one_plain_table(user_model: type[models.Model]) -> bool:
    """Whether reading the user's table directly gives what the model's default manager would give."""
    manager: Any = user_model._default_manager
    return (
        type(manager).get_queryset is BaseManager.get_queryset
        and manager._queryset_class is models.QuerySet
        and not user_model._meta.parents
        and all(type(field).select_format is models.Field.select_format for field in user_model._meta.concrete_fields)
    )
