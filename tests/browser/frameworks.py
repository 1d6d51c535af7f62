"""The apps of ``example_project/frontends`` that a server renders, built and run by their own tools.

Each is built in a copy, so that two runs do not meet, with the client as ``npm pack`` makes it.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.browser.servers import ROOT, free_port
from tests.missing import is_missing

APPS = ROOT / "example_project/frontends"
CLIENT = ROOT / "fastauth_django/static/fastauth_django"
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
        node_modules = install(APPS / name)
        shutil.copytree(APPS / name, self.directory, ignore=shutil.ignore_patterns("node_modules", *BUILT))
        shutil.copytree(node_modules, self.directory / "node_modules", symlinks=True, copy_function=link_or_copy)
        unpack_client(self.directory / "node_modules/fastauth-django-client", directory)
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


def install(app: Path) -> Path:
    """The packages of an app, beside its sources, where they stay for the next run."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        is_missing("node or npm")
    with (app / "package.json").open() as manifest:
        fcntl.flock(manifest, fcntl.LOCK_EX)
        wanted, installed = (app / "package.json").read_text(), app / "node_modules/.installed"
        if not installed.exists() or installed.read_text() != wanted:
            command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
            if subprocess.run(command, cwd=app, capture_output=True).returncode:
                is_missing(f"npm's packages for {app.name}, and the network to install them,")
            installed.write_text(wanted)
    return app / "node_modules"


def unpack_client(package: Path, directory: Path) -> None:
    """Put the client there as npm publishes it."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(directory), str(CLIENT)]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    shutil.rmtree(package)
    with tarfile.open(directory / name) as packed:
        packed.extractall(directory, filter="data")
    (directory / "package").rename(package)


def link_or_copy(source: str, target: str) -> None:
    """A package has thousands of files, and nobody writes to them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
