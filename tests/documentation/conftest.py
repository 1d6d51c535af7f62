"""Projects as readers have them. One is made and migrated, the others are copies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.documentation.playing import QUICK_HASHER, after_quick_start
from tests.documentation.project import Project


@pytest.fixture(scope="session")
def quick_start(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after the quick start of the README, migrated."""
    return after_quick_start(tmp_path_factory.mktemp("quick-start") / "mysite")


@pytest.fixture
def make_project(quick_start: Project, tmp_path: Path) -> Iterator:
    """Make a copy of that project, with more settings."""
    made: list[Project] = []
    numbers = count(1)

    def make_project(settings: str = "") -> Project:
        project = quick_start.copy(tmp_path / f"mysite-{next(numbers)}")
        project.append(project.settings, QUICK_HASHER + settings)
        made.append(project)
        return project

    yield make_project
    for project in made:
        project.stop()
