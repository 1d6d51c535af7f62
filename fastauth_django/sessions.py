"""A session's life: start, rotate, end. The only writer of :class:`~fastauth_django.models.AuthSession`.

Concurrency is settled by the database alone, with one ``UPDATE … WHERE generation = …`` a rotation and no lock. Two
tabs, a thief and a sign-out may all act in the same instant, on different hosts.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import OperationalError, connections, router, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject
from rest_framework_simplejwt.exceptions import InvalidToken

from .client_address import client_address
from .conf import conf
from .conflicts import is_lost_race, until_not_lost
from .exceptions import (
    DeviceAlreadyBound,
    DeviceBindingRequired,
    DeviceChallenge,
    DeviceProofInvalid,
    DeviceProofRequired,
    PasswordChanged,
    RefreshTokenReused,
    Refusals,
    SessionRevoked,
    TokenExpired,
    TokenInvalid,
    TryAgain,
    UserInactive,
)
from .models import AuthSession, AuthSessionQuerySet
from .signals import device_proof_failed, refresh_token_reused, session_revoked, token_refreshed
from .tokens import AccessToken, RefreshToken, SessionToken, epoch, user_id_of

T = TypeVar("T")
User: TypeAlias = Any  # Whatever AUTH_USER_MODEL names.
Issue = Callable[[AuthSession, datetime], T]
Reason = AuthSession.RevokedReason

USER_AGENT_LENGTH = AuthSession._meta.get_field("user_agent").max_length
TIME_TO_BIND = timedelta(minutes=1)  # from the answer that asks a browser for its key

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
    replacing: Collection[SessionToken] = (),
    asks_for_key: bool = False,
) -> T:
    """Begin a session of ``user`` on the client that sent ``request``; return what ``issue`` makes of it.

    ``issue(session, now)`` mints the tokens. It runs before anything is written, so a pair that cannot be made or
    delivered leaves everything as it was. The sessions of the tokens ``replacing`` end, so that none survives into
    another identity. ``asks_for_key`` says that the answer asks the browser to bind the session to its device.
    """
    now = present()
    session = AuthSession(
        user=user,
        auth_hash=user.get_session_auth_hash(),
        remember=remember,
        created_at=now,
        rotated_at=now,
        ip_address=client_address(request),
        user_agent=_user_agent(request),
        device_key="" if asks_for_key else None,
    )
    session.expires_at = _end_of_life(session, now)
    issued = issue(session, now)
    if replacing:
        revoke_by(replacing, Reason.REPLACED, request)
    alias = router.db_for_write(AuthSession)
    if conf.MAX_SESSIONS_PER_USER is None:
        until_not_lost(lambda: session.save(force_insert=True, using=alias), using=alias)
        return issued

    def start_within_limit() -> None:
        with transaction.atomic(using=alias):
            _lock(user, alias)
            session.save(force_insert=True, using=alias)
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
    newest_first = AuthSession.objects.for_write().live().filter(user=user).order_by("-created_at", "-id")
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
    is gone), :class:`TokenInvalid`, :class:`TokenExpired`, :class:`UserInactive`, :class:`PasswordChanged`,
    :class:`DeviceProofRequired` or :class:`DeviceBindingRequired`.
    """
    session = _live(token.session_id, token)
    if session.device_key is not None:
        _require_device(session, token)
    return session


#: What :func:`live_session` raises.
LIVE_SESSION_REFUSALS: Refusals = (
    SessionRevoked,
    TokenInvalid,
    TokenExpired,
    UserInactive,
    PasswordChanged,
    DeviceProofRequired,
    DeviceBindingRequired,
)


def device_session(session_id: UUID) -> AuthSession:
    """The session that a device says is its own, with its user, in one query. What it says is still to be proved.

    Raises as :func:`live_session` does, and :class:`DeviceProofInvalid` for a session that no device has a key of.
    """
    session = _live(session_id)
    if not session.device_key:
        raise DeviceProofInvalid
    return session


def _live(session_id: UUID | None, token: SessionToken | None = None) -> AuthSession:
    session: AuthSession | None = AuthSession.objects.get_with_user(session_id) if session_id else None
    if session is None or session.revoked_at is not None:
        # Whoever asks second is to hear why, too: that the browser cannot do what is required here.
        not_bound = session is not None and session.revoked_reason == Reason.NOT_BOUND
        raise DeviceBindingRequired if not_bound else SessionRevoked
    user = session.user
    # A token of one user must not open the session of another, however it came to be signed.
    if token is not None and user_id_of(user) != token.user_id:
        raise TokenInvalid
    if session.is_expired():
        raise TokenExpired
    if not user.is_active:
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
        _write_in_passing(_unrevoked(pk=session.pk, auth_hash=session.auth_hash), auth_hash=current)
        return True
    return False


def _require_device(session: AuthSession, token: SessionToken) -> None:
    """Refuse tokens that the device of a bound session was not given: copies of those from before it was bound.

    The first access token from the answer that bound the session confirms that the answer arrived. Until then the
    session is open to both kinds of token, because a browser does not ask again for an answer that got lost.
    """
    token_of_device = isinstance(token, AccessToken) and token.key_thumbprint == session.key_thumbprint is not None
    if token_of_device and not session.is_device_bound:
        _confirm_device(session)
    if session.is_device_bound:
        if token_of_device:
            token.of_device = True  # type: ignore[attr-defined]
        elif isinstance(token, RefreshToken) or not _was_bound_just_now(session):
            raise DeviceProofRequired(session)
    elif conf.DEVICE_BINDING == "required" and present() - session.created_at > TIME_TO_BIND:
        revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.NOT_BOUND)
        raise DeviceBindingRequired


def _confirm_device(session: AuthSession) -> None:
    """Make the device's key final. A later request does it where this one loses a race."""
    session.device_bound_at = present()
    unconfirmed = _unrevoked(pk=session.pk, device_key=session.device_key, device_bound_at=None)
    _write_in_passing(unconfirmed, device_bound_at=session.device_bound_at)


def _was_bound_just_now(session: AuthSession) -> bool:
    """Whether a token from before the binding may be one that was on its way when the binding was confirmed."""
    bound_at = session.device_bound_at
    return bound_at is not None and present() - bound_at <= timedelta(seconds=conf.REFRESH_GRACE)


# --- Bind ----------------------------------------------------------------------------------------------------------


def bind(token: AccessToken, generation: int, device_key: str, request: HttpRequest, issue: Issue[T]) -> T:
    """Give the session of ``token`` its device's key; return what ``issue`` makes of the session.

    ``generation`` is that of the challenge which the key signed. Until the device is confirmed another key may take the
    place of this one. Raises the refusal of :func:`live_session`, :class:`DeviceProofInvalid` for a session that was
    refreshed since, or whose browser was never asked, and :class:`DeviceAlreadyBound`.
    """
    session = live_session(token)
    if session.is_device_bound:
        raise DeviceAlreadyBound
    if session.device_key is None or session.generation != generation:
        raise DeviceProofInvalid
    bound = copy.copy(session)
    bound.device_key = device_key
    issued = issue(bound, present())
    unconfirmed = _unrevoked(pk=session.pk, device_bound_at=None)
    if not _write_if_unchanged(unconfirmed, device_key=device_key):
        live_session(token)  # Somebody signed out meanwhile? Then that is what happened.
        raise DeviceAlreadyBound
    return issued


# --- Rotate --------------------------------------------------------------------------------------------------------


def rotate(presented: Iterable[RefreshToken], request: HttpRequest, issue: Issue[T]) -> T:
    """Exchange a refresh token for its successor; return what ``issue`` makes of the session.

    A browser may send several cookies of one name (another path, or one that a sibling subdomain tossed in). The first
    that is alive counts, and a stale one beside it is no theft. Raises the refusal of :func:`live_session`,
    :class:`RefreshTokenReused` after ending the session, or :class:`TryAgain`. A refresh token of a session that is
    bound to a device is refused and reported, and changes nothing.
    """
    refusals: list[Exception] = []
    reuses: list[RefreshTokenReused] = []
    for token in presented:
        try:
            return _rotate(token, request, issue)
        except RefreshTokenReused as refusal:
            reuses.append(refusal)
        except (InvalidToken, UserInactive) as refusal:
            refusals.append(refusal)
    for reuse in reuses:
        _end_reused(reuse.session, request)
    for bound in (refused.session for refused in refusals if isinstance(refused, DeviceProofRequired)):
        if bound is not None and not _was_bound_just_now(bound):
            report_failed_proof(bound, "refresh_token", request)
    raise [*reuses, *refusals][0]


def rotate_by_device(session: AuthSession, generation: int, request: HttpRequest, issue: Issue[T]) -> T:
    """Renew a session whose device has signed the challenge of ``generation``; return what ``issue`` makes of it.

    The signature also confirms a device whose binding is not confirmed yet. Raises :class:`DeviceChallenge` where the
    signature is good and the challenge is not today's: another tab was first, and no successor is given twice, or
    whoever repeats a proof would get it too.
    """
    if session.generation == generation:
        now = present()
        successor = _successor(session, now, request)
        successor.device_bound_at = session.device_bound_at or now
        issued = issue(successor, now)
        if _compare_and_set(session, successor, device_key=session.device_key):
            token_refreshed.send(AuthSession, request=request, session=successor)
            return issued
        session = device_session(session.pk)
    raise DeviceChallenge(session)


def _rotate(token: RefreshToken, request: HttpRequest, issue: Issue[T]) -> T:
    session = live_session(token)
    if session.generation == token.generation:
        now = present()
        successor = _successor(session, now, request)
        issued = issue(successor, now)  # Before the write: tokens that cannot be sent must not cost the old one.
        # The session's device may be confirmed at this moment: then no refresh token counts any more.
        unbound = {} if session.device_key is None else {"device_bound_at": None}
        if _compare_and_set(session, successor, **unbound):
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
    successor.user_agent = _user_agent(request)
    if successor.is_expired(now):
        raise TokenExpired  # SESSION_MAX_AGE is over.
    return successor


def _compare_and_set(session: AuthSession, successor: AuthSession, **conditions: Any) -> bool:
    """Write the successor if the session still is what was read: of all that try, one wins."""
    unchanged = _unrevoked(pk=session.pk, generation=session.generation, **conditions)
    names = ["generation", "rotated_at", "expires_at", "ip_address", "user_agent"]
    if successor.device_bound_at is not None:
        names.append("device_bound_at")
    return _write_if_unchanged(unchanged, **{name: getattr(successor, name) for name in names})


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


def report_failed_proof(session: AuthSession, reason: str, request: HttpRequest) -> None:
    """Say that somebody without the device's key wants a session that is bound to it.

    The session lives on: it is safe without its key, and its id stands in every copied token, so that ending it would
    let the thief sign the owner out.
    """
    logger.warning(
        "Device proof failed (%s): session %s of user %s goes on, refused to %s",
        reason,
        session.pk,
        session.user.pk,
        client_address(request),
    )
    device_proof_failed.send(AuthSession, request=request, session=session, reason=reason)


# --- End -----------------------------------------------------------------------------------------------------------


def revoke(sessions: AuthSessionQuerySet, reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """End those of ``sessions`` that are alive, at once on every host, and announce each. Returns them.

    Two that end the same session at the same moment may both announce it; it never stays alive.
    """
    ending = list(sessions.filter(revoked_at__isnull=True).select_related("user"))
    if not ending:
        return []
    now = present()
    if not _revoke(_unrevoked(pk__in=[session.pk for session in ending]), now, reason):
        return []
    for session in ending:
        session.revoked_at, session.revoked_reason = now, str(reason)
        session_revoked.send(AuthSession, request=request, session=session, reason=str(reason))
    return ending


def _revoke(sessions: AuthSessionQuerySet, now: datetime, reason: str) -> int:
    # A sign-out outlasts the refreshes that it races with.
    return until_not_lost(lambda: sessions.update(revoked_at=now, revoked_reason=str(reason)), using=sessions.db)


def revoke_by(tokens: Iterable[SessionToken], reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """End the sessions that ``tokens`` name, expired ones too, in one statement each. Returns those that were alive.

    But not a session that is bound to a device, unless by a token of the device that has not run out: every other one
    is a copy, with which a thief could sign the owner out for as long as the session lives.

    What is returned, and what ``session_revoked`` is given, is read when somebody looks at it: most sign-outs need not.
    """
    tokens = list(tokens)
    # What was on its way when the binding was confirmed, or comes from a host whose clock is a little behind, counts.
    moment_ago = present() - timedelta(seconds=conf.REFRESH_GRACE)
    of_device = {
        token.session_id
        for token in tokens
        if isinstance(token, AccessToken) and token.key_thumbprint is not None and token["exp"] > epoch(moment_ago)
    }
    ended: list[Any] = []
    for session_id in dict.fromkeys(token.session_id for token in tokens if token.session_id):
        sessions = _unrevoked(pk=session_id)
        if session_id not in of_device:
            sessions = sessions.filter(Q(device_bound_at=None) | Q(device_bound_at__gte=moment_ago))
        if _revoke(sessions, present(), reason):
            session: Any = SimpleLazyObject(partial(_load_ended, session_id))
            session_revoked.send(AuthSession, request=request, session=session, reason=str(reason))
            ended.append(session)
    return ended


def _load_ended(session_id: UUID) -> AuthSession:
    """A session that was ended by its id alone, for a receiver who wants to see it."""
    session = AuthSession.objects.get_with_user(session_id, hidden_too=True)
    # Its user was deleted in this instant, and it with them.
    return AuthSession(pk=session_id) if session is None else session


def revoke_all(user: User, reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """End every session of ``user``. Returns those that were alive."""
    return revoke(AuthSession.objects.for_write().live().filter(user=user), reason, request)


# --- Write ---------------------------------------------------------------------------------------------------------


def _unrevoked(**conditions: Any) -> AuthSessionQuerySet:
    """The sessions to write into. A revoked session is never written again, so nothing revives it."""
    return AuthSession.objects.for_write().filter(revoked_at=None, **conditions)


def _write_if_unchanged(unchanged: AuthSessionQuerySet, **changes: Any) -> bool:
    """Write ``changes`` into the one session ``unchanged``, and say whether it still was as its conditions say."""
    alias = unchanged.db
    try:
        return bool(until_not_lost(lambda: unchanged.update(**changes), using=alias))
    except OperationalError as error:
        if connections[alias].in_atomic_block or not is_lost_race(error):
            raise
        return False


def _write_in_passing(unchanged: AuthSessionQuerySet, **changes: Any) -> None:
    """Write during a request that does not depend on it. If the write loses a race, a later request writes it."""
    try:
        # In a caller's transaction this is a savepoint, so that a lost race does not break what the caller does.
        with transaction.atomic(using=unchanged.db):
            unchanged.update(**changes)
    except OperationalError as error:
        if not is_lost_race(error):
            raise


def _user_agent(request: HttpRequest) -> str:
    """The ``User-Agent`` header, cut to what the row holds."""
    user_agent: str = request.META.get("HTTP_USER_AGENT", "")
    return user_agent.replace("\0", "")[:USER_AGENT_LENGTH]
