"""Device binding: which tokens still count for a session that is, or will be, bound to a device.

A browser that binds a session makes a key pair in hardware and signs a challenge with it. From then on it renews the
short-lived access cookie by itself, with a new signature each time. Whoever copies the cookies cannot sign. A reader of
the rest of the app need not open the four modules of device binding: this one, :mod:`.device_protocol` (the W3C draft),
:mod:`.device_sessions` (bind and renew) and :mod:`.device_views` (the two routes that browsers call by themselves).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from logging import WARNING
from uuid import UUID

from django.http import HttpRequest

from .client_address import client_address
from .conf import conf
from .conflicts import is_due, update_in_passing
from .exceptions import DeviceProofRequired
from .models import AuthSession, UnrevokedSession
from .signals import announce, device_proof_failed, log
from .tokens import AccessToken, DeviceToken, RefreshToken, SessionToken, current_second, epoch

TIME_TO_BIND = timedelta(minutes=1)  # from the answer that asks a browser for its key


def is_of_device(token: object, session: AuthSession) -> bool:
    """Whether ``token`` is one of the access tokens that the session's device was given."""
    return isinstance(token, AccessToken) and token.key_thumbprint == session.key_thumbprint is not None


def is_overdue(session: AuthSession, token: SessionToken) -> bool:
    """Whether ``DEVICE_BINDING`` is ``"required"`` and the browser has not bound the session in time."""
    return (
        conf.DEVICE_BINDING == "required"
        and not session.is_device_bound
        and current_second() - session.created_at > TIME_TO_BIND
        and not is_of_device(token, session)
    )


def require_device(session: AuthSession, token: SessionToken) -> None:
    """Raise :class:`DeviceProofRequired` for a token of a bound session that its device was not given.

    A session has three states: its browser was asked for a key; it has sent one; the binding is final. In the second
    state all tokens count, because a browser that missed the answer does not ask again. The first token of the device
    shows that the answer arrived, and makes the binding final. From then on every other token is a copy.
    """
    if is_of_device(token, session):
        if not session.is_device_bound:
            _confirm(session)
    elif session.is_device_bound and (isinstance(token, RefreshToken) or not _was_bound_just_now(session)):
        raise DeviceProofRequired(session)


def _confirm(session: AuthSession) -> None:
    """Make the device's key final. If this loses a race, a later request does it."""
    session.device_bound_at = current_second()
    unconfirmed = UnrevokedSession(session.pk, device_key=session.device_key, device_bound_at=None)
    update_in_passing(unconfirmed, device_bound_at=session.device_bound_at)


def _was_bound_just_now(session: AuthSession) -> bool:
    """Whether an access token from before the binding may have been on its way when the binding became final."""
    bound_at = session.device_bound_at
    return bound_at is not None and current_second() - bound_at <= timedelta(seconds=conf.REFRESH_GRACE)


def revocable_by(tokens: Collection[SessionToken], session_id: UUID) -> UnrevokedSession:
    """The session ``session_id``, if one of ``tokens`` may revoke it.

    Only a token of its device, which has not expired, may revoke a bound session. Every other token is from before the
    binding, and a thief who copied it could sign the owner out for as long as the session lives.
    """
    # Two more count: one that was on its way when the binding became final, and one from a host whose clock is behind.
    moment_ago = current_second() - timedelta(seconds=conf.REFRESH_GRACE)
    of_device = any(
        (isinstance(token, DeviceToken) or (isinstance(token, AccessToken) and token.key_thumbprint is not None))
        and token.session_id == session_id
        and token["exp"] > epoch(moment_ago)
        for token in tokens
    )
    return UnrevokedSession(session_id, unbound_or_since=None if of_device else moment_ago)


def report_copied_refresh_token(session: AuthSession, request: HttpRequest) -> None:
    """Report a refresh token of a bound session, unless it was on its way when the binding became final."""
    if not _was_bound_just_now(session):
        report_failed_proof(session, "refresh_token", request)


def report_failed_proof(session: AuthSession, reason: str, request: HttpRequest) -> None:
    """Log, and signal, that somebody without the device's key wants a session that is bound to it.

    However often somebody tries, each process tells of a session and a reason once a minute.

    The session lives on. Without the key it is safe, and its id stands in every copied token: if this revoked it, a
    thief could sign the owner out.
    """
    if not is_due("device proof", session.pk, reason):
        return
    message = "Device proof failed (%s): session %s of user %s goes on, refused to %s"
    log(WARNING, message, reason, session.pk, session.user_id, client_address(request))
    announce(device_proof_failed, AuthSession, request=request, session=session, reason=reason)
