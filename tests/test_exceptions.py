"""Refusals: the status and the code that clients rely on."""

import pytest
from rest_framework.exceptions import APIException, AuthenticationFailed, ValidationError

from fastauth_django import exceptions
from fastauth_django.exceptions import code_of

REFUSALS = {
    "InvalidCredentials": (401, "invalid_credentials"),
    "RefreshTokenRequired": (401, "refresh_token_required"),
    "TokenInvalid": (401, "token_invalid"),
    "TokenExpired": (401, "token_expired"),
    "SessionRevoked": (401, "session_revoked"),
    "SessionReplaced": (401, "session_revoked"),
    "SessionBehind": (401, "session_revoked"),
    "RefreshTokenReused": (401, "refresh_token_reused"),
    "UserInactive": (401, "user_inactive"),
    "PasswordChanged": (401, "password_changed"),
    "DeviceProofRequired": (401, "device_proof_required"),
    "DeviceProofInvalid": (401, "device_proof_invalid"),
    "DeviceBindingRequired": (401, "device_binding_required"),
    "DeviceChallenge": (403, "device_challenge"),
    "DeviceAlreadyBound": (409, "device_already_bound"),
    "CsrfFailed": (403, "csrf_failed"),
    "SignUpDisabled": (403, "sign_up_disabled"),
    "UserExists": (409, "user_exists"),
    "TryAgain": (503, "try_again"),
}


def make(name: str) -> APIException:
    refusal = getattr(exceptions, name)
    carries_session = name in {"RefreshTokenReused", "SessionBehind", "DeviceChallenge", "DeviceProofRequired"}
    return refusal(session=None) if carries_session else refusal()


@pytest.mark.parametrize(("name", "expected"), REFUSALS.items(), ids=REFUSALS)
def test_refusal_has_its_status_code_and_a_sentence(name, expected):
    refusal = make(name)

    assert (refusal.status_code, refusal.detail["code"]) == expected
    assert code_of(refusal) == expected[1]
    assert str(refusal.detail["detail"]).endswith(".")


def test_every_refusal_is_in_the_table():
    declared = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and issubclass(value, APIException) and value.__module__ == exceptions.__name__
    }

    assert declared == set(REFUSALS)


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (AuthenticationFailed(), "authentication_failed"),
        (AuthenticationFailed("Banned.", code="banned"), "banned"),
        (AuthenticationFailed({"detail": "Banned."}), "authentication_failed"),
        (ValidationError(["Wrong."]), "invalid"),
    ],
    ids=["REST framework's own", "with a code", "a dict without a code", "a list"],
)
def test_refusals_that_are_not_ours_have_a_code_too(refusal, code):
    assert code_of(refusal) == code
