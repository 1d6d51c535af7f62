"""WebSockets in a project that follows the page of the documentation: real servers, Redis, and sockets of Chromium."""

import re
import time
from contextlib import ExitStack
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest

from tests.browser.engines import ENGINES
from tests.browser.servers import free_port
from tests.documentation.pages import page as page_of
from tests.integration.asgi_server import PASSWORD, asgi_server, prepare
from tests.integration.project import Project, text_of
from tests.missing import need
from tests.nginx_server import nginx
from tests.redis_server import Redis

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = "integrations/channels.md"
[NGINX] = page_of("docs/deployment.md").take("nginx", under="WebSockets")
AT_ONCE = 10  # seconds; a check each minute would come later
#: One look at the sessions of a thousand sockets, each of a session of its own.
LOOK = """
import time
from django.contrib.auth.models import User
from django.utils import timezone
from datetime import timedelta
from fastauth_django.models import AuthSession
from fastauth_django.sessions import refusals_of
from fastauth_django.tokens import AccessToken
user, now = User.objects.get(), timezone.now().replace(microsecond=0)
life = dict(created_at=now, rotated_at=now, expires_at=now + timedelta(days=1))
rows = [AuthSession(user=user, auth_hash=user.get_session_auth_hash(), **life) for each in range(1000)]
tokens = [AccessToken.for_session(row, now) for row in AuthSession.objects.bulk_create(rows)]
began = time.perf_counter()
assert refusals_of(tokens) == [None] * 1000
print(round(1000 * (time.perf_counter() - began)))
"""
SIGN_IN = """async (credentials) => (await fetch("/auth/login", {method: "POST", body: JSON.stringify(credentials),
    headers: {"Content-Type": "application/json"}})).status"""
#: A socket whose life is written down: ``window.sockets[name]``.
OPEN = """(name, url, protocols) => new Promise((resolve) => {
    const socket = new WebSocket(url, protocols);
    const seen = { opened: false, protocol: null, messages: [], closed: null, socket };
    (window.sockets ??= {})[name] = seen;
    socket.onopen = () => { seen.opened = true; seen.protocol = socket.protocol; };
    socket.onmessage = (event) => { seen.messages.push(JSON.parse(event.data)); resolve(seen.messages[0]); };
    socket.onclose = (event) => { seen.closed = [event.code, event.reason]; resolve(null); };
})"""


@pytest.fixture(scope="module")
def redis():
    need("channels_redis")
    server = Redis()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def project(tmp_path_factory, redis):
    directory = tmp_path_factory.mktemp("sockets") / "project"
    project = Project(directory, REDIS_URL=redis.url)
    project.follow("quickstart.md").follow(PAGE)
    # With DEBUG, pages on other ports of this machine are let in, for the proxies of development servers.
    project.configure("DEBUG = False\nALLOWED_HOSTS = ['127.0.0.1']\nFASTAUTH['COOKIE_SECURE'] = False")
    project.configure("import os\nCHANNEL_LAYERS['default']['BACKEND'] = os.environ.get('LAYER')")
    return prepare(project)


@pytest.fixture(scope="module", params=["uvicorn", pytest.param("daphne", marks=pytest.mark.nightly)])
def workers(request, project):
    """Two processes of one server, on the same database and the same Redis."""
    with ExitStack() as stack:
        yield [stack.enter_context(asgi_server(project, request.param)) for _each in range(2)]


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A page on another port of the same host: the browser sends it the same cookies, whatever SameSite says."""
    directory = tmp_path_factory.mktemp("evil")
    (directory / "index.html").write_text("<!doctype html><title>evil</title>")
    server = HTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(directory)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def tab(profile, workers):
    """A page of the first process, signed in."""
    tab = profile.open(f"{workers[0].origin}/auth/me")
    assert tab.run(SIGN_IN, {"username": "ada", "password": PASSWORD}) == 200
    return tab


def cookies_of(profile) -> dict[str, str]:
    return {cookie.name: cookie.value for cookie in profile.cookies()}


def closed(tab, name: str) -> list:
    tab.wait_until(f"() => window.sockets['{name}'].closed !== null")
    return tab.evaluate(f"window.sockets['{name}'].closed")


@pytest.mark.parametrize("profile", ENGINES, indirect=True)
def test_page_of_the_site_opens_a_socket_and_talks(tab, workers):
    assert tab.run(OPEN, "inbox", workers[0].sockets + "inbox", []) == {"signed_in_as": "ada"}
    tab.run("() => window.sockets.inbox.socket.send('\"hello\"')")
    tab.wait_until("() => window.sockets.inbox.messages.length === 2")
    assert tab.evaluate("window.sockets.inbox.messages[1]") == {"heard": "hello"}


@pytest.mark.parametrize("profile", ENGINES, indirect=True)
def test_page_of_another_origin_opens_none(tab, profile, workers, evil):
    page = profile.open(evil)

    assert page.run(OPEN, "inbox", workers[0].sockets + "inbox", []) is None
    assert page.evaluate("window.sockets.inbox.opened") is False
    assert closed(page, "inbox")[0] == 1006


@pytest.mark.parametrize(
    "forwarded", ["", "proxy_set_header X-Forwarded-Host $host;"], ids=["as the page says", "renamed"]
)
def test_sockets_pass_nginx_for_the_own_page_alone(profile, workers, evil, tmp_path, forwarded):
    """A host without its port would be that of the page on another port too."""
    port = free_port()
    site = f"""server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:8000; proxy_set_header Host $http_host; }}
        {NGINX.code.replace("proxy_pass", f"{forwarded} proxy_pass")}
    }}"""
    with nginx(tmp_path, site.replace("127.0.0.1:8000", workers[0].origin.removeprefix("http://"))):
        tab = profile.open(f"http://127.0.0.1:{port}/auth/me")
        assert tab.run(SIGN_IN, {"username": "ada", "password": PASSWORD}) == 200
        url = f"ws://127.0.0.1:{port}/ws/inbox"

        assert tab.run(OPEN, "inbox", url, []) == {"signed_in_as": "ada"}
        page = profile.open(evil)
        assert page.run(OPEN, "inbox", url, []) is None
        assert page.evaluate("window.sockets.inbox.opened") is False


def test_visitor_is_told_by_a_code(profile, workers):
    tab = profile.open(f"{workers[0].origin}/auth/me")

    assert tab.run(OPEN, "inbox", workers[0].sockets + "inbox", []) is None
    assert closed(tab, "inbox") == workers[0].ended("not_authenticated")


@pytest.mark.parametrize("which", [0, 1], ids=["the same process", "another process"])
def test_signing_out_closes_the_socket_at_once(tab, profile, workers, which):
    tab.run(OPEN, "inbox", workers[0].sockets + "inbox", [])
    began = time.monotonic()

    workers[which].sign_out(cookies_of(profile))

    assert closed(tab, "inbox") == workers[0].ended("session_revoked")
    assert time.monotonic() - began < AT_ONCE


def test_token_is_offered_as_a_subprotocol_from_any_page(tab, profile, workers, evil):
    token = cookies_of(profile)["access_token"]
    profile.context.clear_cookies()
    page = profile.open(evil)

    assert page.run(OPEN, "good", workers[0].sockets + "inbox", ["fastauth.bearer", token]) == {"signed_in_as": "ada"}
    assert page.evaluate("window.sockets.good.protocol") == "fastauth.bearer"
    assert page.run(OPEN, "bad", workers[0].sockets + "inbox", ["fastauth.bearer", token[:-4] + "AAAA"]) is None
    assert closed(page, "bad") == workers[0].ended("token_invalid")


def test_code_of_a_client_without_cookies_opens_one(tab, profile, workers):
    [code] = re.findall("```js\n(.*?)```", text_of(PAGE, "Clients without cookies"), re.DOTALL)
    token = cookies_of(profile)["access_token"]
    profile.context.clear_cookies()

    message = tab.run(
        "(code, url, token) => new Promise((resolve) => {"
        " new Function('url', 'accessToken', code + 'return socket;')(url, token).onmessage ="
        " (event) => resolve(event.data); })",
        code,
        workers[0].sockets + "inbox",
        token,
    )

    assert "ada" in message


def test_code_of_the_page_tells_who_was_signed_out(tab, profile, workers, project):
    script = (project.directory / "static/inbox.js").read_text().replace("export ", "")
    tab.run(
        "(script) => { (0, eval)(script + '; window.openInbox = openInbox'); window.messages = []; window.out = null;"
        " openInbox({ onMessage: (m) => messages.push(m), onSignedOut: (reason) => { window.out = reason; } }); }",
        script,
    )
    tab.wait_until("() => window.messages.length === 1")

    workers[1].sign_out(cookies_of(profile))

    tab.wait_until("() => window.out !== null")
    assert tab.evaluate("window.out") == workers[0].ended("session_revoked")[1]


def test_sign_out_does_not_wait_for_a_redis_that_hangs(tab, profile, workers, redis):
    """The same process knows by itself; the test of the minute is the quick one."""
    tab.run(OPEN, "inbox", workers[0].sockets + "inbox", [])
    redis.hang(3)

    assert workers[0].sign_out(cookies_of(profile)) < 2
    assert closed(tab, "inbox") == workers[0].ended("session_revoked")


@pytest.mark.nightly
@pytest.mark.parametrize("count", [1000])
def test_a_thousand_sockets(project, count, capsys):
    """Of 100 sessions, in one process; prints what they cost beside the same consumers without the middleware."""
    need("websockets")
    from websockets.exceptions import ConnectionClosedError
    from websockets.sync.client import connect

    def memory(pid: int) -> int:
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])

    with asgi_server(project, "uvicorn") as worker, asgi_server(project, "uvicorn") as other, ExitStack() as stack:
        visitors = [worker.sign_in() for _each in range(100)]
        tokens = [visitor.cookies["access_token"] for visitor in visitors]

        def open_one(number: int):
            header = {"Cookie": f"access_token={tokens[number % 100]}"}
            socket = stack.enter_context(
                connect(worker.sockets + "inbox", origin=worker.origin, additional_headers=header, ping_interval=None)
            )
            assert "ada" in socket.recv(timeout=30)
            return socket

        open_one(0)
        before, began = memory(worker.pid), time.monotonic()
        sockets = [open_one(number) for number in range(count)]
        opening = time.monotonic() - began
        each = (memory(worker.pid) - before) / count
        cookies = visitors[7].cookies.get_dict()
        began = time.monotonic()
        answered = other.sign_out(cookies)
        for socket in sockets[7::100]:
            with pytest.raises(ConnectionClosedError, match="session_revoked"):
                socket.recv(timeout=AT_ONCE)
        closing = time.monotonic() - began - answered
        sockets[8].send('"still here"')
        assert "still here" in sockets[8].recv(timeout=30)
        began = time.monotonic()
        answer = visitors[8].get(f"{worker.origin}/auth/me", timeout=30)
        assert answer.status_code == 200
        with capsys.disabled():
            print(
                f"\n{count} sockets: {count / opening:.0f} opened a second, {each:.0f} KiB each; "
                f"sign-out in another process closed {count // 100} of them {closing * 1000:.0f} ms later; "
                f"GET me beside them {1000 * (time.monotonic() - began):.0f} ms; "
                f"a look at 1,000 sessions {project.manage('shell', '-c', LOOK).split()[-1]} ms"
            )
