"""django-ninja in a project that follows the page of the documentation."""

import pytest
from requests import Session

from tests.integration.asgi_server import asgi_server, prepare
from tests.missing import need

pytestmark = pytest.mark.slow

PAGE = "integrations/ninja.md"
EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture(scope="module")
def worker(make_project):
    need("ninja")
    with asgi_server(prepare(make_project().follow("quickstart.md").follow(PAGE)), "uvicorn") as worker:
        yield worker


def test_own_request_is_the_users(worker):
    ada = worker.sign_in()

    assert ada.get(f"{worker.origin}/api/me").json() == {"username": "ada"}
    assert ada.post(f"{worker.origin}/api/greetings").json() == {"greeting": "Hello ada"}


def test_request_of_another_page_is_refused(worker):
    answer = worker.sign_in().post(f"{worker.origin}/api/greetings", headers=EVIL)

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


def test_visitor_is_told_how_to_sign_in(worker):
    visitor = Session()
    answer = visitor.get(f"{worker.origin}/api/me")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert "Cookie" in answer.headers["Vary"]
    assert visitor.get(f"{worker.origin}/api/health").json() == {"healthy": True}
    schemes = visitor.get(f"{worker.origin}/api/openapi.json").json()["components"]["securitySchemes"]
    assert schemes == {"CookieJWTAuth": {"type": "apiKey", "in": "cookie", "name": "access_token"}}
