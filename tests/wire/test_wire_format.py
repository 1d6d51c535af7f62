"""Whatever an existing project has in ``REST_FRAMEWORK``, the routes answer as docs/http.md says."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from tests.documentation.pages import ROOT

HERE = "tests.wire.project"
CAMEL = "djangorestframework_camel_case"
JSON_API = "rest_framework_json_api"

pytestmark = pytest.mark.slow

#: Settings that change nothing in our bodies.
PROJECTS = {
    "camelCase": {
        "DEFAULT_RENDERER_CLASSES": [
            f"{CAMEL}.render.CamelCaseJSONRenderer",
            f"{CAMEL}.render.CamelCaseBrowsableAPIRenderer",
        ],
        "DEFAULT_PARSER_CLASSES": [
            f"{CAMEL}.parser.CamelCaseFormParser",
            f"{CAMEL}.parser.CamelCaseMultiPartParser",
            f"{CAMEL}.parser.CamelCaseJSONParser",
        ],
        "JSON_UNDERSCOREIZE": {"no_underscore_before_number": True},
    },
    "JSON:API": {
        "DEFAULT_RENDERER_CLASSES": [
            f"{JSON_API}.renderers.JSONRenderer",
            f"{JSON_API}.renderers.BrowsableAPIRenderer",
        ],
        "DEFAULT_PARSER_CLASSES": [f"{JSON_API}.parsers.JSONParser"],
        "DEFAULT_METADATA_CLASS": f"{JSON_API}.metadata.JSONAPIMetadata",
        "DEFAULT_PAGINATION_CLASS": f"{JSON_API}.pagination.JsonApiPageNumberPagination",
        "DEFAULT_FILTER_BACKENDS": [
            f"{JSON_API}.filters.QueryParameterValidationFilter",
            f"{JSON_API}.filters.OrderingFilter",
        ],
        "SEARCH_PARAM": "filter[search]",
        "ORDERING_PARAM": "sort",
        "PAGE_SIZE": 1,
        "TEST_REQUEST_DEFAULT_FORMAT": "json",
    },
    "no JSON": {
        "DEFAULT_RENDERER_CLASSES": [f"{HERE}.CsvRenderer"],
        "DEFAULT_PARSER_CLASSES": [f"{HERE}.CsvParser"],
    },
    "formats and pages": {
        "DATETIME_FORMAT": "%A at %H",
        "DATETIME_INPUT_FORMATS": ["%A"],
        "DATE_FORMAT": "%d/%m",
        "TIME_FORMAT": None,
        "COERCE_DECIMAL_TO_STRING": False,
        "UNICODE_JSON": False,
        "COMPACT_JSON": False,
        "STRICT_JSON": False,
        "URL_FORMAT_OVERRIDE": None,
        "FORMAT_SUFFIX_KWARG": "suffix",
        "URL_FIELD_NAME": "id",
        "DEFAULT_PAGINATION_CLASS": f"{HERE}.Pages",
        "DEFAULT_FILTER_BACKENDS": ["rest_framework.filters.SearchFilter", "rest_framework.filters.OrderingFilter"],
        "PAGE_SIZE": 1,
        "SEARCH_PARAM": "q",
    },
    "no anonymous user": {"UNAUTHENTICATED_USER": None, "UNAUTHENTICATED_TOKEN": None},
    "negotiation of its own": {"DEFAULT_CONTENT_NEGOTIATION_CLASS": f"{HERE}.FirstOfEach"},
    "negotiation that raises": {"DEFAULT_CONTENT_NEGOTIATION_CLASS": f"{HERE}.VendorOnly"},
    "versions": {
        "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
        "DEFAULT_VERSION": "1",
        "ALLOWED_VERSIONS": ["1"],
    },
    "nothing for people": {
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_SCHEMA_CLASS": None,
        "DEFAULT_METADATA_CLASS": None,
    },
    "who may do what, and how often": {
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.DjangoModelPermissions"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_THROTTLE_CLASSES": [
            "rest_framework.throttling.AnonRateThrottle",
            "rest_framework.throttling.UserRateThrottle",
            "rest_framework.throttling.ScopedRateThrottle",
        ],
        "DEFAULT_THROTTLE_RATES": {"anon": "100/day", "user": "1000/day"},
    },
}
#: Settings that decide about the bodies of refusals. Statuses and headers stay.
REFUSING = {
    "standardized errors": {
        "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
        "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    },
    "JSON:API errors": {**PROJECTS["JSON:API"], "EXCEPTION_HANDLER": f"{JSON_API}.exceptions.exception_handler"},
    "an envelope": {"EXCEPTION_HANDLER": f"{HERE}.envelope"},
    "text": {"EXCEPTION_HANDLER": f"{HERE}.text_handler"},
    "an answer of Django's": {"EXCEPTION_HANDLER": f"{HERE}.django_handler"},
    "another key": {"NON_FIELD_ERRORS_KEY": "errors"},
}


@cache
def answers(rest_framework: str) -> dict:
    """What all routes answer in a project with these settings."""
    environment = {"WIRE_REST_FRAMEWORK": rest_framework, "DJANGO_SETTINGS_MODULE": "tests.wire.settings"}
    run = subprocess.run(
        [sys.executable, "-m", "tests.wire.calls"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def compared(rest_framework: dict) -> list[tuple[str, dict, dict]]:
    """Each call, its answer with these settings and with none, but for what only people read."""
    here, plain = answers(json.dumps(rest_framework)), answers("{}")
    return [(name, said, plain[name]) for name, said in here.items() if ": page" not in name and "options" not in name]


@pytest.mark.parametrize("rest_framework", PROJECTS.values(), ids=PROJECTS)
def test_answers_are_those_of_the_http_reference(rest_framework):
    assert [(name, here, plain) for name, here, plain in compared(rest_framework) if here != plain] == []


@pytest.mark.parametrize("rest_framework", REFUSING.values(), ids=REFUSING)
def test_project_decides_about_the_bodies_of_refusals_alone(rest_framework):
    for name, here, plain in compared(rest_framework):
        if plain["status"] >= 400:
            here, plain = without_body(here), without_body(plain)
        assert here == plain, name


def without_body(said: dict) -> dict:
    kept = {name: value for name, value in said["headers"].items() if name != "Content-Type"}
    return {**said, "body": None, "headers": kept}


@pytest.mark.parametrize("project", ["REST framework's own", "camelCase", "JSON:API"])
def test_pages_for_people_show_the_fields(project):
    said = answers(json.dumps(PROJECTS.get(project, {})))
    fields = {
        "register": "password",
        "login": "remember",
        "refresh": "refresh_token",
        "logout": "refresh_token",
        "account/change-password": "new_password",
    }
    pages = {route: said[f"{route}: page"] for route in (*fields, "me", "sessions")}

    assert {page["headers"]["Content-Type"] for page in pages.values()} == {"text/html; charset=utf-8"}
    statuses = {**dict.fromkeys(fields, 405), "me": 200, "sessions": 200}
    assert {route: page["status"] for route, page in pages.items()} == statuses
    for route, field in fields.items():
        assert f'name="{field}"' in pages[route]["body"]
