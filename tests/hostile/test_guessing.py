"""Guessing passwords: an answer tells nothing about who has an account, and the limit holds when many guess at once."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fastauth_django import identifiers, throttling
from tests.clients import Browser
from tests.databases import find
from tests.factories import identifier_for, make_account
from tests.missing import is_missing, need
from tests.redis_server import Redis

IDENTIFIER = get_user_model().USERNAME_FIELD
CROWD = 50


GUESS = "a guess"


def guess(identifier: str, password: str = GUESS):
    return Browser().post("/auth/login", {IDENTIFIER: identifier, "password": password}, format="json")


# --- Who has an account ---------------------------------------------------------------------------------------------


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed: the one part of a sign-in that takes time that can be measured."""

    runs = 0

    def encode(self, password, salt):
        CountingHasher.runs += 1
        return super().encode(password, salt)


@pytest.fixture
def hashed(settings, monkeypatch):
    """How many passwords were hashed since."""
    settings.PASSWORD_HASHERS = ["tests.hostile.test_guessing.CountingHasher"]
    monkeypatch.setattr(CountingHasher, "runs", 0)
    return lambda: CountingHasher.runs


@pytest.fixture
def failures(db, hashed):
    """Ways to fail: name to identifier."""
    make_account("ada")
    make_account("inactive", is_active=False)
    unusable = make_account("unusable").user
    unusable.set_unusable_password()
    unusable.save()
    return {name: identifier_for(name) for name in ("ada", "inactive", "unusable", "nobody")}


def what_is_told(response) -> tuple:
    headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
    return response.status_code, response.content, headers, response.cookies.output()


@pytest.mark.parametrize("kind", ["inactive", "unusable", "nobody"])
def test_a_failure_says_nothing_about_the_account(failures, kind):
    assert what_is_told(guess(failures[kind])) == what_is_told(guess(failures["ada"]))


@pytest.mark.parametrize("kind", ["ada", "inactive", "unusable", "nobody"])
def test_a_failure_takes_two_queries_and_one_hash_whoever_is_guessed(failures, hashed, kind):
    before = hashed()

    with CaptureQueriesContext(connection) as queries:
        guess(failures[kind])

    assert (len(queries), hashed() - before) == (2, 1)


@pytest.mark.parametrize("kind", ["ada", "inactive", "unusable", "nobody"])
def test_a_guess_over_the_limit_takes_no_work_and_says_nothing_about_the_account(clock, failures, hashed, kind):
    for _guess in range(5):
        guess(failures[kind])
    before = hashed()

    with CaptureQueriesContext(connection) as queries:
        response = guess(failures[kind])

    assert (len(queries), hashed() - before) == (0, 0)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "300")
    assert response.json() == {
        "detail": "Request was throttled. Expected available in 300 seconds.",
        "code": "throttled",
        "retry_after": 300,
    }


def test_the_right_password_of_an_inactive_account_says_nothing_either(failures):
    """Django's own backend lets no such user in; whoever guessed right must not learn it."""
    right = make_account("left", is_active=False).credentials

    assert what_is_told(guess(*right.values())) == what_is_told(guess(failures["nobody"]))


@pytest.mark.parametrize("over_limit", [False, True], ids=["first guess", "over the limit"])
def test_a_guess_at_the_current_password_is_limited_like_one_at_the_door(clock, signed_in, account, over_limit):
    """An open browser is no place to guess without a limit."""
    body = {"current_password": "a guess", "new_password": "another battery horse 7"}
    for _guess in range(5 if over_limit else 0):
        signed_in.post("/auth/account/change-password", body, format="json")

    answer = signed_in.post("/auth/account/change-password", body, format="json")
    right = signed_in.post(
        "/auth/account/change-password", {**body, "current_password": account.credentials["password"]}, format="json"
    )

    assert (answer.status_code, right.status_code) == ((429, 429) if over_limit else (400, 200))


# --- Many at once, on Redis -----------------------------------------------------------------------------------------


@pytest.fixture
def redis(settings):
    need("redis")
    if find("redis-server") is None:
        is_missing("redis-server")
    server = Redis()
    server.start()
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": server.url}}
    yield server
    hang_up()
    server.stop()


def hang_up() -> None:
    """Close this thread's connections to Redis, which Django leaves to the garbage collector, and that to a warning."""
    for pool in cache._cache._pools.values():
        pool.disconnect()


class SlowBackend:
    """Notes each password that it is given to verify, and lets nobody in."""

    verified: Counter = Counter()

    def authenticate(self, request, password=None, **identifier):
        if password == GUESS:
            SlowBackend.verified[identifier[IDENTIFIER]] += 1


@pytest.fixture
def verified(settings, monkeypatch):
    settings.AUTHENTICATION_BACKENDS = ["tests.hostile.test_guessing.SlowBackend"]
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 0}
    # The threads share no transaction with the test, so none of them asks the database.
    monkeypatch.setattr(throttling, "_account_of", lambda name: get_user_model()(pk=name.lower()))
    monkeypatch.setattr(identifiers, "in_case_of_account", lambda name: name)
    monkeypatch.setattr(SlowBackend, "verified", Counter())
    return SlowBackend.verified


def guess_at_once(identifiers: list[str]) -> Counter:
    """Everyone holds a request ready, and all let go together. The statuses of the answers."""
    barrier = threading.Barrier(len(identifiers))

    def wait_and_guess(identifier: str) -> int:
        barrier.wait()
        try:
            return guess(identifier, "a guess").status_code
        finally:
            hang_up()

    with ThreadPoolExecutor(len(identifiers)) as crowd:
        return Counter(crowd.map(wait_and_guess, identifiers))


@pytest.mark.database
@pytest.mark.parametrize("limit", [1, 5])
def test_the_limit_holds_when_fifty_guess_at_once(redis, settings, verified, limit):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": limit}

    answers = guess_at_once([identifier_for("ada")] * CROWD)

    assert answers == {401: limit, 429: CROWD - limit}
    assert verified == {identifier_for("ada"): limit}


@pytest.mark.database
def test_the_limit_of_an_address_holds_when_fifty_accounts_are_sprayed_at_once(redis, settings, verified):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 1}

    answers = guess_at_once([identifier_for(f"user{number}") for number in range(CROWD)])

    assert answers == {401: 20, 429: CROWD - 20}
    assert sum(verified.values()) == 20


@pytest.mark.database
def test_fifty_spellings_of_one_account_at_once_are_no_more_guesses(redis, settings, verified):
    """A few are verified before the count of their account is known, but what they find out then counts for it too."""
    spellings = ["".join(pair) for pair in product("aA", "dD", "aA", "xX", "yY", "zZ")][:CROWD]

    answers = guess_at_once([identifier_for(spelling) for spelling in spellings])

    assert answers == {401: CROWD}
    assert sum(verified.values()) <= 2 * 5


@pytest.mark.database
def test_a_count_on_redis_ends_with_its_window(redis, verified, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_WINDOW": 300}
    guess_at_once([identifier_for("ada")] * 10)
    client = cache._cache.get_client()

    lives = [client.ttl(key) for key in client.keys("*")]

    assert lives
    assert all(0 < life <= 600 for life in lives), "a count without an end would lock its account out for ever"


@pytest.fixture
def cut_off(redis, settings):
    """Another Redis, from which the cache reads as from a replica. The primary does not reach it."""
    server = Redis()
    server.start()
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": [redis.url, server.url]}}
    yield server
    hang_up()
    server.stop()


@pytest.mark.database
def test_the_limit_holds_while_a_replica_of_redis_is_cut_off(cut_off, verified, clock):
    answers = []
    for _second in range(7):
        answers.append(guess(identifier_for("ada"), "a guess").status_code)
        clock.shift(1)

    assert answers == [401] * 5 + [429] * 2


@pytest.mark.database
def test_success_takes_back_its_own_attempt_on_redis(redis, account):
    identifier, password = account.credentials.values()
    assert [guess(identifier).status_code for _guess in range(4)] == [401] * 4
    assert [guess(identifier, password).status_code for _sign_in in range(3)] == [200] * 3

    assert [guess(identifier).status_code for _guess in range(2)] == [401, 429]


@pytest.mark.database
def test_sign_in_goes_on_when_redis_dies(redis, account, caplog):
    identifier, password = account.credentials.values()
    assert guess(identifier).status_code == 401
    redis.stop()

    assert guess(identifier).status_code == 401
    assert guess(identifier, password).status_code == 200

    errors = [record for record in caplog.records if record.name == "fastauth_django.security"]
    assert {record.levelname for record in errors} == {"ERROR"}
    assert any("cannot be counted" in record.message for record in errors)
    assert not any(identifier in record.message or password in record.message for record in errors)


@pytest.mark.database
def test_the_limit_holds_when_many_guess_without_pause_while_windows_end(redis, verified, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_WINDOW": 1}
    begin = time.monotonic()

    def guess_for_three_windows(_) -> None:
        while time.monotonic() < begin + 3.5:
            guess(identifier_for("ada"))
        hang_up()

    with ThreadPoolExecutor(CROWD) as crowd:
        list(crowd.map(guess_for_three_windows, range(CROWD)))
    windows = int(time.monotonic() - begin) + 1

    assert 5 < sum(verified.values()) <= 5 * windows
