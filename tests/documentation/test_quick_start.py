"""README.md and docs/quickstart.md, followed literally from an empty directory on."""

import re

import pytest

from tests.documentation.pages import page
from tests.documentation.playing import play
from tests.documentation.project import Project

pytestmark = pytest.mark.slow

README, QUICK_START = page("README.md"), page("docs/quickstart.md")
IN_README = README.take("console", under="Quick start") + README.take("python", under="Quick start")
ON_PAGE = [
    *QUICK_START.take("console", under="Quick start"),
    *QUICK_START.take("python", under="Quick start"),
    *QUICK_START.take("console", under="Try it"),
]
FRONT_PAGE = [*page("docs/index.md").take("console"), *page("docs/index.md").take("python")]
[SET_COOKIE] = QUICK_START.take("text", under="Try it")
[INTO_YOURS] = QUICK_START.take("python", under="Into a project that you have")
[VIEW] = QUICK_START.take("python", under="Your own views")
[JSON_ROUTES] = QUICK_START.take("python", under="Clients without cookies")
SIGN_UP = next(command for block in ON_PAGE for command in block.commands if "/auth/register" in command)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "mysite").mkdir()
    project = Project(tmp_path / "mysite")
    yield project
    project.stop()


@pytest.fixture
def installed(project):
    """The package is in the environment of this run; the wheel has a test of its own."""
    return lambda: project.run("python -c 'import fastauth_django'")


def signs_up_and_out(answers):
    """Whether the four lines with curl did what they are there to show."""
    assert [answer.status for answer in answers] == [201, 200, 200, 200], answers
    register, me, refresh, logout = answers
    assert me.json() == register.json()["user"] == {"id": 1, "username": "ada", "email": "ada@example.com"}
    assert logout.json() == {"message": "Logged out"}
    assert [len(answer.values("Set-Cookie")) for answer in answers] == [2, 0, 2, 2]
    assert not re.search("eyJ", register.body + refresh.body), "a token in a body"


def test_readme_works_as_written(project, installed):
    """The README begins in a project that the reader has."""
    project.start()

    signs_up_and_out(play(project, sorted(IN_README, key=lambda block: block.line), installed))


def test_front_page_works_as_written(project, installed):
    project.start()
    play(project, sorted(FRONT_PAGE, key=lambda block: block.line), installed)

    assert "no issues" in project.run("python manage.py check --fail-level WARNING && python manage.py migrate")


def test_quick_start_works_as_written(project, installed):
    answers = play(project, sorted(ON_PAGE, key=lambda block: block.line), installed)

    signs_up_and_out(answers)
    assert "no issues" in project.run("python manage.py check --fail-level WARNING")
    shown = [re.sub(r"=[\w.-]+; expires=[^;]+;|=ey[\w.-]+;", "=…;", value) for value in answers[0].values("Set-Cookie")]
    assert [f"Set-Cookie: {value}" for value in shown] == SET_COOKIE.code.splitlines()


THEIRS = """
INSTALLED_APPS += ["rest_framework"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
"""


def test_project_that_is_there_keeps_what_it_has(project):
    project.start()
    project.append(project.settings, f"{THEIRS}\n{INTO_YOURS.code}")
    project.append(project.urls, next(block.code for block in ON_PAGE if "urlpatterns" in block.code))

    assert "no issues" in project.run("python manage.py check --fail-level WARNING && python manage.py migrate")
    said = project.run(
        'python manage.py shell --no-imports -c "from rest_framework.settings import api_settings as drf; '
        'print(*(each.__name__ for each in drf.DEFAULT_AUTHENTICATION_CLASSES + drf.DEFAULT_RENDERER_CLASSES))"'
    )
    assert said.strip() == "CookieJWTAuthentication SessionAuthentication JSONRenderer"


def test_view_of_the_page_is_for_who_is_signed_in(make_project):
    project = make_project(
        'REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] = ["rest_framework.permissions.IsAuthenticated"]'
    )
    (project.directory / "mysite/views.py").write_text(VIEW.code)
    project.append(project.urls, 'from mysite.views import Hello\n\nurlpatterns += [path("hello", Hello.as_view())]\n')
    project.runserver()

    before = project.curl("curl -b jar http://127.0.0.1:8000/hello")
    project.curl(SIGN_UP)
    after = project.curl("curl -b jar http://127.0.0.1:8000/hello")

    assert (before.status, after.status) == (401, 200)
    assert after.json() == {"hello": "ada"}


def test_json_routes_of_the_page_serve_a_client_without_cookies(make_project):
    project = make_project()
    project.append(project.urls, JSON_ROUTES.code)
    project.runserver()
    project.curl(SIGN_UP)
    as_json = "-H 'Content-Type: application/json' -d"
    credentials = '{"username": "ada", "password": "correct horse battery"}'

    login = project.curl(f"curl http://127.0.0.1:8000/app/login {as_json} '{credentials}'")
    refresh_token = login.json()["refresh_token"]
    refresh = project.curl(
        f"""curl http://127.0.0.1:8000/app/refresh {as_json} '{{"refresh_token": "{refresh_token}"}}'"""
    )
    bearer = f"-H 'Authorization: Bearer {refresh.json()['access_token']}'"
    me = project.curl(f"curl http://127.0.0.1:8000/auth/me {bearer}")

    assert (login.status, refresh.status, me.status) == (200, 200, 200)
    assert login.values("Set-Cookie") == []
    assert me.json()["username"] == "ada"
