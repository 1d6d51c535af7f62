"""Tokens onto a response, their cookies off a response, and the values a request carries.

One :class:`CookieSpec` makes the cookie that is set and the one that clears it. A browser knows a cookie by its name,
domain, path and partition, and ignores a clearing cookie whose attributes it would not store, so the two must agree.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from http.cookies import Morsel

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.http.response import HttpResponseBase
from django.views.decorators.debug import sensitive_variables

from .caching import forbid_storing
from .conf import FormerCookie, conf
from .tokens import AccessToken, DeviceToken, IssuedTokens, RefreshToken, SessionToken, TokenPair

SIZE_LIMIT = 4096  # RFC 6265, section 6.1: what a browser must at least store, name, value and attributes.
SIZE_WARNING = 3584
KINDS = {"access": AccessToken, "refresh": RefreshToken}

logger = logging.getLogger("fastauth_django")


class CookieTooLarge(ImproperlyConfigured):
    """A cookie that browsers would drop without a word, which looks like a sign-in that never happened."""


class PartitionedMorsel(Morsel):  # type: ignore[type-arg]
    """A cookie that may be ``Partitioned`` (CHIPS), which Python's own knows from 3.14 on."""

    _reserved = {**Morsel._reserved, "partitioned": "Partitioned"}  # type: ignore[attr-defined]
    _reserved_defaults = dict.fromkeys(_reserved, "")
    _flags = {*Morsel._flags, "partitioned"}  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<{self.__class__.__name__}: {self.key}>"  # Python's own shows the value.


@dataclass(frozen=True)
class CookieSpec:
    """Everything about one cookie but its value and life. A former cookie may share its name with a current one."""

    name: str
    path: str
    domain: str | None
    secure: bool
    httponly: bool
    samesite: str
    partitioned: bool
    shares_name: bool = False

    @property
    def identity(self) -> tuple[str, str, str, bool]:
        """What a browser tells cookies apart by (RFC 6265, section 5.3, and CHIPS). It ignores a domain's first dot."""
        return self.name, self.path, (self.domain or "").lower().removeprefix("."), self.partitioned

    @property
    def attributes(self) -> str:
        """The attributes as a ``Set-Cookie`` spells them, without the life of the cookie."""
        return self.morsel("", None).OutputString().partition("; ")[2]

    @sensitive_variables()
    def morsel(self, value: str, max_age: int | None) -> PartitionedMorsel:
        """The ``Set-Cookie`` that gives the cookie ``value`` for ``max_age`` seconds; 0 removes it."""
        morsel = PartitionedMorsel()
        morsel.set(self.name, value, value)
        morsel["max-age"] = "" if max_age is None else max_age
        if max_age == 0:
            morsel["expires"] = "Thu, 01 Jan 1970 00:00:00 GMT"
        morsel["path"] = self.path
        morsel["domain"] = self.domain or ""
        morsel["secure"] = self.secure
        morsel["httponly"] = self.httponly
        morsel["samesite"] = self.samesite
        morsel["partitioned"] = self.partitioned
        return morsel

    @sensitive_variables()
    def put(self, response: HttpResponseBase, value: str, max_age: int) -> None:
        """Write the cookie onto ``response``, beside any of the same name with another path, domain or partition."""
        key = self.name
        held = response.cookies.get(key)
        if self.shares_name or (
            held is not None
            and (held["path"], held["domain"], bool(held.get("partitioned")))
            != (self.path, self.domain or "", self.partitioned)
        ):
            key = f"{self.name}; Path={self.path}; Domain={self.domain or ''}; Partitioned={self.partitioned}"
        # To the end: a browser without CHIPS takes a former Partitioned cookie for today's, and what comes last counts.
        response.cookies.pop(key, None)
        # dict's own method: the jar's would build a Morsel without Partitioned.
        dict.__setitem__(response.cookies, key, self.morsel(value, max_age))


def access_cookie() -> CookieSpec:
    """The access cookie as the settings describe it."""
    return auth_cookies()[0]


def refresh_cookie() -> CookieSpec:
    """The refresh cookie as the settings describe it."""
    return auth_cookies()[1]


def auth_cookies() -> tuple[CookieSpec, CookieSpec]:
    """The access and the refresh cookie, which differ in name and path only."""
    domain, secure, httponly = conf.COOKIE_DOMAIN, conf.COOKIE_SECURE, conf.COOKIE_HTTPONLY
    samesite, partitioned = conf.COOKIE_SAMESITE, conf.COOKIE_PARTITIONED
    return (
        CookieSpec(conf.COOKIE_NAME_ACCESS, conf.COOKIE_PATH_ACCESS, domain, secure, httponly, samesite, partitioned),
        CookieSpec(conf.COOKIE_NAME_REFRESH, conf.COOKIE_PATH_REFRESH, domain, secure, httponly, samesite, partitioned),
    )


def device_cookie() -> CookieSpec:
    """The device cookie: as the access cookie, whose companion it is, and out of the reach of scripts in any case."""
    return replace(access_cookie(), name=conf.COOKIE_NAME_DEVICE, httponly=True)


def former_cookies(keep: Collection[type[SessionToken]] = ()) -> list[CookieSpec]:
    """Cookies of an earlier deployment (``COOKIE_FORMER``) to clear: none that is a current one.

    :param keep: the kinds of token whose former cookies are still in use and stay.
    """
    if not conf.COOKIE_FORMER:
        return []
    today = {spec.identity for spec in (*auth_cookies(), device_cookie())}
    kept = _in_use(keep)
    former = [old for old in conf.COOKIE_FORMER if old not in kept and former_cookie(old).identity not in today]
    both = sorted({False, conf.COOKIE_SECURE})  # Browsers take a Partitioned cookie only if it is Secure.
    return [
        replace(former_cookie(old), partitioned=partitioned)
        for old in former
        for partitioned in (both if old.partitioned is None else [old.partitioned])
    ]


def former_cookie(old: FormerCookie) -> CookieSpec:
    """An entry of ``COOKIE_FORMER``, with the current attributes where browsers do not tell cookies apart by them."""
    shares_name = old.name in {conf.COOKIE_NAME_ACCESS, conf.COOKIE_NAME_REFRESH, conf.COOKIE_NAME_DEVICE}
    spec = replace(access_cookie(), name=old.name, path=old.path, domain=old.domain, shares_name=shares_name)
    return spec if old.partitioned is None else replace(spec, partitioned=old.partitioned)


def _with_former(spec: CookieSpec, kind: type[SessionToken]) -> list[CookieSpec]:
    """``spec``, and the former cookies in which a deployment beside this one looks for the same ``kind`` of token."""
    return [*map(former_cookie, _in_use([kind])), spec]


def _in_use(kinds: Collection[type[SessionToken]]) -> list[FormerCookie]:
    return [old for old in conf.COOKIE_FORMER if old.is_in_use and old.token and KINDS[old.token] in kinds]


def set_auth_cookies(response: HttpResponseBase, issued: IssuedTokens) -> None:
    """Deliver ``issued`` in cookies, each as long-lived as its token, and clear the former ones that nobody reads.

    Without a refresh token in ``issued``, the refresh cookie in the browser stays as it is. It may be a former one.
    """
    access, refresh = auth_cookies()
    if isinstance(issued, TokenPair):
        _clear_former(response)
    for spec in _with_former(access, AccessToken):
        spec.put(response, issued.access, issued.access_max_age)
    if isinstance(issued, TokenPair):
        for spec in _with_former(refresh, RefreshToken):
            spec.put(response, issued.refresh, issued.refresh_max_age)
    forbid_storing(response)


def set_bound_cookies(response: HttpResponseBase, access: AccessToken, device: DeviceToken) -> None:
    """Deliver the tokens for the browser of a bound session in cookies, and clear the former ones that nobody reads."""
    _clear_former(response)
    for spec in _with_former(access_cookie(), AccessToken):
        spec.put(response, str(access), access.max_age)
    device_cookie().put(response, str(device), device.max_age)
    forbid_storing(response)


def clear_device_cookie(response: HttpResponseBase) -> None:
    """Remove the device cookie from the browser: another session begins there."""
    device_cookie().put(response, "", 0)


def clear_auth_cookies(
    request: HttpRequest,
    response: HttpResponseBase,
    *,
    keep: Collection[type[SessionToken]] = (),
    keep_former: Collection[type[SessionToken]] = (),
) -> None:
    """Remove our cookies and the former ones from the browser; the device cookie, if ``request`` carries one.

    :param keep: the kinds of token whose cookies stay.
    :param keep_former: the kinds of token whose former cookies stay, if they are in use.
    """
    access, refresh = auth_cookies()
    cleared: dict[type[SessionToken], CookieSpec] = {AccessToken: access, RefreshToken: refresh}
    if device_tokens(request):
        cleared[DeviceToken] = device_cookie()
    for kind, spec in cleared.items():
        if kind not in keep:
            spec.put(response, "", 0)
    _clear_former(response, keep_former)
    forbid_storing(response)


def _clear_former(response: HttpResponseBase, keep: Collection[type[SessionToken]] = ()) -> None:
    for spec in former_cookies(keep):
        spec.put(response, "", 0)


def refuse_cookies_that_browsers_drop(issued: IssuedTokens) -> None:
    """Raise :class:`CookieTooLarge` if a browser would not store each cookie of ``issued``."""
    access, refresh = auth_cookies()
    for spec in _with_former(access, AccessToken):
        _refuse_cookie_that_browsers_drop(spec.morsel(issued.access, issued.access_max_age))
    if isinstance(issued, TokenPair):
        for spec in _with_former(refresh, RefreshToken):
            _refuse_cookie_that_browsers_drop(spec.morsel(issued.refresh, issued.refresh_max_age))


def refuse_bound_cookie_that_browsers_drop(token: AccessToken) -> None:
    """Raise :class:`CookieTooLarge` if a browser would not store the access cookie of a bound session."""
    for spec in _with_former(access_cookie(), AccessToken):
        _refuse_cookie_that_browsers_drop(spec.morsel(str(token), token.max_age))


def _refuse_cookie_that_browsers_drop(morsel: PartitionedMorsel) -> None:
    """Raise :class:`CookieTooLarge` for a cookie over 4096 bytes; log a warning from 3.5 KB on.

    Browsers drop such a cookie without a word, and send the user back to the sign-in page for ever.
    """
    size = len(morsel.OutputString().encode())
    if size > SIZE_LIMIT:
        raise CookieTooLarge(
            f"The cookie {morsel.key!r} would be {size} bytes with its attributes and browsers drop cookies over "
            f"{SIZE_LIMIT}. {_describe_claims(morsel.value)} Keep what FASTAUTH['TOKEN_CLAIMS'] adds small."
        )
    if size > SIZE_WARNING:
        logger.warning(
            "The cookie %r is %d bytes with its attributes; browsers drop cookies over %d. %s",
            morsel.key,
            size,
            SIZE_LIMIT,
            _describe_claims(morsel.value),
        )


def _describe_claims(value: str) -> str:
    """The names and sizes of a token's claims, never their values: this goes to logs."""
    claims = SessionToken(value, verify=False).payload
    sizes = sorted(((len(str(claim)), name) for name, claim in claims.items()), reverse=True)
    return "Its claims by size: " + ", ".join(f"{name} {size}" for size, name in sizes) + "."


def came_with(request: HttpRequest) -> bool:
    """Whether ``request`` carries a cookie at all, of whatever name."""
    return bool(request.META.get("HTTP_COOKIE") or request.COOKIES)


def access_tokens(request: HttpRequest) -> list[str]:
    """Every value of the access cookie that ``request`` carries, in the order sent."""
    return _values(request, conf.COOKIE_NAME_ACCESS)


def refresh_tokens(request: HttpRequest) -> list[str]:
    """Every value of the refresh cookie that ``request`` carries, in the order sent."""
    return _values(request, conf.COOKIE_NAME_REFRESH)


def device_tokens(request: HttpRequest) -> list[str]:
    """Every value of the device cookie that ``request`` carries, in the order sent."""
    return _values(request, conf.COOKIE_NAME_DEVICE)


def former_values(request: HttpRequest) -> list[str]:
    """Every value of a cookie of ``COOKIE_FORMER`` that ``request`` carries, whatever kind of token it holds.

    Only a sign-out may read them all: a sibling subdomain can plant a plain name, and must not undo ``__Host-``.
    """
    return _former_values(request, conf.COOKIE_FORMER)


def former_tokens(request: HttpRequest, kind: type[SessionToken]) -> list[str]:
    """Every value of the former cookies for a ``kind`` of token that are still in use and that ``request`` carries."""
    return _former_values(request, _in_use([kind]))


def _former_values(request: HttpRequest, former: Iterable[FormerCookie]) -> list[str]:
    names = dict.fromkeys(old.name for old in former)
    return [value for name in names for value in _values(request, name)]


def are_carried(request: HttpRequest, *, or_former: bool = False) -> bool:
    """Whether ``request`` carries any of our cookies, or else, for a sign-out, one of a former name."""
    todays = access_tokens(request) or refresh_tokens(request) or device_tokens(request)
    return bool(todays or (or_former and former_values(request)))


def would_be_sent_to(path: str) -> bool:
    """Whether browsers send each of our cookies, former ones too, with a request for ``path`` (RFC 6265, 5.1.4).

    Behind a proxy that hides a part of the path from Django the answer may be a wrong no.
    """
    paths = {spec.path for spec in (*auth_cookies(), *map(former_cookie, conf.COOKIE_FORMER))}
    return all(path == each or path.startswith(f"{each.removesuffix('/')}/") for each in paths)


def _values(request: HttpRequest, name: str) -> list[str]:
    """All values of one cookie name. Django keeps the last, but browsers send the longer path first.

    After a change of path or domain, or when a sibling subdomain tosses a cookie in, either alone would win for ever.
    The name is compared exactly: Django drops Unicode spaces around it, and to a browser U+2000 before ``__Host-`` is
    no prefix that it would have to guard.
    """
    header = request.META.get("HTTP_COOKIE")
    if not header:  # A request that code made up, as in a project's tests, may have no header to read.
        return [request.COOKIES[name]] if request.COOKIES.get(name) else []
    headers = _separate_headers(request) if "," in header else [header]
    chunks = [chunk for each in headers for chunk in each.split(";")]
    values = [parse_cookie(chunk).get(name) for chunk in chunks if chunk.partition("=")[0].strip(" \t") == name]
    return [value for value in dict.fromkeys(values) if value]


def _separate_headers(request: HttpRequest) -> list[str]:
    """The ``Cookie`` headers of ``request``, which Django joins with commas.

    Over HTTP/2 a client may send one for each cookie (RFC 9113, section 8.2.3), and not every ASGI server joins them
    with semicolons. Where the server has joined them, nothing may be parted again: a comma may be in the value of a
    cookie, and whoever could write that would have a ``__Host-`` cookie behind it.
    """
    scope = getattr(request, "scope", None) or {}
    sent = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"cookie"]
    return sent or [request.META["HTTP_COOKIE"]]
