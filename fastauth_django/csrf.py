"""May this cookie-carrying request act? The defence against requests that another site forges.

A browser says where a request comes from, in headers that a page cannot forge: ``Origin`` (RFC 6454, Fetch) and
``Sec-Fetch-Site`` (Fetch Metadata). So there is no token to fetch, store or send. A program that is not a browser can
write any header, and gains nothing, because it does not hold the victim's cookies.
"""

from __future__ import annotations

import logging
import re
from typing import NamedTuple

from django.conf import settings as django_settings
from django.core.exceptions import DisallowedHost, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.utils.http import is_same_domain
from rest_framework.authentication import CSRFCheck
from rest_framework.request import Request, is_form_media_type

from .conf import conf
from .exceptions import CsrfFailed

logger = logging.getLogger("django.security.csrf")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, section 9.2.1
LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
FORWARDED_HOST = re.compile(r'host="?([^";,\s]+)', re.IGNORECASE)  # RFC 7239, section 5.3


class Fault(NamedTuple):
    """Why a request must not act: what it sent, which its sender may read, and what that was compared with."""

    sent: str
    compared: str = ""

    def __str__(self) -> str:
        return f"{self.sent} {self.compared}".rstrip()


def forgery_fault(request: HttpRequest | Request, *, csrf_token_can_be_sent: bool = True) -> Fault | None:
    """Why ``request`` must not act with the cookies that it carries, or None if it may.

    ``csrf_token_can_be_sent=False`` is for signing in and up in ``"token"`` mode: the visitor has no token yet, so the
    origin rule decides instead. So it does for the handshake of a WebSocket, a ``GET`` that opens a way to act: a page
    can add no token to it.
    """
    http_request: HttpRequest = getattr(request, "_request", request)  # REST framework's takes a detour to it.
    # But REST framework's decides which handler runs. A project's own may read another method out of the query.
    if request.method in SAFE_METHODS and not is_handshake(http_request):
        return None
    mode = conf.CSRF_PROTECTION
    if mode is None:
        return None
    if mode == "token" and csrf_token_can_be_sent and not is_handshake(http_request):
        # A form is for the view's own parsers. Any other body is left alone, for a view that reads it by itself.
        left_alone = not is_form_media_type(http_request.content_type or "") and request.method == http_request.method
        return _token_fault(http_request if left_alone else request)
    return cross_origin_fault(http_request)


def is_handshake(request: HttpRequest | Request) -> bool:
    """Whether ``request`` was made from the scope of a WebSocket, as :mod:`.contrib.channels` does."""
    return (getattr(request, "scope", None) or {}).get("type") == "websocket"


def refuse_forgery(request: HttpRequest | Request) -> None:
    """Refuse a request that another site may have sent. For a view of a project that signs somebody in or out.

    Call it first in a view that has no check of its own: one of REST framework for visitors, or one that is
    ``csrf_exempt``. It applies the origin rule, which needs no token. It refuses every ``GET``, because any page, mail
    or scanner can send one: let a link lead to a page with a button. ``CSRF_PROTECTION = None`` switches the rule off,
    but not for ``GET``.

    :raises CsrfFailed: in a view of REST framework, and Django's ``PermissionDenied`` in any other. Both answer 403.
    """
    if request.method in SAFE_METHODS:
        fault: Fault | None = Fault(f"{request.method} must not sign anybody in or out.")
    else:
        fault = forgery_fault(request, csrf_token_can_be_sent=False)
    if fault is not None:
        refused = refusal(request, fault)
        raise refused if isinstance(request, Request) else PermissionDenied(str(refused))


def refusal(request: HttpRequest, fault: Fault) -> CsrfFailed:
    """Log the refusal as Django's own CSRF middleware does, and return the exception to raise.

    What the request was compared with is in the log. The answer has it only where Django's ``DEBUG`` is on.
    """
    # A path may hold a line break. Unescaped, it would let the sender write the next line of the log.
    path = request.path.encode("unicode_escape").decode("ascii")
    logger.warning("Forbidden (%s): %s", fault, path, extra={"status_code": 403, "request": request})
    says_all = django_settings.DEBUG or not fault.compared
    return CsrfFailed(f"CSRF Failed: {fault if says_all else f'{fault.sent} See the log.'}")


def cross_origin_fault(request: HttpRequest) -> Fault | None:
    """What in ``request`` shows that a page of an untrusted origin sent it, or None if nothing does.

    Stops forged requests from other sites, and from sibling subdomains, which ``SameSite`` does not stop.
    """
    origin = request.META.get("HTTP_ORIGIN")
    fetch_site = request.META.get("HTTP_SEC_FETCH_SITE")
    if origin is not None and is_trusted_origin(origin):
        return None
    # Chromium tells no handshake's Sec-Fetch-Site, and lets a page set no header of one either.
    may_be_own = fetch_site == "same-origin" or (fetch_site is None and is_handshake(request))
    if may_be_own and origin is not None and is_origin_before_proxy(request, origin):
        return None
    if origin is not None and not is_own_origin(request, origin):
        # Whatever Sec-Fetch-Site says: one engine called a forged form "same-origin" when the page was reloaded.
        return Fault(f"Origin {_shown(origin)} is not trusted.", _compared_with(request))
    if fetch_site is not None:
        if fetch_site in {"same-origin", "none"}:
            return None
        return Fault(f"Sec-Fetch-Site is {_shown(fetch_site)}.", _compared_with(request))
    if origin is None:
        referer = request.META.get("HTTP_REFERER")
        if referer is not None:
            referer_origin = "/".join(referer.split("/")[:3])
            if not is_trusted_origin(referer_origin) and not is_own_origin(request, referer_origin):
                return Fault("Referer is of another origin.", _compared_with(request))
    return None


def _compared_with(request: HttpRequest) -> str:
    host, forwarded = map(request.META.get, ["HTTP_HOST", "HTTP_X_FORWARDED_HOST"])
    hosts = f"{_shown(host)}, X-Forwarded-Host {_shown(forwarded)}"
    named = _forwarded_hosts(request)
    if named and request.META.get("HTTP_SEC_FETCH_SITE") == "same-origin":  # Otherwise nothing was compared with it.
        hosts += f", Forwarded {_shown(', '.join(named))}"
    return (
        f"It is not the host of the request ({hosts}), and neither "
        "CSRF_TRUSTED_ORIGINS nor FASTAUTH['CORS_ORIGINS'] has it. If the page is yours, list its origin there."
    )


def _shown(header: str | None) -> str:
    """The beginning of ``header``, for the log. A token that somebody put into it is worth nothing without its end."""
    return repr(header and header[:100])


def is_trusted_origin(origin: str) -> bool:
    """Whether the project listed ``origin``: exactly, by a pattern, or by Django's ``https://*.example.com`` form.

    This compares strings, never parsed URLs, so ``http://evil@victim`` is not ``http://victim``.
    """
    if origin == "null":
        return False  # Any sandboxed frame has this origin, whatever the project lists.
    if origin in django_settings.CSRF_TRUSTED_ORIGINS or is_cors_origin(origin):
        return True
    scheme, _separator, host = origin.partition("://")
    return _is_host(host) and any(
        entry.startswith(f"{scheme}://*.") and is_same_domain(host, entry.partition("://*")[2])
        for entry in django_settings.CSRF_TRUSTED_ORIGINS
    )


def is_cors_origin(origin: str) -> bool:
    """Whether ``CORS_ORIGINS`` has ``origin``: exactly, or by a pattern that matches the whole of it.

    A pattern that need not match the end would let in ``https://app.example.com.evil.example``.
    """
    entries = conf.CORS_ORIGINS
    patterns = (entry for entry in entries if isinstance(entry, re.Pattern))
    return origin in entries or (
        _is_host(origin.partition("://")[2]) and any(pattern.fullmatch(origin) for pattern in patterns)
    )


def is_own_origin(request: HttpRequest, origin: str) -> bool:
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


def is_origin_before_proxy(request: HttpRequest, origin: str) -> bool:
    """Whether ``origin`` is the host by which a proxy that renamed it was called. For ``Sec-Fetch-Site: same-origin``.

    A page cannot send ``X-Forwarded-Host`` or ``Forwarded`` to another origin without the server's leave (Fetch, CORS
    preflight). While Django's ``DEBUG`` is on, two ports of the loopback interface are enough: the one-line proxies of
    development servers send neither header.
    """
    scheme, _separator, host = origin.lower().partition("://")
    if scheme not in {"http", "https"} or not _is_host(host):
        return False
    if scheme == "http" and request.is_secure() and not LOOPBACK.fullmatch(host):
        return False
    # The port counts only if the proxy has said it. But a handshake may come from a page on another port of the host.
    hosts = {host} if is_handshake(request) else {host, re.sub(r":\d+$", "", host)}
    forwarded = request.META.get("HTTP_X_FORWARDED_HOST", "").lower().split(",")
    forwarded += _forwarded_hosts(request)
    if any(each and each in hosts for each in map(str.strip, forwarded)):
        return True
    own_host = request.META.get("HTTP_HOST", "")
    return bool(django_settings.DEBUG and LOOPBACK.fullmatch(host) and LOOPBACK.fullmatch(own_host.lower()))


def _forwarded_hosts(request: HttpRequest) -> list[str]:
    """The hosts that ``Forwarded`` names. The header also has addresses of visitors, which no log needs."""
    return FORWARDED_HOST.findall(request.META.get("HTTP_FORWARDED", "").lower())


def _is_host(host: str) -> bool:
    return not set(host) & set("/@?#\\ ")


def _token_fault(request: HttpRequest) -> Fault | None:
    """Django's own check of the CSRF token, as REST framework runs it."""
    check = CSRFCheck(lambda request: HttpResponse())
    check.process_request(request)
    fault = check.process_view(request, None, (), {})  # type: ignore[arg-type]
    return None if fault is None else Fault(str(fault))


def give_token(request: HttpRequest) -> None:
    """In ``"token"`` mode, have Django's middleware set a new CSRF cookie, because another user is signed in now."""
    if conf.CSRF_PROTECTION == "token":
        rotate_token(request)
