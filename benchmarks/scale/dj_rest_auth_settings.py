"""The same project with dj-rest-auth in the place of fastauth_django.

Tokens in HttpOnly cookies, rotated, the old ones on the blacklist. Its checks for CSRF stay off, as by its default:
they would cost it time.
"""

from datetime import timedelta

from .settings import *  # noqa: F403

INSTALLED_APPS = [name for name in INSTALLED_APPS if name != "fastauth_django"]  # noqa: F405
INSTALLED_APPS += ["dj_rest_auth", "rest_framework_simplejwt.token_blacklist"]
ROOT_URLCONF = "benchmarks.scale.dj_rest_auth_urls"
REST_FRAMEWORK = {
    **REST_FRAMEWORK,  # noqa: F405
    "DEFAULT_AUTHENTICATION_CLASSES": ["dj_rest_auth.jwt_auth.JWTCookieAuthentication"],
}
REST_AUTH = {
    "USE_JWT": True,
    "JWT_AUTH_COOKIE": "access_token",
    "JWT_AUTH_REFRESH_COOKIE": "refresh_token",
    "JWT_AUTH_HTTPONLY": True,
    "JWT_AUTH_SECURE": True,
    "SESSION_LOGIN": False,
    "TOKEN_MODEL": None,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,
}
