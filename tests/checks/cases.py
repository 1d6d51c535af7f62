"""Every mistake that the checks know, each beside the nearest configuration that is right."""

import re
import sys
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from unittest import mock

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.auth import views as auth_views
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import UserManager
from django.core import mail
from django.urls import include, path, re_path
from django.views.decorators.cache import never_cache
from jwt import algorithms
from rest_framework.authentication import SessionAuthentication
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.settings import DEFAULTS
from rest_framework_simplejwt.views import TokenVerifyView

from fastauth_django import views
from fastauth_django.authentication import CookieJWTAuthentication
from fastauth_django.checks import domains
from fastauth_django.device_views import DeviceBindView, DeviceRefreshView
from tests.checks import project
from tests.checks.running import PRODUCTION, Case, fastauth, json_fastauth, without

HERE = "tests.checks.project"
CORS = "corsheaders.middleware.CorsMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
FETCH_FROM_CACHE = "django.middleware.cache.FetchFromCacheMiddleware"
COOKIE_CLASS = "fastauth_django.authentication.CookieJWTAuthentication"
STATELESS_CLASS = "fastauth_django.authentication.CookieJWTStatelessUserAuthentication"
SESSION_CLASS = "rest_framework.authentication.SessionAuthentication"
BASIC_CLASS = "rest_framework.authentication.BasicAuthentication"
SIMPLEJWT_CLASS = "rest_framework_simplejwt.authentication.JWTAuthentication"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
AUTH_COOKIE = "fastauth_django.middleware.AuthCookieMiddleware"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
APP = "https://app.example.com"
EXTENSION = "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc"
KEY = "k" * 32


def key_pair():
    private = ec.generate_private_key(ec.SECP256R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode(), public.decode()


PRIVATE, PUBLIC = key_pair()
OTHER_PRIVATE, _OTHER_PUBLIC = key_pair()
ES256 = {"ALGORITHM": "ES256", "SIGNING_KEY": PRIVATE, "VERIFYING_KEY": PUBLIC}


def made_by(create_user):
    """The user model's manager makes accounts with ``create_user``."""
    return mock.patch.object(type(get_user_model()._default_manager), "create_user", create_user)


def found_by(find):
    """The user model's manager finds accounts with ``find``."""
    return mock.patch.object(type(get_user_model()._default_manager), "get_by_natural_key", find)


def without_field(name):
    """``email = None`` in a user model."""
    fields = [field for field in get_user_model()._meta.get_fields() if field.name != name]
    return mock.patch.object(get_user_model()._meta, "get_fields", return_value=fields)


@contextmanager
def without_address():
    """Django's manager with it."""
    with made_by(UserManager.create_user), without_field("email"):
        yield


def backend(path):
    return {"AUTHENTICATION_BACKENDS": [path]}


def asgi(name):
    """A site whose ``ASGI_APPLICATION`` is the one of this name in :mod:`tests.checks.sockets`."""
    return {"ASGI_APPLICATION": f"tests.checks.sockets.{name}"}


def needing_more():
    """A field of the user model loses its default."""
    return mock.patch.object(get_user_model()._meta.get_field("is_active"), "_get_default", return_value=None)


def in_production():
    """Outside a test run, which Django marks with an outbox."""
    return without(mail, "outbox")


def simple_jwt(**keys):
    return {"SIMPLE_JWT": keys}


def classes(*paths):
    return {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": list(paths), "NUM_PROXIES": 0}}


def urls(*patterns):
    return {"ROOT_URLCONF": patterns}


def middleware(*paths):
    return {"MIDDLEWARE": list(paths)}


def hosts(*names):
    return {"ALLOWED_HOSTS": list(names)}


def trusted(origin):
    return {"CSRF_TRUSTED_ORIGINS": [origin]}


def without_app(name):
    return {"INSTALLED_APPS": [app for app in settings.INSTALLED_APPS if app != name]}


def cache(backend):
    return {"CACHES": {"default": {"BACKEND": backend}}}


TYPES = [
    Case("E001", "FASTAUTH is a list", {"FASTAUTH": ["cookie"]}, {"FASTAUTH": {"TOKEN_DELIVERY": "cookie"}}),
    Case("E001", "FASTAUTH is None", {"FASTAUTH": None}, {"FASTAUTH": {}}),
    Case("E002", "a typo", fastauth(COOKIE_SAMSITE="lax"), fastauth(COOKIE_SAMESITE="lax")),
    Case("E002", "FastAuth's own spelling", fastauth(cookie_name_access="a"), fastauth(COOKIE_NAME_ACCESS="a")),
    Case("E002", "a key that is no string", {"FASTAUTH": {"TOKEN_DELIVERY": "cookie", 1: 2}}, fastauth()),
    Case("E003", "a flag as text", fastauth(COOKIE_SECURE="yes"), fastauth(COOKIE_SECURE=True)),
    Case("E003", "one origin instead of a list", fastauth(CORS_ORIGINS=APP), fastauth(CORS_ORIGINS=[APP])),
    Case("E003", "a wrong DEBUG, told once", fastauth(DEBUG="no"), fastauth(DEBUG=False)),
    Case("E004", "a choice that is none", fastauth(COOKIE_SAMESITE="loose"), fastauth(COOKIE_SAMESITE="LAX")),
    Case("E004", "a grace over a minute", fastauth(REFRESH_GRACE=61), fastauth(REFRESH_GRACE=60)),
    Case("E004", "a negative grace", fastauth(REFRESH_GRACE=-1), fastauth(REFRESH_GRACE=0)),
    Case("E004", "no failure allowed", fastauth(LOGIN_FAILURE_LIMIT=0), fastauth(LOGIN_FAILURE_LIMIT=1)),
    Case(
        "E004",
        "a path to nothing",
        fastauth(TOKEN_CLAIMS=f"{HERE}.missing"),
        fastauth(TOKEN_CLAIMS=f"{HERE}.claims"),
    ),
    Case(
        "E004",
        "a path to a module that raises",
        fastauth(TOKEN_CLAIMS="tests.checks.raises_at_import.claims"),
        fastauth(TOKEN_CLAIMS=project.claims),
    ),
    Case("E014", "SIMPLE_JWT is text", {"SIMPLE_JWT": "HS256"}, {"SIMPLE_JWT": {}}),
    Case("E014", "REST_FRAMEWORK is a list", {"REST_FRAMEWORK": [COOKIE_CLASS]}, classes(COOKIE_CLASS)),
    Case(
        "E014",
        "one class instead of a list",
        {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": COOKIE_CLASS}},
        classes(COOKIE_CLASS),
    ),
    Case(
        "E014",
        "NUM_PROXIES as text",
        {"REST_FRAMEWORK": {**classes(COOKIE_CLASS)["REST_FRAMEWORK"], "NUM_PROXIES": "1"}},
        {"REST_FRAMEWORK": {**classes(COOKIE_CLASS)["REST_FRAMEWORK"], "NUM_PROXIES": 1}},
    ),
    Case(
        "E014",
        "a negative NUM_PROXIES",
        {"REST_FRAMEWORK": {**classes(COOKIE_CLASS)["REST_FRAMEWORK"], "NUM_PROXIES": -1}},
        {"REST_FRAMEWORK": {**classes(COOKIE_CLASS)["REST_FRAMEWORK"], "NUM_PROXIES": 0}},
    ),
    Case("E014", "one host instead of a list", {"ALLOWED_HOSTS": "api.example.com"}, hosts("api.example.com")),
    Case(
        "E014",
        "a host that is a number",
        hosts(1),
        {**hosts(None, "api.example.com"), **fastauth(COOKIE_DOMAIN="example.com")},
    ),
    Case("E014", "trusted origins are a number", {"CSRF_TRUSTED_ORIGINS": 1}, {"CSRF_TRUSTED_ORIGINS": {APP}}),
    Case("E014", "middleware with a hole", {"MIDDLEWARE": [CORS, None]}, {"MIDDLEWARE": (CORS,)}),
    Case("E014", "fallback keys are one key", {"SECRET_KEY_FALLBACKS": KEY}, {"SECRET_KEY_FALLBACKS": (KEY,)}),
    Case("E014", "a script name that is no text", {"FORCE_SCRIPT_NAME": 1}, {"FORCE_SCRIPT_NAME": "/app"}),
    Case("E014", "no dict of caches", {"CACHES": ["redis"]}, {}),
    Case("E014", "a signing key that is a number", simple_jwt(SIGNING_KEY=1), simple_jwt(SIGNING_KEY=KEY)),
    Case(
        "E014",
        "simplejwt's lifetime as text",
        simple_jwt(ACCESS_TOKEN_LIFETIME="5 minutes"),
        simple_jwt(ACCESS_TOKEN_LIFETIME=timedelta(minutes=5)),
    ),
    Case(
        "E014",
        "simplejwt's lifetime out of range",
        simple_jwt(REFRESH_TOKEN_LIFETIME=10**20),
        simple_jwt(REFRESH_TOKEN_LIFETIME=timedelta(days=7)),
    ),
]

OLD_ACCESS = {"name": "old", "token": "access", "read_until": date.max}

COOKIES = [
    Case(
        "E005",
        "none over plain HTTP",
        fastauth(COOKIE_SAMESITE="none", COOKIE_SECURE=False),
        fastauth(COOKIE_SAMESITE="none"),
    ),
    Case(
        "E005",
        "none while developing",
        {"DEBUG": True, **fastauth(COOKIE_SAMESITE="None")},
        {"DEBUG": True, **fastauth(COOKIE_SAMESITE="None", COOKIE_SECURE=True)},
    ),
    Case(
        "E006",
        "one name for both",
        fastauth(COOKIE_NAME_REFRESH="access_token"),
        fastauth(COOKIE_NAME_REFRESH="Access_token"),
    ),
    Case(
        "E007",
        "a space in a name",
        fastauth(COOKIE_NAME_ACCESS="access token"),
        fastauth(COOKIE_NAME_ACCESS="access-token"),
    ),
    Case("E007", "an empty name", fastauth(COOKIE_NAME_REFRESH=""), fastauth(COOKIE_NAME_REFRESH="r")),
    Case("E007", "an attribute's name", fastauth(COOKIE_NAME_ACCESS="Path"), fastauth(COOKIE_NAME_ACCESS="Path_")),
    Case("E007", "a former name", fastauth(COOKIE_FORMER=[{"name": "a;b"}]), fastauth(COOKIE_FORMER=[{"name": "a.b"}])),
    Case(
        "E008",
        "__Host- with a domain",
        fastauth(COOKIE_NAME_ACCESS="__Host-a", COOKIE_DOMAIN="example.com"),
        fastauth(COOKIE_NAME_ACCESS="__Host-a", COOKIE_DOMAIN=""),
    ),
    Case(
        "E008",
        "__host- with a path",
        fastauth(COOKIE_NAME_REFRESH="__host-r", COOKIE_PATH_REFRESH="/auth"),
        fastauth(COOKIE_NAME_REFRESH="__Secure-r", COOKIE_PATH_REFRESH="/auth"),
    ),
    Case(
        "E005",
        "which also makes __Host- fail",
        fastauth(COOKIE_NAME_ACCESS="__Host-a", COOKIE_SAMESITE="none", COOKIE_SECURE=False),
        fastauth(COOKIE_NAME_ACCESS="__Host-a", COOKIE_SAMESITE="none"),
    ),
    Case(
        "E008",
        "__Host- over plain HTTP",
        fastauth(COOKIE_NAME_ACCESS="__Host-a", COOKIE_SECURE=False),
        fastauth(COOKIE_NAME_ACCESS="__Host-a"),
    ),
    Case(
        "E009",
        "__Secure- over plain HTTP",
        fastauth(COOKIE_NAME_ACCESS="__Secure-a", COOKIE_SECURE=False),
        fastauth(COOKIE_NAME_ACCESS="__Secure-a"),
    ),
    Case(
        "E009",
        "__secure- while developing",
        {"DEBUG": True, **fastauth(COOKIE_NAME_REFRESH="__secure-r")},
        {"DEBUG": True, **fastauth(COOKIE_NAME_REFRESH="secure-r")},
    ),
    Case("E010", "FASTAUTH's DEBUG alone", fastauth(DEBUG=True), {"DEBUG": True, **fastauth(DEBUG=True)}),
    Case(
        "E010",
        "which also makes __Secure- fail",
        fastauth(DEBUG=True, COOKIE_NAME_ACCESS="__Secure-a"),
        fastauth(COOKIE_NAME_ACCESS="__Secure-a"),
    ),
    Case(
        "E015",
        "Partitioned over plain HTTP",
        fastauth(COOKIE_PARTITIONED=True, COOKIE_SECURE=False),
        fastauth(COOKIE_PARTITIONED=True),
    ),
    Case("E016", "a path without a slash", fastauth(COOKIE_PATH_ACCESS="api"), fastauth(COOKIE_PATH_ACCESS="/")),
    Case(
        "E016",
        "an empty former path",
        fastauth(COOKIE_FORMER=[{"name": "old", "path": ""}]),
        fastauth(COOKIE_FORMER=[{"name": "old", "path": "/auth"}]),
    ),
    Case(
        "E017",
        "a URL for a domain",
        fastauth(COOKIE_DOMAIN="https://example.com"),
        fastauth(COOKIE_DOMAIN="example.com"),
    ),
    Case(
        "E017", "a port in a domain", fastauth(COOKIE_DOMAIN="example.com:8000"), fastauth(COOKIE_DOMAIN=".example.com")
    ),
    Case(
        "E017",
        "a line break in a domain",
        fastauth(COOKIE_DOMAIN="example.com\n"),
        fastauth(COOKIE_DOMAIN="EXAMPLE.com"),
    ),
    Case(
        "E017",
        "letters beyond ASCII",
        {**hosts("bücher.example"), **fastauth(COOKIE_DOMAIN="bücher.example")},
        {**hosts("xn--bcher-kva.example"), **fastauth(COOKIE_DOMAIN="xn--bcher-kva.example")},
    ),
    Case(
        "E017",
        "a former domain",
        fastauth(COOKIE_FORMER=[{"name": "old", "domain": "a b"}]),
        fastauth(COOKIE_FORMER=[{"name": "old", "domain": "example.com"}]),
    ),
    Case("E018", "com", fastauth(COOKIE_DOMAIN="com"), fastauth(COOKIE_DOMAIN="example.com")),
    Case(
        "E018",
        "co.uk",
        {**hosts("www.shop.co.uk"), **fastauth(COOKIE_DOMAIN=".co.uk")},
        {**hosts("www.shop.co.uk"), **fastauth(COOKIE_DOMAIN="shop.co.uk")},
    ),
    Case(
        "E018",
        "a hoster's suffix",
        {**hosts("shop.vercel.app"), **fastauth(COOKIE_DOMAIN="vercel.app")},
        {**hosts("shop.vercel.app"), **fastauth(COOKIE_DOMAIN="shop.vercel.app")},
    ),
    Case(
        "E018",
        "a suffix that hosts anything",
        {**hosts("*"), **fastauth(COOKIE_DOMAIN="dev")},
        {**hosts("intranet"), **fastauth(COOKIE_DOMAIN="intranet")},
    ),
    Case("E019", "another domain", fastauth(COOKIE_DOMAIN="example.org"), fastauth(COOKIE_DOMAIN="api.example.com")),
    Case(
        "E019",
        "a name that only ends alike",
        {**hosts("badexample.com"), **fastauth(COOKIE_DOMAIN="example.com")},
        {**hosts("good.example.com"), **fastauth(COOKIE_DOMAIN="example.com")},
    ),
    Case(
        "E019",
        "a subdomain that is not served",
        {**hosts("example.com"), **fastauth(COOKIE_DOMAIN="app.example.com")},
        {**hosts(".example.com"), **fastauth(COOKIE_DOMAIN="app.example.com")},
    ),
    Case(
        "E019",
        "production's domain while developing",
        {"DEBUG": True, **hosts(), **fastauth(COOKIE_DOMAIN="example.com")},
        {"DEBUG": True, **hosts(), **fastauth(COOKIE_DOMAIN="localhost")},
    ),
    Case(
        "E020",
        "the session's name",
        fastauth(COOKIE_NAME_ACCESS="sessionid"),
        {"SESSION_COOKIE_NAME": "sid", **fastauth(COOKIE_NAME_ACCESS="sessionid")},
    ),
    Case(
        "E020",
        "the CSRF token's name",
        fastauth(COOKIE_NAME_REFRESH="csrftoken"),
        fastauth(COOKIE_NAME_REFRESH="CSRFToken"),
    ),
    Case(
        "E020",
        "the language's name",
        {"LANGUAGE_COOKIE_NAME": "access_token"},
        {"LANGUAGE_COOKIE_NAME": "access_token_language"},
    ),
    Case("W001", "scripts may read", fastauth(COOKIE_HTTPONLY=False), fastauth(COOKIE_HTTPONLY=True)),
    Case(
        "W002",
        "plain HTTP in production",
        fastauth(COOKIE_SECURE=False),
        {"DEBUG": True, **fastauth(COOKIE_SECURE=False, DEBUG=False)},
    ),
    Case(
        "W005",
        "a former cookie that is today's",
        fastauth(COOKIE_FORMER=[{"name": "refresh_token"}]),
        fastauth(COOKIE_FORMER=[{"name": "refresh_token", "path": "/auth"}]),
    ),
    Case(
        "W005",
        "the same domain with a dot",
        fastauth(COOKIE_DOMAIN="example.com", COOKIE_FORMER=[{"name": "access_token", "domain": ".Example.com"}]),
        fastauth(COOKIE_DOMAIN="example.com", COOKIE_FORMER=[{"name": "access_token"}]),
    ),
    Case(
        "W005",
        "an empty domain",
        fastauth(COOKIE_FORMER=[{"name": "access_token", "domain": ""}]),
        fastauth(COOKIE_FORMER=[{"name": "access_token", "partitioned": True}]),
    ),
    Case(
        "W056",
        "a day in the past",
        fastauth(COOKIE_FORMER=[{"name": "old", "token": "refresh", "read_until": date(2020, 1, 1)}]),
        fastauth(COOKIE_FORMER=[{"name": "old", "token": "refresh", "read_until": date.max}]),
    ),
    Case(
        "W063",
        "the access cookie alone",
        fastauth(COOKIE_FORMER=[OLD_ACCESS]),
        fastauth(COOKIE_FORMER=[OLD_ACCESS, {**OLD_ACCESS, "name": "old_refresh", "token": "refresh"}]),
    ),
]

ACROSS_SITES = {"COOKIE_SAMESITE": "none"}
TRAVELLING = {"CSRF_COOKIE_SAMESITE": "None", "CSRF_COOKIE_SECURE": True}

CSRF_RULE = [
    Case("E021", "off across sites", fastauth(CSRF_PROTECTION=None, **ACROSS_SITES), fastauth(**ACROSS_SITES)),
    Case(
        "E022",
        "a CSRF cookie that is Lax",
        fastauth(CSRF_PROTECTION="token", **ACROSS_SITES),
        {**TRAVELLING, **fastauth(CSRF_PROTECTION="token", **ACROSS_SITES)},
    ),
    Case(
        "E022",
        "a CSRF cookie without Secure",
        {**TRAVELLING, "CSRF_COOKIE_SECURE": False, **fastauth(CSRF_PROTECTION="token", **ACROSS_SITES)},
        {**TRAVELLING, **fastauth(CSRF_PROTECTION="token", **ACROSS_SITES)},
    ),
    Case(
        "E022",
        "a CSRF cookie without SameSite",
        {**TRAVELLING, "CSRF_COOKIE_SAMESITE": False, **fastauth(CSRF_PROTECTION="token", **ACROSS_SITES)},
        {"CSRF_COOKIE_SAMESITE": False, **fastauth(CSRF_PROTECTION="token")},
    ),
    Case(
        "E025",
        "trust in all of com",
        {"CSRF_TRUSTED_ORIGINS": ["https://*.com"]},
        {"CSRF_TRUSTED_ORIGINS": ["https://*.example.com"]},
    ),
    Case(
        "E025",
        "trust in all of co.uk",
        {"CSRF_TRUSTED_ORIGINS": ["https://*.co.uk"]},
        {"CSRF_TRUSTED_ORIGINS": ["http://*.localhost"]},
    ),
    Case(
        "E025",
        "trust in all sites of a hoster",
        {"CSRF_TRUSTED_ORIGINS": ["https://*.github.io"]},
        {"CSRF_TRUSTED_ORIGINS": ["https://*.example.github.io", "https://shop.github.io"]},
    ),
    Case(
        "E025",
        "trust in all of co.uk at one port",
        {"CSRF_TRUSTED_ORIGINS": ["https://*.co.uk:8443"]},
        {"CSRF_TRUSTED_ORIGINS": ["https://*.example.co.uk:8443"]},
    ),
    Case(
        "E025",
        "trust in what is above a hoster's suffix",
        trusted("https://*.railway.app"),
        trusted("https://*.a.railway.app"),
    ),
    Case("E025", "trust in all buckets", trusted("https://*.AmazonAWS.com"), trusted("https://shop.s3.amazonaws.com")),
    *(
        Case("E025", f"trust in all of {hoster}", trusted(f"https://*.{hoster}"), trusted(f"https://mine.{hoster}"))
        for hoster in (
            "vercel.app",
            "netlify.app",
            "pages.dev",
            "workers.dev",
            "herokuapp.com",
            "ngrok-free.app",
            "onrender.com",
            "fly.dev",
            "web.app",
            "gitlab.io",
            "azurestaticapps.net",
        )
    ),
    *(
        Case("W036", name, trusted(bad), trusted(good))
        for name, bad, good in [
            ("a slash at the end", f"{APP}/", APP),
            ("a path", f"{APP}/login", APP),
            ("a capital in the host", "https://App.example.com", "https://*.Example.com"),
            ("a capital in the scheme", "HTTPS://*.example.com", "https://*.example.com"),
            ("the scheme's own port", f"{APP}:443", f"{APP}:8443"),
            ("http's own port", "http://app.example.com:80", "http://app.example.com:443"),
            ("the same below a wildcard", "https://*.example.com:443", "https://*.example.com:8443"),
            ("letters beyond ASCII", "https://bücher.example", "https://xn--bcher-kva.example"),
            ("the same below a wildcard too", "https://*.bücher.example", "https://*.xn--bcher-kva.example"),
            ("a blank before it", f" {APP}", APP),
            ("a blank after it", f"{APP} ", APP),
            ("a line break", f"{APP}\n", APP),
            ("two in one", f"{APP},https://www.example.com", "http://localhost:3000"),
            ("no host", "https://", "https://[2001:db8::1]:8443"),
            ("a wildcard without a domain", "https://*.", "https://*.example.com"),
            ("any host", "https://*", "https://*.example.com"),
            ("a wildcard inside a name", "https://app-*.example.com", "https://*.app.example.com"),
            ("a slash at the end of a wildcard", "https://*.example.com/", "app://."),
            ("a user", "https://me@app.example.com", "capacitor://Localhost/"),
        ]
    ),
    Case("W006", "off", fastauth(CSRF_PROTECTION=None), fastauth(CSRF_PROTECTION="origin")),
    Case(
        "W007",
        "no middleware",
        {
            **middleware(CORS, COMMON, "missing.Middleware", f"{HERE}.function_middleware"),
            **fastauth(CSRF_PROTECTION="token"),
        },
        {**middleware(CORS, f"{HERE}.OwnCsrfMiddleware"), **fastauth(CSRF_PROTECTION="token")},
    ),
    Case(
        "W025",
        "an origin that Django does not know",
        fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=[APP]),
        {"CSRF_TRUSTED_ORIGINS": [APP], **fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=[APP])},
    ),
    Case(
        "W025",
        "a wildcard of another scheme",
        {"CSRF_TRUSTED_ORIGINS": ["http://*.example.com"], **fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=[APP])},
        {"CSRF_TRUSTED_ORIGINS": ["https://*.example.com"], **fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=[APP])},
    ),
    Case(
        "W025",
        "a pattern of which Django trusts nothing",
        {
            "CSRF_TRUSTED_ORIGINS": ["https://app.example.net"],
            **fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=[re.compile(r"https://\w+\.example\.com")]),
        },
        {
            "CSRF_TRUSTED_ORIGINS": ["https://app.example.net", APP],
            **fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=[re.compile(r"https://\w+\.example\.com")]),
        },
    ),
    Case(
        "W025",
        "a wildcard where a pattern is",
        fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=[re.compile(r"https://pr-\d+\.example\.com")]),
        {
            "CSRF_TRUSTED_ORIGINS": ["https://*.example.com"],
            **fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=[re.compile(r"https://pr-\d+\.example\.com")]),
        },
    ),
    Case(
        "W025",
        "an origin of another port",
        fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=["https://www.example.com:8443"]),
        fastauth(CSRF_PROTECTION="token", CORS_ORIGINS=["https://www.example.com"]),
    ),
    Case(
        "W008",
        "a token in the session",
        {"CSRF_USE_SESSIONS": True, **fastauth(CSRF_PROTECTION="token")},
        {"CSRF_USE_SESSIONS": True, **fastauth()},
    ),
    Case(
        "W008",
        "a cookie that scripts cannot read",
        {"CSRF_COOKIE_HTTPONLY": True, **fastauth(CSRF_PROTECTION="token")},
        fastauth(CSRF_PROTECTION="token"),
    ),
]

WITH_ORIGIN = fastauth(CORS_ORIGINS=[APP])


def origin(bad, good=APP):
    return fastauth(CORS_ORIGINS=[bad]), fastauth(CORS_ORIGINS=[good])


def pattern(bad, good):
    return tuple(fastauth(CORS_ORIGINS=[re.compile(each)]) for each in (bad, good))


CORS_RULES = [
    Case("E023", "any", *origin("*")),
    Case("E023", "null", *origin("null")),
    Case("E023", "no scheme", *origin("app.example.com")),
    Case("E023", "a path", *origin(f"{APP}/")),
    Case("E023", "a pattern", *origin("https://*.example.com")),
    Case("E023", "upper case", *origin("https://App.example.com")),
    Case("E023", "the scheme's own port", *origin(f"{APP}:443", f"{APP}:8443")),
    Case(
        "E023",
        "a pattern of what no browser sends",
        *pattern(r"https://(a|b)\.example\.com/", r"https://(a|b)\.example\.com/?"),
    ),
    Case("E023", "a pattern in upper case", *pattern(r"https://App\.example\.com", r"(?i)https://App\.example\.com")),
    Case("E023", "a pattern without scheme", *pattern(r"app\.example\.com", r"(https://)?app\.example\.com")),
    Case("E023", "a pattern of the scheme's own port", *pattern(r"https://a\.app:443", r"https://a\.app(:\d+)?")),
    Case("E023", "no host", *origin("https://", "capacitor://localhost")),
    Case("E023", "a path below a shell's origin", *origin("app://./index", "app://.")),
    Case("E023", "a file", *origin("file:///index.html", "file://")),
    Case("E023", "a page of an extension", *origin(f"{EXTENSION}/page.html", EXTENSION)),
    Case("E023", "letters beyond ASCII", *origin("https://bücher.example", "https://xn--bcher-kva.example")),
    Case("E023", "a user", *origin("https://evil@app.example.com", "https://[2001:db8::1]:8443")),
    Case(
        "E024",
        "all origins",
        {"CORS_ALLOW_ALL_ORIGINS": True},
        {"CORS_ALLOW_ALL_ORIGINS": True, "DEBUG": True},
    ),
    Case(
        "E024",
        "all origins with credentials",
        {"CORS_ALLOW_ALL_ORIGINS": True},
        {"CORS_ALLOW_ALL_ORIGINS": True, "CORS_ALLOW_CREDENTIALS": False},
    ),
    Case(
        "E024",
        "all origins by the old name",
        {"CORS_ORIGIN_ALLOW_ALL": True},
        {"CORS_ORIGIN_ALLOW_ALL": True, **json_fastauth()},
    ),
    Case(
        "E024",
        "a regex for all",
        {"CORS_ALLOWED_ORIGIN_REGEXES": ["^https://.*$"]},
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://app\.example\.com$"], **WITH_ORIGIN},
    ),
    Case(
        "E025",
        "a regex for all names of a hoster",
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://[\w-]+\.vercel\.app$"], **WITH_ORIGIN},
        {
            "CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://shop-\w+-team\.vercel\.app$"],
            **fastauth(CORS_ORIGINS=[re.compile(r"https://shop-\w+-team\.vercel\.app")]),
        },
    ),
    Case(
        "E024",
        "a regex without an end",
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://app\.example\.com"], **WITH_ORIGIN},
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://app\.example\.com(:443)?$"], **WITH_ORIGIN},
    ),
    Case("E024", "a pattern for all", *pattern(r"https?://.*", r"https?://\w+\.example\.com")),
    Case("E024", "a pattern for all over plain HTTP", *pattern(r"http://.+", r"moz-extension://.+")),
    Case("E024", "a pattern without an end", *pattern(r"https://app\.example\.com.*", r"https://app\.example\.com")),
    Case(
        "E024",
        "a pattern for all, one way among others",
        *pattern(r"https://(a\.example\.com|(b|c).*)", r"https://(a|(b|c))\.example\.com|capacitor://localhost"),
    ),
    Case(
        "E024",
        "a pattern for all in cookies",
        fastauth(CORS_ORIGINS=[re.compile("https://.*")], CSRF_PROTECTION="origin"),
        json_fastauth(CORS_ORIGINS=[re.compile("https://.*")]),
    ),
    Case(
        "E025",
        "a pattern for all names of a hoster",
        *pattern(r"https://[a-z0-9-]+\.vercel\.app", r"https://shop-[a-z0-9-]+-team\.vercel\.app"),
    ),
    Case("W059", "before the domain", *pattern(r"https://.*.example\.com", r"https://.*\.example\.com")),
    *(
        Case("E024", f"no bound: {bad}", *pattern(bad, good))
        for bad, good in [
            (r"https://example\.com(:\d+)?.*", r"https://example\.com(:\d+)?"),
            (r"http://.*:3000", r"http://.*\.example\.com:3000"),
            (r"https://.*:\d+", r"https://[a-z]+\.example\.com:\d+"),
        ]
    ),
    *(
        Case("W059", f"nothing in front: {bad}", *pattern(bad, good))
        for bad, good in [
            (r"https://.*example\.com", r"https://(.*\.)?example\.com"),
            (r"https://[^/]+example\.com", r"https://[^/]+\.example\.com"),
            (r"https://[a-z0-9-]*example\.com", r"https://[a-z0-9-]*\.example\.com"),
            (r".*example\.com", r"https://example\.com"),
        ]
    ),
    Case("W059", "before the port", *pattern(r"https://a.example\.com:\d+", r"https://a\.example.com:\d{4}")),
    Case("W059", "in one of several", *pattern(r"https://(?:a\.|b.)example\.com", r"https://(?:a|b)\.example\.com")),
    Case("W059", "an address", *pattern(r"https://a.example\.com", r"http://127.0.0.1:\d+")),
    Case("W059", "below the own domain", *pattern(r"https://\d.example\.com", r"https://\d{3}.pr\.example\.com")),
    Case(
        "W059",
        "any Chrome extension",
        *pattern("chrome-extension://[a-p]{32}", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"),
    ),
    Case(
        "W059",
        "a regex",
        {"CORS_ALLOWED_ORIGIN_REGEXES": ["^https://app.example.com$"], **WITH_ORIGIN},
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://app\.example.com$"], **WITH_ORIGIN},
    ),
    Case(
        "W060",
        "routes beside the API",
        {"CORS_URLS_REGEX": r"^/api/.*$", **WITH_ORIGIN},
        {"CORS_URLS_REGEX": r"^/(api|auth)/.*$", **WITH_ORIGIN},
    ),
    Case(
        "W060",
        "beside a variable",
        {
            "CORS_URLS_REGEX": r"^/api/.*$",
            **urls(path("v<int:version>/", include("fastauth_django.urls"))),
            **WITH_ORIGIN,
        },
        {
            "CORS_URLS_REGEX": r"^/v\d/.*$",
            **urls(path("v<int:version>/", include("fastauth_django.urls"))),
            **WITH_ORIGIN,
        },
    ),
    Case(
        "W060",
        "one route",
        {"CORS_URLS_REGEX": re.compile("/auth/(?!refresh)"), **WITH_ORIGIN},
        {"CORS_URLS_REGEX": re.compile("/auth/(?!device)"), **WITH_ORIGIN},
    ),
    Case(
        "W060",
        "below a prefix of the server",
        {"FORCE_SCRIPT_NAME": "/shop/", "CORS_URLS_REGEX": "/shop/auth/", **WITH_ORIGIN},
        {"FORCE_SCRIPT_NAME": "/shop/", "CORS_URLS_REGEX": "/auth/", **WITH_ORIGIN},
    ),
    Case(
        "W060",
        "no mount of several",
        {
            "CORS_URLS_REGEX": "/api/",
            **urls(project.AUTH, path("app/", include("fastauth_django.urls"))),
            **WITH_ORIGIN,
        },
        {
            "CORS_URLS_REGEX": "/app/",
            **urls(project.AUTH, path("app/", include("fastauth_django.urls"))),
            **WITH_ORIGIN,
        },
    ),
    Case("E024", "null", {"CORS_ALLOWED_ORIGINS": ["null"]}, {"CORS_ALLOWED_ORIGINS": [APP], **WITH_ORIGIN}),
    Case("W009", "no app", {**without_app("corsheaders"), **WITH_ORIGIN}, {**without_app("corsheaders"), **fastauth()}),
    Case(
        "W010", "no middleware", {**middleware(COMMON, CSRF), **WITH_ORIGIN}, {**middleware(COMMON, CSRF), **fastauth()}
    ),
    Case(
        "W011",
        "behind CommonMiddleware",
        {**middleware(COMMON, CORS), **WITH_ORIGIN},
        {**middleware(SECURITY, CSRF, CORS, COMMON), **WITH_ORIGIN},
    ),
    Case(
        "W011",
        "behind the cache",
        {**middleware(FETCH_FROM_CACHE, CORS), **WITH_ORIGIN},
        {**middleware(CORS, FETCH_FROM_CACHE), **WITH_ORIGIN},
    ),
    Case(
        "W012",
        "no credentials",
        {"CORS_ALLOW_CREDENTIALS": False, **WITH_ORIGIN},
        {"CORS_ALLOW_CREDENTIALS": False, **json_fastauth(CORS_ORIGINS=[APP])},
    ),
    Case("W013", "a page over plain HTTP", *origin("http://app.example.com", "http://localhost:3000")),
    Case("W013", "an address in the local network", *origin("http://192.168.1.5:3000", "http://127.0.0.1:3000")),
    Case("W013", "a name that only begins alike", *origin("http://localhost.example.com", "http://app.localhost")),
    Case(
        "W013",
        "with routes for browsers beside JSON",
        {
            **urls(project.AUTH, path("web/login", project.OwnLogin.as_view())),
            **json_fastauth(CORS_ORIGINS=["http://app.example.com"]),
        },
        json_fastauth(CORS_ORIGINS=["http://app.example.com"]),
    ),
    Case(
        "W014",
        "an origin",
        {"CORS_ALLOWED_ORIGINS": [APP]},
        {"CORS_ALLOWED_ORIGINS": [APP], "CSRF_TRUSTED_ORIGINS": ["https://*.example.com"]},
    ),
    Case(
        "W014",
        "an origin by the old name",
        {"CORS_ORIGIN_WHITELIST": [APP]},
        {"CORS_ORIGIN_WHITELIST": ["https://www.example.com"]},
    ),
    Case(
        "W014",
        "a regex",
        {"CORS_ALLOWED_ORIGIN_REGEXES": [re.compile(r"https://\w+\.example\.org$")]},
        {
            "CORS_ALLOWED_ORIGIN_REGEXES": [re.compile(r"https://\w+\.example\.org$")],
            "CSRF_TRUSTED_ORIGINS": ["https://*.example.org"],
        },
    ),
    Case(
        "W014",
        "a regex that allows more than the one origin of the rule",
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://[a-z]+\.example\.com$"], **WITH_ORIGIN},
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://(app|www)\.example\.com$"], **WITH_ORIGIN},
    ),
    Case(
        "W014",
        "a regex for names that a wildcard has only in part",
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r".*pr-\d+\.example\.org$"], "CSRF_TRUSTED_ORIGINS": [APP]},
        {
            "CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://pr-\d+\.example\.org$"],
            "CSRF_TRUSTED_ORIGINS": ["https://*.example.org"],
        },
    ),
    Case(
        "W014",
        "a regex for an extension",
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^moz-extension://[0-9a-f-]{36}$"], **WITH_ORIGIN},
        {
            "CORS_ALLOWED_ORIGIN_REGEXES": [r"^moz-extension://[0-9a-f-]{36}$"],
            **fastauth(CORS_ORIGINS=[re.compile(r"moz-extension://[0-9a-f-]+")]),
        },
    ),
]

KEYS = [
    Case("E011", "a short SECRET_KEY", {"SECRET_KEY": KEY[:31]}, {"SECRET_KEY": KEY}, in_production),
    Case(
        "E011",
        "a short SIGNING_KEY",
        simple_jwt(SIGNING_KEY=KEY[:31]),
        simple_jwt(SIGNING_KEY=KEY.encode()),
        in_production,
    ),
    Case("E011", "no SIGNING_KEY", simple_jwt(SIGNING_KEY=None), simple_jwt(SIGNING_KEY=KEY), in_production),
    Case(
        "E011",
        "too short for HS512",
        simple_jwt(ALGORITHM="HS512", SIGNING_KEY=KEY),
        simple_jwt(ALGORITHM="HS512", SIGNING_KEY=KEY * 2),
        in_production,
    ),
    Case(
        "E011",
        "a short fallback",
        {"SECRET_KEY_FALLBACKS": [KEY, "old"]},
        {"SECRET_KEY_FALLBACKS": ["old"], **simple_jwt(SIGNING_KEY=KEY)},
        in_production,
    ),
    Case("E026", "none", simple_jwt(ALGORITHM="none"), simple_jwt(ALGORITHM="HS256")),
    Case("E026", "a list", simple_jwt(ALGORITHM=["HS256"]), simple_jwt(ALGORITHM="HS384", SIGNING_KEY=KEY * 2)),
    Case(
        "E027",
        "no cryptography",
        simple_jwt(**ES256),
        simple_jwt(ALGORITHM="HS256"),
        lambda: mock.patch.object(algorithms, "has_crypto", False),
    ),
    Case("E028", "no private key", simple_jwt(**{**ES256, "SIGNING_KEY": ""}), simple_jwt(**ES256)),
    Case(
        "E028",
        "no public key",
        simple_jwt(**{**ES256, "VERIFYING_KEY": ""}),
        simple_jwt(**{**ES256, "VERIFYING_KEY": "", "JWK_URL": "https://example.com/jwks"}),
    ),
    Case(
        "E028",
        "no public key where tokens are only verified",
        {**urls(path("page", project.Page.as_view())), **classes(STATELESS_CLASS), **simple_jwt(ALGORITHM="ES256")},
        {
            **urls(path("page", project.Page.as_view())),
            **classes(STATELESS_CLASS),
            **simple_jwt(ALGORITHM="ES256", VERIFYING_KEY=PUBLIC),
        },
    ),
    Case("E029", "keys that are no pair", simple_jwt(**{**ES256, "SIGNING_KEY": OTHER_PRIVATE}), simple_jwt(**ES256)),
    Case(
        "E029",
        "a public key that signs",
        simple_jwt(**{**ES256, "SIGNING_KEY": PUBLIC}),
        simple_jwt(**{**ES256, "VERIFYING_KEY": PRIVATE}),
    ),
    Case("E029", "a key of another kind", simple_jwt(**{**ES256, "ALGORITHM": "RS256"}), simple_jwt(**ES256)),
    Case(
        "E029",
        "a public key as a shared secret",
        simple_jwt(ALGORITHM="HS256", SIGNING_KEY=PUBLIC),
        simple_jwt(ALGORITHM="HS256", SIGNING_KEY=KEY),
    ),
    Case("E029", "a leeway that is text", simple_jwt(LEEWAY="5"), simple_jwt(LEEWAY=5)),
    Case(
        "E029",
        "an encoder that is not there",
        simple_jwt(JSON_ENCODER="missing.Encoder"),
        simple_jwt(JSON_ENCODER=None),
    ),
    Case(
        "E029",
        "a broken public key where tokens are only verified",
        {
            **urls(path("page", project.Page.as_view())),
            **classes(STATELESS_CLASS),
            **simple_jwt(ALGORITHM="ES256", VERIFYING_KEY="no key"),
        },
        {
            **urls(path("page", project.Page.as_view())),
            **classes(STATELESS_CLASS),
            **simple_jwt(ALGORITHM="ES256", JWK_URL="https://example.com/jwks"),
        },
    ),
    Case("E030", "the session's claim", simple_jwt(USER_ID_CLAIM="sid"), simple_jwt(USER_ID_CLAIM="sub")),
    Case("E030", "one claim for two", simple_jwt(TOKEN_TYPE_CLAIM="jti"), simple_jwt(JTI_CLAIM=None)),
    Case("E031", "a field that is not there", simple_jwt(USER_ID_FIELD="uid"), simple_jwt(USER_ID_FIELD="id")),
    Case("E031", "a field that is no text", simple_jwt(USER_ID_FIELD=1), simple_jwt(USER_ID_FIELD="pk")),
    Case("W015", "no type", simple_jwt(TOKEN_TYPE_CLAIM=None), simple_jwt(TOKEN_TYPE_CLAIM="typ")),
    *(
        Case("W016", key, simple_jwt(**{key: value}), simple_jwt(**{key: DEFAULTS[key]}))
        for key, value in {
            "AUTH_TOKEN_CLASSES": [f"{HERE}.ServiceToken"],
            "TOKEN_OBTAIN_SERIALIZER": f"{HERE}.ObtainSerializer",
            "SLIDING_TOKEN_LIFETIME": timedelta(hours=1),
            "REVOKE_TOKEN_CLAIM": "hash",
        }.items()
    ),
    Case(
        "W016",
        "a list for a tuple",
        simple_jwt(AUTH_TOKEN_CLASSES=["rest_framework_simplejwt.tokens.SlidingToken"]),
        simple_jwt(AUTH_TOKEN_CLASSES=["rest_framework_simplejwt.tokens.AccessToken"]),
    ),
    Case("W016", "a key of the next simplejwt", simple_jwt(ON_LOGIN_SUCCESS=f"{HERE}.greet"), simple_jwt()),
    Case("W016", "rotation", simple_jwt(ROTATE_REFRESH_TOKENS=True), simple_jwt(ROTATE_REFRESH_TOKENS=False)),
    Case(
        "W016",
        "the blacklist",
        simple_jwt(BLACKLIST_AFTER_ROTATION=True),
        {**urls(project.AUTH, project.SIMPLEJWT), **simple_jwt(BLACKLIST_AFTER_ROTATION=True)},
    ),
    Case("W016", "the last sign-in", simple_jwt(UPDATE_LAST_LOGIN=True), simple_jwt(UPDATE_LAST_LOGIN=False)),
    Case(
        "W016",
        "the password's hash",
        simple_jwt(CHECK_REVOKE_TOKEN=True),
        {**simple_jwt(CHECK_REVOKE_TOKEN=True), **fastauth(ACCEPT_TOKENS_WITHOUT_SESSION=True)},
    ),
]

DAY = timedelta(days=1)

LIFETIMES = [
    Case("E012", "no time at all", fastauth(ACCESS_TOKEN_TTL=0), fastauth(ACCESS_TOKEN_TTL=1)),
    Case(
        "E012",
        "less than a second",
        fastauth(LOGIN_FAILURE_WINDOW=timedelta(milliseconds=999)),
        fastauth(LOGIN_FAILURE_WINDOW=timedelta(seconds=1)),
    ),
    Case("E012", "a negative age", fastauth(SESSION_MAX_AGE=-DAY), fastauth(SESSION_MAX_AGE=None)),
    Case("E012", "a negative refresh lifetime", fastauth(REFRESH_TOKEN_TTL=-1), fastauth(REFRESH_TOKEN_TTL=DAY)),
    Case("E013", "refresh shorter than access", fastauth(REFRESH_TOKEN_TTL=899), fastauth(REFRESH_TOKEN_TTL=900)),
    Case("E013", "an age shorter than access", fastauth(SESSION_MAX_AGE=60), fastauth(SESSION_MAX_AGE=DAY)),
    Case(
        "E013",
        "by way of simplejwt",
        simple_jwt(REFRESH_TOKEN_LIFETIME=timedelta(minutes=10)),
        simple_jwt(REFRESH_TOKEN_LIFETIME=timedelta(minutes=10), ACCESS_TOKEN_LIFETIME=timedelta(minutes=5)),
    ),
    Case(
        "W017",
        "two values",
        {**simple_jwt(ACCESS_TOKEN_LIFETIME=timedelta(minutes=5)), **fastauth(ACCESS_TOKEN_TTL=600)},
        {**simple_jwt(ACCESS_TOKEN_LIFETIME=timedelta(minutes=5)), **fastauth(ACCESS_TOKEN_TTL=300)},
    ),
    Case(
        "W017",
        "two values while migrating",
        {**simple_jwt(REFRESH_TOKEN_LIFETIME=DAY), **fastauth(REFRESH_TOKEN_TTL=7 * DAY)},
        {
            **urls(project.AUTH, project.SIMPLEJWT),
            **simple_jwt(REFRESH_TOKEN_LIFETIME=DAY),
            **fastauth(REFRESH_TOKEN_TTL=7 * DAY),
        },
    ),
    Case("W018", "forgotten sooner", fastauth(REFRESH_TOKEN_TTL=120 * DAY), fastauth(REFRESH_TOKEN_TTL=90 * DAY)),
]

CLASSES = [
    Case("W003", "Django's session alone", classes(SESSION_CLASS), classes(COOKIE_CLASS, SESSION_CLASS)),
    Case("W003", "simplejwt's class alone", classes(SIMPLEJWT_CLASS), classes(f"{HERE}.OwnCookieAuthentication")),
    Case("W019", "one that reads a cookie", classes(f"{HERE}.ReadsACookie"), classes(COOKIE_CLASS)),
    Case("W003", "no class", classes(), {**urls(project.AUTH, path("api", project.Api.as_view())), **classes()}),
    Case(
        "W003",
        "views that name a class, without it",
        {**urls(project.AUTH, path("page", project.Page.as_view())), **classes(BASIC_CLASS)},
        {
            **urls(project.AUTH, path("api", project.Page.as_view()), path("api", project.Api.as_view())),
            **classes(BASIC_CLASS),
        },
    ),
    Case(
        "W003",
        "a view for everybody that names none",
        {**urls(project.AUTH, path("public", project.Public.as_view())), **classes(BASIC_CLASS)},
        {**urls(project.AUTH, path("public", project.OpenApi.as_view())), **classes(BASIC_CLASS)},
    ),
    Case(
        "W003",
        "a view that names none",
        {**urls(project.AUTH, project.API, path("private", project.Private.as_view())), **classes(BASIC_CLASS)},
        {
            **urls(project.AUTH, project.API, path("public", project.Public.as_view()), path("", project.router_root)),
            **classes(BASIC_CLASS),
        },
    ),
    Case(
        "W003",
        "a view that names none and chooses who may come",
        {**urls(project.AUTH, project.API, path("old", project.ChoosesPermissions.as_view())), **classes(BASIC_CLASS)},
        {**urls(project.AUTH, project.API, path("old", project.Public.as_view())), **classes(BASIC_CLASS)},
    ),
    Case(
        "W003",
        "routes for browsers beside JSON",
        {
            **urls(project.AUTH, path("web/login", views.LoginView.as_view(token_delivery="cookie"))),
            **classes(BASIC_CLASS),
            **json_fastauth(),
        },
        {**classes(BASIC_CLASS), **json_fastauth()},
    ),
    Case(
        "W019",
        "simplejwt's class for our tokens",
        {**classes(SIMPLEJWT_CLASS), **json_fastauth()},
        {**classes(COOKIE_CLASS, SIMPLEJWT_CLASS), **json_fastauth()},
    ),
    Case("W019", "simplejwt's class first", classes(SIMPLEJWT_CLASS, COOKIE_CLASS), classes(COOKIE_CLASS)),
    Case("W020", "Django's session first", classes(SESSION_CLASS, COOKIE_CLASS), classes(BASIC_CLASS, COOKIE_CLASS)),
    Case(
        "W020",
        "a class that names none",
        classes(f"{HERE}.Silent", COOKIE_CLASS),
        classes(f"{HERE}.LooksAtRequest", COOKIE_CLASS),
    ),
    Case(
        "E033",
        "a function",
        fastauth(USER_SERIALIZER=project.make_serializer),
        fastauth(USER_SERIALIZER=f"{HERE}.CreatesNothing"),
    ),
    Case(
        "E033",
        "another object",
        fastauth(LOGIN_SERIALIZER=f"{HERE}.NOT_A_FUNCTION"),
        fastauth(LOGIN_SERIALIZER=f"{HERE}.SignsIn"),
    ),
    Case(
        "E033",
        "a sign-in that finds nobody",
        fastauth(LOGIN_SERIALIZER=f"{HERE}.CreatesNothing"),
        fastauth(LOGIN_SERIALIZER=f"{HERE}.SignsIn"),
    ),
    Case(
        "E033",
        "fields that contradict each other",
        fastauth(REGISTER_SERIALIZER=f"{HERE}.ForgetsAField"),
        fastauth(USER_SERIALIZER=f"{HERE}.NeedsTheRequest"),
    ),
    Case(
        "E033",
        "a sign-up that creates nothing",
        fastauth(REGISTER_SERIALIZER=f"{HERE}.CreatesNothing"),
        fastauth(REGISTER_SERIALIZER=f"{HERE}.OwnRegisterSerializer"),
    ),
    Case(
        "E033",
        "a sign-up that is no class",
        fastauth(REGISTER_SERIALIZER=f"{HERE}.claims"),
        fastauth(REGISTER_SERIALIZER=f"{HERE}.SavesItself"),
    ),
    Case("E034", "an object", fastauth(TOKEN_CLAIMS=f"{HERE}.NOT_A_FUNCTION"), fastauth(TOKEN_CLAIMS=None)),
    Case(
        "E034", "one argument", fastauth(TOKEN_CLAIMS=f"{HERE}.claims_of_user"), fastauth(TOKEN_CLAIMS=f"{HERE}.claims")
    ),
    Case("E034", "a coroutine", fastauth(TOKEN_CLAIMS=f"{HERE}.slow_claims"), fastauth(TOKEN_CLAIMS=max)),
    Case(
        "E035",
        "a user without a password's hash",
        {},
        {"DEBUG": True},
        lambda: without(AbstractBaseUser, "get_session_auth_hash"),
    ),
    Case(
        "E035",
        "a manager that finds nobody by name",
        {},
        {},
        lambda: without(BaseUserManager, "get_by_natural_key"),
    ),
    Case("E057", "a manager that asks for more", {}, {}, lambda: made_by(project.create_user_of_tenant)),
    Case("E057", "a manager that takes no password", {}, {}, lambda: made_by(project.create_user_without_password)),
    Case("E057", "a manager that is to be awaited", {}, {}, lambda: made_by(project.create_user_later)),
    Case("E057", "Django's manager for a model without an address", {}, {}, without_address),
    Case("E057", "a model without a password", {}, {}, lambda: without_field("password")),
    Case("E035", "a manager that finds in a tenant", {}, {}, lambda: found_by(project.find_in_tenant)),
    Case("E063", "one that can be read", backend(f"{HERE}.TakesAnotherName"), backend(f"{HERE}.WrittenInC")),
    Case("E063", "no backend for it", backend(f"{HERE}.TakesAnotherName"), backend(f"{HERE}.OwnBackend")),
    Case(
        "E071",
        "sessions elsewhere",
        {"DATABASE_ROUTERS": [f"{HERE}.ElsewhereRouter"]},
        {"DATABASE_ROUTERS": [f"{HERE}.UsersWithSessionsRouter"]},
    ),
    Case("W058", "a field that nobody is asked for", {}, {}, needing_more),
]
NO_LOGIN = urls(path("auth/refresh", views.RefreshView.as_view()))
SCOPED_REFRESH = fastauth(COOKIE_PATH_REFRESH="/auth")
SCOPED_ACCESS = fastauth(COOKIE_PATH_ACCESS="/api")

URLS = [
    Case("E036", "another path", fastauth(COOKIE_PATH_REFRESH="/api"), fastauth(COOKIE_PATH_REFRESH="/auth")),
    Case(
        "E036",
        "refresh but not sign-out",
        fastauth(COOKIE_PATH_REFRESH="/auth/refresh"),
        fastauth(COOKIE_PATH_REFRESH="/auth/"),
    ),
    Case(
        "E036", "a name that only begins alike", fastauth(COOKIE_PATH_REFRESH="/aut"), fastauth(COOKIE_PATH_REFRESH="/")
    ),
    Case(
        "E036",
        "a prefix of the site's",
        {"FORCE_SCRIPT_NAME": "/site", **SCOPED_REFRESH},
        {"FORCE_SCRIPT_NAME": "/site", **fastauth(COOKIE_PATH_REFRESH="/site/auth")},
    ),
    Case(
        "E036",
        "two places",
        {**urls(path("v1/auth/", include("fastauth_django.urls")), project.AUTH), **SCOPED_REFRESH},
        {**urls(path("app/refresh", views.RefreshView.as_view(token_delivery="json")), project.AUTH), **SCOPED_REFRESH},
    ),
    Case(
        "E036",
        "a regex",
        {**urls(re_path(r"^v1/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
        {**urls(re_path(r"^auth/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
    ),
    Case(
        "E036",
        "a pattern below",
        {**urls(re_path(r"^v1/(?P<tenant>\w+)/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
        {**urls(re_path(r"^auth/(?P<tenant>\w+)/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
    ),
    Case(
        "E036",
        "a variable below",
        {**urls(path("v1/<tenant>/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
        {**urls(path("auth/<tenant>/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
    ),
    Case(
        "E036",
        "a variable that cannot be the path's name",
        {**urls(path("v<int:version>/auth/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
        {**urls(path("v<int:version>/auth/", include("fastauth_django.urls"))), **fastauth(COOKIE_PATH_REFRESH="/")},
    ),
    Case(
        "E036",
        "below a language",
        {**urls(*i18n_patterns(project.AUTH)), **SCOPED_REFRESH},
        {**urls(*i18n_patterns(path("", project.Page.as_view())), project.AUTH), **SCOPED_REFRESH},
    ),
    Case(
        "W072",
        "behind the front end's page",
        urls(re_path("^.*$", project.Page.as_view()), project.AUTH),
        urls(project.AUTH, re_path("^.*$", project.Page.as_view())),
    ),
    Case(
        "W072",
        "behind a function",
        urls(path("auth/login/", project.function_view), project.AUTH),
        urls(re_path("^auth/login/?$", project.OwnLogin.as_view()), project.AUTH),
    ),
    Case(
        "W062",
        "one tenant of many",
        {**urls(path("<slug:tenant>/auth/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
        {**urls(path("auth/<slug:tenant>/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
    ),
    Case(
        "W062",
        "one language of many",
        {**urls(*i18n_patterns(project.AUTH)), **fastauth(COOKIE_PATH_REFRESH="/en/auth")},
        {**urls(*i18n_patterns(project.AUTH)), **fastauth(COOKIE_PATH_REFRESH="/")},
    ),
    Case(
        "W062",
        "the default language",
        {**urls(*i18n_patterns(project.AUTH, prefix_default_language=False)), **SCOPED_REFRESH},
        {
            **urls(*i18n_patterns(project.AUTH, prefix_default_language=False)),
            **fastauth(COOKIE_PATH_REFRESH="/"),
        },
    ),
    Case(
        "W062",
        "a place that nobody can read",
        {**urls(re_path(r"^v1/x|auth/$", views.RefreshView.as_view())), **SCOPED_REFRESH},
        {**urls(re_path(r"^auth/(x|y)/?$", views.RefreshView.as_view())), **SCOPED_REFRESH},
    ),
    Case(
        "E036",
        "a slash that is optional",
        {**urls(re_path(r"^v1/refresh/?$", views.RefreshView.as_view())), **SCOPED_REFRESH},
        {**urls(re_path(r"^auth/refresh/?$", views.RefreshView.as_view())), **SCOPED_REFRESH},
    ),
    Case(
        "E036",
        "a language beside it",
        {**urls(*i18n_patterns(project.AUTH), path("v1/", include("fastauth_django.urls"))), **SCOPED_REFRESH},
        {**urls(project.AUTH), **SCOPED_REFRESH},
    ),
    Case(
        "W004",
        "elsewhere than the account",
        SCOPED_ACCESS,
        {**urls(path("api/auth/", include("fastauth_django.urls"))), **SCOPED_ACCESS},
    ),
    Case(
        "W004",
        "elsewhere than one route",
        {
            **urls(path("api/auth/", include("fastauth_django.urls")), path("me", views.MeView.as_view())),
            **SCOPED_ACCESS,
        },
        {
            **urls(
                path("auth/login", views.LoginView.as_view()),
                path("auth/refresh", views.RefreshView.as_view()),
                path("auth/logout", views.LogoutView.as_view()),
            ),
            **SCOPED_ACCESS,
        },
    ),
    Case(
        "W021",
        "no URL",
        urls(path("page", project.Page.as_view()), path("f", project.function_view)),
        urls(path("deep/", include(([path("er/", include("fastauth_django.urls", namespace="any"))], "app")))),
    ),
    Case(
        "W021",
        "a URLconf without classes",
        urls(path("f", project.function_view)),
        urls(path("sign-in", project.OwnLogin.as_view())),
    ),
    Case(
        "W021",
        "no URL in a project that could sign in",
        {**urls(path("page", project.Page.as_view())), **json_fastauth()},
        {**urls(path("page", project.Page.as_view())), **classes(STATELESS_CLASS), **json_fastauth()},
    ),
]

MIDDLEWARE = [
    Case(
        "E037",
        "Django's middleware puts its user in the place of the cookie's",
        middleware(CORS, AUTH_COOKIE, AUTHENTICATION),
        middleware(CORS, AUTHENTICATION, AUTH_COOKIE),
    ),
    Case(
        "E037",
        "classes that a project derived",
        middleware(CORS, f"{HERE}.OwnAuthCookieMiddleware", f"{HERE}.OwnAuthenticationMiddleware"),
        middleware(CORS, f"{HERE}.OwnAuthenticationMiddleware", f"{HERE}.OwnAuthCookieMiddleware"),
    ),
    Case(
        "E037", "told once", middleware(CORS, AUTH_COOKIE, AUTHENTICATION, AUTH_COOKIE), middleware(CORS, AUTH_COOKIE)
    ),
]

SOCKETS = [
    Case("W071", "Django's session alone", asgi("theirs"), asgi("ours")),
    Case("W071", "Django's session in the end", asgi("theirs_last"), asgi("ours_last")),
    Case("W071", "beside nobody", asgi("theirs"), asgi("nobodys")),
    Case("W071", "beside a site without sockets", asgi("theirs"), asgi("no_sockets")),
    Case("W071", "beside a site without Channels' router", asgi("theirs"), asgi("no_channels")),
    Case("W071", "beside a site without ASGI", asgi("theirs"), {"ASGI_APPLICATION": None}),
]

PROXY_HEADER = {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}


def proxies(count):
    return {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": [COOKIE_CLASS], "NUM_PROXIES": count}}


def without_list():
    """As where ``publicsuffixlist`` is not installed."""
    return mock.patch.object(domains, "_public_suffix_list", return_value=None)


HOST_NAMES = {"COOKIE_NAME_ACCESS": "__Host-access", "COOKIE_NAME_REFRESH": "__host-refresh"}
DECIDED = {"SIGN_UP_ENABLED": True, **HOST_NAMES}

DEPLOYMENT = [
    Case("W034", "plain names", fastauth(SIGN_UP_ENABLED=True), fastauth(**DECIDED)),
    Case(
        "W034",
        "one plain name",
        fastauth(**{**DECIDED, "COOKIE_NAME_REFRESH": "refresh"}),
        fastauth(**{**DECIDED, "COOKIE_NAME_REFRESH": "refresh", "COOKIE_PATH_REFRESH": "/auth"}),
    ),
    Case(
        "W034",
        "__Secure- where __Host- would do",
        fastauth(**{**DECIDED, "COOKIE_NAME_ACCESS": "__Secure-a"}),
        fastauth(COOKIE_NAME_ACCESS="__Secure-a", COOKIE_DOMAIN="example.com", SIGN_UP_ENABLED=False),
    ),
    Case(
        "W034",
        "a browser's view in a project for apps",
        {**json_fastauth(SIGN_UP_ENABLED=False), **urls(project.AUTH, path("login", project.OwnLogin.as_view()))},
        {**json_fastauth(SIGN_UP_ENABLED=False)},
    ),
    Case(
        "W034",
        "while developing with Secure cookies",
        {"DEBUG": True, **fastauth(SIGN_UP_ENABLED=True, COOKIE_SECURE=True)},
        {"DEBUG": True, **fastauth(SIGN_UP_ENABLED=True)},
    ),
    Case(
        "W034",
        "and not where another service names the cookies",
        fastauth(SIGN_UP_ENABLED=True),
        {**fastauth(), **urls(project.API), **classes(STATELESS_CLASS)},
    ),
    Case(
        "W035",
        "nobody decided",
        fastauth(**HOST_NAMES),
        fastauth(**HOST_NAMES, SIGN_UP_ENABLED=False),
    ),
    Case("W035", "in JSON delivery", json_fastauth(), json_fastauth(SIGN_UP_ENABLED=True)),
    Case("W035", "a sign-up without a word of FASTAUTH", {"FASTAUTH": {}}, {"FASTAUTH": {}, **NO_LOGIN}),
    Case("W022", "a cache in each process", cache(LOCMEM), PRODUCTION),
    Case("W022", "one derived from it", cache(f"{HERE}.OwnLocMemCache"), cache(f"{HERE}.SharedCache")),
    Case("W022", "no cache", cache("django.core.cache.backends.dummy.DummyCache"), PRODUCTION),
    Case("W022", "files", cache("django.core.cache.backends.filebased.FileBasedCache"), PRODUCTION),
    Case("W022", "no such backend", cache("missing.Cache"), PRODUCTION),
    Case("W022", "what is no backend", cache(f"{HERE}.function_view"), {**cache(f"{HERE}.function_view"), **NO_LOGIN}),
    Case(
        "W022",
        "no client for it",
        PRODUCTION,
        cache(f"{HERE}.SharedCache"),
        during=partial(mock.patch.dict, sys.modules, {"redis": None}),  # Importing it raises ImportError.
    ),
    Case(
        "W022",
        "the database",
        cache("django.core.cache.backends.db.DatabaseCache"),
        {**cache("django.core.cache.backends.db.DatabaseCache"), **NO_LOGIN},
    ),
    Case(
        "W073",
        "a sign-in of its own",
        fastauth(LOGIN_SERIALIZER=f"{HERE}.AsksElsewhere", **DECIDED),
        fastauth(LOGIN_SERIALIZER=f"{HERE}.SignsIn", **DECIDED),
    ),
    Case(
        "W073",
        "a route for it",
        fastauth(LOGIN_SERIALIZER=f"{HERE}.AsksElsewhere", **DECIDED),
        {**fastauth(LOGIN_SERIALIZER=f"{HERE}.AsksElsewhere", **DECIDED), **NO_LOGIN},
    ),
    Case("W026", "a domain, and no list to look in", fastauth(COOKIE_DOMAIN="example.com"), fastauth(), without_list),
    Case("W026", "a wildcard", trusted("https://*.example.com"), trusted("https://app.example.com"), without_list),
    Case("W023", "nobody said how many", {**fastauth(**DECIDED), **proxies(None)}, fastauth(**DECIDED)),
    Case(
        "W023",
        "a proxy that says who calls",
        {**fastauth(**DECIDED), **PROXY_HEADER, **proxies(None)},
        {**fastauth(**DECIDED), **PROXY_HEADER, **proxies(1)},
    ),
]

NOT_CHECKED = [
    Case(
        "W024",
        "a class that cannot be imported",
        classes("fastauth_django.authentication.CookieJwtAuthentication"),
        classes(COOKIE_CLASS),
    ),
    Case("W024", "an empty SECRET_KEY", {"SECRET_KEY": ""}, {"SECRET_KEY": KEY}, in_production),
    Case("W024", "a user model that is not there", {"AUTH_USER_MODEL": "nowhere.User"}, {}),
]


def bound(**keys):
    return fastauth(DEVICE_BINDING="optional", **keys)


NO_ACCOUNT = urls(
    path("auth/login", views.LoginView.as_view()),
    path("auth/", include(([path("device/bind", DeviceBindView.as_view(), name="device-bind")], "fastauth"))),
)
SCOPED_BINDING = bound(COOKIE_PATH_ACCESS="/auth")
SCOPED_ACCOUNT = {**NO_ACCOUNT, **SCOPED_BINDING}
NAMESPACED = path("api/", include(([path("auth/", include("fastauth_django.urls"))], "api")))

DEVICE_BINDING = [
    Case("E004", "binding some", fastauth(DEVICE_BINDING="sometimes"), fastauth(DEVICE_BINDING="required")),
    Case("E012", "no time for a bound cookie", bound(BOUND_ACCESS_TOKEN_TTL=0), bound(BOUND_ACCESS_TOKEN_TTL=60)),
    Case("E040", "no cryptography", bound(), fastauth(), lambda: mock.patch.object(algorithms, "has_crypto", False)),
    Case("E041", "tokens in the body", json_fastauth(DEVICE_BINDING="required"), json_fastauth()),
    Case(
        "E041",
        "tokens in the body everywhere",
        json_fastauth(DEVICE_BINDING="optional"),
        {**urls(project.AUTH, path("web", project.OwnLogin.as_view())), **json_fastauth(DEVICE_BINDING="optional")},
    ),
    Case(
        "E042",
        "only a view of its own",
        {**urls(path("sign-in", project.OwnLogin.as_view())), **bound()},
        {**urls(NAMESPACED), **bound()},
    ),
    Case(
        "E042",
        "only a view of its own, below a variable",
        {**urls(path("<tenant>/sign-in", project.OwnLogin.as_view())), **bound()},
        {**urls(path("<tenant>/", include("fastauth_django.urls"))), **bound()},
    ),
    Case("E043", "plain HTTP", bound(COOKIE_SECURE=False), {"DEBUG": True, **bound()}),
    Case(
        "E044",
        "partitioned",
        bound(COOKIE_SAMESITE="none"),
        bound(COOKIE_SAMESITE="none", COOKIE_PARTITIONED=False),
    ),
    Case("W004", "no cookie at device/bind", {**bound(COOKIE_PATH_ACCESS="/api"), **NO_ACCOUNT}, SCOPED_ACCOUNT),
    Case("W039", "a bound cookie of seconds", bound(BOUND_ACCESS_TOKEN_TTL=59), bound(BOUND_ACCESS_TOKEN_TTL=60)),
    Case("W039", "unless nothing is bound", bound(BOUND_ACCESS_TOKEN_TTL=59), fastauth(BOUND_ACCESS_TOKEN_TTL=59)),
    Case(
        "E006",
        "the device cookie",
        bound(COOKIE_NAME_DEVICE="refresh_token"),
        fastauth(COOKIE_NAME_DEVICE="refresh_token"),
    ),
    Case("E007", "the device cookie", bound(COOKIE_NAME_DEVICE="a b"), bound(COOKIE_NAME_DEVICE="a-b")),
    Case(
        "E008",
        "the device cookie",
        bound(COOKIE_NAME_DEVICE="__Host-device", COOKIE_DOMAIN="example.com"),
        bound(COOKIE_NAME_DEVICE="__Host-device"),
    ),
    Case(
        "E009",
        "the device cookie",
        {"DEBUG": True, **bound(COOKIE_NAME_DEVICE="__Secure-device")},
        {"DEBUG": True, **bound(COOKIE_NAME_DEVICE="secure-device")},
    ),
    Case("E020", "the device cookie", bound(COOKIE_NAME_DEVICE="csrftoken"), bound(COOKIE_NAME_DEVICE="device")),
    Case(
        "W004",
        "no device cookie at logout",
        {**urls(path("bye", views.LogoutView.as_view()), *NO_ACCOUNT["ROOT_URLCONF"]), **SCOPED_BINDING},
        {**urls(path("auth/bye", views.LogoutView.as_view()), *NO_ACCOUNT["ROOT_URLCONF"]), **SCOPED_BINDING},
    ),
    Case(
        "W004",
        "no device cookie at device/refresh",
        {**urls(path("renew", DeviceRefreshView.as_view()), *NO_ACCOUNT["ROOT_URLCONF"]), **SCOPED_BINDING},
        {**urls(path("auth/renew", DeviceRefreshView.as_view()), *NO_ACCOUNT["ROOT_URLCONF"]), **SCOPED_BINDING},
    ),
    Case("W030", "the bound cookie lives longer", bound(ACCESS_TOKEN_TTL=60), bound(ACCESS_TOKEN_TTL=300)),
]

VERIFY = path("verify", TokenVerifyView.as_view())
SETTLED = fastauth(**DECIDED)
LIST = {"get": "list"}

VIEWS = [
    Case(
        "W050",
        "a view of simplejwt's class",
        urls(project.AUTH, path("old", project.Leftover.as_view())),
        urls(path("old", project.Leftover.as_view())) | classes(STATELESS_CLASS),
    ),
    Case(
        "W050",
        "inside a decorator and an include",
        urls(project.AUTH, path("v1/", include([path("old", project.wrapped_view(project.Leftover.as_view()))]))),
        urls(project.AUTH, path("v1/", include([path("old", project.wrapped_view(project.Page.as_view()))]))),
    ),
    Case(
        "W050",
        "an action's own class",
        urls(project.AUTH, path("old", project.Api.as_view(authentication_classes=[JWTAuthentication]))),
        urls(project.AUTH, path("old", project.Leftover.as_view(authentication_classes=[CookieJWTAuthentication]))),
    ),
    Case(
        "W051",
        "a session before ours in a ViewSet",
        urls(project.AUTH, path("books", project.SessionFirst.as_view(LIST))),
        urls(project.AUTH, path("books", project.SessionFirst.as_view(LIST, authentication_classes=[]))),
    ),
    Case(
        "W050",
        "chosen by get_authenticators",
        urls(project.AUTH, path("old", project.ChoosesByMethod.as_view(first=JWTAuthentication))),
        urls(project.AUTH, path("old", project.ChoosesByMethod.as_view(first=CookieJWTAuthentication))),
    ),
    Case(
        "W050",
        "chosen by a property",
        urls(project.AUTH, path("old", project.ChoosesInProperty.as_view(reads_cookies=False))),
        urls(project.AUTH, path("old", project.ChoosesInProperty.as_view())),
    ),
    Case(
        "W050",
        "named, and not replaced by get_authenticators",
        urls(project.AUTH, path("old", project.AsksTheTenant.as_view())),
        urls(project.AUTH, path("old", project.LeftoverReplaced.as_view())),
    ),
    Case(
        "W050",
        "a function inside decorators and a partial",
        urls(project.AUTH, path("old", never_cache(partial(project.leftover_function, page=1)))),
        urls(project.AUTH, path("old", never_cache(partial(project.function_view)))),
    ),
    Case(
        "W050",
        "an action of a router's ViewSet",
        urls(project.AUTH, path("v1/", include(project.router_of(JWTAuthentication).urls))),
        urls(project.AUTH, path("v1/", include(project.router_of(CookieJWTAuthentication).urls))),
    ),
    Case(
        "W051",
        "a session first in get_authenticators",
        urls(project.AUTH, path("old", project.ChoosesByMethod.as_view(first=SessionAuthentication))),
        urls(project.AUTH, path("old", project.OwnChallenge.as_view(first=SessionAuthentication))),
    ),
    Case(
        "W051",
        "a session first for one action",
        urls(project.AUTH, path("books", project.ChoosesByAction.as_view({"get": "list", "post": "create"}))),
        urls(project.AUTH, path("books", project.ChoosesByAction.as_view({"get": "list"}))),
    ),
    Case(
        "W061",
        "the table of an app that is gone",
        without_app("django.contrib.admin"),
        {},
        databases=("default",),
    ),
    Case(
        "W052",
        "simplejwt's sign-in",
        {**urls(project.AUTH, project.SIMPLEJWT), **SETTLED},
        {**urls(project.AUTH, VERIFY), **SETTLED},
    ),
    Case(
        "W052",
        "REST framework's",
        {**urls(project.AUTH, path("token", obtain_auth_token)), **SETTLED},
        {**urls(project.AUTH), **SETTLED},
    ),
    Case(
        "W052",
        "one made of dj-rest-auth's",
        {**urls(project.AUTH, path("token", type("OwnLogin", (project.PEERS_LOGIN,), {}).as_view())), **SETTLED},
        {**urls(project.AUTH, path("token", project.Page.as_view())), **SETTLED},
    ),
    Case("W053", "left on", fastauth(**DECIDED, ACCEPT_TOKENS_WITHOUT_SESSION=True), SETTLED),
]

#: These run with django-allauth in INSTALLED_APPS: tests/allauth/test_checks.py.
REFRESH = urls(project.REFRESH)
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
ACCOUNT = "allauth.account.middleware.AccountMiddleware"
ALLAUTH_MIDDLEWARE = "fastauth_django.contrib.allauth.AllauthMiddleware"
RIGHT_ORDER = [CORS, SESSION, AUTHENTICATION, AUTH_COOKIE, ACCOUNT, ALLAUTH_MIDDLEWARE]


def with_middleware(*paths):
    return {**REFRESH, **middleware(*paths)}


def without_ours():
    """allauth signs people in to Django's session, as the project wants it."""
    adapter = {"ACCOUNT_ADAPTER": "allauth.account.adapter.DefaultAccountAdapter"}
    strategy = {"HEADLESS_TOKEN_STRATEGY": "allauth.headless.tokens.strategies.sessions.SessionTokenStrategy"}
    return {**with_middleware(*RIGHT_ORDER[:-1]), **adapter, **strategy}


def secured_admin():
    site = AdminSite("secured")
    site.login = never_cache(site.login)
    return path("admin/", site.urls)


ALLAUTH = [
    Case("E064", "all our routes", urls(project.AUTH), REFRESH),
    Case(
        "E064", "a sign-in of the project's own", urls(project.REFRESH, path("in", project.OwnLogin.as_view())), REFRESH
    ),
    Case(
        "E064",
        "a password can be changed",
        urls(project.REFRESH, path("password", views.ChangePasswordView.as_view())),
        urls(project.REFRESH, path("me", views.MeView.as_view())),
    ),
    Case("E064", "with a sign-in of allauth's own", {**without_ours(), **urls(project.AUTH)}, without_ours()),
    Case(
        "W065",
        "the admin's own page",
        urls(project.REFRESH, path("admin/", admin.site.urls)),
        urls(project.REFRESH, secured_admin()),
    ),
    Case(
        "W074",
        "the page of the browsable API",
        urls(project.REFRESH, path("api-auth/", include("rest_framework.urls"))),
        urls(project.REFRESH, path("in", type("OwnPage", (auth_views.LoginView,), {}).as_view())),
    ),
    Case(
        "W074",
        "Django's own page",
        urls(project.REFRESH, path("in", auth_views.LoginView.as_view())),
        urls(project.REFRESH, path("in", never_cache(auth_views.LoginView.as_view()))),
    ),
    Case(
        "E066",
        "its sessions",
        {**REFRESH, "INSTALLED_APPS": [*settings.INSTALLED_APPS, "allauth.usersessions"]},
        {**without_ours(), "INSTALLED_APPS": [*settings.INSTALLED_APPS, "allauth.usersessions"]},
    ),
    Case(
        "E067",
        "sessions in cookies",
        {**REFRESH, "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"},
        {**REFRESH, "SESSION_ENGINE": "django.contrib.sessions.backends.cached_db"},
    ),
    Case("E068", "no middleware of ours", with_middleware(*RIGHT_ORDER[:-1]), with_middleware(*RIGHT_ORDER)),
    Case("E068", "only the middleware", {**without_ours(), **middleware(*RIGHT_ORDER)}, without_ours()),
    Case(
        "E068",
        "no strategy for apps",
        {**REFRESH, "HEADLESS_TOKEN_STRATEGY": "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"},
        {**REFRESH, "HEADLESS_TOKEN_STRATEGY": None, "HEADLESS_CLIENTS": ["browser"]},
    ),
    Case(
        "E069",
        "before the cookies are read",
        with_middleware(CORS, SESSION, AUTHENTICATION, ACCOUNT, ALLAUTH_MIDDLEWARE, AUTH_COOKIE),
        with_middleware(CORS, SESSION, AUTHENTICATION, f"{HERE}.OwnAuthCookieMiddleware", ACCOUNT, ALLAUTH_MIDDLEWARE),
    ),
    Case(
        "E069",
        "before allauth's own",
        with_middleware(CORS, SESSION, AUTHENTICATION, AUTH_COOKIE, ALLAUTH_MIDDLEWARE, ACCOUNT),
        with_middleware(*RIGHT_ORDER),
    ),
    Case(
        "W070",
        "a version that nobody has run",
        REFRESH,
        REFRESH,
        during=partial(mock.patch, "fastauth_django.checks.allauth.version", return_value="66.0.1"),
    ),
]

CASES = [
    *VIEWS,
    *TYPES,
    *COOKIES,
    *CSRF_RULE,
    *CORS_RULES,
    *KEYS,
    *LIFETIMES,
    *CLASSES,
    *MIDDLEWARE,
    *SOCKETS,
    *URLS,
    *DEVICE_BINDING,
    *DEPLOYMENT,
    *NOT_CHECKED,
    *ALLAUTH,
]
