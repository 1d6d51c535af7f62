"""Are the middleware classes in the right order?"""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core import checks

from ..middleware import AuthCookieMiddleware
from . import messages, project


def faults() -> Iterator[checks.CheckMessage]:
    ours: type | None = None
    for each in project.middleware():
        if issubclass(each, AuthCookieMiddleware):
            ours = each
        elif ours is not None and issubclass(each, AuthenticationMiddleware):
            yield messages.AUTHENTICATION_LATE(django=each.__name__, ours=ours.__name__)
