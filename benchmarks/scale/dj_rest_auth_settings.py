"""The same project with dj-rest-auth in the place of fastauth_django.

Tokens in HttpOnly cookies, rotated, the old ones on the blacklist. Its checks for CSRF stay off, as by its default:
they would cost it time.
"""

from datetime import timedelta

from benchmarks.packages import DjRestAuth

from .settings import *  # noqa: F403

INSTALLED_APPS = [name for name in INSTALLED_APPS if name != "fastauth_django"]  # noqa: F405
INSTALLED_APPS += DjRestAuth.apps
ROOT_URLCONF = "benchmarks.scale.dj_rest_auth_urls"
REST_FRAMEWORK = {
    **REST_FRAMEWORK,  # noqa: F405
    "DEFAULT_AUTHENTICATION_CLASSES": [DjRestAuth.authentication],
}
REST_AUTH = {**DjRestAuth.settings["REST_AUTH"], "JWT_AUTH_SECURE": True}
SIMPLE_JWT = {
    **DjRestAuth.settings["SIMPLE_JWT"],
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "CHECK_REVOKE_TOKEN": True,
}
