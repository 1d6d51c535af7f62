"""Has anybody looked whether strangers can register names where the cookies go, or whom the CSRF rule trusts?"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings as django_settings
from django.core import checks

from ..conf import conf
from . import domains, messages


def faults() -> Iterator[checks.CheckMessage]:
    wildcards = [origin for origin in django_settings.CSRF_TRUSTED_ORIGINS if "://*." in origin]
    names = [*([conf.COOKIE_DOMAIN] if conf.COOKIE_DOMAIN else []), *wildcards]
    if names and not domains.knows_public_suffixes():
        for name in names:
            yield messages.SUFFIX_UNCHECKED(name=name)
