"""``manage.py check``: what a configuration would do that nobody wants, said before it happens.

Every message is one entry of :data:`REFERENCE`, from which the documentation is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from http.cookies import _is_legal_key  # type: ignore[attr-defined]
from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from rest_framework.settings import api_settings as rest_framework_settings
from rest_framework_simplejwt import settings as simplejwt

from .authentication import CookieJWTAuthentication
from .conf import Setting, Settings, conf

REFERENCE: dict[str, Message] = {}


@dataclass(frozen=True)
class Message:
    """One thing that can be wrong: what happens then, and how to mend it."""

    number: str
    text: str
    hint: str
    deploy: bool = False

    def __post_init__(self) -> None:
        REFERENCE[self.id] = self

    @property
    def id(self) -> str:
        return f"fastauth_django.{self.number}"

    @property
    def level(self) -> str:
        return "Error" if self.number.startswith("E") else "Warning"

    def __call__(self, **values: Any) -> checks.CheckMessage:
        kind = checks.Error if self.level == "Error" else checks.Warning
        return kind(self.text.format(**values), hint=self.hint.format(**values), id=self.id)


NOT_A_DICT = Message("E001", "FASTAUTH is not a dict, so no setting of it can be read.", "Write FASTAUTH = {{...}}.")
UNKNOWN_KEY = Message("E002", "FASTAUTH[{key!r}] does not exist, so it has no effect.", "{suggestion}")
WRONG_TYPE = Message(
    "E003", "FASTAUTH[{key!r}] has the wrong type: the first request that needs it fails.", "It must be {kind}."
)
WRONG_VALUE = Message(
    "E004", "FASTAUTH[{key!r}] is {value!r}: the first request that needs it fails.", "It must be {kind}."
)
SAMESITE_NONE_NOT_SECURE = Message(
    "E005",
    'COOKIE_SAMESITE is "none" and the cookies are not Secure: browsers refuse to store them.',
    "Set COOKIE_SECURE to True and serve the site over HTTPS, on localhost too.",
)
SAME_NAMES = Message(
    "E006",
    "COOKIE_NAME_ACCESS and COOKIE_NAME_REFRESH are both {name!r}: one cookie overwrites the other.",
    "Give them different names.",
)
ILLEGAL_NAME = Message(
    "E007",
    "{key} is {name!r}, which is not a legal cookie name (RFC 6265, section 4.1.1): no answer can set it.",
    "Use letters, digits and -_. only.",
)
HOST_PREFIX = Message(
    "E008",
    "{name!r} starts with __Host-, so browsers store it only with Secure, Path=/ and no Domain. It would be dropped.",
    'Set COOKIE_SECURE to True, {path_key} to "/" and COOKIE_DOMAIN to None, or use the prefix __Secure-.',
)
SECURE_PREFIX = Message(
    "E009",
    "{name!r} starts with __Secure-, so browsers store it only with Secure. It would be dropped.",
    "Set COOKIE_SECURE to True.",
)
DEBUG_IN_PRODUCTION = Message(
    "E010",
    "FASTAUTH['DEBUG'] is on while Django's DEBUG is off: the cookies would travel over plain HTTP. Never in production.",
    "Remove DEBUG from FASTAUTH; it follows settings.DEBUG.",
)
SHORT_KEY = Message(
    "E011",
    "The key that signs tokens has {length} bytes, and {algorithm} needs at least {needed} (RFC 7518, section 3.2): "
    "whoever guesses it is every user.",
    "Use a longer SECRET_KEY, or SIMPLE_JWT['SIGNING_KEY'].",
)
NO_LIFETIME = Message(
    "E012", "{key} is not positive: everything it is the life of is dead when it is born.", "Give it a positive value."
)
INVERTED_LIFETIMES = Message(
    "E013",
    "{short} ({short_value}) is shorter than {long} ({long_value}): {consequence}",
    "Lengthen the first or shorten the second.",
)
SCRIPT_CAN_READ = Message(
    "W001",
    "COOKIE_HTTPONLY is False: any script on the page, an injected one too, can read the tokens and send them away.",
    "Remove it. JavaScript needs no token: the browser sends the cookies, and answers hold expires_in.",
)
NOT_SECURE = Message(
    "W002",
    "COOKIE_SECURE is False while DEBUG is off: the cookies would travel over plain HTTP for anyone to copy.",
    "Remove it, and serve the site over HTTPS.",
)
CLASS_NOT_DEFAULT = Message(
    "W003",
    "TOKEN_DELIVERY is \"cookie\" and no class in REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'] reads the cookie: "
    "whoever signs in stays anonymous for every view that names no class of its own.",
    "Add 'fastauth_django.authentication.CookieJWTAuthentication'.",
)

KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def check_types(**kwargs: Any) -> list[checks.CheckMessage]:
    """Keys that do not exist, values of the wrong type or out of range."""
    try:
        user_settings = conf.user_settings
    except ImproperlyConfigured:
        return [NOT_A_DICT()]
    declared = Settings.declared()
    found = []
    for key in user_settings:
        if key not in declared:
            close = get_close_matches(str(key).upper(), declared, n=1)
            suggestion = f"Did you mean {close[0]!r}?" if close else "The settings reference lists the keys."
            found.append(UNKNOWN_KEY(key=key, suggestion=suggestion))
    for key, setting in declared.items():
        message = _fault(setting)
        if message is not None:
            found.append(message(key=key, value=user_settings.get(key), kind=setting.kind_text))
    return found


def _fault(setting: Setting[Any]) -> Message | None:
    try:
        setting.__get__(conf, Settings)
    except ImproperlyConfigured as error:
        return WRONG_TYPE if isinstance(error.__cause__, TypeError) else WRONG_VALUE
    return None


def check_configuration(**kwargs: Any) -> list[checks.CheckMessage]:
    """Values that are each allowed and together, or with the rest of the project, do harm."""
    if check_types():
        return []  # One mistake, one message: what follows would only guess.
    return [*_cookie_faults(), *_debug_faults(), *_key_faults(), *_lifetime_faults(), *_class_faults()]


def _cookie_faults() -> Iterator[checks.CheckMessage]:
    if conf.COOKIE_SAMESITE == "none" and not conf.COOKIE_SECURE:
        yield SAMESITE_NONE_NOT_SECURE()
    if conf.COOKIE_NAME_ACCESS == conf.COOKIE_NAME_REFRESH:
        yield SAME_NAMES(name=conf.COOKIE_NAME_ACCESS)
    for which in ("ACCESS", "REFRESH"):
        name, path = getattr(conf, f"COOKIE_NAME_{which}"), getattr(conf, f"COOKIE_PATH_{which}")
        if not _is_legal_key(name):
            yield ILLEGAL_NAME(key=f"COOKIE_NAME_{which}", name=name)
        # Browsers compare the prefixes without regard to case.
        prefix = name.lower()
        if prefix.startswith("__host-") and not (conf.COOKIE_SECURE and path == "/" and conf.COOKIE_DOMAIN is None):
            yield HOST_PREFIX(name=name, path_key=f"COOKIE_PATH_{which}")
        if prefix.startswith("__secure-") and not conf.COOKIE_SECURE:
            yield SECURE_PREFIX(name=name)
    if not conf.COOKIE_HTTPONLY:
        yield SCRIPT_CAN_READ()


def _debug_faults() -> Iterator[checks.CheckMessage]:
    if conf.DEBUG and not django_settings.DEBUG:
        yield DEBUG_IN_PRODUCTION()
    elif not conf.COOKIE_SECURE and not conf.DEBUG:
        yield NOT_SECURE()


def _key_faults() -> Iterator[checks.CheckMessage]:
    algorithm = simplejwt.api_settings.ALGORITHM
    key = conf.simplejwt_settings.get("SIGNING_KEY", django_settings.SECRET_KEY)
    length = len(key.encode() if isinstance(key, str) else key)
    if length < KEY_BYTES.get(algorithm, 0):
        yield SHORT_KEY(length=length, algorithm=algorithm, needed=KEY_BYTES[algorithm])


def _lifetime_faults() -> Iterator[checks.CheckMessage]:
    lifetimes = ["ACCESS_TOKEN_TTL", "REFRESH_TOKEN_TTL", "REMEMBER_ME_TTL", "SESSION_MAX_AGE", "LOGIN_FAILURE_WINDOW"]
    for key in lifetimes:
        value = getattr(conf, key)
        if value is not None and value < timedelta(seconds=1):
            yield NO_LIFETIME(key=key)
    ends_early = "a session ends before its first access token does, and can never be refreshed."
    for short, long, consequence in [
        ("REFRESH_TOKEN_TTL", "ACCESS_TOKEN_TTL", ends_early),
        ("SESSION_MAX_AGE", "ACCESS_TOKEN_TTL", ends_early),
        ("REMEMBER_ME_TTL", "REFRESH_TOKEN_TTL", "whoever asks to be remembered is forgotten sooner."),
    ]:
        short_value, long_value = getattr(conf, short), getattr(conf, long)
        if short_value is not None and timedelta(0) < short_value < long_value:
            yield INVERTED_LIFETIMES(
                short=short, short_value=short_value, long=long, long_value=long_value, consequence=consequence
            )


def _class_faults() -> Iterator[checks.CheckMessage]:
    classes = rest_framework_settings.DEFAULT_AUTHENTICATION_CLASSES
    if conf.TOKEN_DELIVERY == "cookie" and not any(issubclass(each, CookieJWTAuthentication) for each in classes):
        yield CLASS_NOT_DEFAULT()


def register() -> None:
    """Make the checks known to Django."""
    checks.register(check_types, checks.Tags.security)
    checks.register(check_configuration, checks.Tags.security)
