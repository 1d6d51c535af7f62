"""What allauth keeps for a session of ours: found by nobody else, and gone with the session."""

from importlib import import_module
from unittest import mock

import pytest
from allauth.account.signals import login_code_rejected
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.models import Session

from fastauth_django.models import AuthSession
from tests.allauth.clients import App, FrontEnd, last_mail, totp
from tests.allauth.conftest import EMAIL
from tests.allauth.test_flows import answer_password
from tests.factories import PASSWORD

STORES = "django.contrib.sessions.backends"


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.SESSION_FILE_PATH = str(tmp_path)


@pytest.fixture(params=["db", "cache"])
def engine(request, settings):
    """The two kinds of store: one signs what it keeps, the other prefixes its keys."""
    settings.SESSION_ENGINE = f"{STORES}.{request.param}"
    return import_module(settings.SESSION_ENGINE)


def state_of(session):
    from fastauth_django.contrib.allauth import state_of

    return state_of(session.pk)


def prove(visitor):
    return visitor.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status_code


@pytest.mark.parametrize("store", ["db", "cache", "cached_db", "file"])
def test_is_kept_in_the_projects_session_store(settings, visitor, user, store):
    settings.SESSION_ENGINE = f"{STORES}.{store}"
    visitor.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    assert prove(visitor) == 200
    assert visitor.methods() == ["password", "password"]

    state = state_of(AuthSession.objects.get())

    assert len(state["account_authentication_methods"]) == 2
    assert "_auth_user_id" not in state


def test_begins_with_the_first_write_where_there_was_none(engine, signed_in):
    """As for a session that another view of the project has started, or whose state has run out."""
    state_of(AuthSession.objects.get()).delete()
    assert signed_in.methods() == []

    prove(signed_in)

    assert signed_in.methods() == ["password"]


def test_two_tabs_that_begin_it_at_once(signed_in):
    session = AuthSession.objects.get()
    first = state_of(session)
    store = type(first).__mro__[1]

    with mock.patch.object(store, "save", side_effect=[UpdateError, CreateError, None]) as save:
        first.save()

    assert [call.kwargs for call in save.call_args_list] == [{}, {"must_create": True}, {}]


def test_goes_over_to_the_session_that_a_new_password_begins(signed_in):
    before = AuthSession.objects.get()
    prove(signed_in)
    body = {"current_password": PASSWORD, "new_password": "battery correct horse 7"}

    signed_in.call("POST", "account/password/change", body)

    state = state_of(AuthSession.objects.live().get())
    assert len(state["account_authentication_methods"]) == 2
    assert "_auth_user_hash" not in state
    assert not state_of(before).keys()
    assert Session.objects.count() == 1


@pytest.mark.parametrize("how", ["our sign-out", "allauth's", "everywhere", "staff"])
def test_goes_with_the_session(engine, signed_in, how):
    session = AuthSession.objects.get()
    prove(signed_in)
    assert state_of(session).keys()

    if how == "our sign-out":
        signed_in.send("POST", signed_in.sign_out_at)
    elif how == "allauth's":
        signed_in.call("DELETE", "auth/session")
    elif how == "everywhere":
        signed_in.send("DELETE", "/auth/sessions/all")
    else:
        from fastauth_django.sessions import revoke

        revoke(AuthSession.objects.all(), "ended_by_staff")

    assert not state_of(session).keys()
    assert not Session.objects.exists()


def test_its_key_and_the_sessions_id_are_worth_nothing_as_a_token(engine, user):
    front_end = FrontEnd()
    front_end.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    prove(front_end)
    session = AuthSession.objects.get()

    for worthless in (state_of(session).session_key, str(session.pk), session.pk.hex):
        assert not list(engine.SessionStore(worthless).keys())
        thief = FrontEnd()
        thief.http.cookies["sessionid"] = worthless
        assert thief.me() is None
        answer = thief.call("GET", "auth/session")
        assert answer.status_code == 401
        assert answer.json()["meta"]["is_authenticated"] is False
        assert thief.call("GET", "account/email").status_code == 401
        thief = App()
        thief.session_token = worthless
        assert thief.call("GET", "auth/session").status_code in {401, 410}
        assert thief.call("GET", "account/email").status_code in {401, 410}
        assert thief.me() is None
    assert front_end.methods() == ["password", "password"]


def test_no_session_of_djangos_opens_the_api_for_apps(app, user):
    """Nor does the cookie of one, or ours."""
    staff = FrontEnd()
    staff.http.force_login(user)
    app.session_token = staff.jar["sessionid"]
    assert app.call("GET", "auth/session").status_code == 410

    app.session_token = None
    app.http.cookies = staff.http.cookies
    assert app.http.get("/_allauth/app/v1/auth/session").status_code == 401

    front_end = FrontEnd()
    front_end.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    app.http.cookies = front_end.http.cookies
    assert app.http.get("/_allauth/app/v1/auth/session").status_code == 401
    assert app.http.get("/_allauth/app/v1/account/email").status_code == 401


def test_browser_that_is_trusted_vouches_for_no_app(app, front_end, user, secret):
    """A script on a page could call the API for apps, and would be given a pair that it can read."""
    answer_password(front_end)
    front_end.call("POST", "auth/2fa/authenticate", {"code": totp(secret)})
    front_end.call("POST", "auth/2fa/trust", {"trust": True})
    app.http.cookies["mfa_trusted"] = front_end.jar["mfa_trusted"]

    answer_password(app)


def test_session_token_of_the_way_is_worth_nothing_after_the_sign_in(app, user):
    app.call("POST", "auth/code/request", {"email": EMAIL})
    token = app.session_token
    app.call("POST", "auth/code/confirm", {"code": last_mail().code})
    assert app.me() == EMAIL

    thief = App()
    thief.session_token = token

    assert thief.call("GET", "auth/session").status_code == 410


def test_app_that_ends_the_way_in_two_requests_at_once_is_told(app, user):
    app.call("POST", "auth/code/request", {"email": EMAIL})

    def end(**kwargs):
        Session.objects.all().delete()

    login_code_rejected.connect(end)
    try:
        response = app.call("POST", "auth/code/confirm", {"code": "WRONG1"})
    finally:
        login_code_rejected.disconnect(end)

    assert response.status_code == 410
    assert not Session.objects.exists()


def test_session_id_of_the_way_is_worth_nothing_after_the_sign_in(front_end, user):
    front_end.call("POST", "auth/code/request", {"email": EMAIL})
    thief = front_end.clone()
    assert set(thief.jar) == {"sessionid"}
    front_end.call("POST", "auth/code/confirm", {"code": last_mail().code})

    assert thief.call("GET", "auth/session").status_code == 401
    assert thief.me() is None


@pytest.mark.parametrize("token", ["garbage", "expired", "refresh token"])
def test_bad_token_of_an_app_is_told_apart_from_none(app, user, token, clock):
    app.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    if token == "garbage":
        app.pair["access_token"] = "garbage"
    elif token == "refresh token":
        app.pair["access_token"] = app.pair["refresh_token"]
    else:
        clock.shift(901)

    response = app.call("GET", "auth/session")

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert response.json()["errors"][0]["code"] in {"token_invalid", "token_expired"}
    assert response.json()["meta"] == {"is_authenticated": False}
    assert response.headers["Cache-Control"] == "no-store"
    assert get_user_model().objects.count() == 1
