"""A project as a reader of the documentation makes it: Django's own template, and the code of the pages put into it.

A page says where a block of code belongs: "At the end of `mysite/urls.py`:" adds it there, "In `mysite/urls.py`:" makes
the file. What a page does not say, a test adds by itself, such as the address of its server.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from django.core.management import call_command

from tests.browser.servers import ROOT, Server
from tests.documentation.pages import page as page_of

STEP = re.compile(
    r"(?P<how>[Aa]t\s+the\s+end\s+of|[Ii]n)\s+`(?P<file>[\w./-]+)`:\n+```\w+\n(?P<code>.*?)^```", re.M | re.S
)


def text_of(page: str, section: str | None = None) -> str:
    """A page of the documentation, or one section of it."""
    text = (ROOT / "docs" / page).read_text()
    if section is None:
        return text
    _before, heading, rest = text.partition(f"# {section}\n")
    assert heading, f"{page} has no section {section!r}"
    return re.split(r"^##+ ", rest, maxsplit=1, flags=re.M)[0]


def steps(page: str, section: str | None = None) -> list[tuple[str, str, str]]:
    """What a page, or one section of it, has its reader do: how, in which file, and the code."""
    found = [
        (step["how"].lower().split()[0], step["file"], step["code"]) for step in STEP.finditer(text_of(page, section))
    ]
    assert found, f"{page} has nothing to do"
    return found


def table(page: str, section: str) -> list[tuple[list[str], list[str]]]:
    """The names in the first two columns of a section's table, row by row."""
    lines = [line for line in text_of(page, section).splitlines() if line.startswith("| ")]
    assert len(lines) > 2, f"{section!r} of {page} has no table"
    cells = [line.strip("| ").split(" | ") for line in lines[2:]]
    return [(re.findall("`(.+?)`", first), re.findall("`(.+?)`", second)) for first, second, *_more in cells]


def setting_names(names: list[str]) -> list[str]:
    """Those of ``names`` that are spelled as settings are."""
    return [name for name in names if re.fullmatch("[A-Z_]+", name)]


class Project:
    """A Django project in ``directory``, with a database of its own in a file."""

    def __init__(self, directory: Path, name: str = "mysite", **environment: str) -> None:
        self.directory, self.name, self.environment = directory, name, environment
        directory.mkdir()
        call_command("startproject", name, directory)
        # Tests sign in often, and a hash that is worth its while takes half a second.
        self.configure('PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]')

    def follow(self, page: str, *sections: str) -> "Project":
        """Do what a page says, or those sections of it."""
        for section in sections or [None]:
            for how, file, code in steps(page, section):
                self.write(file, code, append=how == "at")
        return self

    def write(self, file: str, code: str, *, append: bool = True) -> "Project":
        path = self.directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if append else "w") as opened:
            opened.write(f"\n{code}" if append else code)
        return self

    def read(self, file: str) -> str:
        return (self.directory / file).read_text()

    def carry_out(self, page: str, section: str) -> "Project":
        """Run the commands that a section of a page shows, in the project's folder."""
        for block in page_of(f"docs/{page}").take("console", under=section):
            for command in block.commands:
                subprocess.run(["bash", "-euc", command], cwd=self.directory, check=True)
        return self

    @property
    def settings_file(self) -> str:
        return f"{self.name}/settings.py"

    def configure(self, code: str) -> "Project":
        """More settings: the test's own, or another choice of the reader's."""
        return self.write(self.settings_file, code)

    @property
    def variables(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": f"{self.name}.settings",
            "PYTHONPATH": os.pathsep.join([str(self.directory), str(ROOT)]),
            **self.environment,
        }

    def manage(self, *arguments: str) -> str:
        """Run ``manage.py``; returns what it says. A command that fails, fails the test."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.directory,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def take_tables_of(self, server: Server) -> "Project":
        """Begin with a copy of that server's database: its tables need not be made again."""
        shutil.copy(server.database, self.directory / "db.sqlite3")
        return self

    def serve(
        self,
        *commands: str,
        users: Mapping[str, str] | None = None,
        certificate: Path | None = None,
        port: int = 0,
    ) -> "ProjectServer":
        """The project on a server, after a silent ``manage.py check`` and the ``commands``.

        ``users`` are accounts to make, by name and password. They need tables: ``migrate`` is a command of its own.
        """
        environment = {
            **self.variables,
            "PROJECT_COMMANDS": json.dumps(commands),
            "PROJECT_USERS": json.dumps(users or {}),
        }
        return ProjectServer(self.directory, environment, self.directory / "db.sqlite3", certificate, port)


class ProjectServer(Server):
    module = "tests.integration.serve"
