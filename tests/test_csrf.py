"""May this cookie-carrying request act? The origin rule as a table, Django's token, and no rule at all."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from fastauth_django import csrf, refuse_forgery
from fastauth_django.contrib import channels
from fastauth_django.models import AuthSession
from tests import sockets
from tests.clients import ACCESS, REFRESH, Browser, NativeApp
from tests.factories import PASSWORD, sign_up_data
from tests.testapp.views import PrivateView

FOREIGN = {"HTTP_ORIGIN": "https://evil.test"}
HTTPS = {"secure": True}
PROXIED = {"HTTP_SEC_FETCH_SITE": "same-origin"}


def outcome(response) -> tuple[int, Any]:
    return response.status_code, response.data.get("code")


REFUSED = (403, "csrf_failed")

# --- The origin rule, on a view of the project ---------------------------------------------------------------------

FROM_THE_PAGE_ITSELF = {
    "no browser: no header at all": {},
    "own origin": {"HTTP_ORIGIN": "http://testserver"},
    "own origin, and the browser says so": {"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "same-origin"},
    "own origin, typed into the address bar": {"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "none"},
    "only Sec-Fetch-Site same-origin": {"HTTP_SEC_FETCH_SITE": "same-origin"},
    "only Sec-Fetch-Site none": {"HTTP_SEC_FETCH_SITE": "none"},
    "Sec-Fetch-Site counts more than a Referer": {
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "HTTP_REFERER": "https://evil.test/",
    },
    "Origin counts more than a Referer": {
        "HTTP_ORIGIN": "http://testserver",
        "HTTP_REFERER": "https://evil.test/",
    },
    "own Referer": {"HTTP_REFERER": "http://testserver/page?next=https://evil.test/"},
    "own Referer without a path": {"HTTP_REFERER": "http://testserver"},
    "https": {"HTTP_ORIGIN": "https://testserver", **HTTPS},
    "https, own Referer": {"HTTP_REFERER": "https://testserver/page", **HTTPS},
    "https ends at a proxy that does not tell Django": {"HTTP_ORIGIN": "https://testserver"},
    "a port": {"HTTP_HOST": "testserver:8000", "HTTP_ORIGIN": "http://testserver:8000"},
    "http's own port in Host": {"HTTP_HOST": "testserver:80", "HTTP_ORIGIN": "http://testserver"},
    "https's own port in Host": {"HTTP_HOST": "testserver:443", "HTTP_ORIGIN": "https://testserver", **HTTPS},
    "Host in capitals": {"HTTP_HOST": "TestServer", "HTTP_ORIGIN": "http://testserver"},
    "IPv4": {"HTTP_HOST": "127.0.0.1:8000", "HTTP_ORIGIN": "http://127.0.0.1:8000"},
    "IPv6": {"HTTP_HOST": "[::1]:8000", "HTTP_ORIGIN": "http://[::1]:8000"},
    "IPv6 on http's own port": {"HTTP_HOST": "[::1]:80", "HTTP_ORIGIN": "http://[::1]"},
    "a proxy that renames the host, and says so": {
        **PROXIED,
        "HTTP_ORIGIN": "https://app.test",
        "HTTP_X_FORWARDED_HOST": "app.test",
    },
    "two of them": {**PROXIED, "HTTP_ORIGIN": "https://app.test", "HTTP_X_FORWARDED_HOST": "App.test, inner:8080"},
    "one that does not say the port": {
        **PROXIED,
        "HTTP_ORIGIN": "http://app.test:3000",
        "HTTP_X_FORWARDED_HOST": "app.test",
    },
    "one that says the port": {
        **PROXIED,
        "HTTP_ORIGIN": "http://[::1]:3000",
        "HTTP_X_FORWARDED_HOST": "[::1]:3000",
    },
    "one that says Forwarded": {
        **PROXIED,
        "HTTP_ORIGIN": "https://app.test:444",
        "HTTP_FORWARDED": 'for=192.0.2.43;proto=https;Host="app.test:444", for=198.51.100.17',
    },
    "one on the loopback interface before a server with TLS": {
        **PROXIED,
        **HTTPS,
        "HTTP_ORIGIN": "http://localhost:5173",
        "HTTP_X_FORWARDED_HOST": "localhost:5173",
    },
    "a host with a trailing dot, on both sides": {"HTTP_HOST": "testserver.", "HTTP_ORIGIN": "http://testserver."},
}

FROM_ANOTHER_PAGE = {
    "another site": FOREIGN,
    "another site over http": {"HTTP_ORIGIN": "http://evil.test"},
    "a subdomain": {"HTTP_ORIGIN": "http://a.testserver"},
    "a longer name": {"HTTP_ORIGIN": "http://eviltestserver"},
    "the name as a subdomain": {"HTTP_ORIGIN": "http://testserver.evil.test"},
    "null": {"HTTP_ORIGIN": "null"},
    "empty": {"HTTP_ORIGIN": ""},
    "no scheme": {"HTTP_ORIGIN": "testserver"},
    "no scheme, two slashes": {"HTTP_ORIGIN": "//testserver"},
    "no slashes": {"HTTP_ORIGIN": "http:testserver"},
    "another scheme": {"HTTP_ORIGIN": "ftp://testserver"},
    "an extension's scheme": {"HTTP_ORIGIN": "chrome-extension://testserver"},
    "userinfo that is evil": {"HTTP_ORIGIN": "http://evil@testserver"},
    "userinfo that is the host": {"HTTP_ORIGIN": "http://testserver@evil.test"},
    "userinfo that is host and port": {"HTTP_ORIGIN": "http://testserver:80@evil.test"},
    "a path": {"HTTP_ORIGIN": "http://testserver/"},
    "a fragment": {"HTTP_ORIGIN": "http://testserver#evil.test"},
    "a backslash": {"HTTP_ORIGIN": "http://testserver\\.evil.test"},
    "two origins": {"HTTP_ORIGIN": "http://testserver, http://evil.test"},
    "two origins, the own one last": {"HTTP_ORIGIN": "http://evil.test, http://testserver"},
    "spaces": {"HTTP_ORIGIN": "http://testserver http://evil.test"},
    "a trailing dot": {"HTTP_ORIGIN": "http://testserver."},
    "another port": {"HTTP_ORIGIN": "http://testserver:8000"},
    "another port of the host": {"HTTP_HOST": "testserver:8000", "HTTP_ORIGIN": "http://testserver:9000"},
    "no port": {"HTTP_HOST": "testserver:8000", "HTTP_ORIGIN": "http://testserver"},
    "http's own port from an https page": {"HTTP_HOST": "testserver:80", "HTTP_ORIGIN": "https://testserver"},
    "https's own port from an http page": {"HTTP_HOST": "testserver:443", "HTTP_ORIGIN": "http://testserver"},
    "an http page of the same name": {"HTTP_ORIGIN": "http://testserver", **HTTPS},
    "an http page, although the browser says same-origin": {
        "HTTP_ORIGIN": "http://testserver",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        **HTTPS,
    },
    "another IPv6 address": {"HTTP_HOST": "[::1]:8000", "HTTP_ORIGIN": "http://[::2]:8000"},
    "Sec-Fetch-Site cross-site": {"HTTP_SEC_FETCH_SITE": "cross-site"},
    "Sec-Fetch-Site same-site": {"HTTP_SEC_FETCH_SITE": "same-site"},
    "Sec-Fetch-Site empty": {"HTTP_SEC_FETCH_SITE": ""},
    "Sec-Fetch-Site of a value yet to be invented": {"HTTP_SEC_FETCH_SITE": "nested"},
    "Sec-Fetch-Site twice": {"HTTP_SEC_FETCH_SITE": "same-origin, cross-site"},
    "Sec-Fetch-Site cross-site and the own Origin": {
        "HTTP_ORIGIN": "http://testserver",
        "HTTP_SEC_FETCH_SITE": "cross-site",
    },
    "Sec-Fetch-Site same-site and the own Origin": {
        "HTTP_ORIGIN": "http://testserver",
        "HTTP_SEC_FETCH_SITE": "same-site",
    },
    "Sec-Fetch-Site cross-site and the own Referer": {
        "HTTP_REFERER": "http://testserver/",
        "HTTP_SEC_FETCH_SITE": "cross-site",
    },
    "a reload that calls itself same-origin": {**FOREIGN, "HTTP_SEC_FETCH_SITE": "same-origin"},
    "a sandboxed frame that calls itself same-origin": {"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "same-origin"},
    "an Origin that contradicts none": {**FOREIGN, "HTTP_SEC_FETCH_SITE": "none"},
    "a foreign Origin and the own Referer": {**FOREIGN, "HTTP_REFERER": "http://testserver/"},
    "a foreign Referer": {"HTTP_REFERER": "https://evil.test/http://testserver/"},
    "a Referer with userinfo": {"HTTP_REFERER": "http://evil@testserver/"},
    "a Referer on another port": {"HTTP_REFERER": "http://testserver:8000/"},
    "a Referer whose host only begins alike": {"HTTP_REFERER": "http://testserver.evil.test/"},
    "a proxy's host without Sec-Fetch-Site": {"HTTP_ORIGIN": "https://app.test", "HTTP_X_FORWARDED_HOST": "app.test"},
    "a proxy's host, and same-site": {
        "HTTP_SEC_FETCH_SITE": "same-site",
        "HTTP_ORIGIN": "https://app.test",
        "HTTP_X_FORWARDED_HOST": "app.test",
    },
    "a page that is not at the proxy's host": {**PROXIED, **FOREIGN, "HTTP_X_FORWARDED_HOST": "app.test"},
    "another port than the proxy says": {
        **PROXIED,
        "HTTP_ORIGIN": "https://app.test:444",
        "HTTP_X_FORWARDED_HOST": "app.test:443",
    },
    "an empty X-Forwarded-Host": {**PROXIED, "HTTP_ORIGIN": "http://", "HTTP_X_FORWARDED_HOST": ", "},
    "userinfo before the proxy's host": {
        **PROXIED,
        "HTTP_ORIGIN": "https://evil@app.test",
        "HTTP_X_FORWARDED_HOST": "evil@app.test",
    },
    "another scheme at the proxy's host": {
        **PROXIED,
        "HTTP_ORIGIN": "moz-extension://app.test",
        "HTTP_X_FORWARDED_HOST": "app.test",
    },
    "an http page at the name of an https proxy": {
        **PROXIED,
        **HTTPS,
        "HTTP_ORIGIN": "http://app.test",
        "HTTP_X_FORWARDED_HOST": "app.test",
    },
    "two ports of the loopback interface": {
        **PROXIED,
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ORIGIN": "http://localhost:5173",
    },
    "a Referer with a query right after the host": {"HTTP_REFERER": "http://testserver?.evil.test/"},
    "a Referer over http to https": {"HTTP_REFERER": "http://testserver/", **HTTPS},
    "an empty Referer": {"HTTP_REFERER": ""},
    "a Referer that is no URL": {"HTTP_REFERER": "about:blank"},
}


@pytest.fixture
def many_hosts(settings):
    settings.ALLOWED_HOSTS = ["testserver", "127.0.0.1", "[::1]"]


@pytest.mark.parametrize("headers", FROM_THE_PAGE_ITSELF.values(), ids=FROM_THE_PAGE_ITSELF)
def test_a_request_of_the_own_page_may_act(many_hosts, signed_in, headers):
    assert signed_in.post("/private", **headers).status_code == 200


@pytest.mark.parametrize("headers", FROM_ANOTHER_PAGE.values(), ids=FROM_ANOTHER_PAGE)
def test_a_request_of_another_page_may_not_act(many_hosts, signed_in, headers):
    assert outcome(signed_in.post("/private", **headers)) == REFUSED


@pytest.mark.parametrize("headers", FROM_ANOTHER_PAGE.values(), ids=FROM_ANOTHER_PAGE)
def test_a_request_of_another_page_may_read_what_cors_lets_it(many_hosts, signed_in, headers):
    assert signed_in.get("/private", **headers).status_code == 200


@pytest.mark.parametrize("headers", FROM_ANOTHER_PAGE.values(), ids=FROM_ANOTHER_PAGE)
def test_a_request_of_another_page_may_not_sign_in(many_hosts, account, headers):
    response = Browser().post("/auth/login", account.credentials, format="json", **headers)

    assert outcome(response) == REFUSED
    assert not AuthSession.objects.exists()


LISTED = {
    "exactly": "https://app.example.com",
    "exactly, with a port": "http://dev.example.com:3000",
    "for CORS": "https://spa.example.com",
    "by a pattern": "https://pr-42.preview.example.com",
    "by a pattern for extensions": "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
    "by wildcard": "https://a.example.org",
    "by wildcard, deeper": "https://a.b.example.org",
    "by wildcard, the domain itself": "https://example.org",
    "by wildcard with a port": "https://a.example.net:8443",
}
NOT_LISTED = {
    "another scheme": "http://app.example.com",
    "another port": "https://app.example.com:8443",
    "no port": "http://dev.example.com",
    "in capitals": "https://APP.example.com",
    "a trailing dot": "https://app.example.com.",
    "a trailing slash": "https://app.example.com/",
    "a longer name": "https://app.example.com.evil.test",
    "a subdomain of an exact entry": "https://a.app.example.com",
    "userinfo": "https://evil@app.example.com",
    "wildcard: another scheme": "http://a.example.org",
    "wildcard: another port": "https://a.example.org:8443",
    "wildcard: no port": "https://a.example.net",
    "wildcard: no dot": "https://evilexample.org",
    "wildcard: a longer name": "https://a.example.org.evil.test",
    "wildcard: after a path": "https://evil.test/.example.org",
    "wildcard: after a query": "https://evil.test?.example.org",
    "wildcard: after a fragment": "https://evil.test#.example.org",
    "wildcard: after a backslash": "https://evil.test\\.example.org",
    "wildcard: after userinfo": "https://evil.test@a.example.org",
    "wildcard: after a space": "https://evil.test .example.org",
    "wildcard: spelled out": "https://*.example.io",
    "wildcard among the CORS origins": "https://a.example.io",
    "pattern: a longer name": "https://pr-42.preview.example.com.evil.test",
    "pattern: something before": "https://evil.test/https://pr-42.preview.example.com",
    "pattern: no number": "https://pr-x.preview.example.com",
    "pattern: another scheme": "http://pr-42.preview.example.com",
    "pattern: a port": "https://pr-42.preview.example.com:8443",
    "pattern: a line more": "https://pr-42.preview.example.com\n",
    "pattern: after userinfo": "moz-extension://evil@2c127fa4",
    "pattern: after a path": "moz-extension://evil/2c127fa4",
    "null, although somebody listed it": "null",
    "empty": "",
}


@pytest.fixture
def listed(settings):
    settings.CSRF_TRUSTED_ORIGINS = [
        "https://app.example.com",
        "http://dev.example.com:3000",
        "https://*.example.org",
        "https://*.example.net:8443",
        "null",
    ]
    settings.FASTAUTH = {
        "TOKEN_DELIVERY": "cookie",
        "CORS_ORIGINS": [
            "https://spa.example.com",
            "https://*.example.com",
            re.compile(r"^https://pr-\d+\.preview\.example\.com"),
            re.compile(r"moz-extension://[^.]+|null|https://pr-\d+\.preview\.example\.com$"),
            "null",
        ],
    }


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("origin", LISTED.values(), ids=LISTED)
class TestListedOrigins:
    def test_may_act(self, listed, signed_in, origin, secure):
        assert signed_in.post("/private", HTTP_ORIGIN=origin, secure=secure).status_code == 200

    def test_may_act_although_the_browser_says_cross_site(self, listed, signed_in, origin, secure):
        response = signed_in.post("/private", HTTP_ORIGIN=origin, HTTP_SEC_FETCH_SITE="cross-site", secure=secure)

        assert response.status_code == 200

    def test_may_act_by_referer(self, listed, signed_in, origin, secure):
        assert signed_in.post("/private", HTTP_REFERER=f"{origin}/page", secure=secure).status_code == 200

    def test_may_sign_in(self, listed, account, origin, secure):
        response = Browser().post("/auth/login", account.credentials, format="json", HTTP_ORIGIN=origin, secure=secure)

        assert response.status_code == 200


@pytest.mark.parametrize("origin", NOT_LISTED.values(), ids=NOT_LISTED)
class TestOriginsThatOnlyLookListed:
    def test_may_not_act(self, listed, signed_in, origin):
        assert outcome(signed_in.post("/private", HTTP_ORIGIN=origin)) == REFUSED

    def test_may_not_act_with_the_browsers_word_either(self, listed, signed_in, origin):
        assert outcome(signed_in.post("/private", HTTP_ORIGIN=origin, HTTP_SEC_FETCH_SITE="same-origin")) == REFUSED


@pytest.mark.parametrize("referer", ["http://app.example.com/", "https://evil.test/.example.org", "null"])
def test_a_referer_that_only_looks_listed_may_not_act(listed, signed_in, referer):
    assert outcome(signed_in.post("/private", HTTP_REFERER=referer)) == REFUSED


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "PROPFIND"])
def test_every_method_that_may_change_something_is_checked(signed_in, method):
    assert outcome(signed_in.generic(method, "/private", **FOREIGN)) == REFUSED


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("OPTIONS", 200), ("TRACE", 405)])
def test_methods_that_change_nothing_are_not_checked(signed_in, method, status):
    assert signed_in.generic(method, "/private", **FOREIGN).status_code == status


# --- The origin rule for the handshake of a WebSocket ---------------------------------------------------------------

#: Of a handshake Chromium does not say where it comes from, and a page can add no header to it.
ONLY_FOR_REQUESTS = "a proxy's host without Sec-Fetch-Site"
#: So a page on another port of the host is one of those whose proxy does not say the port.
WITHOUT_PORT = "one that does not say the port"
FORGED_HANDSHAKES = {name: headers for name, headers in FROM_ANOTHER_PAGE.items() if name != ONLY_FOR_REQUESTS}


def handshake_fault(headers):
    sent = {name.removeprefix("HTTP_").lower(): value for name, value in headers.items() if name != "secure"}
    scope = sockets.handshake(scheme="wss" if headers.get("secure") else "ws", **sent)
    return csrf.forgery_fault(channels.handshake(scope)[1])


@pytest.mark.parametrize("name", FROM_THE_PAGE_ITSELF)
def test_own_page_may_open_a_socket(settings, name):
    settings.ALLOWED_HOSTS = ["*"]

    assert (handshake_fault(FROM_THE_PAGE_ITSELF[name]) is not None) == (name == WITHOUT_PORT)


@pytest.mark.parametrize("mode", ["origin", "token"])
@pytest.mark.parametrize("headers", FORGED_HANDSHAKES.values(), ids=FORGED_HANDSHAKES)
def test_page_of_another_origin_may_not_open_a_socket(settings, headers, mode):
    settings.ALLOWED_HOSTS = ["*"]
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": mode}

    assert handshake_fault(headers) is not None


# --- Proxies and hosts ---------------------------------------------------------------------------------------------


def test_a_proxy_that_ends_tls_may_tell_django(settings, signed_in):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    told = {"HTTP_HOST": "testserver", "HTTP_X_FORWARDED_PROTO": "https"}

    assert signed_in.post("/private", HTTP_ORIGIN="https://testserver", **told).status_code == 200
    assert outcome(signed_in.post("/private", HTTP_ORIGIN="http://testserver", **told)) == REFUSED


def test_a_proxy_that_changes_the_host_may_tell_django(settings, signed_in):
    settings.ALLOWED_HOSTS = ["shop.example.com"]
    settings.USE_X_FORWARDED_HOST = True
    told = {"HTTP_HOST": "backend:8000", "HTTP_X_FORWARDED_HOST": "shop.example.com"}

    assert signed_in.post("/private", HTTP_ORIGIN="https://shop.example.com", **told).status_code == 200
    assert outcome(signed_in.post("/private", HTTP_ORIGIN="http://backend:8000", **told)) == REFUSED


def test_a_forwarded_host_is_not_believed_unasked(signed_in):
    response = signed_in.post("/private", HTTP_ORIGIN="https://evil.test", HTTP_X_FORWARDED_HOST="evil.test")

    assert outcome(response) == REFUSED


def test_a_name_that_was_rebound_to_this_server_is_not_its_own(settings, signed_in):
    """DNS rebinding: Host and Origin agree, and neither is ours. No middleware is there to refuse the host first."""
    settings.MIDDLEWARE = []

    response = signed_in.clone().post("/private", HTTP_HOST="evil.test", HTTP_ORIGIN="http://evil.test")

    assert outcome(response) == REFUSED


# --- The routes ----------------------------------------------------------------------------------------------------

FORGED = {
    "another site": FOREIGN,
    "a sibling subdomain": {"HTTP_SEC_FETCH_SITE": "same-site"},
    "an old browser": {"HTTP_REFERER": "https://evil.test/"},
}


def act(browser: Browser, name: str, account, prefix: str = "/auth", **headers):
    bodies = {"login": account.credentials, "register": sign_up_data("grace")}
    return browser.post(f"{prefix}/{name}", bodies.get(name, {}), format="json", **headers)


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("name", ["login", "register", "refresh", "logout"])
class TestForgedActs:
    def test_is_refused_in_cookie_delivery(self, signed_in, account, name, headers):
        assert outcome(act(signed_in, name, account, **headers)) == REFUSED

    def test_changes_nothing(self, signed_in, account, django_user_model, name, headers):
        before = AuthSession.objects.values().get()
        act(signed_in, name, account, **headers)

        assert AuthSession.objects.values().get() == before
        assert django_user_model.objects.count() == 1

    def test_sets_and_clears_no_cookie(self, signed_in, account, name, headers):
        assert not act(signed_in, name, account, **headers).cookies

    def test_is_refused_without_any_cookie_too(self, account, name, headers):
        assert outcome(act(Browser(), name, account, **headers)) == REFUSED

    def test_is_no_concern_where_json_delivery_sets_no_cookie(self, signed_in, account, name, headers):
        response = act(signed_in, name, account, prefix="/app", **headers)

        assert response.status_code != 403
        assert not response.cookies


@pytest.mark.parametrize("name", ["login", "register", "refresh", "logout"])
def test_acts_of_the_own_page_are_let_through(signed_in, account, name):
    response = act(signed_in, name, account, HTTP_ORIGIN="http://testserver", HTTP_SEC_FETCH_SITE="same-origin")

    assert response.status_code in {200, 201}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("delivery", ["cookie", "json"])
class TestForgedAccountRequests:
    """Where the cookie is the credential the rule holds, whatever the delivery."""

    def test_password_change_is_refused(self, settings, signed_in, account, delivery, headers):
        settings.FASTAUTH = {"TOKEN_DELIVERY": delivery}
        body = {"current_password": PASSWORD, "new_password": "an entirely new one 7"}

        response = signed_in.post("/auth/account/change-password", body, format="json", **headers)

        assert outcome(response) == REFUSED
        account.user.refresh_from_db()
        assert account.user.check_password(PASSWORD)

    def test_ending_sessions_is_refused(self, settings, signed_in, delivery, headers):
        settings.FASTAUTH = {"TOKEN_DELIVERY": delivery}

        assert outcome(signed_in.delete("/auth/sessions/all", **headers)) == REFUSED
        assert AuthSession.objects.live().count() == 1


def test_a_token_in_the_body_of_a_forged_refresh_does_not_help(settings, signed_in):
    """Cookies are about to be set: a page of another site could plant its own session."""
    response = Browser().post("/auth/refresh", {"refresh_token": signed_in.cookie(REFRESH)}, format="json", **FOREIGN)

    assert outcome(response) == REFUSED


def test_a_forged_html_form_is_refused_like_any_other(signed_in):
    body = "current_password=a&new_password=b"

    response = signed_in.post(
        "/auth/account/change-password", body, content_type="application/x-www-form-urlencoded", **FOREIGN
    )

    assert outcome(response) == REFUSED


def test_a_refusal_clears_no_cookie(signed_in):
    response = signed_in.post("/private", **FOREIGN)

    assert not response.cookies
    assert signed_in.get("/private").status_code == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"HTTP_ORIGIN": "null"}, "Origin 'null' is not trusted."),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, "Sec-Fetch-Site is 'same-site'."),
        ({"HTTP_REFERER": "https://evil.test/secret"}, "Referer is of another origin."),
    ],
    ids=["Origin", "Sec-Fetch-Site", "Referer"],
)
@pytest.mark.parametrize("path", ["/private", "/auth/refresh"])
def test_a_refusal_says_why_to_the_client_and_to_the_log(signed_in, caplog, path, headers, reason):
    response = signed_in.post(path, **headers)

    assert response.data == {"detail": f"CSRF Failed: {reason} See the log.", "code": "csrf_failed"}
    (record,) = [record for record in caplog.records if record.name == "django.security.csrf"]
    assert record.getMessage() == (
        f"Forbidden ({reason} It is not the host of the request (None, X-Forwarded-Host None), and neither "
        "CSRF_TRUSTED_ORIGINS nor FASTAUTH['CORS_ORIGINS'] has it. If the page is yours, list its origin there.): "
        f"{path}"
    )
    assert (record.levelname, record.status_code, record.request.path) == ("WARNING", 403, path)


def test_a_refusal_says_all_to_a_developer(signed_in, settings):
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["*"]

    response = signed_in.post("/private", HTTP_HOST="api.test", HTTP_X_FORWARDED_HOST="app.test", **FOREIGN)

    assert response.data["detail"] == (
        "CSRF Failed: Origin 'https://evil.test' is not trusted. It is not the host of the request ('api.test', "
        "X-Forwarded-Host 'app.test'), and neither CSRF_TRUSTED_ORIGINS nor FASTAUTH['CORS_ORIGINS'] has it. If the "
        "page is yours, list its origin there."
    )


@pytest.mark.parametrize(
    ("fetch_site", "shown"),
    [("same-origin", ", Forwarded 'app.test, b.test'"), ("cross-site", ""), (None, "")],
    ids=["compared", "not compared", "not a browser that says"],
)
def test_a_refusal_names_the_hosts_in_forwarded_where_it_compared_them(signed_in, settings, fetch_site, shown):
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["*"]
    said = {} if fetch_site is None else {"HTTP_SEC_FETCH_SITE": fetch_site}
    forwarded = 'for=192.0.2.1;host=app.test, for=192.0.2.2;HOST="b.test"'

    response = signed_in.post("/private", HTTP_ORIGIN="https://evil.test", HTTP_FORWARDED=forwarded, **said)

    assert f"(None, X-Forwarded-Host None{shown})," in response.data["detail"]


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8000", "http://localhost:5173", 200),
        ("localhost:8000", "http://[::1]:3000", 200),
        ("localhost:8000", "http://rebound.test:8000", 403),
        ("localhost:8000", "http://localhost.evil.test", 403),
        ("192.168.0.7:8000", "http://localhost:5173", 403),
    ],
)
def test_a_development_server_that_renames_the_host_needs_no_setting_while_debugging(
    signed_in, settings, host, origin, status
):
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["*"]

    response = signed_in.post("/private", HTTP_HOST=host, HTTP_ORIGIN=origin, HTTP_SEC_FETCH_SITE="same-origin")

    assert response.status_code == status


def test_a_line_break_in_an_origin_forges_no_line_of_the_log(signed_in, caplog):
    signed_in.post("/private", HTTP_ORIGIN="https://evil.test\nForbidden")

    assert "\n" not in caplog.records[0].getMessage()


def test_a_line_break_in_a_path_forges_no_line_of_the_log(signed_in, caplog):
    signed_in.delete("/auth/sessions/a%0aForbidden", **FOREIGN)

    assert "\n" not in caplog.records[0].getMessage()


def test_a_request_without_cookies_needs_no_check(native_app, settings, account):
    settings.FASTAUTH = {}
    native_app.sign_in(account)

    assert native_app.post("/private", **FOREIGN).status_code == 200


# --- "token" -------------------------------------------------------------------------------------------------------


class StrictBrowser(Browser):
    """A browser to which Django applies its CSRF check, which the test client spares others."""

    def __init__(self) -> None:
        super().__init__(enforce_csrf_checks=True)

    def token(self) -> dict[str, str]:
        """The header that a page's script sends, read from Django's cookie."""
        return {"HTTP_X_CSRFTOKEN": self.cookie("csrftoken")}


@pytest.fixture
def by_token(settings):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "CSRF_PROTECTION": "token"}


@pytest.fixture
def strict(by_token, account) -> StrictBrowser:
    """Ada's browser, signed in where Django's token is asked for."""
    browser = StrictBrowser()
    assert browser.sign_in(account).status_code == 200
    return browser


PROTECTED = ["/private", "/auth/refresh", "/auth/logout"]


@pytest.mark.parametrize("path", PROTECTED)
class TestDjangosToken:
    def test_is_asked_for_where_a_cookie_is_the_credential(self, strict, path):
        response = strict.post(path)

        assert outcome(response) == REFUSED
        assert response.data["detail"] == "CSRF Failed: CSRF token missing."

    def test_that_signing_in_gave_is_accepted(self, strict, path):
        assert strict.post(path, **strict.token()).status_code == 200

    def test_that_is_wrong_is_refused(self, strict, path):
        assert outcome(strict.post(path, HTTP_X_CSRFTOKEN="a" * 32)) == REFUSED

    def test_does_not_excuse_another_origin(self, strict, path):
        assert outcome(strict.post(path, **strict.token(), **FOREIGN)) == REFUSED

    def test_may_come_from_an_origin_that_django_trusts(self, settings, strict, path):
        settings.CSRF_TRUSTED_ORIGINS = ["https://evil.test"]

        assert strict.post(path, **strict.token(), **FOREIGN).status_code == 200

    def test_refusal_clears_no_cookie(self, strict, path):
        response = strict.post(path)

        assert {ACCESS, REFRESH}.isdisjoint(response.cookies)

    def test_refusal_is_logged(self, strict, caplog, path):
        strict.post(path)

        messages = [record.getMessage() for record in caplog.records if record.name == "django.security.csrf"]
        assert messages == [f"Forbidden (CSRF token missing.): {path}"]

    def test_is_not_asked_for_where_no_cookie_is_the_credential(self, strict, path):
        app = NativeApp(enforce_csrf_checks=True)
        app.access = strict.cookie(ACCESS)
        body = {"refresh_token": strict.cookie(REFRESH)}

        assert app.post(path, body, format="json").status_code == 200


def test_token_mode_asks_nothing_to_read(strict):
    assert strict.get("/private").status_code == 200


def test_the_token_is_read_where_no_middleware_has_read_it(settings, strict):
    settings.MIDDLEWARE = []
    bare = StrictBrowser()
    bare.cookies = strict.cookies

    assert outcome(bare.post("/private")) == REFUSED
    assert bare.post("/private", **strict.token()).status_code == 200


@pytest.mark.parametrize("name", ["login", "register"])
class TestEnteringInTokenMode:
    def test_needs_no_token(self, by_token, account, name):
        assert act(StrictBrowser(), name, account).status_code in {200, 201}

    def test_gives_a_token(self, by_token, account, name):
        browser = StrictBrowser()
        response = act(browser, name, account)

        assert set(response.cookies) == {ACCESS, REFRESH, "csrftoken"}
        assert browser.post("/private", **browser.token()).status_code == 200

    def test_keeps_the_origin_rule(self, by_token, account, name):
        assert outcome(act(StrictBrowser(), name, account, **FOREIGN)) == REFUSED

    def test_replaces_a_token_that_somebody_planted(self, by_token, account, name):
        browser = StrictBrowser()
        browser.set_cookie("csrftoken", "a" * 32)
        act(browser, name, account)

        assert outcome(browser.post("/private", HTTP_X_CSRFTOKEN="a" * 32)) == REFUSED


def test_signing_out_with_nothing_but_an_access_cookie_asks_for_the_token(strict):
    dict.pop(strict.cookies, REFRESH)

    assert outcome(strict.post("/auth/logout")) == REFUSED
    assert strict.post("/auth/logout", **strict.token()).status_code == 200


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
def test_without_cookies_the_origin_rule_stands_in_for_the_token(by_token, db, path):
    assert outcome(StrictBrowser().post(path, **FOREIGN)) == REFUSED
    assert StrictBrowser().post(path).status_code != 403


def test_the_token_may_stand_in_a_form(strict):
    response = strict.post("/private", {"csrfmiddlewaretoken": strict.cookie("csrftoken")}, format="multipart")

    assert response.status_code == 200


class RefusingParser(MultiPartParser):
    """A parser of the project's own, which takes no form that is too large for it."""

    def parse(self, *arguments, **options):
        raise ParseError("Too large.")


def test_form_is_left_to_the_parsers_of_the_view(strict, monkeypatch):
    monkeypatch.setattr(PrivateView, "parser_classes", [RefusingParser])

    response = strict.post("/private", {"name": "Ada"}, format="multipart", **strict.token())

    assert (response.status_code, response.json()["detail"]) == (400, "Too large.")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/offset+octet-stream", b"\x00\xff"), ("application/json", b"{}"), ("text/csv", b"a")],
)
def test_body_that_is_no_form_is_left_to_a_view_that_reads_it_by_itself(strict, monkeypatch, content_type, body):
    """As one of uploads in chunks does, which has no parser for them."""
    monkeypatch.setattr(PrivateView, "post", lambda view, request: Response({"read": repr(request._request.read())}))

    response = strict.generic("POST", "/private", body, content_type=content_type, **strict.token())

    assert (response.status_code, response.json()) == (200, {"read": repr(body)})


class RequestWithMethodOverride(Request):
    """As REST framework's documentation once had it, for clients that send nothing but GET and POST."""

    @property
    def method(self):
        return self.query_params.get("_method", self._request.method)


@pytest.mark.parametrize("mode", ["origin", "token"])
def test_method_is_the_one_that_the_view_acts_by(strict, monkeypatch, settings, mode):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": mode}

    def initialize_request(view, request, *args, **kwargs):
        return RequestWithMethodOverride(request, authenticators=view.get_authenticators())

    monkeypatch.setattr(PrivateView, "initialize_request", initialize_request)
    monkeypatch.setattr(PrivateView, "delete", lambda view, request: Response(), raising=False)

    assert strict.get("/private?_method=DELETE", **FOREIGN).status_code == 403
    assert strict.get("/private?_method=DELETE", **strict.token()).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", "{"),
        ("text/csv", "a,b"),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "x"),
    ],
)
def test_a_body_that_cannot_be_read_is_the_clients_fault(strict, content_type, body):
    strict.raise_request_exception = False

    response = strict.generic("POST", "/private", body, content_type=content_type)

    assert response.status_code in {400, 403, 415}


@pytest.mark.parametrize("mode", ["origin", None])
def test_in_other_modes_the_answer_carries_exactly_two_cookies(settings, account, mode):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "CSRF_PROTECTION": mode}

    assert list(StrictBrowser().sign_in(account).cookies) == [ACCESS, REFRESH]


# --- None ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("path", PROTECTED)
def test_a_project_may_answer_for_it_itself(settings, signed_in, path, headers):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "CSRF_PROTECTION": None}

    assert signed_in.post(path, **headers).status_code == 200


# --- A view of the project's own that signs in -----------------------------------------------------------------------


@api_view(["GET", "POST"])
@permission_classes([AllowAny])
def rest_view(request):
    refuse_forgery(request)
    return Response()


@csrf_exempt
def django_view(request):
    refuse_forgery(request)
    return HttpResponse()


@pytest.fixture(params=["rest", "django"])
def own_path(request, settings, many_hosts):
    """A view that calls ``refuse_forgery``, of REST framework and of Django's own kind."""
    settings.ROOT_URLCONF = (path("rest", rest_view), path("django", django_view))
    return f"/{request.param}"


@pytest.mark.parametrize("headers", FROM_ANOTHER_PAGE.values(), ids=FROM_ANOTHER_PAGE)
def test_a_view_of_the_projects_own_refuses_a_forgery(browser, own_path, headers):
    assert browser.post(own_path, **headers).status_code == 403


@pytest.mark.parametrize("headers", FROM_THE_PAGE_ITSELF.values(), ids=FROM_THE_PAGE_ITSELF)
def test_a_view_of_the_projects_own_answers_its_own_pages(browser, own_path, headers):
    assert browser.post(own_path, **headers).status_code == 200


@pytest.mark.parametrize("mode", ["origin", "token", None])
def test_a_view_of_the_projects_own_refuses_what_a_link_sends(browser, own_path, settings, mode):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": mode}

    assert browser.get(own_path).status_code == 403


def test_the_refusal_of_an_own_view_has_its_reason(browser, settings):
    settings.ROOT_URLCONF = (path("rest", rest_view),)

    response = browser.post("/rest", **FOREIGN)

    assert outcome(response) == REFUSED
    assert "https://evil.test" in response.json()["detail"]


@pytest.mark.parametrize(("mode", "status"), [("token", 403), (None, 200)])
def test_a_view_of_the_projects_own_follows_the_setting(browser, own_path, settings, mode, status):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": mode}

    assert browser.post(own_path, **FOREIGN).status_code == status
