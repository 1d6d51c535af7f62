"""Test clients that are signed in without a request: what a project's own tests start from."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.signals import user_logged_in
from django.test import AsyncClient, Client
from rest_framework.test import APIClient

from fastauth_django.models import AuthSession
from fastauth_django.test import aforce_sign_in, force_sign_in
from tests.clients import ACCESS, REFRESH, Browser
from tests.reading import listening, revoked_reason, session_of

pytestmark = pytest.mark.django_db

CLIENTS = [Client, APIClient, AsyncClient]
DELIVERIES = ["cookie", "json"]


def ask(client, path, method="get", **options):
    call = getattr(client, method)
    return async_to_sync(call)(path, **options) if isinstance(client, AsyncClient) else call(path, **options)


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.__name__)
def client(request):
    return request.param()


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_client_is_signed_in_without_a_password(client, account, delivery):
    account.user.set_unusable_password()
    account.user.save()

    force_sign_in(client, account.user, token_delivery=delivery)

    assert ask(client, "/private").json() == {"user": account.user.get_username()}


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_asynchronous_test_signs_in_too(account, delivery):
    async def use():
        client = AsyncClient()
        pair = await aforce_sign_in(client, account.user, remember=True, token_delivery=delivery)
        return pair, await client.get("/private")

    pair, response = async_to_sync(use)()

    assert response.json() == {"user": account.user.get_username()}
    assert pair.refresh_max_age == 90 * 24 * 60 * 60


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_it_follows_the_setting(client, account, settings, delivery):
    settings.FASTAUTH = {"TOKEN_DELIVERY": delivery}

    force_sign_in(client, account.user)

    assert bool(client.cookies) is (delivery == "cookie")
    assert ask(client, "/private").status_code == 200


def test_cookies_are_those_that_sign_in_sets(browser, account, settings):
    settings.FASTAUTH = {
        "TOKEN_DELIVERY": "cookie",
        "COOKIE_SAMESITE": "none",
        "COOKIE_PATH_REFRESH": "/auth/",
        "COOKIE_FORMER": [{"name": "jwt"}, {"name": "access_token", "path": "/old"}],
    }
    browser.sign_in(account)
    client = Client()

    force_sign_in(client, account.user)

    def shown(cookies):
        return {name: {**morsel, "expires": ""} for name, morsel in cookies.items() if morsel.value}

    assert shown(client.cookies) == shown(browser.cookies)
    assert set(client.cookies) == {ACCESS, REFRESH}


def test_session_can_be_refreshed_and_signed_out(account):
    client = Browser()
    force_sign_in(client, account.user)

    assert client.post("/auth/refresh").status_code == 200
    assert client.post("/auth/logout").status_code == 200
    assert client.get("/private").status_code == 401


def test_in_json_delivery_the_refresh_token_is_returned(client, account):
    pair = force_sign_in(client, account.user, token_delivery="json")

    body = {"refresh_token": pair.refresh}
    response = ask(client, "/app/refresh", "post", data=body, content_type="application/json")

    assert response.status_code == 200


def test_pages_of_django_know_the_user(account, settings):
    settings.ROOT_URLCONF = "tests.page_urls"
    settings.MIDDLEWARE = ["fastauth_django.middleware.AuthCookieMiddleware"]
    client = Client()

    force_sign_in(client, account.user)

    assert client.get("/whoami").content.decode() == account.user.get_username()


@pytest.mark.parametrize(("remember", "days"), [(False, 30), (True, 90)])
def test_it_remembers_on_demand(client, account, remember, days):
    pair = force_sign_in(client, account.user, remember=remember)

    assert pair.refresh_max_age == days * 24 * 60 * 60


def test_second_user_on_the_same_client_replaces_the_first(account, other_account):
    client = Browser()
    force_sign_in(client, account.user)
    before = session_of(client)

    force_sign_in(client, other_account.user)

    assert client.get("/private").json() == {"user": other_account.user.get_username()}
    assert revoked_reason(before) == "replaced"


def test_other_clients_stay_signed_in(account):
    first, second = Client(), Client()

    force_sign_in(first, account.user)
    force_sign_in(second, account.user)

    assert AuthSession.objects.live().count() == 2
    assert [client.get("/private").status_code for client in (first, second)] == [200, 200]


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_logout_of_rest_frameworks_client_forgets_it(account, delivery):
    client = APIClient()
    force_sign_in(client, account.user, token_delivery=delivery)

    client.logout()

    assert client.get("/private").status_code == 401


def test_signing_in_is_announced(client, account):
    with listening(user_logged_in) as heard:
        force_sign_in(client, account.user)

    assert [arguments["user"] for _signal, arguments in heard] == [account.user]


def test_session_is_no_stronger_than_a_real_one(client, account):
    account.user.is_active = False
    account.user.save()

    force_sign_in(client, account.user)

    assert ask(client, "/private").status_code == 401
