"""Signing in with an OpenID provider, by redirect and by token, and connecting one to an account."""

import copy
import re
from html import unescape

import pytest
import requests
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model

from tests.allauth.clients import OURS, App, FrontEnd, last_mail, totp
from tests.allauth.conftest import EMAIL
from tests.factories import PASSWORD, make_account
from tests.integration.provider import CLIENT_ID, PERSON, Provider

HOME = "http://testserver/home"
FROM_PROVIDER = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def provider():
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(autouse=True)
def _settings(provider, settings):
    settings.SOCIALACCOUNT_PROVIDERS = copy.deepcopy(settings.SOCIALACCOUNT_PROVIDERS)
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"] = {"server_url": provider.address}


def consent(front_end, process="login"):
    """Go to the provider and allow it. Returns the address that the provider sends the browser back to."""
    form = {"provider": "idp", "process": process, "callback_url": HOME}
    to_provider = front_end.http.post("/_allauth/browser/v1/auth/provider/redirect", form, headers=front_end.headers())
    assert to_provider.status_code == 302
    page = requests.get(to_provider["Location"], timeout=5)
    return unescape(re.search('href="(.*?)"', page.text)[1])


def come_back(front_end, address):
    response = front_end.http.get(address, headers=FROM_PROVIDER)
    front_end.keep(response)
    return response


def prove(visitor):
    assert visitor.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status_code == 200


def offer_token(visitor, provider, process="login"):
    token = {"client_id": CLIENT_ID, "id_token": provider.tokens()["id_token"]}
    return visitor.call("POST", "auth/provider/token", {"provider": "idp", "process": process, "token": token})


def connected(visitor):
    return [account["uid"] for account in visitor.call("GET", "account/providers").json()["data"]]


def test_by_redirect(front_end):
    response = come_back(front_end, consent(front_end))

    assert (response.status_code, response["Location"]) == (302, HOME)
    front_end.assert_signed_in(response, PERSON["email"])
    assert len(front_end.sessions()) == 1
    assert front_end.methods() == ["socialaccount"]


@pytest.mark.parametrize("process", ["login", "connect"])
def test_under_strict_the_browser_comes_once_more(front_end, user, settings, process):
    """It comes from another site, and holds its cookies back."""
    settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_SAMESITE": "strict"}
    if process == "connect":
        front_end.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
        prove(front_end)
    address = consent(front_end, process)
    stranger = FrontEnd()

    page = come_back(stranger, address)

    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert not stranger.jar
    address = unescape(re.search('http-equiv="refresh" content="0; url=(.*?)"', page.text)[1])
    response = come_back(front_end, address)
    assert (response.status_code, response["Location"]) == (302, HOME)
    assert front_end.me() == (PERSON["email"] if process == "login" else EMAIL)
    assert connected(front_end) == [PERSON["sub"]]


def test_naive_adapter_fails_by_redirect(front_end, settings):
    """Or the test above could not fail: allauth goes to the front end with an answer of its own."""
    settings.ACCOUNT_ADAPTER = "tests.allauth.test_delivery.NaiveAdapter"

    response = come_back(front_end, consent(front_end))

    assert response["Location"] == HOME
    with pytest.raises(AssertionError):
        front_end.assert_signed_in(response, PERSON["email"])


def test_answer_of_the_provider_serves_only_who_asked(front_end):
    victim = FrontEnd()

    come_back(victim, consent(front_end))

    assert victim.me() is None


def test_by_token(visitor, provider):
    response = offer_token(visitor, provider)

    assert response.status_code == 200
    visitor.assert_signed_in(response, PERSON["email"])
    assert len(visitor.sessions()) == 1


def test_by_token_over_another_users_session_to_a_second_factor(app, provider, user, secret, recovery_codes):
    """allauth signs the app out first. What it waits for then is found by the token of the way."""
    app.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    app.call("POST", "auth/2fa/authenticate", {"code": totp(secret)})
    app.call("POST", "auth/reauthenticate", {"password": PASSWORD})
    assert offer_token(app, provider, "connect").status_code == 200
    other = App()
    make_account("bob", email="bob@example.com")
    EmailAddress.objects.create(
        user=get_user_model().objects.get(email="bob@example.com"), email="bob@example.com", verified=True, primary=True
    )
    other.call("POST", "auth/login", {"email": "bob@example.com", "password": PASSWORD})
    before = other.clone()

    assert offer_token(other, provider).status_code == 401

    assert before.me() is None
    other.pair = {}
    response = other.call("POST", "auth/2fa/authenticate", {"code": recovery_codes[0]})
    other.assert_signed_in(response, EMAIL)


def test_token_that_another_key_signed(visitor, provider):
    other = Provider()
    try:
        other.address = provider.address
        assert offer_token(visitor, other).status_code == 400
    finally:
        other.address = other.configuration["issuer"]
        other.close()

    visitor.assert_signed_out()


def test_provider_that_cannot_vouch_for_the_address(visitor, provider, monkeypatch):
    monkeypatch.setitem(PERSON, "email_verified", False)
    assert offer_token(visitor, provider).status_code == 401
    assert visitor.me() is None

    response = visitor.call("POST", "auth/email/verify", {"key": last_mail().code})

    visitor.assert_signed_in(response, PERSON["email"])


def test_stranger_by_a_provider_where_sign_up_is_closed(visitor, provider, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "SIGN_UP_ENABLED": False}

    assert offer_token(visitor, provider).status_code == 403

    visitor.assert_signed_out()
    assert not get_user_model().objects.exists()


def test_connecting_by_redirect(front_end, user):
    front_end.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    prove(front_end)

    response = come_back(front_end, consent(front_end, "connect"))

    assert (response.status_code, response["Location"]) == (302, HOME)
    assert connected(front_end) == [PERSON["sub"]]
    assert len(front_end.sessions()) == 1
    assert get_user_model().objects.count() == 1
    other = FrontEnd()
    other.assert_signed_in(come_back(other, consent(other)), EMAIL)


def test_connecting_needs_a_fresh_proof(front_end, user):
    front_end.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})

    response = come_back(front_end, consent(front_end, "connect"))

    assert "error=reauthentication_required" in response["Location"]
    assert connected(front_end) == []


def test_connecting_by_token(signed_in, provider):
    assert offer_token(signed_in, provider, "connect").status_code == 401
    prove(signed_in)

    assert offer_token(signed_in, provider, "connect").status_code == 200

    assert connected(signed_in) == [PERSON["sub"]]
    assert len(signed_in.sessions()) == 1


def test_disconnecting(signed_in, provider):
    prove(signed_in)
    offer_token(signed_in, provider, "connect")

    body = {"provider": "idp", "account": PERSON["sub"]}
    assert signed_in.call("DELETE", "account/providers", body).status_code == 200

    assert connected(signed_in) == []


def test_sign_in_over_another_users_session_ends_that(front_end, user):
    front_end.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    prove(front_end)
    before = front_end.clone()

    response = come_back(front_end, consent(front_end))

    front_end.assert_signed_in(response, PERSON["email"])
    assert before.me() is None
    assert front_end.methods() == ["socialaccount"]


@pytest.mark.parametrize(("headless_only", "cookies"), [(True, OURS), (False, {*OURS, "messages"})])
def test_messages_are_for_projects_with_pages(front_end, settings, headless_only, cookies):
    settings.HEADLESS_ONLY = headless_only

    come_back(front_end, consent(front_end))

    assert set(front_end.jar) == cookies
