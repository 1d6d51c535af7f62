"""Projects as readers have them. One is made and migrated, the others are copies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.documentation.pages import page
from tests.documentation.project import Project


@pytest.fixture(scope="session")
def quick_start(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after the quick start of the README, migrated."""
    project = Project(tmp_path_factory.mktemp("quick-start") / "mysite").start()
    settings, urls = (block for block in page("README.md").blocks if block.language == "python")
    project.append(project.settings, settings.code)
    project.append(project.urls, urls.code)
    project.run("python manage.py migrate --verbosity 0")
    return project


@pytest.fixture
def make_project(quick_start: Project, tmp_path: Path) -> Iterator:
    """Make a copy of that project, with more settings."""
    made: list[Project] = []
    numbers = count(1)

    def make_project(settings: str = "") -> Project:
        project = quick_start.copy(tmp_path / f"mysite-{next(numbers)}")
        project.append(project.settings, settings)
        made.append(project)
        return project

    yield make_project
    for project in made:
        project.stop()
