"""Can this app sign and verify tokens, and nobody else sign them?"""

from __future__ import annotations

from collections.abc import Iterator
from time import time

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core import checks, mail
from jwt import algorithms
from rest_framework_simplejwt import settings as simplejwt
from rest_framework_simplejwt.backends import ALLOWED_ALGORITHMS

from ..conf import conf
from ..tokens import GENERATION_CLAIM, SESSION_CLAIM, AccessToken, token_backend
from . import messages, project

KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
NAMED_CLAIMS = ("USER_ID_CLAIM", "TOKEN_TYPE_CLAIM", "JTI_CLAIM")

_SLIDING = "this app has no sliding tokens: a session's end moves with each refresh"

#: simplejwt's keys that only its own views and classes read, and what this app does instead.
IGNORED = {
    "ROTATE_REFRESH_TOKENS": "this app rotates the refresh token at every refresh",
    "BLACKLIST_AFTER_ROTATION": "this app accepts a refresh token once, and needs no blacklist",
    "UPDATE_LAST_LOGIN": "this app sends Django's user_logged_in signal, which updates last_login",
    "ON_LOGIN_SUCCESS": "this app sends Django's user_logged_in signal",
    "ON_LOGIN_FAILED": "Django sends its user_login_failed signal",
    "CHECK_REVOKE_TOKEN": "a new password revokes every session",
    "REVOKE_TOKEN_CLAIM": "a new password revokes every session, and no token carries its hash",
    "AUTH_TOKEN_CLASSES": "this app reads its own access tokens",
    "TOKEN_OBTAIN_SERIALIZER": "LOGIN_SERIALIZER checks a sign-in, and TOKEN_CLAIMS adds claims",
    "TOKEN_REFRESH_SERIALIZER": "TOKEN_CLAIMS adds claims at a refresh too",
    "TOKEN_VERIFY_SERIALIZER": "this app has no view that verifies a token",
    "TOKEN_BLACKLIST_SERIALIZER": "this app's logout revokes the session",
    "SLIDING_TOKEN_OBTAIN_SERIALIZER": _SLIDING,
    "SLIDING_TOKEN_REFRESH_SERIALIZER": _SLIDING,
    "SLIDING_TOKEN_REFRESH_EXP_CLAIM": _SLIDING,
    "SLIDING_TOKEN_LIFETIME": _SLIDING,
    "SLIDING_TOKEN_REFRESH_LIFETIME": _SLIDING,
}


def faults() -> Iterator[checks.CheckMessage]:
    yield from list(_algorithm_faults()) or list(_key_faults()) or _trial_faults()
    yield from _claim_faults()
    yield from _ignored_keys()


def _algorithm_faults() -> Iterator[checks.CheckMessage]:
    algorithm = simplejwt.api_settings.ALGORITHM
    if not isinstance(algorithm, str) or algorithm not in ALLOWED_ALGORITHMS:
        yield messages.UNKNOWN_ALGORITHM(algorithm=algorithm, known=", ".join(sorted(ALLOWED_ALGORITHMS)))
    elif algorithm in algorithms.requires_cryptography and not algorithms.has_crypto:
        yield messages.NO_CRYPTOGRAPHY(algorithm=algorithm)


def _key_faults() -> Iterator[checks.CheckMessage]:
    algorithm = simplejwt.api_settings.ALGORITHM
    if algorithm in KEY_BYTES:
        if hasattr(mail, "outbox"):  # Django's test runner is at work, and a test's key guards nothing.
            return
        for name, key in _shared_keys().items():
            length = len(key.encode() if isinstance(key, str) else key or b"")
            if length < KEY_BYTES[algorithm]:
                yield messages.SHORT_KEY(key=name, length=length, algorithm=algorithm, needed=KEY_BYTES[algorithm])
        return
    given = conf.simplejwt_settings
    if not given.get("SIGNING_KEY") and not project.only_verifies():
        yield messages.MISSING_KEY(algorithm=algorithm, missing="SIGNING_KEY", consequence="this app signs no token")
    if not given.get("VERIFYING_KEY") and not given.get("JWK_URL"):
        missing = "VERIFYING_KEY or JWK_URL"
        yield messages.MISSING_KEY(algorithm=algorithm, missing=missing, consequence="this app refuses every token")


def _shared_keys() -> dict[str, str | bytes | None]:
    """The keys of the tokens that this app accepts; see :func:`fastauth_django.tokens.token_backend`."""
    secret_key = django_settings.SECRET_KEY
    if conf.simplejwt_settings.get("SIGNING_KEY", secret_key) != secret_key:
        return {"SIMPLE_JWT['SIGNING_KEY']": conf.simplejwt_settings["SIGNING_KEY"]}
    fallbacks = {f"SECRET_KEY_FALLBACKS[{n}]": key for n, key in enumerate(django_settings.SECRET_KEY_FALLBACKS)}
    return {"SECRET_KEY": secret_key, **fallbacks}


def _trial_faults() -> Iterator[checks.CheckMessage]:
    """Sign a token and read it, as the first sign-in would."""
    try:
        backend = token_backend()
        has_public_key = backend.jwks_client is None  # The key at a JWK_URL stays there: a check uses no network.
        if project.only_verifies() and not simplejwt.api_settings.ALGORITHM.startswith("HS"):
            if has_public_key:
                backend.get_verifying_key(AccessToken())
            return
        token = backend.encode({"exp": int(time()) + 60})
        if has_public_key:
            backend.decode(token)
    except Exception as error:  # PyJWT, cryptography, simplejwt or the project's own encoder may raise anything.
        cause = error.__cause__ or error
        yield messages.TOKENS_FAIL(reason=f"{type(cause).__name__}: {cause}")


def _ignored_keys() -> Iterator[checks.CheckMessage]:
    given = conf.simplejwt_settings
    for key, instead in IGNORED.items():
        value = tuple(given[key]) if isinstance(given.get(key), list) else given.get(key)
        default = simplejwt.DEFAULTS.get(key)
        if key in given and value != default and (value or default) and not project.is_migrating():
            yield messages.KEY_IGNORED(key=key, instead=instead)


def _claim_faults() -> Iterator[checks.CheckMessage]:
    taken = {"exp", "iat", "iss", "aud", SESSION_CLAIM, GENERATION_CLAIM}
    for key in NAMED_CLAIMS:
        claim = getattr(simplejwt.api_settings, key)
        if claim in taken:
            yield messages.CLAIM_TAKEN(key=key, claim=claim)
        elif claim is not None:
            taken.add(claim)
    if simplejwt.api_settings.TOKEN_TYPE_CLAIM is None:
        yield messages.TOKEN_TYPE_UNCHECKED()
    user_model = get_user_model()
    field = conf.simplejwt_settings.get("USER_ID_FIELD", "pk")
    if not isinstance(field, str) or not hasattr(user_model, field):
        yield messages.NO_USER_ID(field=field, model=user_model._meta.label)
