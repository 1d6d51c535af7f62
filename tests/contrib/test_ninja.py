"""django-ninja: the same credentials, rules and refusals as REST framework's views have."""

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.test import AsyncClient
from django.urls import include, path
from django.views.decorators.cache import cache_page
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from ninja.security import APIKeyHeader

from fastauth_django import sessions
from fastauth_django.contrib.ninja import CookieJWTAPI, CookieJWTAuth
from fastauth_django.models import AuthSession
from tests.clients import ACCESS, Browser

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

EVIL = {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"}

api = CookieJWTAPI(urls_namespace="ours")
plain = NinjaAPI(urls_namespace="plain", auth=CookieJWTAuth())


class Key(APIKeyHeader):
    param_name = "X-Key"

    def authenticate(self, request, key):
        return "machine" if key == "secret" else None


def seen(request):
    return {
        "auth": str(request.auth),
        "user": request.user.get_username(),
        "session": str(sessions.session_of(request).pk),
    }


@api.api_operation(["GET", "POST", "PUT"], "/me")
@plain.api_operation(["GET", "POST"], "/me")
def me(request):
    return seen(request)


@api.api_operation(["GET", "POST"], "/async")
async def async_me(request):
    assert await request.auser() == request.user
    return seen(request)


@api.get("/public", auth=None)
def public(request):
    return {"user": request.user.get_username()}


@api.get("/either", auth=[CookieJWTAuth(), Key()])
def either(request):
    return {"auth": str(request.auth)}


@api.get("/cached")
@decorate_view(cache_page(60))
def cached(request):
    return HttpResponse(request.user.get_username())


urlpatterns = [path("", include("tests.urls")), path("api/", api.urls), path("plain/", plain.urls)]
VIEWS = ["/api/me", "/api/async", "/plain/me"]


def body(response):
    return response.status_code, response.json()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("view", VIEWS)
def test_own_request_is_the_users(signed_in, account, view, method):
    name = account.user.get_username()

    response = getattr(signed_in, method)(view)

    assert body(response) == (200, {"auth": name, "user": name, "session": str(AuthSession.objects.get().pk)})


@pytest.mark.parametrize("view", VIEWS)
def test_forged_request_is_refused(signed_in, view):
    status, answer = body(signed_in.post(view, **EVIL))

    assert status == 403
    assert answer["detail"].startswith("CSRF Failed: Origin 'https://evil.example' is not trusted.")
    assert view.startswith("/plain") or answer["code"] == "csrf_failed"


def test_form_that_another_page_posts_is_refused(signed_in):
    response = signed_in.post("/api/me", "a=1", content_type="text/plain", **EVIL)

    assert body(response)[1]["code"] == "csrf_failed"


def test_djangos_token_is_asked_for_in_token_mode(signed_in, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": "token"}
    strict = Browser(enforce_csrf_checks=True)
    strict.set_cookie(ACCESS, signed_in.cookie(ACCESS))
    token = get_token(HttpRequest())
    with_token = Browser(enforce_csrf_checks=True)
    with_token.cookies.load({ACCESS: signed_in.cookie(ACCESS), "csrftoken": token})

    assert body(strict.post("/api/me"))[1]["code"] == "csrf_failed"
    assert strict.get("/api/me").status_code == 200
    assert with_token.post("/api/me", HTTP_X_CSRFTOKEN=token).status_code == 200


@pytest.mark.parametrize("view", VIEWS)
def test_visitor_gets_401(browser, view):
    response = browser.get(view)

    assert response.status_code == 401
    if not view.startswith("/plain"):
        assert body(response)[1] == {
            "detail": "Authentication credentials were not provided.",
            "code": "not_authenticated",
        }
        assert response["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("view", ["/api/me", "/api/async"])
def test_stale_cookie_gets_401_with_the_reason(signed_in, view):
    AuthSession.objects.all().delete()

    response = signed_in.get(view)

    assert response.status_code == 401
    assert 'error_description="session_revoked"' in response["WWW-Authenticate"]


@pytest.mark.parametrize("view", ["/api/me", "/api/async"])
def test_bad_header_is_refused_with_its_code(browser, view):
    response = browser.get(view, HTTP_AUTHORIZATION="Bearer garbage")

    assert body(response) == (401, {"detail": "The token is invalid.", "code": "token_invalid"})
    assert (
        response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token", error_description="token_invalid"'
    )


def test_header_that_is_no_bearer_token_is_refused_with_its_code(browser):
    assert body(browser.get("/api/me", HTTP_AUTHORIZATION="Bearer a b"))[1]["code"] == "bad_authorization_header"


def test_header_counts_from_anywhere_beside_the_cookie_too(signed_in):
    response = signed_in.post("/api/me", HTTP_AUTHORIZATION=f"Bearer {signed_in.cookie(ACCESS)}", **EVIL)

    assert response.status_code == 200


@pytest.mark.parametrize("view", ["/api/me", "/api/async"])
def test_answers_vary_by_what_they_depend_on(signed_in, view):
    for response in (signed_in.get(view), signed_in.post(view, **EVIL), Browser().get(view)):
        assert {"Cookie", "Authorization"} <= {name.strip() for name in response["Vary"].split(",")}


def test_public_operation_asks_nobody(signed_in, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = signed_in.get("/api/public")

    assert body(response) == (200, {"user": ""})
    assert "Authorization" not in response.headers.get("Vary", "")


def test_another_class_is_asked_where_no_credential_came(browser):
    assert body(browser.get("/api/either", HTTP_X_KEY="secret")) == (200, {"auth": "machine"})


def test_nobody_gets_the_answer_that_another_got_from_the_cache(signed_in, account, other_account):
    other = Browser()
    other.sign_in(other_account)

    names = [browser.get("/api/cached").content.decode() for browser in (signed_in, other)]

    assert names == [account.user.get_username(), other_account.user.get_username()]


def test_protected_request_takes_one_query(signed_in, django_assert_num_queries):
    with django_assert_num_queries(1):
        signed_in.get("/api/me")


@pytest.mark.parametrize(
    ("delivery", "scheme"),
    [
        ("cookie", {"type": "apiKey", "in": "cookie", "name": ACCESS}),
        ("json", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
    ],
)
def test_document_tells_the_credential(settings, delivery, scheme):
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_DELIVERY": delivery}

    schema = api.get_openapi_schema()

    assert schema["components"]["securitySchemes"]["CookieJWTAuth"] == scheme
    assert schema["paths"]["/api/me"]["get"]["security"] == [{"CookieJWTAuth": []}]
    assert "security" not in schema["paths"]["/api/public"]["get"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("view", ["/api/me", "/api/async"])
def test_same_under_asgi(signed_in, account, view):
    @async_to_sync  # Synchronous code stays in this thread, with its connection.
    async def ask(**headers):
        client = AsyncClient()
        client.cookies[ACCESS] = signed_in.cookie(ACCESS)
        return await client.post(view, headers=headers)

    assert ask().json()["user"] == account.user.get_username()
    assert ask(origin="https://evil.example").status_code == 403
