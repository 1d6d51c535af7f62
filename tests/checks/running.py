"""Running the app's own checks on a configuration."""

from collections.abc import Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.core.checks import CheckMessage
from django.core.checks.registry import registry
from django.test import override_settings

from tests.settings import REST_FRAMEWORK

#: What a production site has beside the test project's settings.
PRODUCTION = {
    "REST_FRAMEWORK": {**REST_FRAMEWORK, "NUM_PROXIES": 0},
    "ALLOWED_HOSTS": ["api.example.com", "www.example.com"],
    "CACHES": {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://cache"}},
}
#: What ``check --deploy`` says of any site that is content with the defaults, as most cases are. Their own cases ask.
#: So it does of one that migrates.
OF_DEFAULTS = {"W023", "W034", "W035", "W052", "W053"}


@dataclass(frozen=True)
class Case:
    """A mistake, and the nearest configuration that is right.

    ``during`` changes what settings do not reach. ``databases`` are asked too, as ``check --database`` does.
    """

    id: str
    name: str
    bad: Mapping[str, Any]
    good: Mapping[str, Any]
    during: Any = field(default=nullcontext)
    databases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.id} {self.name}"


def fastauth(**keys: Any) -> dict[str, Any]:
    """``FASTAUTH`` of a site that delivers cookies, with ``keys``."""
    return {"FASTAUTH": {"TOKEN_DELIVERY": "cookie", **keys}}


def json_fastauth(**keys: Any) -> dict[str, Any]:
    """``FASTAUTH`` of a site that delivers JSON, with ``keys``."""
    return {"FASTAUTH": {"TOKEN_DELIVERY": "json", **keys}}


def found(
    overrides: Mapping[str, Any], *, deploy: bool = True, defaults: bool = False, databases: tuple[str, ...] = ()
) -> list[CheckMessage]:
    """What this app's checks say of the production settings with ``overrides``, and of ``defaults`` too if asked."""
    with override_settings(**{**PRODUCTION, **overrides}):
        checks = registry.get_checks(include_deployment_checks=deploy)
        own = [check for check in checks if check.__module__.startswith("fastauth_django.")]
        said = (message for check in own for message in check(databases=databases))
        messages = sorted(said, key=lambda message: message.id)
    return [message for message in messages if defaults or number(message) not in OF_DEFAULTS]


def number(message: CheckMessage) -> str:
    """``E001`` and so on."""
    return str(message.id).rpartition(".")[2]


def ids(overrides: Mapping[str, Any], **asked: Any) -> list[str]:
    """The numbers of the messages, each once."""
    return list(dict.fromkeys(number(message) for message in found(overrides, **asked)))


@contextmanager
def without(owner: Any, name: str) -> Any:
    """``owner`` as if it had no attribute ``name``."""
    kept = owner.__dict__[name]
    delattr(owner, name)
    try:
        yield
    finally:
        setattr(owner, name, kept)
