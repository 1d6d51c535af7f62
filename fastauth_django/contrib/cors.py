"""``FASTAUTH["CORS_ORIGINS"]`` for django-cors-headers, so that the origins stand in one place."""

from __future__ import annotations

import re
from typing import Any

from corsheaders.conf import conf as cors_headers
from corsheaders.signals import check_request_enabled

from ..csrf import is_cors_origin, is_trusted_origin


def allow_listed_origin(sender: Any, request: Any, **kwargs: Any) -> bool:
    """Receiver of ``check_request_enabled``: whether a page of the request's origin may read the answer.

    Whoever may read may also act, so what the CSRF rule never trusts, such as ``null``, is not let in here either.
    django-cors-headers asks its receivers about every URL, so that the limit of the project, ``CORS_URLS_REGEX``, has
    to be held here.
    """
    origin = request.headers.get("Origin", "null")
    inside = re.match(cors_headers.CORS_URLS_REGEX, request.path_info)
    return inside is not None and is_cors_origin(origin) and is_trusted_origin(origin)


def connect() -> None:
    """Offer the origins to django-cors-headers."""
    check_request_enabled.connect(allow_listed_origin, dispatch_uid="fastauth_django.contrib.cors")
