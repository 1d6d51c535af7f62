"""``FASTAUTH["CORS_ORIGINS"]`` for django-cors-headers, so that the origins stand in one place."""

from __future__ import annotations

from typing import Any

from corsheaders.signals import check_request_enabled

from ..conf import conf
from ..csrf import is_trusted_origin


def allow_listed_origin(sender: Any, request: Any, **kwargs: Any) -> bool:
    """Receiver of ``check_request_enabled``: whether a page of the request's origin may read the answer.

    Whoever may read may also act, so what the CSRF rule never trusts, such as ``null``, is not let in here either.
    """
    origin = request.headers.get("Origin")
    return origin in conf.CORS_ORIGINS and is_trusted_origin(origin)


def connect() -> None:
    """Offer the origins to django-cors-headers."""
    check_request_enabled.connect(allow_listed_origin, dispatch_uid="fastauth_django.contrib.cors")
