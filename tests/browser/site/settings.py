"""A project with nothing but what the app needs. ``SITE_SETTINGS`` is JSON, laid over what stands here."""

import json
import os
from datetime import date

SECRET_KEY = "for the browser tests only, and long enough for HS256"
DEBUG = False
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.browser.site.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "fastauth_django",
    "tests.testapp",
]
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["SITE_DATABASE"],
        "OPTIONS": {"timeout": 20},
    }
}
AUTH_USER_MODEL = os.environ.get("TEST_USER_MODEL", "testapp.EmailUser")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "static/"
CORS_ALLOW_CREDENTIALS = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["fastauth_django.authentication.CookieJWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
globals().update(json.loads(os.environ.get("SITE_SETTINGS", "{}")))
FASTAUTH = {"TOKEN_DELIVERY": "cookie", **globals().get("FASTAUTH", {})}
for former in FASTAUTH.get("COOKIE_FORMER", []):
    if "read_until" in former:  # JSON has no dates
        former["read_until"] = date.fromisoformat(former["read_until"])
