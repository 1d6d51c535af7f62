"""Does this app refuse forged requests, and only those?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.conf import settings as django_settings
from django.core import checks
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.http import is_same_domain

from ..conf import conf
from . import domains, messages, project


def faults() -> Iterator[checks.CheckMessage]:
    for origin in django_settings.CSRF_TRUSTED_ORIGINS:
        _scheme, wildcard, host = origin.partition("://*.")
        domain, _colon, _port = host.partition(":")
        fault = _never_matches(origin)
        if fault is not None:
            yield messages.TRUSTS_NOBODY(origin=origin, reason=fault)
        elif wildcard and domains.covers_public_suffix(domain):
            yield messages.TRUSTS_A_SUFFIX(
                setting="CSRF_TRUSTED_ORIGINS",
                origin=origin,
                source=domains.suffix_source(),
                harm="act as the user who visits them",
            )
    if conf.CSRF_PROTECTION is None:
        across_sites = conf.COOKIE_SAMESITE == "none"
        yield messages.CSRF_OFF_ACROSS_SITES() if across_sites else messages.CSRF_OFF()
    elif conf.CSRF_PROTECTION == "token":
        yield from _token_faults()


def _never_matches(origin: str) -> str | None:
    """Why no browser's ``Origin`` matches this entry of ``CSRF_TRUSTED_ORIGINS``, or None if one may.

    Django itself reports an entry without a scheme. How the shells of apps spell origins of their own, nobody knows.
    """
    scheme, separator, host = origin.partition("://")
    if not separator or scheme.strip().lower() not in domains.DEFAULT_PORTS:
        return None
    if host.startswith("*."):
        # The rule ignores the case of the domain here, as Django's does.
        return domains.origin_fault(f"{scheme}://{host.removeprefix('*.').lower()}")
    if "*" in host:
        return "has a * that does not stand in front of a domain"
    return domains.origin_fault(origin)


def _token_faults() -> Iterator[checks.CheckMessage]:
    if not any(issubclass(each, CsrfViewMiddleware) for each in project.middleware()):
        yield messages.NO_CSRF_MIDDLEWARE()
    hidden_by = [name for name in ("CSRF_USE_SESSIONS", "CSRF_COOKIE_HTTPONLY") if getattr(django_settings, name)]
    if hidden_by:
        yield messages.CSRF_TOKEN_HIDDEN(setting=hidden_by[0])
    travels = str(django_settings.CSRF_COOKIE_SAMESITE).lower() == "none" and django_settings.CSRF_COOKIE_SECURE
    # With CSRF_USE_SESSIONS there is no such cookie.
    if conf.COOKIE_SAMESITE == "none" and not travels and "CSRF_USE_SESSIONS" not in hidden_by:
        yield messages.CSRF_COOKIE_STAYS_HOME()
    for origin in conf.CORS_ORIGINS:
        if isinstance(origin, re.Pattern):
            if not _django_may_trust_a_match(origin):
                yield messages.CORS_ORIGIN_NOT_TRUSTED(origin=origin.pattern)
        elif domains.origin_fault(origin) is None and not _django_trusts(origin):
            yield messages.CORS_ORIGIN_NOT_TRUSTED(origin=origin)


def _django_trusts(origin: str) -> bool:
    """Whether Django's own CSRF check lets ``origin`` act: it is a host of the project, or listed as trusted."""
    scheme, _separator, host = origin.partition("://")
    return host in django_settings.ALLOWED_HOSTS or any(
        origin == trusted or (trusted.startswith(f"{scheme}://*.") and is_same_domain(host, trusted.partition("*")[2]))
        for trusted in django_settings.CSRF_TRUSTED_ORIGINS
    )


def _django_may_trust_a_match(pattern: re.Pattern[str]) -> bool:
    """Whether ``CSRF_TRUSTED_ORIGINS`` has an origin that ``pattern`` matches, or subdomains, of which nobody knows."""
    return any("://*." in trusted or pattern.fullmatch(trusted) for trusted in django_settings.CSRF_TRUSTED_ORIGINS)
