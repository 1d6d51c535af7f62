"""The two routes that a browser calls by itself, to keep a session bound to its device."""

from __future__ import annotations

from abc import abstractmethod
from uuid import UUID

from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import InvalidToken

from . import cookies
from . import device_protocol as protocol
from .carried import carried_session_ids
from .conf import Delivery, conf
from .delivery import clear_cookies_of, clear_refresh_cookie_of
from .device_rules import report_failed_proof
from .device_sessions import bind, device_session, renew, require_device_cookie, revoke_if_replaced
from .exceptions import (
    DeviceAlreadyBound,
    DeviceChallenge,
    DeviceProofInvalid,
    Refusals,
    TokenInvalid,
    TryAgain,
    UserInactive,
)
from .models import AuthSession
from .sessions import FIND_LIVE_REFUSALS, LIVE_SESSION_REFUSALS
from .tokens import AccessToken, DeviceToken, current_second
from .views import ActView


class DeviceView(ActView):
    """What both routes share: they always deliver a cookie, whatever ``TOKEN_DELIVERY`` says."""

    throttle_classes = ()  # A device renews every few minutes: "100 a day" would end its work before noon.

    @property
    def delivery(self) -> Delivery:
        return "cookie"

    def post(self, request: Request, *args: object, **prefix: object) -> Response:
        protocol.refuse_scripts(request)
        # The browser calls by itself and has no CSRF token. It says which page caused the request, as always.
        self.refuse_forgery(request, csrf_token_can_be_sent=False)
        return self.keep_bound(request)

    @abstractmethod
    def keep_bound(self, request: Request) -> Response:
        """Answer a request that the browser made by itself, and that no page of another site has caused."""

    def give(self, session: AuthSession, access: AccessToken) -> Response:
        response = Response(protocol.instructions(self.request, session))
        cookies.set_bound_cookies(response, access, DeviceToken.for_session(session, current_second()))
        if session.is_device_bound:
            # The device alone renews the session now, so there is no refresh token to steal.
            clear_refresh_cookie_of(session, self.request, response)
        return response


class DeviceBindView(DeviceView):
    """Bind a session to the key of the device that it started on."""

    refusals: Refusals = (NotFound, DeviceProofInvalid, *LIVE_SESSION_REFUSALS, DeviceAlreadyBound)

    def keep_bound(self, request: Request) -> Response:
        if conf.DEVICE_BINDING is None:
            raise NotFound
        registration = protocol.read_registration(request)
        token = self.own_token(request, registration.session_id)
        return self.give(*bind(token, registration.generation, registration.device_key))

    @sensitive_variables()
    def own_token(self, request: Request, session_id: UUID) -> AccessToken:
        """The session's own access token. It has to be in a cookie, because that cookie is what the device renews."""
        for raw_token in cookies.access_tokens(request):
            try:
                token = AccessToken.read(raw_token)
            except InvalidToken:
                continue
            if token.session_id == session_id:
                return token
        raise TokenInvalid


class DeviceRefreshView(DeviceView):
    """Renew the access cookie of a bound session, for whoever holds the device's key and its cookie.

    Sessions that are bound already are also served after ``DEVICE_BINDING`` was switched off: they have no other way.
    """

    refusals: Refusals = (DeviceProofInvalid, *FIND_LIVE_REFUSALS, DeviceChallenge, TryAgain)

    def keep_bound(self, request: Request) -> Response:
        session = device_session(protocol.session_id_of(request))
        try:
            generation = protocol.read_proof(request, session)
        except DeviceProofInvalid:
            report_failed_proof(session, "signature", request._request)
            raise
        require_device_cookie(session, request)
        revoke_if_replaced(session, request._request)
        renewed, access = renew(session, generation, request._request)
        response = self.give(renewed, access)
        # With the next challenge at hand, the browser saves a round trip at the next refresh.
        protocol.put_challenge(response, renewed)
        return response

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(exc, DeviceChallenge):
            protocol.put_challenge(response, exc.session)
        elif isinstance(exc, InvalidToken | UserInactive) and not isinstance(exc, DeviceProofInvalid):
            session_id = protocol.session_id_of(self.request)
            # The session is over. Where the request carries no cookie of it, another answer may be setting new ones.
            if session_id in carried_session_ids(self.request):
                clear_cookies_of([session_id], self.request, response)
        return response
