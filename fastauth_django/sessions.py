"""A session's life: start, look up, rotate, revoke.

Two tabs, a thief and a sign-out may all act at the same moment, on different hosts. The database settles who was first:
a rotation takes no lock, it is one compare-and-set, ``UPDATE … WHERE generation = …``.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router, transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject
from rest_framework_simplejwt.exceptions import InvalidToken

from . import cookies, device_rules
from .client_address import client_address
from .conf import Delivery, conf
from .conflicts import until_not_lost, update_if_unchanged, update_in_passing
from .exceptions import (
    DeviceBindingRequired,
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
from .signals import refresh_token_reused, session_revoked, token_refreshed
from .tokens import RefreshToken, SessionToken, TokenPair, present, user_id_of

Reason = AuthSession.RevokedReason

USER_AGENT_LENGTH = AuthSession._meta.get_field("user_agent").max_length

logger = logging.getLogger("fastauth_django.security")


# --- Start ---------------------------------------------------------------------------------------------------------


def start(
    user: AbstractBaseUser,
    request: HttpRequest,
    *,
    delivery: Delivery,
    remember: bool = False,
    replacing: Collection[SessionToken] = (),
    asks_for_key: bool = False,
) -> tuple[AuthSession, TokenPair]:
    """Begin a session of ``user`` on the client that sent ``request``. Return it with its first tokens.

    :param delivery: where the tokens will go. Raises ``CookieTooLarge`` for cookies that a browser would not store;
        nothing has been written then.
    :param replacing: tokens whose sessions are revoked, so that nobody goes on with the previous user's session.
    :param asks_for_key: the answer will ask the browser to bind the session to its device.
    """
    now = present()
    session = AuthSession(
        user=user,  # type: ignore[misc]  # of whichever model AUTH_USER_MODEL names
        auth_hash=user.get_session_auth_hash(),
        remember=remember,
        created_at=now,
        rotated_at=now,
        ip_address=client_address(request),
        user_agent=_user_agent(request),
        device_key="" if asks_for_key else None,
    )
    session.expires_at = _expiry(session, now)
    pair = _mint(session, now, delivery)
    if replacing:
        revoke_by(replacing, Reason.REPLACED, request)
    until_not_lost(partial(_insert, session, user, request), using=router.db_for_write(AuthSession))
    if conf.MAX_SESSIONS_PER_USER is not None:
        # Under REPEATABLE READ the insert's transaction saw the sessions from before the lock. This query sees all.
        _revoke_over_limit(user, request)
    return session, pair


def _insert(session: AuthSession, user: AbstractBaseUser, request: HttpRequest) -> None:
    alias = router.db_for_write(AuthSession)
    if conf.MAX_SESSIONS_PER_USER is None:
        session.save(force_insert=True, using=alias)
        return
    with transaction.atomic(using=alias):
        _lock(user, alias)
        session.save(force_insert=True, using=alias)
        _revoke_over_limit(user, request)


def _lock(user: AbstractBaseUser, alias: str) -> None:
    """Make sign-ins of one user take turns. Else each of two at once would count before the other's row is there."""
    features = connections[alias].features
    if features.has_select_for_update:
        # NO KEY: the new session's foreign key may still refer to the row. SQLite has one writer at a time anyway.
        rows = get_user_model()._base_manager.using(alias).filter(pk=user.pk)
        rows.select_for_update(no_key=features.has_select_for_no_key_update).values_list("pk").first()


def _revoke_over_limit(user: AbstractBaseUser, request: HttpRequest) -> None:
    newest_first = AuthSession.objects.for_write().live().filter(user_id=user.pk).order_by("-created_at", "-id")
    # No LIMIT in the UPDATE's subquery: MariaDB refuses one.
    over_limit = list(newest_first.values_list("pk", flat=True)[conf.MAX_SESSIONS_PER_USER :])
    if over_limit:
        revoke(AuthSession.objects.for_write().filter(pk__in=over_limit), Reason.SESSION_LIMIT, request)


def _expiry(session: AuthSession, now: datetime) -> datetime:
    expiry = now + (conf.REMEMBER_ME_TTL if session.remember else conf.REFRESH_TOKEN_TTL)
    if conf.SESSION_MAX_AGE is not None:
        expiry = min(expiry, session.created_at + conf.SESSION_MAX_AGE)
    return expiry.replace(microsecond=0)


def _mint(session: AuthSession, now: datetime, delivery: Delivery) -> TokenPair:
    """Mint the session's tokens, before anything is written: if they cannot be sent, the old ones stay good."""
    pair = TokenPair.for_session(session, now)
    if delivery == "cookie":
        cookies.refuse_cookies_that_browsers_drop(pair)
    return pair


def _user_agent(request: HttpRequest) -> str:
    """The ``User-Agent`` header, cut to what the row holds."""
    user_agent: str = request.META.get("HTTP_USER_AGENT", "")
    return user_agent.replace("\0", "")[:USER_AGENT_LENGTH]


# --- Look up -------------------------------------------------------------------------------------------------------


#: What :func:`find_live` and :func:`live_session` raise.
FIND_LIVE_REFUSALS: Refusals = (SessionRevoked, DeviceBindingRequired, TokenExpired, UserInactive, PasswordChanged)
LIVE_SESSION_REFUSALS: Refusals = (*FIND_LIVE_REFUSALS, TokenInvalid, DeviceProofRequired)


def live_session(token: SessionToken) -> AuthSession:
    """The session that ``token`` names, with its user, in one query.

    Raises the refusal that says why the token opens nothing: one that :func:`find_live` raises, :class:`TokenInvalid`
    for a token of another user, or :class:`DeviceProofRequired`.
    """
    session = _find(token.session_id)
    # A token of one user must not open the session of another, however it came to be signed.
    if user_id_of(session.user) != token.user_id:
        raise TokenInvalid
    _require_live(session)
    if session.device_key is not None:
        if device_rules.is_overdue(session, token):
            revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.NOT_BOUND)
            raise DeviceBindingRequired
        device_rules.require_device(session, token)
    return session


def find_live(session_id: UUID | None) -> AuthSession:
    """The session with this id, with its user, in one query.

    Raises :class:`SessionRevoked`, also if there is no such row, :class:`DeviceBindingRequired` if it was revoked for
    that, :class:`TokenExpired`, :class:`UserInactive` or :class:`PasswordChanged`.
    """
    session = _find(session_id)
    _require_live(session)
    return session


def _find(session_id: UUID | None) -> AuthSession:
    session = AuthSession.objects.get_with_user(session_id) if session_id else None
    if session is None:
        raise SessionRevoked
    if session.revoked_at is not None:
        raise DeviceBindingRequired if session.revoked_reason == Reason.NOT_BOUND else SessionRevoked
    return session


def _require_live(session: AuthSession) -> None:
    if session.is_expired():
        raise TokenExpired
    if not session.user.is_active:
        raise UserInactive
    if not _password_unchanged(session):
        raise PasswordChanged


def _password_unchanged(session: AuthSession) -> bool:
    """Whether the user's password is still the one that the session started with, whatever code changed it.

    A hash made with one of ``SECRET_KEY_FALLBACKS`` counts too, so that a planned key change signs nobody out. It is
    rewritten with the current key, by compare-and-set.
    """
    user = session.user
    current = user.get_session_auth_hash()
    if constant_time_compare(session.auth_hash, current):
        return True
    if any(constant_time_compare(session.auth_hash, fallback) for fallback in user.get_session_auth_fallback_hash()):
        unchanged = AuthSession.objects.for_write().unrevoked(pk=session.pk, auth_hash=session.auth_hash)
        update_in_passing(unchanged, auth_hash=current)
        return True
    return False


# --- Rotate --------------------------------------------------------------------------------------------------------


def rotate(presented: Iterable[RefreshToken], request: HttpRequest, *, delivery: Delivery) -> TokenPair:
    """Exchange a refresh token for its successor, and an access token with it.

    A browser may send several cookies of one name: one of another path, or one that a sibling subdomain set. The first
    that is live counts, and a stale one beside it is no theft. If none is live, this revokes each reused session and
    raises :class:`RefreshTokenReused`, or else the first refusal of :func:`live_session`. Raises :class:`TryAgain` if
    the database cannot tell who was first.
    """
    refusals: list[Exception] = []
    for token in presented:
        try:
            return _rotate(token, request, delivery)
        except (InvalidToken, UserInactive) as refusal:
            refusals.append(refusal)
    reuses = [refusal for refusal in refusals if isinstance(refusal, RefreshTokenReused)]
    for reuse in reuses:
        _revoke_reused(reuse.session, request)
    for refused in refusals:
        if isinstance(refused, DeviceProofRequired):
            device_rules.report_copied_refresh_token(refused.session, request)
    raise [*reuses, *refusals][0]


def _rotate(token: RefreshToken, request: HttpRequest, delivery: Delivery) -> TokenPair:
    session = live_session(token)
    if session.generation == token.generation:
        now = present()
        successor = next_generation(session, request, now)
        pair = _mint(successor, now, delivery)
        # If the session becomes bound to its device meanwhile, no refresh token of it counts any more.
        if put_generation(session, successor, request, device_bound_at=None):
            return pair
        # Another request was first. If it was a sign-out or a password change, this raises what happened.
        session = live_session(token)
        if session.generation == token.generation:
            raise TryAgain  # The database shows a snapshot from before the write that was first.
    if _is_predecessor_in_grace(session, token):
        # Another tab was first, or the answer to our own request got lost: everyone gets the same successor.
        return _mint(session, present(), delivery)
    raise RefreshTokenReused(session)


def next_generation(session: AuthSession, request: HttpRequest, now: datetime) -> AuthSession:
    """The session as it will be once it is rotated. Nothing is written.

    Raises :class:`TokenExpired` where ``SESSION_MAX_AGE`` is over.
    """
    successor = copy.copy(session)
    successor.generation = session.generation + 1
    successor.rotated_at = now
    successor.expires_at = _expiry(session, now)
    successor.ip_address = client_address(request)
    successor.user_agent = _user_agent(request)
    if successor.is_expired(now):
        raise TokenExpired
    return successor


def put_generation(session: AuthSession, successor: AuthSession, request: HttpRequest, **unchanged: Any) -> bool:
    """Write ``successor`` if the row still has the generation that was read, and the values ``unchanged``.

    Of all requests that try at the same moment, one gets True. Sends ``token_refreshed`` then.
    """
    names = [field.attname for field in AuthSession._meta.concrete_fields]
    changes = {name: getattr(successor, name) for name in names if getattr(successor, name) != getattr(session, name)}
    as_read = AuthSession.objects.for_write().unrevoked(pk=session.pk, generation=session.generation, **unchanged)
    if not update_if_unchanged(as_read, **changes):
        return False
    token_refreshed.send(AuthSession, request=request, session=successor)
    return True


def _is_predecessor_in_grace(session: AuthSession, token: RefreshToken) -> bool:
    """Whether the session was rotated a moment ago, and ``token`` is the one before. An older one is always reuse."""
    grace = conf.REFRESH_GRACE
    return (
        grace > 0
        and token.generation == session.generation - 1
        and present() - session.rotated_at <= timedelta(seconds=grace)
    )


def _revoke_reused(session: AuthSession, request: HttpRequest) -> None:
    """Revoke a session, because one of the two parties that hold its tokens stole them. Others of the user live on."""
    logger.warning(
        "Refresh token reused: session %s of user %s revoked, presented from %s",
        session.pk,
        session.user_id,
        client_address(request),
    )
    refresh_token_reused.send(AuthSession, request=request, session=session)
    revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.REUSE, request)


# --- Revoke --------------------------------------------------------------------------------------------------------


def revoke(sessions: AuthSessionQuerySet, reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """Revoke those of ``sessions`` that are not revoked, on every host at once, and send a signal for each.

    Returns them. Two requests that revoke the same session at the same moment may both send the signal.
    """
    revoking = list(sessions.unrevoked().select_related("user"))
    now = present()
    unrevoked = AuthSession.objects.for_write().unrevoked(pk__in=[session.pk for session in revoking])
    if not revoking or not _mark_revoked(unrevoked, now, reason):
        return []
    for session in revoking:
        session.revoked_at, session.revoked_reason = now, str(reason)
        session_revoked.send(AuthSession, request=request, session=session, reason=str(reason))
    return revoking


def revoke_by(tokens: Collection[SessionToken], reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """Revoke the sessions that ``tokens`` name, expired ones too, in one statement each. Returns those it revoked.

    Only a token of its device revokes a session that is bound to one (:func:`.device_rules.revocable_by`).
    What this returns, and what ``session_revoked`` sends, is read from the database when somebody looks at it: most
    sign-outs never need it.
    """
    revoked: list[Any] = []  # lazy sessions
    for session_id in dict.fromkeys(token.session_id for token in tokens if token.session_id):
        if _mark_revoked(device_rules.revocable_by(tokens, session_id), present(), reason):
            session: Any = SimpleLazyObject(partial(_load_revoked, session_id))
            session_revoked.send(AuthSession, request=request, session=session, reason=str(reason))
            revoked.append(session)
    return revoked


def revoke_all(user: AbstractBaseUser, reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """Revoke every live session of ``user``. Returns them."""
    return revoke(AuthSession.objects.for_write().live().filter(user_id=user.pk), reason, request)


def _mark_revoked(unrevoked: AuthSessionQuerySet, now: datetime, reason: str) -> int:
    # A sign-out that loses to a refresh is repeated until it wins.
    return until_not_lost(lambda: unrevoked.update(revoked_at=now, revoked_reason=str(reason)), using=unrevoked.db)


def _load_revoked(session_id: UUID) -> AuthSession:
    """A session that was revoked by its id alone, for a receiver who wants to see it."""
    session = AuthSession.objects.get_with_user(session_id, hidden_too=True)
    # If somebody deleted its user meanwhile, the row went too.
    return AuthSession(pk=session_id) if session is None else session
