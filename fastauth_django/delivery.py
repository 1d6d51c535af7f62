"""Putting a session onto a response and taking it off again, in any view of a project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import router, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject
from django.views.decorators.debug import sensitive_variables

from . import cookies, csrf, device_protocol, sessions
from .caching import forbid_storing
from .carried import bearer_tokens, carried_tokens, read_all, sessions_in_former, tokens_to_sign_out
from .conf import Delivery, conf
from .conflicts import unless_deleted, until_not_lost
from .django_session import end_django_session, take_over_django_session
from .models import AuthSession
from .signals import announce
from .tokens import AccessToken, DeviceToken, IssuedTokens, RefreshToken, SessionToken, TokenPair

if TYPE_CHECKING:
    from rest_framework.request import Request

Reason = AuthSession.RevokedReason


def sign_in(
    request: HttpRequest | Request,
    response: HttpResponseBase,
    user: AbstractBaseUser,
    remember: bool = False,
    *,
    token_delivery: Delivery | None = None,
) -> TokenPair:
    """Start a session of ``user`` and deliver it on ``response``, whatever view made that response.

    For a sign-in that this app does not run itself: after OAuth, a one-time code, an invitation. **It makes no CSRF
    check**: the view has to make sure that no other site sent the request, for example with :func:`refuse_forgery`. It
    revokes every session that the request's own cookies carry, and sends Django's ``user_logged_in``. Where
    ``DEVICE_BINDING`` is set, the answer asks the browser to bind the session to its device.

    :param request: Django's or REST framework's request.
    :param remember: let the session last ``REMEMBER_ME_TTL`` instead of ``REFRESH_TOKEN_TTL``.
    :param token_delivery: ``"cookie"`` or ``"json"``; ``FASTAUTH["TOKEN_DELIVERY"]`` if left out. In JSON delivery
        this puts nothing but ``Cache-Control`` onto ``response``: the view fills the body from ``pair.as_json()``.
    :raises CookieTooLarge: for claims that make a cookie larger than browsers store; nothing has been written then.
    """
    http_request = _http_request(request)
    delivery = token_delivery or conf.TOKEN_DELIVERY
    carried = tokens_to_sign_out(http_request) if delivery == "cookie" else []
    with unless_deleted(user):
        if delivery == "cookie":
            take_over_django_session(http_request, user)  # First: a store that is down must leave no session behind.
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
    """Revoke every session whose token ``request`` carries, expired ones too, and clear the cookies on ``response``.

    A garbage token, or none at all, is no error. **It makes no CSRF check**: the view has to make sure that no other
    site sent the request, for example with :func:`refuse_forgery`. Sends Django's ``user_logged_out`` for each user
    whose session it revoked. Returns those sessions, each read from the database when somebody looks at it.

    :param refresh_token: one more token, from the request's body.
    :param token_delivery: as for :func:`sign_in`. In JSON delivery cookies are neither read nor cleared.
    """
    http_request = _http_request(request)
    delivery = token_delivery or conf.TOKEN_DELIVERY
    tokens = [*bearer_tokens(http_request), *read_all(RefreshToken, [refresh_token] if refresh_token else [])]
    if delivery == "cookie":
        tokens += tokens_to_sign_out(http_request)
        cookies.clear_auth_cookies(http_request, response)
    revoked = sessions.revoke_by(tokens, Reason.SIGNED_OUT, http_request)
    announce_signed_out(http_request, revoked)
    if delivery == "cookie":
        # At the end: receivers may look into it, and a store that is down must not keep the cookies' session alive.
        end_django_session(http_request)
    return revoked


def update_session_auth_hash(
    request: HttpRequest | Request,
    response: HttpResponseBase,
    user: AbstractBaseUser,
    *,
    token_delivery: Delivery | None = None,
) -> TokenPair | None:
    """Revoke every session of ``user`` after a password change, and keep the caller signed in with a new one.

    The counterpart of ``django.contrib.auth.update_session_auth_hash``, for a project's own password form. It signs
    nobody in: only a caller who was authenticated by a live session of ``user`` gets a new one, and everybody else gets
    None. The old session is revoked, so that a stolen copy opens nothing. The new one is remembered if the old one was.
    Call it after ``user.save()``, best in the same transaction. **It makes no CSRF check.** Parameters as for
    :func:`sign_in`.
    """
    delivery = token_delivery or conf.TOKEN_DELIVERY
    return _replace_sessions(request, response, user, delivery)


def start_anew(
    request: Request,
    response: HttpResponseBase,
    user: AbstractBaseUser,
    change: Callable[[], None],
    *,
    token_delivery: Delivery,
) -> TokenPair:
    """Run ``change``, which sets the password of ``user``, who has just shown that they know the old one. Revoke every
    session of theirs, and start a new one, all in one transaction.
    """
    return cast("TokenPair", _replace_sessions(request, response, user, token_delivery, change))


def _replace_sessions(
    request: HttpRequest | Request,
    response: HttpResponseBase,
    user: AbstractBaseUser,
    delivery: Delivery,
    change: Callable[[], None] | None = None,
) -> TokenPair | None:
    """Revoke every session of ``user``, and start a new one for a caller whose own session is among them.

    :param change: sets the password first. Then the caller has shown who they are, and gets one in any case.
    """
    http_request = _http_request(request)
    before = sessions.session_of(http_request)
    alias = router.db_for_write(AuthSession)

    def replace() -> tuple[list[AuthSession], TokenPair | None]:
        # If the new session cannot be delivered, the old ones stay, and so does the password.
        with transaction.atomic(using=alias):
            if change is not None:
                change()
            revoked = []
            if before is not None:
                # By itself, so that it is here only if this statement revoked it. If it was revoked meanwhile, who held
                # the request open since then stays out.
                revoked = sessions.revoke_rows(sessions.live_rows(user).filter(pk=before.pk), Reason.PASSWORD_CHANGED)
            is_callers = bool(revoked)
            revoked += sessions.revoke_rows(sessions.live_rows(user), Reason.PASSWORD_CHANGED)
            if change is None and not is_callers:
                return revoked, None
            remember = before is not None and before.remember
            return revoked, _start(user, http_request, response, delivery, remember=remember)

    revoked, pair = until_not_lost(replace, using=alias)
    sessions.announce_revoked(revoked, http_request)
    return pair


def _start(
    user: AbstractBaseUser,
    request: HttpRequest,
    response: HttpResponseBase,
    delivery: Delivery,
    *,
    remember: bool,
    replacing: Sequence[SessionToken] = (),
) -> TokenPair:
    """Begin a session on ``response``. With ``DEVICE_BINDING`` on, the answer asks the browser to make a key."""
    asks_for_key = delivery == "cookie" and conf.DEVICE_BINDING is not None
    if asks_for_key:
        device_protocol.require_means_to_bind(request)
    session, pair = sessions.start(
        user, request, delivery=delivery, remember=remember, replacing=replacing, asks_for_key=asks_for_key
    )
    deliver(pair, response, delivery)
    if delivery == "cookie" and (asks_for_key or cookies.device_tokens(request)):
        # The browser may still have the key of an earlier session, and would renew that one into this one's cookie. A
        # sign-in that another site has posted carries no cookie that would tell.
        cookies.clear_device_cookie(response)
    if asks_for_key:
        device_protocol.ask_for_key(request, response, session)
    return pair


def deliver(issued: IssuedTokens, response: HttpResponseBase, delivery: Delivery) -> None:
    """Put ``issued`` onto ``response``. In JSON delivery the tokens go into the body, which the view fills."""
    if delivery == "cookie":
        cookies.set_auth_cookies(response, issued)
    else:
        forbid_storing(response)


def announce_signed_out(request: HttpRequest, revoked: Sequence[AuthSession]) -> None:
    """Send Django's ``user_logged_out`` once for each user of ``revoked``. The user is read when a receiver looks."""
    if len(revoked) > 1:
        revoked = list({session.user_id: session for session in revoked}.values())
    for session in revoked:
        user = SimpleLazyObject(partial(_user_of, session))
        announce(user_logged_out, get_user_model(), request=request, user=user)


def _user_of(session: AuthSession) -> AbstractBaseUser | None:
    # A session without a user was deleted with its user a moment ago. None is what Django's own logout() sends.
    return None if session.user_id is None else session.user


def _http_request(request: HttpRequest | Request) -> HttpRequest:
    """Django's request: receivers of its signals, and packages such as django-axes, set attributes on it."""
    http_request: HttpRequest = getattr(request, "_request", request)
    return http_request


def clear_cookies_of(
    refused: Collection[UUID],
    request: HttpRequest,
    response: HttpResponseBase,
    *,
    keep: Collection[type[SessionToken]] = (),
) -> None:
    """Clear the cookies on ``response``, but for those that name a session which is not among ``refused``.

    A sibling subdomain may have tossed the token in that was refused. That must not cost the visitor's own session its
    cookies. A token without a session is nobody's.

    :param keep: the kinds of token whose cookies stay in any case.
    """
    others = {type(token) for token in carried_tokens(request) if token.session_id not in {None, *refused}}
    kept = {*keep, *others}
    of_others = [AccessToken, RefreshToken] if sessions_in_former(request).difference(refused) else []
    cookies.clear_auth_cookies(request, response, keep=kept, keep_former={*kept, *of_others})


def clear_refresh_cookie_of(session: AuthSession, request: HttpRequest, response: HttpResponseBase) -> None:
    """Clear the refresh cookie of a session that its device renews."""
    clear_cookies_of([session.pk], request, response, keep=[AccessToken, DeviceToken])
