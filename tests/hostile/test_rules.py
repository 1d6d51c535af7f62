"""Rules that are easy to lose in a change and that no other test would miss."""

import logging

import pytest
from rest_framework.authentication import BasicAuthentication
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
