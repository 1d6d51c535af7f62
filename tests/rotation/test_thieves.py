"""An owner, and a thief who has one copy of both cookies and all the patience in the world: he is cut off, and seen."""

import logging
from datetime import timedelta

import pytest

from fastauth_django.models import AuthSession
from fastauth_django.signals import refresh_token_repeated, refresh_token_reused
from tests.clients import ACCESS, REFRESH, Browser
from tests.reading import listening, revoked_reason, session_of

pytestmark = pytest.mark.django_db(transaction=True)

ROTATION = timedelta(minutes=16)  # later than the access token expires


@pytest.fixture(autouse=True)
def _clock(clock):
    """Only ``clock.shift`` lets time pass."""


def is_let_in(browser: Browser) -> bool:
    return browser.get("/auth/sessions").status_code == 200


def refresh(browser: Browser) -> int:
    return browser.post("/auth/refresh").status_code


def stolen_from(owner: Browser) -> Browser:
    thief = owner.clone()
    thief.defaults = {"REMOTE_ADDR": "203.0.113.9", "HTTP_USER_AGENT": "the same as the owner's"}
    return thief


def work(person: Browser) -> bool:
    """What a page does: ask, and if the access cookie is not good any more, refresh and ask again."""
    return is_let_in(person) or (refresh(person) == 200 and is_let_in(person))


@pytest.fixture
def alarms(caplog):
    """What ``refresh_token_reused`` said. Each alarm also stands in the security log."""
    with caplog.at_level(logging.WARNING, "fastauth_django.security"), listening(refresh_token_reused) as heard:
        yield heard
    logged = [record for record in caplog.get_records("call") if "Refresh token reused" in record.getMessage()]
    assert len(logged) == len(heard)


def assert_cut_off(owner: Browser, thief: Browser, alarms, session: AuthSession) -> None:
    [(_, alarm)] = alarms
    assert alarm["session"].pk == session.pk
    assert revoked_reason(session) == "reuse"
    assert not work(thief)
    assert not work(owner)


def test_a_thief_who_polls_the_list_of_sessions_is_cut_off_within_six_rotations(signed_in, clock, alarms):
    owner, thief, session = signed_in, stolen_from(signed_in), session_of(signed_in)
    kept_up = 0
    for _rotation in range(6):
        clock.shift(ROTATION)
        work(owner)
        for _poll in range(5):
            kept_up += work(thief)
            clock.shift(timedelta(seconds=3))
    assert kept_up <= 5
    assert_cut_off(owner, thief, alarms, session)


@pytest.mark.parametrize("uses_it", [True, False], ids=["uses what he got", "keeps it"])
def test_a_thief_who_rotates_first_and_waits(signed_in, clock, alarms, uses_it):
    owner, thief, session = signed_in, stolen_from(signed_in), session_of(signed_in)
    clock.shift(ROTATION)
    assert refresh(thief) == 200
    if uses_it:
        assert is_let_in(thief)
    clock.shift(timedelta(seconds=5))
    assert work(owner)  # an access token of the grace
    for _rotation in range(6):
        clock.shift(ROTATION)
        if not work(owner):
            break
    if not uses_it:
        assert alarms == []
        assert refresh(thief) == 401  # The owner went on, so what he kept is worth nothing, and raises the alarm.
    assert_cut_off(owner, thief, alarms, session)


@pytest.mark.parametrize("uses_it", [True, False], ids=["uses what he gets", "keeps it"])
def test_a_thief_who_repeats_the_token_every_few_seconds_cannot_hold_the_owner_in_the_grace(
    signed_in, clock, alarms, uses_it
):
    """Each of his rotations begins a grace. The owner, who always comes inside one, gets a token of their own."""
    owner, session = signed_in, session_of(signed_in)
    copy = stolen_from(owner)
    latest = [stolen_from(copy)]

    def polls() -> bool:
        repeating = stolen_from(copy)
        status = refresh(repeating)
        if status == 200 and repeating.cookie(REFRESH) != copy.cookie(REFRESH):
            latest[0] = repeating
        return status == 200

    rounds = 0
    while rounds < 6 and not alarms:
        for _poll in range(3):
            polls()
            clock.shift(timedelta(seconds=11))
        polls()
        clock.shift(timedelta(seconds=2))
        owner.cookies.pop(ACCESS, None)
        if not work(owner):
            break
        if uses_it:
            refresh(latest[0])
        rounds += 1
    assert rounds <= 2
    assert_cut_off(owner, latest[0], alarms, session)


def test_a_thief_who_waits_for_the_owner_gets_one_access_token_and_no_session(signed_in, clock, alarms):
    owner, thief, session = signed_in, stolen_from(signed_in), session_of(signed_in)
    clock.shift(ROTATION)
    assert work(owner)
    clock.shift(timedelta(seconds=5))
    before = thief.cookie(REFRESH)
    with listening(refresh_token_repeated) as heard:
        assert work(thief)
    assert [said["lost"] for _, said in heard] == [False]
    assert thief.cookie(REFRESH) == before
    clock.shift(ROTATION)
    assert not work(thief)
    assert_cut_off(owner, thief, alarms, session)


def test_a_decoy_beside_the_stolen_token_silences_nothing(signed_in, other_account, clock, alarms):
    """The thief has an account of his own, and sends its living token together with the stolen one."""
    owner, session = signed_in, session_of(signed_in)
    copy = stolen_from(owner)
    decoy = Browser()
    assert decoy.sign_in(other_account).status_code == 200
    clock.shift(ROTATION)
    assert work(owner)
    clock.shift(ROTATION)

    both = f"{REFRESH}={decoy.cookie(REFRESH)}; {REFRESH}={copy.cookie(REFRESH)}"
    answer = Browser().post("/auth/refresh", HTTP_COOKIE=both)

    assert answer.status_code == 200
    assert answer.cookies[REFRESH].value
    assert_cut_off(owner, copy, alarms, session)
    decoy.cookies = answer.cookies
    assert is_let_in(decoy)
