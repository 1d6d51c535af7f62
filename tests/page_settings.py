"""Settings of a project that has pages of Django's kind beside its API."""

from tests.settings import *  # noqa: F403
from tests.settings import MIDDLEWARE

ROOT_URLCONF = "tests.page_urls"
LOGIN_URL = "/django/login"
MIDDLEWARE = [*MIDDLEWARE, "fastauth_django.middleware.AuthCookieMiddleware"]
