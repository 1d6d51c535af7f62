"""Bind a session to a device, and renew it by the device's signature: what the two routes do to the row."""

from __future__ import annotations

import copy
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest

from .. import cookies
from ..conflicts import update_if_unchanged
from ..exceptions import DeviceAlreadyBound, DeviceChallenge, DeviceProofInvalid
from ..models import AuthSession
from ..sessions import find_live, live_session, next_generation, put_generation
from ..tokens import AccessToken, present


def device_session(session_id: UUID) -> AuthSession:
    """The live session of which a device says that it is its own. The device still has to prove that.

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
    access = _mint(bound, present())
    unconfirmed = AuthSession.objects.for_write().unrevoked(pk=session.pk, device_bound_at=None)
    if not update_if_unchanged(unconfirmed, device_key=device_key):
        live_session(token)  # If the session was revoked meanwhile, this raises that.
        raise DeviceAlreadyBound
    return bound, access


def renew(session: AuthSession, generation: int, request: HttpRequest) -> tuple[AuthSession, AccessToken]:
    """Rotate a session whose device has signed the challenge of ``generation``. Return it, with an access token.

    The signature also makes a binding final that is not final yet. Raises :class:`DeviceChallenge` if the challenge is
    not today's, because another tab was first. No successor is given twice, or whoever repeats a proof would get it.
    """
    if session.generation == generation:
        now = present()
        successor = next_generation(session, request, now)
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
