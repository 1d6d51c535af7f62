"""Signing in."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import ImproperlyConfigured
from rest_framework import serializers

from fastauth_django.models import AuthSession
from fastauth_django.serializers import LoginSerializer
from fastauth_django.signals import session_revoked
from tests.clients import ACCESS, REFRESH, Browser
from tests.factories import sign_up_data
from tests.reading import (
    access_claims,
    holds_token,
    is_alive,
    listening,
    refresh_claims,
    revoked_reason,
    session_of,
    sets_cookies,
    touches_no_cookie,
)

pytestmark = pytest.mark.django_db

IDENTIFIER = get_user_model().USERNAME_FIELD
DAY = 24 * 60 * 60


def test_sign_in_answers_200_with_two_cookies_and_no_token_in_the_body(browser, account):
    response = browser.sign_in(account)

    body = response.json()
    assert response.status_code == 200
    assert body.pop("user")[IDENTIFIER] == account.user.get_username()
    assert body == {"message": "Authentication successful", "expires_in": 900, "refresh_expires_in": 2_592_000}
    assert set(response.cookies) == {ACCESS, REFRESH}
    assert not holds_token(response)


def test_cookies_are_as_the_reference_has_them(browser, account):
    response = browser.sign_in(account)

    lines = {name: morsel.OutputString().partition("; ")[2].split("; ") for name, morsel in response.cookies.items()}
    assert {name: sorted(attributes) for name, attributes in lines.items()} == {
        ACCESS: ["HttpOnly", "Max-Age=900", "Path=/", "SameSite=lax", "Secure"],
        REFRESH: ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=lax", "Secure"],
    }


def test_cookies_are_not_secure_in_debug(browser, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "DEBUG": True}

    assert all("Secure" not in morsel.OutputString() for morsel in browser.sign_in(account).cookies.values())


def test_sign_in_in_json_delivery_answers_with_the_pair_and_sets_no_cookie(native_app, account, settings):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "json"}

    response = native_app.sign_in(account)

    body = response.json()
    assert response.status_code == 200
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in", "user"}
    assert (body["token_type"], body["expires_in"], body["refresh_expires_in"]) == ("bearer", 900, 2_592_000)
    assert touches_no_cookie(response)
    assert native_app.get("/private").status_code == 200


def test_json_delivery_is_the_default(native_app, account, settings):
    del settings.FASTAUTH

    assert "access_token" in native_app.sign_in(account).json()


def test_one_project_serves_browsers_and_native_apps_side_by_side(browser, native_app, account):
    assert sets_cookies(browser.sign_in(account))

    response = native_app.post("/app/login", account.credentials, format="json")

    assert "refresh_token" in response.json()
    assert touches_no_cookie(response)


@pytest.mark.parametrize("path", ["/auth/login", "/app/login"])
def test_answer_is_not_to_be_stored(browser, account, path):
    assert browser.post(path, account.credentials, format="json")["Cache-Control"] == "no-store"


@pytest.mark.parametrize("credentials", ["wrong password", "unknown identifier"])
def test_wrong_credentials_are_a_401_that_does_not_say_which_part_is_wrong(browser, account, credentials):
    key, value = {"wrong password": ("password", "wrong"), "unknown identifier": (IDENTIFIER, "nobody@example.com")}[
        credentials
    ]

    response = browser.post("/auth/login", {**account.credentials, key: value}, format="json")

    assert response.status_code == 401
    assert response.json() == {"detail": "The credentials are wrong.", "code": "invalid_credentials"}
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert response["Cache-Control"] == "no-store"
    assert touches_no_cookie(response)
    assert AuthSession.objects.count() == 0


def test_inactive_user_is_not_let_in(browser, account):
    account.user.is_active = False
    account.user.save()

    response = browser.sign_in(account)

    assert response.status_code == 401
    assert response.json()["code"] == "invalid_credentials"


def test_inactive_user_whom_the_backend_knows_is_told_so(browser, account, settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    account.user.is_active = False
    account.user.save()

    response = browser.sign_in(account)

    assert response.status_code == 401
    assert response.json()["code"] == "user_inactive"
    assert response["WWW-Authenticate"] == 'Bearer realm="api"', "no token was sent that could be invalid"
    assert AuthSession.objects.count() == 0


def test_sign_in_takes_a_form(browser, account):
    assert browser.post("/auth/login", account.credentials, format="multipart").status_code == 200


def test_spelling_that_signed_up_signs_in(browser, db):
    """Django's managers store another spelling than the one that was typed."""
    identifier = get_user_model().USERNAME_FIELD
    data = sign_up_data() | {identifier: "ada@EXAMPLE.com" if identifier == "email" else "\uff41da"}
    assert browser.post("/auth/register", data, format="json").status_code == 201
    assert Browser().post("/auth/login", data, format="json").status_code == 200


def test_sign_in_costs_three_queries(browser, account, django_assert_num_queries):
    with django_assert_num_queries(3):
        browser.sign_in(account)


def test_sign_in_records_when_it_was(clock, browser, account):
    browser.sign_in(account)

    account.user.refresh_from_db()
    session = AuthSession.objects.get()
    assert account.user.last_login.isoformat() == "2026-06-01T12:00:00+00:00"
    assert session.created_at == session.rotated_at == account.user.last_login


# --- Remember me ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("remember", "days"), [(True, 90), (False, 30)])
def test_remember_me_makes_the_session_last_longer(clock, browser, account, remember, days):
    response = browser.sign_in(account, remember=remember)

    session = AuthSession.objects.get()
    assert session.remember is remember
    assert session.expires_at - session.created_at == timedelta(days=days)
    assert response.cookies[REFRESH]["max-age"] == days * DAY
    assert response.cookies[ACCESS]["max-age"] == 900


# --- The session the browser carried --------------------------------------------------------------------------------


def test_signing_in_over_a_session_ends_it(signed_in, other_account):
    before = session_of(signed_in)

    signed_in.sign_in(other_account)

    assert revoked_reason(before) == "replaced"
    assert signed_in.get("/private").json() == {"user": other_account.user.get_username()}


def test_signing_in_again_as_oneself_leaves_one_session(signed_in, account):
    signed_in.sign_in(account)

    assert AuthSession.objects.live().count() == 1


def test_sign_in_that_fails_leaves_the_session_of_before(signed_in, account):
    signed_in.post("/auth/login", {**account.credentials, "password": "wrong"}, format="json")

    assert is_alive(session_of(signed_in))


@pytest.mark.parametrize("kept", [ACCESS, REFRESH])
def test_either_cookie_carries_the_session_of_before(signed_in, account, kept):
    before = session_of(signed_in)
    signed_in.set_cookie(REFRESH if kept == ACCESS else ACCESS, "")

    signed_in.sign_in(account)

    assert revoked_reason(before) == "replaced"


@pytest.mark.parametrize("kept", [ACCESS, REFRESH])
def test_expired_cookie_carries_the_session_of_before_too(clock, browser, account, kept, settings):
    browser.sign_in(account, remember=True)
    before = session_of(browser)
    browser.set_cookie(REFRESH if kept == ACCESS else ACCESS, "")
    clock.shift(timedelta(days=91))

    assert browser.sign_in(account).status_code == 200

    assert revoked_reason(before) == "replaced"


def test_session_of_before_is_announced_as_replaced(signed_in, account):
    before = session_of(signed_in)

    with listening(session_revoked, user_logged_in) as heard:
        signed_in.sign_in(account)

    assert [signal for signal, _arguments in heard] == [session_revoked, user_logged_in]
    assert heard[0][1]["session"] == before
    assert heard[0][1]["reason"] == "replaced"


def test_signing_in_ends_no_session_of_another_browser(signed_in, browser, account):
    before = session_of(signed_in)
    other = type(browser)()

    other.sign_in(account)

    assert is_alive(before)


def test_json_delivery_ignores_the_cookies_of_a_request(signed_in, account):
    before = session_of(signed_in)

    response = signed_in.post("/app/login", account.credentials, format="json")

    assert response.status_code == 200
    assert touches_no_cookie(response)
    assert is_alive(before)


def test_cookie_of_a_session_that_is_gone_does_not_stop_a_sign_in(signed_in, account):
    AuthSession.objects.all().delete()

    assert signed_in.sign_in(account).status_code == 200


def test_cookie_of_a_deleted_user_does_not_stop_a_sign_in(signed_in, account, other_account):
    account.user.delete()

    assert signed_in.sign_in(other_account).status_code == 200


def test_expired_session_does_not_stop_a_sign_in(clock, signed_in, account):
    clock.shift(timedelta(days=365))

    assert signed_in.sign_in(account).status_code == 200
    assert signed_in.get("/private").status_code == 200


# --- Signals and serializers ----------------------------------------------------------------------------------------


def test_user_logged_in_is_sent_with_djangos_request(browser, account):
    with listening(user_logged_in) as heard:
        browser.sign_in(account)

    ((_signal, arguments),) = heard
    assert arguments["user"] == account.user
    assert arguments["sender"] is get_user_model()
    assert arguments["request"].META["PATH_INFO"] == "/auth/login"
    assert not hasattr(arguments["request"], "_request"), "receivers set attributes on Django's own request"


def test_user_login_failed_is_sent_with_the_request_and_without_the_password(browser, account):
    with listening(user_login_failed) as heard:
        browser.post("/auth/login", {**account.credentials, "password": "wrong one"}, format="json")

    ((_signal, arguments),) = heard
    assert arguments["credentials"][IDENTIFIER] == account.credentials[IDENTIFIER]
    assert "wrong one" not in str(arguments["credentials"])
    assert arguments["request"].path == "/auth/login"


class CodeSerializer(serializers.Serializer):
    """A project's own sign-in: a code instead of a password."""

    code = serializers.CharField()

    def validate(self, attrs):
        return {"user": get_user_model()._default_manager.get_by_natural_key(attrs["code"])}


def test_serializer_of_the_project_is_used(browser, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_SERIALIZER": f"{__name__}.CodeSerializer"}

    response = browser.post("/auth/login", {"code": account.user.get_username()}, format="json")

    assert response.status_code == 200
    assert browser.get("/private").status_code == 200


class AliasSerializer(LoginSerializer):
    """A project's own: people may type something else than their identifier."""

    def find_identifier(self, typed):
        return typed.removeprefix("alias-")


def test_limit_counts_what_was_typed_so_that_it_does_not_tell_whose_it_is(clock, browser, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_SERIALIZER": f"{__name__}.AliasSerializer"}
    identifier, password = account.credentials[IDENTIFIER], account.credentials["password"]

    def sign_in(name, password):
        return browser.post("/auth/login", {IDENTIFIER: name, "password": password}, format="json").status_code

    assert sign_in(f"alias-{identifier}", password) == 200
    assert [sign_in(f"alias-{identifier}", "wrong") for _attempt in range(6)] == [401] * 5 + [429]
    assert sign_in(identifier, "wrong") == 401
    assert sign_in(identifier, password) == 401  # The account has its own limit, which nobody is told of.


class ForgetfulSerializer(serializers.Serializer):
    """A project's own sign-in that does not say who signed in."""


def test_serializer_that_names_no_user_is_a_mistake_of_the_project(browser, db, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_SERIALIZER": f"{__name__}.ForgetfulSerializer"}

    with pytest.raises(ImproperlyConfigured, match="LOGIN_SERIALIZER"):
        browser.post("/auth/login", {}, format="json")


# --- Tokens ---------------------------------------------------------------------------------------------------------


def test_both_tokens_name_the_session_and_end_with_their_cookies(clock, browser, account):
    browser.sign_in(account)

    session = AuthSession.objects.get()
    now = int(session.created_at.timestamp())
    access, refresh = access_claims(browser.cookie(ACCESS)), refresh_claims(browser.cookie(REFRESH))
    assert access["sid"] == refresh["sid"] == session.pk.hex
    assert access["exp"] == now + 900
    assert refresh["exp"] == now + 30 * DAY
