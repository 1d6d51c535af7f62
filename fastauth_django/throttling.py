"""Limits on failed sign-ins and on sign-ups: guessing one account's password, spraying one password over many accounts,
and making accounts by the thousand.

All of them are by the client's network. :func:`verify_credentials` counts an attempt for three things:

- the *identifier* as it was typed, before the password is verified. One too many is 429, also for a name of nobody;
- the *network*, before the password is verified: so many failures over all names are 429;
- the *account* that the database found. Collations and look-alike letters make one account answer to many names, and
  the database alone knows which. A full counter of the account gives the ordinary 401, after the ordinary work, because
  429 would tell that the account exists.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache as once
from ipaddress import ip_network
from math import ceil
from time import time
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.core.exceptions import MultipleObjectsReturned, ValidationError
from django.db import InterfaceError, OperationalError, router
from django.http import HttpRequest
from django.utils.crypto import get_random_string, salted_hmac
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import Throttled

from . import identifiers
from .client_address import client_address, tells_clients_apart
from .conf import conf
from .conflicts import is_due, until_not_lost
from .exceptions import InvalidCredentials, UserInactive
from .replicas import read_from_primary
from .sessions import may_sign_in

logger = logging.getLogger("fastauth_django.security")

SPRAYING_FACTOR = 20  # One office may share an address; it fails more often than one person.
SIGN_UP_WINDOW = 60 * 60  # seconds


@sensitive_variables()
def verify_credentials(request: HttpRequest, typed: str, password: str, identifier: str | None = None) -> Any:
    """The user whom an identifier and ``password`` sign in, through the project's authentication backends.

    This counts an attempt before it verifies the password, and takes it back if the password was right, so that fifty
    guesses at once are fifty.

    :param typed: what somebody typed to name their account. It counts against the limit.
    :param identifier: the identifier of the account, if that is another: somebody may type an address for a name.

    Raises ``Throttled``; :class:`InvalidCredentials`, for an unknown identifier as for a wrong password; or
    :class:`UserInactive`, if a backend lets a user through whom ``SIMPLE_JWT`` refuses.
    """
    network = Network.of(request)
    limit = conf.LOGIN_FAILURE_LIMIT
    by_name, by_network = network.counter("identifier", typed), network.counter("address")
    counted: list[Counter] = []
    failures = 0
    # If the cache hangs, the visitor and the worker wait for its timeout. Once is enough.
    if failures := by_network.count():
        # First, so that who sprays names cannot push the counters of others out of a small cache with ever more names.
        network.refuse_over(by_network, limit * SPRAYING_FACTOR)
        if by_name.count() > limit:
            by_network.take_back()
            by_name.refuse_over(limit)
        counted = [by_name, by_network]
    try:
        with read_from_primary():
            name, refusals = _name_of_account(typed if identifier is None else identifier)
            if failures > limit:
                # No account can have had more failures than its network. Below that, a sign-in saves this query.
                account = _account_of(name)
                counted.append(_account_counter(network, account))
                # Names that only a backend knows, as LDAP does, share one counter. It must refuse nobody.
                if counted[-1].count() > limit and account is not None:
                    password = get_random_string(32)  # Nothing is right now, and everything takes its usual course.
            user = None
            with suppress(*refusals):
                # A backend may write: Django's own does where the password's hash is to be upgraded.
                user = until_not_lost(
                    lambda: _authenticate(request, name, password),
                    using=router.db_for_write(get_user_model()),
                )
            if 0 < failures <= limit:
                # Not counted yet for the account, and counts before anybody learns how it ended.
                counted.append(_account_counter(network, _account_of(name) if user is None else user))
                if counted[-1].count() > limit:
                    user = None
    except (InterfaceError, OperationalError):
        # The database went away. People will try the right password again and again until it is back.
        _until_away([counter.take_back for counter in counted])
        raise
    if user is None:
        raise InvalidCredentials
    if counted:
        # Only the account starts anew. What was typed may name another one as well: to a backend that takes addresses
        # too, a username that is somebody's address does.
        _until_away([by_network.take_back, by_name.take_back, counted[-1].reset])
    if not may_sign_in(user):
        raise UserInactive
    return user


def count_sign_up(request: HttpRequest) -> None:
    """Count an attempt to sign up, before the password is hashed. Raises ``Throttled`` for one too many."""
    network = Network.of(request)
    if conf.SIGN_UP_LIMIT is not None:
        attempts = network.counter("sign-up", window=SIGN_UP_WINDOW)
        if attempts.count():
            network.refuse_over(attempts, conf.SIGN_UP_LIMIT)


def _name_of_account(identifier: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """What names the account to a backend, and what a backend may raise because nobody has that name, or several do."""
    try:
        return identifiers.in_case_of_account(identifiers.value_of(identifier)), (MultipleObjectsReturned,)
    except ValidationError:
        # The user model cannot hold it, so Django's backend raises. One of the project's may know what it means.
        return identifier, (MultipleObjectsReturned, *identifiers.REFUSALS)


@sensitive_variables()
def _authenticate(request: HttpRequest, name: Any, password: str) -> AbstractBaseUser | None:
    try:
        return authenticate(request, **{get_user_model().USERNAME_FIELD: name, "password": password})
    except TypeError:
        account = _account_of(name)
        if account is None or account.password is not None:
            raise
        make_password(password)  # Django's hasher cannot take NULL for a hash. The same work as for any account.
        return None


def _account_of(name: Any) -> Any:
    """The account that the database finds for ``name``, or None. A name that more than one answer to is nobody's."""
    with suppress(MultipleObjectsReturned):
        return identifiers.account_of(name)
    return None


def _account_counter(network: Network, account: Any) -> Counter:
    return network.counter("account", "" if account is None else identifiers.text_of(account, "pk"))


def _until_away(operations: list[Callable[[], bool]]) -> None:
    """Do what may be waited for once: if the cache does not answer the first, it will not answer the next."""
    all(operation() for operation in operations)


@dataclass(frozen=True)
class Network:
    """Where a request comes from, as far as limits by address go."""

    address: str | None
    is_known: bool

    @classmethod
    def of(cls, request: HttpRequest) -> Network:
        address = client_address(request)
        is_known = tells_clients_apart(address)
        if not is_known and not django_settings.DEBUG:
            _warn_of_unknown_clients(address)
        # An IPv6 customer has a whole /64, and could guess from a new address each time.
        return cls(str(ip_network(f"{address}/64", strict=False)) if address and ":" in address else address, is_known)

    def counter(self, kind: str, name: str = "", window: int | None = None) -> Counter:
        # Hashed, so that nobody reads in the cache who signs in from where. Keys must also be short and without spaces.
        # 128 bits are enough, and the cache checks each letter of a key at each operation.
        parts = repr((kind, name, self.address))
        digest = salted_hmac("fastauth_django.throttling", parts, algorithm="sha256").hexdigest()[:32]
        return Counter(f"fastauth:attempts:{digest}", window or int(conf.LOGIN_FAILURE_WINDOW.total_seconds()))

    def refuse_over(self, counter: Counter, limit: int) -> None:
        """Raise ``Throttled`` if this network is over ``limit``. If it may be the whole world, only log."""
        if self.is_known:
            counter.refuse_over(limit)
        elif counter.attempts > limit and is_due("over limit", counter.name):
            logger.warning("A limit by address is reached, and the address %s says nothing: not refused", self.address)


@once
def _warn_of_unknown_clients(address: str | None) -> None:
    logger.warning(
        "The address of clients is %s, which tells no two apart: limits by address refuse nobody. Set "
        "REST_FRAMEWORK['NUM_PROXIES'] (fastauth_django.W023)",
        address or "empty",
    )


@dataclass
class Counter:
    """Attempts under one name in the cache, forgotten a window, in seconds, after the first of them.

    One entry says when that was. Another one counts, and has that moment in its name: so nothing is counted in a window
    that is over, or taken back from one that is not its own.
    """

    name: str
    window: int
    began: int = 0
    attempts: int = 0

    def count(self) -> int:
        """Count one attempt, and return how many there were; 0 if the cache did not answer."""
        try:
            self.began = self._beginning()
            # It outlives its window. Redis would begin it anew for whoever counts while it expires.
            is_first = cache.add(self._attempts, 1, timeout=2 * self.window)
            # django-redis says None where it is to ignore that its server is away.
            self.attempts = 1 if is_first else cache.incr(self._attempts) or 0
        except ValueError:
            self.attempts = 1  # The cache had no room for it.
        except Exception:
            # The cache's client may raise anything when its server is away. The password is still checked.
            logger.exception("Attempts cannot be counted: the cache does not answer")
        return self.attempts

    def _beginning(self) -> int:
        """When the window began: now, if it had not."""
        now = ceil(time())
        for _attempt in range(2):  # It may end between two of these calls.
            if cache.add(self.name, now, timeout=self.window):
                return now
            began: int | None = cache.get(self.name)
            if began is None:
                # A replica does not know it yet. Its primary is asked, by a write that changes nothing.
                with suppress(ValueError):
                    began = cache.incr(self.name, 0)
            if began == 0:  # It expired, and Redis began it anew, without an end.
                cache.touch(self.name, self.window)
            if began is not None:
                return began
        return now

    def refuse_over(self, limit: int) -> None:
        """Raise ``Throttled``, with the seconds to wait, if that was one attempt too many."""
        if self.attempts > limit:
            # Another host's clock may have said when it began.
            raise Throttled(wait=min(self.window, max(1, self.began + self.window - time())))

    def take_back(self) -> bool:
        """Take back one attempt, and return whether the cache answered."""
        return self._reset(lambda: cache.decr(self._attempts))

    def reset(self) -> bool:
        """Forget all attempts, and return whether the cache answered."""
        return self._reset(lambda: cache.delete(self._attempts))

    def _reset(self, operation: Callable[[], object]) -> bool:
        try:
            operation()
        except ValueError:
            return True  # It is forgotten already.
        except Exception:
            logger.exception("Attempts cannot be reset: the cache does not answer")
            return False
        return True

    @property
    def _attempts(self) -> str:
        return f"{self.name}:{self.began}"
