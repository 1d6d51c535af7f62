"""The limit on failed sign-ins."""

import logging
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_login_failed
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from fastauth_django import conflicts, throttling
from tests.clients import Browser
from tests.factories import identifier_for, make_account, sign_up_data
from tests.hostile.test_guessing import CountingHasher
from tests.reading import listening, touches_no_cookie

pytestmark = pytest.mark.django_db

IDENTIFIER = get_user_model().USERNAME_FIELD
GUESS = "a guess"


def guess(identifier, address="192.0.2.1", password=GUESS, **extra):
    """One try to sign in, by somebody who keeps no cookies."""
    data = {IDENTIFIER: identifier, "password": password}
    return Browser().post("/auth/login", data, format="json", REMOTE_ADDR=address, **extra)


def guess_often(times, identifier, **kwargs):
    return [guess(identifier, **kwargs).status_code for _try in range(times)]


@pytest.fixture
def ada(account):
    return account.credentials[IDENTIFIER]


@pytest.fixture
def right(account):
    return account.credentials["password"]


@pytest.fixture
def locked_out(clock, ada):
    """Five guesses at Ada's password have failed, from one address."""
    assert guess_often(5, ada) == [401] * 5


def test_sixth_failure_is_a_429(clock, ada):
    assert guess_often(7, ada) == [401] * 5 + [429] * 2


def test_right_password_does_not_help_a_guesser_who_is_locked_out(locked_out, ada, right):
    response = guess(ada, password=right)

    assert response.status_code == 429
    assert response.json()["code"] == "throttled"
    assert response["Cache-Control"] == "no-store"
    assert touches_no_cookie(response)


def test_retry_after_is_what_is_left_of_the_window(clock, locked_out, ada):
    clock.shift(100)

    refused = guess(ada)
    assert refused["Retry-After"] == "200"
    assert refused.json()["retry_after"] == 200, "a page of another origin may not read the header"


def test_password_is_not_even_looked_at_when_locked_out(locked_out, ada, django_assert_num_queries):
    with listening(user_login_failed) as heard, django_assert_num_queries(0):
        guess(ada)

    assert heard == []


def test_window_ends_though_guessing_goes_on(clock, locked_out, ada, right):
    for _minute in range(5):
        assert guess(ada).status_code == 429
        clock.shift(60)

    assert guess(ada, password=right).status_code == 200


def test_unknown_identifier_is_limited_like_a_known_one(clock, account):
    """Or the limit would tell who has an account."""
    assert guess_often(6, identifier_for("nobody")) == [401] * 5 + [429]


def test_limit_and_window_are_settings(clock, ada, settings):
    settings.FASTAUTH = {
        **settings.FASTAUTH,
        "LOGIN_FAILURE_LIMIT": 2,
        "LOGIN_FAILURE_WINDOW": timedelta(minutes=1),
    }

    assert guess_often(3, ada) == [401, 401, 429]
    assert guess(ada)["Retry-After"] == "60"
    clock.shift(60)
    assert guess(ada).status_code == 401


# --- Whom it concerns -----------------------------------------------------------------------------------------------


def find_whatever_the_case(monkeypatch):
    """As a collation does that ignores case, or a manager that a project has for it."""
    users = get_user_model()._default_manager
    monkeypatch.setattr(
        type(users), "get_by_natural_key", lambda self, name: self.get(**{f"{IDENTIFIER}__iexact": name})
    )


def test_other_spelling_is_no_sixth_guess_and_the_answer_is_the_ordinary_one(monkeypatch, locked_out, ada, right):
    find_whatever_the_case(monkeypatch)

    response = guess(ada.upper(), password=right)

    assert (response.status_code, response.json()["code"]) == (401, "invalid_credentials")
    assert guess(ada.upper(), password=right, address="192.0.2.2").status_code == 200


def test_many_spellings_are_five_guesses(monkeypatch, clock, ada, right):
    find_whatever_the_case(monkeypatch)
    spellings = [ada[:number] + ada[number].upper() + ada[number + 1 :] for number in range(3)]
    assert [guess(spelling).status_code for spelling in (*spellings, *spellings[:2])] == [401] * 5

    assert guess(ada, password=right).status_code == 401
    clock.shift(timedelta(minutes=6))
    assert guess(ada, password=right).status_code == 200


def test_right_guess_that_others_overtook_is_no_success(monkeypatch, clock, ada, right):
    """Fifty spellings at once: the first few are verified before the account's counter is full."""
    find_whatever_the_case(monkeypatch)
    verify = throttling.authenticate

    def overtaken(request, **credentials):
        user = verify(request, **credentials)
        monkeypatch.setattr(throttling, "authenticate", verify)
        spellings = [ada[:number] + ada[number:].upper() for number in range(3)]
        assert [guess(spelling).status_code for spelling in (*spellings, *spellings[:2])] == [401] * 5
        return user

    monkeypatch.setattr(throttling, "authenticate", overtaken)

    assert guess(ada, password=right).status_code == 401


def test_twin_of_a_name_resets_no_count_of_it(monkeypatch, clock, account, ada):
    """The database tells the two apart. Who looks only at the letters does not."""
    twin = make_account("Ada").credentials

    for _round in range(8):
        guess(ada)
        assert guess(twin[IDENTIFIER], password=twin["password"]).status_code == 200

    assert guess(ada).status_code == 429


def test_what_is_told_and_done_is_the_same_for_a_name_of_nobody(monkeypatch, clock, hashed, account, other_account):
    """At every attempt, through the limit of the name, of the account and of the network."""
    find_whatever_the_case(monkeypatch)
    told = []
    for name, address in [(other_account.credentials[IDENTIFIER], "192.0.2.1"), (identifier_for("nobo"), "192.0.2.2")]:
        spellings = [name, name, name, name.upper(), name, name.title(), name, name, name.swapcase(), name.upper()] * 15
        told.append([answer_and_work(spelling, address, hashed) for spelling in spellings])

    assert told[0] == told[1]
    assert {status for status, *_others in told[0]} == {401, 429}


def answer_and_work(name, address, hashed):
    before = hashed()
    with CaptureQueriesContext(connection) as queries:
        response = guess(name, address=address)
    headers = {key: value for key, value in response.headers.items() if key != "Content-Length"}
    return response.status_code, response.json(), headers, len(queries), hashed() - before


@pytest.fixture
def hashed(settings):
    """How many passwords were hashed so far."""
    settings.PASSWORD_HASHERS = [f"{CountingHasher.__module__}.CountingHasher"]
    return lambda: CountingHasher.runs


class NumberOnly(ModelBackend):
    """Signs in by something else than the identifier, which the user model may not even take."""

    def authenticate(self, request, password=None, **credentials):
        return None


class AlsoByAlias(ModelBackend):
    """Knows people by a second name, as backends do for an address beside the name."""

    def authenticate(self, request, password=None, **credentials):
        name = credentials[IDENTIFIER].removeprefix("alias-")
        return super().authenticate(request, password=password, **{IDENTIFIER: name})


@pytest.mark.parametrize("address", ["192.0.2.1", ""])
def test_failures_of_strangers_lock_nobody_out_whom_only_a_backend_knows(settings, clock, ada, right, address):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.AlsoByAlias"]
    for number in range(8):
        assert guess(identifier_for(f"stranger{number}"), address=address).status_code == 401

    assert guess(f"alias-{ada}", password=right, address=address).status_code == 200


@pytest.mark.parametrize("error", [ValueError, TypeError, ValidationError("no number")])
def test_name_that_the_field_does_not_take_is_a_name_of_nobody(settings, monkeypatch, clock, error):
    def refuse(self, name):
        raise error

    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.NumberOnly"]
    monkeypatch.setattr(type(get_user_model()._default_manager), "get_by_natural_key", refuse)

    assert guess_often(6, identifier_for("five")) == [401] * 5 + [429]


def test_tenants_behind_one_cache_count_apart_where_the_project_says_so(clock, ada, right, settings):
    def of_tenant(key, prefix, version):
        return f"{tenant}:{prefix}:{version}:{key}"

    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_FUNCTION": of_tenant}}
    tenant = "one"
    guess_often(6, ada)
    tenant = "two"

    assert guess(ada, password=right).status_code == 200


# --- An address that says nothing -----------------------------------------------------------------------------------


@pytest.fixture
def warnings(caplog):
    throttling._warn_of_unknown_clients.cache_clear()
    conflicts._tried.clear()
    return lambda: [record.getMessage() for record in caplog.records if record.name == "fastauth_django.security"]


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "fd00::1", "100.64.0.1"])
def test_address_that_says_nothing_shuts_nobody_out_and_is_told_to_the_log(limit_of_one, ada, right, address, warnings):
    assert spray(22, address=address) == [401] * 22

    assert guess(ada, password=right, address=address).status_code == 200
    told = warnings()
    assert sum("tells no two apart" in each for each in told) == 1
    assert sum("limit by address is reached" in each for each in told) == 1


def test_address_from_inside_counts_where_the_project_says_that_there_is_no_proxy(limit_of_one, settings, warnings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 0}

    assert spray(21, address="10.1.2.3")[-1] == 429
    assert warnings() == []


def test_developer_is_not_warned(clock, ada, settings, warnings):
    settings.DEBUG = True

    guess(ada, address="127.0.0.1")

    assert warnings() == []


# --- Sign-ups -------------------------------------------------------------------------------------------------------


def sign_up(number, address="192.0.2.1"):
    data = {**sign_up_data(f"visitor{number}"), "password": "1"}
    return Browser().post("/auth/register", data, format="json", REMOTE_ADDR=address).status_code


def test_twenty_sign_ups_of_one_network_an_hour(clock, db):
    assert [sign_up(number) for number in range(21)] == [400] * 20 + [429]
    assert sign_up(22, address="192.0.2.2") == 400
    clock.shift(timedelta(hours=1))
    assert sign_up(23) == 400


def test_sign_up_over_the_limit_hashes_no_password(clock, hashed, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "SIGN_UP_LIMIT": 1}
    sign_up(1)
    before = hashed()

    response = Browser().post("/auth/register", sign_up_data("grace"), format="json", REMOTE_ADDR="192.0.2.1")

    assert (response.status_code, response.json()["code"]) == (429, "throttled")
    assert int(response["Retry-After"]) == 3600
    assert hashed() == before


def test_sign_up_without_a_limit(clock, db, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "SIGN_UP_LIMIT": None}

    assert {sign_up(number) for number in range(30)} == {400}


def test_sign_up_goes_on_when_the_cache_is_away(db, settings):
    use_cache(settings, f"{__name__}.BrokenCache")

    assert {sign_up(number) for number in range(30)} == {400}


# --- Whom else it concerns ------------------------------------------------------------------------------------------


def test_other_identifier_is_not_concerned(locked_out, other_account):
    assert (
        guess(other_account.credentials[IDENTIFIER], password=other_account.credentials["password"]).status_code == 200
    )


def test_other_address_is_not_concerned(locked_out, ada, right):
    """Nobody can lock Ada out from afar."""
    assert guess(ada, address="192.0.2.2", password=right).status_code == 200


def test_ipv6_network_counts_as_one_address(clock, ada):
    assert [guess(ada, address=f"2001:db8::{number:x}").status_code for number in range(1, 7)] == [401] * 5 + [429]


def test_other_ipv6_network_is_not_concerned(clock, ada, right):
    guess_often(6, ada, address="2001:db8:0:1::1")

    assert guess(ada, address="2001:db8:0:2::1", password=right).status_code == 200


def test_ipv4_address_written_as_ipv6_is_the_same(locked_out, ada):
    assert guess(ada, address="::ffff:192.0.2.1").status_code == 429


def test_address_that_cannot_be_told_is_limited_all_the_same(clock, ada):
    assert guess_often(6, ada, address="") == [401] * 5 + [429]


def test_forwarded_address_is_ignored_while_no_proxy_is_declared(locked_out, ada):
    """Anyone can send that header: a guesser would have a new address for each guess."""
    assert guess(ada, HTTP_X_FORWARDED_FOR="198.51.100.7").status_code == 429


def test_forwarded_address_counts_behind_a_declared_proxy(locked_out, ada, settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}

    assert guess(ada, HTTP_X_FORWARDED_FOR="198.51.100.7").status_code == 401
    assert guess(ada, HTTP_X_FORWARDED_FOR="198.51.100.7, 192.0.2.1").status_code == 429


# --- What counts ----------------------------------------------------------------------------------------------------


def test_success_takes_back_its_own_attempt_alone(clock, ada, right):
    assert guess_often(3, ada) == [401] * 3
    assert guess(ada, password=right).status_code == 200

    assert guess_often(3, ada) == [401, 401, 429]


class NameOrAddress(ModelBackend):
    """Finds people by their name and by an address, which may be the name that somebody else chose."""

    def authenticate(self, request, password=None, **credentials):
        names = [credentials[IDENTIFIER], f"owner-of-{credentials[IDENTIFIER]}"]
        users = get_user_model()._default_manager.filter(**{f"{IDENTIFIER}__in": names})
        return next((user for user in users if user.check_password(password)), None)


def test_who_chose_the_address_of_somebody_as_a_name_forgives_no_guess_at_it(settings, clock):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.NameOrAddress"]
    name, password = make_account("chosen", password="the attacker's own").credentials.values()

    answers = []
    for _round in range(4):
        answers += guess_often(4, name)
        guess(name, password=password)

    assert answers.count(401) == 5


def test_only_failures_count(clock, ada, right):
    assert guess_often(50, ada, password=right) == [200] * 50


def test_request_that_is_not_even_a_sign_in_does_not_count(clock, ada, right):
    for _try in range(10):
        Browser().post("/auth/login", {IDENTIFIER: ada}, format="json", REMOTE_ADDR="192.0.2.1")

    assert guess(ada, password=right).status_code == 200


def test_failure_is_counted_before_the_password_is_verified(clock, ada):
    """Or fifty guesses at once would all slip through."""
    seen = []

    def guess_meanwhile(**kwargs):
        if len(seen) < 10:
            seen.append(guess(ada).status_code)

    user_login_failed.connect(guess_meanwhile)
    try:
        guess(ada)
    finally:
        user_login_failed.disconnect(guess_meanwhile)

    assert seen.count(401) == 4
    assert 429 in seen


class BackendThatLosesItsDatabase(ModelBackend):
    """Its database was restarted."""

    def authenticate(self, request, **credentials):
        if request.META["REMOTE_ADDR"] == AWAY:
            raise OperationalError("the server closed the connection")
        return super().authenticate(request, **credentials)


AWAY = "192.0.2.99"


@pytest.fixture
def database_goes_away(settings, monkeypatch):
    """For requests from one address; those from the other are counted together with them."""
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.{BackendThatLosesItsDatabase.__name__}"]
    monkeypatch.setattr(throttling, "client_address", lambda request: "192.0.2.1")


@pytest.mark.usefixtures("database_goes_away")
def test_right_password_that_was_tried_while_the_database_was_away_is_no_failure(clock, ada, right):
    for _try in range(10):
        with pytest.raises(OperationalError):
            guess(ada, AWAY, right)

    assert guess(ada, password=right).status_code == 200


@pytest.mark.usefixtures("database_goes_away")
def test_that_holds_while_others_of_the_network_have_failed_too(clock, ada, right):
    spray(6)
    for _try in range(10):
        with pytest.raises(OperationalError):
            guess(ada, AWAY, right)

    assert guess(ada, password=right).status_code == 200


@pytest.mark.usefixtures("database_goes_away")
def test_database_that_goes_away_resets_no_count(clock, ada):
    before = guess_often(4, ada)
    with pytest.raises(OperationalError):
        guess(ada, AWAY)

    assert [*before, *guess_often(2, ada)] == [401] * 5 + [429]


# --- Spraying -------------------------------------------------------------------------------------------------------


@pytest.fixture
def limit_of_one(clock, settings):
    """One failure per identifier, so twenty per address."""
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 1}


def spray(count, **kwargs):
    return [guess(identifier_for(f"user{number}"), **kwargs).status_code for number in range(count)]


def test_one_password_tried_on_many_accounts_is_stopped(limit_of_one, ada, right):
    assert spray(21) == [401] * 20 + [429]
    assert guess(ada, password=right).status_code == 429


def test_spraying_pushes_no_counter_out_of_a_small_cache(limit_of_one, ada, settings):
    """Or the next names that are refused would make room for more guesses at the first."""
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 60}}
    }
    guess(ada)
    assert guess(ada).status_code == 429
    spray(200, address="192.0.2.2")

    assert guess(ada).status_code == 429


def test_spraying_concerns_no_other_address(limit_of_one, ada, right):
    spray(21)

    assert guess(ada, password=right, address="192.0.2.2").status_code == 200


def test_spraying_from_one_ipv6_network_is_stopped(limit_of_one):
    statuses = [
        guess(identifier_for(f"user{number}"), address=f"2001:db8::{number:x}").status_code for number in range(21)
    ]

    assert statuses[-1] == 429


def test_office_that_signs_in_is_not_spraying(limit_of_one, ada, right):
    assert guess_often(30, ada, password=right) == [200] * 30


def test_own_account_does_not_reset_what_an_address_has_sprayed(limit_of_one, ada, right):
    spray(10)
    guess(ada, password=right)

    assert spray(21)[10:].count(429) > 0
    assert guess(identifier_for("another")).status_code == 429


# --- The cache ------------------------------------------------------------------------------------------------------


def use_cache(settings, backend):
    settings.CACHES = {"default": {"BACKEND": backend}}


class BrokenCache(BaseCache):
    """Its server is away."""

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, *args, **kwargs):
        raise ConnectionRefusedError

    get = set = incr = decr = delete = add


class CacheThatGoesAway(LocMemCache):
    """Its server goes away while the password is verified."""

    def delete(self, *args, **kwargs):
        raise ConnectionResetError

    decr = delete


def errors_in(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def test_nobody_is_locked_out_when_the_cache_is_away(ada, right, settings, caplog):
    use_cache(settings, f"{__name__}.BrokenCache")

    assert guess(ada).status_code == 401
    assert guess(ada, password=right).status_code == 200
    assert set(errors_in(caplog)) == {"Attempts cannot be counted: the cache does not answer"}


def test_right_password_signs_in_though_the_cache_went_away(ada, right, settings, caplog):
    use_cache(settings, f"{__name__}.CacheThatGoesAway")

    assert guess(ada, password=right).status_code == 200
    assert set(errors_in(caplog)) == {"Attempts cannot be reset: the cache does not answer"}


@pytest.mark.parametrize("cache", ["BrokenCache", "CacheThatGoesAway"])
def test_cache_that_hangs_is_waited_for_once(ada, right, settings, caplog, cache):
    """Each call may take its whole timeout, and a worker serves nobody else meanwhile."""
    use_cache(settings, f"{__name__}.{cache}")

    guess(ada, password=right)

    assert len(errors_in(caplog)) == 1


def test_cache_that_keeps_nothing_locks_nobody_out(ada, right, settings):
    use_cache(settings, "django.core.cache.backends.dummy.DummyCache")

    assert guess_often(7, ada) == [401] * 7
    assert guess(ada, password=right).status_code == 200


class SilentCache(BaseCache):
    """Its server is away, and it hides that, as clients can be told to."""

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, *args, **kwargs):
        return None

    get = set = incr = decr = delete = touch = add


class SilentMemcached(SilentCache):
    """Django's backend says of such a client that it has no such key."""

    def incr(self, *args, **kwargs):
        raise ValueError

    decr = incr


@pytest.mark.parametrize("kind", [SilentCache, SilentMemcached])
def test_cache_that_hides_that_it_is_away_locks_nobody_out(ada, right, settings, kind):
    use_cache(settings, f"{__name__}.{kind.__name__}")

    assert guess_often(7, ada) == [401] * 7
    assert guess(ada, password=right).status_code == 200


class LaggingReplica(LocMemCache):
    """What it reads, it reads from a replica, which does not know what was just written."""

    def get(self, key, default=None, version=None):
        return default


def test_limit_holds_though_a_replica_of_the_cache_lags(clock, ada, settings):
    use_cache(settings, f"{__name__}.LaggingReplica")
    answers = []
    for _second in range(7):
        answers += guess_often(1, ada)
        clock.shift(1)

    assert answers == [401] * 5 + [429] * 2


class RedisWhoseEntryExpires(LaggingReplica):
    """Django's backend asks whether there is a key, and then adds to it. It may have expired in between."""

    def incr(self, key, delta=1, version=None):
        if delta == 0:
            self.set(key, 0, timeout=None, version=version)
        return super().incr(key, delta, version=version)


def test_window_that_redis_began_by_itself_ends_too(clock, ada, right, settings):
    use_cache(settings, f"{__name__}.RedisWhoseEntryExpires")
    assert guess_often(8, ada) == [401] * 6 + [429] * 2
    clock.shift(timedelta(minutes=5, seconds=1))

    assert guess(ada, password=right).status_code == 200


class ForgetfulCache(LocMemCache):
    """It throws a count out to make room."""

    def incr(self, key, delta=1, version=None):
        self.delete(key, version=version)
        return super().incr(key, delta, version)


def test_count_that_the_cache_threw_out_is_no_error(ada, right, settings):
    use_cache(settings, f"{__name__}.ForgetfulCache")

    assert guess_often(7, ada) == [401] * 7
    assert guess(ada, password=right).status_code == 200


def test_guess_while_the_window_ends_counts_in_it(clock, locked_out, ada, monkeypatch):
    """Whoever asked just before when it began. Or all who guess at that instant would be the first."""
    get, asked = LocMemCache.get, []

    def end_the_window(cache, *arguments, **options):
        began = get(cache, *arguments, **options)
        asked.append(began)
        if len(asked) == 2:  # The network's count is asked for first.
            clock.shift(timedelta(minutes=5))
        return began

    with monkeypatch.context() as patched:
        patched.setattr(LocMemCache, "get", end_the_window)
        last = guess(ada)

    assert last.status_code == 429
    assert guess(ada).status_code == 401


def test_guess_that_finds_its_window_ended_begins_one_for_all(clock, locked_out, ada, monkeypatch):
    add, asked = LocMemCache.add, []

    def end_the_window(cache, key, *arguments, **options):
        added = add(cache, key, *arguments, **options)
        asked.append(key)
        if len(asked) == 3:  # The two of the network's count come first.
            clock.shift(timedelta(seconds=299))
        return added

    clock.shift(timedelta(seconds=1))
    with monkeypatch.context() as patched:
        patched.setattr(LocMemCache, "add", end_the_window)
        late = guess(ada)

    assert late.status_code == 401
    assert guess_often(5, ada) == [401] * 4 + [429]


def test_wait_is_at_most_a_window_whatever_another_hosts_clock_says(clock, ada):
    clock.shift(timedelta(days=1))
    guess_often(6, ada)
    clock.shift(-timedelta(days=1))

    assert guess(ada)["Retry-After"] == "300"


def test_window_ends_though_the_cache_keeps_what_it_counts_for_ever(clock, ada, right, settings, tmp_path):
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path), "TIMEOUT": None}}
    assert guess_often(6, ada) == [401] * 5 + [429]
    clock.shift(timedelta(minutes=5, seconds=1))

    assert guess(ada, password=right).status_code == 200


def test_sign_ins_that_take_longer_than_the_window_leave_no_debt(monkeypatch, clock, ada, right):
    """Three that began before it ended are not taken back from the next window, in which there was one attempt."""
    verify, in_flight = throttling.authenticate, []

    def verify_slowly(request, **credentials):
        in_flight.append(request)
        if len(in_flight) < 3:
            assert guess(ada, password=right).status_code == 200
        elif len(in_flight) == 3:
            clock.shift(timedelta(minutes=6))
            assert guess(ada).status_code == 401
        return verify(request, **credentials)

    monkeypatch.setattr(throttling, "authenticate", verify_slowly)

    assert guess(ada, password=right).status_code == 200
    assert guess_often(5, ada) == [401] * 4 + [429]


def test_cache_shows_neither_who_signs_in_nor_from_where(locked_out, ada):
    keys = list(cache._cache)

    assert keys
    assert not any("ada" in key or "192.0.2" in key for key in keys)
