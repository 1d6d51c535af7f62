"""django-cors-headers in a project that follows the page of the documentation."""

import pytest

pytestmark = pytest.mark.slow

PAGE = "integrations/cors.md"
PASSWORD = "correct horse battery 9"
FRONT_END, OTHER = "https://app.example.com", "https://www.example.com"
ALLOW_ORIGIN, ALLOW_CREDENTIALS = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"


@pytest.fixture(scope="module")
def server(make_project, serve):
    return serve(make_project().follow("quickstart.md").follow(PAGE), "migrate", users={"ada": PASSWORD})


@pytest.fixture
def page(server, visit):
    """Requests as a browser sends them for the front end's page."""
    visitor = visit(server)
    visitor.headers.update({"Origin": FRONT_END, "Sec-Fetch-Site": "same-site"})
    return visitor


@pytest.fixture
def other_page(server, visit):
    visitor = visit(server)
    visitor.headers.update({"Origin": OTHER, "Sec-Fetch-Site": "same-site"})
    return visitor


def test_the_front_end_signs_in_and_acts(page):
    response = page.sign_in(username="ada", password=PASSWORD)

    assert response.status_code == 200
    assert (response.headers[ALLOW_ORIGIN], response.headers[ALLOW_CREDENTIALS]) == (FRONT_END, "true")
    assert page.get("/auth/me").status_code == 200
    assert page.post("/auth/refresh").status_code == 200


def test_the_front_end_can_read_why_it_was_refused(page):
    response = page.get("/auth/me")

    assert response.status_code == 401
    assert response.headers[ALLOW_ORIGIN] == FRONT_END


def test_the_preflight_is_answered(page):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}

    response = page.options("/auth/login", headers=asked)

    assert response.status_code == 200
    assert response.headers[ALLOW_ORIGIN] == FRONT_END
    assert "content-type" in response.headers["Access-Control-Allow-Headers"]


def test_another_origin_can_neither_read_nor_act(other_page):
    response = other_page.sign_in(username="ada", password=PASSWORD)

    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    assert ALLOW_ORIGIN not in response.headers
    assert ALLOW_ORIGIN not in other_page.get("/auth/me").headers
