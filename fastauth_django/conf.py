"""The ``FASTAUTH`` setting: every key, its type, its default and its meaning.

Values are read from ``django.conf.settings`` each time they are used, so ``override_settings`` works and nothing is
frozen at import. A wrong value raises ``ImproperlyConfigured`` when it is used, even if nobody ran ``manage.py check``:
an authentication package must not guess what a typo meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, Required, TypeAlias, TypedDict, TypeVar, overload

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from rest_framework.serializers import BaseSerializer

T = TypeVar("T")
S = TypeVar("S", bound=str)

Delivery: TypeAlias = Literal["json", "cookie"]
#: Browsers and FastAuth write it in small letters, Django with a capital letter. Any case works.
SameSite: TypeAlias = Literal["lax", "strict", "none", "Lax", "Strict", "None", "LAX", "STRICT", "NONE"]
Origin: TypeAlias = str | re.Pattern[str]
#: A literal with a pattern is best a tuple: of two types of list, mypy tries one.
Origins: TypeAlias = list[str] | list[Origin] | tuple[Origin, ...] | set[str] | set[Origin] | frozenset[Origin]
Duration: TypeAlias = timedelta | int


MISSING = object()
CENTURY = timedelta(days=36_500)


class FormerCookieSettings(TypedDict, total=False):
    """An entry of ``COOKIE_FORMER``."""

    name: Required[str]
    path: str
    domain: str | None
    partitioned: bool | None
    token: Literal["access", "refresh"]
    read_until: date | None


class FastAuthSettings(TypedDict, total=False):
    """The type of the ``FASTAUTH`` setting, for a project whose settings are type-checked::

        from fastauth_django.conf import FastAuthSettings

        FASTAUTH: FastAuthSettings = {"TOKEN_DELIVERY": "cookie"}

    Importing it reads no setting and loads no model, so a settings module may import it.
    """

    TOKEN_DELIVERY: Delivery
    COOKIE_NAME_ACCESS: str
    COOKIE_NAME_REFRESH: str
    COOKIE_NAME_DEVICE: str
    COOKIE_SECURE: bool
    COOKIE_HTTPONLY: bool
    COOKIE_SAMESITE: SameSite
    COOKIE_DOMAIN: str | None
    CORS_ORIGINS: Origins
    DEBUG: bool
    ACCESS_TOKEN_TTL: Duration
    REFRESH_TOKEN_TTL: Duration
    REMEMBER_ME_TTL: Duration
    SESSION_MAX_AGE: Duration | None
    COOKIE_PATH_ACCESS: str
    COOKIE_PATH_REFRESH: str
    COOKIE_PARTITIONED: bool
    CSRF_PROTECTION: Literal["origin", "token"] | None
    REFRESH_GRACE: int
    DEVICE_BINDING: Literal["optional", "required"] | None
    BOUND_ACCESS_TOKEN_TTL: Duration
    MAX_SESSIONS_PER_USER: int | None
    ACCEPT_TOKENS_WITHOUT_SESSION: bool
    COOKIE_FORMER: list[FormerCookieSettings] | tuple[FormerCookieSettings, ...]
    SIGN_UP_ENABLED: bool
    SIGN_UP_LIMIT: int | None
    LOGIN_FAILURE_LIMIT: int
    LOGIN_FAILURE_WINDOW: Duration
    LOGIN_SERIALIZER: str | type[BaseSerializer[Any]]
    REGISTER_SERIALIZER: str | type[BaseSerializer[Any]]
    USER_SERIALIZER: str | type[BaseSerializer[Any]]
    TOKEN_CLAIMS: str | Callable[[Any, dict[str, Any]], dict[str, Any]] | None


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What a value may be: a phrase for people, and a function that returns the clean value.

    ``clean`` raises ``TypeError`` for a value of the wrong type and ``ValueError`` for one out of range.
    """

    text: str
    clean: Callable[[object], T]


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return str(value)


def _duration(value: object) -> timedelta:
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            value = timedelta(seconds=value)
        except OverflowError:
            raise ValueError from None
    if not isinstance(value, timedelta):
        raise TypeError
    if value > CENTURY:
        raise ValueError  # A date so far ahead may be none: calendars end with the year 9999.
    return value


def _integer(low: int, high: int | None = None) -> Callable[[object], int]:
    def clean(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        if value < low or (high is not None and value > high):
            raise ValueError
        return value

    return clean


def _choice(*choices: S, fold: bool = False) -> Callable[[object], S]:
    def clean(value: object) -> S:
        chosen = _string(value).lower() if fold else _string(value)
        for choice in choices:
            if choice == chosen:
                return choice
        raise ValueError

    return clean


def _optional(clean: Callable[[object], T]) -> Callable[[object], T | None]:
    return lambda value: None if value is None else clean(value)


def _origins(value: object) -> tuple[Origin, ...]:
    # A bare string is a sequence of strings too. This would read it letter by letter.
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise TypeError
    return tuple(_origin(item) for item in value)


def _origin(value: object) -> Origin:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        return value
    return _string(value)


@dataclass(frozen=True)
class FormerCookie:
    """A cookie that an earlier deployment set and that must not shadow the current one.

    ``partitioned`` of ``None`` stands for both kinds. ``read_until`` needs ``token``, what it holds.
    """

    name: str
    path: str = "/"
    domain: str | None = None
    partitioned: bool | None = None
    token: Literal["access", "refresh"] | None = None
    read_until: date | None = None

    @property
    def is_in_use(self) -> bool:
        """Whether refresh still reads it and keeps it up to date: to the end of the day ``read_until`` (UTC)."""
        return self.read_until is not None and datetime.now(UTC).date() <= self.read_until


def _date(value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError
    return value


def _former_cookies(value: object) -> tuple[FormerCookie, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    former = []
    token: Callable[[object], Literal["access", "refresh"]] = _choice("access", "refresh")
    for item in value:
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            raise TypeError
        if not set(item) <= {field.name for field in fields(FormerCookie)}:
            raise ValueError
        if item.get("read_until") is not None and item.get("token") is None:
            raise ValueError
        former.append(
            FormerCookie(
                name=item["name"],
                path=_string(item.get("path", "/")),
                domain=_optional(_string)(item.get("domain")),
                partitioned=_optional(_boolean)(item.get("partitioned")),
                token=_optional(token)(item.get("token")),
                read_until=_optional(_date)(item.get("read_until")),
            )
        )
    return tuple(former)


def _importable(value: object) -> Any:
    # A test, or a settings module that can import the object, may give the object itself.
    if callable(value):
        return value
    try:
        return import_string(_string(value))
    except ImportError as error:
        raise ValueError(str(error)) from error


boolean = Kind("bool", _boolean)
string = Kind("str", _string)
optional_string = Kind("str or None", _optional(_string))
duration = Kind("timedelta, or whole seconds, up to 100 years", _duration)
optional_duration = Kind("timedelta, whole seconds, or None, up to 100 years", _optional(_duration))
origins = Kind("list of str or compiled patterns (re.compile)", _origins)
former_cookies = Kind(
    "list of dicts with name, path, domain, partitioned, and token with read_until, a date", _former_cookies
)
importable = Kind("dotted path", _importable)
optional_importable = Kind("dotted path or None", _optional(_importable))


class Setting(Generic[T]):
    """One key of ``FASTAUTH``: a descriptor that reads, checks and returns its value.

    ``default`` is a value, or a function of the settings object for a default that follows other settings.
    """

    name: str

    def __init__(self, kind: Kind[T], default: object, doc: str, *, default_text: str | None = None) -> None:
        self.kind = kind
        self.default = default
        self.doc = doc
        self._default_text = default_text

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Settings, owner: type) -> T: ...
    def __get__(self, instance: Settings | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        value = instance.user_settings.get(self.name, MISSING)
        if value is MISSING:
            value = self.default(instance) if callable(self.default) else self.default
        try:
            return self.kind.clean(value)
        except (TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"FASTAUTH[{self.name!r}] must be {self.kind_text}, not {value!r}.") from error

    @property
    def kind_text(self) -> str:
        return self.kind.text

    @property
    def default_text(self) -> str:
        return repr(self.default) if self._default_text is None else self._default_text


def _ttl_default(simplejwt_key: str, fallback: timedelta) -> Callable[[Settings], timedelta]:
    """A lifetime that ``SIMPLE_JWT`` names counts. simplejwt's own defaults do not."""
    return lambda conf: conf.simplejwt_settings.get(simplejwt_key, fallback)


class Settings:
    """Typed, lazy view of ``settings.FASTAUTH``. Use the one instance, :data:`conf`."""

    TOKEN_DELIVERY: Setting[Delivery] = Setting(
        Kind('"json" or "cookie"', _choice("json", "cookie")),
        "json",
        "How a token pair reaches the client: in the response body, or as two cookies and never in the body.",
    )
    COOKIE_NAME_ACCESS = Setting(string, "access_token", "Name of the access cookie.")
    COOKIE_NAME_REFRESH = Setting(string, "refresh_token", "Name of the refresh cookie.")
    COOKIE_NAME_DEVICE = Setting(
        string,
        "device_token",
        "Name of the device cookie, which only a session that is bound to a device has. It has the path and the "
        "attributes of the access cookie, and scripts never see it.",
    )
    COOKIE_SECURE = Setting(
        boolean,
        lambda conf: not conf.DEBUG,
        "Send the cookies over HTTPS only.",
        default_text="not DEBUG",
    )
    COOKIE_HTTPONLY = Setting(boolean, True, "Hide the cookies from JavaScript.")
    COOKIE_SAMESITE = Setting(
        Kind('"lax", "strict" or "none", in any case', _choice("lax", "strict", "none", fold=True)),
        "lax",
        'Whether browsers send the cookies with requests that another site starts. "none" is for a front end on '
        "another site.",
    )
    COOKIE_DOMAIN = Setting(optional_string, None, "Domain of the cookies. None means the answering host alone.")
    CORS_ORIGINS = Setting(
        origins,
        (),
        "Origins, as scheme://host[:port], whose pages may call with credentials: django-cors-headers lets them read "
        "the answers and the CSRF rule trusts them. An entry may be a compiled pattern, which has to match the whole "
        'origin: re.compile(r"https://shop-[a-z0-9-]+-myteam\\.vercel\\.app").',
        default_text="[]",
    )
    DEBUG = Setting(
        boolean,
        lambda conf: bool(django_settings.DEBUG),
        "Only makes COOKIE_SECURE default to False, for http://localhost. Never in production.",
        default_text="settings.DEBUG",
    )
    ACCESS_TOKEN_TTL = Setting(
        duration,
        _ttl_default("ACCESS_TOKEN_LIFETIME", timedelta(minutes=15)),
        "Life of an access token, and Max-Age of its cookie.",
        default_text="15 minutes, or SIMPLE_JWT's ACCESS_TOKEN_LIFETIME",
    )
    REFRESH_TOKEN_TTL = Setting(
        duration,
        _ttl_default("REFRESH_TOKEN_LIFETIME", timedelta(days=30)),
        "Life of a session that nobody uses. Each refresh moves its end forward.",
        default_text="30 days, or SIMPLE_JWT's REFRESH_TOKEN_LIFETIME",
    )
    REMEMBER_ME_TTL = Setting(
        duration,
        timedelta(days=90),
        'The same for a session that was started with "remember": true. It stays so at every refresh.',
        default_text="90 days",
    )
    SESSION_MAX_AGE = Setting(
        optional_duration, None, "Absolute end of a session after its start, however often it refreshes."
    )
    COOKIE_PATH_ACCESS = Setting(string, "/", "Path of the access cookie.")
    COOKIE_PATH_REFRESH = Setting(
        string, "/", "Path of the refresh cookie. It must reach the refresh and the logout URL."
    )
    COOKIE_PARTITIONED = Setting(
        boolean,
        lambda conf: conf.COOKIE_SAMESITE == "none",
        "Store the cookies per top-level site (CHIPS). Browsers that block third-party cookies keep a cross-site "
        "cookie only when it is partitioned.",
        default_text='COOKIE_SAMESITE == "none"',
    )
    CSRF_PROTECTION = Setting(
        Kind('"origin", "token" or None', _optional(_choice("origin", "token"))),
        "origin",
        "How a request that carries our cookies shows that no other site forged it: by its Origin and Sec-Fetch-Site, "
        "by Django's CSRF token, or not at all.",
    )
    REFRESH_GRACE = Setting(
        Kind("whole seconds from 0 to 60", _integer(0, 60)),
        10,
        "Seconds after a rotation in which the previous refresh token is still answered: in cookie delivery with an "
        "access cookie alone, in JSON delivery with the same successor. 0 is strict: the previous token is never "
        "answered, not even if the answer to the rotation was lost.",
    )
    DEVICE_BINDING = Setting(
        Kind('"optional", "required" or None', _optional(_choice("optional", "required"))),
        None,
        'Bind sessions to a key that never leaves the device (Device Bound Session Credentials): "optional" where the '
        'browser can do it; "required" also revokes a session that is not bound within a minute.',
    )
    BOUND_ACCESS_TOKEN_TTL = Setting(
        duration,
        timedelta(minutes=5),
        "Life of an access token of a bound session, which the browser renews by itself. A thief who copies one has "
        "this long, once.",
        default_text="5 minutes",
    )
    MAX_SESSIONS_PER_USER = Setting(
        Kind("int from 1, or None", _optional(_integer(1))),
        None,
        "When a user starts one session more than this, the oldest is revoked.",
    )
    ACCEPT_TOKENS_WITHOUT_SESSION = Setting(
        boolean,
        False,
        "Accept plain simplejwt access tokens from the Authorization header while a project migrates. They cannot be "
        "revoked.",
    )
    COOKIE_FORMER = Setting(
        former_cookies,
        (),
        "Cookies of an earlier deployment (name, path, domain, partitioned): each sign-in, refresh and sign-out "
        "clears them too, and a sign-out revokes the sessions that they name. Until the date read_until, which needs "
        'token ("access" or "refresh"), one gets each new token instead, and counts where none of today\'s came.',
        default_text="[]",
    )
    SIGN_UP_ENABLED = Setting(boolean, True, "register answers 403 when this is off.")
    SIGN_UP_LIMIT = Setting(
        Kind("int from 1, or None", _optional(_integer(1))),
        20,
        "Attempts to sign up from one network within an hour before 429. None: no limit.",
    )
    LOGIN_FAILURE_LIMIT = Setting(
        Kind("int from 1", _integer(1)),
        5,
        "Failed sign-ins for one identifier, and for one account, from one network within the window. One network may "
        "fail twenty times as often over all identifiers.",
    )
    LOGIN_FAILURE_WINDOW = Setting(
        duration, timedelta(minutes=5), "The window in which failures are counted.", default_text="5 minutes"
    )
    LOGIN_SERIALIZER = Setting(
        importable,
        "fastauth_django.serializers.LoginSerializer",
        "Checks a sign-in; its validated_data must hold the user.",
    )
    REGISTER_SERIALIZER = Setting(
        importable, "fastauth_django.serializers.RegisterSerializer", "Checks a sign-up; its save() returns the user."
    )
    USER_SERIALIZER = Setting(
        importable, "fastauth_django.serializers.UserSerializer", "What clients are told of the signed-in user."
    )
    TOKEN_CLAIMS = Setting(
        optional_importable,
        None,
        "A function (user, claims) -> claims that adds claims to access tokens. It cannot change those that this app "
        "needs.",
    )

    @property
    def user_settings(self) -> Mapping[str, Any]:
        """``settings.FASTAUTH`` as the project wrote it."""
        user_settings = getattr(django_settings, "FASTAUTH", {})
        if type(user_settings) is not dict and not isinstance(user_settings, Mapping):
            raise ImproperlyConfigured(f"FASTAUTH must be a dict, not {type(user_settings).__name__}.")
        return user_settings

    @property
    def simplejwt_settings(self) -> Mapping[str, Any]:
        """``settings.SIMPLE_JWT`` as the project wrote it, without simplejwt's defaults."""
        return getattr(django_settings, "SIMPLE_JWT", None) or {}

    @classmethod
    def declared(cls) -> dict[str, Setting[Any]]:
        """Every key that exists, in the order of the reference."""
        return {name: value for name, value in vars(cls).items() if isinstance(value, Setting)}


conf = Settings()
