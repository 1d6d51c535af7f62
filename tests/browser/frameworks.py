"""The apps of ``example_project/frontends`` that a server renders, built and run by their own tools.

Each is built in a copy, so that two runs do not meet, with the client as ``npm pack`` makes it.
"""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.browser import npm
from tests.browser.servers import ROOT, free_port

APPS = ROOT / "example_project/frontends"
PATIENCE = 60  # seconds until an app answers for the first time
BUILT = [".next", ".svelte-kit", "build"]
NAMES = {"COOKIE_NAME_ACCESS": "__Host-access_token", "COOKIE_NAME_REFRESH": "__Host-refresh_token"}


@dataclass(frozen=True)
class Tools:
    """The programs of a framework: one that builds an app, and one that serves what was built. Paths in the app."""

    build: list[str]
    serve: list[str]


TOOLS = {
    "next": Tools(
        ["node_modules/next/dist/bin/next", "build"], ["node_modules/next/dist/bin/next", "start", "--port", "{port}"]
    ),
    "sveltekit": Tools(["node_modules/vite/bin/vite.js", "build"], ["build/index.js"]),
}


class App:
    """One app, built for an API at ``api``. It runs as often as it is started."""

    def __init__(self, name: str, api: str, directory: Path) -> None:
        self.name, self.api, self.directory = name, api, directory / name
        self.processes: list[subprocess.Popen] = []
        shutil.copytree(APPS / name, self.directory, ignore=shutil.ignore_patterns("node_modules", *BUILT))
        own = self.directory / "node_modules"
        with npm.packages(APPS / name) as modules:
            shutil.copytree(modules, own, symlinks=True, copy_function=link_or_copy)
        shutil.rmtree(own / "fastauth-django-client")
        npm.pack_client(directory).rename(own / "fastauth-django-client")
        self.build_log = self.run(*TOOLS[name].build)

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, **NAMES, "NEXT_TELEMETRY_DISABLED": "1", "API_URL": self.api, **more}

    def run(self, *command: str) -> str:
        """Run a program of the app's packages to its end. Returns what it printed."""
        done = subprocess.run(
            ["node", *command],
            cwd=self.directory,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start(self, **environment: str) -> str:
        """Start the app. Returns its origin."""
        port = free_port()
        origin = f"http://localhost:{port}"
        log = self.directory / f"{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["node", *(part.format(port=port) for part in TOOLS[self.name].serve)],
                cwd=self.directory,
                env=self.environment(PORT=str(port), ORIGIN=origin, **environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with urlopen(f"{origin}/sign-in", timeout=PATIENCE):  # noqa: S310  # http, of this machine
                    return origin
            except HTTPError as error:
                raise AssertionError(f"{error}: {log.read_text()}") from error
            except (URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError(log.read_text())

    def close(self) -> None:
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)  # asked politely, they wait for the browser's idle connections
            process.wait(timeout=20)


def link_or_copy(source: str, target: str) -> None:
    """A package has thousands of files, and nobody writes to them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
