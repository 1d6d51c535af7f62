"""Device binding: bind a session, renew it by the device's signature, and what the other routes leave to the device."""

from __future__ import annotations

import copy
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import InvalidToken

from . import cookies, device_protocol
from .conf import conf
from .conflicts import update_if_unchanged
from .delivery import access_cookie_tokens, carried_session_ids
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
from .models import AuthSession
from .sessions import Reason, find_live, live_session, next_generation, put_generation, revoke
from .tokens import AccessToken, current_second


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
    unconfirmed = AuthSession.objects.for_write().unrevoked(pk=session.pk, device_bound_at=None)
    if not update_if_unchanged(unconfirmed, device_key=device_key):
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
        access = _mint(successor, now)
        if put_generation(session, successor, request, device_key=session.device_key):
            return successor, access
        session = device_session(session.pk)
    raise DeviceChallenge(session)


def _mint(session: AuthSession, now: datetime) -> AccessToken:
    access = AccessToken.for_session(session, now, bound=True)
    cookies.refuse_bound_cookie_that_browsers_drop(access)
    return access


def leave_to_device(request: Request) -> APIException | None:
    """Raise :class:`DeviceProofRequired` if the browser renews the session itself, so that nobody else refreshes it.

    The access cookie of its device shows that, and also makes the binding final, here as everywhere. A refresh cookie
    beside it is no sign of a theft: no answer has cleared it yet, or a sibling subdomain set it. If the browser did
    renew a session and cannot now, returns the refusal that says why.
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
                raise DeviceProofRequired(session)
    if device_protocol.was_skipped(request):
        refusals.append(TryAgain())
    return refusals[0] if refusals else None


def has_idle_refresh_cookie(request: Request) -> bool:
    """Whether the request carries a refresh cookie although its device renews the session."""
    session = getattr(request.auth, "session", None)
    return session is not None and is_of_device(request.auth, session) and bool(cookies.refresh_tokens(request))


def revoke_if_replaced(session: AuthSession, request: HttpRequest) -> None:
    """Revoke ``session``, and raise ``SessionRevoked``, if a later sign-in in the same browser took its place.

    How a browser comes to hold two sessions:

    1. Ada's access cookie has expired, and she follows a link from another site to the sign-in page. The browser renews
       no cookie for a stranger's link, so the request carries none.
    2. Bob signs in. The sign-in revokes the sessions that the request carries, which are none.
    3. The browser renews Ada's session into the cookie of Bob's, and Bob would act as Ada.
    """
    carried = carried_session_ids(request)
    if session.pk not in carried and any(later > session.pk for later in carried):
        revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.REPLACED, request)
        raise SessionRevoked
