"""The project of a reader: made by ``startproject``, filled from the page, run by ``manage.py``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.documentation.pages import ROOT

PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True)
class Answer:
    """What curl was answered: the head of the answer, and its body."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> Any:
        return json.loads(self.body)


class Project:
    """``mysite`` in a directory of its own. ``python`` is the interpreter of the environment that it runs in.

    Commands run in a shell, as typed. Where a page says port 8000, the port of the server stands in.
    """

    def __init__(self, directory: Path, python: Path | None = None) -> None:
        self.directory = directory
        self.bin = (python or Path(sys.executable)).parent
        self.python = str(python or sys.executable)
        self.server: subprocess.Popen[str] | None = None
        self.port = 0
        # Neither the settings of this run nor its coverage are the project's.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FASTAUTH_", "PYTEST", "COV_", "DJANGO_"))
        }
        self.environment |= {
            "HOME": str(directory),  # for curl's configuration
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }
        if python is None:
            self.environment["PYTHONPATH"] = str(ROOT)

    @property
    def settings(self) -> Path:
        return self.directory / "mysite/settings.py"

    @property
    def urls(self) -> Path:
        return self.directory / "mysite/urls.py"

    def start(self) -> Project:
        """``django-admin startproject``."""
        self.directory.mkdir(exist_ok=True)
        self.run("django-admin startproject mysite .")
        return self

    def copy(self, directory: Path) -> Project:
        """The same project once more, its database too."""
        shutil.copytree(self.directory, directory)
        return Project(directory)

    def append(self, path: Path, text: str) -> None:
        path.write_text(f"{path.read_text()}\n{text}")

    def run(self, command: str) -> str:
        """Run one line in a shell. Fails as the line does, and returns what it printed."""
        done = subprocess.run(
            ["bash", "-c", command.replace(":8000", f":{self.port}")],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def curl(self, command: str) -> Answer:
        """Run one line that calls curl, and read the answer's head too."""
        head = self.directory / "head"
        (self.directory / ".curlrc").write_text(f'silent\nshow-error\ndump-header = "{head}"\n')
        body = self.run(command)
        status, *lines = head.read_text().strip().splitlines()
        headers = [(name, value.strip()) for name, _colon, value in (line.partition(":") for line in lines)]
        return Answer(int(status.split()[1]), headers, body)

    def probe(self, **options: Any) -> dict[str, Any]:
        """Check the project and let somebody sign up, in and out: :mod:`tests.documentation.probe`."""
        command = [self.python, str(PROBE), json.dumps(options)]
        done = subprocess.run(command, cwd=self.directory, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result

    def runserver(self) -> None:
        """``manage.py runserver`` on a free port. It says where once it listens."""
        self.stop()
        log = self.directory / "server.log"
        with log.open("a") as errors:
            self.server = subprocess.Popen(
                [self.python, "manage.py", "runserver", "--noreload", "127.0.0.1:0"],
                cwd=self.directory,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        for line in self.server.stdout or []:
            if listening := re.search(r"development server at http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(listening[1])
                return
        raise AssertionError(log.read_text())

    def stop(self) -> None:
        if self.server is not None:
            self.server.terminate()
            self.server.communicate()
            self.server = None
