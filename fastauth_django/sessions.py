"""A session's life: start, rotate, end. The only writer of :class:`~fastauth_django.models.AuthSession`.

Concurrency is settled by the database alone, with one ``UPDATE … WHERE generation = …`` a rotation and no lock. Two
tabs, a thief and a sign-out may all act in the same instant, on different hosts.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import OperationalError, connections, router, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from .client import client_address, client_user_agent
from .conf import conf
from .conflicts import is_lost_race, until_not_lost
from .exceptions import (
    PasswordChanged,
    RefreshTokenReused,
    SessionRevoked,
    TokenExpired,
    TokenInvalid,
    TryAgain,
    UserInactive,
)
from .managers import AuthSessionQuerySet
from .models import AuthSession
from .signals import refresh_token_reused, session_revoked, token_refreshed
from .tokens import RefreshToken, SessionToken, user_id_of

T = TypeVar("T")
User: TypeAlias = Any  # Whatever AUTH_USER_MODEL names.
Issue = Callable[[AuthSession, datetime], T]
Reason = AuthSession.RevokedReason

logger = logging.getLogger("fastauth_django.security")


def present() -> datetime:
    """Now, in whole seconds: the one place where time is cut, so that rows and the ``exp`` of their tokens agree."""
    return timezone.now().replace(microsecond=0)


# --- Start ---------------------------------------------------------------------------------------------------------


def start(
    user: User,
    request: HttpRequest,
    issue: Issue[T],
    *,
    remember: bool = False,
    replacing: Collection[UUID] = (),
) -> T:
    """Begin a session of ``user`` on the client that sent ``request``; return what ``issue`` makes of it.

    ``issue(session, now)`` mints the tokens. It runs before anything is written, so a pair that cannot be made or
    delivered leaves everything as it was. The sessions ``replacing`` end, so that none survives into another identity.
    """
    now = present()
    session = AuthSession(
        user=user,
        auth_hash=user.get_session_auth_hash(),
        remember=remember,
        created_at=now,
        rotated_at=now,
        ip_address=client_address(request),
        user_agent=client_user_agent(request),
    )
    session.expires_at = _end_of_life(session, now)
    issued = issue(session, now)
    if replacing:
        revoke(AuthSession.objects.for_write().filter(pk__in=replacing), Reason.REPLACED, request)
    alias = router.db_for_write(AuthSession)
    if conf.MAX_SESSIONS_PER_USER is None:
        until_not_lost(lambda: session.save(using=alias, force_insert=True), using=alias)
        return issued

    def start_within_limit() -> None:
        with transaction.atomic(using=alias):
            _lock(user, alias)
            session.save(using=alias, force_insert=True)
            _end_sessions_over_limit(user, request)

    until_not_lost(start_within_limit, using=alias)
    # Under REPEATABLE READ the transaction saw the sessions of before the lock; this look is fresh.
    _end_sessions_over_limit(user, request)
    return issued


def _lock(user: User, alias: str) -> None:
    """Make sign-ins of one user take turns: without it, each of two at once would trim before it saw the other."""
    features = connections[alias].features
    if features.has_select_for_update:
        # NO KEY: the new session's foreign key may still refer to the row. SQLite has one writer at a time anyway.
        rows = get_user_model()._base_manager.using(alias).filter(pk=user.pk)
        rows.select_for_update(no_key=features.has_select_for_no_key_update).values_list("pk").first()


def _end_sessions_over_limit(user: User, request: HttpRequest) -> None:
    newest_first = AuthSession.objects.for_write().alive().filter(user=user).order_by("-created_at", "-id")
    # No LIMIT in the UPDATE's subquery: MariaDB refuses one.
    over_limit = list(newest_first.values_list("pk", flat=True)[conf.MAX_SESSIONS_PER_USER :])
    if over_limit:
        revoke(AuthSession.objects.for_write().filter(pk__in=over_limit), Reason.SESSION_LIMIT, request)


def _end_of_life(session: AuthSession, now: datetime) -> datetime:
    end = now + (conf.REMEMBER_ME_TTL if session.remember else conf.REFRESH_TOKEN_TTL)
    if conf.SESSION_MAX_AGE is not None:
        end = min(end, session.created_at + conf.SESSION_MAX_AGE)
    return end.replace(microsecond=0)


# --- Look up -------------------------------------------------------------------------------------------------------


def live_session(token: SessionToken) -> AuthSession:
    """The session that ``token`` names, with its user, in one query.

    Raises the refusal that says why the token is worth nothing any more: :class:`SessionRevoked` (also for a row that
    is gone), :class:`TokenInvalid`, :class:`TokenExpired`, :class:`UserInactive` or :class:`PasswordChanged`.
    """
    session: AuthSession | None = AuthSession.objects.get_with_user(token.session_id) if token.session_id else None
    if session is None or session.revoked_at is not None:
        raise SessionRevoked
    # A token of one user must not open the session of another, however it came to be signed.
    if user_id_of(session.user) != token.user_id:
        raise TokenInvalid
    if session.is_expired():
        raise TokenExpired
    if not session.user.is_active:
        raise UserInactive
    if not _password_unchanged(session):
        raise PasswordChanged
    return session


def _password_unchanged(session: AuthSession) -> bool:
    """Whether the user's password is still the one the session started with, whichever code path might change it.

    A hash made with one of ``SECRET_KEY_FALLBACKS`` counts and is rewritten with today's key, by compare-and-set,
    so that a planned key change signs nobody out. Where that loses a race, a later request does it.
    """
    user = session.user
    current = user.get_session_auth_hash()
    if constant_time_compare(session.auth_hash, current):
        return True
    if any(constant_time_compare(session.auth_hash, fallback) for fallback in user.get_session_auth_fallback_hash()):
        outdated = AuthSession.objects.for_write().filter(pk=session.pk, auth_hash=session.auth_hash)
        try:
            # In a caller's transaction this is a savepoint, so that a lost race does not break what the caller does.
            with transaction.atomic(using=outdated.db):
                _write(outdated, auth_hash=current)
        except OperationalError as error:
            if not is_lost_race(error):
                raise
        return True
    return False


# --- Rotate --------------------------------------------------------------------------------------------------------


def rotate(presented: Iterable[RefreshToken], request: HttpRequest, issue: Issue[T]) -> T:
    """Exchange a refresh token for its successor; return what ``issue`` makes of the session.

    A browser may send several cookies of one name (another path, or one that a sibling subdomain tossed in). The first
    that is alive counts, and a stale one beside it is no theft. Raises the refusal of :func:`live_session`,
    :class:`RefreshTokenReused` after ending the session, or :class:`TryAgain`.
    """
    refusals: list[Exception] = []
    reuses: list[RefreshTokenReused] = []
    for token in presented:
        try:
            return _rotate(token, request, issue)
        except RefreshTokenReused as refusal:
            reuses.append(refusal)
        except (SessionRevoked, TokenInvalid, TokenExpired, UserInactive, PasswordChanged) as refusal:
            refusals.append(refusal)
    for reuse in reuses:
        _end_reused(reuse.session, request)
    raise [*reuses, *refusals][0]


def _rotate(token: RefreshToken, request: HttpRequest, issue: Issue[T]) -> T:
    session = live_session(token)
    if session.generation == token.generation:
        now = present()
        successor = _successor(session, now, request)
        issued = issue(successor, now)  # Before the write: tokens that cannot be sent must not cost the old one.
        if _compare_and_set(session, successor):
            token_refreshed.send(AuthSession, request=request, session=successor)
            return issued
        # Lost a race. Against whom? A sign-out or a password change is refused here, as what it is.
        session = live_session(token)
        if session.generation == token.generation:
            raise TryAgain  # The snapshot is older than the write that beat us.
    if _is_predecessor_in_grace(session, token):
        # Another tab was first, or the answer to our own request got lost: everyone gets the same successor.
        return issue(session, present())
    raise RefreshTokenReused(session)


def _successor(session: AuthSession, now: datetime, request: HttpRequest) -> AuthSession:
    successor = copy.copy(session)
    successor.generation = session.generation + 1
    successor.rotated_at = now
    successor.expires_at = _end_of_life(session, now)
    successor.ip_address = client_address(request)
    successor.user_agent = client_user_agent(request)
    if successor.is_expired(now):
        raise TokenExpired  # SESSION_MAX_AGE is over.
    return successor


def _compare_and_set(session: AuthSession, successor: AuthSession) -> bool:
    """Write the successor if the session still is what was read: of all that try, one wins."""
    unchanged = AuthSession.objects.for_write().filter(pk=session.pk, generation=session.generation)
    changes = {
        name: getattr(successor, name)
        for name in ("generation", "rotated_at", "expires_at", "ip_address", "user_agent")
    }
    try:
        return bool(until_not_lost(lambda: _write(unchanged, **changes), using=unchanged.db))
    except OperationalError as error:
        if connections[unchanged.db].in_atomic_block or not is_lost_race(error):
            raise
        return False


def _is_predecessor_in_grace(session: AuthSession, token: RefreshToken) -> bool:
    """Whether ``token`` is the one before the present one, replaced a moment ago. Older ones are reuse at any time."""
    grace = conf.REFRESH_GRACE
    return (
        grace > 0
        and token.generation == session.generation - 1
        and present() - session.rotated_at <= timedelta(seconds=grace)
    )


def _end_reused(session: AuthSession, request: HttpRequest) -> None:
    """Two parties hold this session's tokens, and one of them stole them: end it. The user's other sessions live on."""
    logger.warning(
        "Refresh token reused: session %s of user %s ended, presented from %s",
        session.pk,
        session.user.pk,
        client_address(request),
    )
    refresh_token_reused.send(AuthSession, request=request, session=session)
    revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.REUSE, request)


# --- End -----------------------------------------------------------------------------------------------------------


def revoke(sessions: AuthSessionQuerySet, reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """End those of ``sessions`` that are alive, at once on every host, and announce each. Returns them.

    Two that end the same session at the same moment may both announce it; it never stays alive.
    """
    ending = list(sessions.filter(revoked_at__isnull=True).select_related("user"))
    if not ending:
        return []
    now = present()
    rows = AuthSession.objects.for_write().filter(pk__in=[session.pk for session in ending])
    # A sign-out outlasts the refreshes it races with.
    if not until_not_lost(lambda: _write(rows, revoked_at=now, revoked_reason=str(reason)), using=rows.db):
        return []
    for session in ending:
        session.revoked_at, session.revoked_reason = now, str(reason)
        session_revoked.send(AuthSession, request=request, session=session, reason=str(reason))
    return ending


def revoke_all(user: User, reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """End every session of ``user``. Returns those that were alive."""
    return revoke(AuthSession.objects.for_write().alive().filter(user=user), reason, request)


# --- Write ---------------------------------------------------------------------------------------------------------


def _write(sessions: AuthSessionQuerySet, **changes: Any) -> int:
    """Change those of ``sessions`` that were not ended: an ended session is never written again, so never revived."""
    return sessions.filter(revoked_at__isnull=True).update(**changes)
