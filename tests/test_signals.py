"""The app's own signals as a project's receivers meet them. What each act sends is tested with the act."""

import logging

import pytest
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import connection

from fastauth_django import signals
from fastauth_django.models import AuthSession
from fastauth_django.tokens import RefreshToken
from tests.clients import ACCESS, REFRESH, Browser
from tests.factories import PASSWORD, sign_up_data
from tests.reading import clears_cookies, is_alive, listening, session_of, sets_cookies, touches_no_cookie

pytestmark = pytest.mark.django_db

#: What a receiver may name in its signature, by the module's documentation.
PROMISED = {
    "user_signed_up": {"sender", "request", "user"},
    "token_refreshed": {"sender", "request", "session"},
    "refresh_token_repeated": {"sender", "request", "session", "lost"},
    "session_revoked": {"sender", "request", "session", "reason"},
    "refresh_token_reused": {"sender", "request", "session", "same_client", "age"},
}


def test_every_signal_is_sent_in_the_course_of_a_life_with_what_is_promised(browser, clock, use):
    names = {getattr(signals, name): name for name in PROMISED}

    with listening(*names) as heard:
        browser.post("/auth/register", sign_up_data(), format="json")
        thief = browser.clone()
        browser.refresh()
        thief.refresh()
        use(browser)
        clock.shift(11)
        thief.refresh()

    assert [names[signal] for signal, _arguments in heard] == [
        "user_signed_up",
        "token_refreshed",
        "refresh_token_repeated",
        "session_revoked",
        "refresh_token_reused",
    ]
    assert {names[signal]: set(arguments) for signal, arguments in heard} == PROMISED


def test_receiver_can_listen_to_sessions_alone(signed_in):
    heard = []

    def hear(**kwargs):
        heard.append(kwargs["session"])

    signals.session_revoked.connect(hear, sender=AuthSession)
    try:
        signed_in.post("/auth/logout")
    finally:
        signals.session_revoked.disconnect(hear, sender=AuthSession)

    assert heard == [AuthSession.objects.get()]


def test_receiver_sees_the_session_as_the_database_has_it(signed_in):
    with listening(signals.session_revoked, signals.token_refreshed) as heard:
        signed_in.post("/auth/refresh")
        Browser.clone(signed_in).post("/auth/logout")

    refreshed, revoked = (arguments["session"] for _signal, arguments in heard)
    session = AuthSession.objects.get()
    assert (refreshed.generation, refreshed.expires_at) == (session.generation, session.expires_at)
    assert (revoked.revoked_at, revoked.revoked_reason) == (session.revoked_at, session.revoked_reason)


def test_receiver_that_fails_silences_no_other(signed_in, caplog):
    signals.token_refreshed.connect(boom)
    try:
        with listening(signals.token_refreshed) as heard:
            signed_in.refresh()
    finally:
        signals.token_refreshed.disconnect(boom)

    assert len(heard) == 1
    assert [record.name for record in caplog.records if record.levelname == "ERROR"] == ["django.dispatch"]


def test_reuse_is_revoked_then_logged_then_told(signed_in, caplog):
    """So a receiver that hangs, or kills the process, keeps neither the thief in nor the log empty."""
    thief = signed_in.clone()
    signed_in.refresh()
    signed_in.refresh()
    seen = []

    def look(signal, **kwargs):
        logged = any("reused" in record.message for record in caplog.records)
        seen.append((signal, AuthSession.objects.get().revoked_at is not None, logged))

    signals.session_revoked.connect(look)
    signals.refresh_token_reused.connect(look)
    try:
        thief.refresh()
    finally:
        signals.session_revoked.disconnect(look)
        signals.refresh_token_reused.disconnect(look)

    assert seen == [(signals.session_revoked, True, True), (signals.refresh_token_reused, True, True)]


# --- Receivers that fail --------------------------------------------------------------------------------------------


class Boom(Exception):
    """A receiver, or a logging handler, of the project's own that fails."""


def boom(*args, **kwargs):
    raise Boom


class HandlerThatFails(logging.Handler):
    def emit(self, record):
        raise Boom


@pytest.fixture
def failing():
    """``failing(signal)``: a receiver that raises. Django reports it to a log whose handler raises, too."""
    connected, handler, loggers = [], HandlerThatFails(), [logging.getLogger("django.dispatch"), signals.logger]

    def connect(signal):
        signal.connect(boom)
        connected.append(signal)

    for logger in loggers:
        logger.addHandler(handler)
    yield connect
    for logger in loggers:
        logger.removeHandler(handler)
    for signal in connected:
        signal.disconnect(boom)


@pytest.fixture
def unbreakable(failing):
    """Every signal that tells of something that is done has a receiver that raises."""
    for name in PROMISED.keys() - {"user_signed_up"} | {"device_proof_failed"}:
        failing(getattr(signals, name))
    failing(user_logged_out)


@pytest.mark.usefixtures("unbreakable")
class TestReceiverOfSomethingDoneThatFails:
    """So does the handler of the log. Neither changes the answer, nor what was done."""

    def test_refresh_is_answered(self, signed_in):
        assert sets_cookies(signed_in.refresh())
        assert session_of(signed_in).generation == 1

    def test_repeated_refresh_is_answered(self, signed_in):
        tab = signed_in.clone()
        signed_in.refresh()

        assert set(tab.refresh().cookies) == {ACCESS}

    def test_lost_answer_is_given_again(self, clock, signed_in):
        copy = signed_in.clone()
        signed_in.refresh()
        clock.shift(11)

        assert sets_cookies(copy.refresh())

    def test_row_that_is_behind_goes_on(self, signed_in):
        signed_in.refresh()
        AuthSession.objects.update(generation=0)

        assert sets_cookies(signed_in.refresh())

    def test_reused_session_is_revoked(self, clock, signed_in, use):
        thief = signed_in.clone()
        signed_in.refresh()
        use(signed_in)
        clock.shift(11)

        response = thief.refresh()

        assert (response.status_code, response.json()["code"]) == (401, "refresh_token_reused")
        assert clears_cookies(response)
        assert not is_alive(session_of(signed_in))

    def test_sign_out_signs_out(self, signed_in):
        session = session_of(signed_in)

        response = signed_in.post("/auth/logout")

        assert (response.status_code, clears_cookies(response)) == (200, True)
        assert not is_alive(session)

    def test_sign_in_over_a_session_signs_in(self, signed_in, other_account):
        before = session_of(signed_in)

        assert sets_cookies(signed_in.sign_in(other_account))
        assert not is_alive(before)

    def test_copied_refresh_token_of_a_bound_session_is_refused(self, browser, device):
        session = AuthSession.objects.get()
        token = str(RefreshToken.for_session(session))

        response = Browser().post("/auth/refresh", HTTP_COOKIE=f"{REFRESH}={token}")

        assert (response.status_code, response.json()["code"]) == (401, "device_proof_required")
        assert is_alive(session)


def test_receiver_of_a_sign_up_that_fails_stops_it(browser, failing, django_user_model):
    """It runs in the transaction that creates the account, so that it may refuse one."""
    failing(signals.user_signed_up)

    with pytest.raises(Boom):
        browser.post("/auth/register", sign_up_data(), format="json")

    assert not django_user_model._default_manager.exists()
    assert not AuthSession.objects.exists()


def test_receiver_of_a_sign_in_that_fails_keeps_the_tokens_from_the_client(browser, account, failing):
    browser.raise_request_exception = False
    failing(user_logged_in)

    response = browser.sign_in(account)

    assert response.status_code == 500
    assert touches_no_cookie(response)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "signal", [user_logged_out, signals.session_revoked], ids=["user_logged_out", "session_revoked"]
)
def test_query_of_a_receiver_that_fails_undoes_no_sign_out_of_a_project(signed_in, monkeypatch, signal):
    """The view of the project runs in a transaction: ATOMIC_REQUESTS."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    session = AuthSession.objects.get()

    def fail(**kwargs):
        AuthSession.objects.create(pk=session.pk, user=session.user)

    signal.connect(fail)
    try:
        response = signed_in.post("/goodbye")
    finally:
        signal.disconnect(fail)

    assert response.status_code == 200
    assert AuthSession.objects.get().revoked_at is not None


def test_query_of_a_receiver_that_fails_does_not_break_the_transaction(signed_in, account):
    """A new password is written in a transaction, in which the end of each session is announced."""

    def fail(**kwargs):
        AuthSession.objects.create(pk=kwargs["session"].pk, user=kwargs["session"].user)

    signals.session_revoked.connect(fail)
    try:
        body = {"current_password": PASSWORD, "new_password": "another horse battery 8"}
        response = signed_in.post("/auth/account/change-password", body, format="json")
    finally:
        signals.session_revoked.disconnect(fail)

    assert response.status_code == 200
    account.user.refresh_from_db()
    assert account.user.check_password("another horse battery 8")
