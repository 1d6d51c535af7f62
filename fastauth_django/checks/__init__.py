"""``manage.py check``: what a configuration would do that nobody wants, said before it happens.

All sentences stand in :mod:`.messages`; each module beside it holds the rules of one subject, as a generator of
messages. They are imported when a check runs: views must not be loaded with the apps.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.core import checks

from . import messages, types
from .messages import REFERENCE

__all__ = ["REFERENCE", "register"]


def check_types(**kwargs: Any) -> list[checks.CheckMessage]:
    """Keys that do not exist, values of the wrong type or out of range."""
    return list(types.faults())


def check_configuration(**kwargs: Any) -> list[checks.CheckMessage]:
    """Values that are each allowed and together, or with the rest of the project, do harm."""
    return _look_at("cookies", "csrf", "cors", "keys", "lifetimes", "device_binding", "classes")


def check_urls(**kwargs: Any) -> list[checks.CheckMessage]:
    """URLs that lead nowhere, or where the cookies do not go."""
    return _look_at("urls")


def check_deployment(**kwargs: Any) -> list[checks.CheckMessage]:
    """What is right on a developer's machine and wrong in production."""
    return _look_at("throttling")


def _look_at(*subjects: str) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if check_types():
        return found  # One mistake, one message: what follows would only guess.
    for subject in subjects:
        try:
            for message in import_module(f".{subject}", __name__).faults():
                found.append(message)
        except Exception as error:  # A check that raises hides all others, Django's too.
            message = messages.NOT_CHECKED(error=f"{type(error).__name__}: {error}")
            if message not in found:
                found.append(message)
    return found


def register() -> None:
    """Make the checks known to Django."""
    checks.register(check_types, checks.Tags.security)
    checks.register(check_configuration, checks.Tags.security)
    checks.register(check_urls, checks.Tags.urls)
    checks.register(check_deployment, checks.Tags.security, deploy=True)
