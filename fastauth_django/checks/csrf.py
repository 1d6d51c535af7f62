"""Does this app refuse forged requests, and only those?"""

from __future__ import annotations

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
        if wildcard and domains.is_public_suffix(domain):
            yield messages.TRUSTS_A_SUFFIX(origin=origin, source=domains.suffix_source())
    if conf.CSRF_PROTECTION is None:
        across_sites = conf.COOKIE_SAMESITE == "none"
        yield messages.CSRF_OFF_ACROSS_SITES() if across_sites else messages.CSRF_OFF()
    elif conf.CSRF_PROTECTION == "token":
        yield from _token_faults()


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
        if domains.origin_fault(origin) is None and not _django_trusts(origin):
            yield messages.CORS_ORIGIN_NOT_TRUSTED(origin=origin)


def _django_trusts(origin: str) -> bool:
    """Whether Django's own CSRF check lets ``origin`` act: it is a host of the project, or listed as trusted."""
    scheme, _separator, host = origin.partition("://")
    return host in django_settings.ALLOWED_HOSTS or any(
        origin == trusted or (trusted.startswith(f"{scheme}://*.") and is_same_domain(host, trusted.partition("*")[2]))
        for trusted in django_settings.CSRF_TRUSTED_ORIGINS
    )
