"""Do the limits on failed sign-ins and on sign-ups hold in production?"""

from __future__ import annotations

from collections.abc import Iterator

from django.core import checks
from django.core.cache import DEFAULT_CACHE_ALIAS, caches
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
    # Both count with BaseCache.incr, which reads and then sets.
    FileBasedCache: RACING,
    DatabaseCache: RACING,
}


def faults() -> Iterator[checks.CheckMessage]:
    if not any(
        issubclass(route.view, (LoginView, RegisterView, ChangePasswordView)) for route in project.auth_routes()
    ):
        return  # No view takes a password.
    yield from _faults_of_cache()
    if rest_framework_settings.NUM_PROXIES is None:
        yield messages.PROXY_NOT_COUNTED()
    serializer = conf.LOGIN_SERIALIZER
    verifies = getattr(serializer, "validate", Serializer.validate) is not Serializer.validate  # Else it is E033.
    if verifies and isinstance(serializer, type) and not issubclass(serializer, LoginSerializer):
        yield messages.FAILURES_NOT_COUNTED(serializer=project.name_of(serializer))


def _faults_of_cache() -> Iterator[checks.CheckMessage]:
    try:
        cache: object = caches[DEFAULT_CACHE_ALIAS]
        getattr(cache, "_cache", None)  # Here Redis and Memcached import their client. They connect later.
    except Exception as error:  # The app would sign people in, and count nothing.
        yield messages.LIMIT_NOT_SHARED(backend="it", fault=f"cannot be used ({error})")
        return
    for kind, fault in FAULTS.items():
        if isinstance(cache, kind):
            yield messages.LIMIT_NOT_SHARED(backend=project.name_of(type(cache)), fault=fault)
