"""Rules that are easy to lose in a change and that no other test would miss."""

import logging

import pytest
from rest_framework.authentication import BasicAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from fastauth_django.authentication import CookieJWTAuthentication
from tests.clients import Browser

ELSEWHERE = {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"}


def test_a_line_break_in_a_path_forges_no_line_of_the_log(signed_in, caplog):
    with caplog.at_level(logging.WARNING, "django.security.csrf"):
        signed_in.delete("/auth/sessions/x%0AWARNING all is well", **ELSEWHERE)

    assert [record.getMessage().count("\n") for record in caplog.records if record.name == "django.security.csrf"] == [
        0
    ]


@pytest.mark.parametrize("path", ["/auth/me", "/auth/sessions"])
def test_account_routes_know_the_user_whatever_the_projects_default_is(signed_in, monkeypatch, path):
    monkeypatch.setattr(APIView, "authentication_classes", (BasicAuthentication,))

    assert signed_in.get(path).status_code == 200


@pytest.mark.parametrize("route", ["register", "login", "refresh", "logout"])
def test_no_authenticator_stands_before_an_act_whatever_the_projects_default_is(browser, db, monkeypatch, route):
    """One that refuses a bad credential would stop people with a stale one from signing in and out."""
    monkeypatch.setattr(APIView, "authentication_classes", (BasicAuthentication, CookieJWTAuthentication))

    response = browser.post(f"/auth/{route}", HTTP_AUTHORIZATION="Basic garbage")

    assert response.status_code in {200, 400, 401}
    assert response.json().get("code") in {None, "refresh_token_required"}


@pytest.mark.parametrize("route", ["register", "login", "refresh", "logout"])
@pytest.mark.parametrize("headers", [{}, ELSEWHERE], ids=["answer", "refusal"])
def test_an_act_in_cookie_delivery_is_not_the_same_for_everyone(browser, db, route, headers):
    response = browser.post(f"/auth/{route}", **headers)

    assert "Cookie" in response.headers["Vary"]
    assert response.headers["Cache-Control"] == "no-store"


REFUSED = {"HTTP_AUTHORIZATION": "Bearer garbage"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("get", "me", {}, 200),
        ("head", "me", {}, 200),
        ("options", "me", {}, 200),
        ("get", "me", {"HTTP_COOKIE": "", **REFUSED}, 401),
        ("get", "me", {"HTTP_ACCEPT": "image/png"}, 200),
        ("put", "me", {}, 405),
        ("get", "sessions", {}, 200),
        ("get", "sessions", {"HTTP_COOKIE": ""}, 401),
        ("delete", "sessions/unknown", {}, 404),
        ("delete", "sessions/unknown", ELSEWHERE, 403),
        ("delete", "sessions/all?keep_current=maybe", {}, 400),
        ("delete", "sessions/all", {}, 200),
        ("post", "account/change-password", {}, 400),
        ("post", "account/change-password", ELSEWHERE, 403),
        ("post", "account/change-password", {"content_type": "image/png", "data": "x"}, 415),
    ],
)
@pytest.mark.parametrize("handler", ["rest_framework.views.exception_handler", f"{__name__}.own_handler"])
def test_no_answer_to_a_signed_in_user_is_stored(signed_in, settings, method, path, headers, status, handler):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": handler}

    response = getattr(signed_in, method)(f"/auth/{path}", **headers)

    assert (response.status_code, response.headers["Cache-Control"]) == (status, "no-store")


def test_a_limit_that_is_reached_is_not_stored(signed_in, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 1}
    guess = {"current_password": "wrong", "new_password": "another battery 9"}

    [_first, second] = [signed_in.post("/auth/account/change-password", guess, format="json") for _ in range(2)]

    assert (second.status_code, second.headers["Cache-Control"]) == (429, "no-store")


def own_handler(exc, context):
    """A project's own: another body, and none of REST framework's headers."""
    return Response({"error": "no"}, status=exc.status_code)


def test_the_list_of_sessions_has_none_of_somebody_else(signed_in, other_account):
    Browser().sign_in(other_account)

    assert [session["current"] for session in signed_in.get("/auth/sessions").json()] == [True]


class ReplicaIsDown:
    """Reads go to a database that is not there: whatever still works, does not ask it."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "sessions"), ("post", "refresh"), ("post", "logout"), ("delete", "sessions/all")],
)
def test_nothing_about_a_session_is_read_from_a_replica(signed_in, settings, method, path):
    """It may lag behind, and list a session as alive that was ended a moment ago."""
    settings.DATABASE_ROUTERS = [ReplicaIsDown()]

    assert getattr(signed_in, method)(f"/auth/{path}").status_code == 200
