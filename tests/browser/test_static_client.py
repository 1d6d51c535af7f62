"""A page of a project whose static files WhiteNoise serves: its import of the client works."""

import pytest

from tests.factories import PASSWORD
from tests.integration.project import Project
from tests.needs import need

pytestmark = pytest.mark.browser


@pytest.fixture
def server(certificate, tmp_path):
    need("whitenoise")
    project = Project(tmp_path / "project").follow("quickstart.md").follow("integrations/static-client.md")
    project.configure("ALLOWED_HOSTS = ['app.example.test']")
    project.manage("collectstatic", "--no-input", "--ignore", "admin", "--ignore", "rest_framework")
    server = project.serve("migrate", users={"ada": PASSWORD}, certificate=certificate)
    yield server
    server.stop()


def test_the_page_signs_in_with_the_client(profile, server):
    tab = profile.open(f"{server.origin('app.example.test')}/")

    user = tab.run("(data) => auth.signIn(data)", {"username": "ada", "password": PASSWORD})

    assert user["username"] == "ada"
    assert {cookie.name for cookie in profile.cookies()} == {"access_token", "refresh_token"}
