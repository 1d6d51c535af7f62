"""npm's packages: of the apps of the example, among them the client as ``npm pack`` makes it, and of the tests' own."""

import fcntl
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.browser.servers import ROOT
from tests.missing import is_missing

REACT = ROOT / "example_project/frontends/react"
CLIENT = ROOT / "fastauth_django/static/fastauth_django"
PATIENCE = 60  # seconds until Vite answers for the first time


@contextmanager
def packages(folder: Path) -> Iterator[Path]:
    """``node_modules`` with what ``package.json`` of ``folder`` names, where it stays for the next run.

    No other process touches it meanwhile: tests on another core may be about to install the same.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        is_missing("node or npm")
    with (folder / "package.json").open() as manifest:
        fcntl.flock(manifest, fcntl.LOCK_EX)
        wanted, installed = manifest.read(), folder / "node_modules/.installed"
        if not installed.exists() or installed.read_text() != wanted:
            command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
            if subprocess.run(command, cwd=folder, capture_output=True).returncode:
                is_missing(f"npm's packages for {folder.name}, and the network to install them,")
            installed.write_text(wanted)
        yield installed.parent


def install(app: Path, directory: Path) -> Path:
    """Put the packages of ``app`` beside its sources, and where the client is one of them, today's."""
    with packages(app) as modules:
        package = modules / "fastauth-django-client"
        if package.exists() and contents(package) != contents(packed := pack_client(directory)):
            shutil.rmtree(package)
            shutil.copytree(packed, package)
            shutil.rmtree(modules / ".vite", ignore_errors=True)  # what Vite made of the client of before
    return app


def pack_client(directory: Path) -> Path:
    """The client as it would be published, unpacked below ``directory``."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(directory), str(CLIENT)]
    name = run(directory, *command).strip()
    with tarfile.open(directory / name) as packed:
        packed.extractall(directory, filter="data")
    return directory / "package"


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def run(directory: Path, *command: str, **environment: str) -> str:
    """Run a program to its end in ``directory``, and return what it prints."""
    done = subprocess.run(command, cwd=directory, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def vite(app: Path, *arguments: str, port: int, **environment: str) -> Iterator[str]:
    """Vite's own server for ``app``, until it answers no more. Gives its origin."""
    program = ["node", "node_modules/vite/bin/vite.js", *arguments, "--host", "localhost", "--strictPort"]
    process = subprocess.Popen(
        [*program, "--port", str(port)], cwd=app, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with urlopen(f"http://localhost:{port}/"):
                    break
            except URLError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def run_module(app: Path, code: str) -> str:
    """The same for a JavaScript module that imports the packages of ``app``."""
    return run(app, "node", "--input-type=module", "--eval", code)
