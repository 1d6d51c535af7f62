"""Sessions on any response of any view: the public functions, as a project's own views call them."""

import pytest
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import OperationalError
from django.http import HttpResponse
from rest_framework.request import Request

import fastauth_django
from fastauth_django import sign_in, sign_out, update_session_auth_hash
from fastauth_django.cookies import CookieTooLarge
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


def test_update_session_auth_hash_starts_the_callers_session_anew(signed_in, rf, account):
    before, phone = session_of(signed_in), Browser()
    phone.sign_in(account)
    account.user.set_password("another horse 7")
    account.user.save()
    response = HttpResponse()

    update_session_auth_hash(rf.post("/", HTTP_COOKIE=f"{REFRESH}={signed_in.cookie(REFRESH)}"), response, account.user)

    assert sets_cookies(response)
    assert revoked_reason(before) == revoked_reason(session_of(phone)) == "password_changed"
    assert AuthSession.objects.live().count() == 1


@pytest.mark.parametrize("credential", ["cookie", "bearer", "another's", "none"])
def test_remember_me_carries_over_from_the_callers_own_session_alone(rf, account, other_account, credential):
    remembered, other = Browser(), Browser()
    remembered.sign_in(account, remember=True)
    other.sign_in(other_account, remember=True)
    meta = {
        "cookie": {"HTTP_COOKIE": f"{ACCESS}={remembered.cookie(ACCESS)}"},
        "bearer": {"HTTP_AUTHORIZATION": f"Bearer {remembered.cookie(ACCESS)}"},
        "another's": {"HTTP_COOKIE": f"{ACCESS}={other.cookie(ACCESS)}"},
        "none": {},
    }[credential]

    update_session_auth_hash(rf.post("/", **meta), HttpResponse(), account.user)

    session = AuthSession.objects.live().get(user=account.user)
    assert session.remember is (credential in {"cookie", "bearer"})
    assert is_alive(session_of(other))


def test_update_session_auth_hash_in_json_delivery_returns_the_pair(rf, account):
    response = HttpResponse()

    pair = update_session_auth_hash(rf.post("/"), response, account.user, token_delivery="json")

    assert pair.as_json()["access_token"]
    assert touches_no_cookie(response)
    assert not holds_token(response)


# --- The package ----------------------------------------------------------------------------------------------------


def test_package_offers_three_functions_and_nothing_by_accident():
    assert set(fastauth_django.__all__) == {"sign_in", "sign_out", "update_session_auth_hash"}
    with pytest.raises(AttributeError, match="no attribute 'sign_up'"):
        _ = fastauth_django.sign_up


def test_package_has_a_version():
    assert fastauth_django.__version__.count(".") == 2
