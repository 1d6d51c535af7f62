"""Who says who is at the other end of a WebSocket?"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.utils.module_loading import import_string

from . import messages, project

OURS = {"fastauth_django.contrib.channels.AuthSocketMiddleware"}


def faults() -> Iterator[checks.CheckMessage]:
    path = getattr(django_settings, "ASGI_APPLICATION", None)
    if not path or not find_spec("channels"):
        return
    from channels.auth import AuthMiddleware

    theirs: Any = None  # the one whose user the consumers see
    for layer in _layers(getattr(import_string(path), "application_mapping", {}).get("websocket")):
        if isinstance(layer, AuthMiddleware):
            theirs = layer
        elif project.is_made_of(type(layer), OURS):
            theirs = None
    if theirs is not None:
        yield messages.SOCKETS_OF_DJANGO_SESSION(application=path, theirs=type(theirs).__name__)


def _layers(application: Any) -> Iterator[Any]:
    """``application`` and what it wraps, as the middleware of Channels and ours do, from the outside in."""
    while application is not None:
        yield application
        wrapped = (getattr(application, name, None) for name in ("inner", "application", "app"))
        application = next((each for each in wrapped if each is not None), None)
