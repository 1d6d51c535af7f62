"""Limits on failed sign-ins: guessing one account's password, and spraying one password over many accounts."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from time import time
from typing import Any

from django.contrib.auth import authenticate, get_user_model
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, router
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import Throttled

from .client_address import client_address
from .conf import conf
from .conflicts import until_not_lost
from .exceptions import InvalidCredentials, UserInactive
from .replicas import read_from_primary

logger = logging.getLogger("fastauth_django.security")

SPRAYING_FACTOR = 20  # One office may share an address; it fails more often than one person.
IGNORED_BY_COLLATIONS = {"Mn", "Me", "Cc", "Cf"}  # Unicode's accents, enclosing marks, control and format characters.


@sensitive_variables()
def verify_credentials(request: HttpRequest, identifier: str, password: str) -> Any:
    """The user whom ``identifier`` and ``password`` sign in, through the project's authentication backends.

    This counts an attempt before it verifies the password, and takes it back if the password was right, so that fifty
    guesses at once are fifty. Raises ``Throttled``; :class:`InvalidCredentials`, for an unknown identifier as for a
    wrong password; or :class:`UserInactive`, if a backend lets such a user through.
    """
    counted = []
    for counter in _counters(request, identifier):
        # If the cache hangs, the visitor and the worker wait for its timeout. Once is enough.
        if not counter.count():
            break
        counted.append(counter)
    try:
        # A backend may write: Django's own does where the password's hash is to be upgraded.
        with read_from_primary():
            user = until_not_lost(
                lambda: authenticate(request, **{get_user_model().USERNAME_FIELD: identifier, "password": password}),
                using=router.db_for_write(get_user_model()),
            )
    except (InterfaceError, OperationalError):
        # The database went away. People will try the right password again and again until it is back.
        _take_back(counted, FailureCounter.uncount)
        raise
    if user is None:
        raise InvalidCredentials
    _take_back(counted, FailureCounter.forgive)
    if not user.is_active:
        raise UserInactive
    return user


def _take_back(counted: list[FailureCounter], how: Callable[[FailureCounter], bool]) -> None:
    for counter in counted:
        if not how(counter):
            break


@dataclass
class FailureCounter:
    """Failures under one name in the cache, forgotten a window after the first of them."""

    name: str
    limit: int
    resets_on_success: bool

    def count(self) -> bool:
        """Count one attempt, and return whether the cache answered.

        Raises ``Throttled``, with the seconds to wait, if it is one too many.
        """
        window = int(conf.LOGIN_FAILURE_WINDOW.total_seconds())
        try:
            if cache.add(self.name, 1, timeout=window):
                cache.set(self._until, time() + window, timeout=window)
                return True
            attempts = cache.incr(self.name)
            if attempts <= 1:
                # The window ended in between, and Redis began a new counter, which has no timeout yet.
                cache.touch(self.name, timeout=window)
            until = cache.get(self._until) if attempts > self.limit else None
        except ValueError:
            return True  # The window ended between the two calls, or the cache keeps nothing.
        except Exception:
            # The cache's client may raise anything when its server is away. The password is still checked.
            logger.exception("Sign-in failures cannot be counted: the cache does not answer")
            return False
        if attempts > self.limit:
            raise Throttled(wait=max(1, (until or time() + window) - time()))
        return True

    def forgive(self) -> bool:
        """Take back an attempt that was no failure, and return whether the cache answered."""
        if self.resets_on_success:
            return self._reset(lambda: cache.delete_many([self.name, self._until]))
        return self.uncount()

    def uncount(self) -> bool:
        """Take back an attempt whose password nobody checked, and return whether the cache answered."""
        return self._reset(lambda: cache.decr(self.name))

    def _reset(self, operation: Callable[[], object]) -> bool:
        try:
            operation()
        except ValueError:
            return True  # The window is over.
        except Exception:
            logger.exception("Sign-in failures cannot be reset: the cache does not answer")
            return False
        return True

    @property
    def _until(self) -> str:
        return f"{self.name}:until"


def _counters(request: HttpRequest, identifier: str) -> list[FailureCounter]:
    address = client_address(request)
    # An IPv6 customer has a whole /64, and could guess from a new address each time.
    network = str(ip_network(f"{address}/64", strict=False)) if address and ":" in address else address
    # Hashed, so that nobody reads in the cache who signs in from where. Keys must also be short and without spaces.
    folded = _fold(identifier)
    limit = conf.LOGIN_FAILURE_LIMIT
    counters = [FailureCounter(_key("identifier", folded, network), limit, resets_on_success=True)]
    if network is not None:
        counters.append(FailureCounter(_key("address", network), limit * SPRAYING_FACTOR, resets_on_success=False))
    return counters


def _fold(identifier: str) -> str:
    """Map all spellings of ``identifier`` that a database might take for the same account to one text.

    MariaDB's default collation finds ``ada`` for ``Ádà`` too. Without this, each spelling would be five more guesses.
    """
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", identifier).casefold())
    return "".join(letter for letter in letters if unicodedata.category(letter) not in IGNORED_BY_COLLATIONS).strip()


def _key(*parts: str | None) -> str:
    # 128 bits are enough, and the cache checks each letter of a key at each operation.
    digest = salted_hmac("fastauth_django.throttling", repr(parts), algorithm="sha256").hexdigest()[:32]
    return f"fastauth:failures:{digest}"
