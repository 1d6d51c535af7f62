"""Whatever a client sends is answered with a 4xx that says what is wrong, and leaves nothing behind."""

import json

import pytest
from django.contrib.auth import get_user_model
from rest_framework.serializers import ChoiceField

from fastauth_django.models import AuthSession
from fastauth_django.serializers import RegisterSerializer
from tests.clients import ACCESS, REFRESH, Browser
from tests.factories import sign_up_data

IDENTIFIER = get_user_model().USERNAME_FIELD

#: Every route that takes a body.
POST_ROUTES = ["register", "login", "refresh", "logout", "account/change-password"]

JSON = "application/json"

#: Older parsers decode by any codec of Python's, and fail with what it raises.
NEEDS_TEXT_CHARSETS = pytest.mark.needs("djangorestframework >= 3.18.2")

#: Bodies that are no object of ours, whatever the route: content type and bytes.
MALFORMED = {
    "broken JSON": (JSON, b'{"password": '),
    "trailing garbage": (JSON, b"{} {}"),
    "array": (JSON, b"[1, 2]"),
    "empty array": (JSON, b"[]"),
    "number": (JSON, b"5"),
    "zero": (JSON, b"0"),
    "string": (JSON, b'"refresh_token"'),
    "null": (JSON, b"null"),
    "true": (JSON, b"true"),
    "NaN": (JSON, b'{"refresh_token": NaN}'),
    "number of 10,000 digits": (JSON, b'{"refresh_token": ' + b"9" * 10_000 + b"}"),
    "nested too deeply": (JSON, b"[" * 200_000),
    "objects nested too deeply": (JSON, b'{"refresh_token":' * 100_000),
    "not UTF-8": (JSON, b'{"refresh_token": "\xff\xfe"}'),
    "lone NUL byte": (JSON, b"\0"),
    "UTF-16": (JSON, '{"refresh_token": ""}'.encode("utf-16")),
    "charset that is a compression": pytest.param((f"{JSON}; charset=zlib", b"{}"), marks=NEEDS_TEXT_CHARSETS),
    "charset that turns letters": pytest.param((f"{JSON}; charset=rot13", b"{}"), marks=NEEDS_TEXT_CHARSETS),
    "unknown content type": ("text/csv", b"a,b"),
    "plain text": ("text/plain", b"{}"),
    "XML": ("application/xml", b"<password/>"),
    "garbage for a content type": ("\\;;=", b"{}"),
    "multipart without a boundary": ("multipart/form-data", b"x"),
    "more form fields than Django takes": (
        "application/x-www-form-urlencoded",
        b"&".join(b"f%d=1" % number for number in range(1_001)),
    ),
}

#: Values that no field of ours takes.
WRONG_VALUES = {
    "object": {},
    "array": ["x"],
    "nested": {"a": {"b": [1]}},
    "NUL": "a\0b",
    "lone surrogate": "\ud800",
    "very long": "x" * 100_000,
}


def rows():
    return AuthSession.objects.count(), get_user_model()._default_manager.count()


@pytest.fixture
def authenticated(signed_in) -> Browser:
    """A browser that every route lets in, so that only the body can be what is wrong."""
    return signed_in


def path_of(route: str) -> str:
    """In cookie delivery a body that cannot be read keeps nobody from signing out."""
    return f"/app/{route}" if route in {"refresh", "logout"} else f"/auth/{route}"


def without_refresh_cookie(browser: Browser) -> Browser:
    browser.set_cookie(REFRESH, "")
    return browser


@pytest.mark.parametrize("route", POST_ROUTES)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_body_is_refused_with_a_detail_and_a_code(authenticated, route, body):
    content_type, content = body
    before = rows()

    response = without_refresh_cookie(authenticated).generic("POST", path_of(route), content, content_type=content_type)

    assert response.status_code in {400, 415}, response.content
    assert set(response.json()) == {"detail", "code"}
    assert rows() == before
    assert ACCESS in authenticated.cookies, "a body that cannot be read must cost nobody the session"


def valid_body(route, password):
    return {
        "register": {**sign_up_data("grace")},
        "login": {IDENTIFIER: "grace", "password": password, "remember": False},
        "refresh": {"refresh_token": "x"},
        "logout": {"refresh_token": "x"},
        "account/change-password": {"current_password": password, "new_password": "a new one 1234"},
    }[route]


@pytest.mark.parametrize("route", POST_ROUTES)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_half_a_character_is_a_400_for_people_too(authenticated, account, settings, route, accept):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_RENDERER_CLASSES": [
            "rest_framework.renderers.JSONRenderer",
            "rest_framework.renderers.BrowsableAPIRenderer",
        ],
    }
    body = json.dumps(dict.fromkeys(valid_body(route, "x"), "\ud800"))

    response = without_refresh_cookie(authenticated).generic(
        "POST", path_of(route), body, content_type=JSON, HTTP_ACCEPT=accept
    )

    assert response.status_code == 400, response.content


FIELDS = [(route, field) for route in POST_ROUTES for field in valid_body(route, "x")]


@pytest.mark.parametrize(("route", "field"), FIELDS, ids=[f"{route}-{field}" for route, field in FIELDS])
@pytest.mark.parametrize("value", WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_field_of_the_wrong_kind_is_a_400_that_names_it(authenticated, account, route, field, value):
    body = {**valid_body(route, account.credentials["password"]), field: value}
    before = rows()

    response = without_refresh_cookie(authenticated).generic(
        "POST", path_of(route), json.dumps(body), content_type=JSON
    )

    assert response.status_code == 400, response.content
    assert set(response.json()) == {field}
    assert rows() == before


@pytest.mark.parametrize(
    ("route", "field"),
    [(route, field) for route, field in FIELDS if field not in {"refresh_token", "remember"}],
    ids=str,
)
@pytest.mark.parametrize("body", ["missing", "null", "empty"])
def test_field_that_is_needed_must_be_there(authenticated, account, route, field, body):
    data = valid_body(route, account.credentials["password"])
    if body == "missing":
        del data[field]
    else:
        data[field] = None if body == "null" else ""
    before = rows()

    response = authenticated.post(f"/auth/{route}", data, format="json")

    assert response.status_code == 400
    assert set(response.json()) == {field}
    assert rows() == before


@pytest.mark.parametrize("route", ["refresh", "logout"])
@pytest.mark.parametrize("value", ["null", '""'])
def test_refresh_token_that_is_empty_counts_as_none(browser, db, route, value):
    response = browser.generic("POST", f"/auth/{route}", f'{{"refresh_token": {value}}}', content_type=JSON)

    expected = {"refresh": (401, "refresh_token_required"), "logout": (200, None)}[route]
    assert (response.status_code, response.json().get("code")) == expected


GARBAGE = {
    "empty": "",
    "word": "garbage",
    "dots": "..",
    "100 kB": "x" * 100_000,
    "100 kB of dots": "." * 100_000,
    "arbitrary bytes": bytes(byte for byte in range(1, 256) if chr(byte) not in '";\\,\r\n\t ').decode("latin-1"),
    "invalid UTF-8": "\xc3\x28",
    "quoted": '"\\303\\050"',
    "NUL": "a\0b",
    "header that nests too deeply": "W1tb" * 5_000 + ".e30.e30",
    "unsigned": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjo5OTk5OTk5OTk5fQ.",
}


@pytest.fixture(params=GARBAGE.values(), ids=GARBAGE)
def garbage_cookies(request) -> dict[str, str]:
    return {"HTTP_COOKIE": f"{ACCESS}={request.param}; {REFRESH}={request.param}"}


def test_garbage_cookie_does_not_stop_a_sign_in(browser, account, garbage_cookies):
    response = browser.post("/auth/login", account.credentials, format="json", **garbage_cookies)

    assert response.status_code == 200


def test_garbage_cookie_does_not_stop_a_sign_up(browser, db, garbage_cookies):
    response = browser.post("/auth/register", sign_up_data(), format="json", **garbage_cookies)

    assert response.status_code == 201


def test_garbage_cookie_does_not_stop_a_sign_out_and_is_cleared(browser, db, garbage_cookies):
    response = browser.post("/auth/logout", **garbage_cookies)

    assert response.status_code == 200
    assert {name: morsel["max-age"] for name, morsel in response.cookies.items()} == {ACCESS: 0, REFRESH: 0}


def test_garbage_cookie_does_not_close_public_views(browser, db, garbage_cookies):
    assert browser.get("/public", **garbage_cookies).json() == {"user": None}


def test_garbage_cookie_opens_no_private_view(browser, db, garbage_cookies):
    response = browser.get("/private", **garbage_cookies)

    assert response.status_code == 401
    assert set(response.json()) >= {"detail"}


def test_garbage_refresh_cookie_buys_no_pair(browser, db, garbage_cookies):
    response = browser.post("/auth/refresh", **garbage_cookies)

    assert response.status_code == 401
    assert response.json()["code"] in {"token_invalid", "refresh_token_required"}
    assert AuthSession.objects.count() == 0


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer a b c", "Bearer " + "x" * 100_000, "Bearer \xff\xfe", "bearer x", "Basic eDp4", "\xff", ""],
    ids=["bare", "three words", "100 kB", "arbitrary bytes", "lower case", "basic", "byte", "empty"],
)
@pytest.mark.parametrize("route", ["login", "logout"])
def test_garbage_header_does_not_stop_a_sign_in_or_out(browser, account, route, header):
    body = account.credentials if route == "login" else {}

    response = browser.post(f"/auth/{route}", body, format="json", HTTP_AUTHORIZATION=header)

    assert response.status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer a b c", "Bearer " + "x" * 100_000, "Bearer \xff\xfe"], ids=["three words", "100 kB", "bytes"]
)
def test_garbage_header_is_a_401_with_a_code(browser, db, header):
    response = browser.get("/auth/me", HTTP_AUTHORIZATION=header)

    assert response.status_code == 401
    assert set(response.json()) == {"detail", "code"}


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
@pytest.mark.parametrize("route", POST_ROUTES)
def test_wrong_method_is_a_405_with_a_code(signed_in, route, method):
    response = getattr(signed_in, method)(f"/auth/{route}")

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("accept", ["image/png", "text/html", "garbage"])
@pytest.mark.parametrize("query", ["", "?format=xml"])
def test_answer_is_json_whatever_the_client_would_rather_read(signed_in, settings, accept, query):
    settings.REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}

    response = signed_in.get(f"/auth/me{query}", HTTP_ACCEPT=accept)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_browsable_api_shows_the_fields_of_a_body(client, db):
    page = client.get("/auth/login", HTTP_ACCEPT="text/html").content.decode()

    assert 'name="password"' in page
    assert 'name="remember"' in page


@pytest.mark.parametrize("route", ["me", "sessions"])
def test_browsable_api_shows_the_account_routes(signed_in, route):
    response = signed_in.get(f"/auth/{route}", HTTP_ACCEPT="text/html")

    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/html")


def test_browsable_api_shows_a_refusal_to_sign_in(browser, account):
    response = browser.post(
        "/auth/login", {**account.credentials, "password": "wrong"}, format="json", HTTP_ACCEPT="text/html"
    )

    assert response.status_code == 401
    assert b"invalid_credentials" in response.content


@pytest.mark.parametrize(
    "session_id",
    ["x", "%00", "0", "-1", "..", "a" * 5_000, "%ff%fe", "01234567-89ab-7def-8123-456789abcdef"],
    ids=["letter", "NUL", "zero", "negative", "dots", "5 kB", "bytes", "unknown"],
)
def test_garbage_session_id_is_a_404_with_a_code(signed_in, session_id):
    response = signed_in.delete(f"/auth/sessions/{session_id}")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize(
    "value", ["maybe", "", "%00", "2", "[]", "x" * 5_000], ids=["word", "empty", "NUL", "number", "list", "5 kB"]
)
def test_garbage_in_keep_current_ends_nothing(signed_in, value):
    response = signed_in.delete(f"/auth/sessions/all?keep_current={value}")

    assert response.status_code == 400
    assert set(response.json()) == {"keep_current"}
    assert signed_in.get("/private").status_code == 200


class PlannedRegisterSerializer(RegisterSerializer):
    plan = ChoiceField([("free", "Free")], write_only=True)

    class Meta(RegisterSerializer.Meta):
        fields = [*RegisterSerializer.Meta.fields, "plan"]


def test_half_a_character_is_not_repeated(browser, settings):
    """A field with choices says what it refuses, and no answer can be written with that."""
    settings.FASTAUTH = {"REGISTER_SERIALIZER": PlannedRegisterSerializer}
    body = json.dumps({**sign_up_data(), "plan": "\ud800"})

    response = browser.post("/auth/register", body, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (400, "parse_error")
