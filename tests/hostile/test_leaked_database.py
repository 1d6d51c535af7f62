"""Somebody reads the whole database. There is nothing in it to sign in with."""

import pytest
from django.apps import apps

from tests.clients import ACCESS, REFRESH, Browser, NativeApp
from tests.factories import PASSWORD
from tests.hostile.forging import HEADER, claims_of, hmac_signed
from tests.reading import session_of


@pytest.fixture
def thief(signed_in, native_app, other_account) -> list[str]:
    """Every value of every table, after two people have signed in, one has refreshed and one has signed out."""
    native_app._keep(native_app.post("/app/login", other_account.credentials, format="json"))
    assert signed_in.post("/auth/refresh").status_code == 200
    rows = [row for model in apps.get_models() for row in model._base_manager.values_list()]
    values = {str(value) for row in rows for value in row}
    assert str(session_of(signed_in).pk) in values
    return sorted(values)


def test_no_token_and_no_password_is_in_it(thief, signed_in, native_app):
    secrets = [signed_in.cookie(ACCESS), signed_in.cookie(REFRESH), native_app.access, native_app.refresh_token]
    parts = [part for token in secrets for part in token.split(".")[1:]]

    assert [value for value in thief if any(secret in value for secret in [*parts, PASSWORD])] == []


def test_nothing_in_it_is_good_for_a_token(thief):
    for value in (value for value in thief if len(value) >= 32):
        assert Browser().get("/public", HTTP_AUTHORIZATION=f"Bearer {value}").status_code == 401
        cookies = {"HTTP_COOKIE": f"{ACCESS}={value}; {REFRESH}={value}"}
        assert Browser().get("/public", **cookies).json() == {"user": None}
        assert Browser().post("/auth/refresh", **cookies).status_code == 401


def test_nothing_in_it_is_the_key_that_signs(thief, signed_in):
    claims = claims_of(signed_in.cookie(ACCESS))

    for value in (value for value in thief if len(value) >= 32):
        app = NativeApp()
        app.access = hmac_signed(HEADER, claims, value)
        assert app.get("/private").status_code == 401
