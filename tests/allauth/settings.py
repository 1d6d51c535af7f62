"""The test project with django-allauth as docs/integrations/allauth.md has it, for a front end and for an app."""

from tests.integration.provider import CLIENT_ID, SECRET
from tests.settings import *  # noqa: F403
from tests.settings import AUTH_USER_MODEL, INSTALLED_APPS, MIDDLEWARE

ROOT_URLCONF = "tests.allauth.urls"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [
    *MIDDLEWARE,
    "fastauth_django.middleware.AuthCookieMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "fastauth_django.contrib.allauth.AllauthMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
# The tables of the models as they are: quicker than migrations.
MIGRATION_MODULES = {path.rpartition(".")[2]: None for path in INSTALLED_APPS}

ACCOUNT_ADAPTER = "fastauth_django.contrib.allauth.AccountAdapter"
HEADLESS_TOKEN_STRATEGY = "fastauth_django.contrib.allauth.TokenStrategy"
HEADLESS_ONLY = True
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": "https://app.example.com/verify/{key}",
    "account_reset_password": "https://app.example.com/reset",
    "account_reset_password_from_key": "https://app.example.com/reset/{key}",
    "account_signup": "https://app.example.com/sign-up",
    "socialaccount_login_error": "https://app.example.com/error",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username" if AUTH_USER_MODEL == "auth.User" else None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "code", "mfa"]
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TRUST_ENABLED = True
MFA_PASSKEY_LOGIN_ENABLED = True
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {"APPS": [{"provider_id": "idp", "name": "Example", "client_id": CLIENT_ID, "secret": SECRET}]}
}
