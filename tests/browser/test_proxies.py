"""The development servers of front ends as proxies: one origin for the browser, and often another host for Django."""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.browser.front_end import FrontEnd
from tests.browser.npm import packages
from tests.browser.servers import free_port

pytestmark = [pytest.mark.browser, pytest.mark.nightly]

PROXIES = Path(__file__).with_name("proxies")
PATIENCE = 90  # seconds until a bundler answers for the first time

COMMANDS = {
    "vite": ["vite/bin/vite.js", "--host", "localhost", "--strictPort", "--port"],
    "next": ["next/dist/bin/next", "dev", "--hostname", "localhost", "--port"],
    "nitro": ["nitropack/dist/cli/index.mjs", "dev", "--host", "localhost", "--port"],
}
FORMS = {
    "vite-one-line": ("vite", "one-line"),
    "vite-keeps-host": ("vite", "keeps-host"),
    "vite-changes-origin": ("vite", "changes-origin"),
    "vite-says-host": ("vite", "says-host"),
    "next": ("next", ""),
    "nitro": ("nitro", ""),
}
#: Without Django's DEBUG a proxy that renames the host has to say so.
SAY_THE_HOST = ["vite-keeps-host", "vite-says-host", "next"]


@pytest.fixture(scope="module")
def node():
    """node, and the proxies' packages beside their configuration."""
    with packages(PROXIES):
        return shutil.which("node")


@pytest.fixture
def behind_proxy(servers, node, tmp_path):
    """``behind_proxy("next", DEBUG=True)``: the address of the page behind the proxy."""

    @contextmanager
    def behind_proxy(name, **settings):
        tool, form = FORMS[name]
        server = servers.get(tls=False, **settings)
        port = free_port()
        script, *arguments = COMMANDS[tool]
        environment = {**os.environ, "API": server.origin("127.0.0.1"), "FORM": form, "NEXT_TELEMETRY_DISABLED": "1"}
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [node, PROXIES / "node_modules" / script, *arguments, str(port)],
                cwd=PROXIES / tool,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            address = f"http://localhost:{port}/page"
            wait_for(address, process, tmp_path / "log")
            yield address
        finally:
            os.killpg(process.pid, 15)
            process.wait(timeout=20)

    return behind_proxy


def wait_for(address, process, log):
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(address, timeout=PATIENCE):  # noqa: S310  # http, of this machine
                return
        except HTTPError as error:
            raise AssertionError(f"{error}: {log.read_text()}") from error
        except (URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.mark.parametrize("name", FORMS)
def test_in_development_a_person_signs_in_through_the_proxy(profile, behind_proxy, name, names):
    with behind_proxy(name, DEBUG=True) as address:
        app = FrontEnd(profile.open(address))
        person = next(names)
        user = app.sign_up(person)
        assert app.me() == user
        assert app.add_note("through a proxy") == 201
        profile.forget("access_token")
        assert app.add_note("with a renewed token") == 201
        assert app.refresh()
        app.sign_out()
        assert app.me() is None
        assert profile.cookies() == []
        app.sign_in(person)
        assert app.me() == user


@pytest.mark.parametrize("name", FORMS)
def test_in_production_it_works_if_the_proxy_says_the_host(profile, behind_proxy, name, names):
    settings = {"DEBUG": False, "FASTAUTH": {"COOKIE_SECURE": False}}
    with behind_proxy(name, **settings) as address:
        app = FrontEnd(profile.open(address))
        if name in SAY_THE_HOST:
            user = app.sign_up(next(names))
            assert app.me() == user
            assert app.add_note("through a proxy") == 201
            app.sign_out()
            assert app.me() is None
        else:
            with pytest.raises(Exception, match="CSRF Failed"):
                app.sign_up(next(names))
