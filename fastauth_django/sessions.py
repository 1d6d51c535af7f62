"""A session's life: start, look up, rotate, revoke.

Two tabs, a thief and a sign-out may all act at the same moment, on different hosts. The database settles who was first:
a rotation takes no lock, it is one compare-and-set, ``UPDATE … WHERE generation = …``.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from logging import INFO, WARNING
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.db.transaction import TransactionManagementError
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject
from rest_framework.exceptions import APIException
from rest_framework_simplejwt import settings as simplejwt
from rest_framework_simplejwt.authentication import default_user_authentication_rule
from rest_framework_simplejwt.exceptions import InvalidToken

from . import cookies, device_rules
from .client_address import client_address
from .conf import Delivery, conf
from .conflicts import Rows, is_due, until_not_lost, update_if_unchanged, update_in_passing, update_unless_locked
from .exceptions import (
    DeviceBindingRequired,
    DeviceProofRequired,
    PasswordChanged,
    RefreshTokenReused,
    Refusals,
    SessionBehind,
    SessionReplaced,
    SessionRevoked,
    TokenExpired,
    TokenInvalid,
    TryAgain,
    UserInactive,
)
from .models import NEVER_GIVEN_OUT, AuthSession, AuthSessionQuerySet, UnrevokedSession
from .signals import (
    announce,
    log,
    refresh_token_repeated,
    refresh_token_reused,
    session_revoked,
    token_refreshed,
)
from .tokens import AccessToken, IssuedTokens, RefreshToken, SessionToken, TokenPair, current_second, user_id_of

Reason = AuthSession.RevokedReason

SESSION_ATTRIBUTE = "_fastauth_session"
USER_AGENT_LENGTH = AuthSession._meta.get_field("user_agent").max_length

#: Writes that a standby may lack when the database fails over to it. Each is one rotation of a session.
MOST_LOST_BY_STANDBY = 2


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
    if user.pk is None:
        raise UserInactive  # Deleted a moment ago, in this very process.
    now = current_second()
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
    over_limit = until_not_lost(partial(_insert, session, user), using=router.db_for_write(AuthSession))
    if conf.MAX_SESSIONS_PER_USER is not None:
        # Under REPEATABLE READ the insert's transaction saw the sessions from before the lock. This query sees all.
        over_limit += _revoke_over_limit(user)
    announce_revoked(over_limit, request)
    return session, pair


def _insert(session: AuthSession, user: AbstractBaseUser) -> list[AuthSession]:
    alias = router.db_for_write(AuthSession)
    if conf.MAX_SESSIONS_PER_USER is None:
        session.save(force_insert=True, using=alias)
        return []
    with transaction.atomic(using=alias):
        _lock(user, alias)
        session.save(force_insert=True, using=alias)
        return _revoke_over_limit(user)


def _lock(user: AbstractBaseUser, alias: str) -> None:
    """Make sign-ins of one user take turns. Else each of two at once would count before the other's row is there."""
    features = connections[alias].features
    if features.has_select_for_update:
        # NO KEY: the new session's foreign key may still refer to the row. SQLite has one writer at a time anyway.
        rows = get_user_model()._base_manager.using(alias).filter(pk=user.pk)
        rows.select_for_update(no_key=features.has_select_for_no_key_update).values_list("pk").first()


def _revoke_over_limit(user: AbstractBaseUser) -> list[AuthSession]:
    newest_first = live_rows(user).order_by("-created_at", "-id")
    # No LIMIT in the UPDATE's subquery: MariaDB refuses one.
    over_limit = list(newest_first.values_list("pk", flat=True)[conf.MAX_SESSIONS_PER_USER :])
    return revoke_rows(AuthSession.objects.for_write().filter(pk__in=over_limit), Reason.SESSION_LIMIT)


def _expiry(session: AuthSession, now: datetime) -> datetime:
    expiry = now + (conf.REMEMBER_ME_TTL if session.remember else conf.REFRESH_TOKEN_TTL)
    if conf.SESSION_MAX_AGE is not None:
        expiry = min(expiry, session.created_at + conf.SESSION_MAX_AGE)
    return expiry.replace(microsecond=0)


def _mint(session: AuthSession, now: datetime, delivery: Delivery) -> TokenPair:
    """Mint the session's tokens, before anything is written: if they cannot be sent, the old ones stay good."""
    pair = TokenPair.for_session(session, now, in_cookie=delivery == "cookie")
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
    return _admit(_read(token.session_id), token)


def refusals_of(tokens: Collection[AccessToken]) -> list[APIException | None]:
    """For each of ``tokens``, what :func:`live_session` raises, or None. Reads all their sessions in two queries.

    For connections that stay open. ``token.session`` of each token that is not refused is the row as it is now.
    """
    session_ids = {token.session_id for token in tokens if token.session_id}
    found = AuthSession.objects.get_many_with_users(session_ids)
    refusals: list[APIException | None] = []
    for token in tokens:
        try:
            token.session = _admit(found.get(token.session_id) if token.session_id else None, token)
        except LIVE_SESSION_REFUSALS as refusal:
            refusals.append(refusal)
        else:
            refusals.append(None)
    return refusals


def _admit(found: AuthSession | None, token: SessionToken) -> AuthSession:
    session = _unrevoked(found)
    # A token of one user must not open the session of another, however it came to be signed.
    if user_id_of(session.user) != token.user_id:
        raise TokenInvalid
    _require_live(session)
    if session.device_key is not None:
        if device_rules.is_overdue(session, token):
            if not session.device_key:  # Else a copied token would end what its own browser has bound, and may confirm.
                revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.NOT_BOUND)
            raise DeviceBindingRequired
        device_rules.require_device(session, token)
    _mark_seen(session, token)
    return session


def remember_session(request: HttpRequest, session: AuthSession | None) -> None:
    """Keep, on Django's request, the live session by which the request was authenticated. None for a plain token."""
    setattr(getattr(request, "_request", request), SESSION_ATTRIBUTE, session)


def session_of(request: HttpRequest) -> AuthSession | None:
    """The session by which ``request`` was authenticated, in a cookie or the header, if it was by one of ours."""
    return getattr(getattr(request, "_request", request), SESSION_ATTRIBUTE, None)


def find_live(session_id: UUID | None) -> AuthSession:
    """The session with this id, with its user, in one query.

    Raises :class:`SessionRevoked`, also if there is no such row, :class:`DeviceBindingRequired` if it was revoked for
    that, :class:`TokenExpired`, :class:`UserInactive` or :class:`PasswordChanged`.
    """
    session = _unrevoked(_read(session_id))
    _require_live(session)
    return session


def _read(session_id: UUID | None) -> AuthSession | None:
    return AuthSession.objects.get_with_user(session_id) if session_id else None


def _unrevoked(session: AuthSession | None) -> AuthSession:
    if session is None:
        raise SessionRevoked
    if session.revoked_at is not None:
        refusals: dict[str, type[InvalidToken]] = {
            Reason.NOT_BOUND: DeviceBindingRequired,
            Reason.REPLACED: SessionReplaced,
        }
        raise refusals.get(session.revoked_reason, SessionRevoked)
    return session


def _require_live(session: AuthSession) -> None:
    if session.is_expired():
        raise TokenExpired
    if not may_sign_in(session.user):
        raise UserInactive
    if not _password_unchanged(session):
        raise PasswordChanged


def may_sign_in(user: AbstractBaseUser) -> bool:
    """Whether ``SIMPLE_JWT`` lets ``user`` in, by its ``CHECK_USER_IS_ACTIVE`` and ``USER_AUTHENTICATION_RULE``.

    simplejwt asks its rule at sign-in and at refresh. Here it is asked at every request, so a ban takes effect at once.
    """
    settings = simplejwt.api_settings
    if settings.CHECK_USER_IS_ACTIVE and not user.is_active:
        return False
    rule = settings.USER_AUTHENTICATION_RULE
    # The default rule looks at is_active alone, and at the settings of import time.
    return rule is default_user_authentication_rule or bool(rule(user))


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
        update_in_passing(UnrevokedSession(session.pk, auth_hash=session.auth_hash), auth_hash=current)
        return True
    return False


# --- Rotate --------------------------------------------------------------------------------------------------------


def rotate(presented: Iterable[RefreshToken], request: HttpRequest, *, delivery: Delivery) -> IssuedTokens:
    """Exchange a refresh token for its successor, and an access token with it.

    A browser may send several cookies of one name: one of another path, or one that a sibling subdomain set. Each is
    judged by :func:`generation_after`, so that a live token beside a stolen one silences nothing: every reused session
    is revoked. The first token that is live is answered; for a repeated one in cookie delivery, with an access token
    alone. If none is live, raises :class:`RefreshTokenReused`, or else the first refusal of :func:`live_session`.
    Raises :class:`TryAgain` if the database cannot tell who was first.
    """
    refusals: list[APIException] = []
    remaining = iter(presented)
    for token in remaining:
        try:
            issued = _rotate(token, request, delivery)
        except (InvalidToken, UserInactive) as refusal:
            _act_on(refusal, request)
            refusals.append(refusal)
        else:
            judge(remaining, request)
            return issued
    raise next((refusal for refusal in refusals if isinstance(refusal, RefreshTokenReused)), refusals[0])


def judge(presented: Iterable[RefreshToken], request: HttpRequest) -> None:
    """Act on the stolen ones among refresh tokens that get no answer, because another token does."""
    for token in presented:
        try:
            generation_after(live_session(token), token, current_second())
        except (InvalidToken, UserInactive) as refusal:
            _act_on(refusal, request)


def _rotate(token: RefreshToken, request: HttpRequest, delivery: Delivery) -> IssuedTokens:
    session = live_session(token)
    while True:
        now = current_second()
        generation = generation_after(session, token, now)
        if token.in_cookie and delivery == "json":
            # Inside the grace a thief of the cookie would get here what a browser's second tab does not: the successor.
            raise TokenInvalid
        if generation is None:
            return _repeat(session, token, request, delivery, now)
        successor = next_generation(session, request, now, generation=generation, predecessor=token.generation)
        issued = _mint(successor, now, delivery)
        # If the session becomes bound to its device meanwhile, no refresh token of it counts any more.
        if put_generation(session, successor, request, seen=session.seen, device_bound_at=None):
            _note_detour(session, successor, request)
            return issued
        # Another request was first. If it was a sign-out or a password change, this raises what happened.
        session, before = live_session(token), session
        if (session.generation, session.seen) == (before.generation, before.seen):
            raise TryAgain  # The database shows a snapshot from before the write that was first.


def generation_after(session: AuthSession, token: RefreshToken, now: datetime) -> int | None:
    """The rule of rotation: the generation that ``token`` buys, or None where it is answered and buys none.

    - The token of the present generation buys the next one.
    - Its predecessor, a moment after the rotation, is another tab or a quick retry. It buys nothing: tabs share one
      jar, and the refresh token that the rotation made is in it, or was lost.
    - Its predecessor, later: if no answer for it ever arrived, it buys one more answer, the next generation, at once
      for each of two tabs. Otherwise a thief who repeats the predecessor every few seconds would hold its owner in the
      grace of his own rotations. If an answer arrived, two clients hold tokens, and one stole them.
    - The first of these answers that comes back is the one that counts. It buys a generation by which the others are
      left behind.
    - A token that is ahead by one or two writes was signed here, so the row is behind: the database failed over to a
      standby that lacks them. It buys a generation that was never given out before.

    Everything else is reuse. Raises :class:`RefreshTokenReused`, or :class:`SessionBehind` for a token further ahead.
    """
    ahead = token.generation - session.generation
    if ahead == 0:
        return session.generation + 1
    if session.is_answer(token.generation):
        return session.generation + NEVER_GIVEN_OUT
    if token.generation == session.predecessor_generation and conf.REFRESH_GRACE > 0:
        in_grace = now - session.rotated_at <= timedelta(seconds=conf.REFRESH_GRACE)
        if in_grace and (session.is_seen or session.generation == session.first_answer):
            return None
        if not session.is_seen:
            return session.generation + 1
    if ahead < 0:
        raise RefreshTokenReused(session)
    if max(divmod(ahead, NEVER_GIVEN_OUT)) > MOST_LOST_BY_STANDBY:
        raise SessionBehind(session)
    return token.generation + NEVER_GIVEN_OUT


def _repeat(
    session: AuthSession, token: RefreshToken, request: HttpRequest, delivery: Delivery, now: datetime
) -> IssuedTokens:
    """Answer a repeated token: a browser with an access token alone, an app, which shares no jar, with the successor.

    The browser's access token carries the repeated generation, so it does not show that the answer to the rotation
    arrived.
    """
    issued: IssuedTokens
    if delivery == "cookie":
        issued = IssuedTokens.access_alone(session, now, token.generation)
        cookies.refuse_cookies_that_browsers_drop(issued)
    else:
        issued = TokenPair.for_session(session, now)
    _announce_repeated(session, request, lost=False)
    return issued


def _note_detour(before: AuthSession, session: AuthSession, request: HttpRequest) -> None:
    """Tell of a rotation that did not begin at the present generation."""
    presented = session.predecessor_generation
    if presented < before.generation:
        _announce_repeated(session, request, lost=True)
    elif presented > before.generation:
        message = "The row of session %s was at generation %d, behind a token of generation %d: lost in a failover?"
        log(WARNING, message, session.pk, before.generation, presented)


def _announce_repeated(session: AuthSession, request: HttpRequest, *, lost: bool) -> None:
    message = "Refresh token repeated (%s): session %s of user %s, from %s, %r"
    how = "the answer was lost" if lost else "another tab, or a quick retry"
    log(INFO, message, how, session.pk, session.user_id, client_address(request), _user_agent(request))
    announce(refresh_token_repeated, AuthSession, request=request, session=session, lost=lost)


def next_generation(
    session: AuthSession, request: HttpRequest, now: datetime, *, generation: int, predecessor: int
) -> AuthSession:
    """The session as it will be at ``generation``, which ``predecessor`` was presented for. Nothing is written.

    Raises :class:`TokenExpired` where ``SESSION_MAX_AGE`` is over.
    """
    successor = copy.copy(session)
    successor.generation = successor.successor = generation
    successor.predecessor = predecessor
    successor.seen = False
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
    as_read = UnrevokedSession(session.pk, generation=session.generation, **unchanged)
    if not update_if_unchanged(as_read, **changes):
        return False
    announce(token_refreshed, AuthSession, request=request, session=successor)
    return True


def _mark_seen(session: AuthSession, token: SessionToken) -> None:
    """Note that an access token of an answer to the last rotation came back, so it has arrived.

    Once a rotation, after the request's transaction. It delays and fails nobody: where it cannot write, a later request
    does, a minute later at the earliest.
    """
    unmarked = isinstance(token, AccessToken) and not session.is_seen and session.is_answer(token.generation)
    if unmarked and not session.is_device_bound and is_due(session.pk, session.generation):
        as_read = AuthSession.objects.for_write().unrevoked(
            pk=session.pk, generation=session.generation, successor=session.generation, seen=False
        )
        with suppress(TransactionManagementError):  # The project manages transactions by hand.
            transaction.on_commit(partial(_write_seen, as_read), using=as_read.db)


def _write_seen(rows: AuthSessionQuerySet) -> None:
    try:
        update_unless_locked(rows, seen=True)
    except Exception as error:  # A database that takes no writes now is no reason to fail what it could read.
        log(WARNING, "The answer to a rotation arrived, which could not be noted: %s", error)


# --- What a refusal entails ----------------------------------------------------------------------------------------


def _act_on(refusal: APIException, request: HttpRequest) -> None:
    """Revoke, and then report, what a refused refresh token shows."""
    if isinstance(refusal, RefreshTokenReused):
        _revoke_reused(refusal.session, request)
    elif isinstance(refusal, SessionBehind):
        revoke(AuthSession.objects.for_write().filter(pk=refusal.session.pk), Reason.BEHIND, request)
        log(WARNING, "The row of session %s was far behind its token, and was revoked: a backup?", refusal.session.pk)
    elif isinstance(refusal, DeviceProofRequired):
        device_rules.report_copied_refresh_token(refusal.session, request)


def _revoke_reused(session: AuthSession, request: HttpRequest) -> None:
    """Revoke a session, because one of the two parties that hold its tokens stole them. Others of the user live on.

    The order matters: nothing that a log or a receiver does may keep the thief in.
    """
    revoked = revoke_rows(AuthSession.objects.for_write().filter(pk=session.pk), Reason.REUSE)
    address = client_address(request)
    message = "Refresh token reused: session %s of user %s revoked, presented from %s"
    log(WARNING, message, session.pk, session.user_id, address)
    announce_revoked(revoked, request)
    same_client = (address, _user_agent(request)) == (session.ip_address, session.user_agent)
    age = int((current_second() - session.rotated_at).total_seconds())
    announce(refresh_token_reused, AuthSession, request=request, session=session, same_client=same_client, age=age)


# --- Revoke --------------------------------------------------------------------------------------------------------


def revoke(sessions: QuerySet[AuthSession], reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """Revoke those of ``sessions`` that are not revoked, on every host at once, and send a signal for each.

    Returns them. Two requests that revoke the same session at the same moment may both send the signal.
    """
    revoked = revoke_rows(sessions, reason)
    announce_revoked(revoked, request)
    return revoked


def revoke_rows(sessions: QuerySet[AuthSession], reason: str) -> list[AuthSession]:
    """The first half of :func:`revoke`, for a transaction that may be rolled back, or that has more to do first."""
    revoking = list(sessions.filter(revoked_at=None).select_related("user"))
    if not revoking:
        return []
    now = current_second()
    unrevoked = AuthSession.objects.for_write().unrevoked(pk__in=[session.pk for session in revoking])
    if not _mark_revoked(unrevoked, now, reason):
        return []
    for session in revoking:
        session.revoked_at, session.revoked_reason = now, str(reason)
    return revoking


def announce_revoked(revoked: Iterable[AuthSession], request: HttpRequest | None) -> None:
    """The second half of :func:`revoke`."""
    for session in revoked:
        announce(session_revoked, AuthSession, request=request, session=session, reason=session.revoked_reason)


def revoke_by(tokens: Iterable[SessionToken], reason: str, request: HttpRequest | None = None) -> list[AuthSession]:
    """Revoke the sessions that ``tokens`` name, expired ones too, in one statement each. Returns those it revoked.

    Only a token of its device revokes a session that is bound to one (:func:`.device_rules.revocable_by`).
    What this returns, and what ``session_revoked`` sends, is read from the database when somebody looks at it: most
    sign-outs never need it.
    """
    tokens = list(tokens)
    revoked: list[Any] = []  # lazy sessions
    for session_id in dict.fromkeys(token.session_id for token in tokens if token.session_id):
        if _mark_revoked(device_rules.revocable_by(tokens, session_id), current_second(), reason):
            session: Any = SimpleLazyObject(partial(_load_revoked, session_id))
            session.__dict__["pk"] = session_id  # So that whoever needs no more than this reads no row.
            announce(session_revoked, AuthSession, request=request, session=session, reason=str(reason))
            revoked.append(session)
    return revoked


def live_rows(user: AbstractBaseUser) -> AuthSessionQuerySet:
    """The live sessions of ``user``, where they are written."""
    return AuthSession.objects.for_write().live().filter(user_id=user.pk)


def _mark_revoked(unrevoked: Rows, now: datetime, reason: str) -> int:
    # A sign-out that loses to a refresh is repeated until it wins.
    return until_not_lost(lambda: unrevoked.update(revoked_at=now, revoked_reason=str(reason)), using=unrevoked.db)


def _load_revoked(session_id: UUID) -> AuthSession:
    """A session that was revoked by its id alone, for a receiver who wants to see it."""
    session = AuthSession.objects.get_with_user(session_id, hidden_too=True)
    # If somebody deleted its user meanwhile, the row went too.
    return AuthSession(pk=session_id) if session is None else session
