"""These tests need allauth in INSTALLED_APPS, so they run in processes of their own: tests/contrib/test_allauth.py."""

import pytest
from django.apps import apps

from tests.allauth.clients import SISTER, App, FrontEnd, SisterFrontEnd
from tests.factories import PASSWORD, make_account

if not apps.is_installed("allauth"):
    collect_ignore_glob = ["test_*.py"]

EMAIL = "ada@example.com"


@pytest.fixture(params=[FrontEnd, SisterFrontEnd, App])
def visitor(request, settings, db):
    """A front end, with lax cookies on the API's own origin or strict ones on another, or an app."""
    if request.param is SisterFrontEnd:
        settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_SAMESITE": "strict", "CORS_ORIGINS": [SISTER]}
    return request.param()


@pytest.fixture
def front_end(db):
    return FrontEnd()


@pytest.fixture
def app(db):
    return App()


@pytest.fixture
def user(db):
    """Ada, with a password and an address that is verified."""
    from allauth.account.models import EmailAddress  # Not at the top: pytest reads this file in other processes too.

    user = make_account("ada", email=EMAIL).user
    EmailAddress.objects.create(user=user, email=EMAIL, verified=True, primary=True)
    return user


@pytest.fixture
def signed_in(visitor, user):
    """Ada's client, signed in with a password."""
    response = visitor.call("POST", "auth/login", {"email": EMAIL, "password": PASSWORD})
    visitor.assert_signed_in(response, EMAIL)
    return visitor


@pytest.fixture
def secret(user):
    """The secret of Ada's second factor. Her recovery codes come with it."""
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


@pytest.fixture
def recovery_codes(secret, user):
    from allauth.mfa.models import Authenticator

    return Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()
