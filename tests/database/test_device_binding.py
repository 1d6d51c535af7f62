"""Devices that meet each other, a refresh, a sign-out: one key is left in the end, and nobody is revived."""

from datetime import timedelta
from functools import partial

import pytest

from fastauth_django.models import AuthSession
from fastauth_django.signals import device_proof_failed, refresh_token_reused
from tests.clients import ACCESS, Browser
from tests.database.crowd import is_let_in, is_signed_in, refresh, sign_out
from tests.devices import Device, bind_on_sign_in, challenge_of_sign_in
from tests.reading import listening

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transactions")]


@pytest.fixture(autouse=True)
def _grace(device_binding, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 60}  # for a busy machine


def asked(account):
    """A browser that has just signed in, and the answer that asks it for a key."""
    browser = Browser()
    return browser, browser.sign_in(account)


def bound(account):
    """A browser whose session is bound, its device, and a challenge at hand."""
    browser, answer = asked(account)
    device = bind_on_sign_in(browser, answer)
    device.ask(browser)
    return browser, device


def bind(device, browser, answer):
    return device.bind(browser, answer).status_code


def renew(device, browser):
    return device.renew(browser).status_code


def row():
    return AuthSession.objects.latest("pk")


def clone_of(device):
    """The same key in another tab, with the same challenge at hand."""
    other = Device()
    other.key, other.session_id, other.challenge = device.key, device.session_id, device.challenge
    return other


@pytest.mark.parametrize("devices", [2, 8])
def test_of_several_binds_one_key_is_left_and_can_renew(crowd, account, devices):
    for _round in range(8):
        browser, answer = asked(account)
        racing = [(Device(), browser.clone()) for _device in range(devices)]

        statuses = crowd.race(*[partial(bind, device, tab, answer) for device, tab in racing])

        assert statuses == [200] * devices
        assert not row().is_device_bound
        kept = [(device, tab) for device, tab in racing if f'"x":"{device.jwk["x"]}"' in row().device_key]
        assert len(kept) == 1
        [(device, tab)] = kept
        assert is_let_in(tab)
        assert row().is_device_bound
        assert [renew(each, each_tab) for each, each_tab in racing].count(200) == 1
        assert renew(device, tab) == 200


def test_binds_racing_the_confirmation_of_one_change_no_key_that_is_final(crowd, account):
    for _round in range(15):
        browser, answer = asked(account)
        first, late = Device(), [(Device(), browser.clone()) for _device in range(3)]
        bind(first, browser, answer)

        let_in, *statuses = crowd.race(
            partial(is_let_in, browser), *[partial(bind, device, tab, answer) for device, tab in late]
        )

        assert let_in
        assert set(statuses) <= {200, 409}
        confirmed = row().device_key if row().is_device_bound else None
        assert all(is_let_in(tab) for _device, tab in [(first, browser), *late] if tab.cookie(ACCESS))
        assert row().is_device_bound
        assert confirmed in {None, row().device_key}


def test_a_bind_racing_refreshes_disturbs_none_of_them(crowd, account):
    for _round in range(15):
        browser, answer = asked(account)
        device, tabs = Device(), [browser.clone() for _tab in range(4)]

        with listening(device_proof_failed, refresh_token_reused) as heard:
            bind_status, *statuses = crowd.race(
                partial(bind, device, browser, answer), *[partial(refresh, tab) for tab in tabs]
            )

        # A refresh that was first makes the challenge stale: then the session goes on without a device.
        assert bind_status in {200, 401}
        assert statuses == [200] * 4
        assert heard == []
        assert (row().generation, row().revoked_at) == (1, None)
        assert all(is_let_in(tab) for tab in tabs)
        assert bool(row().device_key) == (bind_status == 200)
        if bind_status == 200:
            assert renew(device, browser) == 200


def test_refreshes_racing_the_confirmation_leave_no_token_that_renews(crowd, account):
    for _round in range(15):
        browser, answer = asked(account)
        device, tabs = Device(), [browser.clone() for _tab in range(4)]
        bind(device, browser, answer)

        with listening(device_proof_failed, refresh_token_reused) as heard:
            let_in, *statuses = crowd.race(partial(is_let_in, browser), *[partial(refresh, tab) for tab in tabs])

        assert let_in
        assert set(statuses) <= {200, 401}
        assert heard == []
        # A confirmation that loses against another write is left to the next request.
        assert is_let_in(browser)
        assert row().is_device_bound
        assert row().revoked_at is None
        assert [refresh(tab) for tab in tabs] == [401] * 4
        assert renew(device, browser) == 200


@pytest.mark.parametrize("tabs", [2, 10])
def test_of_several_renewals_one_wins_and_the_others_sign_anew(crowd, account, tabs):
    for _round in range(8):
        browser, device = bound(account)
        racing = [(clone_of(device), browser.clone()) for _tab in range(tabs)]

        with listening(device_proof_failed) as heard:
            statuses = crowd.race(*[partial(renew, each, tab) for each, tab in racing])

        assert sorted(statuses) == [200] + [403] * (tabs - 1)
        assert row().generation == 1
        assert len({each.challenge for each, _tab in racing}) == 1
        again = crowd.race(*[partial(renew, each, tab) for each, tab in racing])
        assert sorted(again) == [200] + [403] * (tabs - 1)
        assert row().generation == 2
        assert heard == []
        assert is_let_in(browser)


def test_of_several_renewals_by_the_key_alone_one_wins_and_it_was_the_last(crowd, account):
    """Of a session that was bound before there was a device cookie."""
    for _round in range(8):
        _browser, device = bound(account)
        AuthSession.objects.filter(pk=row().pk).update(device_cookie=None)
        racing = [(clone_of(device), Browser()) for _tab in range(4)]

        statuses = crowd.race(*[partial(renew, *each) for each in racing])

        # Who reads the row after the first has written lacks the cookie; who read it before loses the race.
        assert statuses.count(200) == 1
        assert set(statuses) <= {200, 401, 403}
        assert row().generation == 1
        assert sorted(renew(*each) for each in racing) == [200] + [401] * 3


@pytest.mark.parametrize("with_access_cookie", [True, False], ids=["with a cookie", "after it ran out"])
def test_a_sign_out_racing_renewals_ends_the_session(crowd, account, with_access_cookie):
    for _round in range(15):
        browser, device = bound(account)
        leaving = browser.clone()
        tabs = [(clone_of(device), browser.clone()) for _tab in range(3)]
        if not with_access_cookie:
            for _device, tab in tabs:
                tab.cookies.clear()

        signed_out, *statuses = crowd.race(partial(sign_out, leaving), *[partial(renew, *each) for each in tabs])

        assert signed_out == 200
        assert set(statuses) <= {200, 401, 403}
        assert not is_signed_in(browser, *[tab for _device, tab in tabs])
        assert [renew(*each) for each in tabs] == [401] * 3


def test_a_bind_racing_a_sign_out_binds_no_session_that_lives(crowd, account):
    for _round in range(15):
        browser, answer = asked(account)
        device, tab = Device(), browser.clone()

        bind_status, signed_out = crowd.race(partial(bind, device, browser, answer), partial(sign_out, tab))

        assert signed_out == 200
        assert bind_status in {200, 401}
        assert not is_signed_in(browser, tab)


def test_first_requests_of_many_tabs_confirm_the_binding_together(crowd, account):
    for _round in range(8):
        browser, answer = asked(account)
        device = Device()
        bind(device, browser, answer)
        tabs = [browser.clone() for _tab in range(8)]

        assert crowd.race(*[partial(is_let_in, tab) for tab in tabs]) == [True] * 8

        assert row().is_device_bound
        assert renew(device, browser) == 200


def test_a_thief_with_both_cookies_racing_the_owner_gets_nothing_that_lasts(crowd, account, clock):
    """He copied them between the sign-in and the binding, and refreshes at the moment the owner's device binds."""
    for _round in range(15):
        browser, answer = asked(account)
        thief, device = browser.clone(), Device()

        crowd.race(partial(refresh, thief), partial(bind, device, browser, answer))

        bound_now = bool(row().device_key)
        assert is_let_in(browser)
        clock.shift(timedelta(seconds=301))
        if bound_now:
            assert refresh(thief) == 401
            assert not is_let_in(thief)
            assert renew(device, browser) == 200
        AuthSession.objects.all().delete()


def test_the_challenge_of_the_sign_in_is_needed_to_bind(crowd, account, other_account):
    """Two people whose browsers bind in the same instant: no session gets the other's key."""
    for _round in range(8):
        people = [asked(account), asked(other_account)]
        devices = [Device(), Device()]

        crowd.race(*[partial(bind, device, *person) for device, person in zip(devices, people, strict=True)])

        for device, (_browser, answer) in zip(devices, people, strict=True):
            session = AuthSession.objects.get(pk=challenge_of_sign_in(answer).split(":")[0])
            assert device.jwk["x"] in session.device_key
