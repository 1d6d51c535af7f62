"""One row for one sign-in of one client. Only :mod:`.sessions` and the modules of device binding write it."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connections, models, router, transaction
from django.db.models.manager import BaseManager
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from jwt.utils import base64url_encode

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: How far a generation jumps where the number after it may have been given out already.
NEVER_GIVEN_OUT = 1_000


class AuthSessionQuerySet(models.QuerySet["AuthSession"]):
    def live(self) -> AuthSessionQuerySet:
        """Sessions that are neither revoked nor expired."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())

    def unrevoked(self, **values: Any) -> AuthSessionQuerySet:
        """Use it, or :class:`UnrevokedSession`, for every UPDATE: nothing may revive a revoked session."""
        return self.filter(revoked_at=None, **values)


class AuthSessionManager(models.Manager["AuthSession"]):
    def __init__(self) -> None:
        super().__init__()
        self._joins: WeakKeyDictionary[BaseDatabaseWrapper, SessionJoin] = WeakKeyDictionary()

    def get_queryset(self) -> AuthSessionQuerySet:
        return AuthSessionQuerySet(self.model, using=self._db)

    def live(self) -> AuthSessionQuerySet:
        return self.get_queryset().live()

    def for_write(self) -> AuthSessionQuerySet:
        """Sessions in the database that takes the writes: a replica may not know of a revocation yet."""
        return self.get_queryset().using(router.db_for_write(self.model))

    def get_with_user(self, pk: UUID, *, hidden_too: bool = False) -> AuthSession | None:
        """Return the session and its user, read in one query, or None if either does not exist.

        A user whom the user model's default manager hides does not exist here, unless ``hidden_too=True``. The query
        is hand-written SQL, because every protected request runs it and the ORM takes seven times as long to build it.
        The ORM runs it where the default manager may hide somebody, or where the user is not one plain table. Where the
        manager annotates its users, it takes a second query.
        """
        alias = router.db_for_write(self.model)
        connection: Any = connections[alias]
        user_model: Any = self.model._meta.get_field("user").related_model
        join = self._joins.get(connection)
        if join is None or join.user_manager is not user_model._default_manager:
            if not _is_one_plain_table(user_model):
                sessions = self.for_write().filter(pk=pk)
                users = user_model._default_manager.using(alias)
                if manager_annotates(user_model) and not hidden_too:
                    session = sessions.first()
                    user = None if session is None else users.filter(pk=session.user_id).first()
                    if session is None or user is None:
                        return None
                    session.user = user
                    return session
                if not hidden_too:
                    sessions = sessions.filter(user__in=users.values("pk"))
                return sessions.select_related("user").first()
            join = self._joins[connection] = SessionJoin.build(connection, self.model, user_model)
        row = join.fetch(connection, pk)
        return None if row is None else join.read(connection, row)

    def get_many_with_users(self, pks: Collection[UUID]) -> dict[UUID, AuthSession]:
        """As :meth:`get_with_user` for several sessions, in two queries. Those that do not exist are left out."""
        users = self.model._meta.get_field("user").related_model._default_manager
        in_use = self.for_write().prefetch_related(
            models.Prefetch("user", users.using(router.db_for_write(self.model)))
        )
        # A user whom the manager hides leaves the session without one.
        return {session.pk: session for session in in_use.filter(pk__in=pks) if hasattr(session, "user")}


def time_ordered_uuid() -> UUID:
    """A UUID version 7 (RFC 9562, section 5.7): milliseconds first, then 74 random bits.

    Sessions that start in the same second still have an order, and new rows go to one end of the index.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


class AuthSession(models.Model):
    """A signed-in device, from sign-in to sign-out, however often it refreshes.

    It stores no token, because both tokens are computed from the row. ``expires_at`` has no index on purpose: every
    refresh moves it, and PostgreSQL updates a row in place only if no indexed column changes.
    """

    class RevokedReason(models.TextChoices):
        SIGNED_OUT = "signed_out", _("signed out")
        REPLACED = "replaced", _("another sign-in in the same browser")
        ENDED = "ended", _("ended by the user")
        ENDED_BY_STAFF = "ended_by_staff", _("ended by staff")
        PASSWORD_CHANGED = "password_changed", _("password changed")
        SESSION_LIMIT = "session_limit", _("too many sessions")
        REUSE = "reuse", _("a refresh token was used twice")
        BEHIND = "behind", _("the database was restored to an older state")
        NOT_BOUND = "not_bound", _("not bound to a device in time")

    id = models.UUIDField(primary_key=True, default=time_ordered_uuid, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="auth_sessions", verbose_name=_("user")
    )
    generation = models.PositiveIntegerField(
        _("generation"), default=0, help_text=_("How many times the refresh token was rotated.")
    )
    # The last rotation: generation `predecessor` was exchanged for `successor`, and `seen` says whether a token of the
    # successor came back, which shows that the answer arrived. If `successor` is not today's generation, a process of
    # version 0.1.0, which does not know these columns, has rotated the session since.
    predecessor = models.PositiveIntegerField(null=True, editable=False)
    successor = models.PositiveIntegerField(null=True, editable=False)
    seen = models.BooleanField(null=True, editable=False)
    auth_hash = models.CharField(max_length=128, editable=False)
    remember = models.BooleanField(_("remember"), default=False)
    created_at = models.DateTimeField(_("created at"))
    rotated_at = models.DateTimeField(_("last used at"))
    expires_at = models.DateTimeField(_("expires at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    revoked_reason = models.CharField(_("revoked reason"), max_length=32, blank=True, choices=RevokedReason.choices)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=512, blank=True)
    # None: nobody asked the browser for a key (JSON delivery, or binding was off). "": an answer asked the browser.
    # Else the device's public key as a JWK, spelled as RFC 7638 hashes it.
    device_key = models.CharField(max_length=160, null=True, editable=False)  # noqa: DJ001
    # None: its device was given no device cookie, because it was bound by a process that knew none.
    device_cookie = models.BooleanField(null=True, editable=False)
    device_bound_at = models.DateTimeField(
        _("bound to a device at"),
        null=True,
        blank=True,
        help_text=_("From then on only the device's key renews the session."),
    )

    objects = AuthSessionManager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return str(self.pk)

    def is_expired(self, now: datetime | None = None) -> bool:
        """Whether the session has expired at ``now`` (default: the current time)."""
        return self.expires_at <= (now or timezone.now())

    @property
    def predecessor_generation(self) -> int:
        """The generation that was presented for the present one. -1, which no token has, before the first rotation."""
        if self.successor == self.generation and self.predecessor is not None:
            return self.predecessor
        return self.generation - 1

    @property
    def first_answer(self) -> int:
        """The generation of the first answer that was given for the predecessor, or one that was never given out.

        Later answers, where that one was lost, have the generations from there to the present one.
        """
        distance = self.generation - self.predecessor_generation
        return self.generation - (distance % NEVER_GIVEN_OUT if distance >= NEVER_GIVEN_OUT else distance - 1)

    def is_answer(self, generation: int | None) -> bool:
        """Whether tokens of ``generation`` were given out for the predecessor, or for a sign-in."""
        return generation is not None and self.first_answer <= generation <= self.generation

    @property
    def is_seen(self) -> bool:
        """Whether the client is known to have got one of the answers for the predecessor."""
        return self.successor != self.generation or self.seen is not False

    @property
    def is_device_bound(self) -> bool:
        """Whether the device's key is final. Before that, the browser may not know yet that the session is bound."""
        return self.device_bound_at is not None

    @property
    def key_thumbprint(self) -> str | None:
        """The JWK thumbprint of the device's key (RFC 7638); None where there is no key."""
        if not self.device_key:
            return None
        return base64url_encode(hashlib.sha256(self.device_key.encode()).digest()).decode()


class SessionJoin(NamedTuple):
    """The session-and-user query for one connection: its text, and how to read its row.

    It does not hold the connection, so that the entry in the cache goes with it.
    """

    session_model: type[AuthSession]
    user_model: Any
    user_manager: Any  # the user model's default manager, which hides nobody
    sql: str
    session_names: list[str]
    user_names: list[str]
    converters: list[tuple[int, Any, list[Callable[..., Any]]]]

    @classmethod
    def build(
        cls, connection: BaseDatabaseWrapper, session_model: type[AuthSession], user_model: type[models.Model]
    ) -> SessionJoin:
        quote = connection.ops.quote_name
        session_table, user_table = session_model._meta.db_table, user_model._meta.db_table
        session_key: Any = session_model._meta.pk
        foreign_key: Any = session_model._meta.get_field("user")
        session_fields: Sequence[Any] = session_model._meta.concrete_fields
        user_fields: Sequence[Any] = user_model._meta.concrete_fields
        columns: list[Any] = [field.get_col(session_table) for field in session_fields]
        columns += [field.get_col(user_table) for field in user_fields]
        selected = ", ".join(
            [f"s.{quote(field.column)}" for field in session_fields]
            + [f"u.{quote(field.column)}" for field in user_fields]
        )
        # Every part is a quoted name from the models. The only value is a parameter, with a name, because SQLite's
        # adapter would look through the whole text for one without.
        sql = (
            f"SELECT {selected} FROM {quote(session_table)} s INNER JOIN {quote(user_table)} u"  # noqa: S608
            f" ON s.{quote(foreign_key.column)} = u.{quote(foreign_key.target_field.column)}"
            f" WHERE s.{quote(session_key.column)} = %(pk)s"
        )
        converters: list[tuple[int, Any, list[Callable[..., Any]]]] = []
        for position, column in enumerate(columns):
            chain = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
            if chain:
                converters.append((position, column, chain))
        return cls(
            session_model,
            user_model,
            user_model._default_manager,
            sql,
            [field.attname for field in session_fields],
            [field.attname for field in user_fields],
            converters,
        )

    def fetch(self, connection: BaseDatabaseWrapper, pk: UUID) -> Any:
        key: Any = self.session_model._meta.pk
        with connection.cursor() as cursor:
            cursor.execute(self.sql, {"pk": key.get_db_prep_value(pk, connection)})
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


class UnrevokedSession:
    """One session to be written, if it is not revoked: as :meth:`AuthSessionQuerySet.unrevoked`, in hand-written SQL.

    Every refresh and every sign-out runs it. The ORM takes several times as long to build the statement as SQLite to
    carry it out.
    """

    def __init__(self, pk: UUID, *, unbound_or_since: datetime | None = None, **unchanged: Any) -> None:
        """Name the session.

        :param unbound_or_since: a session that was bound to its device before that moment is not written.
        :param unchanged: values that the session must still have.
        """
        self.unbound_or_since = unbound_or_since
        self.unchanged = {"id": pk, "revoked_at": None, **unchanged}

    @property
    def db(self) -> str:
        return router.db_for_write(AuthSession)

    def update(self, **changes: Any) -> bool:
        """Write ``changes``, and return whether there was such a session."""
        connection: Any = connections[self.db]
        parameters: list[Any] = []

        def column(name: str) -> str:
            field: Any = AuthSession._meta.get_field(name)
            quoted: str = connection.ops.quote_name(field.column)
            return quoted

        def term(name: str, value: Any, operator: str = "=") -> str:
            field: Any = AuthSession._meta.get_field(name)
            parameters.append(field.get_db_prep_save(value, connection))
            return f"{column(name)} {operator} %s"

        changed = [term(name, value) for name, value in changes.items()]
        conditions = [
            f"{column(name)} IS NULL" if value is None else term(name, value) for name, value in self.unchanged.items()
        ]
        if self.unbound_or_since is not None:
            since = term("device_bound_at", self.unbound_or_since, ">=")
            conditions.append(f"({column('device_bound_at')} IS NULL OR {since})")
        table = connection.ops.quote_name(AuthSession._meta.db_table)
        # Every part is a quoted name of the model. All values are parameters.
        sql = f"UPDATE {table} SET {', '.join(changed)} WHERE {' AND '.join(conditions)}"  # noqa: S608
        with transaction.mark_for_rollback_on_error(using=self.db), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return bool(cursor.rowcount)


def manager_annotates(user_model: type[models.Model]) -> bool:
    """Whether users have more attributes when the model's default manager gives them."""
    query = user_model._default_manager.all().query
    return bool(query.annotations or query.extra)


def _is_one_plain_table(user_model: type[models.Model]) -> bool:
    """Whether reading the user's table directly gives what the model's default manager would give."""
    manager: Any = user_model._default_manager
    return (
        type(manager).get_queryset is BaseManager.get_queryset
        and type(manager.get_queryset()) is models.QuerySet
        and not user_model._meta.parents
        and all(type(field).select_format is models.Field.select_format for field in user_model._meta.concrete_fields)
    )
