"""Every message of ``manage.py check``: what is wrong, what happens then, and what to do.

This module is the list; the rules are in the modules beside it, one for each subject. The documentation is made from
:data:`REFERENCE`.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    #: Only ``manage.py check --deploy`` prints it: it is no fault on a developer's machine.
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

    def __call__(self, **values: object) -> checks.CheckMessage:
        kind = checks.Error if self.level == "Error" else checks.Warning
        return kind(self.text.format(**values), hint=self.hint.format(**values), id=self.id)


# --- Types ---------------------------------------------------------------------------------------------------------

NOT_A_DICT = Message(
    "E001",
    "FASTAUTH is not a dict: this app cannot read its settings, and the first request fails.",
    "Write FASTAUTH = {{...}}.",
)
UNKNOWN_KEY = Message("E002", "FASTAUTH[{key!r}] is not a setting of this app: it has no effect.", "{suggestion}")
WRONG_TYPE = Message(
    "E003", "FASTAUTH[{key!r}] has the wrong type: the first request that needs it fails.", "It must be {kind}."
)
WRONG_VALUE = Message(
    "E004",
    "FASTAUTH[{key!r}] is {value!r}, which is not allowed: the first request that needs it fails.",
    "It must be {kind}.",
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
    "Set COOKIE_SECURE to True and serve the site over HTTPS. From http://localhost Chromium and Firefox take Secure "
    "cookies too, and Safari does not.",
)
SAME_NAMES = Message(
    "E006",
    "{first} and {second} are both {name!r}: one cookie overwrites the other.",
    "Give them different names.",
)
ILLEGAL_NAME = Message(
    "E007",
    "{key} is {name!r}, which is not a legal cookie name (RFC 6265, section 4.1.1): this app can neither set nor clear "
    "the cookie, so signing in fails.",
    'Use only letters, digits, "-", "_" and ".", and not the name of a cookie attribute, such as "path".',
)
HOST_PREFIX = Message(
    "E008",
    'The cookie name {name!r} starts with __Host-. Browsers store such a cookie only if it is Secure, has the path "/" '
    "and has no domain: they refuse to store this one.",
    'Set COOKIE_SECURE to True, {path_key} to "/" and COOKIE_DOMAIN to None, or use the prefix __Secure-.',
)
SECURE_PREFIX = Message(
    "E009",
    "The cookie name {name!r} starts with __Secure-. Browsers store such a cookie only if it is Secure: they refuse to "
    "store this one.",
    "Set COOKIE_SECURE to True.",
)
DEBUG_IN_PRODUCTION = Message(
    "E010",
    "FASTAUTH['DEBUG'] is True and Django's DEBUG is False: unless COOKIE_SECURE is set, browsers send the cookies "
    "over plain HTTP too, where anyone on the network path can copy them.",
    "Remove DEBUG from FASTAUTH: this app then follows Django's DEBUG.",
)
PARTITIONED_NOT_SECURE = Message(
    "E015",
    "COOKIE_PARTITIONED is True and the cookies are not Secure: browsers refuse to store them.",
    "Set COOKIE_SECURE to True, or remove COOKIE_PARTITIONED.",
)
ILLEGAL_PATH = Message(
    "E016",
    "{key} is {path!r}, which is not a cookie path: browsers use another path instead, or send the cookie to no URL.",
    'Write a path that begins with "/" and has only ASCII characters, no space and no ";".',
)
ILLEGAL_DOMAIN = Message(
    "E017",
    "{key} is {domain!r}, which is not a domain name: browsers refuse to store the cookies.",
    'Write only the name, such as "example.com", without scheme, port or path. Write a name that is not ASCII in its '
    '"xn--" form.',
)
PUBLIC_SUFFIX = Message(
    "E018",
    "COOKIE_DOMAIN is {domain!r}, a public suffix ({source}). Anyone can register a name under it, so browsers refuse "
    "to store the cookies.",
    "Set COOKIE_DOMAIN to your own domain, or remove it.",
)
DOMAIN_NOT_SERVED = Message(
    "E019",
    "COOKIE_DOMAIN is {domain!r} and ALLOWED_HOSTS has no host in that domain: browsers refuse to store the cookies.",
    "Set COOKIE_DOMAIN to the domain of a host in ALLOWED_HOSTS, or remove it.",
)
NAME_TAKEN = Message(
    "E020",
    "{key} is {name!r}, which is also the name of Django's {owner}: one cookie overwrites the other.",
    "Give them different names.",
)
SCRIPT_CAN_READ = Message(
    "W001",
    "COOKIE_HTTPONLY is False: any script on the page, even an injected one, can read the tokens and send them away.",
    "Remove COOKIE_HTTPONLY. A script needs no token: the browser sends the cookies, and the answers say expires_in.",
)
NOT_SECURE = Message(
    "W002",
    "COOKIE_SECURE is False and Django's DEBUG is False: browsers send the cookies over plain HTTP too, where anyone "
    "on the network path can copy them.",
    "Remove COOKIE_SECURE, and serve the site over HTTPS.",
)
COOKIE_CAN_BE_PLANTED = Message(
    "W034",
    "{keys}: a page on a sibling subdomain, and anyone on the network path to one, can set a cookie of that name, and "
    "so sign the user in to another account. Your cookies could have names that no other host can set.",
    "Begin the name with '__Host-', and list the old one in COOKIE_FORMER. With read_until nobody is signed out.",
    deploy=True,
)
FORMER_IS_TODAYS = Message(
    "W005",
    "COOKIE_FORMER lists {name!r} with the path and domain that this cookie has today: this app has no former cookie "
    "to clear.",
    "Remove the entry, or give it the path and domain that the former cookie had.",
)
FORMER_READ_NO_MORE = Message(
    "W056",
    "COOKIE_FORMER has {name!r} with read_until {date}, which has passed: the cookie is only cleared, not read.",
    "Remove read_until. Once the last refresh token of before has expired, remove the entry.",
)
FORMER_WITHOUT_REFRESH = Message(
    "W063",
    "COOKIE_FORMER has read_until for the access cookie {name!r} and for no refresh cookie: a former access cookie "
    "alone signs nobody in, so the new names sign everybody out.",
    "Add the former refresh cookie, with 'token': 'refresh' and read_until.",
)

# --- CSRF ----------------------------------------------------------------------------------------------------------

CSRF_OFF_ACROSS_SITES = Message(
    "E021",
    'CSRF_PROTECTION is None and COOKIE_SAMESITE is "none": a page of any site can act as the user who visits it.',
    'Remove CSRF_PROTECTION: its default, "origin", needs no token. Name your front ends in CORS_ORIGINS.',
)
CSRF_COOKIE_STAYS_HOME = Message(
    "E022",
    'CSRF_PROTECTION is "token" and COOKIE_SAMESITE is "none", but browsers do not send Django\'s CSRF cookie from '
    "another site: this app refuses every refresh and every unsafe request from there.",
    'Use CSRF_PROTECTION "origin", which needs no cookie, or set CSRF_COOKIE_SAMESITE to "None" and CSRF_COOKIE_SECURE '
    "to True.",
)
TRUSTS_A_SUFFIX = Message(
    "E025",
    "{setting} has {origin!r}, every name under a public suffix ({source}). Anyone can register a name there, and its "
    "pages can {harm}.",
    "List the origins of your own front ends.",
)
TRUSTS_NOBODY = Message(
    "W036",
    "CSRF_TRUSTED_ORIGINS has {origin!r}, which {reason}: the Origin header of no page matches it.",
    "Write the origin as browsers send it: scheme://host in lower case, with the port unless it is the scheme's "
    "default, and *. in front of the domain for its subdomains.",
)
CSRF_OFF = Message(
    "W006",
    "CSRF_PROTECTION is None: a page on a sibling subdomain can act as the user who visits it, and any page can sign "
    "its visitors in to another account. COOKIE_SAMESITE stops neither.",
    'Remove CSRF_PROTECTION. Its default, "origin", needs no token and no cookie of its own.',
)
NO_CSRF_MIDDLEWARE = Message(
    "W007",
    'CSRF_PROTECTION is "token" and MIDDLEWARE has no CsrfViewMiddleware: nothing sets the CSRF cookie at sign-in, so '
    "this app refuses every refresh, sign-out and unsafe request.",
    "Add 'django.middleware.csrf.CsrfViewMiddleware' to MIDDLEWARE, or use CSRF_PROTECTION \"origin\".",
)
CSRF_TOKEN_HIDDEN = Message(
    "W008",
    'CSRF_PROTECTION is "token" and {setting} is True: scripts cannot read the token. A sign-in changes the token, and '
    "this app then refuses the one in a page that was rendered before.",
    'Remove {setting}, reload the page after signing in, or use CSRF_PROTECTION "origin".',
)
CORS_ORIGIN_NOT_TRUSTED = Message(
    "W025",
    'CSRF_PROTECTION is "token" and CORS_ORIGINS has {origin!r}, but CSRF_TRUSTED_ORIGINS does not: Django\'s check '
    "refuses every refresh, sign-out and unsafe request from its pages.",
    'Add it to CSRF_TRUSTED_ORIGINS (for a pattern as "https://*.example.com"), or use CSRF_PROTECTION "origin", which '
    "trusts CORS_ORIGINS.",
)

# --- CORS ----------------------------------------------------------------------------------------------------------

NOT_AN_ORIGIN = Message(
    "E023",
    "CORS_ORIGINS has {origin!r}, which {reason}: the entry lets in none of your pages.",
    "Write the origin as browsers send it: scheme://host in lower case, with the port unless it is the scheme's "
    "default.",
)
CORS_OPEN_TO_ALL = Message(
    "E024",
    "{setting} allows every site with credentials: pages of any site can {harm}.",
    "Remove it, and name your front ends in FASTAUTH['CORS_ORIGINS'].",
)
NO_CORS_APP = Message(
    "W009",
    "CORS_ORIGINS is set and django-cors-headers is not in INSTALLED_APPS: browsers do not let the pages of those "
    "origins read the answers.",
    "Install fastauth-django[cors] and add 'corsheaders' to INSTALLED_APPS. If a proxy writes the CORS headers, "
    "silence this warning.",
)
NO_CORS_MIDDLEWARE = Message(
    "W010",
    "CORS_ORIGINS is set and the middleware of django-cors-headers is not in MIDDLEWARE: browsers do not let the pages "
    "of those origins read the answers.",
    "Put 'corsheaders.middleware.CorsMiddleware' first in MIDDLEWARE.",
)
CORS_MIDDLEWARE_LATE = Message(
    "W011",
    "{other} stands before CorsMiddleware in MIDDLEWARE: the answers that it gives by itself have no CORS headers, and "
    "browsers do not let the pages in CORS_ORIGINS read them.",
    "Put 'corsheaders.middleware.CorsMiddleware' first.",
)
NO_CORS_CREDENTIALS = Message(
    "W012",
    "CORS_ORIGINS is set and CORS_ALLOW_CREDENTIALS is False: when a page of those origins calls, browsers do not "
    "store the cookies of the answer and do not let the page read it.",
    "Set CORS_ALLOW_CREDENTIALS = True.",
)
HTTP_ORIGIN = Message(
    "W013",
    "CORS_ORIGINS has {origin!r} and the cookies are Secure. Browsers take http and https for two sites and do not "
    "send Lax and Strict cookies from one to the other; and anyone on the network path can change an http page, which "
    "this app trusts.",
    "Serve the front end over HTTPS.",
)
CORS_NOT_TRUSTED = Message(
    "W014",
    "{setting} allows {origin!r} with credentials, but the CSRF rule does not trust it: its pages can read, but this "
    "app refuses every sign-in, refresh and unsafe request from them.",
    "Name it in FASTAUTH['CORS_ORIGINS'], which does both and takes patterns, or in CSRF_TRUSTED_ORIGINS.",
)
PATTERN_TOO_WIDE = Message(
    "W059",
    "{setting} has the pattern {pattern!r}, which also allows {origin!r}. Anyone can have such a name, and its "
    "pages can {harm}.",
    r"Write \. for a dot, and let \. or // stand in front of your domain. Name a Chrome extension by its whole ID.",
)
CORS_URLS_LEFT_OUT = Message(
    "W060",
    "CORS_ORIGINS is set and CORS_URLS_REGEX does not match {urls}: the answers there have no CORS headers, and "
    "browsers do not let the pages of those origins read them.",
    "Let CORS_URLS_REGEX match these URLs too.",
)

# --- Keys and claims -----------------------------------------------------------------------------------------------

SHORT_KEY = Message(
    "E011",
    "{key} signs or verifies tokens and has {length} bytes, but {algorithm} needs at least {needed} (RFC 7518, section "
    "3.2): whoever guesses it can act as any user.",
    "Use a longer key there. The app refuses tokens that the old one signed, so people sign in once more.",
)
UNKNOWN_ALGORITHM = Message(
    "E026",
    "SIMPLE_JWT['ALGORITHM'] is {algorithm!r}, which simplejwt does not know: this app can neither sign nor verify a "
    "token.",
    "Use one of {known}.",
)
NO_CRYPTOGRAPHY = Message(
    "E027",
    "SIMPLE_JWT['ALGORITHM'] is {algorithm!r} and the package cryptography is not installed: this app can neither sign "
    "nor verify a token.",
    "Install cryptography.",
)
MISSING_KEY = Message(
    "E028",
    "SIMPLE_JWT['ALGORITHM'] is {algorithm!r} and SIMPLE_JWT has no {missing}: {consequence}.",
    "Set SIGNING_KEY to the private key, and VERIFYING_KEY to the public key or JWK_URL to the URL that publishes it.",
)
TOKENS_FAIL = Message(
    "E029",
    "With the settings in SIMPLE_JWT, this app cannot sign a token and read it again ({reason}): it accepts no token.",
    "SIGNING_KEY and VERIFYING_KEY must be a pair and fit ALGORITHM. Look at LEEWAY, AUDIENCE and ISSUER too.",
)
CLAIM_TAKEN = Message(
    "E030",
    "SIMPLE_JWT['{key}'] is {claim!r}, and tokens have another claim of that name: this app refuses every token.",
    "Choose another name.",
)
NO_USER_ID = Message(
    "E031",
    "SIMPLE_JWT['USER_ID_FIELD'] is {field!r}, and {model} has no such field: signing in fails.",
    "Name a unique field of the user model, or remove the key: this app then uses the primary key.",
)
TOKEN_TYPE_UNCHECKED = Message(
    "W015",
    "SIMPLE_JWT['TOKEN_TYPE_CLAIM'] is None: the classes and views of simplejwt accept a token of any type, such as a "
    "refresh token in the place of an access token. This app still checks the type.",
    "Remove TOKEN_TYPE_CLAIM.",
)
KEY_IGNORED = Message(
    "W016",
    "SIMPLE_JWT['{key}'] has no effect here: {instead}.",
    "Remove it.",
)

# --- Lifetimes -----------------------------------------------------------------------------------------------------

NO_LIFETIME = Message(
    "E012",
    "{key} is less than one second: what it limits ends at once.",
    "Set it to one second or more.",
)
INVERTED_LIFETIMES = Message(
    "E013",
    "{short} ({short_value}) is shorter than {long} ({long_value}): a session expires before its first access token, "
    "and no client can refresh it.",
    "Lengthen {short}, or shorten {long}.",
)
LIFETIME_TWICE = Message(
    "W017",
    "FASTAUTH['{key}'] ({value}) and SIMPLE_JWT['{simplejwt_key}'] ({simplejwt_value}) differ: this app uses the value "
    "in FASTAUTH.",
    "Remove one of them.",
)
REMEMBERED_SHORTER = Message(
    "W018",
    "REMEMBER_ME_TTL ({remember}) is shorter than REFRESH_TOKEN_TTL ({refresh}): a user who asks to be remembered is "
    "signed out sooner than one who does not.",
    "Lengthen REMEMBER_ME_TTL.",
)

# --- Device binding ------------------------------------------------------------------------------------------------

NO_BINDING_CRYPTOGRAPHY = Message(
    "E040",
    "DEVICE_BINDING is set and the package cryptography is not installed: this app cannot verify the proof of a "
    "device, and signing in fails.",
    "Install fastauth-django[device-binding].",
)
NOTHING_TO_BIND = Message(
    "E041",
    "DEVICE_BINDING is set and no view delivers cookies: browsers bind a cookie to a device, and nothing else.",
    'Set TOKEN_DELIVERY to "cookie", or remove DEVICE_BINDING.',
)
NO_DEVICE_ROUTES = Message(
    "E042",
    "DEVICE_BINDING is set and the URLconf does not have device/bind and device/refresh: signing in fails.",
    'Add path("auth/", include("fastauth_django.urls")) to the URLconf.',
)
BINDING_NOT_SECURE = Message(
    "E043",
    "DEVICE_BINDING is set and the cookies are not Secure: browsers bind sessions over HTTPS only.",
    "Remove COOKIE_SECURE, and serve the site over HTTPS.",
)
BINDING_PARTITIONED = Message(
    "E044",
    "DEVICE_BINDING is set and the cookies are Partitioned: browsers do not bind Partitioned cookies, so no session is "
    "bound.",
    "Set COOKIE_PARTITIONED to False. Visitors of a front end on another site must then allow third-party cookies.",
)
BOUND_LONGER = Message(
    "W030",
    "BOUND_ACCESS_TOKEN_TTL ({bound}) is longer than ACCESS_TOKEN_TTL ({access}): a thief can use the cookie of a "
    "bound session for longer than that of an unbound one.",
    "Shorten BOUND_ACCESS_TOKEN_TTL. The browser renews the cookie by itself, so a few minutes are enough.",
)
BOUND_TOO_SHORT = Message(
    "W039",
    "BOUND_ACCESS_TOKEN_TTL is {bound}, less than a minute: Chromium renews the sessions of a site about six times in "
    "a few minutes, and after that the user is signed out for a while.",
    "Set BOUND_ACCESS_TOKEN_TTL to a few minutes.",
)

# --- Classes -------------------------------------------------------------------------------------------------------

NOT_A_SERIALIZER = Message(
    "E033",
    "FASTAUTH['{key}'] {fault}: the first request that needs it fails.",
    "Name a class derived from the built-in one, fastauth_django.serializers.{builtin}.",
)
NOT_A_CLAIMS_FUNCTION = Message(
    "E034",
    "FASTAUTH['TOKEN_CLAIMS'] {fault}: signing in fails.",
    "Name a function (user, claims) that returns the claims.",
)
BROKEN_USER_MODEL = Message(
    "E035",
    "{model} has no {missing}: signing in, or the first request after it, fails.",
    "Derive the user model from AbstractBaseUser of django.contrib.auth.base_user, and its manager from "
    "BaseUserManager.",
)
NO_BACKEND = Message(
    "E063",
    "No class in AUTHENTICATION_BACKENDS has an authenticate() that takes {field} and password: every sign-in fails, "
    "and so does every change of a password.",
    "Let it take the user model's USERNAME_FIELD by its name, or **credentials.",
)
TWO_DATABASES = Message(
    "E071",
    "The database router writes {model} and the sessions of this app to different databases: a session refers to its "
    "user, so signing in fails.",
    "Let the router answer for the app label fastauth_django as for the user model.",
)
SIGN_UP_BREAKS = Message(
    "E057",
    "create_user() of {model}'s manager {fault}: every sign-up fails.",
    "Let it take USERNAME_FIELD, REQUIRED_FIELDS and password by these names, write a REGISTER_SERIALIZER, or set "
    "SIGN_UP_ENABLED to False.",
)
SIGN_UP_INCOMPLETE = Message(
    "W058",
    "{model} needs {fields}, which nobody who signs up is asked for and which has no default: unless code of yours "
    "fills it in, the database refuses every account, or every one but the first.",
    "Name it in REQUIRED_FIELDS, give it a default, allow NULL, or write a REGISTER_SERIALIZER.",
)
CLASS_NOT_DEFAULT = Message(
    "W003",
    "This app delivers tokens in cookies and no class in REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'] reads them: "
    "a user who signed in is anonymous in every view that names no class of its own.",
    "Add 'fastauth_django.authentication.CookieJWTAuthentication'.",
)
SESSION_UNCHECKED = Message(
    "W019",
    "{other} in REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'] accepts this app's access tokens and does not check "
    "their session: after a sign-out, a revoked session or a new password, it accepts the token until that expires.",
    "Put 'fastauth_django.authentication.CookieJWTAuthentication' in its place, or before it.",
)
NO_CHALLENGE = Message(
    "W020",
    "{other} stands first in REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'] and names no challenge, so REST "
    "framework answers 403 where it should answer 401: a client does not know that it should refresh.",
    "Put 'fastauth_django.authentication.CookieJWTAuthentication' first.",
)

VIEW_SESSION_UNCHECKED = Message(
    "W050",
    "The authentication classes of {views} have one of simplejwt's, or one made of it, which does not check the "
    "session of this app's access tokens: after a sign-out or a new password, the view accepts the token until that "
    "expires.",
    "Put fastauth_django.authentication.CookieJWTAuthentication in its place, or before it.",
)
VIEW_NO_CHALLENGE = Message(
    "W051",
    "The authentication classes of {views} begin with one that names no challenge, such as SessionAuthentication, so "
    "REST framework answers 403 where it should answer 401: a client does not know that it should refresh.",
    "Put CookieJWTAuthentication first.",
)

# --- Middleware ----------------------------------------------------------------------------------------------------

AUTHENTICATION_LATE = Message(
    "E037",
    "{django} stands after {ours} in MIDDLEWARE and replaces the user that {ours} found by the cookie: a user who "
    "signed in with cookies is anonymous in Django's views.",
    "Put {ours} after {django}.",
)

# --- django-allauth ------------------------------------------------------------------------------------------------

NO_SECOND_FACTOR = Message(
    "E064",
    "allauth.mfa is installed, and at {urls} a password is enough: whoever knows it signs in without the second factor "
    "that its owner has set up.",
    'Include "fastauth_django.contrib.allauth" in the URLconf instead of "fastauth_django.urls". People sign in, sign '
    "up and change their password with allauth's API.",
)
ADMIN_WITHOUT_SECOND_FACTOR = Message(
    "W065",
    "allauth.mfa is installed, and the sign-in page of the admin site {site!r} asks for a password alone: whoever "
    "knows that of a staff member needs no second factor.",
    "Set admin.site.login = secure_admin_login(admin.site.login), with secure_admin_login from "
    "allauth.account.decorators.",
)
PAGE_WITHOUT_SECOND_FACTOR = Message(
    "W074",
    "allauth.mfa is installed, and Django's sign-in page at {urls} asks for a password alone. allauth's API knows "
    "whoever signs in there, and with the password they take the second factor off the account.",
    "Leave the page out (django.contrib.auth.urls and rest_framework.urls bring it along), or have a view of your own "
    "ask for the second factor there.",
)
ALLAUTH_INCOMPLETE = Message(
    "E068",
    "A part of fastauth_django.contrib.allauth is in use, and {settings} names nothing of it: sign-ins fail, or start "
    "a session of Django's that this app does not know.",
    "Name AccountAdapter, TokenStrategy and AllauthMiddleware of fastauth_django.contrib.allauth, or classes derived "
    "from them.",
)
ALLAUTH_MIDDLEWARE_EARLY = Message(
    "E069",
    "AllauthMiddleware does not stand after {others} in MIDDLEWARE: allauth's views do not see who is signed in.",
    "Put AllauthMiddleware last, after SessionMiddleware, AuthCookieMiddleware and allauth's AccountMiddleware.",
)
TWO_LISTS_OF_SESSIONS = Message(
    "E066",
    "allauth.usersessions is installed: its list is of Django's sessions, so it lacks those that people signed in "
    "with, and to end one there ends none of this app's.",
    "Remove it from INSTALLED_APPS. GET sessions is the list.",
)
STATE_IN_COOKIE = Message(
    "E067",
    "SESSION_ENGINE keeps sessions in cookies: what allauth remembers of a session, such as a fresh proof of identity, "
    "is kept nowhere, and an old cookie of the way to a sign-in counts again.",
    "Use a store on the server: the database or the cache.",
)
ALLAUTH_NOT_RUN = Message(
    "W070",
    "django-allauth {installed} is installed, and this version of fastauth_django was run with {run}: sign-ins lean on "
    "some ways of allauth that its documentation does not promise.",
    "Install django-allauth=={run}.*, or try each of your sign-ins and silence this warning.",
)

SOCKETS_OF_DJANGO_SESSION = Message(
    "W071",
    "In {application} Channels' {theirs} decides who is at the other end of a WebSocket, by Django's session alone: a "
    "user who signed in with cookies is anonymous there, and a socket outlives its session.",
    "Put fastauth_django.contrib.channels.AuthSocketMiddleware in its place.",
)

# --- URLs ----------------------------------------------------------------------------------------------------------

REFRESH_PATH = Message(
    "E036",
    "COOKIE_PATH_REFRESH is {path!r}, so browsers do not send the refresh cookie to {urls}: a refresh fails, and a "
    "sign-out does not revoke the session.",
    'Use a path that both URLs are below, or "/". If a proxy takes a prefix off the URLs, set FORCE_SCRIPT_NAME to it.',
)
ACCESS_PATH = Message(
    "W004",
    "COOKIE_PATH_ACCESS is {path!r}, so browsers do not send the access cookie to {urls}, nor the device cookie: a "
    "user who signed in gets 401 there.",
    'Use a path that all URLs that need the cookie are below, or "/". If a proxy takes a prefix off the URLs, set '
    "FORCE_SCRIPT_NAME to it.",
)
ROUTE_TAKEN = Message(
    "W072",
    "At {urls} another view answers, {views}, whose route stands before this app's in the URLconf.",
    'Put path("auth/", include("fastauth_django.urls")) before it, or choose another prefix.',
)
PATH_OF_ONE_VALUE = Message(
    "W062",
    "A cookie has the path {path!r}, and whether browsers send it to {urls} depends on the variable part of the URL: "
    "wherever that is another, nobody stays signed in.",
    'Set COOKIE_PATH_ACCESS and COOKIE_PATH_REFRESH to a path without the variable, such as "/".',
)
URLS_NOT_INCLUDED = Message(
    "W021",
    "No URL of ROOT_URLCONF leads to a view of this app: nobody can sign in, refresh or sign out there.",
    'Add path("auth/", include("fastauth_django.urls")) to the URLconf. If a middleware chooses another URLconf, which '
    "has it, silence this warning.",
)

TOKEN_VIEWS_LEFT = Message(
    "W052",
    "The URLconf has {views}, which sign people in beside this app: it neither lists nor ends what begins there, and "
    "does not limit the passwords that are tried there.",
    "Remove the URLs when no client uses them any more.",
    deploy=True,
)
WITHOUT_SESSION_LEFT = Message(
    "W053",
    "ACCEPT_TOKENS_WITHOUT_SESSION is True: this app accepts tokens that nobody can revoke.",
    "Remove it when the last of simplejwt's tokens has expired.",
    deploy=True,
)
SIGN_UP_OPEN = Message(
    "W035",
    "The URLconf has register and FASTAUTH does not have SIGN_UP_ENABLED: anyone can create an account, and nobody has "
    "said that this is meant.",
    "Set SIGN_UP_ENABLED to False, or to True if anyone may sign up.",
    deploy=True,
)

TABLES_LEFT = Message(
    "W061",
    "The database {alias!r} has a table that no model uses and that refers to {user}: {tables}. The database refuses "
    "to delete a user who has a row there, unless the foreign key itself says what ON DELETE does.",
    "Drop the table. If it is of an app that you removed, such as rest_framework_simplejwt.token_blacklist, add the "
    "app to INSTALLED_APPS again, delete the rows of its models, run manage.py migrate with its label and the word "
    "zero, and remove the app.",
)

# --- Throttling ----------------------------------------------------------------------------------------------------

LIMIT_NOT_SHARED = Message(
    "W022",
    "This app counts failed sign-ins in the default cache, and {backend} {fault}: an attacker can try more passwords "
    "than LOGIN_FAILURE_LIMIT allows.",
    "Use Redis or Memcached for CACHES['default'], and install the client (redis or pymemcache).",
    deploy=True,
)
PROXY_NOT_COUNTED = Message(
    "W023",
    "REST_FRAMEWORK['NUM_PROXIES'] is not set. Behind a proxy, or on a unix socket, this app cannot tell clients "
    "apart: limits by address refuse nobody, and five failures under one name lock that name for everybody.",
    "Set NUM_PROXIES to the number of proxies that append to X-Forwarded-For, or to 0 if REMOTE_ADDR is the client's "
    "address.",
    deploy=True,
)

FAILURES_NOT_COUNTED = Message(
    "W073",
    "FASTAUTH['LOGIN_SERIALIZER'] is {serializer}, which is not made of LoginSerializer: nobody counts its failed "
    "sign-ins, and LOGIN_FAILURE_LIMIT limits none of them.",
    "Derive it from fastauth_django.serializers.LoginSerializer and call super().validate(attrs). If something else "
    "limits the attempts, silence this warning.",
    deploy=True,
)

# --- Suffixes ------------------------------------------------------------------------------------------------------

SUFFIX_UNCHECKED = Message(
    "W026",
    "The public suffix list is not installed, so no check has looked whether anyone can register names under {name!r}. "
    "If so, strangers get the cookies, or act as whoever visits them.",
    "Install fastauth-django[check].",
    deploy=True,
)

# --- What could not be checked -------------------------------------------------------------------------------------

NOT_CHECKED = Message(
    "W024",
    "This app could not check a part of the configuration: {error}.",
    "A request may fail with the same error. If the configuration is right, the check is wrong: please report it.",
)
