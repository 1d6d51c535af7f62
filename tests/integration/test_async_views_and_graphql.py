"""adrf and Strawberry in a project that follows the page of the documentation."""

import json

import pytest
import requests

from tests.integration.asgi_server import asgi_server, prepare
from tests.missing import need

pytestmark = pytest.mark.slow

PAGE = "integrations/async-views-and-graphql.md"
EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
RENAME = 'mutation { rename(name: "evil") }'


@pytest.fixture(scope="module")
def project(make_project):
    need("adrf", "strawberry", "channels")
    project = make_project().follow("quickstart.md").follow(PAGE)
    project.configure("DEBUG = False\nALLOWED_HOSTS = ['127.0.0.1']\nFASTAUTH['COOKIE_SECURE'] = False")
    return prepare(project)


@pytest.fixture(scope="module")
def worker(project):
    with asgi_server(project, "uvicorn") as worker:
        yield worker


@pytest.fixture
def ada(worker):
    return worker.sign_in()


def first_name(project) -> str:
    code = "from django.contrib.auth.models import User; print(repr(User.objects.get().first_name))"
    return project.manage("shell", "-c", code).split()[-1]


def graphql(worker, who, query, **headers):
    return who.post(f"{worker.origin}/graphql", json={"query": query}, headers=headers)


class TestAdrf:
    def test_own_request_is_the_users(self, worker, ada):
        assert ada.get(f"{worker.origin}/whoami").json() == {"username": "ada"}
        assert ada.post(f"{worker.origin}/whoami").json() == {"changed_by": "ada"}

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
    def test_request_of_another_page_is_refused(self, worker, ada, content_type):
        answer = ada.post(f"{worker.origin}/whoami", "{}", headers={**EVIL, "Content-Type": content_type})

        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")

    def test_visitor_is_told_how_to_sign_in(self, worker):
        answer = requests.get(f"{worker.origin}/whoami", timeout=30)

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert "Cookie" in answer.headers["Vary"]


class TestStrawberry:
    def test_own_query_and_mutation_are_the_users(self, worker, ada, project):
        assert graphql(worker, ada, "{ me }").json() == {"data": {"me": "ada"}}
        assert graphql(worker, ada, 'mutation { rename(name: "Ada") }').json() == {"data": {"rename": "Ada"}}
        assert first_name(project) == "'Ada'"

    def test_visitor_is_told_to_sign_in(self, worker):
        [error] = graphql(worker, requests, "{ me }").json()["errors"]

        assert (error["message"], error["extensions"]) == ("Sign in first.", {"code": "not_authenticated"})

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
    def test_mutation_of_another_page_changes_nothing(self, worker, ada, project, content_type):
        before = first_name(project)
        body = json.dumps({"query": RENAME})

        answer = ada.post(f"{worker.origin}/graphql", body, headers={**EVIL, "Content-Type": content_type})

        assert "Sign in first." in answer.text or answer.status_code == 400
        assert first_name(project) == before

    def test_mutation_by_get_changes_nothing(self, worker, ada, project):
        before = first_name(project)

        answer = ada.get(f"{worker.origin}/graphql", params={"query": RENAME}, headers=EVIL)

        assert answer.status_code == 400
        assert first_name(project) == before

    def subscribe(self, worker, cookies, origin):
        from websockets.sync.client import connect

        return connect(
            f"ws://127.0.0.1:{worker.port}/graphql",
            origin=origin,
            subprotocols=["graphql-transport-ws"],
            additional_headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
        )

    def test_subscription_is_the_users_until_signing_out(self, worker, ada):
        from websockets.exceptions import ConnectionClosedError

        with self.subscribe(worker, ada.cookies.get_dict(), worker.origin) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            assert json.loads(socket.recv(timeout=30))["type"] == "connection_ack"
            query = {"query": "subscription { names }"}
            socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": query}))
            assert json.loads(socket.recv(timeout=30))["payload"] == {"data": {"names": "ada"}}

            worker.sign_out(ada.cookies.get_dict())

            with pytest.raises(ConnectionClosedError, match="session_revoked"):
                list(socket)

    def test_page_of_another_origin_gets_no_subscription(self, worker, ada):
        from websockets.exceptions import InvalidStatus

        with pytest.raises(InvalidStatus, match="403"):
            self.subscribe(worker, ada.cookies.get_dict(), "https://evil.example")
