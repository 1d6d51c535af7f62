"""Random input: cookies, headers, bodies, tokens and settings that nobody wrote down.

Whatever a client sends, the answer is no 5xx, a refusal of ours is JSON with a code or with field errors, no row comes
into being and no secret is logged. The examples are the same in each run: a third of them, all with
``FASTAUTH_FUZZ_EXAMPLES=all``. A number instead, such as 5000, draws so many new ones per test.
"""

import json
import os
from contextlib import contextmanager
from http.cookies import CookieError
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from fastauth_django.conf import Settings, conf
from fastauth_django.models import AuthSession
from tests.clients import ACCESS, REFRESH, Browser, NativeApp
from tests.factories import PASSWORD, sign_up_data
from tests.hostile.forging import HEADER, base64url, claims_of, hmac_signed
from tests.hostile.watching import nothing_comes_of_it

EXAMPLES = os.environ.get("FASTAUTH_FUZZ_EXAMPLES", "a third")


def fuzz(examples: int) -> Any:
    kept = {"a third": examples // 3, "all": examples}
    return profile(
        derandomize=EXAMPLES in kept,
        max_examples=kept.get(EXAMPLES) or int(EXAMPLES),
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        # Fixtures live as long as all examples of a test; each example undoes what it did.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


IDENTIFIER = get_user_model().USERNAME_FIELD
ROUTES = [
    *[("POST", f"/auth/{route}") for route in ("register", "login", "refresh", "logout", "account/change-password")],
    *[("POST", f"/app/{route}") for route in ("register", "login", "refresh", "logout")],
    *[("GET", "/auth/me"), ("GET", "/auth/sessions"), ("DELETE", "/auth/sessions/all"), ("DELETE", "/auth/sessions/x")],
    *[("GET", "/private"), ("POST", "/private"), ("GET", "/public"), ("GET", "/stateless"), ("GET", "/cached")],
]

routes = st.sampled_from(ROUTES)
#: Any byte that a server may hand on in a header.
header_text = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=60)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def held(db, settings, signed_in, other_account) -> SimpleNamespace:
    """Tokens of a signed-in browser and of an app, to be spoiled."""
    app = NativeApp()
    app._keep(app.post("/app/login", other_account.credentials, format="json"))
    secrets = [signed_in.cookie(ACCESS), signed_in.cookie(REFRESH), app.access, app.refresh_token, PASSWORD]
    return SimpleNamespace(
        access=app.access,
        refresh=app.refresh_token,
        cookie_access=signed_in.cookie(ACCESS),
        cookie_refresh=signed_in.cookie(REFRESH),
        secrets=secrets,
    )


@contextmanager
def undone():
    """Whatever the block writes is rolled back, so that examples do not depend on one another."""
    from django.core.cache import cache

    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    cache.clear()


def send(method: str, path: str, secrets: list[str], content: bytes = b"", **headers: str) -> Any:
    client = Browser(raise_request_exception=False)
    with undone(), nothing_comes_of_it(secrets):
        response = client.generic(method, path, content, **{"content_type": "application/json", **headers})
    assert response.status_code < 500, response.content
    if response.status_code >= 400 and path.startswith(("/auth/", "/app/")):
        body = response.json()
        is_refusal = {"detail", "code"} <= set(body) and all(isinstance(value, str) for value in body.values())
        is_field_errors = bool(body) and all(isinstance(value, list) and value for value in body.values())
        assert is_refusal or is_field_errors, body
        assert not any(response.cookies[name].value for name in (ACCESS, REFRESH) if name in response.cookies)
    return response


# --- Cookies --------------------------------------------------------------------------------------------------------


@st.composite
def cookie_headers(draw):
    """Our names and others, with good, spoiled and random values, put together well or badly."""
    name = st.sampled_from([ACCESS, REFRESH, f" {ACCESS}", f"{REFRESH}\t", "$Version", "__Host-x", "", "csrftoken"])
    value = header_text | st.sampled_from(["{access}", "{refresh}", '"{access}"', "{access}x", "{refresh};", "=", '"'])
    pairs = draw(st.lists(st.tuples(name | header_text, st.sampled_from(["=", "", "=="]), value), max_size=6))
    return draw(st.sampled_from(["; ", ";", ", ", ";;", "\0"])).join("".join(pair) for pair in pairs)


@fuzz(150)
@given(route=routes, cookie=cookie_headers())
@example(route=("POST", "/auth/refresh"), cookie=f"{REFRESH}=\ud800".encode("utf-8", "replace").decode("latin-1"))
def test_no_cookie_header_breaks_anything(held, route, cookie):
    # A token in the wrong cookie is no good, and one in the right one would sign in: here none is.
    cookie = cookie.replace("{access}", held.refresh).replace("{refresh}", held.access)

    send(*route, held.secrets, HTTP_COOKIE=cookie)


# --- Headers --------------------------------------------------------------------------------------------------------

HEADERS = [
    *["HTTP_AUTHORIZATION", "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_SEC_FETCH_SITE", "HTTP_ACCEPT_LANGUAGE"],
    *["HTTP_USER_AGENT", "HTTP_X_FORWARDED_FOR", "HTTP_X_CSRFTOKEN", "HTTP_X_REQUESTED_WITH", "HTTP_IF_NONE_MATCH"],
    *[
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_FORWARDED",
        "HTTP_DPOP",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
    ],
    *["REMOTE_ADDR", "QUERY_STRING", "HTTP_X_HTTP_METHOD_OVERRIDE"],
]
WORDS = [
    *["Bearer ", "Bearer {access}x", "Bearer {refresh}", "bearer", "Basic YTpi", "null", "same-origin", "cross-site"],
    *[
        "https://testserver",
        "http://testserver:80",
        "https://testserver@evil.example",
        "https://[::1",
        "http://[",
        "//",
    ],
    *["::1", "fe80::1%eth0", "1.2.3.4, 5.6.7.8", "999.1.1.1", "unknown", ",,,", "keep_current=%ff", "keep_current=1"],
]
header_values = st.sampled_from(WORDS) | header_text | st.tuples(st.sampled_from(WORDS), header_text).map("".join)


@fuzz(150)
@given(
    route=routes,
    headers=st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=5),
    carries_cookies=st.booleans(),
    proxies=st.sampled_from([None, 0, 1, 3]),
)
@example(route=("POST", "/auth/register"), headers={"HTTP_ORIGIN": "{access}"}, carries_cookies=False, proxies=None)
def test_no_header_breaks_anything(held, route, headers, carries_cookies, proxies):
    headers = {  # Django writes a query into its own log, and so does every server: who puts a token there has told it.
        name: value
        if name == "QUERY_STRING"
        else value.replace("{access}", held.access).replace("{refresh}", held.refresh)
        for name, value in headers.items()
    }
    if carries_cookies:
        headers["HTTP_COOKIE"] = f"{ACCESS}={held.cookie_refresh}; {REFRESH}={held.cookie_access}"
    rest_framework = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["fastauth_django.authentication.CookieJWTAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "NUM_PROXIES": proxies,
    }
    with override_settings(REST_FRAMEWORK=rest_framework):
        send(*route, held.secrets, **headers)


@fuzz(40)
@given(host=header_text | st.sampled_from(["evil.example", "testserver:x", "[::1]", "testserver.", "", "a" * 300]))
def test_no_host_breaks_anything(held, host):
    """Django refuses a host that it does not know with a page of its own."""
    client = Browser(raise_request_exception=False)

    with undone(), nothing_comes_of_it(held.secrets):
        response = client.post("/auth/logout", HTTP_HOST=host, HTTP_ORIGIN=f"https://{host}")

    assert response.status_code < 500


# --- Bodies ---------------------------------------------------------------------------------------------------------

FIELDS = [
    IDENTIFIER,
    "password",
    "remember",
    "refresh_token",
    "current_password",
    "new_password",
    "name",
    "email",
    "city",
]
POST_ROUTES = [route for route in ROUTES if route[0] == "POST"]
json_bodies = anything | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), anything, max_size=6)
CONTENT_TYPES = [
    *["application/json", "application/json; charset=utf-16", "application/json; charset=x", "text/plain", "", "\0"],
    *["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data"],
]


def without_sign_up(body: Any) -> Any:
    """``body``, unless it happens to be a good sign-up."""
    return {} if isinstance(body, dict) and {IDENTIFIER, "password"} <= set(body) and body["password"] else body


@fuzz(200)
@given(route=st.sampled_from(POST_ROUTES), body=json_bodies, signed_in=st.booleans())
def test_no_json_breaks_anything(held, route, body, signed_in):
    if route[1].endswith("register"):
        body = without_sign_up(body)
    credentials = {"HTTP_AUTHORIZATION": f"Bearer {held.access}"} if signed_in else {}

    send(*route, held.secrets, json.dumps(body).encode(), **credentials)


@fuzz(120)
@given(route=st.sampled_from(POST_ROUTES), content=st.binary(max_size=200), content_type=st.sampled_from(CONTENT_TYPES))
def test_no_bytes_break_anything(held, route, content, content_type):
    send(*route, held.secrets, content, content_type=content_type, HTTP_AUTHORIZATION=f"Bearer {held.access}")


@fuzz(60)
@given(identifier=st.text(max_size=40), password=st.text(min_size=12, max_size=40))
def test_no_credentials_sign_in_but_the_right_ones(held, identifier, password):
    body = json.dumps({IDENTIFIER: identifier, "password": password}).encode()

    assert send("POST", "/auth/login", [password], body).status_code in {400, 401}


# --- Tokens ---------------------------------------------------------------------------------------------------------

claim_names = st.sampled_from(["sid", "gen", "user_id", "exp", "iat", "nbf", "jti", "token_type", "aud", "iss", "crit"])
claim_values = anything | st.sampled_from([10**400, -1, 2**63, 1e308, "access", "session_refresh", "refresh", [], {}])
header_names = st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jku", "jwk", "x5u", "zip", "enc", "cty"])
#: Claims that a token may lack or have otherwise without being another token.
HARMLESS = {"iat", "jti", "aud", "crit"}


@fuzz(250)
@given(
    claims=st.dictionaries(claim_names, claim_values, max_size=3),
    removed=st.sets(claim_names, max_size=2),
    header=st.dictionaries(header_names, anything | st.sampled_from(["none", "HS256", "RS256", "HS512"]), max_size=2),
    as_refresh=st.booleans(),
    place=st.sampled_from(["header", "cookie", "body"]),
)
def test_no_signed_claims_break_anything(held, claims, removed, header, as_refresh, place):
    """Signed with the right key: what somebody could try who can have tokens signed."""
    original = held.refresh if as_refresh else held.access
    changed = {name: value for name, value in {**claims_of(original), **claims}.items() if name not in removed}
    token = hmac_signed({**HEADER, **header}, changed)

    for route in (("GET", "/private"), ("GET", "/stateless"), ("POST", "/auth/logout"), ("POST", "/auth/refresh")):
        if place == "header":
            sent = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        elif place == "cookie":
            sent = {"HTTP_COOKIE": f"{ACCESS}={token}; {REFRESH}={token}"}
        else:
            sent = {"content": json.dumps({"refresh_token": token}).encode()}
        response = send(*route, [token, *held.secrets], **sent)
        # Nobody but Bob, whose tokens these are, ever comes out of them.
        if route[1] == "/private" and response.status_code == 200:
            assert claims_of(original)["sid"] == changed["sid"]
            assert str(changed["user_id"]) == claims_of(original)["user_id"]


@st.composite
def spoiled(draw):
    """A function that spoils a token: letters changed, taken out, put in, or its parts moved about."""
    kind = draw(st.sampled_from(["replace", "remove", "insert", "shuffle", "reparts"]))
    place, letter = draw(st.integers(0, 10_000)), draw(st.characters(min_codepoint=1, max_codepoint=255))

    def spoil(token: str) -> str:
        at = place % len(token)
        if kind == "replace":
            return token[:at] + letter + token[at + 1 :]
        if kind == "remove":
            return token[:at] + token[at + 1 + place % 7 :]
        if kind == "insert":
            return token[:at] + letter + token[at:]
        parts = token.split(".")
        if kind == "shuffle":
            return ".".join(parts[index] for index in (place % 3, (place // 3) % 3, (place // 9) % 3))
        return ".".join([parts[0], base64url(letter), *parts[1 + place % 3 :]])

    return spoil


@fuzz(200)
@given(spoil=spoiled(), place=st.sampled_from(["header", "cookie", "refresh cookie", "body"]))
def test_a_token_that_was_touched_is_worth_nothing(held, spoil, place):
    original = held.access if place in {"header", "cookie"} else held.refresh
    token = spoil(original)
    # Cookies and headers lose the spaces at their ends on the way, and a cookie ends at a semicolon.
    if token.strip(" \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\xa0").split(";")[0] == original:
        return
    route, sent = {
        "header": (("GET", "/private"), {"HTTP_AUTHORIZATION": f"Bearer {token}"}),
        "cookie": (("GET", "/private"), {"HTTP_COOKIE": f"{ACCESS}={token}"}),
        "refresh cookie": (("POST", "/auth/refresh"), {"HTTP_COOKIE": f"{REFRESH}={token}"}),
        "body": (("POST", "/auth/refresh"), {"content": json.dumps({"refresh_token": token}).encode()}),
    }[place]

    assert send(*route, held.secrets, **sent).status_code in {400, 401}


# --- Settings -------------------------------------------------------------------------------------------------------

VALUES = [
    *[
        None,
        True,
        False,
        0,
        1,
        -1,
        5,
        60,
        61,
        10**12,
        0.5,
        "",
        "x",
        "json",
        "cookie",
        "lax",
        "Strict",
        "NONE",
        "origin",
    ],
    *["token", "/", "/auth/", "auth", "example.com", ".example.com", "__Host-x", "__Secure-x", "access_token", "a b"],
    *["https://app.example.com", ["https://app.example.com"], ["null"], [5], [], {}, {"name": "x"}, [{"name": "x"}]],
    *["fastauth_django.serializers.UserSerializer", "fastauth_django.nothing", "nothing at all"],
]
fastauth_settings = st.dictionaries(
    st.sampled_from([*Settings.declared(), "COOKIE_SECURITY", "token_delivery"]), st.sampled_from(VALUES), max_size=4
)


def faulty(key: str) -> bool:
    try:
        getattr(conf, key)
    except ImproperlyConfigured:
        return True
    return False


def act(do: Any) -> Any:
    """The answer, or None where the configuration is refused."""
    try:
        return do()
    except (ImproperlyConfigured, CookieError):  # CookieError: a name that no cookie may have.
        return None


@fuzz(200)
@given(fastauth=fastauth_settings)
@example(fastauth={"CSRF_PROTECTION": "orign"})
@example(fastauth={"COOKIE_SECURE": "no"})
@example(fastauth={"COOKIE_HTTPONLY": 0})
@example(fastauth={"ACCEPT_TOKENS_WITHOUT_SESSION": "false"})
def test_settings_are_kept_or_refused_and_never_guessed(db, account, held, fastauth):
    with undone(), override_settings(FASTAUTH={"TOKEN_DELIVERY": "cookie", **fastauth}):
        login = json.dumps(account.credentials).encode()
        answer = act(lambda: Browser().generic("POST", "/auth/login", login, content_type="application/json"))

        if answer is not None and answer.status_code == 200 and answer.cookies:
            for morsel in answer.cookies.values():
                assert bool(morsel["secure"]) is conf.COOKIE_SECURE
                assert bool(morsel["httponly"]) is conf.COOKIE_HTTPONLY
                assert morsel["samesite"] == conf.COOKIE_SAMESITE
            assert not faulty("TOKEN_DELIVERY")
        if answer is not None and "token_delivery" not in fastauth and answer.status_code == 200:
            assert not any(faulty(key) for key in ("TOKEN_DELIVERY", "CSRF_PROTECTION", "LOGIN_SERIALIZER"))


@fuzz(200)
@given(fastauth=fastauth_settings)
@example(fastauth={"CSRF_PROTECTION": False})
@example(fastauth={"CSRF_PROTECTION": ""})
@example(fastauth={"CSRF_PROTECTION": "token"})
@example(fastauth={"CORS_ORIGINS": ["null"]})
def test_no_settings_open_the_door(db, account, held, fastauth):
    """Not without a credential, with a wrong password or a forged token, nor from elsewhere."""
    forged = held.cookie_access[:-3] + "AAA"
    wrong = json.dumps({**account.credentials, "password": "wrong"}).encode()
    elsewhere = {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"}
    with undone(), override_settings(FASTAUTH={"TOKEN_DELIVERY": "cookie", **fastauth}):
        name = fastauth.get("COOKIE_NAME_ACCESS", ACCESS)

        def private(**headers):
            return act(lambda: Browser(enforce_csrf_checks=True).generic("POST", "/private", **headers))

        answers = [
            private(),
            private(HTTP_AUTHORIZATION=f"Bearer {forged}"),
            private(HTTP_COOKIE=f"{name}={forged}"),
            private(HTTP_AUTHORIZATION=f"Bearer {held.refresh}"),
            act(lambda: Browser().generic("POST", "/auth/login", wrong, content_type="application/json")),
        ]
        if "CSRF_PROTECTION" not in fastauth or fastauth["CSRF_PROTECTION"] is not None:
            answers.append(private(HTTP_COOKIE=f"{name}={held.cookie_access}", **elsewhere))
        for answer in answers:
            assert answer is None or answer.status_code in {400, 401, 403, 429}, answer.content


@fuzz(100)
@given(key=st.sampled_from(list(Settings.declared())), value=st.sampled_from(VALUES) | anything)
@example(key="COOKIE_FORMER", value=[{"name": "x"}])
def test_a_value_is_of_its_kind_or_refused(key, value):
    with override_settings(FASTAUTH={key: value}):
        if faulty(key):
            return
        kept = getattr(conf, key)

    default = Settings.declared()[key]
    if key != "COOKIE_FORMER":  # whose dicts become objects
        assert default.kind.clean(kept if kept is not None else value) == kept, "what is clean stays as it is"
    if key in {"COOKIE_SECURE", "COOKIE_HTTPONLY", "ACCEPT_TOKENS_WITHOUT_SESSION", "SIGN_UP_ENABLED"}:
        assert kept is value


def test_fuzzing_finds_what_it_should(held):
    """The oracle itself: a record with a token in it, or a row, would fail the tests above."""
    import logging

    with pytest.raises(AssertionError), nothing_comes_of_it(held.secrets):
        logging.getLogger("somebody").debug("the token is %s", held.access)
    with pytest.raises(AssertionError), nothing_comes_of_it([]):
        AuthSession.objects.all().delete()
    with pytest.raises(AssertionError):
        send("POST", "/auth/register", [], json.dumps(sign_up_data("grace")).encode())
