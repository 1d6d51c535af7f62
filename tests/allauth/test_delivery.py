"""How a sign-in of allauth's reaches the client, whatever answer leaves."""

import logging
from unittest import mock
from uuid import UUID

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.adapter import DefaultHeadlessAdapter
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import AsyncClient, Client

from fastauth_django import sign_in
from fastauth_django.contrib.allauth import AccountAdapter, TokenStrategy, state_of
from fastauth_django.models import AuthSession
from tests.allauth.clients import OURS, OWN_PAGE
from tests.allauth.conftest import EMAIL
from tests.allauth.test_flows import answer_password, sign_in_with_recovery_code, sign_in_with_totp, totp
from tests.devices import REGISTRATION
from tests.factories import PASSWORD

CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
HERE = "tests.allauth.test_delivery"


def use_adapter(settings, adapter):
    settings.ACCOUNT_ADAPTER = f"{HERE}.{adapter.__name__}"


# --- The negative control ------------------------------------------------------------------------------------------


class NaiveAdapter(DefaultAccountAdapter):
    """What comes to mind first: put the cookies onto the answer that allauth makes at the sign-in."""

    def login(self, request, user):
        request.session.flush()
        request.user = user

    def post_login(self, request, user, **kwargs):
        response = super().post_login(request, user, **kwargs)
        sign_in(request, response, user)
        return response


def test_naive_adapter_passes_where_the_answer_is_kept(front_end, user, settings):
    use_adapter(settings, NaiveAdapter)

    front_end.call("POST", "auth/login", CREDENTIALS)

    assert front_end.me() == EMAIL


@pytest.mark.parametrize("flow", [sign_in_with_totp, sign_in_with_recovery_code])
def test_naive_adapter_fails_where_a_view_drops_it(front_end, secret, recovery_codes, settings, flow):
    use_adapter(settings, NaiveAdapter)

    with pytest.raises(AssertionError):
        flow(front_end, secret if flow is sign_in_with_totp else recovery_codes[0])


# --- Answers that fail ---------------------------------------------------------------------------------------------


class Failing(AccountAdapter):
    """Breaks when somebody has been signed in."""

    def post_login(self, request, user, **kwargs):
        raise RuntimeError("after the sign-in")


class Speechless(DefaultHeadlessAdapter):
    """Answers those who are signed in with what is no place for tokens."""

    def populate_response_meta(self, request, meta):
        if request.user.is_authenticated:
            raise ImmediateHttpResponse(HttpResponse("welcome"))


def post_password(visitor):
    url = f"/_allauth/{visitor.kind}/v1/auth/login"
    return visitor.http.post(url, CREDENTIALS, content_type="application/json", headers=visitor.headers())


def test_failure_after_the_sign_in_leaves_no_session(visitor, user, settings, caplog):
    caplog.set_level(logging.CRITICAL, "django.request")
    use_adapter(settings, Failing)

    response = post_password(visitor)

    assert response.status_code == 500
    assert not response.cookies.keys() & OURS
    assert b"eyJ" not in response.content
    assert AuthSession.objects.count() == 1
    assert not AuthSession.objects.live().exists()
    assert visitor.me() is None


def test_answer_that_cannot_carry_the_pair_leaves_no_session(app, user, settings):
    settings.HEADLESS_ADAPTER = f"{HERE}.Speechless"

    response = post_password(app)

    assert response.content == b"welcome"
    assert AuthSession.objects.count() == 1
    assert not AuthSession.objects.live().exists()


def test_any_answer_carries_cookies(front_end, user, settings):
    settings.HEADLESS_ADAPTER = f"{HERE}.Speechless"

    response = front_end.call("POST", "auth/login", CREDENTIALS)

    assert response.content == b"welcome"
    assert front_end.me() == EMAIL


def test_state_that_cannot_be_stored_leaves_no_session(visitor, user, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL, "django.request")
    monkeypatch.setattr(type(state_of(UUID(int=0))), "save", mock.Mock(side_effect=OSError("the disk is full")))

    assert post_password(visitor).status_code == 500

    assert AuthSession.objects.count() == 1
    assert not AuthSession.objects.live().exists()


def test_refused_change_after_a_failure_keeps_no_state(front_end, user, settings, caplog):
    """As Django's own session, which is not saved after a failure."""
    caplog.set_level(logging.CRITICAL, "django.request")
    front_end.call("POST", "auth/login", CREDENTIALS)
    settings.HEADLESS_ADAPTER = f"{HERE}.Breaking"

    assert front_end.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status_code == 500

    del settings.HEADLESS_ADAPTER
    assert front_end.methods() == ["password"]


class Breaking(DefaultHeadlessAdapter):
    def populate_response_meta(self, request, meta):
        raise RuntimeError("after the view has done its work")


# --- Around allauth's own views ------------------------------------------------------------------------------------


def test_view_of_the_projects_own_signs_in_with_allauths_function(user):
    browser = Client()

    response = browser.post("/invitation")

    assert (response.status_code, response["Location"]) == (302, "/page")
    assert set(browser.cookies) == OURS
    assert browser.get("/page").json() == {"email": EMAIL}


def test_view_of_the_projects_own_signs_in_whom_it_likes_but_nobody_who_is_banned(user):
    browser = Client()
    assert browser.post("/guest").status_code == 200
    assert browser.get("/page").json() == {"email": EMAIL}
    user.is_active = False
    user.save()

    assert Client().post("/guest").status_code == 403

    assert AuthSession.objects.count() == 1


def test_view_that_the_project_has_derived(visitor, user):
    response = visitor.send("POST", f"/_allauth/own/{visitor.kind}/login", CREDENTIALS)

    visitor.assert_signed_in(response, EMAIL)


def test_sign_out_in_the_request_that_signed_in(user):
    browser = Client()

    browser.post("/short-visit")

    assert not {name for name, morsel in browser.cookies.items() if morsel.value}
    assert AuthSession.objects.get().revoked_reason == "signed_out"


def test_urls_that_a_middleware_chooses(visitor, user, settings):
    settings.ROOT_URLCONF = "tests.page_urls"
    settings.MIDDLEWARE = ["tests.allauth.views.tenant_urls", *settings.MIDDLEWARE]

    visitor.assert_signed_in(visitor.call("POST", "auth/login", CREDENTIALS), EMAIL)


def test_under_strict_only_pages_are_opened_once_more(front_end, settings):
    """An answer of the API that is a page would be none."""
    settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_SAMESITE": "strict"}

    response = front_end.http.get("/_allauth/browser/v1/auth/session", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 401
    assert response.json()["meta"] == {"is_authenticated": False}


def test_without_the_middleware_nobody_signs_in_rather_than_in_vain(user, settings):
    settings.MIDDLEWARE = settings.MIDDLEWARE[:-1]

    with pytest.raises(ImproperlyConfigured, match="Without AllauthMiddleware"):
        Client().post("/invitation")

    assert not AuthSession.objects.exists()


def test_asynchronous_stack(user, secret):
    browser = AsyncClient(enforce_csrf_checks=True)

    def call(path, body):
        url = f"/_allauth/browser/v1/{path}"
        return async_to_sync(browser.post)(url, body, content_type="application/json", headers=OWN_PAGE)

    assert call("auth/login", CREDENTIALS).status_code == 401
    assert call("auth/2fa/authenticate", {"code": totp(secret)}).status_code == 401
    assert call("auth/2fa/trust", {"trust": False}).status_code == 200

    assert {name for name, morsel in browser.cookies.items() if morsel.value} == OURS
    assert async_to_sync(browser.get)("/page").json() == {"email": EMAIL}
    assert async_to_sync(browser.get)("/nowhere").status_code == 404


def test_answers_to_nobody_in_particular_are_left_alone(front_end):
    response = front_end.http.get("/page")

    assert response.json() == {"email": None}
    assert not response.cookies
    assert "Cache-Control" not in response.headers


# --- With the rest of our settings ---------------------------------------------------------------------------------


def test_sign_in_offers_to_bind_the_session_to_the_device(front_end, secret, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "DEVICE_BINDING": "optional"}
    answer_password(front_end)
    front_end.call("POST", "auth/2fa/authenticate", {"code": totp(secret)})

    response = front_end.call("POST", "auth/2fa/trust", {"trust": False})

    assert REGISTRATION.fullmatch(response.headers["Secure-Session-Registration"])
    front_end.assert_signed_in(response, EMAIL)


def test_clients_decide_about_the_delivery_and_not_the_setting(visitor, user, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_DELIVERY": "json"}

    visitor.assert_signed_in(visitor.call("POST", "auth/login", CREDENTIALS), EMAIL)


@pytest.mark.parametrize("samesite", ["lax", "strict"])
def test_cookies_are_as_the_settings_say(front_end, user, settings, samesite):
    settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_SAMESITE": samesite}

    response = front_end.call("POST", "auth/login", CREDENTIALS)

    for name in OURS:
        assert (response.cookies[name]["samesite"], response.cookies[name]["httponly"]) == (samesite, True)


def refuse(user):
    return False


@pytest.mark.parametrize("why", ["not active", "the project's rule"])
def test_whom_simplejwt_refuses_allauth_refuses_before_it_asks_for_more(visitor, user, secret, settings, why):
    if why == "not active":
        user.is_active = False
        user.save()
    else:
        settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": f"{HERE}.refuse"}

    response = visitor.call("POST", "auth/login", CREDENTIALS)

    assert response.status_code in {400, 401}
    assert b"mfa_authenticate" not in response.content
    assert visitor.me() is None
    assert not AuthSession.objects.exists()


@pytest.mark.parametrize(
    "body",
    [rb'{"email": "ada@example.com", "password": "\ud800"}', b"[" * 100_000, b'{"code": %s}' % (b"1" * 5000)],
    ids=["half a character", "too deep", "too many digits"],
)
def test_json_that_allauth_does_not_foresee_is_the_clients_fault(visitor, user, body):
    url = f"/_allauth/{visitor.kind}/v1/auth/login"

    response = visitor.http.post(url, body, content_type="application/json", headers=visitor.headers())

    assert response.status_code == 400


def test_behind_proxies_each_visitor_has_limits_of_their_own(user, settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}

    def sign_in(address, password):
        headers = {**OWN_PAGE, "X-Forwarded-For": address}
        url = "/_allauth/browser/v1/auth/login"
        body = {"email": f"{password}@example.com", "password": password} if password != PASSWORD else CREDENTIALS
        return Client().post(url, body, content_type="application/json", headers=headers).status_code

    guesses = [sign_in("203.0.113.9", f"guess{number}") for number in range(31)]

    assert guesses[-1] == 429
    assert sign_in("203.0.113.9", PASSWORD) == 429
    assert sign_in("198.51.100.7", PASSWORD) == 200


def test_openapi_document_names_the_access_token():
    spec = TokenStrategy.openapi_spec()

    assert spec["securitySchemes"]["AccessToken"] == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert {"AccessToken": []} in spec["security"]


def test_our_routes_without_those_that_take_a_password(front_end):
    routes = ["login", "register", "account/change-password"]

    assert [front_end.send("POST", f"/auth/{route}").status_code for route in routes] == [404] * 3
    assert front_end.send("POST", "/auth/refresh").status_code == 401


def test_second_visitor_of_one_browser_gets_nothing_of_the_first(front_end, user):
    """A browser that is signed in has to sign out first; who does not is told."""
    front_end.call("POST", "auth/login", CREDENTIALS)

    assert front_end.call("POST", "auth/login", CREDENTIALS).status_code == 409

    assert len(front_end.sessions()) == 1


def test_session_of_djangos_goes_on_beside(front_end, user):
    """Of somebody who has signed in on a page of the admin's: allauth's views know them, and ours do not."""
    front_end.http.force_login(user)
    assert front_end.call("GET", "auth/session").status_code == 200
    body = {"current_password": PASSWORD, "new_password": "battery correct horse 7"}

    assert front_end.call("POST", "account/password/change", body).status_code == 200

    assert set(front_end.jar) == {"sessionid"}
    assert front_end.http.get("/page").json() == {"email": EMAIL}
    assert front_end.me() is None
    assert front_end.call("DELETE", "auth/session").status_code == 401
    assert not front_end.jar
