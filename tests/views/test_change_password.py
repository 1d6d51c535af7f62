"""Changing the password, through the route and past it."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.signals import user_login_failed

from fastauth_django.cookies import CookieTooLarge
from fastauth_django.models import AuthSession
from fastauth_django.signals import session_revoked
from tests.clients import REFRESH, Browser
from tests.factories import PASSWORD
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

NEW_PASSWORD = "another horse battery 8"
DAY = 24 * 60 * 60


def change(client, current=PASSWORD, new=NEW_PASSWORD, **extra):
    body = {"current_password": current, "new_password": new}
    return client.post("/auth/account/change-password", body, format="json", **extra)


def test_new_password_counts_and_the_old_one_does_not(signed_in, account):
    assert change(signed_in).status_code == 200

    account.user.refresh_from_db()
    assert account.user.check_password(NEW_PASSWORD)
    assert Browser().sign_in(account).status_code == 401


def test_caller_goes_on_with_a_new_session(signed_in, account):
    before = session_of(signed_in)

    response = change(signed_in)

    body = response.json()
    assert body.pop("user")[get_user_model().USERNAME_FIELD] == account.user.get_username()
    assert body == {"message": "Authentication successful", "expires_in": 900, "refresh_expires_in": 2_592_000}
    assert sets_cookies(response)
    assert not holds_token(response)
    assert response["Cache-Control"] == "no-store"
    assert session_of(signed_in) != before
    assert signed_in.get("/private").status_code == 200
    assert signed_in.post("/auth/refresh").status_code == 200


def test_every_session_of_before_ends(signed_in, account):
    phone, thief = Browser(), signed_in.clone()
    phone.sign_in(account)

    change(signed_in)

    for browser in (phone, thief):
        assert browser.get("/private").status_code == 401
        assert browser.post("/auth/refresh").json()["code"] == "session_revoked"
    assert AuthSession.objects.filter(revoked_reason="password_changed").count() == 2
    assert AuthSession.objects.live().count() == 1


def test_sessions_of_other_users_go_on(signed_in, other_account):
    other = Browser()
    other.sign_in(other_account)

    change(signed_in)

    assert other.get("/private").status_code == 200


def test_ends_are_announced(signed_in):
    with listening(session_revoked) as heard:
        change(signed_in)

    assert [arguments["reason"] for _signal, arguments in heard] == ["password_changed"]


@pytest.mark.parametrize(("remember", "days"), [(True, 90), (False, 30)])
def test_remember_me_carries_over(browser, account, remember, days):
    browser.sign_in(account, remember=remember)

    response = change(browser)

    assert response.cookies[REFRESH]["max-age"] == days * DAY
    assert session_of(browser).remember is remember


def test_remember_me_of_another_device_does_not_carry_over(signed_in, account):
    Browser().sign_in(account, remember=True)

    assert change(signed_in).cookies[REFRESH]["max-age"] == 30 * DAY


# --- The credential's transport decides -----------------------------------------------------------------------------


def test_bearer_caller_gets_the_pair_in_the_body(native_app, account, settings):
    settings.FASTAUTH = {}
    native_app.sign_in(account)

    response = change(native_app)

    tokens = {"access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in"}
    assert set(response.json()) == {*tokens, "user"}
    assert response["Cache-Control"] == "no-store"
    assert touches_no_cookie(response)
    native_app.access = response.json()["access_token"]
    assert native_app.get("/private").status_code == 200


def test_bearer_caller_of_a_cookie_project_gets_the_pair_in_the_body(native_app, account):
    pair = native_app.post("/app/login", account.credentials, format="json").json()
    native_app.access = pair["access_token"]

    response = change(native_app)

    assert "refresh_token" in response.json()
    assert touches_no_cookie(response)


def test_cookie_caller_of_a_json_project_gets_cookies(signed_in, settings):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "json"}

    response = change(signed_in)

    assert sets_cookies(response)
    assert not holds_token(response)


# --- Refused --------------------------------------------------------------------------------------------------------


def test_wrong_current_password_is_a_400_and_changes_nothing(signed_in, account):
    response = change(signed_in, current="wrong")

    assert response.status_code == 400
    assert response.json() == {"current_password": ["The current password is wrong."]}
    assert touches_no_cookie(response)
    assert signed_in.get("/private").status_code == 200
    assert Browser().sign_in(account).status_code == 200


def test_wrong_current_password_counts_as_a_failed_sign_in(signed_in, account):
    with listening(user_login_failed) as heard:
        for _try in range(5):
            assert change(signed_in, current="wrong").status_code == 400

    assert len(heard) == 5
    response = change(signed_in)
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert Browser().sign_in(account).status_code == 429
    assert signed_in.get("/private").status_code == 200


def test_new_password_is_validated_with_the_user_at_hand(signed_in, account, settings):
    settings.AUTH_PASSWORD_VALIDATORS = [
        {
            "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
            "OPTIONS": {"user_attributes": [get_user_model().USERNAME_FIELD]},
        }
    ]

    response = change(signed_in, new=account.user.get_username())

    assert response.status_code == 400
    assert "too similar" in response.json()["new_password"][0]
    assert is_alive(session_of(signed_in))


def test_nobody_changes_a_password_without_being_signed_in(browser, account):
    assert change(browser).status_code == 401


def test_forged_change_is_refused(signed_in):
    response = change(signed_in, HTTP_ORIGIN="https://evil.example")

    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")


def test_password_stays_as_it_was_when_the_new_pair_cannot_be_sent(signed_in, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": lambda user, claims: {**claims, "x": "x" * 5000}}

    with pytest.raises(CookieTooLarge):
        change(signed_in)

    account.user.refresh_from_db()
    assert account.user.check_password(PASSWORD)
    assert is_alive(session_of(signed_in))


def test_somebody_else_with_the_same_name_and_password_is_not_the_one_who_asks(signed_in, other_account, monkeypatch):
    """A backend may find another account: by e-mail, or in another case."""
    monkeypatch.setattr("fastauth_django.serializers.verify_credentials", lambda *args: other_account.user)

    response = change(signed_in)

    assert (response.status_code, list(response.json())) == (400, ["current_password"])
    assert is_alive(session_of(signed_in))


# --- A project's own form, and every other way ----------------------------------------------------------------------


def test_password_form_of_the_project_keeps_its_user_signed_in(browser, account):
    browser.sign_in(account, remember=True)
    before, phone = session_of(browser), Browser()
    phone.sign_in(account)

    response = browser.post("/password-form", {"for": account.user.get_username(), "password": NEW_PASSWORD})

    assert sets_cookies(response)
    assert response["Cache-Control"] == "no-store"
    assert browser.get("/private").status_code == 200
    assert session_of(browser).remember is True
    assert revoked_reason(before) == "password_changed"
    assert phone.get("/private").status_code == 401


def save(user):
    user.set_password(NEW_PASSWORD)
    user.save()


def update(user):
    get_user_model()._default_manager.filter(pk=user.pk).update(password=make_password(NEW_PASSWORD))


def make_unusable(user):
    user.set_unusable_password()
    user.save()


@pytest.mark.parametrize("change_past_the_route", [save, update, make_unusable], ids=lambda each: each.__name__)
class TestPasswordChangedByAnyCodePath:
    def test_ends_the_session_at_its_next_request(self, signed_in, account, change_past_the_route):
        change_past_the_route(account.user)

        response = signed_in.get("/auth/me")

        assert (response.status_code, response.json()["code"]) == (401, "password_changed")

    def test_ends_the_session_at_its_next_refresh(self, signed_in, account, change_past_the_route):
        change_past_the_route(account.user)

        response = signed_in.post("/auth/refresh")

        assert (response.status_code, response.json()["code"]) == (401, "password_changed")
        assert clears_cookies(response)

    def test_is_not_undone_by_the_grace(self, clock, browser, account, change_past_the_route):
        browser.sign_in(account)
        tab = browser.clone()
        browser.post("/auth/refresh")
        clock.shift(timedelta(seconds=1))
        change_past_the_route(account.user)

        assert tab.post("/auth/refresh").json()["code"] == "password_changed"
