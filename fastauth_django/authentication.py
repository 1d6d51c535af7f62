"""REST framework authentication: by the access cookie or ``Authorization: Bearer``."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt import settings as simplejwt

from . import cookies, csrf, sessions
from .bearer import BearerAuthentication, header_name, schemes
from .caching import vary_on_credentials
from .carried import access_values
from .conf import conf
from .exceptions import TokenInvalid, UserInactive, code_of
from .tokens import AccessToken

REFUSAL_ATTRIBUTE = "_fastauth_refusal"


class CookieJWTAuthentication(BearerAuthentication):
    """Authenticates by the access cookie, and without a usable one by the header::

        Cookie: access_token=<token>
        Authorization: Bearer <token>

    Where ``TOKEN_DELIVERY`` is ``"json"`` a header counts first: clients there have a token of their own, and a
    cookie that a sibling subdomain has planted must not make them somebody else. A stale cookie is forgiven: the
    request goes on as anonymous, so that public views keep working. A client sends a header on purpose, so a bad
    one is a 401. A forged request that carries a good cookie is a 403. One query reads the session and its user, so
    signing out, revoking and a password change take effect at once.
    """

    @sensitive_variables()
    def authenticate(self, request: Request) -> tuple[Any, AccessToken] | None:
        vary_on_credentials(request, header_name())
        authenticated, fault = None, None
        http_request = getattr(request, "_request", request)
        if cookies.came_with(http_request):  # Whoever carries nothing pays for nothing.
            delivery = conf.TOKEN_DELIVERY
            if delivery == "json":
                authenticated = self.authenticate_by_header(request)
            if authenticated is None:
                authenticated = self.authenticate_by_cookie(http_request)
                fault = None if authenticated is None else csrf.forgery_fault(request)
        if authenticated is None or fault is not None:
            authenticated = self.authenticate_by_header(request)
        if authenticated is None and fault is not None:
            raise csrf.refusal(request, fault)
        if authenticated is not None:
            sessions.remember_session(request, authenticated[1].session)
        return authenticated

    def authenticate_by_header(self, request: Request) -> tuple[Any, AccessToken] | None:
        """The user and the token of ``Authorization: Bearer``, or None without it. Raises the refusal of a bad one."""
        try:
            return cast("tuple[Any, AccessToken] | None", super().authenticate(request))
        except AuthenticationFailed as refusal:
            remember_refusal(request, refusal)
            raise

    def authenticate_by_cookie(self, request: HttpRequest) -> tuple[Any, AccessToken] | None:
        """The user and the token of the first access cookie that is good, or None.

        If none is good, the refusal is remembered, for a 401 further on. :func:`.csrf.forgery_fault` decides whether
        the request may act with the cookie.
        """
        refusals = []
        for raw_token in access_values(request):
            try:
                token = self.get_validated_token(raw_token)
                if token.session_id is None:
                    raise TokenInvalid  # ACCEPT_TOKENS_WITHOUT_SESSION is for headers only.
                user = self.get_user(token)
            except AuthenticationFailed as refusal:
                refusals.append(refusal)
                continue
            token.from_cookie = True
            return user, token
        if refusals:
            remember_refusal(request, refusals[0])
        return None

    def authenticate_header(self, request: HttpRequest) -> str:
        """The challenge of a 401 (RFC 6750, section 3), with the reason when a token was sent, in a cookie too."""
        return challenge(request)

    @sensitive_variables()
    def get_validated_token(self, raw_token: str | bytes) -> AccessToken:
        """Check signature, type and expiry of an access token. Raises ``TokenInvalid`` or ``TokenExpired``."""
        return _admissible(AccessToken.read(raw_token))

    def get_user(self, validated_token: Any) -> Any:
        """The user, if the token's session is live. Raises the refusal that says why it is not.

        :param validated_token: of :meth:`get_validated_token`, or one of simplejwt's classes, or its claims.
        """
        token = _admissible(validated_token)
        if token.session_id is None:
            try:
                user = super().get_user(token)
            except (ValueError, ValidationError) as error:
                raise TokenInvalid from error  # The id is of another kind, because the user model's key was changed.
            if not sessions.may_sign_in(user):
                raise UserInactive
            return user
        token.session = sessions.live_session(token)
        return token.session.user


class CookieJWTStatelessUserAuthentication(CookieJWTAuthentication):
    """The same order without a database, for services that only verify: the user is simplejwt's ``TokenUser``.

    It notices a revoked session only when the access token expires.
    """

    def get_user(self, validated_token: Any) -> Any:
        return simplejwt.api_settings.TOKEN_USER_CLASS(_admissible(validated_token))


def _admissible(validated_token: Any) -> AccessToken:
    """``validated_token`` as one of ours. Raises ``TokenInvalid`` for another type, and where it needs a session."""
    is_ours = isinstance(validated_token, AccessToken)
    token = validated_token if is_ours else AccessToken.of_claims(getattr(validated_token, "payload", validated_token))
    if token.session_id is None and not conf.ACCEPT_TOKENS_WITHOUT_SESSION:
        raise TokenInvalid
    return token


def challenge(request: HttpRequest) -> str:
    """The value of ``WWW-Authenticate``: with a reason when the request carried a token that was refused."""
    value = f'{schemes()[0]} realm="{BearerAuthentication.www_authenticate_realm}"'
    refusal = refusal_of(request)
    if refusal is not None:
        value += f', error="invalid_token", error_description="{code_of(refusal)}"'
    return value


def remember_refusal(request: HttpRequest, refusal: AuthenticationFailed) -> None:
    """Keep the refusal of a token. The request may go on as anonymous, and a view may answer it with 401 later."""
    setattr(getattr(request, "_request", request), REFUSAL_ATTRIBUTE, refusal)


def refusal_of(request: HttpRequest) -> AuthenticationFailed | None:
    """The refusal of a token that the request carried, if one was refused."""
    return getattr(getattr(request, "_request", request), REFUSAL_ATTRIBUTE, None)
