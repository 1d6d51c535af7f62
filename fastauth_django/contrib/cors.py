"""``FASTAUTH["CORS_ORIGINS"]`` for django-cors-headers, so that the origins stand in one place."""

from __future__ import annotations

from typing import Any

from corsheaders.signals import check_request_enabled

from ..conf import conf


def allow_listed_origin(sender: Any, request: Any, **kwargs: Any) -> bool:
    """Receiver of ``check_request_enabled``: whether a page of the request's origin may read the answer."""
    return request.headers.get("Origin") in conf.CORS_ORIGINS


def connect() -> None:
    """Offer the origins to django-cors-headers."""
    check_request_enabled.connect(allow_listed_origin, dispatch_uid="fastauth_django.contrib.cors")
