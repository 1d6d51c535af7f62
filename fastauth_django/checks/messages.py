"""Every message of ``manage.py check``: what would happen, and how to mend it.

This file is the list; the rules stand beside it, one module per subject. The documentation is made from
:data:`REFERENCE`. A number is never given to another message, because projects silence messages by id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core import checks

REFERENCE: dict[str, Message] = {}
#: Numbers of messages that are gone. Projects silence messages by number, so no other message may have one of these.
RETIRED = {"E032"}


@dataclass(frozen=True)
class Message:
    """One thing that can be wrong. ``text`` and ``hint`` are templates for ``str.format``.

    Raises ``ValueError`` if another message has this number, or had it.
    """

    number: str
    text: str
    hint: str
    #: Said by ``manage.py check --deploy`` alone: it is no fault on a developer's machine.
    deploy: bool = False

    def __post_init__(self) -> None:
        if self.id in REFERENCE or self.number in RETIRED:
            raise ValueError(f"{self.id} is taken.")
        REFERENCE[self.id] = self

    @property
    def id(self) -> str:
        return f"fastauth_django.{self.number}"

    @property
    def level(self) -> str:
        return "Error" if self.number.startswith("E") else "Warning"

    def __call__(self, **values: Any) -> checks.CheckMessage:
        kind = checks.Error if self.level == "Error" else checks.Warning
        return kind(self.text.format(**values), hint=self.hint.format(**values), id=self.id)


# --- Types ---------------------------------------------------------------------------------------------------------

NOT_A_DICT = Message("E001", "FASTAUTH is not a dict, so no setting of it can be read.", "Write FASTAUTH = {{...}}.")
UNKNOWN_KEY = Message("E002", "FASTAUTH[{key!r}] does not exist, so it has no effect.", "{suggestion}")
WRONG_TYPE = Message(
    "E003", "FASTAUTH[{key!r}] has the wrong type: the first request that needs it fails.", "It must be {kind}."
)
WRONG_VALUE = Message(
    "E004", "FASTAUTH[{key!r}] is {value!r}: the first request that needs it fails.", "It must be {kind}."
)
WRONG_PROJECT_TYPE = Message(
    "E014",
    "{setting} has the wrong type or is out of range: the first request that needs it fails.",
    "It must be {kind}.",
)

# --- Cookies -------------------------------------------------------------------------------------------------------

SAMESITE_NONE_NOT_SECURE = Message(
    "E005",
    'COOKIE_SAMESITE is "none" and the cookies are not Secure: browsers refuse to store them.',
    "Set COOKIE_SECURE to True and serve the site over HTTPS. On http://localhost browsers take Secure cookies too.",
)
SAME_NAMES = Message(
    "E006",
    "COOKIE_NAME_ACCESS and COOKIE_NAME_REFRESH are both {name!r}: one cookie overwrites the other.",
    "Give them different names.",
)
ILLEGAL_NAME = Message(
    "E007",
    "{key} is {name!r}, which cannot be a cookie's name (RFC 6265, section 4.1.1): no answer can set it.",
    'Use letters, digits and -_. only, and none of the attributes\' own names, such as "path".',
)
HOST_PREFIX = Message(
    "E008",
    "{name!r} starts with __Host-, so browsers store it only with Secure, Path=/ and no Domain. It would be dropped.",
    'Set COOKIE_SECURE to True, {path_key} to "/" and COOKIE_DOMAIN to None, or use the prefix __Secure-.',
)
SECURE_PREFIX = Message(
    "E009",
    "{name!r} starts with __Secure-, so browsers store it only with Secure. It would be dropped.",
    "Set COOKIE_SECURE to True.",
)
DEBUG_IN_PRODUCTION = Message(
    "E010",
    "FASTAUTH['DEBUG'] is on while Django's DEBUG is off: cookies would travel over plain HTTP. Never in production.",
    "Remove DEBUG from FASTAUTH; it follows settings.DEBUG.",
)
PARTITIONED_NOT_SECURE = Message(
    "E015",
    "COOKIE_PARTITIONED is True and the cookies are not Secure: browsers refuse to store them.",
    "Set COOKIE_SECURE to True, or remove COOKIE_PARTITIONED.",
)
ILLEGAL_PATH = Message(
    "E016",
    "{key} is {path!r}, which is no cookie path: browsers take another one in its place, or none of the URLs match it.",
    'A path begins with "/" and holds neither spaces, ";" nor characters beyond ASCII.',
)
ILLEGAL_DOMAIN = Message(
    "E017",
    "{key} is {domain!r}, which is no domain name: browsers refuse to store the cookies.",
    'Write the name alone, such as "example.com": no scheme, port or path, and "xn--" labels beyond ASCII.',
)
PUBLIC_SUFFIX = Message(
    "E018",
    "COOKIE_DOMAIN is {domain!r}, a public suffix ({source}). Anyone can register a name under it, so browsers refuse "
    "to store the cookies.",
    "Set COOKIE_DOMAIN to your own domain, or remove it.",
)
DOMAIN_NOT_SERVED = Message(
    "E019",
    "COOKIE_DOMAIN is {domain!r} and no host of ALLOWED_HOSTS is in it: browsers refuse to store the cookies.",
    "Set COOKIE_DOMAIN to a domain that the site is served under, or remove it.",
)
NAME_TAKEN = Message(
    "E020",
    "{key} is {name!r}, which is Django's {owner} too: one cookie overwrites the other.",
    "Give them different names.",
)
SCRIPT_CAN_READ = Message(
    "W001",
    "COOKIE_HTTPONLY is False: any script on the page, an injected one too, can read the tokens and send them away.",
    "Remove it. JavaScript needs no token: the browser sends the cookies, and answers hold expires_in.",
)
NOT_SECURE = Message(
    "W002",
    "COOKIE_SECURE is False while DEBUG is off: the cookies would travel over plain HTTP for anyone to copy.",
    "Remove it, and serve the site over HTTPS.",
)
FORMER_IS_TODAYS = Message(
    "W005",
    "COOKIE_FORMER lists {name!r} as it is today: to browsers it is the same cookie, so there is nothing to clear.",
    "Remove it, or write the path and domain that the old cookie had.",
)

# --- CSRF ----------------------------------------------------------------------------------------------------------

CSRF_OFF_ACROSS_SITES = Message(
    "E021",
    'CSRF_PROTECTION is None and COOKIE_SAMESITE is "none": a page of any site acts as whoever visits it.',
    'Remove CSRF_PROTECTION (the default, "origin", needs no token), and name your front ends in CORS_ORIGINS.',
)
CSRF_COOKIE_STAYS_HOME = Message(
    "E022",
    'CSRF_PROTECTION is "token" and COOKIE_SAMESITE is "none", but browsers do not send Django\'s CSRF cookie from '
    "another site: every refresh and every unsafe request from there is refused.",
    'Use CSRF_PROTECTION "origin", which needs no cookie, or set CSRF_COOKIE_SAMESITE to "None" and CSRF_COOKIE_SECURE '
    "to True.",
)
TRUSTS_A_SUFFIX = Message(
    "E025",
    "CSRF_TRUSTED_ORIGINS has {origin!r}, every name under a public suffix ({source}). Anyone can register a name "
    "there, and its pages can act as the user who visits them.",
    "List the origins of your own front ends.",
)
CSRF_OFF = Message(
    "W006",
    "CSRF_PROTECTION is None: a page on a sibling subdomain acts as whoever visits it, and any page can sign visitors "
    "into another account. SameSite does not stop that.",
    'Remove it. The default, "origin", needs no token and no cookie of its own.',
)
NO_CSRF_MIDDLEWARE = Message(
    "W007",
    'CSRF_PROTECTION is "token" and no CsrfViewMiddleware is in MIDDLEWARE: nothing writes the CSRF cookie at '
    "sign-in, and every refresh, sign-out and unsafe request without it is refused.",
    "Add 'django.middleware.csrf.CsrfViewMiddleware' to MIDDLEWARE, or use CSRF_PROTECTION \"origin\".",
)
CSRF_TOKEN_HIDDEN = Message(
    "W008",
    'CSRF_PROTECTION is "token" and {setting} is True, so a script cannot read the token. Signing in changes it, '
    "and the one in a page that was rendered before is refused.",
    'Remove {setting}, reload the page after signing in, or use CSRF_PROTECTION "origin".',
)
CORS_ORIGIN_NOT_TRUSTED = Message(
    "W025",
    'CSRF_PROTECTION is "token", and CORS_ORIGINS has {origin!r} while CSRF_TRUSTED_ORIGINS has not: Django\'s check '
    "refuses every refresh, sign-out and unsafe request of its pages.",
    'Add it to CSRF_TRUSTED_ORIGINS, or use CSRF_PROTECTION "origin", which trusts CORS_ORIGINS.',
)

# --- CORS ----------------------------------------------------------------------------------------------------------

NOT_AN_ORIGIN = Message(
    "E023",
    "CORS_ORIGINS has {origin!r}, which {reason}. It is compared with what browsers send, so no page is let in by it.",
    "Write what browsers send: scheme://host, with a port where it is not the scheme's own, in lower case.",
)
CORS_OPEN_TO_ALL = Message(
    "E024",
    "{setting} lets in every site and CORS_ALLOW_CREDENTIALS is True: any page reads what the visitor's cookies open.",
    "Remove it, and name your front ends in FASTAUTH['CORS_ORIGINS'].",
)
NO_CORS_APP = Message(
    "W009",
    "CORS_ORIGINS is set and django-cors-headers is not in INSTALLED_APPS: browsers keep the answers from those pages.",
    "Install fastauth-django[cors] and add 'corsheaders' to INSTALLED_APPS. If a proxy writes the CORS headers, "
    "silence this.",
)
NO_CORS_MIDDLEWARE = Message(
    "W010",
    "CORS_ORIGINS is set and django-cors-headers' middleware is not in MIDDLEWARE: browsers keep the answers from "
    "those pages.",
    "Put 'corsheaders.middleware.CorsMiddleware' first in MIDDLEWARE.",
)
CORS_MIDDLEWARE_LATE = Message(
    "W011",
    "{other} stands before CorsMiddleware in MIDDLEWARE. What it answers by itself has no CORS headers, and browsers "
    "keep such answers from the pages in CORS_ORIGINS.",
    "Put 'corsheaders.middleware.CorsMiddleware' first.",
)
NO_CORS_CREDENTIALS = Message(
    "W012",
    "CORS_ORIGINS is set and CORS_ALLOW_CREDENTIALS is not: browsers neither keep the cookies of an answer to those "
    "pages nor let them read it.",
    "Set CORS_ALLOW_CREDENTIALS = True.",
)
HTTP_ORIGIN = Message(
    "W013",
    "CORS_ORIGINS has {origin!r} and the cookies are Secure. To browsers http and https are two sites, so Lax and "
    "Strict cookies stay away, and anyone on the way can rewrite an http page that is trusted here.",
    "Serve the front end over HTTPS.",
)
CORS_NOT_TRUSTED = Message(
    "W014",
    "{setting} lets in {origin!r} with credentials and the CSRF rule does not trust it: its pages can read, but every "
    "sign-in, refresh and unsafe request of theirs is refused.",
    "Name it in FASTAUTH['CORS_ORIGINS'], which serves both, or in CSRF_TRUSTED_ORIGINS.",
)

# --- Keys and claims -----------------------------------------------------------------------------------------------

SHORT_KEY = Message(
    "E011",
    "{key} signs or verifies tokens with {length} bytes, and {algorithm} needs at least {needed} (RFC 7518, section "
    "3.2): whoever guesses it is every user.",
    "Use a longer SECRET_KEY, or SIMPLE_JWT['SIGNING_KEY'].",
)
UNKNOWN_ALGORITHM = Message(
    "E026",
    "SIMPLE_JWT['ALGORITHM'] is {algorithm!r}, which is not known: no token can be signed or verified.",
    "Use one of {known}.",
)
NO_CRYPTOGRAPHY = Message(
    "E027",
    "SIMPLE_JWT['ALGORITHM'] is {algorithm!r} and the package cryptography is not installed: no token can be signed or "
    "verified.",
    "Install cryptography.",
)
MISSING_KEY = Message(
    "E028",
    "SIMPLE_JWT['ALGORITHM'] is {algorithm!r} and there is no {missing}: {consequence}.",
    "Set the private key as SIGNING_KEY, and the public one as VERIFYING_KEY or by JWK_URL.",
)
TOKENS_FAIL = Message(
    "E029",
    "A token that SIMPLE_JWT's settings sign cannot be read with them ({reason}): nobody can sign in.",
    "SIGNING_KEY and VERIFYING_KEY must be a pair and belong to ALGORITHM; look at LEEWAY, AUDIENCE and ISSUER too.",
)
CLAIM_TAKEN = Message(
    "E030",
    "SIMPLE_JWT['{key}'] is {claim!r}, a claim that tokens need for something else: they would be refused.",
    "Choose another name.",
)
NO_USER_ID = Message(
    "E031",
    "SIMPLE_JWT['USER_ID_FIELD'] is {field!r}, which {model} does not have: signing in fails.",
    "Name a unique field of the user model, or remove the key: the primary key serves.",
)
TOKEN_TYPE_UNCHECKED = Message(
    "W015",
    "SIMPLE_JWT['TOKEN_TYPE_CLAIM'] is None: simplejwt's own classes and views then take any token for any other. This "
    "app looks at the type all the same.",
    "Remove it.",
)
FLAG_IGNORED = Message(
    "W016",
    "SIMPLE_JWT['{flag}'] is True and does nothing here: {instead}.",
    "Remove it.",
)

# --- Lifetimes -----------------------------------------------------------------------------------------------------

NO_LIFETIME = Message(
    "E012",
    "{key} is less than one second: everything it is the life of is dead when it is born.",
    "Give it a positive value.",
)
INVERTED_LIFETIMES = Message(
    "E013",
    "{short} ({short_value}) is shorter than {long} ({long_value}): a session ends before its first access token does, "
    "and can never be refreshed.",
    "Lengthen the first or shorten the second.",
)
LIFETIME_TWICE = Message(
    "W017",
    "FASTAUTH['{key}'] ({value}) and SIMPLE_JWT['{simplejwt_key}'] ({simplejwt_value}) differ: FASTAUTH's counts.",
    "Remove one of them.",
)
REMEMBERED_SHORTER = Message(
    "W018",
    "REMEMBER_ME_TTL ({remember}) is shorter than REFRESH_TOKEN_TTL ({refresh}): whoever asks to be remembered is "
    "forgotten sooner.",
    "Lengthen REMEMBER_ME_TTL.",
)

# --- Device binding ------------------------------------------------------------------------------------------------

NO_BINDING_CRYPTOGRAPHY = Message(
    "E040",
    "DEVICE_BINDING is set and the package cryptography is not installed: no proof of a device can be verified, and "
    "signing in fails.",
    "Install fastauth-django[device-binding].",
)
NOTHING_TO_BIND = Message(
    "E041",
    "DEVICE_BINDING is set and no view delivers cookies: what browsers bind to a device is a cookie.",
    'Set TOKEN_DELIVERY to "cookie", or remove DEVICE_BINDING.',
)
NO_DEVICE_ROUTES = Message(
    "E042",
    "DEVICE_BINDING is set and no URL without a variable leads to device/bind and device/refresh: signing in fails.",
    'Add path("auth/", include("fastauth_django.urls")) to the URLconf.',
)
BINDING_NOT_SECURE = Message(
    "E043",
    "DEVICE_BINDING is set and the cookies are not Secure: browsers bind sessions over HTTPS only.",
    "Remove COOKIE_SECURE, and serve the site over HTTPS.",
)
BINDING_PARTITIONED = Message(
    "E044",
    "DEVICE_BINDING is set and the cookies are Partitioned: browsers bind no such cookie, so no session is bound.",
    "Set COOKIE_PARTITIONED to False. A front end on another site then needs visitors who allow third-party cookies.",
)
BOUND_LONGER = Message(
    "W030",
    "BOUND_ACCESS_TOKEN_TTL ({bound}) is longer than ACCESS_TOKEN_TTL ({access}): binding a session gives a thief more "
    "time instead of less.",
    "Shorten it. The browser renews the cookie by itself, so a few minutes do.",
)

# --- Classes -------------------------------------------------------------------------------------------------------

NOT_A_SERIALIZER = Message(
    "E033",
    "FASTAUTH['{key}'] {fault}: the first request that needs it fails.",
    "Name a class derived from the built-in one, fastauth_django.serializers.{builtin}.",
)
NOT_A_CLAIMS_FUNCTION = Message(
    "E034",
    "FASTAUTH['TOKEN_CLAIMS'] {fault}: nobody can sign in.",
    "Name a function (user, claims) that returns the claims.",
)
BROKEN_USER_MODEL = Message(
    "E035",
    "{model} has no {missing}: signing in, or the first request after it, fails.",
    "Derive the user model from django.contrib.auth.base_user.AbstractBaseUser.",
)
CLASS_NOT_DEFAULT = Message(
    "W003",
    "Tokens are delivered in cookies and no class in REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'] reads them: "
    "whoever signs in stays anonymous for every view that names no class of its own.",
    "Add 'fastauth_django.authentication.CookieJWTAuthentication'.",
)
SESSION_UNCHECKED = Message(
    "W019",
    "{other} in REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'] takes this app's access tokens without a look at "
    "their session: signing out, ending a session and a new password do not count until the token runs out.",
    "Put 'fastauth_django.authentication.CookieJWTAuthentication' in its place, or before it.",
)
NO_CHALLENGE = Message(
    "W020",
    "{other} stands first in REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'] and names no challenge, so REST "
    "framework answers 403 where it should answer 401: a client does not know that it should refresh.",
    "Put 'fastauth_django.authentication.CookieJWTAuthentication' first.",
)

# --- Middleware ----------------------------------------------------------------------------------------------------

AUTHENTICATION_LATE = Message(
    "E037",
    "{django} stands after {ours} in MIDDLEWARE and puts its own user in the place of the cookie's: whoever signed in "
    "with cookies is anonymous in Django's views.",
    "Put {ours} after it.",
)

# --- URLs ----------------------------------------------------------------------------------------------------------

REFRESH_PATH = Message(
    "E036",
    "COOKIE_PATH_REFRESH is {path!r}, so browsers do not send the refresh cookie to {urls}: a refresh fails, and a "
    "sign-out leaves the session alive.",
    'Use a path above both URLs, or "/". If a proxy takes a prefix off the URLs, name it in FORCE_SCRIPT_NAME.',
)
ACCESS_PATH = Message(
    "W004",
    "COOKIE_PATH_ACCESS is {path!r}, so browsers do not send the access cookie to {urls}: 401 for whoever signed in.",
    'Use a path above all URLs that need it, or "/". If a proxy takes a prefix off the URLs, name it in '
    "FORCE_SCRIPT_NAME.",
)
URLS_NOT_INCLUDED = Message(
    "W021",
    "No URL leads to a view of this app: nobody can sign in, refresh or sign out through it.",
    'Add path("auth/", include("fastauth_django.urls")) to the URLconf.',
)

# --- Throttling ----------------------------------------------------------------------------------------------------

LIMIT_NOT_SHARED = Message(
    "W022",
    "Failed sign-ins are counted in the default cache, and {backend} {fault}: more passwords can be guessed than "
    "LOGIN_FAILURE_LIMIT says.",
    "Use Redis or Memcached for CACHES['default'].",
    deploy=True,
)
PROXY_NOT_COUNTED = Message(
    "W023",
    "{setting} says that there is a proxy and REST_FRAMEWORK['NUM_PROXIES'] is not set: every client has the proxy's "
    "address, so the failures of one keep all others out, and sessions show the proxy.",
    "Set NUM_PROXIES to how many proxies append to X-Forwarded-For, or to 0 if REMOTE_ADDR is the client's.",
    deploy=True,
)

# --- What could not be looked at -----------------------------------------------------------------------------------

NOT_CHECKED = Message(
    "W024",
    "A part of the configuration could not be checked: {error}.",
    "A request may fail with the same error. If the configuration is right, the check is wrong: please report it.",
)
