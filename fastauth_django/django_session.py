"""Django's own session, where a request carries one: nothing of it may survive into another identity."""

from __future__ import annotations

import logging

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils.crypto import constant_time_compare

logger = logging.getLogger("fastauth_django.security")


def take_over_django_session(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Do to Django's session, and its CSRF secret, what Django's ``login()`` would do. Start none.

    Flush it if it is another user's, or of an older password, so that an old session of the admin does not outvote the
    new cookie. Give it a new key if it is a visitor's, so that nobody knows the key who planted the old one (session
    fixation).
    """
    session = _session_of(request)
    if session is None:
        return
    owner = session.get(SESSION_KEY)  # reads it
    if session.session_key is None:
        return  # The cookie names no session that exists.
    if owner is None:
        session.cycle_key()
    elif owner != user._meta.pk.value_to_string(user) or not constant_time_compare(
        session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
    ):
        session.flush()
    rotate_token(request)


def end_django_session(request: HttpRequest) -> None:
    """Flush Django's session, as Django's ``logout()`` does. A store that is down is logged, and stops no sign-out."""
    session = _session_of(request)
    if session is not None:
        try:
            session.flush()
        except Exception:  # Whatever a session store raises.
            logger.exception("Django's session could not be flushed at a sign-out")


def _session_of(request: HttpRequest) -> SessionBase | None:
    """The session that the request's cookie names. None without that cookie, or without the middleware."""
    session: SessionBase | None = getattr(request, "session", None)
    return None if getattr(session, "session_key", None) is None else session
