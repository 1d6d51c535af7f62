"""Wherever a project includes the routes, all of them work, the paths that they name are theirs, and so says the check.

A mount is a URLconf, and a path in it below which the routes answer.
"""

from importlib import import_module
from typing import Any, NamedTuple

import pytest
from django.conf import settings as django_settings
from django.conf.urls.i18n import i18n_patterns
from django.test.utils import override_script_prefix
from django.urls import include, path, re_path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from rest_framework.versioning import NamespaceVersioning, URLPathVersioning

from fastauth_django import views
from tests.checks.running import found
from tests.clients import Browser
from tests.devices import BY_ITSELF, REGISTRATION, Device
from tests.factories import PASSWORD, sign_up_data
from tests.reading import session_of
from tests.testapp.views import PrivateView

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("device_binding")]

ROUTES = include("fastauth_django.urls")
SHOP = path("shop/", include(([path("cart", PrivateView.as_view(), name="device-bind")], "shop")))
#: A native app's routes, as the project lists them.
NATIVE = include(([path("login", views.LoginView.as_view(token_delivery="json"), name="login")], "native"))


class Mount(NamedTuple):
    urls: tuple[Any, ...]
    below: str
    settings: dict[str, Any] = {}


LOCALE = "django.middleware.locale.LocaleMiddleware"
VERSIONED = {"ALLOWED_VERSIONS": ["v1", "v2"], "DEFAULT_VERSION": "v1"}
MOUNTS = {
    "the quick start's": Mount((path("auth/", ROUTES),), "/auth"),
    "the root": Mount((path("", ROUTES),), ""),
    "a converter": Mount((path("v<int:version>/auth/", ROUTES),), "/v2/auth"),
    "a tenant": Mount((path("<slug:tenant>/", ROUTES),), "/acme"),
    "a converter that takes slashes": Mount((path("<path:place>/auth/", ROUTES),), "/a/b/auth"),
    "two variables": Mount((path("<slug:tenant>/", include([path("<int:shop>/", ROUTES)])),), "/acme/7"),
    "a named group": Mount((re_path(r"^(?P<tenant>\w+)/auth/", ROUTES),), "/acme/auth"),
    "a group without a name": Mount((re_path(r"^(\w+)/auth/", ROUTES),), "/acme/auth"),
    "a group that may be absent": Mount((re_path(r"^(?:(?P<tenant>\w+)/)?auth/", ROUTES),), "/auth"),
    "a namespace of its own": Mount((path("in/", include("fastauth_django.urls", namespace="people")), SHOP), "/in"),
    "nested namespaces": Mount(
        (SHOP, path("v1/", include(([path("in/", include("fastauth_django.urls", namespace="people"))], "api")))),
        "/v1/in",
    ),
    "the second of two": Mount(
        (path("auth/", ROUTES), path("shop/auth/", include("fastauth_django.urls", namespace="shop"))), "/shop/auth"
    ),
    "beside a native app's": Mount((path("auth/", ROUTES), path("app/", NATIVE)), "/auth"),
    "a language": Mount(
        (*i18n_patterns(path("auth/", ROUTES)),), "/de/auth", {"MIDDLEWARE": [LOCALE], "LANGUAGE_CODE": "de"}
    ),
    "the default language, without a prefix": Mount(
        (*i18n_patterns(path("auth/", ROUTES), prefix_default_language=False),),
        "/auth",
        {"MIDDLEWARE": [LOCALE], "LANGUAGE_CODE": "de"},
    ),
    "a version in the path": Mount(
        (re_path(r"^(?P<version>v\d)/auth/", ROUTES),),
        "/v2/auth",
        {"REST_FRAMEWORK": {"DEFAULT_VERSIONING_CLASS": URLPathVersioning, **VERSIONED}},
    ),
    "a version that is a namespace": Mount(
        (path("v1/", include(([path("auth/", ROUTES)], "api"), namespace="v1")),),
        "/v1/auth",
        {"REST_FRAMEWORK": {"DEFAULT_VERSIONING_CLASS": NamespaceVersioning, **VERSIONED}},
    ),
    "no version, where the project has namespaces of versions": Mount(
        (path("auth/", ROUTES),),
        "/auth",
        {"REST_FRAMEWORK": {"DEFAULT_VERSIONING_CLASS": NamespaceVersioning, **VERSIONED}},
    ),
    "below the server's own path": Mount((path("auth/", ROUTES),), "/site/auth", {"FORCE_SCRIPT_NAME": "/site"}),
}


@pytest.fixture(params=MOUNTS.values(), ids=MOUNTS)
def mount(request, settings):
    """The test project with another URLconf."""
    mount = request.param
    settings.ROOT_URLCONF = mount.urls
    for name, value in mount.settings.items():
        own = getattr(settings, name)
        setattr(settings, name, {**own, **value} if isinstance(own, dict) else value)
    return mount


@pytest.fixture
def ask(mount):
    """A request to one of the mount's routes."""
    server_path = mount.settings.get("FORCE_SCRIPT_NAME", "")

    def send(client, method, route, data=None, **headers):
        url = f"{mount.below}/{route}".removeprefix(server_path)
        with override_script_prefix(f"{server_path}/"):  # As Django's handlers do, but its test client.
            return getattr(client, method)(url, data, format="json", SCRIPT_NAME=server_path, **headers)

    return send


def test_every_route_works(ask, browser, account):
    phone = Browser()
    assert ask(phone, "post", "register", sign_up_data("grace")).status_code == 201
    assert ask(phone, "post", "logout").status_code == 200
    assert ask(phone, "post", "login", account.credentials).status_code == 200
    assert ask(browser, "post", "login", account.credentials).status_code == 200
    assert ask(browser, "post", "refresh").status_code == 200
    assert ask(browser, "get", "me").status_code == 200
    assert ask(browser, "delete", f"sessions/{session_of(phone).pk}").status_code == 200
    assert ask(browser, "delete", "sessions/all?keep_current=true").status_code == 200
    assert [session["current"] for session in ask(browser, "get", "sessions").json()] == [True]
    change = {"current_password": PASSWORD, "new_password": "another horse battery 8"}
    assert ask(browser, "post", "account/change-password", change).status_code == 200
    assert ask(browser, "post", "logout").status_code == 200
    assert not browser.cookies


def test_devices_are_bound_and_renewed_where_the_routes_are(ask, mount, browser, account):
    device = Device()
    offer = ask(browser, "post", "login", account.credentials)
    offered = REGISTRATION.fullmatch(offer.headers["Secure-Session-Registration"])
    assert offered["path"] == f"{mount.below}/device/bind"

    proof = device.registration(offered["challenge"])
    bound = device.remember(ask(browser, "post", "device/bind", HTTP_SECURE_SESSION_RESPONSE=proof, **BY_ITSELF))
    assert bound.json()["refresh_url"] == f"{mount.below}/device/refresh"
    assert ask(browser, "get", "me").status_code == 200

    about = {"HTTP_SEC_SECURE_SESSION_ID": device.session_id, **BY_ITSELF}
    device.remember(ask(browser, "post", "device/refresh", **about))
    renewed = ask(browser, "post", "device/refresh", HTTP_SECURE_SESSION_RESPONSE=device.proof(), **about)
    assert (renewed.status_code, ask(browser, "get", "me").status_code) == (200, 200)


def test_checks_find_no_fault(mount):
    overrides = {name: getattr(django_settings, name) for name in ["ROOT_URLCONF", "FASTAUTH", *mount.settings]}
    assert found(overrides) == []


def test_openapi_document_has_every_route(mount):
    with patched_settings({"SCHEMA_PATH_PREFIX": ""}):
        document = SchemaGenerator(patterns=list(mount.urls), api_version="v2").get_schema(None, public=True)
    GENERATOR_STATS.reset()  # drf-spectacular warns of a group without a name, whoever's the view is.
    named = [str(each.pattern) for each in import_module("fastauth_django.urls").urlpatterns if each.name]
    routes = [f"/{route.replace('<str:session_id>', '{session_id}')}" for route in named]
    assert [route for route in routes if not any(path.endswith(route) for path in document["paths"])] == []
