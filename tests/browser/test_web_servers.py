"""The web servers that people run Django with, over HTTP/1.1 and HTTP/2: somebody's way through each in Chromium."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer

import pytest

from tests.browser.front_end import FrontEnd
from tests.browser.servers import ROOT, SITE, free_port
from tests.missing import need
from tests.nginx_server import nginx

pytestmark = [pytest.mark.browser, pytest.mark.nightly]

PATIENCE = 60  # seconds until a server counts as one that does not start
APPLICATIONS = "tests.browser.site.applications"
PROXY = "server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {pem}; ssl_certificate_key {pem}; location / {{ \
proxy_pass http://{upstream}; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; }} }}"


@dataclass(frozen=True)
class WebServer:
    """A command line. ``bind``, ``tls`` and ``unix`` are its options for a port, for TLS there, and for a socket."""

    module: str
    options: str
    says: str  # in its log, once it listens
    bind: str
    tls: str = ""
    unix: str = ""

    @contextmanager
    def running(self, where: str, environment: dict[str, str], **values: object):
        """The server, on the port or the socket of ``values``; ``where`` is ``bind``, ``tls`` or ``unix``."""
        need(self.module, source="the extra servers")
        options = f"{self.options} {getattr(self, where)}".format(apps=APPLICATIONS, **values)
        process = subprocess.Popen(
            [sys.executable, "-m", self.module, *options.split()],
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        patience = Timer(PATIENCE, process.kill)
        patience.start()
        try:
            said = ""
            while self.says not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            patience.cancel()
            yield
        finally:
            patience.cancel()
            process.terminate()
            process.communicate(timeout=30)


HYPERCORN = "--bind 127.0.0.1:{port} --certfile {pem} --keyfile {pem}"
GRANIAN = "--host 127.0.0.1 --port {port} --ssl-certificate {pem} --ssl-keyfile {key}"
SERVERS = {
    "gunicorn": WebServer(
        "gunicorn",
        "--threads 4 {apps}:wsgi",
        "Listening at",
        "--bind 127.0.0.1:{port}",
        unix="--bind unix:{socket}",
    ),
    "uvicorn": WebServer(
        "uvicorn", "--lifespan off {apps}:asgi", "running on", "--port {port}", unix="--uds {socket} --proxy-headers"
    ),
    "daphne": WebServer("daphne", "{apps}:asgi", "Listening on", "--bind 127.0.0.1 --port {port}"),
    "hypercorn-asgi": WebServer(
        "hypercorn", "{apps}:asgi", "Running on", "--bind 127.0.0.1:{port}", HYPERCORN, "--bind unix:{socket}"
    ),
    "hypercorn-wsgi": WebServer("hypercorn", "wsgi:{apps}:wsgi", "Running on", "--bind 127.0.0.1:{port}", HYPERCORN),
    "granian-asgi": WebServer(
        "granian",
        "--interface asginl {apps}:asgi",
        "Started worker-1",
        "--host 127.0.0.1 --port {port}",
        GRANIAN,
    ),
    "granian-wsgi": WebServer(
        "granian", "--interface wsgi {apps}:wsgi", "Started worker-1", "--host 127.0.0.1 --port {port}", GRANIAN
    ),
}


@pytest.fixture
def environment(template, tmp_path):
    """The project, with a database of its own."""
    database = tmp_path / "site.sqlite3"
    shutil.copy(template, database)
    return {**SITE, "SITE_DATABASE": str(database), "HOME": str(tmp_path)}  # where gunicorn puts a socket


def walk_through(profile, origin, name, protocol):
    """Sign up, act, refresh, sign out, sign in again, all over ``protocol``."""
    tab = profile.open(f"{origin}/page")
    assert tab.run("() => performance.getEntriesByType('navigation')[0].nextHopProtocol") == protocol
    # With a cookie of somebody else's before ours, and one behind.
    tab.run("() => { document.cookie = 'a=1'; document.cookie = 'theme=dark; path=/page'; }")
    app = FrontEnd(tab)
    app.sign_up(name)
    tab.run("() => { document.cookie = 'zebra=2'; }")
    somebody = app.me()
    assert somebody is not None
    assert app.add_note("one") == 201
    profile.forget("access_token")
    assert app.add_note("after a refresh by itself") == 201
    assert app.refresh()
    assert len(app.sessions()) == 1
    app.sign_out()
    assert not {cookie.name for cookie in profile.cookies()} & {"access_token", "refresh_token"}
    assert app.me() is None
    app.sign_in(name)
    assert app.me() == somebody


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_over_http_1(profile, environment, name, server):
    port = free_port()
    settings = {"SITE_SETTINGS": '{"FASTAUTH": {"DEBUG": true}}'}
    with server.running("bind", environment | settings, port=port):
        walk_through(profile, f"http://localhost:{port}", name, "http/1.1")


@pytest.mark.parametrize("server", [name for name, server in SERVERS.items() if server.tls])
def test_over_http_2(profile, environment, name, certificate, tmp_path, server):
    port, key = free_port(), tmp_path / "key.pem"
    key.write_bytes(certificate.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0])
    with SERVERS[server].running("tls", environment, port=port, pem=certificate, key=key):
        walk_through(profile, f"https://app.example.test:{port}", name, "h2")


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_over_http_2_before_a_proxy(profile, environment, name, certificate, tmp_path, server):
    port, upstream = free_port(), free_port()
    site = PROXY.format(port=port, pem=certificate, upstream=f"127.0.0.1:{upstream}")
    with server.running("bind", environment, port=upstream), nginx(tmp_path, site):
        walk_through(profile, f"https://app.example.test:{port}", name, "h2")


@pytest.mark.parametrize("server", [name for name, server in SERVERS.items() if server.unix])
def test_over_a_unix_socket(profile, environment, name, certificate, tmp_path, server):
    """The server knows no address of the visitor."""
    port, socket = free_port(), tmp_path / "socket"
    site = PROXY.format(port=port, pem=certificate, upstream=f"unix:{socket}")
    with SERVERS[server].running("unix", environment, socket=socket), nginx(tmp_path, site):
        walk_through(profile, f"https://app.example.test:{port}", name, "h2")
