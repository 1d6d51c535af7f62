"""The OpenAPI document: what it says of the routes, and that they answer so."""

import functools
import subprocess
import sys
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import modify_settings, override_settings
from django.urls import include, path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import extend_schema, extend_schema_view
from jsonschema import Draft202012Validator, FormatChecker
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import APIView

from fastauth_django import sessions, views
from fastauth_django.exceptions import TryAgain
from tests.clients import Browser, NativeApp
from tests.devices import Device, bind, bind_on_sign_in, renew
from tests.factories import PASSWORD, sign_up_data
from tests.reading import session_of
from tests.testapp.views import PrivateView, StatelessView

Document = dict[str, Any]

IDENTIFIER = get_user_model().USERNAME_FIELD
ROUTES = {
    ("/auth/account/change-password", "post"),
    ("/auth/device/bind", "post"),
    ("/auth/device/refresh", "post"),
    ("/auth/login", "post"),
    ("/auth/logout", "post"),
    ("/auth/me", "get"),
    ("/auth/refresh", "post"),
    ("/auth/register", "post"),
    ("/auth/sessions", "get"),
    ("/auth/sessions/all", "delete"),
    ("/auth/sessions/{session_id}", "delete"),
}
UNSAFE = ROUTES - {("/auth/me", "get"), ("/auth/sessions", "get")}
DEVICE = {("/auth/device/bind", "post"), ("/auth/device/refresh", "post")}
ACTS = {("/auth/login", "post"), ("/auth/logout", "post"), ("/auth/refresh", "post"), ("/auth/register", "post")}

deliveries = pytest.mark.parametrize("delivery", ["cookie", "json"])


def make_document(*patterns: Any) -> Document:
    """The document of these URLs, or of the whole project. Nothing in it was guessed or warned of."""
    # 3.1, whose schemas are JSON Schema and can be tested as such.
    with patched_settings({"OAS_VERSION": "3.1.0"}):
        document = SchemaGenerator(patterns=[*patterns] or None).get_schema(request=None, public=True)
    assert not GENERATOR_STATS
    return document


@functools.cache
def make_document_in(delivery: str) -> Document:
    with override_settings(FASTAUTH={"TOKEN_DELIVERY": delivery}):
        return make_document()


@pytest.fixture
def document(settings, delivery) -> Document:
    settings.FASTAUTH = {"TOKEN_DELIVERY": delivery}
    return make_document_in(delivery)


def body_of(operation: dict[str, Any], status: int) -> dict[str, Any]:
    return operation["responses"][str(status)]["content"]["application/json"]["schema"]


def codes_of(operation: dict[str, Any], status: int) -> set[str]:
    """The codes that the document lists for a status."""
    schema = body_of(operation, status)
    return {
        code
        for part in schema.get("anyOf", [schema])
        for each in part.get("allOf", [])
        for code in each.get("properties", {}).get("code", {}).get("enum", [])
    }


def request_fields(document: Document, operation: dict[str, Any]) -> set[str]:
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    return set(document["components"]["schemas"][reference.rpartition("/")[2]]["properties"])


# --- The document ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delivery", "version"), [("cookie", "3.0.3"), ("json", "3.0.3"), ("cookie", "3.1.0")])
def test_document_is_valid_and_nothing_in_it_is_guessed(settings, tmp_path, delivery, version):
    settings.FASTAUTH = {"TOKEN_DELIVERY": delivery}

    with patched_settings({"OAS_VERSION": version}):
        call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))

    assert "/auth/login:" in (tmp_path / "schema.yaml").read_text()


@deliveries
def test_each_route_stands_in_the_document_once(document):
    described = {(path, method) for path, operations in document["paths"].items() for method in operations}

    assert {each for each in described if each[0].startswith("/auth/")} == ROUTES


def without_details(result, generator, request, public):
    """A hook of a project."""
    del result["components"]["schemas"]["AuthError"]["properties"]["detail"]
    return result


def test_what_a_hook_changes_in_a_document_is_not_in_the_next():
    with patched_settings({"POSTPROCESSING_HOOKS": [f"{__name__}.without_details"]}):
        assert set(make_document()["components"]["schemas"]["AuthError"]["properties"]) == {"code", "retry_after"}

    assert set(make_document()["components"]["schemas"]["AuthError"]["properties"]) == {
        "detail",
        "code",
        "retry_after",
    }


@deliveries
def test_each_operation_says_what_it_is_for(document):
    described = [document["paths"][route][method] for route, method in ROUTES]

    assert all(operation["summary"] and operation["description"] for operation in described)
    assert len({operation["summary"] for operation in described}) == len(described)
    assert len({operation["operationId"] for operation in described}) == len(described)
    assert document["paths"]["/auth/sessions"]["get"]["operationId"] == "auth_sessions_list"


def test_names_of_components_leave_a_projects_own_alone():
    class UserSerializer(serializers.Serializer):
        nickname = serializers.CharField()

    class SessionSerializer(serializers.Serializer):
        room = serializers.CharField()

    @extend_schema(responses={200: UserSerializer, 400: SessionSerializer})
    class Projects(APIView):
        authentication_classes = (SessionAuthentication,)

        def get(self, request):
            return Response()

    document = make_document(path("auth/", include("fastauth_django.urls")), path("own", Projects.as_view()))

    components = document["components"]
    assert set(components["schemas"]["User"]["properties"]) == {"nickname"}
    assert set(components["schemas"]["Session"]["properties"]) == {"room"}
    assert components["securitySchemes"]["cookieAuth"]["name"] == "sessionid"


# --- Security -------------------------------------------------------------------------------------------------------


@deliveries
def test_cookie_or_bearer_is_enough(document):
    for route, method in ROUTES - ACTS - DEVICE:
        assert document["paths"][route][method]["security"] == [{"accessCookie": []}, {"accessBearer": []}]


@deliveries
def test_a_device_needs_a_cookie_to_bind_and_one_beside_its_proof_to_renew(document):
    bind, renew = (document["paths"][f"/auth/device/{name}"]["post"] for name in ("bind", "refresh"))
    required = {
        name: {each["name"] for each in operation["parameters"] if each.get("required")}
        for name, operation in (("bind", bind), ("refresh", renew))
    }

    assert bind["security"] == [{"accessCookie": []}]
    assert renew["security"] == [{"deviceCookie": []}]
    assert required == {"bind": {"Secure-Session-Response"}, "refresh": {"Sec-Secure-Session-Id"}}
    assert "requestBody" not in bind
    assert "requestBody" not in renew


@pytest.mark.parametrize("view", [PrivateView, StatelessView])
def test_cookie_or_bearer_is_enough_on_a_projects_own_views(view):
    own = make_document(path("own", view.as_view()))["paths"]["/own"]["get"]

    assert own["security"] == [{"accessCookie": []}, {"accessBearer": []}]


def test_security_schemes_follow_the_settings(settings):
    settings.FASTAUTH = {
        "TOKEN_DELIVERY": "cookie",
        "COOKIE_NAME_ACCESS": "__Host-access",
        "COOKIE_NAME_REFRESH": "__Host-refresh",
        "COOKIE_NAME_DEVICE": "__Host-device",
    }

    assert make_document()["components"]["securitySchemes"] == {
        "accessCookie": {"type": "apiKey", "in": "cookie", "name": "__Host-access"},
        "refreshCookie": {"type": "apiKey", "in": "cookie", "name": "__Host-refresh"},
        "deviceCookie": {"type": "apiKey", "in": "cookie", "name": "__Host-device"},
        "accessBearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    }


def test_bearer_scheme_follows_simplejwts_settings(settings):
    settings.SIMPLE_JWT = {"AUTH_HEADER_TYPES": ("JWT",)}

    bearer = make_document()["components"]["securitySchemes"]["accessBearer"]

    assert (bearer["type"], bearer["in"], bearer["name"]) == ("apiKey", "header", "Authorization")
    assert "JWT" in bearer["description"]


@pytest.mark.parametrize(
    ("delivery", "refreshed_by", "signed_out_by"),
    [("cookie", ["refreshCookie"], ["refreshCookie", "accessCookie", "accessBearer"]), ("json", [], ["accessBearer"])],
)
def test_acts_need_nothing_and_accept_what_their_delivery_reads(document, refreshed_by, signed_out_by):
    for act, accepted in {"login": [], "register": [], "refresh": refreshed_by, "logout": signed_out_by}.items():
        security = document["paths"][f"/auth/{act}"]["post"].get("security", [])
        assert security == ([*({name: []} for name in accepted), {}] if accepted else [])


# --- Delivery -------------------------------------------------------------------------------------------------------


def test_view_with_a_delivery_of_its_own_is_described_in_it(settings):
    paths = make_document()["paths"]

    login, app_login = paths["/auth/login"]["post"], paths["/app/login"]["post"]
    assert body_of(login, 200) == {"$ref": "#/components/schemas/AuthTokensInCookiesWithUser"}
    assert body_of(app_login, 200) == {"$ref": "#/components/schemas/AuthTokensInBodyWithUser"}
    assert "Set-Cookie" in login["responses"]["200"]["headers"]
    assert "Set-Cookie" not in app_login["responses"]["200"]["headers"]


def test_cookies_are_described_with_their_attributes(settings):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "COOKIE_SAMESITE": "none", "ACCESS_TOKEN_TTL": 60}

    paths = make_document()["paths"]

    set_cookie = paths["/auth/login"]["post"]["responses"]["200"]["headers"]["Set-Cookie"]["description"]
    assert "access_token=…; HttpOnly; Max-Age=60; Partitioned; Path=/; SameSite=none; Secure" in set_cookie
    assert "refresh_token=…; HttpOnly; Max-Age=2592000; Partitioned; Path=/; SameSite=none; Secure" in set_cookie
    cleared = paths["/auth/logout"]["post"]["responses"]["200"]["headers"]["Set-Cookie"]["description"]
    assert "refresh_token=; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Max-Age=0" in cleared


def test_forged_requests_are_refused_where_cookies_are_read_or_set(settings):
    def refusing(**fastauth: Any) -> set[tuple[str, str]]:
        settings.FASTAUTH = fastauth
        paths = make_document()["paths"]
        return {
            (route, method)
            for route, method in ROUTES
            if "403" in paths[route][method]["responses"] and "csrf_failed" in codes_of(paths[route][method], 403)
        }

    assert refusing(TOKEN_DELIVERY="cookie") == UNSAFE
    assert refusing(TOKEN_DELIVERY="json") == UNSAFE - ACTS
    assert refusing(TOKEN_DELIVERY="cookie", CSRF_PROTECTION=None) == set()


def test_django_csrf_token_is_a_parameter_in_token_mode(settings):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "CSRF_PROTECTION": "token"}
    paths = make_document()["paths"]

    def parameters(route: str, method: str) -> set[str]:
        return {parameter["name"] for parameter in paths[route][method].get("parameters", [])}

    # Before signing in and up no token can have been given.
    asked = {(route, method) for route, method in ROUTES if "X-CSRFTOKEN" in parameters(route, method)}
    # Nor has a browser one that calls by itself.
    assert asked == UNSAFE - DEVICE - {("/auth/login", "post"), ("/auth/register", "post")}


# --- What a project changes -----------------------------------------------------------------------------------------


class NicknameSerializer(serializers.Serializer):
    nickname = serializers.CharField()


class SchemalessSerializer(serializers.Serializer):
    """Makes its fields up as it goes."""

    def to_representation(self, instance):
        return {"anything": "at all"}


def test_serializers_of_the_project_are_described(settings):
    replaced = ["LOGIN_SERIALIZER", "REGISTER_SERIALIZER", "USER_SERIALIZER"]
    settings.FASTAUTH = dict.fromkeys(replaced, f"{__name__}.NicknameSerializer")

    document = make_document()

    assert request_fields(document, document["paths"]["/auth/login"]["post"]) == {"nickname"}
    assert request_fields(document, document["paths"]["/auth/register"]["post"]) == {"nickname"}
    assert body_of(document["paths"]["/auth/me"]["get"], 200) == {"$ref": "#/components/schemas/Nickname"}


def test_user_without_declared_fields_is_any_object(settings):
    settings.FASTAUTH = {"USER_SERIALIZER": f"{__name__}.SchemalessSerializer"}

    schemas = make_document()["components"]["schemas"]

    assert schemas["AuthTokensInBodyWithUser"]["properties"]["user"] == {
        "type": "object",
        "additionalProperties": {},
    }


def test_identifier_is_the_user_models():
    document = make_document()

    assert request_fields(document, document["paths"]["/auth/login"]["post"]) == {IDENTIFIER, "password", "remember"}
    assert request_fields(document, document["paths"]["/auth/register"]["post"]) >= set(sign_up_data())


def test_bodies_of_refusals_are_left_open_under_a_handler_of_the_project(settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": f"{__name__}.handler"}

    operation = make_document()["paths"]["/auth/login"]["post"]

    assert body_of(operation, 401) == {}
    assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]


def handler(exc, context):
    return Response({"problem": str(exc)}, status=exc.status_code)


def test_throttles_of_the_project_are_described():
    class Throttled(views.MeView):
        throttle_classes = (AnonRateThrottle,)

    paths = make_document(path("throttled", Throttled.as_view()), path("free", views.MeView.as_view()))["paths"]

    assert codes_of(paths["/throttled"]["get"], 429) == {"throttled"}
    assert "429" not in paths["/free"]["get"]["responses"]


def test_refusals_of_tokens_without_session_are_described_where_those_are_accepted(settings):
    assert "user_not_found" not in codes_of(make_document()["paths"]["/auth/me"]["get"], 401)

    settings.FASTAUTH = {"ACCEPT_TOKENS_WITHOUT_SESSION": True}

    assert "user_not_found" in codes_of(make_document()["paths"]["/auth/me"]["get"], 401)


@pytest.mark.parametrize(
    "extend",
    [extend_schema(summary="Enter"), extend_schema_view(post=extend_schema(summary="Enter"))],
    ids=["the class", "the method"],
)
def test_what_a_project_extends_is_laid_over(extend):
    class OwnLogin(views.LoginView):
        """Sign in to the shop."""

    operation = make_document(path("login", extend(OwnLogin).as_view()))["paths"]["/login"]["post"]

    assert operation["summary"] == "Enter"
    assert operation["description"] == "Sign in to the shop."
    assert codes_of(operation, 401) == {"invalid_credentials", "user_inactive"}


def test_schema_class_of_the_project_still_counts(monkeypatch):
    class Shouting(AutoSchema):
        def get_operation_id(self):
            return super().get_operation_id().upper()

    monkeypatch.setattr(api_settings, "DEFAULT_SCHEMA_CLASS", Shouting)
    monkeypatch.setattr(APIView, "schema", Shouting())

    operation = make_document(path("login", views.LoginView.as_view()))["paths"]["/login"]["post"]

    assert operation["operationId"] == "LOGIN_CREATE"
    assert operation["summary"] == "Sign in"


def test_method_that_a_project_adds_is_the_projects_to_describe():
    class LoginPage(views.LoginView):
        @extend_schema(responses={200: NicknameSerializer})
        def get(self, request):
            return Response()

    operations = make_document(path("login", LoginPage.as_view()))["paths"]["/login"]

    assert set(operations["get"]["responses"]) == {"200"}
    assert set(operations["post"]["responses"]) > {"200", "401"}


def test_refusals_that_a_project_adds_are_described():
    class ShopClosed(APIException):
        status_code = 409
        default_code = "shop_closed"
        default_detail = "Closed, {sorry}."

    class ShopLogin(views.LoginView):
        refusals = (*views.LoginView.refusals, ShopClosed)

    operation = make_document(path("login", ShopLogin.as_view()))["paths"]["/login"]["post"]

    assert codes_of(operation, 409) == {"shop_closed"}
    assert operation["responses"]["409"]["description"] == "`shop_closed`: Closed, {sorry}."
    assert codes_of(operation, 401) == {"invalid_credentials", "user_inactive"}


def test_view_that_serves_two_routes_describes_each_as_its_own():
    class Sessions(views.SessionListView, views.AllSessionsView):
        """The sessions at one address."""

    operations = make_document(path("sessions", Sessions.as_view()))["paths"]["/sessions"]

    assert operations["get"]["summary"] == "List the sessions"
    assert operations["delete"]["summary"] == "Revoke all sessions"


def test_view_of_another_kind_is_the_projects_to_describe():
    @extend_schema(responses={200: NicknameSerializer})
    class Nickname(views.AccountView):
        def get(self, request):
            return Response()

    operation = make_document(path("nickname", Nickname.as_view()))["paths"]["/nickname"]["get"]

    assert set(operation["responses"]) == {"200"}
    assert operation["security"] == [{"accessCookie": []}, {"accessBearer": []}]


def test_nothing_of_drf_spectacular_is_loaded_where_the_project_does_not_have_it():
    program = (
        "import sys, django\n"
        "from django.conf import settings\n"
        "settings.configure(SECRET_KEY='for this test', INSTALLED_APPS=['django.contrib.auth',"
        " 'django.contrib.contenttypes', 'rest_framework', 'fastauth_django'])\n"
        "django.setup()\n"
        "import fastauth_django.urls\n"
        "sys.exit('drf_spectacular' in sys.modules)\n"
    )

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_app_is_ready_without_drf_spectacular():
    with modify_settings(INSTALLED_APPS={"remove": ["drf_spectacular"]}):
        assert apps.get_app_config("fastauth_django").models_module is not None


# --- What is answered -----------------------------------------------------------------------------------------------


class Described:
    """Holds answers against the document."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def check(self, response: Any, *, status: int, code: str | None = None) -> None:
        request = response.wsgi_request
        operation = self.operation(request.path, request.method.lower())
        assert response.status_code == status, response.content
        described = operation["responses"][str(status)]
        assert response["Content-Type"] in described["content"]
        schema = {**described["content"][response["Content-Type"]]["schema"], "components": self.document["components"]}
        body = response.json()
        Draft202012Validator(schema, format_checker=FormatChecker()).validate(body)
        assert code is None or body["code"] == code
        headers = described.get("headers", {})
        assert {name for name, header in headers.items() if header.get("required")} <= self.sent(response)
        assert self.sent(response) & {"Set-Cookie", "Retry-After", "WWW-Authenticate"} <= set(headers)

    def operation(self, sent_to: str, method: str) -> dict[str, Any]:
        if sent_to not in self.document["paths"]:
            sent_to = sent_to.rpartition("/")[0] + "/{session_id}"
        return self.document["paths"][sent_to][method]

    @staticmethod
    def sent(response: Any) -> set[str]:
        return {name.title().replace("Www", "WWW") for name in response.headers} | (
            {"Set-Cookie"} if response.cookies else set()
        )


@pytest.fixture
def described(document) -> Described:
    return Described(document)


@pytest.fixture
def client(delivery) -> Browser | NativeApp:
    return Browser() if delivery == "cookie" else NativeApp()


def credentials() -> dict[str, str]:
    return {IDENTIFIER: sign_up_data()[IDENTIFIER], "password": PASSWORD}


def refresh(client: Browser | NativeApp, **headers: str) -> Response:
    return client.post("/auth/refresh", headers=headers) if isinstance(client, Browser) else client.refresh()


@deliveries
@pytest.mark.django_db
def test_a_life_with_an_account_is_as_described(described, client, delivery):
    described.check(client.post("/auth/register", sign_up_data(), format="json"), status=201)
    signed_in = client.post("/auth/login", credentials(), format="json")
    described.check(signed_in, status=200)
    if delivery == "json":
        client._keep(signed_in)
    described.check(refresh(client), status=200)
    described.check(client.get("/auth/me"), status=200)
    described.check(client.get("/auth/sessions"), status=200)
    described.check(client.delete("/auth/sessions/all?keep_current=true"), status=200)
    passwords = {"current_password": PASSWORD, "new_password": "another battery 9"}
    changed = client.post("/auth/account/change-password", passwords, format="json")
    described.check(changed, status=200)
    if delivery == "json":
        client._keep(changed)
    described.check(client.delete(f"/auth/sessions/{session_of(client).pk}"), status=200)
    described.check(client.post("/auth/logout"), status=200)


class InactiveSerializer(serializers.Serializer):
    """Signs nobody in."""

    name = serializers.CharField()

    def create(self, validated_data):
        return get_user_model()._default_manager.create_user(**sign_up_data(validated_data["name"]), is_active=False)


@deliveries
@pytest.mark.django_db
def test_account_that_has_to_be_activated_is_answered_as_described(described, client, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "REGISTER_SERIALIZER": f"{__name__}.InactiveSerializer"}

    described.check(client.post("/auth/register", {"name": "ada"}, format="json"), status=201)


@deliveries
@pytest.mark.django_db
def test_refusals_to_sign_in_are_as_described(described, client, account, settings):
    wrong = {**account.credentials, "password": "not the password 9"}

    described.check(client.post("/auth/login", {}, format="json"), status=400)
    described.check(client.post("/auth/login", [], format="json"), status=400, code="invalid")
    described.check(
        client.generic("POST", "/auth/login", "{", content_type="application/json"), status=400, code="parse_error"
    )
    described.check(
        client.generic("POST", "/auth/login", "<a/>", content_type="text/xml"),
        status=415,
        code="unsupported_media_type",
    )
    described.check(client.post("/auth/login", wrong, format="json"), status=401, code="invalid_credentials")
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 1}
    described.check(client.post("/auth/login", wrong, format="json"), status=429, code="throttled")


@deliveries
@pytest.mark.django_db
def test_refusals_to_sign_up_are_as_described(described, client, account, settings):
    described.check(client.post("/auth/register", {"password": "1"}, format="json"), status=400)
    described.check(client.post("/auth/register", sign_up_data("ada"), format="json"), status=409, code="user_exists")
    settings.FASTAUTH = {**settings.FASTAUTH, "SIGN_UP_ENABLED": False}
    described.check(client.post("/auth/register", sign_up_data(), format="json"), status=403, code="sign_up_disabled")


@deliveries
@pytest.mark.django_db
def test_refusals_to_refresh_are_as_described(described, client, account, settings, monkeypatch):
    def lose(*args: Any, **kwargs: Any) -> None:
        raise TryAgain

    described.check(client.post("/auth/refresh"), status=401, code="refresh_token_required")
    client.sign_in(account)
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "rotate", lose)
        described.check(refresh(client), status=503, code="try_again")
    session_of(client).delete()
    described.check(refresh(client), status=401, code="session_revoked")


@deliveries
@pytest.mark.django_db
def test_refusals_to_the_signed_in_user_are_as_described(described, client, account, settings):
    described.check(client.get("/auth/me"), status=401, code="not_authenticated")
    malformed = client.get("/auth/me", HTTP_AUTHORIZATION="Bearer one two")
    described.check(malformed, status=401, code="bad_authorization_header")
    client.sign_in(account)
    described.check(client.delete("/auth/sessions/unheard-of"), status=404, code="not_found")
    described.check(client.delete("/auth/sessions/all?keep_current=perhaps"), status=400)
    passwords = {"current_password": "not the password 9", "new_password": PASSWORD}
    described.check(client.post("/auth/account/change-password", passwords, format="json"), status=400)
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 1}
    described.check(client.post("/auth/account/change-password", passwords, format="json"), status=429)


@pytest.mark.django_db
@pytest.mark.parametrize("delivery", ["cookie"])
def test_refusals_of_forged_requests_are_as_described(described, signed_in):
    own_session = session_of(signed_in).pk
    for route, method in sorted(UNSAFE):
        forged = signed_in.generic(
            method.upper(),
            route.format(session_id=own_session),
            "{}",
            "application/json",
            HTTP_ORIGIN="https://evil.test",
        )
        described.check(forged, status=403, code="csrf_failed")


@pytest.mark.django_db
def test_a_life_on_a_bound_device_is_as_described(settings):
    settings.FASTAUTH = {
        "TOKEN_DELIVERY": "cookie",
        "DEVICE_BINDING": "optional",
        "CORS_ORIGINS": ["https://a.example"],
    }
    described, browser, device = Described(make_document()), Browser(), Device()
    signed_up = browser.post("/auth/register", sign_up_data(), format="json")
    described.check(signed_up, status=201)
    assert "Secure-Session-Registration" in described.operation("/auth/register", "post")["responses"]["201"]["headers"]
    described.check(device.bind(browser, signed_up), status=200)
    described.check(device.ask(browser), status=403, code="device_challenge")
    described.check(device.renew(browser), status=200)
    described.check(bind(browser, device.registration("x")), status=401, code="device_proof_invalid")
    described.check(device.bind(browser, signed_up), status=409, code="device_already_bound")
    described.check(browser.post("/auth/refresh"), status=401, code="device_proof_required")
    described.check(renew(browser, "x"), status=401, code="device_proof_invalid")
    described.check(browser.post("/auth/device/bind", HTTP_ORIGIN="https://evil.test"), status=403, code="csrf_failed")
    again = browser.post("/auth/login", credentials(), format="json")
    described.check(again, status=200)
    bind_on_sign_in(browser, again)
    device.challenge = None
    described.check(device.ask(browser), status=401, code="session_revoked")
    described.check(browser.post("/auth/logout"), status=200)


@pytest.mark.django_db
def test_a_device_that_nobody_binds_is_refused_as_described(settings):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie"}
    described = Described(make_document())

    described.check(bind(Browser(), "x"), status=404)
    assert (
        "Secure-Session-Registration" not in described.operation("/auth/login", "post")["responses"]["200"]["headers"]
    )
