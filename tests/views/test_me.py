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


# --- ?optional=true, which a page asks with when it is opened

OPTIONAL = "/auth/me?optional=true"


def test_who_asks_optionally_is_told_without_an_error_that_nobody_was_here(browser):
    response = browser.get(OPTIONAL)

    assert (response.status_code, response.content) == (204, b"")
    assert response["Cache-Control"] == "no-store"
    assert "Cookie" in response["Vary"]


def test_who_is_signed_in_gets_the_same_answer(signed_in):
    assert signed_in.get(OPTIONAL).json() == signed_in.get("/auth/me").json()


def test_an_access_cookie_that_ran_out_of_the_jar_is_no_reason_to_say_nobody(signed_in):
    """The refresh cookie beside it lives on."""
    del signed_in.cookies[ACCESS]

    assert signed_in.get(OPTIONAL).status_code == 401
    assert signed_in.post("/auth/refresh").status_code == 200
    assert signed_in.get(OPTIONAL).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 204), ("/auth", 204), ("/auth/", 204), ("/auth/me", 204), ("/auth/refresh", 401), ("/au", 401)],
)
def test_a_refresh_cookie_that_would_not_have_come_may_be_there(browser, settings, path, status):
    settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_PATH_REFRESH": path}

    assert browser.get(OPTIONAL).status_code == status


@pytest.mark.parametrize(("path", "status"), [("/", 204), ("/auth/refresh", 401)])
def test_a_former_cookie_that_would_not_have_come_may_be_there(browser, settings, path, status):
    settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_FORMER": [{"name": "former", "path": path}]}

    assert browser.get(OPTIONAL).status_code == status


@pytest.mark.parametrize("name", [ACCESS, REFRESH, "device_token", "former"])
def test_any_cookie_of_ours_says_that_somebody_was_here(browser, settings, name):
    settings.FASTAUTH = {
        **settings.FASTAUTH,
        "COOKIE_FORMER": [{"name": "former"}],
        "COOKIE_NAME_DEVICE": "device_token",
    }
    browser.set_cookie(name, "garbage")

    assert browser.get(OPTIONAL).status_code == 401


def test_a_browser_that_could_not_renew_a_bound_session_has_one(browser):
    assert browser.get(OPTIONAL, headers={"Secure-Session-Skipped": "unreachable"}).status_code == 401


@pytest.mark.parametrize("query", ["", "?optional=false", "?optional=perhaps", "?other=true"])
def test_who_does_not_ask_optionally_gets_a_401(browser, query):
    assert browser.get(f"/auth/me{query}").status_code == 401


def test_a_bad_header_is_refused_in_any_case(browser):
    assert browser.get(OPTIONAL, headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_wrong_method_is_refused_in_any_case(signed_in):
    assert signed_in.put(OPTIONAL).status_code == 405


@pytest.mark.parametrize("path", ["/auth/me", "/auth/sessions"])
def test_answer_depends_on_the_cookie(signed_in, path):
    assert "Cookie" in signed_in.get(path)["Vary"]
