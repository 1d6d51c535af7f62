"""Do tokens and sessions last as long as the project meant?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.core import checks

from ..conf import conf
from . import messages, project
from .types import SIMPLEJWT_LIFETIMES

LIFETIMES = (
    "ACCESS_TOKEN_TTL",
    "BOUND_ACCESS_TOKEN_TTL",
    "REFRESH_TOKEN_TTL",
    "REMEMBER_ME_TTL",
    "SESSION_MAX_AGE",
    "LOGIN_FAILURE_WINDOW",
)


def faults() -> Iterator[checks.CheckMessage]:
    positive = {}
    for key in LIFETIMES:
        value = getattr(conf, key)
        if value is None:
            continue
        if value < timedelta(seconds=1):
            yield messages.NO_LIFETIME(key=key)
        else:
            positive[key] = value
    for short in ("REFRESH_TOKEN_TTL", "SESSION_MAX_AGE"):
        if short in positive and positive[short] < positive.get("ACCESS_TOKEN_TTL", timedelta(0)):
            yield messages.INVERTED_LIFETIMES(
                short=short, short_value=positive[short], long="ACCESS_TOKEN_TTL", long_value=conf.ACCESS_TOKEN_TTL
            )
    remember, refresh = positive.get("REMEMBER_ME_TTL"), positive.get("REFRESH_TOKEN_TTL")
    if remember and refresh and remember < refresh:
        yield messages.REMEMBERED_SHORTER(remember=remember, refresh=refresh)
    yield from _contradictions()


def _contradictions() -> Iterator[checks.CheckMessage]:
    for key, simplejwt_key in SIMPLEJWT_LIFETIMES.items():
        ours, theirs = getattr(conf, key), conf.simplejwt_settings.get(simplejwt_key)
        if key in conf.user_settings and theirs not in (None, ours) and not project.is_migrating():
            yield messages.LIFETIME_TWICE(key=key, value=ours, simplejwt_key=simplejwt_key, simplejwt_value=theirs)
