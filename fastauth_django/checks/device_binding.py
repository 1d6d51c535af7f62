"""Can browsers bind sessions to their devices, and renew them?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.core import checks
from django.urls import get_resolver
from jwt import algorithms

from ..conf import conf
from ..device_protocol import namespaces_of_routes
from . import messages, project

SHORTEST_BOUND_TTL = timedelta(minutes=1)


def faults() -> Iterator[checks.CheckMessage]:
    if conf.DEVICE_BINDING is None:
        return
    if not algorithms.has_crypto:
        yield messages.NO_BINDING_CRYPTOGRAPHY()
    if not project.delivers_cookies():
        yield messages.NOTHING_TO_BIND()
    elif project.auth_routes() and not _has_routes():
        yield messages.NO_DEVICE_ROUTES()
    if conf.COOKIE_PARTITIONED:
        yield messages.BINDING_PARTITIONED()
    if conf.BOUND_ACCESS_TOKEN_TTL > conf.ACCESS_TOKEN_TTL:
        yield messages.BOUND_LONGER(bound=conf.BOUND_ACCESS_TOKEN_TTL, access=conf.ACCESS_TOKEN_TTL)
    if timedelta(0) < conf.BOUND_ACCESS_TOKEN_TTL < SHORTEST_BOUND_TTL:
        yield messages.BOUND_TOO_SHORT(bound=conf.BOUND_ACCESS_TOKEN_TTL)


def _has_routes() -> bool:
    # Without a URLconf Django itself reports that.
    return project.routes() is None or bool(namespaces_of_routes(get_resolver()))
