"""The app's own signals as a project's receivers meet them. What each act sends is tested with the act."""

import pytest

from fastauth_django import signals
from fastauth_django.models import AuthSession
from tests.clients import Browser
from tests.factories import sign_up_data
from tests.reading import listening

pytestmark = pytest.mark.django_db

#: What a receiver may name in its signature, by the module's documentation.
PROMISED = {
    "user_signed_up": {"sender", "request", "user"},
    "token_refreshed": {"sender", "request", "session"},
    "session_revoked": {"sender", "request", "session", "reason"},
    "refresh_token_reused": {"sender", "request", "session"},
}


def test_every_signal_is_sent_in_the_course_of_a_life_with_what_is_promised(browser, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 0}
    names = {getattr(signals, name): name for name in PROMISED}

    with listening(*names) as heard:
        browser.post("/auth/register", sign_up_data(), format="json")
        thief = browser.clone()
        browser.post("/auth/refresh")
        thief.post("/auth/refresh")

    assert [names[signal] for signal, _arguments in heard] == [
        "user_signed_up",
        "token_refreshed",
        "refresh_token_reused",
        "session_revoked",
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
