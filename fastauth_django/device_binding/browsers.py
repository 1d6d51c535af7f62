"""What the other routes have to know about a browser that renews its session by itself."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import InvalidToken

from .. import cookies
from ..conf import conf
from ..delivery import access_cookie_tokens, carried_session_ids
from ..exceptions import DeviceProofRequired, SessionRevoked, TryAgain, UserInactive
from ..models import AuthSession
from ..sessions import Reason, live_session, revoke
from . import protocol, rules


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
            if rules.is_of_device(token, session):
                raise DeviceProofRequired(session)
    if protocol.was_skipped(request):
        refusals.append(TryAgain())
    return refusals[0] if refusals else None


def has_idle_refresh_cookie(request: Request) -> bool:
    """Whether the request carries a refresh cookie although its device renews the session."""
    session = getattr(request.auth, "session", None)
    return session is not None and rules.is_of_device(request.auth, session) and bool(cookies.refresh_tokens(request))


def revoke_if_replaced(session: AuthSession, request: HttpRequest) -> None:
    """Revoke ``session``, and raise ``SessionRevoked``, if a later sign-in in the same browser took its place.

    A sign-in revokes the sessions that the request carries. On the way back from another site the request may carry
    none: the access cookie has run out, and the browser renews no cookie for a stranger's link. Then the browser holds
    both sessions, and would renew the older one into the cookie of the later one. Whoever signed in last would act as
    whoever was there before.
    """
    carried = carried_session_ids(request)
    if session.pk not in carried and any(later > session.pk for later in carried):
        revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.REPLACED, request)
        raise SessionRevoked
