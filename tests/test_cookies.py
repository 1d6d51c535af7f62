"""The two cookies: exactly what is set, what clears it, what is too large, and which of several counts."""

import copy
import json
from datetime import timedelta
from http.cookies import Morsel

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, RequestFactory

from fastauth_django import sign_in
from fastauth_django.cookies import (
    CookieSpec,
    CookieTooLarge,
    access_tokens,
    clear_auth_cookies,
    refresh_tokens,
    set_auth_cookies,
)
from fastauth_django.models import AuthSession
from fastauth_django.tokens import IssuedTokens, TokenPair
from tests.clients import ACCESS, REFRESH, Browser

PAIR = TokenPair(access="<access>", refresh="<refresh>", access_max_age=900, refresh_max_age=2_592_000)
GONE = "expires=Thu, 01 Jan 1970 00:00:00 GMT"


def set_cookies(response) -> list[str]:
    """The ``Set-Cookie`` headers, as a server sends them."""
    return [morsel.OutputString() for morsel in response.cookies.values()]


def delivered(pair: TokenPair = PAIR) -> HttpResponse:
    response = HttpResponse()
    set_auth_cookies(response, pair)
    return response


def cleared() -> HttpResponse:
    response = HttpResponse()
    clear_auth_cookies(HttpRequest(), response)
    return response


# --- What is set ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fastauth", "secure"), [({}, "; Secure"), ({"DEBUG": True}, "")], ids=["production", "debug"])
def test_the_cookies_are_those_that_fastauth_sends(settings, fastauth, secure):
    settings.FASTAUTH = fastauth

    assert set_cookies(delivered()) == [
        f"access_token=<access>; HttpOnly; Max-Age=900; Path=/; SameSite=lax{secure}",
        f"refresh_token=<refresh>; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax{secure}",
    ]


def test_signing_in_sets_exactly_the_two_cookies(browser, account):
    response = browser.sign_in(account)

    assert [cookie.partition("=")[2].partition("; ")[2] for cookie in set_cookies(response)] == [
        "HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure",
        "HttpOnly; Max-Age=2592000; Path=/; SameSite=lax; Secure",
    ]
    assert list(response.cookies) == [ACCESS, REFRESH]


def test_the_clearing_cookies_have_the_same_attributes():
    assert set_cookies(cleared()) == [
        f"access_token=; {GONE}; HttpOnly; Max-Age=0; Path=/; SameSite=lax; Secure",
        f"refresh_token=; {GONE}; HttpOnly; Max-Age=0; Path=/; SameSite=lax; Secure",
    ]


ATTRIBUTES = {
    "COOKIE_NAME_ACCESS": (
        {"COOKIE_NAME_ACCESS": "a"},
        "a=<access>; HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure",
    ),
    "COOKIE_PATH_ACCESS": (
        {"COOKIE_PATH_ACCESS": "/api"},
        "access_token=<access>; HttpOnly; Max-Age=900; Path=/api; SameSite=lax; Secure",
    ),
    "COOKIE_DOMAIN": (
        {"COOKIE_DOMAIN": "example.com"},
        "access_token=<access>; Domain=example.com; HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure",
    ),
    "COOKIE_SECURE": ({"COOKIE_SECURE": False}, "access_token=<access>; HttpOnly; Max-Age=900; Path=/; SameSite=lax"),
    "COOKIE_HTTPONLY": ({"COOKIE_HTTPONLY": False}, "access_token=<access>; Max-Age=900; Path=/; SameSite=lax; Secure"),
    "COOKIE_SAMESITE strict": (
        {"COOKIE_SAMESITE": "Strict"},
        "access_token=<access>; HttpOnly; Max-Age=900; Path=/; SameSite=strict; Secure",
    ),
    "COOKIE_SAMESITE none": (
        {"COOKIE_SAMESITE": "none"},
        "access_token=<access>; HttpOnly; Max-Age=900; Partitioned; Path=/; SameSite=none; Secure",
    ),
    "COOKIE_PARTITIONED off": (
        {"COOKIE_SAMESITE": "none", "COOKIE_PARTITIONED": False},
        "access_token=<access>; HttpOnly; Max-Age=900; Path=/; SameSite=none; Secure",
    ),
    "COOKIE_PARTITIONED on": (
        {"COOKIE_PARTITIONED": True},
        "access_token=<access>; HttpOnly; Max-Age=900; Partitioned; Path=/; SameSite=lax; Secure",
    ),
    "prefixed name": (
        {"COOKIE_NAME_ACCESS": "__Host-access"},
        "__Host-access=<access>; HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure",
    ),
}


@pytest.mark.parametrize(("fastauth", "expected"), ATTRIBUTES.values(), ids=ATTRIBUTES)
class TestAttributes:
    def test_setting_shapes_the_cookie(self, settings, fastauth, expected):
        settings.FASTAUTH = fastauth

        assert set_cookies(delivered())[0] == expected

    def test_setting_shapes_the_clearing_cookie_alike(self, settings, fastauth, expected):
        settings.FASTAUTH = fastauth

        removed = set_cookies(cleared())[0].replace(f"{GONE}; ", "")

        assert removed == expected.replace("<access>", "").replace("Max-Age=900", "Max-Age=0")


@pytest.mark.parametrize(
    ("fastauth", "expected"),
    [
        ({"COOKIE_NAME_REFRESH": "r"}, "r=<refresh>; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax; Secure"),
        (
            {"COOKIE_PATH_REFRESH": "/auth"},
            "refresh_token=<refresh>; HttpOnly; Max-Age=2592000; Path=/auth; SameSite=lax; Secure",
        ),
    ],
    ids=["COOKIE_NAME_REFRESH", "COOKIE_PATH_REFRESH"],
)
def test_the_refresh_cookie_has_a_name_and_a_path_of_its_own(settings, fastauth, expected):
    settings.FASTAUTH = fastauth

    access, refresh = set_cookies(delivered())

    assert refresh == expected
    assert access == "access_token=<access>; HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure"


@pytest.mark.parametrize("name", ["__Host-access", "__Secure-access"])
def test_prefixed_cookies_sign_in_and_out(settings, browser, account, name):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "COOKIE_NAME_ACCESS": name}
    browser.sign_in(account)

    assert browser.get("/private").status_code == 200
    browser.post("/auth/logout")
    assert not browser.cookies


def test_each_cookie_lives_as_long_as_its_token(settings, browser, account):
    settings.FASTAUTH = {
        "TOKEN_DELIVERY": "cookie",
        "ACCESS_TOKEN_TTL": 60,
        "REFRESH_TOKEN_TTL": timedelta(hours=1),
        "REMEMBER_ME_TTL": timedelta(hours=2),
    }

    lives = [
        [morsel["max-age"] for morsel in browser.sign_in(account, remember=remember).cookies.values()]
        for remember in (False, True)
    ]

    assert lives == [[60, 3600], [60, 7200]]


def test_tokens_without_a_refresh_token_leave_the_refresh_cookie_alone():
    response = HttpResponse()

    set_auth_cookies(response, IssuedTokens(access="<access>", access_max_age=900, refresh_max_age=2_592_000))

    assert {name: (morsel.value, morsel["max-age"]) for name, morsel in response.cookies.items()} == {
        ACCESS: ("<access>", 900)
    }


@pytest.mark.parametrize("answer", [delivered, cleared], ids=["set", "clear"])
def test_an_answer_with_cookies_may_not_be_stored(answer):
    assert answer().headers["Cache-Control"] == "no-store"


def test_setting_wins_over_an_earlier_clearing_on_the_same_response():
    response = cleared()
    set_auth_cookies(response, PAIR)

    assert [morsel.value for morsel in response.cookies.values()] == ["<access>", "<refresh>"]


def test_clearing_wins_over_an_earlier_setting_on_the_same_response():
    response = delivered()
    clear_auth_cookies(HttpRequest(), response)

    assert [morsel.value for morsel in response.cookies.values()] == ["", ""]


def test_other_cookies_of_the_response_stay():
    response = HttpResponse()
    response.set_cookie("theme", "dark")
    set_auth_cookies(response, PAIR)

    assert response.cookies["theme"].value == "dark"


def kept_in_a_cache(response):
    cache.set("response", response)
    return cache.get("response")


@pytest.mark.parametrize("copied", [kept_in_a_cache, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("answer", [delivered, cleared], ids=["set", "clear"])
def test_a_copy_of_a_response_sends_the_same_cookies(settings, answer, copied):
    settings.FASTAUTH = {
        "COOKIE_SAMESITE": "none",
        "COOKIE_FORMER": [{"name": ACCESS, "path": "/old"}, {"name": "jwt", "partitioned": False}],
    }
    response = answer()

    assert set_cookies(copied(response)) == set_cookies(response)


def test_the_repr_of_a_response_cookie_shows_no_token():
    assert "<access>" not in repr(delivered().cookies[ACCESS])


def test_other_cookies_are_still_the_standard_librarys():
    response = delivered()
    response.set_cookie("theme", "dark")

    assert type(response.cookies["theme"]) is Morsel


# --- Cookies of an earlier deployment ------------------------------------------------------------------------------

#: Outside of any partition, and inside.
BOTH = ["", "Partitioned; "]
FORMER = {
    "another name": (
        {"name": "jwt"},
        [f"jwt=; {GONE}; HttpOnly; Max-Age=0; {each}Path=/; SameSite=lax; Secure" for each in BOTH],
    ),
    "another path": (
        {"name": ACCESS, "path": "/api"},
        [f"access_token=; {GONE}; HttpOnly; Max-Age=0; {each}Path=/api; SameSite=lax; Secure" for each in BOTH],
    ),
    "another domain": (
        {"name": REFRESH, "domain": "example.com"},
        [
            f"refresh_token=; Domain=example.com; {GONE}; HttpOnly; Max-Age=0; {each}Path=/; SameSite=lax; Secure"
            for each in BOTH
        ],
    ),
    "another partition": (
        {"name": ACCESS, "partitioned": True},
        [f"access_token=; {GONE}; HttpOnly; Max-Age=0; Partitioned; Path=/; SameSite=lax; Secure"],
    ),
}


@pytest.mark.parametrize(("former", "expected"), FORMER.values(), ids=FORMER)
@pytest.mark.parametrize("act", ["login", "refresh", "logout"])
def test_a_former_cookie_is_cleared_by_every_act(settings, browser, account, act, former, expected):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie"}
    if act != "login":
        browser.sign_in(account)
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "COOKIE_FORMER": [former]}

    response = browser.sign_in(account) if act == "login" else browser.post(f"/auth/{act}")

    assert response.status_code == 200
    assert [each for each in set_cookies(response) if each in expected] == expected


def test_a_former_cookie_of_a_site_without_https_is_cleared_in_no_partition(settings):
    settings.FASTAUTH = {"COOKIE_SECURE": False, "COOKIE_FORMER": [{"name": "jwt"}]}

    assert len(set_cookies(cleared())) == 3


def test_what_a_browser_without_partitions_is_told_last_is_todays_cookie(settings):
    """To it a Partitioned cookie is the one without, so to clear it would clear today's."""
    settings.FASTAUTH = {"COOKIE_FORMER": [{"name": ACCESS, "partitioned": True}]}
    response = cleared()
    set_auth_cookies(response, PAIR)

    assert [morsel.value for morsel in response.cookies.values()] == ["", "<access>", "<refresh>"]


def test_a_final_refusal_clears_the_former_cookies_too(settings, browser, db):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "COOKIE_FORMER": [{"name": REFRESH, "path": "/old"}]}
    browser.set_cookie(REFRESH, "garbage")

    response = browser.post("/auth/refresh")

    assert [(morsel.key, morsel["path"]) for morsel in response.cookies.values()] == [
        (ACCESS, "/"),
        (REFRESH, "/"),
        (REFRESH, "/old"),
        (REFRESH, "/old"),
    ]


def test_a_former_cookie_that_is_todays_is_not_cleared(settings):
    settings.FASTAUTH = {"COOKIE_FORMER": [{"name": ACCESS}, {"name": REFRESH, "path": "/"}]}

    assert [morsel.value for morsel in delivered().cookies.values()] == ["<access>", "<refresh>"]


def test_a_former_cookie_whose_domain_browsers_take_for_todays_is_not_cleared(settings):
    """They drop the first dot and compare without regard to case, so clearing it would clear today's."""
    settings.FASTAUTH = {
        "COOKIE_DOMAIN": "example.com",
        "COOKIE_FORMER": [{"name": name, "domain": ".Example.com"} for name in (ACCESS, REFRESH)],
    }

    assert [morsel.value for morsel in delivered().cookies.values()] == ["<access>", "<refresh>"]


def test_a_former_cookie_is_cleared_in_both_partitions_unless_said_otherwise(settings):
    settings.FASTAUTH = {
        "COOKIE_SAMESITE": "none",
        "COOKIE_FORMER": [{"name": "jwt"}, {"name": "old", "partitioned": False}],
    }

    cookies = [(morsel.key, morsel["partitioned"]) for morsel in delivered().cookies.values()]

    assert cookies == [("jwt", False), ("jwt", True), ("old", False), (ACCESS, True), (REFRESH, True)]


def test_several_former_cookies_of_one_name_are_all_cleared(settings):
    settings.FASTAUTH = {
        "COOKIE_FORMER": [{"name": ACCESS, "path": path} for path in ("/a", "/b")]
        + [{"name": ACCESS, "domain": "example.com"}]
    }

    paths = [(morsel["path"], morsel["domain"]) for morsel in delivered().cookies.values() if morsel.key == ACCESS]

    assert list(dict.fromkeys(paths)) == [("/a", ""), ("/b", ""), ("/", "example.com"), ("/", "")]


def test_our_cookie_does_not_overwrite_one_of_the_project_with_another_path():
    response = HttpResponse()
    response.set_cookie(ACCESS, "the project's own", path="/shop")
    set_auth_cookies(response, PAIR)

    assert [(morsel.value, morsel["path"]) for morsel in response.cookies.values()] == [
        ("the project's own", "/shop"),
        ("<access>", "/"),
        ("<refresh>", "/"),
    ]


# --- Size ----------------------------------------------------------------------------------------------------------

SECRET = "swordfish" * 260


def add_secret(user, claims):
    return {**claims, "clearance": SECRET}


@pytest.fixture
def sized(settings, account):
    """A function: the settings with which Ada's access cookie has so many bytes, attributes and all."""
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "TOKEN_CLAIMS": add_secret, "ACCESS_TOKEN_TTL": 60}
    cookie = Browser().sign_in(account).cookies[ACCESS].OutputString()

    def configure(size: int) -> None:
        settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_PATH_ACCESS": "/" + "p" * (size - len(cookie))}

    return configure


def test_a_cookie_of_4096_bytes_is_set(sized, browser, account):
    sized(4096)

    response = browser.sign_in(account)

    assert len(response.cookies[ACCESS].OutputString()) == 4096


def test_a_cookie_of_4097_bytes_is_refused(sized, browser, account):
    sized(4097)

    with pytest.raises(CookieTooLarge, match="'access_token' would be 4097 bytes"):
        browser.sign_in(account)


def test_the_error_names_the_claims_by_size_and_shows_no_value(sized, browser, account):
    sized(4097)

    with pytest.raises(CookieTooLarge) as error:
        browser.sign_in(account)

    assert "Its claims by size: clearance 2340, " in str(error.value)
    assert "swordfish" not in str(error.value)


def test_a_sign_in_that_cannot_be_delivered_starts_no_session(sized, browser, account):
    sized(4097)
    before = AuthSession.objects.count()
    browser.raise_request_exception = False

    response = browser.sign_in(account)

    assert response.status_code == 500
    assert not response.cookies
    assert AuthSession.objects.count() == before


def test_a_refresh_that_cannot_be_delivered_leaves_the_old_token_working(sized, browser, account):
    sized(4000)
    browser.sign_in(account)
    refresh_token = browser.cookie(REFRESH)
    sized(4097)
    browser.raise_request_exception = False

    refused = browser.post("/auth/refresh")
    sized(4000)

    assert (refused.status_code, browser.cookie(REFRESH)) == (500, refresh_token)
    assert browser.post("/auth/refresh").status_code == 200


@pytest.mark.django_db
def test_when_one_cookie_is_too_large_neither_is_set(settings, account):
    settings.FASTAUTH = {"COOKIE_PATH_REFRESH": "/" + "p" * 4096}
    response = HttpResponse()

    with pytest.raises(CookieTooLarge, match="'refresh_token'"):
        sign_in(RequestFactory().post("/"), response, account.user, token_delivery="cookie")

    assert not response.cookies


@pytest.mark.parametrize(("size", "warnings"), [(3584, 0), (3585, 1)])
def test_a_cookie_over_three_and_a_half_kilobytes_is_logged(sized, browser, account, caplog, size, warnings):
    sized(size)
    caplog.clear()

    browser.sign_in(account)

    messages = [record.getMessage() for record in caplog.records if record.name == "fastauth_django"]
    assert len(messages) == warnings
    assert all(f"'access_token' is {size} bytes" in message and "clearance 2340" in message for message in messages)


def test_the_log_shows_no_value(sized, browser, account, caplog):
    sized(4000)

    browser.sign_in(account)

    assert "clearance" in caplog.text
    assert "swordfish" not in caplog.text


def test_the_size_is_no_concern_of_json_delivery(settings, native_app, account):
    settings.FASTAUTH = {"TOKEN_CLAIMS": lambda user, claims: {**claims, "big": "x" * 5000}}

    assert native_app.sign_in(account).status_code == 200


def test_bytes_count_and_not_letters():
    spec = CookieSpec("a", "/ü", None, secure=True, httponly=True, samesite="lax", partitioned=False)

    assert len(spec.morsel("x", 1).OutputString().encode()) == len(spec.morsel("x", 1).OutputString()) + 1


# --- Several of one name -------------------------------------------------------------------------------------------


def cookies_sent(*pairs: tuple[str, str]) -> dict[str, str]:
    """A Cookie header with repeated names, as browsers send it and no cookie jar of a test client would."""
    return {"HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in pairs)}


UNUSABLE = {
    "garbage": "garbage",
    "empty": "",
    "three parts": "a.b.c",
    "quoted garbage": '"garbage"',
    "spaces": "   ",
    "a hundred kilobytes": "x" * 100_000,
    "a hundred kilobytes of dots": "." * 100_000,
    "any bytes": "\xff\xfe\x80\x81\x01",
    "null bytes": "a\0b.c\0d.e",
    "octal escapes": '"\\377\\000"',
    "lone surrogate, escaped": "\xed\xa0\x80",
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE)
class TestUnusableCookies:
    def test_before_the_good_one_is_passed_over(self, signed_in, unusable):
        good = signed_in.cookie(ACCESS)

        response = Browser().get("/private", **cookies_sent((ACCESS, unusable), (ACCESS, good)))

        assert response.status_code == 200

    def test_after_the_good_one_is_not_looked_at(self, signed_in, unusable):
        good = signed_in.cookie(ACCESS)

        response = Browser().get("/private", **cookies_sent((ACCESS, good), (ACCESS, unusable)))

        assert response.status_code == 200

    def test_alone_leaves_the_visitor_anonymous(self, db, unusable):
        response = Browser().get("/public", **cookies_sent((ACCESS, unusable)))

        assert (response.status_code, response.data) == (200, {"user": None})

    def test_does_not_stop_a_refresh_with_the_good_one(self, signed_in, unusable):
        good = signed_in.cookie(REFRESH)

        response = Browser().post("/auth/refresh", **cookies_sent((REFRESH, unusable), (REFRESH, good)))

        assert response.status_code == 200

    def test_does_not_stop_signing_in(self, account, unusable):
        response = Browser().post(
            "/auth/login",
            account.credentials,
            format="json",
            **cookies_sent((ACCESS, unusable), (REFRESH, unusable)),
        )

        assert response.status_code == 200

    def test_does_not_stop_signing_out_and_is_cleared(self, db, unusable):
        response = Browser().post("/auth/logout", **cookies_sent((ACCESS, unusable), (REFRESH, unusable)))

        assert response.status_code == 200
        assert [morsel["max-age"] for morsel in response.cookies.values()] == [0, 0]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_first_access_cookie_that_is_alive_counts_wherever_it_stands(signed_in, other_account, clock, place):
    other = Browser()
    other.sign_in(other_account)
    signed_out = other.cookie(ACCESS)
    other.post("/auth/logout")
    values = [signed_out, "garbage"]
    values.insert(place, signed_in.cookie(ACCESS))

    response = Browser().get("/private", **cookies_sent(*((ACCESS, value) for value in values)))

    assert response.status_code == 200


def test_of_two_live_access_cookies_the_first_counts(signed_in, account, other_account):
    other = Browser()
    other.sign_in(other_account)

    response = Browser().get(
        "/private", **cookies_sent((ACCESS, other.cookie(ACCESS)), (ACCESS, signed_in.cookie(ACCESS)))
    )

    assert response.data == {"user": other_account.user.get_username()}


@pytest.mark.parametrize("stale_first", [True, False])
def test_a_stale_refresh_cookie_beside_the_live_one_is_no_reuse(clock, signed_in, stale_first):
    stale = signed_in.cookie(REFRESH)
    signed_in.post("/auth/refresh")
    clock.shift(60)
    values = [stale, signed_in.cookie(REFRESH)]

    response = Browser().post(
        "/auth/refresh", **cookies_sent(*((REFRESH, value) for value in (values if stale_first else values[::-1])))
    )

    assert response.status_code == 200
    assert AuthSession.objects.live().count() == 1


def test_a_quoted_token_is_read(signed_in):
    response = Browser().get("/private", **cookies_sent((ACCESS, f'"{signed_in.cookie(ACCESS)}"')))

    assert response.status_code == 200


def test_every_value_of_a_name_is_read_once_in_the_order_sent():
    request = RequestFactory().get(
        "/", HTTP_COOKIE=" access_token=b;access_token=a; access_token= b ;access_token=;x=1; refresh_token=r"
    )

    assert access_tokens(request) == ["b", "a"]
    assert refresh_tokens(request) == ["r"]


@pytest.mark.parametrize(
    "header",
    ["", "access_token", "=access_token=x", "xaccess_token=x", "access_tokenx=x", "ACCESS_TOKEN=x", "a=access_token=x"],
)
def test_a_cookie_of_another_name_is_not_read(header):
    assert access_tokens(RequestFactory().get("/", HTTP_COOKIE=header)) == []


def test_a_request_without_cookies_has_no_tokens():
    assert access_tokens(RequestFactory().get("/")) == []


@pytest.mark.parametrize("space", ["\u2000", "\u3000", "\x85", "\xa0", "\u2028"], ids=ascii)
def test_a_sibling_subdomain_cannot_toss_in_a_cookie_with_a_host_prefix(settings, signed_in, space):
    """Django drops Unicode spaces around a name; to browsers it does not begin with ``__Host-``, and is allowed."""
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "COOKIE_NAME_ACCESS": "__Host-access"}
    on_the_wire = f"{space}__Host-access={signed_in.cookie(ACCESS)}".encode().decode("latin-1")

    response = Browser().get("/private", HTTP_COOKIE=on_the_wire)

    assert response.status_code == 401


def test_a_request_that_code_made_up_may_have_its_cookies_in_django_only(signed_in):
    """As ``request.COOKIES[...] = ...`` in a project's tests."""
    made_up = RequestFactory().get("/")
    made_up.COOKIES[ACCESS] = signed_in.cookie(ACCESS)
    assert access_tokens(made_up) == [signed_in.cookie(ACCESS)]
    assert refresh_tokens(made_up) == []


# --- Several Cookie headers, which HTTP/2 allows -------------------------------------------------------------------


async def answer(method: str, path: str, *cookie_headers: str) -> tuple[int, dict]:
    """What Django's ASGI application answers to a request with these ``Cookie`` headers."""
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", b"testserver")]}
    scope["headers"] += [(b"cookie", header.encode("latin-1")) for header in cookie_headers]
    communicator = ApplicationCommunicator(get_asgi_application(), scope)
    await communicator.send_input({"type": "http.request"})
    status = (await communicator.receive_output(10))["status"]
    body = (await communicator.receive_output(10))["body"]
    await communicator.wait()
    return status, json.loads(body)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("others", [["a=1", "b=2"], ["a=1, 2"], []], ids=["several", "one with a comma", "none"])
def test_cookies_in_headers_of_their_own_are_read(browser, account, others):
    browser.sign_in(account)
    access, refresh = (f"{name}={browser.cookie(name)}" for name in (ACCESS, REFRESH))
    headers = [*others, access, *others, refresh]

    assert async_to_sync(answer)("GET", "/auth/me", *headers)[0] == 200
    assert async_to_sync(answer)("POST", "/auth/refresh", *headers)[0] == 200
    assert async_to_sync(answer)("POST", "/auth/logout", *headers)[0] == 200
    assert not AuthSession.objects.live().exists()


@pytest.mark.django_db(transaction=True)
def test_several_cookies_in_one_of_several_headers_are_read(browser, account):
    browser.sign_in(account)

    headers = f"a=1; {ACCESS}={browser.cookie(ACCESS)}; b=2", "c=3"
    assert async_to_sync(answer)("GET", "/auth/me", *headers)[0] == 200


@pytest.mark.django_db(transaction=True)
def test_what_stands_behind_a_comma_in_another_cookie_is_not_read(browser, account):
    """A sibling subdomain that may set a plain cookie must not set a __Host- one with it."""
    browser.sign_in(account)
    planted = f"theme=dark,{ACCESS}={browser.cookie(ACCESS)}"

    assert async_to_sync(answer)("GET", "/auth/me", planted)[0] == 401
    assert async_to_sync(answer)("GET", "/auth/me", planted, "a=1")[0] == 401
    assert browser.get("/auth/me", HTTP_COOKIE=planted).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_djangos_asynchronous_client_may_send_a_comma(browser, account):
    browser.sign_in(account)
    header = f"theme=a,b; {ACCESS}={browser.cookie(ACCESS)}"

    response = async_to_sync(AsyncClient().get)("/auth/me", headers={"cookie": header})

    assert response.status_code == 200
