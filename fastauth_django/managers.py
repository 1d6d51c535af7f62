"""Queries for sessions. Those on the way of a request, a sign-in, a refresh and a sign-out are spelled out in SQL.

The ORM takes longer to build one than the database to answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import connections, models, router, transaction
from django.db.models.manager import BaseManager
from django.db.models.signals import post_save, pre_save
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from .models import AuthSession


class AuthSessionQuerySet(models.QuerySet["AuthSession"]):
    def alive(self) -> AuthSessionQuerySet:
        """Sessions that neither were ended nor have run out."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())


class NoneOrSince(NamedTuple):
    """What :meth:`AuthSessionManager.compare_and_set` expects of a date that is NULL, or not before ``moment``."""

    moment: datetime


class _Join(NamedTuple):
    """The session-and-user query for one connection: its text, and how to read its row.

    The connection is not held, because a join is forgotten with it.
    """

    session_model: type[AuthSession]
    user_model: Any
    user_manager: Any  # the user model's default manager, which was seen to hide nobody
    sql: str
    session_names: list[str]
    user_names: list[str]
    converters: list[tuple[int, Any, list[Callable[..., Any]]]]

    def fetch(self, connection: BaseDatabaseWrapper, pk: UUID) -> Any:
        key: Any = self.session_model._meta.pk
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [key.get_db_prep_value(pk, connection)])
            return cursor.fetchone()

    def read(self, connection: BaseDatabaseWrapper, row: Sequence[Any]) -> AuthSession:
        values = list(row)
        for position, expression, converters in self.converters:
            for convert in converters:
                values[position] = convert(values[position], expression, connection)
        boundary = len(self.session_names)
        session = self.session_model.from_db(connection.alias, self.session_names, values[:boundary])
        user = self.user_model.from_db(connection.alias, self.user_names, values[boundary:])
        self.session_model._meta.get_field("user").set_cached_value(session, user)
        return session


class AuthSessionManager(models.Manager["AuthSession"]):
    def __init__(self) -> None:
        super().__init__()
        self._joins: WeakKeyDictionary[BaseDatabaseWrapper, _Join] = WeakKeyDictionary()
        self._inserts: WeakKeyDictionary[BaseDatabaseWrapper, str] = WeakKeyDictionary()

    def get_queryset(self) -> AuthSessionQuerySet:
        return AuthSessionQuerySet(self.model, using=self._db)

    def alive(self) -> AuthSessionQuerySet:
        return self.get_queryset().alive()

    def for_write(self) -> AuthSessionQuerySet:
        """Sessions as the database that takes the writes has them: a replica may not know of a revocation yet."""
        return self.get_queryset().using(router.db_for_write(self.model))

    def get_with_user(self, pk: UUID, *, hidden_too: bool = False) -> AuthSession | None:
        """The session and its user in one query, or None where either is not to be found.

        A user whom the user model's default manager hides is not, but for ``hidden_too=True``. Where that manager may
        hide anybody, or the model is more than one plain table, the ORM runs the query.
        """
        alias = router.db_for_write(self.model)
        connection: Any = connections[alias]
        user_model: Any = self.model._meta.get_field("user").related_model
        join = self._joins.get(connection)
        if join is None or join.user_manager is not user_model._default_manager:
            if not _is_one_plain_table(user_model):
                sessions = self.for_write().select_related("user").filter(pk=pk)
                if not hidden_too:
                    sessions = sessions.filter(user__in=user_model._default_manager.using(alias).values("pk"))
                return sessions.first()
            join = self._joins[connection] = self._build_join(connection, user_model)
        row = join.fetch(connection, pk)
        return None if row is None else join.read(connection, row)

    def insert(self, session: AuthSession) -> None:
        """What ``session.save(force_insert=True)`` does, to the database that takes the writes."""
        alias = router.db_for_write(self.model)
        connection: Any = connections[alias]
        sql = self._inserts.get(connection)
        if sql is None:
            sql = self._inserts[connection] = self._build_insert(connection)
        about: dict[str, Any] = {"instance": session, "raw": False, "using": alias, "update_fields": None}
        pre_save.send(self.model, **about)
        fields: Sequence[Any] = self.model._meta.concrete_fields
        parameters = [field.get_db_prep_save(getattr(session, field.attname), connection) for field in fields]
        with transaction.mark_for_rollback_on_error(using=alias), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
        session._state.db, session._state.adding = alias, False
        post_save.send(self.model, created=True, **about)

    def compare_and_set(self, ids: Collection[UUID], expected: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
        """Write ``changes`` into those of the sessions ``ids`` that are as ``expected``, in one statement.

        Both map names of fields to values; what is expected to be None is NULL, and a date may be expected to be
        :class:`NoneOrSince`. Returns how many sessions those are.
        """
        alias = router.db_for_write(self.model)
        connection: Any = connections[alias]
        get_field: Callable[[str], Any] = self.model._meta.get_field
        parameters: list[Any] = []

        def column_of(name: str) -> str:
            return str(connection.ops.quote_name(get_field(name).column))

        def parameter(name: str, value: Any) -> str:
            parameters.append(get_field(name).get_db_prep_save(value, connection))
            return "%s"

        assignments = [f"{column_of(name)} = {parameter(name, value)}" for name, value in changes.items()]

        def condition(name: str, value: Any) -> str:
            if value is None:
                return f"{column_of(name)} IS NULL"
            if isinstance(value, NoneOrSince):
                return f"({column_of(name)} IS NULL OR {column_of(name)} >= {parameter(name, value.moment)})"
            return f"{column_of(name)} = {parameter(name, value)}"

        conditions = [condition(name, value) for name, value in expected.items()]
        conditions.append(f"{column_of('id')} IN ({', '.join(parameter('id', each) for each in ids)})")
        table = connection.ops.quote_name(self.model._meta.db_table)
        # Every part is a quoted name out of the model; the values are parameters.
        sql = f"UPDATE {table} SET {', '.join(assignments)} WHERE {' AND '.join(conditions)}"  # noqa: S608
        with transaction.mark_for_rollback_on_error(using=alias), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            changed: int = cursor.rowcount
        return changed

    def _build_insert(self, connection: BaseDatabaseWrapper) -> str:
        quote = connection.ops.quote_name
        fields: Sequence[Any] = self.model._meta.concrete_fields
        names = [quote(field.column) for field in fields]
        # Every part is a quoted name out of the model; the values are parameters.
        return (
            f"INSERT INTO {quote(self.model._meta.db_table)} ({', '.join(names)})"  # noqa: S608
            f" VALUES ({', '.join(['%s'] * len(names))})"
        )

    def _build_join(self, connection: BaseDatabaseWrapper, user_model: type[models.Model]) -> _Join:
        quote = connection.ops.quote_name
        session_table, user_table = self.model._meta.db_table, user_model._meta.db_table
        session_key: Any = self.model._meta.pk
        foreign_key: Any = self.model._meta.get_field("user")
        session_fields: Sequence[Any] = self.model._meta.concrete_fields
        user_fields: Sequence[Any] = user_model._meta.concrete_fields
        columns: list[Any] = [field.get_col(session_table) for field in session_fields]
        columns += [field.get_col(user_table) for field in user_fields]
        # Short aliases, because SQLite's adapter looks for parameters letter by letter. Every part is a quoted name out
        # of the models; the one value is a parameter.
        selected = ", ".join(
            [f"s.{quote(field.column)}" for field in session_fields]
            + [f"u.{quote(field.column)}" for field in user_fields]
        )
        sql = (
            f"SELECT {selected} FROM {quote(session_table)} s INNER JOIN {quote(user_table)} u"  # noqa: S608
            f" ON s.{quote(foreign_key.column)} = u.{quote(foreign_key.target_field.column)}"
            f" WHERE s.{quote(session_key.column)} = %s"
        )
        converters: list[tuple[int, Any, list[Callable[..., Any]]]] = []
        for position, column in enumerate(columns):
            chain = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
            if chain:
                converters.append((position, column, chain))
        return _Join(
            self.model,
            user_model,
            user_model._default_manager,
            sql,
            [field.attname for field in session_fields],
            [field.attname for field in user_fields],
            converters,
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
