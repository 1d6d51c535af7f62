"""Whatever ends a session, racing whatever would keep it alive: the session stays ended, and nobody gets a 500."""

from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from fastauth_django.conflicts import until_not_lost
from fastauth_django.models import AuthSession
from tests.clients import Browser
from tests.database.crowd import (
    NEW_PASSWORD,
    change_password,
    is_let_in,
    is_signed_in,
    new_session,
    refresh,
    sign_in,
    sign_out,
)
from tests.factories import PASSWORD, make_account

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transactions")]


def end_all(browser: Browser) -> int:
    return browser.delete("/auth/sessions/all").status_code


def end_own(browser: Browser) -> int:
    return browser.delete(f"/auth/sessions/{AuthSession.objects.latest('pk').pk}").status_code


@pytest.fixture
def staff(account) -> Client:
    """A member of staff, in the admin."""
    chief = make_account("chief", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(chief.user)
    return client


def test_sign_out_racing_refresh_ends_the_session(crowd, account):
    for _round in range(200):
        browser = new_session(account)
        tab = browser.clone()

        refreshed, signed_out = crowd.race(partial(refresh, tab), partial(sign_out, browser))

        assert signed_out == 200
        assert refreshed in {200, 401}
        assert not is_signed_in(tab)


def test_sign_out_of_two_tabs_at_once_succeeds_in_both(crowd, account):
    for _round in range(20):
        tabs = [browser := new_session(account), browser.clone()]
        stolen = browser.clone()

        assert crowd.race(*[partial(sign_out, tab) for tab in tabs]) == [200, 200]

        assert not any(tab.cookies for tab in tabs)
        assert not is_signed_in(stolen)


@pytest.mark.parametrize("end", [end_all, end_own], ids=["DELETE all", "DELETE one"])
def test_ending_a_session_racing_its_refresh_ends_it(crowd, account, end):
    for _round in range(20):
        browser = new_session(account)

        ended, tabs = crowd.race_refreshes(browser, partial(end, browser))

        assert ended == 200
        assert not is_signed_in(*tabs)


def test_ending_all_racing_ten_refreshes_and_a_sign_in_ends_all_that_there_were(crowd, account):
    for _round in range(8):
        devices = [new_session(account) for _device in range(10)]
        first, newcomer = devices[0].clone(), Browser()

        ended, signed_in, *refreshed = crowd.race(
            partial(end_all, first),
            partial(sign_in, newcomer, account),
            *[partial(refresh, device) for device in devices],
        )

        assert (ended, signed_in) == (200, 200)
        assert set(refreshed) <= {200, 401}
        assert not is_signed_in(*devices)


def test_ending_all_from_two_devices_at_once_succeeds_on_both(crowd, account):
    for _round in range(20):
        devices = [new_session(account) for _device in range(4)]

        statuses = crowd.race(partial(end_all, devices[0].clone()), partial(end_all, devices[1].clone()))

        assert 200 in statuses
        assert set(statuses) <= {200, 401}
        assert not is_signed_in(*devices)


def set_password_and_save(account, staff):
    def change():
        user = get_user_model()._default_manager.get(pk=account.user.pk)
        user.set_password(NEW_PASSWORD)
        user.save()

    until_not_lost(change, using="default")


def change_in_admin(account, staff):
    url = reverse("staff:auth_user_password_change", args=[account.user.pk], urlconf="tests.database.urls")
    data = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    # With ATOMIC_REQUESTS on SQLite Django's admin reads before it writes, and is refused if another wrote meanwhile.
    while (status := staff.post(url, data).status_code) == 500:
        continue
    assert status == 302


def update_the_row(account, staff):
    user = get_user_model()._default_manager.filter(pk=account.user.pk)
    until_not_lost(partial(user.update, password=make_password(NEW_PASSWORD)), using="default")


@pytest.mark.urls("tests.database.urls")
@pytest.mark.parametrize("change", [set_password_and_save, change_in_admin, update_the_row])
def test_password_change_racing_refresh_and_sign_in_ends_every_session_of_before(
    crowd, account, staff, change, settings
):
    # Who signs in too late has the wrong password, and that in most rounds.
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 100}
    for _round in range(10):
        browser, newcomer = new_session(account), Browser()
        tabs = [browser.clone() for _tab in range(3)]

        signed_in, _changed, *refreshed = crowd.race(
            partial(sign_in, newcomer, account),
            partial(change, account, staff),
            *[partial(refresh, tab) for tab in tabs],
        )

        assert {signed_in, *refreshed} <= {200, 401}
        assert not is_signed_in(browser, newcomer, *tabs)
        account.user.set_password(PASSWORD)
        account.user.save()


def test_changing_the_password_racing_refresh_leaves_the_new_session_alone(crowd, account):
    for _round in range(15):
        browser = new_session(account)

        changed, tabs = crowd.race_refreshes(browser, partial(change_password, browser, NEW_PASSWORD))

        assert changed == 200
        assert is_let_in(browser)
        assert not is_signed_in(*tabs)
        account.user.set_password(PASSWORD)
        account.user.save()


def test_changing_the_password_twice_at_once_leaves_one_device_signed_in(crowd, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 100}
    for _round in range(15):
        devices = [new_session(account), new_session(account)]
        stolen = [device.clone() for device in devices]

        statuses = crowd.race(
            *[partial(change_password, device, f"{NEW_PASSWORD} {number}") for number, device in enumerate(devices)]
        )

        # Who comes too late for the current password, or for the session, is told so.
        assert 200 in statuses
        assert set(statuses) <= {200, 400, 401}
        assert sum(is_let_in(device) for device in devices) == 1
        assert not is_signed_in(*stolen)
        account.user.set_password(PASSWORD)
        account.user.save()


def end_in_admin(staff: Client, session: AuthSession) -> int:
    data = {"action": "end_selected_sessions", "_selected_action": str(session.pk)}
    return staff.post(reverse("admin:fastauth_django_authsession_changelist"), data).status_code


def test_staff_ending_sessions_racing_refresh_ends_them(crowd, account, staff):
    for _round in range(15):
        browser = new_session(account)

        ended, tabs = crowd.race_refreshes(browser, partial(end_in_admin, staff, AuthSession.objects.latest("pk")))

        assert ended == 302
        assert not is_signed_in(*tabs)


def test_deactivating_the_account_racing_refresh_lets_nobody_in(crowd, account):
    users = get_user_model()._default_manager.filter(pk=account.user.pk)
    for _round in range(15):
        browser = new_session(account)

        _deactivated, tabs = crowd.race_refreshes(
            browser, partial(until_not_lost, partial(users.update, is_active=False), using="default")
        )

        assert not is_signed_in(browser, *tabs)
        users.update(is_active=True)


def test_clearing_dead_sessions_spares_the_living_and_fails_nobody(crowd, account, clock):
    for _round in range(8):
        expired = [new_session(account) for _device in range(3)]
        clock.shift(timedelta(days=29))
        living = [new_session(account) for _device in range(3)]
        clock.shift(timedelta(days=2))

        *statuses, _cleared = crowd.race(
            *[partial(sign_out, browser) for browser in expired],
            *[partial(refresh, browser) for browser in living],
            partial(call_command, "clear_auth_sessions", stdout=StringIO()),
        )

        assert statuses == [200] * 6
        assert all(is_let_in(browser) for browser in living)
