"""What tests read off an answer, a token and the table of sessions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal

from fastauth_django.models import AuthSession
from fastauth_django.tokens import AccessToken, RefreshToken
from tests.clients import ACCESS, REFRESH


def access_claims(raw_token: str) -> dict[str, Any]:
    return AccessToken.read(raw_token, expired_too=True).payload


def refresh_claims(raw_token: str) -> dict[str, Any]:
    return RefreshToken.read(raw_token, expired_too=True).payload


def session_of(client: Any) -> AuthSession:
    """The row of the session whose refresh token the browser or the app holds."""
    raw_token = client.cookie(REFRESH) if hasattr(client, "cookie") else client.refresh_token
    return AuthSession.objects.get(pk=RefreshToken.read(raw_token, expired_too=True).session_id)


def is_alive(session: AuthSession) -> bool:
    return AuthSession.objects.live().filter(pk=session.pk).exists()


def revoked_reason(session: AuthSession) -> str:
    session.refresh_from_db()
    return session.revoked_reason


def sets_cookies(response: Any) -> bool:
    """Whether both cookies are set to a token."""
    return all(name in response.cookies and response.cookies[name].value for name in (ACCESS, REFRESH))


def clears_cookies(response: Any) -> bool:
    """Whether both cookies are removed."""
    return all(name in response.cookies and response.cookies[name]["max-age"] == 0 for name in (ACCESS, REFRESH))


def touches_no_cookie(response: Any) -> bool:
    return not {ACCESS, REFRESH} & set(response.cookies)


def holds_token(response: Any) -> bool:
    """Whether the body has anything that looks like a JWT."""
    return b"eyJ" in response.content


@contextmanager
def listening(*signals: Signal) -> Iterator[list[tuple[Signal, dict[str, Any]]]]:
    """What the signals say while the block runs, in order: pairs of the signal and its arguments."""
    heard: list[tuple[Signal, dict[str, Any]]] = []

    def hear(signal: Signal, **kwargs: Any) -> None:
        heard.append((signal, kwargs))

    for each in signals:
        each.connect(hear)
    try:
        yield heard
    finally:
        for each in signals:
            each.disconnect(hear)
