"""The cookies get other names: nobody is signed out, also while both deployments serve, and nobody becomes another.

*Blue* is the deployment of before and knows nothing of what comes. *Green* has other names and lists those of before.
"""

from datetime import date

import pytest

from fastauth_django.cookies import CookieTooLarge
from fastauth_django.signals import refresh_token_reused
from tests.checks.running import fastauth, found, number
from tests.clients import Browser
from tests.devices import Device, bind_on_sign_in
from tests.reading import holds_token, listening, revoked_reason, session_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NAMES = {"COOKIE_NAME_ACCESS": "__Host-access", "COOKIE_NAME_REFRESH": "__Host-refresh"}
LAST_DAY = date(2026, 6, 1)  # as the clock says
#: Strict: one stale token is reuse.
BLUE = {"TOKEN_DELIVERY": "cookie", "REFRESH_GRACE": 0}
FORMER = [
    {"name": "access_token", "token": "access", "read_until": LAST_DAY},
    {"name": "refresh_token", "token": "refresh", "read_until": LAST_DAY},
]
GREEN = {**BLUE, **NAMES, "COOKIE_FORMER": FORMER}
BOUND_BLUE, BOUND_GREEN = ({**each, "DEVICE_BINDING": "optional"} for each in (BLUE, GREEN))


def jar(cookies):
    """A browser that sends these names and values, of one name also several."""
    browser = Browser()
    browser.credentials(HTTP_COOKIE="; ".join(f"{name}={value}" for name, value in cookies))
    return browser


@pytest.fixture
def ask(settings, browser):
    """``ask(BLUE, "get", "me")``: the browser's request to one of the deployments."""

    def send(deployment, method, route, data=None, client=browser):
        settings.FASTAUTH = deployment
        return getattr(client, method)(f"/auth/{route}", data, format="json")

    return send


@pytest.fixture
def signed_in_to_blue(ask, browser, account):
    assert ask(BLUE, "post", "login", account.credentials).status_code == 200
    return session_of(browser)


@pytest.fixture
def other_refresh_token(ask, other_account):
    """The refresh token of somebody else, such as a sibling subdomain may plant."""
    other = Browser()
    ask(BLUE, "post", "login", other_account.credentials, client=other)
    return other.cookie("refresh_token")


def test_whoever_is_signed_in_to_blue_is_signed_in_to_green(ask, signed_in_to_blue):
    """Behind a proxy that takes turns, every refresh may be blue's, and none hand over."""
    assert ask(GREEN, "get", "me").status_code == 200


def test_a_refresh_hands_the_session_over_and_keeps_both_names_up_to_date(ask, browser, signed_in_to_blue):
    handed_over = ask(GREEN, "post", "refresh")

    assert handed_over.status_code == 200
    assert not holds_token(handed_over)
    assert browser.cookie("__Host-refresh") == browser.cookie("refresh_token")
    assert browser.cookie("__Host-access") == browser.cookie("access_token")
    assert ask(GREEN, "get", "me").status_code == 200
    assert ask(BLUE, "get", "me").status_code == 200


@pytest.mark.parametrize("first", [BLUE, GREEN], ids=["blue", "green"])
def test_deployments_that_take_turns_sign_nobody_out(ask, browser, account, first):
    second = GREEN if first is BLUE else BLUE
    with listening(refresh_token_reused) as heard:
        ask(first, "post", "login", account.credentials)
        for _turn in range(3):
            for deployment in [second, second, first, second, first, first]:
                assert ask(deployment, "get", "me").status_code == 200
                assert ask(deployment, "post", "refresh").status_code == 200
    assert heard == []


@pytest.mark.parametrize("last", [BLUE, GREEN], ids=["blue", "green"])
def test_signing_out_of_either_ends_the_session_for_both(ask, browser, signed_in_to_blue, last):
    ask(GREEN, "post", "refresh")

    assert ask(last, "post", "logout").status_code == 200
    assert revoked_reason(signed_in_to_blue) == "signed_out"
    assert [ask(each, "post", "refresh").status_code for each in (BLUE, GREEN)] == [401, 401]
    assert not browser.cookies


def test_whoever_signs_in_to_blue_as_somebody_else_is_that_person_in_green(
    ask, browser, signed_in_to_blue, other_account
):
    ask(GREEN, "post", "refresh")
    ask(BLUE, "post", "login", other_account.credentials)

    assert ask(GREEN, "post", "refresh").status_code == 401
    assert ask(GREEN, "post", "refresh").status_code == 200
    assert ask(GREEN, "get", "me").json() == ask(BLUE, "get", "me").json()
    assert session_of(browser).user == other_account.user


def test_a_planted_former_cookie_does_not_swap_the_visitor(ask, browser, account, other_refresh_token):
    ask(GREEN, "post", "login", account.credentials)
    own = ask(GREEN, "get", "me").json()
    browser.set_cookie("refresh_token", other_refresh_token)

    assert ask(GREEN, "post", "refresh").status_code == 200
    assert ask(GREEN, "get", "me").json() == own


def test_a_planted_former_cookie_does_not_stand_in_for_a_cookie_that_is_refused(ask, browser, other_refresh_token):
    browser.set_cookie("__Host-access", "garbage")
    browser.set_cookie("refresh_token", other_refresh_token)

    assert ask(GREEN, "post", "refresh").status_code == 401


def test_beside_the_visitors_own_former_cookie_a_planted_one_is_not_chosen(ask, account, other_refresh_token):
    visitor = Browser()
    ask(BLUE, "post", "login", account.credentials, client=visitor)
    values = [visitor.cookie("refresh_token"), other_refresh_token]
    header = "; ".join(f"refresh_token={value}" for value in values)
    visitor.cookies.clear()
    visitor.credentials(HTTP_COOKIE=header)

    refused = ask(GREEN, "post", "refresh", client=visitor)

    assert (refused.status_code, refused.json()["code"]) == (401, "refresh_token_required")
    assert not refused.cookies


def test_a_former_access_cookie_alone_opens_nothing(ask, browser, signed_in_to_blue):
    del browser.cookies["refresh_token"]

    assert ask(GREEN, "get", "me").status_code == 401
    assert ask(GREEN, "post", "refresh").status_code == 401


def test_a_planted_former_access_cookie_counts_for_nobody(ask, browser, account, other_account):
    other = Browser()
    ask(BLUE, "post", "login", other_account.credentials, client=other)
    ask(BLUE, "post", "login", account.credentials)
    browser.set_cookie("access_token", other.cookie("access_token"))

    assert ask(GREEN, "get", "me").status_code == 401
    own = ask(GREEN, "post", "refresh")
    assert own.status_code == 200
    browser.set_cookie("access_token", other.cookie("access_token"))
    del browser.cookies["__Host-access"]
    assert ask(GREEN, "get", "me").status_code == 401


@pytest.mark.parametrize("binding", [None, "optional"])
def test_a_planted_device_cookie_that_is_garbage_keeps_nobody_from_green(ask, browser, signed_in_to_blue, binding):
    browser.set_cookie("device_token", "garbage")

    assert ask({**GREEN, "DEVICE_BINDING": binding}, "post", "refresh").status_code == 200


@pytest.fixture
def planted(ask, other_account):
    """The refresh and the device token of somebody else, whose binding is not final, so that both still count."""
    other = Browser()
    offer = ask(BOUND_BLUE, "post", "login", other_account.credentials, client=other)
    refresh_token = other.cookie("refresh_token")
    Device().bind(other, offer)
    return [("refresh_token", refresh_token), ("device_token", other.cookie("device_token"))]


@pytest.mark.parametrize("first", ["own", "planted"])
def test_a_planted_device_cookie_does_not_choose_among_former_cookies(ask, signed_in_to_blue, browser, planted, first):
    own = [("refresh_token", browser.cookie("refresh_token"))]

    refused = ask(BOUND_GREEN, "post", "refresh", client=jar(own + planted if first == "own" else planted + own))

    assert (refused.status_code, refused.json()["code"]) == (401, "refresh_token_required")


@pytest.mark.parametrize("state", ["alive", "ended"])
def test_nor_does_it_swap_a_visitor_of_green(ask, browser, account, planted, state):
    user = ask(BOUND_GREEN, "post", "login", account.credentials).json()["user"]
    own = [(name, morsel.value) for name, morsel in browser.cookies.items()]
    if state == "ended":
        ask(BOUND_GREEN, "delete", "sessions/all", client=browser.clone())

    answer = ask(BOUND_GREEN, "post", "refresh", client=(visitor := jar(own + planted)))

    assert answer.status_code == (200 if state == "alive" else 401)
    me = ask(BOUND_GREEN, "get", "me", client=visitor)
    assert me.status_code == 401 or me.json() == user


def test_nor_a_bound_visitor_whose_access_cookie_has_run_out(ask, browser, account, planted):
    bind_on_sign_in(browser, ask(BOUND_GREEN, "post", "login", account.credentials))
    own = [("device_token", browser.cookie("device_token"))]

    for cookies in (own + planted, planted + own):
        assert ask(BOUND_GREEN, "post", "refresh", client=jar(cookies)).status_code == 401


def test_a_bound_browser_is_signed_in_to_both(ask, browser, account, clock):
    device = bind_on_sign_in(browser, ask(BOUND_BLUE, "post", "login", account.credentials))
    assert ask(BOUND_GREEN, "get", "me").status_code == 200
    for deployment in (BOUND_GREEN, BOUND_BLUE, BOUND_GREEN):
        clock.shift(301)  # All access cookies have run out.
        for name in ("access_token", "__Host-access"):
            browser.cookies.pop(name, None)
        ask(deployment, "get", "me")
        assert device.renew(browser).status_code == 200
        assert [ask(each, "get", "me").status_code for each in (BOUND_BLUE, BOUND_GREEN)] == [200, 200]


@pytest.mark.parametrize("deployment", ["green", "after the day"])
def test_signing_in_ends_the_session_that_a_former_cookie_names_beside_todays(
    ask, browser, signed_in_to_blue, account, deployment, clock
):
    if deployment == "after the day":
        clock.shift(12 * 60 * 60)
    own = Browser()
    ask(GREEN, "post", "login", account.credentials, client=own)
    own.set_cookie("refresh_token", browser.cookie("refresh_token"))

    ask(GREEN, "post", "login", account.credentials, client=own)

    assert revoked_reason(signed_in_to_blue) == "replaced"


def test_a_former_name_counts_to_the_size_of_a_cookie(ask, account):
    long_name = "access_token_of_before" * 10
    former = [{"name": long_name, "token": "access", "read_until": LAST_DAY}]

    def claims(user, claims):
        return {**claims, "padding": "x" * 2700}

    with pytest.raises(CookieTooLarge, match=long_name):
        ask({**BLUE, "TOKEN_CLAIMS": claims, "COOKIE_FORMER": former}, "post", "login", account.credentials)


def test_signing_in_to_green_ends_the_session_of_blue(ask, signed_in_to_blue, other_account):
    ask(GREEN, "post", "login", other_account.credentials)

    assert revoked_reason(signed_in_to_blue) == "replaced"


def test_from_the_next_day_on_a_former_cookie_is_only_cleared(ask, browser, account, clock):
    ask(BLUE, "post", "login", account.credentials)
    clock.shift(12 * 60 * 60)
    refused = ask(GREEN, "post", "refresh")
    assert (refused.status_code, refused.json()["code"]) == (401, "refresh_token_required")

    ask(GREEN, "post", "login", account.credentials)
    assert sorted(browser.cookies) == ["__Host-access", "__Host-refresh"]


@pytest.mark.parametrize(("last_day", "expected"), [(LAST_DAY, []), (date(2026, 5, 31), ["W056"])])
def test_the_check_tells_when_the_day_is_over(last_day, expected):
    former = [{"name": "refresh_token", "token": "refresh", "read_until": last_day}]
    messages = found(fastauth(**NAMES, COOKIE_FORMER=former))
    assert [number(message) for message in messages] == expected
