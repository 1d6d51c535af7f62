"""Can the pages of ``CORS_ORIGINS``, and no others, read the answers?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias, TypeVar

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.middleware.cache import FetchFromCacheMiddleware
from django.middleware.common import CommonMiddleware

from ..conf import conf
from ..csrf import is_trusted_origin
from . import domains, messages, project

#: Django's middleware that may answer before the view does, or replace the view's answer.
ANSWERING = (CommonMiddleware, FetchFromCacheMiddleware)
ANY_SITE = "https://any-site.invalid"

T = TypeVar("T")
Pattern: TypeAlias = str | re.Pattern[str]


def faults() -> Iterator[checks.CheckMessage]:
    for origin in conf.CORS_ORIGINS:
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
    if cors.CORS_ALLOW_ALL_ORIGINS:
        yield messages.CORS_OPEN_TO_ALL(setting="CORS_ALLOW_ALL_ORIGINS")
    for origin in _listed(cors.CORS_ALLOWED_ORIGINS, str):
        if origin == "null":  # Any page can open a sandboxed frame, which has this origin.
            yield messages.CORS_OPEN_TO_ALL(setting="'null' in CORS_ALLOWED_ORIGINS")
        elif conf.CSRF_PROTECTION and not is_trusted_origin(origin) and not _may_be_own(origin):
            yield messages.CORS_NOT_TRUSTED(setting="CORS_ALLOWED_ORIGINS", origin=origin)
    regexes = cors.CORS_ALLOWED_ORIGIN_REGEXES
    patterns: list[Pattern] = [*_listed(regexes, str), *_listed(regexes, re.Pattern)]
    for pattern in patterns:
        if _matches(pattern, ANY_SITE):
            yield messages.CORS_OPEN_TO_ALL(setting="CORS_ALLOWED_ORIGIN_REGEXES")
        elif _allows_strangers(pattern):
            yield messages.TRUSTS_A_SUFFIX(
                setting="CORS_ALLOWED_ORIGIN_REGEXES",
                origin=getattr(pattern, "pattern", pattern),
                source=domains.suffix_source(),
                harm="read what the user who visits them may read",
            )
        elif conf.CSRF_PROTECTION and not _trusts_a_match(pattern):
            text = getattr(pattern, "pattern", pattern)
            yield messages.CORS_NOT_TRUSTED(setting="CORS_ALLOWED_ORIGIN_REGEXES", origin=text)


def _listed(value: object, kind: type[T]) -> list[T]:
    """The entries of this kind in a list of django-cors-headers, whose own checks report what is of a wrong type."""
    return [entry for entry in value if isinstance(entry, kind)] if isinstance(value, (list, tuple)) else []


def _may_be_own(origin: str) -> bool:
    """Whether ``origin`` may be the project's own, which the CSRF rule lets act without being listed."""
    return origin.partition("://")[2] in django_settings.ALLOWED_HOSTS


def _matches(pattern: Pattern, origin: str) -> bool:
    try:
        return re.match(pattern, origin) is not None
    except (re.error, TypeError):
        return False


def _allows_strangers(pattern: Pattern) -> bool:
    """Whether ``pattern`` allows a name that anyone could register with a hoster."""
    return any(_matches(pattern, f"https://any-site.{suffix}") for suffix in domains.public_suffixes())


def _trusts_a_match(pattern: Pattern) -> bool:
    """Whether ``pattern`` allows an origin that the CSRF rule trusts. Nobody can list all origins that it allows."""
    trusted = [*conf.CORS_ORIGINS, *(each.replace("://*.", "://any.") for each in django_settings.CSRF_TRUSTED_ORIGINS)]
    return any(_matches(pattern, origin) for origin in trusted)
