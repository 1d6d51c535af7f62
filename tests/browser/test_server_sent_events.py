"""Server-sent events in a project that follows the page of the documentation, with an EventSource of Chromium."""

from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from threading import Thread

import pytest
import requests

from tests.integration.asgi_server import PASSWORD, asgi_server, prepare
from tests.integration.project import Project

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = "integrations/server-sent-events.md"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("events") / "project").follow("quickstart.md").follow(PAGE)
    project.configure("STREAM_LOOKS_AFTER = 1\nSTREAM_ENDS_AFTER = 3")
    return prepare(project)


@pytest.fixture(scope="module")
def worker(project):
    with asgi_server(project, "uvicorn") as worker:
        yield worker


@pytest.fixture
def tab(profile, worker, project):
    tab = profile.open(f"{worker.origin}/auth/me")
    tab.run(
        """(credentials) => fetch("/auth/login", {method: "POST", body: JSON.stringify(credentials),
            headers: {"Content-Type": "application/json"}}).then((answer) => answer.status)""",
        {"username": "ada", "password": PASSWORD},
    )
    tab.run(
        "(script) => { (0, eval)(script + '; window.listen = listen'); window.messages = []; window.out = null;"
        " listen({ onMessage: (m) => messages.push(m), onSignedOut: (reason) => { window.out = reason; } }); }",
        (project.directory / "static/events.js").read_text().replace("export ", ""),
    )
    tab.wait_until("() => window.messages.length === 1")
    assert tab.evaluate("window.messages[0]") == {"hello": "ada"}
    return tab


def test_stream_ends_with_the_session_and_says_so(tab, profile, worker):
    worker.sign_out({cookie.name: cookie.value for cookie in profile.cookies()})

    tab.wait_until("() => window.out !== null")
    assert tab.evaluate("window.out") == "session_revoked"


def test_browser_comes_back_when_the_stream_ends(tab):
    tab.wait_until("() => window.messages.length === 2")

    assert tab.evaluate("window.out") is None


def test_page_whose_access_cookie_is_gone_refreshes_and_goes_on(tab, profile):
    profile.forget("access_token")

    tab.wait_until("() => window.messages.length === 2")

    assert "access_token" in {cookie.name for cookie in profile.cookies()}


def test_visitor_gets_no_stream(worker):
    assert requests.get(f"{worker.origin}/events", timeout=30).status_code == 401


def test_page_of_another_origin_reads_nothing(tab, profile, worker, tmp_path):
    (tmp_path / "index.html").write_text("<!doctype html><title>evil</title>")
    server = HTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    Thread(target=server.serve_forever, daemon=True).start()
    page = profile.open(f"http://127.0.0.1:{server.server_port}/")

    outcome = page.run(
        """(url) => new Promise((resolve) => {
            const source = new EventSource(url, { withCredentials: true });
            source.onmessage = (event) => resolve(event.data);
            source.onerror = () => resolve(source.readyState === EventSource.CLOSED ? "nothing" : "again");
        })""",
        f"{worker.origin}/events",
    )

    server.shutdown()
    server.server_close()
    assert outcome == "nothing"
