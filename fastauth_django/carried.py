"""The tokens that a request carries, in its cookies and its header, as far as the tokens alone can tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import AuthenticationFailed

from . import cookies
from .bearer import BearerAuthentication
from .exceptions import TryAgain
from .tokens import AccessToken, DeviceToken, RefreshToken, SessionToken

TokenKind = TypeVar("TokenKind", bound=SessionToken)


def carried_tokens(request: HttpRequest) -> list[SessionToken]:
    """The tokens in the cookies of ``request`` whose signature is good, expired ones too."""
    return [
        *read_all(RefreshToken, refresh_values(request)),
        *read_all(AccessToken, access_values(request)),
        *read_all(DeviceToken, cookies.device_tokens(request)),
    ]


def tokens_to_sign_out(request: HttpRequest) -> list[SessionToken]:
    """:func:`carried_tokens`, and those in cookies of former names, which do not tell what kind of token they hold."""
    values = cookies.former_values(request)
    former = [token for kind in (RefreshToken, AccessToken, DeviceToken) for token in read_all(kind, values)]
    return carried_tokens(request) + former


def carried_session_ids(request: HttpRequest, kind: type[SessionToken] = SessionToken) -> list[UUID]:
    """The sessions whose tokens of a ``kind``, expired or not, are in the cookies of ``request``."""
    return _session_ids(token for token in carried_tokens(request) if isinstance(token, kind))


def access_cookie_tokens(request: HttpRequest) -> list[AccessToken]:
    """The access tokens in the cookies of ``request`` that are good, as far as a token alone can tell."""
    return read_all(AccessToken, cookies.access_tokens(request), expired_too=False)


@sensitive_variables()
def bearer_tokens(request: HttpRequest) -> list[AccessToken]:
    """The access token in the header, if its signature is good."""
    authentication = BearerAuthentication()
    header = authentication.get_header(request)
    try:
        raw_token = authentication.get_raw_token(header) if header else None
    except AuthenticationFailed:
        return []
    return read_all(AccessToken, [raw_token] if raw_token else [])


def access_values(request: HttpRequest) -> list[str]:
    """The values of the access cookies, and of former ones that count (:func:`_handed_over`)."""
    return _and_former(request, AccessToken, cookies.access_tokens(request))


def refresh_values(request: HttpRequest) -> list[str]:
    """The values of the refresh cookies, and of former ones that count (:func:`_handed_over`)."""
    return _and_former(request, RefreshToken, cookies.refresh_tokens(request))


def _and_former(request: HttpRequest, kind: type[SessionToken], todays: list[str]) -> list[str]:
    former = cookies.former_tokens(request, kind)
    return [*dict.fromkeys([*todays, *_handed_over(request, former, kind)])] if former else todays


@sensitive_variables()
def _handed_over(request: HttpRequest, former: list[str], kind: type[SessionToken]) -> list[str]:
    """Those of the values of ``former`` cookies in use (``read_until``) that cannot swap the visitor.

    A sibling subdomain can plant a former name. Where today's access or refresh cookie came, a former one counts for
    the session that they name, which a deployment beside this one may have renewed. Where neither came, the device
    cookie and the former refresh cookies name the session, if it is only one: the device cookie may have a plain name
    too. A former access cookie alone is nothing.
    """
    todays_access, todays_refresh = cookies.access_tokens(request), cookies.refresh_tokens(request)
    if todays_access or todays_refresh:
        own = {*session_ids_of(AccessToken, todays_access), *session_ids_of(RefreshToken, todays_refresh)}
    else:
        own = sessions_in_former(request).union(session_ids_of(DeviceToken, cookies.device_tokens(request)))
        if len(own) > 1:
            return []  # Nobody can tell which one is the visitor's own.
    return [raw_token for raw_token in former if own.intersection(session_ids_of(kind, [raw_token]))]


def sessions_in_former(request: HttpRequest) -> set[UUID]:
    """The sessions that the former refresh cookies name, where they are still in use (``read_until``)."""
    return {*session_ids_of(RefreshToken, cookies.former_tokens(request, RefreshToken))}


def tells_of_no_session(request: HttpRequest) -> bool:
    """Whether ``request`` shows that the browser has no cookie of ours: none came, and each would have come here.

    That the access cookie is missing says nothing alone. It goes when its token expires, and the refresh cookie stays.
    """
    return not cookies.are_carried(request, or_former=True) and cookies.would_be_sent_to(request.path)


def session_ids_of(kind: type[SessionToken], raw_tokens: Iterable[str]) -> list[UUID]:
    """The sessions that ``raw_tokens`` name, expired ones too."""
    return _session_ids(read_all(kind, raw_tokens))


def _session_ids(tokens: Iterable[SessionToken]) -> list[UUID]:
    return [session_id for session_id in dict.fromkeys(token.session_id for token in tokens) if session_id]


@sensitive_variables()
def read_all(kind: type[TokenKind], raw_tokens: Iterable[str | bytes], *, expired_too: bool = True) -> list[TokenKind]:
    """Those of ``raw_tokens`` whose signature and type are good."""
    tokens = []
    for raw_token in raw_tokens:
        try:
            tokens.append(kind.read(raw_token, expired_too=expired_too))
        except (AuthenticationFailed, TryAgain):
            continue
    return tokens
