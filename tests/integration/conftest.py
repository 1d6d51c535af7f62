"""Projects and servers of this folder's tests. Each runs in a process of its own, with the real packages."""

from contextlib import ExitStack

import pytest

from tests.integration.project import Project
from tests.integration.visitor import Visitor


@pytest.fixture(scope="module")
def make_project(tmp_path_factory):
    """A new project of Django's own template."""

    def make_project(name: str = "mysite", **environment: str) -> Project:
        return Project(tmp_path_factory.mktemp("projects") / "project", name, **environment)

    return make_project


@pytest.fixture(scope="module")
def serve():
    """Run a project until the module's tests are over; returns its server."""
    with ExitStack() as stack:

        def serve(project: Project, *commands, **options):
            server = project.serve(*commands, **options)
            stack.callback(server.stop)
            return server

        yield serve


@pytest.fixture(scope="module")
def visit():
    """Somebody new at a server; the cookies of one are not those of another."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(Visitor(server.origin("127.0.0.1")))
