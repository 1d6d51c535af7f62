"""Putting a session onto a response and taking it off again, in any view of a project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import router
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication

from . import cookies, csrf, device_binding, sessions
from .conf import Delivery, conf
from .conflicts import unless_deleted, until_not_lost
from .models import AuthSession
from .tokens import AccessToken, RefreshToken, SessionToken, TokenPair, epoch

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from rest_framework.request import Request

Reason = AuthSession.RevokedReason
TokenKind = TypeVar("TokenKind", bound=SessionToken)


def sign_in(
    request: HttpRequest | Request,
    response: HttpResponseBase,
    user: AbstractBaseUser,
    remember: bool = False,
    *,
    token_delivery: Delivery | None = None,
) -> TokenPair:
    """Start a session of ``user`` and deliver it on ``response``, whatever view made that response.

    For a sign-in that this app does not run itself: after OAuth, a one-time code, an invitation. **No CSRF check is
    made**: the view answers for it that no other site sent the request. Any session that the request's own cookies
    carry ends. Sends Django's ``user_logged_in``. Where ``DEVICE_BINDING`` is set, the answer asks the browser to bind
    the session to its device.

    :param request: Django's or REST framework's request.
    :param remember: let the session last ``REMEMBER_ME_TTL`` instead of ``REFRESH_TOKEN_TTL``.
    :param token_delivery: ``"cookie"`` or ``"json"``; ``FASTAUTH["TOKEN_DELIVERY"]`` if left out. In JSON delivery
        nothing but ``Cache-Control`` is put onto ``response``: the body is the view's, from ``pair.as_json()``.
    :raises CookieTooLarge: for claims that no browser would store; nothing has been written then.
    """
    http_request = _http_request(request)
    delivery = token_delivery or conf.TOKEN_DELIVERY
    carried = carried_tokens(http_request) if delivery == "cookie" else []
    with unless_deleted(user):
        pair = _start(user, http_request, response, delivery, remember=remember, replacing=carried)
        if delivery == "cookie":
            csrf.give_token(http_request)
        # Django's own receiver writes last_login; under REPEATABLE READ two sign-ins of one user collide there.
        until_not_lost(
            lambda: user_logged_in.send(sender=user.__class__, request=http_request, user=user),
            using=router.db_for_write(get_user_model()),
        )
    return pair


@sensitive_variables("refresh_token")
def sign_out(
    request: HttpRequest | Request,
    response: HttpResponseBase,
    *,
    refresh_token: str | None = None,
    token_delivery: Delivery | None = None,
) -> list[AuthSession]:
    """End every session whose token ``request`` carries, expired ones too, and clear the cookies on ``response``.

    A garbage token or none at all is no error: whoever asks to be signed out, is. **No CSRF check is made**: the view
    answers for it. Sends Django's ``user_logged_out`` for a user whose session ended. Returns the sessions ended, which
    are read from the database when one of them is looked at.

    :param refresh_token: one more token, from the request's body.
    :param token_delivery: as for :func:`sign_in`. In JSON delivery cookies are neither read nor cleared.
    """
    http_request = _http_request(request)
    tokens = [*_bearer_tokens(http_request), *_read(RefreshToken, [refresh_token] if refresh_token else [])]
    if (token_delivery or conf.TOKEN_DELIVERY) == "cookie":
        tokens += carried_tokens(http_request)
        cookies.clear_auth_cookies(response)
    ended = sessions.revoke_by(tokens, Reason.SIGNED_OUT, http_request)
    announce_signed_out(http_request, ended)
    return ended


def update_session_auth_hash(
    request: HttpRequest | Request,
    response: HttpResponseBase,
    user: AbstractBaseUser,
    *,
    token_delivery: Delivery | None = None,
) -> TokenPair:
    """After a project's own form has changed the password of ``user``: end every session, and start the caller's anew.

    The counterpart of ``django.contrib.auth.update_session_auth_hash``. The caller's session of before ends too, so a
    stolen copy of it dies; whether it was to be remembered carries over. Call it after ``user.save()``, best in the
    same transaction. **No CSRF check is made.** Parameters as for :func:`sign_in`.
    """
    http_request = _http_request(request)
    delivery = token_delivery or conf.TOKEN_DELIVERY
    callers_own = set(_session_ids([*carried_tokens(http_request), *_bearer_tokens(http_request)]))
    ended = sessions.revoke_all(user, Reason.PASSWORD_CHANGED, http_request)
    remember = any(session.remember for session in ended if session.pk in callers_own)
    return _start(user, http_request, response, delivery, remember=remember)


def _start(
    user: sessions.User, request: HttpRequest, response: HttpResponseBase, delivery: Delivery, **how: Any
) -> TokenPair:
    """Begin a session on ``response``. Where sessions are bound to devices, a browser is asked for its key."""
    deliver = issue_onto(response, delivery)
    if delivery != "cookie" or conf.DEVICE_BINDING is None:
        return sessions.start(user, request, deliver, **how)

    def issue(session: AuthSession, now: datetime) -> TokenPair:
        pair = deliver(session, now)
        device_binding.ask_for_key(response, session)
        return pair

    return sessions.start(user, request, issue, asks_for_key=True, **how)


def issue_onto(response: HttpResponseBase, delivery: Delivery) -> sessions.Issue[TokenPair]:
    """A function that mints a session's pair and delivers it on ``response``."""

    def issue(session: AuthSession, now: datetime) -> TokenPair:
        pair = TokenPair.for_session(session, now)
        if delivery == "cookie":
            cookies.set_auth_cookies(response, pair)
        else:
            cookies.forbid_storing(response)
        return pair

    return issue


def issue_to_device(response: HttpResponseBase) -> sessions.Issue[AuthSession]:
    """A function that mints the access token of a device's session and delivers it on ``response``."""

    def issue(session: AuthSession, now: datetime) -> AuthSession:
        token = AccessToken.for_session(session, now, bound=True)
        max_age = token["exp"] - epoch(now)
        cookies.set_bound_access_cookie(response, token, max_age, alone=session.is_device_bound)
        return session

    return issue


def announce_signed_out(request: HttpRequest, ended: Sequence[AuthSession]) -> None:
    """Send Django's ``user_logged_out`` once for each user whose session ended. Who that is, is read when one looks."""
    if len(ended) > 1:
        ended = list({session.user_id: session for session in ended}.values())
    for session in ended:
        user = SimpleLazyObject(partial(_user_of, session))
        user_logged_out.send(sender=get_user_model(), request=request, user=user)


def _user_of(session: AuthSession) -> sessions.User:
    # A session without a user was deleted with its user in this instant. None is what Django's own logout() sends.
    return None if session.user_id is None else session.user


def _http_request(request: HttpRequest | Request) -> HttpRequest:
    """Django's request: receivers of its signals, and packages such as django-axes, set attributes on it."""
    http_request: HttpRequest = getattr(request, "_request", request)
    return http_request


def carried_tokens(request: HttpRequest) -> list[SessionToken]:
    """The tokens in the cookies of ``request`` whose signature is good, expired ones too."""
    return [
        *_read(RefreshToken, cookies.refresh_tokens(request)),
        *_read(AccessToken, cookies.access_tokens(request)),
    ]


def carried_session_ids(request: HttpRequest) -> list[UUID]:
    """The sessions whose tokens, expired or not, are in the cookies of ``request``."""
    return _session_ids(carried_tokens(request))


def access_cookie_tokens(request: HttpRequest) -> list[AccessToken]:
    """The access tokens in the cookies of ``request`` that are good, as far as a token alone can tell."""
    return _read(AccessToken, cookies.access_tokens(request), expired_too=False)


@sensitive_variables()
def _bearer_tokens(request: Any) -> list[SessionToken]:
    authentication = JWTAuthentication()
    header = authentication.get_header(request)
    try:
        raw_token = authentication.get_raw_token(header) if header else None
    except AuthenticationFailed:
        return []
    return _read(AccessToken, [raw_token] if raw_token else [])


@sensitive_variables()
def _read(kind: type[TokenKind], raw_tokens: Iterable[str | bytes], *, expired_too: bool = True) -> list[TokenKind]:
    """Those of ``raw_tokens`` whose signature and type are good."""
    tokens = []
    for raw_token in raw_tokens:
        try:
            tokens.append(kind.read(raw_token, expired_too=expired_too))
        except AuthenticationFailed:
            continue
    return tokens


def _session_ids(tokens: Iterable[SessionToken]) -> list[UUID]:
    return [session_id for session_id in dict.fromkeys(token.session_id for token in tokens) if session_id]
