"""Sessions on any response of any view: the public functions, as a project's own views call them."""

import pytest
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import OperationalError
from django.http import HttpResponse
from rest_framework.request import Request

import fastauth_django
from fastauth_django import sign_in, sign_out, update_session_auth_hash
from fastauth_django.authentication import CookieJWTAuthentication
from fastauth_django.cookies import CookieTooLarge
from fastauth_django.exceptions import UserInactive
from fastauth_django.models import AuthSession
from tests.clients import ACCESS, REFRESH, Browser
from tests.reading import (
    clears_cookies,
    holds_token,
    is_alive,
    listening,
    revoked_reason,
    session_of,
    sets_cookies,
    touches_no_cookie,
)

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60


def invite(browser, account, **query):
    return browser.get("/invitation", {"for": account.user.get_username(), **query})


# --- sign_in --------------------------------------------------------------------------------------------------------


def test_sign_in_puts_a_session_onto_a_redirect(browser, account):
    response = invite(browser, account)

    assert response.status_code == 302
    assert sets_cookies(response)
    assert response["Cache-Control"] == "no-store"
    assert browser.get("/private").json() == {"user": account.user.get_username()}
    assert browser.post("/auth/refresh").status_code == 200


@pytest.mark.parametrize(("query", "days"), [({}, 30), ({"remember": "1"}, 90)], ids=["forget", "remember"])
def test_sign_in_remembers_on_demand(browser, account, query, days):
    assert invite(browser, account, **query).cookies[REFRESH]["max-age"] == days * DAY


def test_sign_in_ends_the_session_that_the_request_carries(signed_in, other_account):
    before = session_of(signed_in)

    invite(signed_in, other_account)

    assert revoked_reason(before) == "replaced"


def test_sign_in_sends_user_logged_in(browser, account):
    with listening(user_logged_in) as heard:
        invite(browser, account)

    ((_signal, arguments),) = heard
    assert arguments["user"] == account.user
    assert arguments["request"].path == "/invitation"


def test_sign_in_takes_rest_frameworks_request_too(rf, account):
    with listening(user_logged_in) as heard:
        sign_in(Request(rf.post("/")), HttpResponse(), account.user)

    assert type(heard[0][1]["request"]).__name__ == "WSGIRequest"


def test_sign_in_in_json_delivery_returns_the_pair_and_sets_no_cookie(rf, account):
    response = HttpResponse()

    pair = sign_in(rf.post("/"), response, account.user, token_delivery="json")

    assert set(pair.as_json()) == {"access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in"}
    assert touches_no_cookie(response)
    assert response["Cache-Control"] == "no-store"


def test_sign_in_in_json_delivery_leaves_the_session_of_the_cookies(signed_in, rf, account):
    request = rf.post("/", HTTP_COOKIE=f"{REFRESH}={signed_in.cookie(REFRESH)}")

    sign_in(request, HttpResponse(), account.user, token_delivery="json")

    assert is_alive(session_of(signed_in))


def test_sign_in_delivers_as_the_project_does_by_default(rf, account, settings):
    settings.FASTAUTH = {}
    response = HttpResponse()

    sign_in(rf.post("/"), response, account.user)

    assert touches_no_cookie(response)


def test_pair_that_is_returned_does_not_show_its_tokens(rf, account):
    pair = sign_in(rf.post("/"), HttpResponse(), account.user)

    assert "eyJ" not in repr(pair)


def test_sign_in_that_browsers_would_drop_changes_nothing(signed_in, account, settings):
    before = session_of(signed_in)
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": lambda user, claims: {**claims, "x": "x" * 5000}}

    with pytest.raises(CookieTooLarge):
        invite(signed_in, account)

    assert list(AuthSession.objects.live()) == [before]


def test_sign_in_runs_no_csrf_check(browser, account):
    response = browser.get("/invitation", {"for": account.user.get_username()}, HTTP_SEC_FETCH_SITE="cross-site")

    assert sets_cookies(response)


class LostRace(Exception):
    sqlstate = "40001"


@pytest.mark.django_db(transaction=True)
def test_receiver_that_loses_a_race_runs_again(browser, account):
    """Two sign-ins of one user write the same last_login."""
    losses = [1]

    def lose(**kwargs):
        if losses:
            losses.pop()
            raise OperationalError("could not serialize access") from LostRace()

    user_logged_in.connect(lose)
    try:
        assert browser.sign_in(account).status_code == 200
    finally:
        user_logged_in.disconnect(lose)

    assert AuthSession.objects.count() == 1


# --- sign_out -------------------------------------------------------------------------------------------------------


def test_sign_out_takes_the_session_off_any_response(signed_in):
    session = session_of(signed_in)

    response = signed_in.post("/goodbye")

    assert response.content == b"Goodbye"
    assert clears_cookies(response)
    assert response["Cache-Control"] == "no-store"
    assert revoked_reason(session) == "signed_out"


def test_sign_out_returns_what_it_ended_and_sends_user_logged_out(signed_in, rf, account):
    request = rf.post("/", HTTP_COOKIE=f"{ACCESS}={signed_in.cookie(ACCESS)}")

    with listening(user_logged_out) as heard:
        ended = sign_out(request, HttpResponse())

    assert ended == [session_of(signed_in)]
    assert [arguments["user"] for _signal, arguments in heard] == [account.user]


def test_sign_out_of_nobody_clears_the_cookies(rf):
    response = HttpResponse()

    assert sign_out(rf.post("/"), response) == []
    assert clears_cookies(response)


def test_sign_out_of_nobody_asks_no_database(rf, django_assert_num_queries):
    with django_assert_num_queries(0):
        sign_out(rf.post("/"), HttpResponse())


def test_sign_out_in_json_delivery_touches_no_cookie(signed_in, rf):
    request = rf.post("/", HTTP_COOKIE=f"{ACCESS}={signed_in.cookie(ACCESS)}")
    response = HttpResponse()

    assert sign_out(request, response, token_delivery="json") == []
    assert touches_no_cookie(response)
    assert is_alive(session_of(signed_in))


@pytest.mark.parametrize("header", ["Bearer a b c", "Basic eDp4", "Bearer", "Bearer garbage"])
def test_sign_out_forgives_any_header(signed_in, header):
    assert clears_cookies(signed_in.post("/goodbye", HTTP_AUTHORIZATION=header))


def test_sign_out_takes_rest_frameworks_request_too(signed_in, rf):
    request = Request(rf.post("/", HTTP_COOKIE=f"{REFRESH}={signed_in.cookie(REFRESH)}"))

    assert len(sign_out(request, HttpResponse())) == 1


# --- update_session_auth_hash ---------------------------------------------------------------------------------------


def set_password_by_form(client, account):
    """The project's own password form, which anybody may send."""
    body = {"for": account.user.get_username(), "password": "another horse 7"}
    return client.post("/password-form", body, format="json")


def test_update_session_auth_hash_starts_the_callers_session_anew(signed_in, account):
    before, phone, thief = session_of(signed_in), Browser(), signed_in.clone()
    phone.sign_in(account)

    response = set_password_by_form(signed_in, account)

    assert sets_cookies(response)
    assert revoked_reason(before) == revoked_reason(session_of(phone)) == "password_changed"
    assert AuthSession.objects.live().count() == 1
    assert signed_in.get("/private").status_code == 200
    assert thief.get("/private").status_code == 401


@pytest.mark.parametrize("remember", [True, False])
def test_remember_me_carries_over_from_the_callers_own_session_alone(account, remember):
    browser = Browser()
    browser.sign_in(account, remember=remember)
    Browser().sign_in(account, remember=not remember)

    set_password_by_form(browser, account)

    assert AuthSession.objects.live().get().remember is remember


@pytest.mark.parametrize("caller", ["another user", "a visitor", "a revoked session", "an old refresh cookie"])
def test_update_session_auth_hash_signs_nobody_in_who_was_not_that_user(caller, signed_in, account, other_account):
    """A staff's form, a link of a mail: whose password is set is not always who asks."""
    browser = Browser()
    if caller == "another user":
        browser.sign_in(other_account)
    elif caller == "a revoked session":
        browser.sign_in(account)
        browser.clone().post("/auth/logout")
    elif caller == "an old refresh cookie":
        browser.set_cookie(REFRESH, signed_in.cookie(REFRESH))

    response = set_password_by_form(browser, account)

    assert response.json() == {"signed_in": False}
    assert not sets_cookies(response)
    assert not AuthSession.objects.live().filter(user=account.user).exists()
    assert AuthSession.objects.live().exists() is (caller == "another user")


def test_caller_whose_session_is_revoked_during_the_request_gets_none(signed_in, account, rf, browser):
    """A thief who holds a slow request open while the owner changes the password stays out."""
    slow = rf.post("/", HTTP_COOKIE=f"{ACCESS}={signed_in.cookie(ACCESS)}")
    CookieJWTAuthentication().authenticate(slow)
    set_password_by_form(signed_in, account)
    account.user.refresh_from_db()

    assert update_session_auth_hash(slow, HttpResponse(), account.user) is None
    assert not AuthSession.objects.live().exists(), "the owner's new session was one of those of before"


def test_update_session_auth_hash_in_json_delivery_returns_the_pair(rf, native_app, account, settings):
    settings.FASTAUTH = {}
    native_app.sign_in(account)
    request, response = rf.post("/", HTTP_AUTHORIZATION=f"Bearer {native_app.access}"), HttpResponse()
    CookieJWTAuthentication().authenticate(request)

    pair = update_session_auth_hash(request, response, account.user)

    assert pair.as_json()["access_token"]
    assert touches_no_cookie(response)
    assert not holds_token(response)


def test_session_that_cannot_be_delivered_costs_none_of_the_old_ones(signed_in, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": lambda user, claims: {**claims, "x": "x" * 5000}}
    with pytest.raises(CookieTooLarge):
        set_password_by_form(signed_in, account)

    assert is_alive(session_of(signed_in))


def test_user_who_was_deleted_in_this_process_is_refused(rf, account):
    account.user.delete()

    with pytest.raises(UserInactive):
        sign_in(rf.post("/"), HttpResponse(), account.user)


# --- The package ----------------------------------------------------------------------------------------------------


def test_package_offers_four_functions_and_nothing_by_accident():
    assert set(fastauth_django.__all__) == {"refuse_forgery", "sign_in", "sign_out", "update_session_auth_hash"}
    assert all(getattr(fastauth_django, name).__name__ == name for name in fastauth_django.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sign_up'"):
        _ = fastauth_django.sign_up


def test_package_has_a_version():
    assert fastauth_django.__version__.count(".") == 2
