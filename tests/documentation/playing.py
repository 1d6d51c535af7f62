"""Following a page from its first line to its last, as a reader who starts with an empty directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tests.documentation.pages import Block, page
from tests.documentation.project import Answer, Project

#: What ``scripts/installation`` writes into the pages.
INSTALL = {"python -m pip install .", "python -m pip install fastauth-django"}
#: The hasher of this suite: a real one takes most of the time of a test that signs in.
QUICK_HASHER = 'PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]\n'


def play(project: Project, blocks: Iterable[Block], install: Callable[[], object]) -> list[Answer]:
    """Carry out ``blocks`` in their order. Returns what the lines with curl were answered.

    ``install`` stands for the line that installs the package: what it installs is the caller's to choose.
    """
    answers: list[Answer] = []
    for block in blocks:
        if block.language == "python":
            project.append(project.urls if "urlpatterns" in block.code else project.settings, block.code)
            continue
        assert block.commands, f"{block} has no line that begins with $"
        for command in block.commands:
            if command in INSTALL:
                install()
            elif command.startswith("curl "):
                answers.append(project.curl(command))
            elif command == "python manage.py runserver":
                project.runserver()
            elif command == "django-admin startproject mysite":
                project.start()
            elif command != "cd mysite":
                project.run(command)
    return answers


def after_quick_start(directory: Path) -> Project:
    """A new project with what the README says, migrated."""
    project = Project(directory).start()
    settings, urls = (block for block in page("README.md").blocks if block.language == "python")
    project.append(project.settings, settings.code)
    project.append(project.urls, urls.code)
    project.run("python manage.py migrate --verbosity 0")
    return project
