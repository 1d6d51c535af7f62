"""Sign-ins and sign-ups that meet: each other, a limit, and accounts that disappear."""

from functools import partial
from threading import Event

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import Error, connection
from django.db.models.signals import post_save

from fastauth_django.models import AuthSession
from tests.clients import Browser
from tests.database.crowd import (
    NEW_PASSWORD,
    PATIENCE,
    change_password,
    is_let_in,
    is_signed_in,
    new_session,
    refresh,
    sign_in,
)
from tests.factories import make_account, sign_up_data

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transactions")]


@pytest.fixture(autouse=True)
def _office(settings):
    """Sign-ins count as failures until the password was right; fifty at once are too many for the usual limit."""
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 1000}


class StrongerHasher(PBKDF2PasswordHasher):
    iterations = 1


def sign_up(browser, name: str) -> int:
    return browser.post("/auth/register", sign_up_data(name), format="json").status_code


@pytest.mark.parametrize("people", [2, 10])
def test_sign_ups_with_one_identifier_make_one_account(crowd, people):
    for number in range(10):
        browsers = [Browser() for _person in range(people)]

        statuses = crowd.race(*[partial(sign_up, browser, f"grace{number}") for browser in browsers])

        assert sorted(statuses) == [201] + [409] * (people - 1)
        assert sum(is_let_in(browser) for browser in browsers) == 1
    assert get_user_model()._default_manager.count() == 10


def test_sign_up_over_a_session_racing_its_refresh_ends_it(crowd, account):
    for number in range(15):
        browser = new_session(account)

        signed_up, tabs = crowd.race_refreshes(browser, partial(sign_up, browser, f"grace{number}"))

        assert signed_up == 201
        assert is_let_in(browser)
        assert not is_signed_in(*tabs)


def test_sign_in_over_a_session_racing_its_refresh_ends_it(crowd, account, other_account):
    for _round in range(15):
        browser = new_session(account)

        signed_in, tabs = crowd.race_refreshes(browser, partial(sign_in, browser, other_account))

        assert signed_in == 200
        assert is_let_in(browser)
        assert not is_signed_in(*tabs)


def test_fifty_sign_ins_of_one_user_all_succeed(crowd, account):
    browsers = [Browser() for _device in range(50)]

    assert crowd.race(*[partial(sign_in, browser, account) for browser in browsers]) == [200] * 50

    assert all(is_let_in(browser) for browser in browsers)


@pytest.mark.parametrize(("devices", "limit"), [(2, 1), (10, 3), (50, 1), (50, 10)])
def test_sign_ins_past_the_limit_never_leave_more_alive(crowd, account, settings, devices, limit):
    settings.FASTAUTH = {**settings.FASTAUTH, "MAX_SESSIONS_PER_USER": limit}
    for _round in range(60 // devices):
        browsers = [Browser() for _device in range(devices)]

        statuses = crowd.race(*[partial(sign_in, browser, account) for browser in browsers])

        assert statuses == [200] * devices
        assert AuthSession.objects.live().count() == limit
        assert sum(is_let_in(browser) for browser in browsers) == limit


class Meeting:
    """Two sign-ins that meet where it matters: the second begins to write before the first has committed."""

    def __init__(self) -> None:
        self.first_has_written, self.second_writes = Event(), Event()

    def first(self, account) -> int:
        post_save.connect(self.wait_for_the_second, sender=AuthSession)
        return sign_in(Browser(), account)

    def wait_for_the_second(self, **kwargs) -> None:
        post_save.disconnect(self.wait_for_the_second, sender=AuthSession)
        self.first_has_written.set()
        self.second_writes.wait(PATIENCE)

    def second(self, account) -> int:
        self.first_has_written.wait(PATIENCE)
        with connection.execute_wrapper(self.announce):
            return sign_in(Browser(), account)

    def announce(self, execute, sql, params, many, context):
        if connection.in_atomic_block:
            self.second_writes.set()
        return execute(sql, params, many, context)


def test_sign_in_that_cannot_see_the_other_yet_still_keeps_the_limit(crowd, account, settings):
    """Under REPEATABLE READ the second sees the sessions as they were before it waited for the first."""
    settings.FASTAUTH = {**settings.FASTAUTH, "MAX_SESSIONS_PER_USER": 1}
    for _round in range(10):
        meeting = Meeting()

        assert crowd.race(partial(meeting.first, account), partial(meeting.second, account)) == [200, 200]

        assert AuthSession.objects.live().count() == 1


def test_sign_in_past_the_limit_racing_refresh_of_the_oldest_ends_it(crowd, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "MAX_SESSIONS_PER_USER": 1}
    for _round in range(15):
        oldest, newest = new_session(account), Browser()

        signed_in, tabs = crowd.race_refreshes(oldest, partial(sign_in, newest, account))

        assert signed_in == 200
        assert is_let_in(newest)
        assert not is_signed_in(*tabs)


def test_sign_ins_that_upgrade_the_password_hash_all_succeed(crowd, settings):
    """After a change of hashers the first sign-in writes the user's row, and so do those that come with it."""
    people = [make_account(f"person{number}") for number in range(8)]
    settings.PASSWORD_HASHERS = [f"{__name__}.{StrongerHasher.__name__}", *settings.PASSWORD_HASHERS]
    for account in people:
        browsers = [Browser() for _device in range(10)]

        assert crowd.race(*[partial(sign_in, browser, account) for browser in browsers]) == [200] * 10


def delete(account) -> bool:
    try:
        account.user.delete()
    except Error:  # A session of the account's was started meanwhile: for the project to try again.
        return False
    return True


def test_account_that_is_deleted_meanwhile_is_refused(crowd):
    for number in range(25):
        account = make_account(f"person{number}")
        browser, newcomer = new_session(account), Browser()
        tab = browser.clone()

        deleted, *statuses = crowd.race(
            partial(delete, account),
            partial(refresh, tab),
            partial(sign_in, newcomer, account),
            partial(change_password, browser, NEW_PASSWORD),
        )

        assert set(statuses) <= {200, 400, 401}
        assert not deleted or not is_signed_in(browser, newcomer, tab)
