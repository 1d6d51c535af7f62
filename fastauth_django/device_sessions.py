"""Device binding: bind a session, renew it by the device's signature, and what the other routes leave to the device."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import InvalidToken

from . import cookies, device_protocol
from .carried import access_cookie_tokens, carried_session_ids
from .conf import conf
from .conflicts import update_if_unchanged
from .device_rules import is_of_device
from .exceptions import (
    DeviceAlreadyBound,
    DeviceChallenge,
    DeviceProofInvalid,
    DeviceProofRequired,
    SessionRevoked,
    TryAgain,
    UserInactive,
)
from .models import AuthSession, UnrevokedSession
from .sessions import Reason, find_live, live_session, next_generation, put_generation, revoke
from .tokens import AccessToken, DeviceToken, current_second


def device_session(session_id: UUID) -> AuthSession:
    """The live session that a device claims. The device still has to prove that.

    Raises as :func:`find_live` does, and :class:`DeviceProofInvalid` if no device has a key of it.
    """
    session = find_live(session_id)
    if not session.device_key:
        raise DeviceProofInvalid
    return session


def bind(token: AccessToken, generation: int, device_key: str) -> tuple[AuthSession, AccessToken]:
    """Give the session of ``token`` the key of its device. Return it, with the first access token for the device.

    Until the binding is final another key may replace this one.

    :param generation: the one in the challenge that the key signed.

    Raises the refusals of :func:`live_session`, :class:`DeviceProofInvalid` for a session that was refreshed since or
    whose browser was never asked, :class:`DeviceAlreadyBound`, and ``CookieTooLarge`` before it writes.
    """
    session = live_session(token)
    if session.is_device_bound:
        raise DeviceAlreadyBound
    if session.device_key is None or session.generation != generation:
        raise DeviceProofInvalid
    bound = copy.copy(session)
    bound.device_key = device_key
    access = _mint(bound, current_second())
    unconfirmed = UnrevokedSession(session.pk, device_bound_at=None)
    if not update_if_unchanged(unconfirmed, device_key=device_key, device_cookie=True):
        live_session(token)  # If the session was revoked meanwhile, this raises that.
        raise DeviceAlreadyBound
    return bound, access


def renew(session: AuthSession, generation: int, request: HttpRequest) -> tuple[AuthSession, AccessToken]:
    """Rotate a session whose device has signed the challenge of ``generation``. Return it, with an access token.

    The signature also makes a binding final that is not final yet. Raises :class:`DeviceChallenge` if the challenge is
    not the current one, because another tab was first. A repeated proof gets no token.
    """
    if session.generation == generation:
        now = current_second()
        successor = next_generation(session, request, now, generation=generation + 1, predecessor=generation)
        successor.device_bound_at = session.device_bound_at or now
        successor.device_cookie = True
        access = _mint(successor, now)
        if put_generation(session, successor, request, device_key=session.device_key):
            return successor, access
        session = device_session(session.pk)
    raise DeviceChallenge(session)


def require_device_cookie(session: AuthSession, request: Request) -> None:
    """Raise :class:`DeviceProofInvalid` if ``request`` does not carry the device cookie of ``session``.

    A signature alone renews nothing: should a script ever bind the session to a key of its own, it still cannot read
    the cookie and take it somewhere else. A session that was bound before there was this cookie gets it by its next
    renewal. Raises :class:`TryAgain`, after which browsers keep the session, for a request without any cookie of ours
    where the project trusts other sites: for a link from there browsers renew the session, and send no ``SameSite``
    cookie.
    """
    if session.device_cookie and session.pk not in carried_session_ids(request, DeviceToken):
        may_be_link = bool(device_protocol.trusted_hosts()) and not cookies.are_carried(request)
        raise TryAgain if may_be_link else DeviceProofInvalid


def _mint(session: AuthSession, now: datetime) -> AccessToken:
    access = AccessToken.for_session(session, now, bound=True)
    cookies.refuse_bound_cookie_that_browsers_drop(access)
    return access


def leave_to_device(request: Request) -> APIException | None:
    """Return :class:`DeviceProofRequired` if the browser renews the session itself, so that nobody else refreshes it.

    The access cookie of its device shows that, and also makes the binding final, here as everywhere. The session's
    refresh cookie beside it is no sign of a theft: no answer has cleared it yet. If the browser did renew a session and
    cannot now, returns the refusal that says why.
    """
    if conf.DEVICE_BINDING is None and cookies.refresh_tokens(request):
        return None  # No browser is asked for a key, and this request has what it needs: spare it the query.
    refusals: list[APIException] = []
    for token in access_cookie_tokens(request):
        if token.key_thumbprint is None:
            continue
        try:
            session = live_session(token)
        except (InvalidToken, UserInactive) as refusal:
            refusals.append(refusal)
        else:
            if is_of_device(token, session):
                return DeviceProofRequired(session)
    if device_protocol.was_skipped(request):
        refusals.append(TryAgain())
    return refusals[0] if refusals else None


def has_idle_refresh_cookie(request: Request) -> bool:
    """Whether the request carries a refresh cookie although its device renews the session."""
    session = getattr(request.auth, "session", None)
    return session is not None and is_of_device(request.auth, session) and bool(cookies.refresh_tokens(request))


def revoke_if_replaced(session: AuthSession, request: HttpRequest) -> None:
    """Revoke ``session``, and raise ``SessionRevoked``, if its user signed in again in the same browser since then.

    That sign-in did not carry the cookies of ``session``, if another site posted it. Only a live session of the same
    user counts: a sibling subdomain can toss in cookies of any other. (A sign-in of another user clears the device
    cookie, without which the browser renews nothing.)
    """
    later = [carried for carried in carried_session_ids(request) if carried > session.pk]
    if later and AuthSession.objects.for_write().live().filter(pk__in=later, user_id=session.user_id).exists():
        revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.REPLACED, request)
        raise SessionRevoked


def require_ended(request: Request, revoked: Sequence[AuthSession]) -> None:
    """Raise :class:`TryAgain` after a sign-out that the browser would undo.

    A browser that could not renew a session says so, and may send none of its cookies. It tries again in a minute.
    """
    if not device_protocol.was_skipped(request):
        return
    skipped = device_protocol.skipped_sessions(request)
    live = AuthSession.objects.for_write().live().filter(pk__in=skipped)
    if live.exists() if skipped else not revoked:
        raise TryAgain
