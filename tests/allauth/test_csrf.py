"""Who may sign a browser in: the origin rule decides about allauth's API too, and no token is needed."""

import pytest

from tests.allauth.clients import OWN_PAGE, SISTER, SISTERS_PAGE, FrontEnd
from tests.allauth.conftest import EMAIL
from tests.factories import PASSWORD

CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
EVIL = "https://evil.example"


def sign_in(headers, path="/_allauth/browser/v1/auth/login"):
    front_end = FrontEnd()
    response = front_end.http.post(path, CREDENTIALS, content_type="application/json", headers=headers)
    return response.status_code, set(front_end.jar)


def signed_in():
    front_end = FrontEnd()
    front_end.call("POST", "auth/login", CREDENTIALS)
    return front_end


@pytest.mark.parametrize("headers", [OWN_PAGE, {}], ids=["own page", "no browser"])
def test_page_of_the_same_origin_needs_no_token_and_is_given_none(user, headers):
    assert sign_in(headers) == (200, {"access_token", "refresh_token"})


@pytest.mark.parametrize("setting", ["CORS_ORIGINS", "CSRF_TRUSTED_ORIGINS"])
def test_page_of_a_listed_origin(user, settings, setting):
    assert sign_in(SISTERS_PAGE)[0] == 403

    if setting == "CORS_ORIGINS":
        settings.FASTAUTH = {**settings.FASTAUTH, "CORS_ORIGINS": [SISTER]}
    else:
        settings.CSRF_TRUSTED_ORIGINS = [SISTER]

    assert sign_in(SISTERS_PAGE) == (200, {"access_token", "refresh_token"})


@pytest.mark.parametrize(
    "headers",
    [{"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}],
    ids=["another site", "a sandbox", "a sibling"],
)
@pytest.mark.parametrize("call", [("POST", "auth/login"), ("DELETE", "auth/session"), ("POST", "account/email")])
def test_page_of_another_origin_does_nothing(user, headers, call):
    front_end = signed_in()
    method, path = call

    response = front_end.http.generic(
        method, f"/_allauth/browser/v1/{path}", "{}", "application/json", headers={**headers}
    )

    assert response.status_code == 403
    assert not response.cookies.keys() & {"access_token", "refresh_token"}
    assert front_end.me() == EMAIL


def test_in_token_mode_djangos_check_stays(user, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": "token"}
    assert sign_in(OWN_PAGE)[0] == 403

    front_end = FrontEnd()
    front_end.call("GET", "auth/session")
    token = front_end.jar["csrftoken"]
    assert front_end.call("POST", "auth/login", CREDENTIALS, X_CSRFToken=token).status_code == 200


def test_switched_off_for_our_routes_djangos_check_stays_for_allauths(user, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": None}

    assert sign_in(OWN_PAGE)[0] == 403


def test_page_of_a_listed_origin_may_read_the_answer(user, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CORS_ORIGINS": [SISTER]}
    front_end = FrontEnd()

    response = front_end.call("POST", "auth/login", CREDENTIALS, Origin=SISTER)

    assert response.headers["Access-Control-Allow-Origin"] == SISTER
    assert response.headers["Access-Control-Allow-Credentials"] == "true"


def test_app_needs_no_origin(user):
    assert sign_in({"Origin": EVIL}, "/_allauth/app/v1/auth/login") == (200, set())


def test_other_views_keep_djangos_check(user):
    """The rule has passed for one request to one API, and for nothing else."""
    assert FrontEnd().http.post("/invitation", headers=OWN_PAGE).status_code == 403
