"""The project that the quick start makes, in a browser whose owner has an account there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.engines import Profile
from tests.documentation.playing import QUICK_HASHER, after_quick_start
from tests.documentation.project import Project

SIGN_UP = """async () => {
    const body = JSON.stringify({username: "ada", email: "ada@example.com", password: "correct horse battery"});
    await fetch("/auth/register", {method: "POST", headers: {"Content-Type": "application/json"}, body});
    return (await fetch("/auth/logout", {method: "POST"})).status;
}"""


@contextmanager
def quick_start(directory: Path, urls: str) -> Iterator[Project]:
    """The project, with more ``urls``, on a server."""
    project = after_quick_start(directory / "mysite")
    project.append(project.settings, QUICK_HASHER)
    project.append(project.urls, urls)
    project.runserver()
    yield project
    project.stop()


def open_signed_out(profile: Profile, project: Project) -> Any:
    """A page of the project. The owner of the browser has an account, and is signed out."""
    tab = profile.open(f"http://127.0.0.1:{project.port}/admin/login/")
    assert tab.run(SIGN_UP) == 200
    return tab
