"""Do the limits on failed sign-ins and on sign-ups hold in production?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.conf import settings as django_settings
from django.core import checks
from django.core.cache import DEFAULT_CACHE_ALIAS
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings as rest_framework_settings

from ..conf import conf
from ..serializers import LoginSerializer
from ..views import ChangePasswordView, LoginView, RegisterView
from . import messages, project

RACING = "loses counts when two requests come at once or it has MAX_ENTRIES, and resets their timeout"
FAULTS = {
    DummyCache: "stores nothing",
    LocMemCache: "counts in each process separately, and drops counts when it has MAX_ENTRIES",
    # Both count with BaseCache.incr, which reads and then sets, with the timeout of the cache and not of the count.
    FileBasedCache: RACING,
    DatabaseCache: RACING,
}


def faults() -> Iterator[checks.CheckMessage]:
    if not any(
        issubclass(route.view, (LoginView, RegisterView, ChangePasswordView)) for route in project.auth_routes()
    ):
        return  # No view takes a password.
    backend = _cache_backend()
    for kind, fault in FAULTS.items():
        if isinstance(backend, type) and issubclass(backend, kind):
            yield messages.LIMIT_NOT_SHARED(backend=project.name_of(backend), fault=fault)
    if rest_framework_settings.NUM_PROXIES is None:
        yield messages.PROXY_NOT_COUNTED()
    serializer = conf.LOGIN_SERIALIZER
    verifies = getattr(serializer, "validate", Serializer.validate) is not Serializer.validate  # Else it is E033.
    if verifies and isinstance(serializer, type) and not issubclass(serializer, LoginSerializer):
        yield messages.FAILURES_NOT_COUNTED(serializer=project.name_of(serializer))


def _cache_backend() -> object:
    default: object = django_settings.CACHES.get(DEFAULT_CACHE_ALIAS)
    return project.imported(default.get("BACKEND")) if isinstance(default, Mapping) else None
