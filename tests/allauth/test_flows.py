"""Every way of allauth's to sign in ends in one session of ours, for a front end and for an app."""

import pytest
from django.contrib.auth import get_user_model

from fastauth_django.models import AuthSession
from tests.allauth.clients import FrontEnd, last_mail, totp
from tests.allauth.conftest import EMAIL
from tests.factories import PASSWORD, make_account

NEW_PASSWORD = "battery correct horse 7"


def test_password(visitor, user):
    response = visitor.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})

    assert response.status_code == 200
    visitor.assert_signed_in(response, EMAIL)
    assert len(visitor.sessions()) == 1
    assert visitor.methods() == ["password"]


def test_wrong_password(visitor, user):
    assert visitor.call("POST", "auth/login", {"email": EMAIL, "password": "wrong"}).status_code == 400

    visitor.assert_signed_out()


def test_sign_up_with_a_code_by_mail(visitor):
    response = visitor.call("POST", "auth/signup", {"email": "new@example.com", "password": PASSWORD})
    assert response.status_code == 401
    assert visitor.me() is None

    response = visitor.call("POST", "auth/email/verify", {"key": last_mail().code})

    assert response.status_code == 200
    visitor.assert_signed_in(response, "new@example.com")
    assert len(visitor.sessions()) == 1


def test_sign_up_where_it_is_closed(visitor, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "SIGN_UP_ENABLED": False}

    response = visitor.call("POST", "auth/signup", {"email": "new@example.com", "password": PASSWORD})

    assert response.status_code == 403
    assert not get_user_model().objects.exists()


def test_code_by_mail(visitor, user):
    assert visitor.call("POST", "auth/code/request", {"email": EMAIL}).status_code == 401

    response = visitor.call("POST", "auth/code/confirm", {"code": last_mail().code})

    assert response.status_code == 200
    visitor.assert_signed_in(response, EMAIL)
    assert visitor.methods() == ["code"]


def test_account_of_before_is_asked_for_one_more_code_once(visitor):
    """allauth has no row of its address yet."""
    make_account("ada", email=EMAIL)
    visitor.call("POST", "auth/code/request", {"email": EMAIL})
    assert visitor.call("POST", "auth/code/confirm", {"code": last_mail().code}).status_code == 401
    assert visitor.me() is None

    response = visitor.call("POST", "auth/email/verify", {"key": last_mail().code})

    visitor.assert_signed_in(response, EMAIL)
    again = type(visitor)()
    again.call("POST", "auth/code/request", {"email": EMAIL})
    again.assert_signed_in(again.call("POST", "auth/code/confirm", {"code": last_mail().code}), EMAIL)


# --- Reset of the password -----------------------------------------------------------------------------------------


def test_reset_by_code_ends_every_session(visitor, user, front_end):
    front_end.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    thief = front_end.clone()

    visitor.call("POST", "auth/password/request", {"email": EMAIL})
    response = visitor.call("POST", "auth/password/reset", {"key": last_mail().code, "password": NEW_PASSWORD})

    assert response.status_code == 401  # Signed in with the new password, and not before.
    assert visitor.me() is None
    assert thief.me() is None
    assert AuthSession.objects.live().count() == 0
    response = visitor.call("POST", "auth/login", {"email": EMAIL, "password": NEW_PASSWORD})
    visitor.assert_signed_in(response, EMAIL)


def test_reset_by_code_may_sign_in_too(visitor, user, settings):
    settings.ACCOUNT_LOGIN_ON_PASSWORD_RESET = True

    visitor.call("POST", "auth/password/request", {"email": EMAIL})
    response = visitor.call("POST", "auth/password/reset", {"key": last_mail().code, "password": NEW_PASSWORD})

    assert response.status_code == 200
    visitor.assert_signed_in(response, EMAIL)
    assert visitor.methods() == ["password_reset"]


def test_reset_by_link(visitor, user, settings):
    settings.ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = False
    settings.ACCOUNT_LOGIN_ON_PASSWORD_RESET = True

    assert visitor.call("POST", "auth/password/request", {"email": EMAIL}).status_code == 200
    response = visitor.call("POST", "auth/password/reset", {"key": last_mail().key, "password": NEW_PASSWORD})

    assert response.status_code == 200
    visitor.assert_signed_in(response, EMAIL)


def test_reset_while_signed_in_begins_anew(signed_in, settings):
    settings.ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
    copy = signed_in.clone()

    signed_in.call("POST", "auth/password/request", {"email": EMAIL})
    response = signed_in.call("POST", "auth/password/reset", {"key": last_mail().code, "password": NEW_PASSWORD})

    assert response.status_code == 200
    signed_in.assert_signed_in(response, EMAIL)
    assert copy.me() is None
    assert len(signed_in.sessions()) == 1


# --- A second factor -----------------------------------------------------------------------------------------------


def answer_password(visitor):
    response = visitor.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    assert response.status_code == 401
    assert [flow["id"] for flow in response.json()["data"]["flows"] if flow.get("is_pending")] == ["mfa_authenticate"]
    assert visitor.me() is None


def sign_in_with_totp(visitor, secret):
    answer_password(visitor)
    response = visitor.call("POST", "auth/2fa/authenticate", {"code": totp(secret)})
    if visitor.kind == "browser":  # Which browser this is, only a cookie can tell, so no app is asked.
        assert response.status_code == 401
        response = visitor.call("POST", "auth/2fa/trust", {"trust": False})
    assert response.status_code == 200
    visitor.assert_signed_in(response, EMAIL)


def sign_in_with_recovery_code(visitor, code):
    answer_password(visitor)
    response = visitor.call("POST", "auth/2fa/authenticate", {"code": code})
    if visitor.kind == "browser":
        response = visitor.call("POST", "auth/2fa/trust", {"trust": False})
    assert response.status_code == 200
    visitor.assert_signed_in(response, EMAIL)


def test_code_of_an_authenticator_app_as_second_factor(visitor, secret):
    sign_in_with_totp(visitor, secret)

    assert len(visitor.sessions()) == 1
    assert visitor.methods() == ["password", "mfa"]


def test_recovery_code_as_second_factor(visitor, recovery_codes):
    sign_in_with_recovery_code(visitor, recovery_codes[0])

    again = type(visitor)()
    answer_password(again)
    assert again.call("POST", "auth/2fa/authenticate", {"code": recovery_codes[0]}).status_code == 400


def test_second_factor_without_the_first(visitor, secret):
    assert visitor.call("POST", "auth/2fa/authenticate", {"code": totp(secret)}).status_code == 401

    visitor.assert_signed_out()


@pytest.mark.parametrize("stops_at", ["the code", "the last question"])
def test_new_password_ends_a_sign_in_that_waits(front_end, secret, stops_at):
    """Or who has the old one could stop at the last step, and go on when its owner has ended every session."""
    answer_password(front_end)
    code = totp(secret)
    if stops_at == "the last question":
        front_end.call("POST", "auth/2fa/authenticate", {"code": code})
    owner = FrontEnd()
    owner.call("POST", "auth/password/request", {"email": EMAIL})
    owner.call("POST", "auth/password/reset", {"key": last_mail().code, "password": NEW_PASSWORD})

    if stops_at == "the code":
        front_end.call("POST", "auth/2fa/authenticate", {"code": code})
    response = front_end.call("POST", "auth/2fa/trust", {"trust": True})

    assert response.status_code == 401
    assert "mfa_trusted" not in front_end.jar
    assert not AuthSession.objects.live().exists()


def test_ban_ends_a_sign_in_that_waits(app, user, secret):
    answer_password(app)
    user.is_active = False
    user.save()

    response = app.call("POST", "auth/2fa/authenticate", {"code": totp(secret)})

    assert response.status_code == 401
    assert not app.pair
    assert not AuthSession.objects.exists()


def test_trusted_browser_is_not_asked_again(front_end, secret):
    answer_password(front_end)
    front_end.call("POST", "auth/2fa/authenticate", {"code": totp(secret)})
    response = front_end.call("POST", "auth/2fa/trust", {"trust": True})
    assert response.status_code == 200
    assert set(front_end.jar) == {"access_token", "refresh_token", "mfa_trusted"}
    front_end.call("DELETE", "auth/session")

    response = front_end.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})

    assert response.status_code == 200
    assert front_end.me() == EMAIL


def test_setting_up_an_authenticator_app(signed_in):
    """The secret waits in the session's state between two requests, and is nobody else's."""
    other = type(signed_in)()
    other.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    secret = signed_in.call("GET", "account/authenticators/totp").json()["meta"]["secret"]
    assert signed_in.call("POST", "account/authenticators/totp", {"code": totp(secret)}).status_code == 401
    assert signed_in.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status_code == 200
    other.call("POST", "auth/reauthenticate", {"password": PASSWORD})
    assert other.call("POST", "account/authenticators/totp", {"code": totp(secret)}).status_code == 400

    response = signed_in.call("POST", "account/authenticators/totp", {"code": totp(secret)})

    assert response.status_code == 200
    codes = signed_in.call("GET", "account/authenticators/recovery-codes").json()["data"]["unused_codes"]
    assert len(codes) == 10
    sign_in_with_totp(type(signed_in)(), secret)


# --- Once more, who are you? ---------------------------------------------------------------------------------------


def may_change_addresses(visitor):
    status = visitor.call("POST", "account/email", {"email": "new@example.com"}).status_code
    assert status in {200, 401}
    return status == 200


def test_sign_in_is_no_fresh_proof(signed_in):
    assert not may_change_addresses(signed_in)


def test_proof_by_password(signed_in):
    assert signed_in.call("POST", "auth/reauthenticate", {"password": "wrong"}).status_code == 400
    assert not may_change_addresses(signed_in)

    assert signed_in.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status_code == 200

    assert may_change_addresses(signed_in)


def test_proof_by_code_in_a_mail(signed_in):
    assert signed_in.call("POST", "auth/reauthenticate/code/request", {"email": EMAIL}).status_code == 200

    response = signed_in.call("POST", "auth/reauthenticate/code/confirm", {"code": last_mail().code})

    assert response.status_code == 200
    assert may_change_addresses(signed_in)


def test_proof_by_authenticator_app(visitor, secret, recovery_codes):
    sign_in_with_recovery_code(visitor, recovery_codes[0])

    assert visitor.call("POST", "auth/2fa/reauthenticate", {"code": totp(secret)}).status_code == 200

    assert may_change_addresses(visitor)


def test_proof_is_the_sessions_own(signed_in):
    other = type(signed_in)()
    other.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    signed_in.call("POST", "auth/reauthenticate", {"password": PASSWORD})

    assert not may_change_addresses(other)
    assert may_change_addresses(signed_in)


def test_proof_outlives_a_refresh(signed_in):
    signed_in.call("POST", "auth/reauthenticate", {"password": PASSWORD})

    signed_in.refresh()

    assert may_change_addresses(signed_in)


def test_change_of_mail_address(signed_in):
    signed_in.call("POST", "auth/reauthenticate", {"password": PASSWORD})
    assert may_change_addresses(signed_in)
    assert last_mail().to == "new@example.com"

    assert signed_in.call("POST", "auth/email/verify", {"key": last_mail().code}).status_code == 200

    response = signed_in.call("PATCH", "account/email", {"email": "new@example.com", "primary": True})
    assert response.status_code == 200
    assert signed_in.me() == "new@example.com"
    assert len(signed_in.sessions()) == 1


# --- A new password ------------------------------------------------------------------------------------------------


def test_password_change_ends_the_others_and_renews_the_callers_session(signed_in):
    other = type(signed_in)()
    other.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    thief = signed_in.clone()
    signed_in.call("POST", "auth/reauthenticate", {"password": PASSWORD})

    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    response = signed_in.call("POST", "account/password/change", body)

    assert response.status_code == 200
    signed_in.assert_signed_in(response, EMAIL)
    assert other.me() is None
    assert thief.me() is None
    assert AuthSession.objects.live().count() == 1
    assert may_change_addresses(signed_in)  # What the old session had proved goes on with the new one.


def test_password_change_may_sign_out_instead(signed_in, settings):
    settings.ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True

    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    response = signed_in.call("POST", "account/password/change", body)

    assert response.status_code == 401
    signed_in.assert_signed_out()
    assert AuthSession.objects.live().count() == 0


def test_first_password(visitor, user):
    user.set_unusable_password()
    user.save()
    visitor.call("POST", "auth/code/request", {"email": EMAIL})
    visitor.call("POST", "auth/code/confirm", {"code": last_mail().code})
    thief = visitor.clone()
    assert visitor.call("POST", "account/password/change", {"new_password": NEW_PASSWORD}).status_code == 401
    visitor.call("POST", "auth/reauthenticate/code/request", {"email": EMAIL})
    visitor.call("POST", "auth/reauthenticate/code/confirm", {"code": last_mail().code})

    response = visitor.call("POST", "account/password/change", {"new_password": NEW_PASSWORD})

    assert response.status_code == 200
    visitor.assert_signed_in(response, EMAIL)
    assert thief.me() is None


# --- Signing out ---------------------------------------------------------------------------------------------------


def is_worth_nothing(copy):
    return copy.me() is None and copy.call("GET", "auth/session").status_code in {401, 410}


def test_our_sign_out(signed_in):
    copy = signed_in.clone()

    assert signed_in.send("POST", signed_in.sign_out_at).status_code == 200

    signed_in.assert_signed_out()
    assert is_worth_nothing(copy)


def test_allauths_sign_out(signed_in):
    copy = signed_in.clone()

    assert signed_in.call("DELETE", "auth/session").status_code == 401

    signed_in.assert_signed_out()
    assert is_worth_nothing(copy)
    assert AuthSession.objects.get().revoked_reason == "signed_out"


def test_signing_out_everywhere(signed_in):
    other = type(signed_in)()
    other.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})

    assert signed_in.send("DELETE", "/auth/sessions/all").status_code == 200

    signed_in.assert_signed_out()
    assert is_worth_nothing(other)


def test_sign_out_on_the_way_to_a_sign_in(visitor, secret):
    answer_password(visitor)
    copy = visitor.clone()

    assert visitor.call("DELETE", "auth/session").status_code == 401

    assert copy.call("POST", "auth/2fa/authenticate", {"code": totp(secret)}).status_code in {401, 410}
    visitor.assert_signed_out()
