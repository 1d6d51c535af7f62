"""Who is signed in."""

import pytest
from django.contrib.auth import get_user_model

from tests.clients import ACCESS, REFRESH

pytestmark = pytest.mark.django_db

IDENTIFIER = get_user_model().USERNAME_FIELD


def test_me_is_the_signed_in_user(signed_in, account):
    response = signed_in.get("/auth/me")

    assert response.status_code == 200
    assert response.json()[IDENTIFIER] == account.user.get_username()
    assert str(response.json()["id"]) == str(account.user.pk)


def test_me_says_nothing_that_is_secret(signed_in):
    assert set(signed_in.get("/auth/me").json()) <= {"id", IDENTIFIER, "email", "name"}


@pytest.mark.parametrize(("path", "queries"), [("/auth/me", 1), ("/private", 1), ("/stateless", 0)])
def test_protected_get_costs(signed_in, django_assert_num_queries, path, queries):
    with django_assert_num_queries(queries):
        assert signed_in.get(path).status_code == 200


def test_me_without_credentials_is_a_401_with_a_challenge(browser):
    response = browser.get("/auth/me")

    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_me_with_a_dead_cookie_says_why(signed_in):
    signed_in.clone().post("/auth/logout")

    response = signed_in.get("/auth/me")

    assert response.status_code == 401
    assert response.json()["code"] == "session_revoked"
    assert response["WWW-Authenticate"] == (
        'Bearer realm="api", error="invalid_token", error_description="session_revoked"'
    )
    assert not response.cookies, "only a refusal to refresh is final"


def test_refresh_token_is_never_accepted_as_an_access_token(signed_in):
    signed_in.set_cookie(ACCESS, signed_in.cookie(REFRESH))

    assert signed_in.get("/auth/me").json()["code"] == "token_invalid"


def test_me_is_authenticated_by_this_app_whatever_the_projects_default_is(signed_in, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": []}

    assert signed_in.get("/auth/me").status_code == 200


@pytest.mark.parametrize("path", ["/auth/me", "/auth/sessions"])
def test_answer_depends_on_the_cookie(signed_in, path):
    assert "Cookie" in signed_in.get(path)["Vary"]
