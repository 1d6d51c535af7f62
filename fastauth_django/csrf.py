"""May this cookie-carrying request act? The defence against requests that another site forges.

A browser says itself where a request comes from, in headers that a page cannot forge: ``Origin`` (RFC 6454, Fetch) and
``Sec-Fetch-Site`` (Fetch Metadata). So there is no token to fetch, store or send. A program that is no browser can
write any header, and gains nothing: it does not hold the victim's cookies.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse
from django.middleware.csrf import rotate_token
from django.utils.http import is_same_domain
from rest_framework.authentication import CSRFCheck

from .conf import conf
from .exceptions import CsrfFailed

logger = logging.getLogger("django.security.csrf")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, section 9.2.1


def forgery_fault(request: Any, *, token_can_be_sent: bool = True) -> str | None:
    """Why ``request`` must not act with the cookies it carries, or None when it may.

    ``token_can_be_sent=False`` is for signing in and up in ``"token"`` mode: no token can have been given before, so
    the origin rule stands in.
    """
    if request.method in SAFE_METHODS:
        return None
    mode = conf.CSRF_PROTECTION
    if mode is None:
        return None
    if mode == "token" and token_can_be_sent:
        return _token_fault(request)
    return cross_origin_fault(request)


def refuse(request: Any, fault: str) -> CsrfFailed:
    """Log the refusal as Django's own CSRF middleware does, and return the exception to raise."""
    # A path may hold a line break, and the next line of the log would be the sender's to write.
    path = request.path.encode("unicode_escape").decode("ascii")
    logger.warning("Forbidden (%s): %s", fault, path, extra={"status_code": 403, "request": request})
    return CsrfFailed(f"CSRF Failed: {fault}")


def cross_origin_fault(request: Any) -> str | None:
    """What shows that a page of an untrusted origin sent ``request``, or None when nothing does.

    Stops forged requests from other sites and from sibling subdomains, which ``SameSite`` does not.
    """
    origin = request.META.get("HTTP_ORIGIN")
    fetch_site = request.META.get("HTTP_SEC_FETCH_SITE")
    if origin is not None and is_trusted_origin(origin):
        return None
    if origin is not None and not is_own_origin(request, origin):
        # Also against "Sec-Fetch-Site: same-origin": one engine resent a forged form under that header on reload.
        return f"Origin {origin!r} is not trusted."
    if fetch_site is not None:
        if fetch_site in {"same-origin", "none"}:
            return None
        return f"Sec-Fetch-Site is {fetch_site!r}."
    if origin is None:
        referer = request.META.get("HTTP_REFERER")
        if referer is not None:
            referer_origin = "/".join(referer.split("/")[:3])
            if not is_trusted_origin(referer_origin) and not is_own_origin(request, referer_origin):
                return "Referer is of another origin."
    return None


def is_trusted_origin(origin: str) -> bool:
    """Whether the project listed ``origin``: exactly, or by Django's ``https://*.example.com`` form.

    Strings are compared, never parsed URLs: ``http://evil@victim`` has to equal an entry to pass.
    """
    if origin == "null":
        return False  # Any sandboxed frame has this origin, whoever lists it.
    if origin in django_settings.CSRF_TRUSTED_ORIGINS or origin in conf.CORS_ORIGINS:
        return True
    scheme, _separator, host = origin.partition("://")
    return _is_host(host) and any(
        entry.startswith(f"{scheme}://*.") and is_same_domain(host, entry.partition("://*")[2])
        for entry in django_settings.CSRF_TRUSTED_ORIGINS
    )


def is_own_origin(request: Any, origin: str) -> bool:
    """Whether ``origin`` has the host and port that the request was sent to.

    The scheme may differ behind a proxy that ends TLS without telling Django; but an ``http`` page cannot speak for a
    request that Django sees as secure.
    """
    scheme, _separator, host = origin.partition("://")
    if scheme not in {"http", "https"} or (scheme == "http" and request.is_secure()):
        return False
    try:
        own_host = request.get_host()
    except DisallowedHost:
        return False
    default_port = ":443" if scheme == "https" else ":80"
    return bool(host.lower() == own_host.lower().removesuffix(default_port))


def _is_host(host: str) -> bool:
    return not set(host) & set("/@?#\\ ")


def _token_fault(request: Any) -> str | None:
    """Django's own check of the CSRF token, as REST framework runs it."""
    check = CSRFCheck(lambda request: HttpResponse())
    check.process_request(request)
    fault = check.process_view(request, None, (), {})  # type: ignore[arg-type]
    return None if fault is None else str(fault)


def give_token(request: Any) -> None:
    """In ``"token"`` mode, have Django's middleware set a new CSRF cookie: signing in changes whom it speaks for."""
    if conf.CSRF_PROTECTION == "token":
        rotate_token(request)
