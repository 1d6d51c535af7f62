"""Settings of a project that is type-checked."""

from datetime import timedelta

from fastauth_django.conf import FastAuthSettings

SECRET_KEY = "for the tests only, and long enough for HS256"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "fastauth_django"]
MIDDLEWARE = ["typed_project.code.Middleware"]
ROOT_URLCONF = "fastauth_django.urls"

FASTAUTH: FastAuthSettings = {
    "TOKEN_DELIVERY": "cookie",
    "COOKIE_SAMESITE": "Strict",
    "ACCESS_TOKEN_TTL": timedelta(minutes=5),
    "REFRESH_TOKEN_TTL": 86_400,
    "CORS_ORIGINS": ["https://app.example.com"],
    "COOKIE_FORMER": [{"name": "jwt", "path": "/api"}],
    "TOKEN_CLAIMS": "typed_project.code.claims",
}
