"""The example's settings. Everything a deployment varies comes from the environment; README.md has the list.

What a project needs for fastauth_django is marked with its name.
"""

import os
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from . import env

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.flag("DEBUG", default=True)

SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("Set SECRET_KEY: with DEBUG off there is no default. At least 32 random bytes.")
    SECRET_KEY = "for-the-demo-on-this-machine-only-and-never-anywhere-else"  # noqa: S105

ALLOWED_HOSTS = env.items(os.environ.get("ALLOWED_HOSTS", ""))
CSRF_TRUSTED_ORIGINS = env.items(os.environ.get("CSRF_TRUSTED_ORIGINS", ""))

# For CSRF_PROTECTION=token, where the page and the API have different hosts.
CSRF_COOKIE_DOMAIN = os.environ.get("CSRF_COOKIE_DOMAIN") or None

INSTALLED_APPS = [
    "accounts",
    "notes",
    "fastauth_django",
    "rest_framework",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",  # before anything that answers by itself
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ShowSetCookie",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# CONN_MAX_AGE keeps connections for so many seconds; each is tried before it is used again, since the database may have
# been restarted.
DATABASES = {
    "default": dj_database_url.config(
        default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}",
        conn_max_age=int(os.environ.get("CONN_MAX_AGE", "0")),
        conn_health_checks=True,
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# fastauth_django: failed sign-ins are counted in the cache. Where several processes serve, they have to share it.
if redis_url := os.environ.get("REDIS_URL"):
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_url,
            "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        }
    }

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# WhiteNoise serves the files of every app as they are, with DEBUG on or off and under any server: no collectstatic.
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

# fastauth_django: views are protected unless they say otherwise, and a cookie or a bearer token opens them.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["fastauth_django.authentication.CookieJWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
if num_proxies := os.environ.get("NUM_PROXIES"):
    REST_FRAMEWORK["NUM_PROXIES"] = int(num_proxies)

# The OpenAPI document, and a page that shows it. Its scripts come from the package drf-spectacular-sidecar, from here.
SPECTACULAR_SETTINGS = {
    "TITLE": "Notes",
    "DESCRIPTION": "An example of fastauth_django.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,  # or generated clients ask for read-only fields in what they send
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# fastauth_django: cookies here; its own default is "json". Anyone may sign up. In production the cookies have names
# that no other host can set, which needs HTTPS. A real project writes the dict down.
HOST_NAMES = {"COOKIE_NAME_ACCESS": "__Host-access_token", "COOKIE_NAME_REFRESH": "__Host-refresh_token"}
FASTAUTH = {"TOKEN_DELIVERY": "cookie", "SIGN_UP_ENABLED": True, **({} if DEBUG else HOST_NAMES), **env.fastauth()}

# A front end on an origin in CORS_ORIGINS may send its cookies, and may read what the page at / shows.
CORS_ALLOW_CREDENTIALS = True
CORS_EXPOSE_HEADERS = ["Retry-After", "X-Demo-Expires-In", "X-Demo-Renewed-At", "X-Demo-Set-Cookie"]

# The page may call an API on another origin: API_ORIGIN=https://api.example.test. Empty is this one.
API_ORIGIN = os.environ.get("API_ORIGIN", "").rstrip("/")

# Behind a proxy that ends TLS: SECURE_PROXY_SSL_HEADER=HTTP_X_FORWARDED_PROTO,https. Only if it removes that header
# from what clients send, or anyone could claim https.
if proxy_header := os.environ.get("SECURE_PROXY_SSL_HEADER"):
    SECURE_PROXY_SSL_HEADER = tuple(env.items(proxy_header))

if not DEBUG:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

# django-allauth beside the app's own routes: FASTAUTH_ALLAUTH=1. Its second factor is not there, because the page at /
# signs in with our own `login`, which knows none. Mails are printed where the server runs.
if env.flag("FASTAUTH_ALLAUTH", default=False):
    INSTALLED_APPS += ["allauth", "allauth.account", "allauth.headless"]
    MIDDLEWARE += [
        "fastauth_django.middleware.AuthCookieMiddleware",
        "allauth.account.middleware.AccountMiddleware",
        "fastauth_django.contrib.allauth.AllauthMiddleware",
    ]
    AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "allauth.account.auth_backends.AuthenticationBackend",
    ]
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    ACCOUNT_ADAPTER = "fastauth_django.contrib.allauth.AccountAdapter"
    ACCOUNT_USER_MODEL_USERNAME_FIELD = None
    ACCOUNT_LOGIN_METHODS = {"email"}
    ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
    ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
    HEADLESS_ONLY = HEADLESS_SERVE_SPECIFICATION = True
    HEADLESS_TOKEN_STRATEGY = "fastauth_django.contrib.allauth.TokenStrategy"  # noqa: S105
    HEADLESS_FRONTEND_URLS = dict.fromkeys(["account_signup", "account_reset_password"], "/")
