"""Can the pages of ``CORS_ORIGINS``, and no others, read the answers?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.middleware.cache import FetchFromCacheMiddleware
from django.middleware.common import CommonMiddleware

from ..conf import conf
from ..csrf import is_trusted_origin
from ..device_views import DeviceView
from . import domains, messages, patterns, project
from .places import Place

#: Django's middleware that may answer before the view does, or replace the view's answer.
ANSWERING = (CommonMiddleware, FetchFromCacheMiddleware)
READ = "read what the user who visits them may read"
ACT = "act as the user who visits them"

T = TypeVar("T")


def faults() -> Iterator[checks.CheckMessage]:
    for origin in conf.CORS_ORIGINS:
        if isinstance(origin, re.Pattern):
            fault = patterns.fault(origin.pattern, origin.fullmatch)
            if fault is not None:
                yield messages.NOT_AN_ORIGIN(origin=origin.pattern, reason=fault)
            elif project.delivers_cookies():
                harm = READ if conf.CSRF_PROTECTION == "token" else ACT
                yield from _pattern_faults("CORS_ORIGINS", origin.pattern, origin.fullmatch, harm)
            continue
        fault = domains.origin_fault(origin)
        if fault is not None:
            yield messages.NOT_AN_ORIGIN(origin=origin, reason=fault)
        elif conf.COOKIE_SECURE and project.delivers_cookies() and _is_plain_http(origin):
            yield messages.HTTP_ORIGIN(origin=origin)
    if not apps.is_installed("corsheaders"):
        if conf.CORS_ORIGINS:
            yield messages.NO_CORS_APP()
        return
    if conf.CORS_ORIGINS:
        yield from _middleware_faults()
        yield from _url_faults()
    if project.delivers_cookies():
        yield from _credentials_faults()


def _is_plain_http(origin: str) -> bool:
    match = domains.ORIGIN.fullmatch(origin)
    return match is not None and match["scheme"] == "http" and not domains.is_local(match["host"])


def _middleware_faults() -> Iterator[checks.CheckMessage]:
    from corsheaders.middleware import CorsMiddleware

    before: list[type] = []
    for each in project.middleware():
        if issubclass(each, CorsMiddleware):
            break
        before.append(each)
    else:
        yield messages.NO_CORS_MIDDLEWARE()
        return
    for each in before:
        if issubclass(each, ANSWERING):
            yield messages.CORS_MIDDLEWARE_LATE(other=project.name_of(each))


def _credentials_faults() -> Iterator[checks.CheckMessage]:
    from corsheaders.conf import conf as cors

    if not cors.CORS_ALLOW_CREDENTIALS:
        if conf.CORS_ORIGINS:
            yield messages.NO_CORS_CREDENTIALS()
        return
    if cors.CORS_ALLOW_ALL_ORIGINS and not django_settings.DEBUG:
        yield messages.CORS_OPEN_TO_ALL(setting="CORS_ALLOW_ALL_ORIGINS", harm=READ)
    for origin in _listed(cors.CORS_ALLOWED_ORIGINS, str):
        if origin == "null":  # Any page can open a sandboxed frame, which has this origin.
            yield messages.CORS_OPEN_TO_ALL(setting="'null' in CORS_ALLOWED_ORIGINS", harm=READ)
        elif _is_not_trusted(origin):
            yield messages.CORS_NOT_TRUSTED(setting="CORS_ALLOWED_ORIGINS", origin=origin)
    setting = "CORS_ALLOWED_ORIGIN_REGEXES"
    for pattern in _compiled(cors.CORS_ALLOWED_ORIGIN_REGEXES):
        too_wide = list(_pattern_faults(setting, pattern.pattern, pattern.match, READ))
        yield from too_wide
        untrusted = filter(_is_not_trusted, patterns.examples(pattern.pattern, pattern.match))
        for origin in [] if too_wide else islice(untrusted, 1):
            yield messages.CORS_NOT_TRUSTED(setting=setting, origin=origin)


def _pattern_faults(setting: str, pattern: str, matches: patterns.Matches, harm: str) -> Iterator[checks.CheckMessage]:
    """What is wrong with a pattern of origins that may call with credentials: whom else it lets in."""
    origins = patterns.examples(pattern, matches)
    other_site = patterns.other_site(origins, matches)
    if patterns.allows_every_site(origins, matches):
        yield messages.CORS_OPEN_TO_ALL(setting=f"{pattern!r} in {setting}", harm=harm)
    elif patterns.allows_strangers(matches):
        source = domains.suffix_source()
        yield messages.TRUSTS_A_SUFFIX(setting=setting, origin=pattern, source=source, harm=harm)
    elif other_site:
        yield messages.PATTERN_TOO_WIDE(setting=setting, pattern=pattern, origin=other_site, harm=harm)


def _url_faults() -> Iterator[checks.CheckMessage]:
    """URLs of this app for which django-cors-headers, whose setting counts for our origins too, does nothing."""
    from corsheaders.conf import conf as cors

    for regex in _compiled([cors.CORS_URLS_REGEX]):
        left_out: dict[type, list[str]] = {}
        reached: set[type] = set()
        for route in project.auth_routes():
            if issubclass(route.view, DeviceView):
                continue  # The browser itself calls these.
            if _may_match(regex, route.place):
                reached.add(route.view)
            left_out.setdefault(route.view, []).append(route.place.shown.rstrip("/"))
        urls = dict.fromkeys(url for view, found in left_out.items() if view not in reached for url in found)
        if urls:
            yield messages.CORS_URLS_LEFT_OUT(urls=", ".join(urls))


def _may_match(regex: re.Pattern[str], place: Place) -> bool:
    """Whether ``regex`` matches a URL of ``place``, or where that has variables, begins with what may be one."""
    if place.is_exact:
        return regex.match(place.shown.removeprefix(project.script_name())) is not None
    beginning = re.split(r"[^\w/~-]", regex.pattern.removeprefix("^"), maxsplit=1)[0].rpartition("/")[0]
    return "|" in regex.pattern or place.is_below(f"{project.script_name()}{beginning}/") is not False


def _listed(value: object, kind: type[T]) -> list[T]:
    """The entries of this kind in a list of django-cors-headers, whose own checks report what is of a wrong type."""
    return [entry for entry in value if isinstance(entry, kind)] if isinstance(value, (list, tuple)) else []


def _compiled(value: object) -> list[re.Pattern[str]]:
    """The patterns in a list of django-cors-headers, without those that do not compile or are for bytes."""
    compiled = []
    for entry in _listed(value, object):
        with suppress(re.error, TypeError):
            pattern: re.Pattern[str] = re.compile(entry)  # type: ignore[call-overload]  # of anything else: TypeError
            pattern.match("")
            compiled.append(pattern)
    return compiled


def _is_not_trusted(origin: str) -> bool:
    """Whether the CSRF rule refuses ``origin``. The project's own origin may act without being listed."""
    own = origin.partition("://")[2] in django_settings.ALLOWED_HOSTS
    return conf.CSRF_PROTECTION is not None and not own and not is_trusted_origin(origin)
