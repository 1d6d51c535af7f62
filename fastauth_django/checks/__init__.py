"""``manage.py check``: what is wrong with a configuration, before a browser or a user meets it.

:mod:`.messages` has all sentences. Each module beside it has the rules of one subject: its ``faults()`` yields the
messages. A check imports them when it runs, because Django must not load the views with the apps.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from django.core import checks

from . import messages, types
from .messages import REFERENCE

__all__ = ["REFERENCE", "register"]


def check_types(**kwargs: object) -> list[checks.CheckMessage]:
    """Keys that do not exist, and values of the wrong type or out of range."""
    return list(types.faults())


def check_configuration(**kwargs: object) -> list[checks.CheckMessage]:
    """Values that are allowed, but do harm together or with the rest of the project."""
    return _look_at(
        "cookies", "csrf", "cors", "keys", "lifetimes", "device_binding", "classes", "middleware", "allauth", "sockets"
    )


def check_urls(**kwargs: object) -> list[checks.CheckMessage]:
    """URLs that are missing, and URLs to which browsers do not send the cookies."""
    return _look_at("urls")


def check_deployment(**kwargs: object) -> list[checks.CheckMessage]:
    """What is right on a developer's machine and wrong in production."""
    return _look_at("throttling", "deployment")


def check_tables(databases: Iterable[str] | None = None, **kwargs: object) -> list[checks.CheckMessage]:
    """What the tables of ``databases`` keep from being deleted."""
    return _look_at("tables", databases=databases or ())


def _look_at(*subjects: str, **arguments: object) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if check_types():
        return found  # The other checks rely on the types, and would only guess.
    for subject in subjects:
        try:
            for message in import_module(f".{subject}", __name__).faults(**arguments):
                found.append(message)
        except Exception as error:  # A check that raises hides the messages of all others, Django's too.
            message = messages.NOT_CHECKED(error=f"{type(error).__name__}: {error}")
            if message not in found:
                found.append(message)
    return found


def register() -> None:
    """Register the checks with Django."""
    checks.register(check_types, checks.Tags.security)
    checks.register(check_configuration, checks.Tags.security)
    checks.register(check_urls, checks.Tags.urls)
    checks.register(check_deployment, checks.Tags.security, deploy=True)
    checks.register(check_tables, checks.Tags.database)
