"""docs/user-models.md: the manager, the serializer and the view that it shows, in a project."""

import json

import pytest

from tests.documentation.pages import page

pytestmark = pytest.mark.slow

PAGE = page("docs/user-models.md")
[ANY_CASE] = PAGE.take("python", under="Capitals")
NAME_OR_EMAIL, SETTING = PAGE.take("python", under="Name or e-mail address")
[FIRST_PASSWORD] = PAGE.take("python", under="The first password")

PASSWORD = "correct horse battery"
#: Posts a body to a path, with the cookies of before, and prints what was answered.
VISITOR = f"""
import json
from django.test import Client
client = Client(SERVER_NAME="localhost")
answers = []

def post(path, **body):
    answer = client.post(path, json.dumps(body), "application/json")
    answers.append([answer.status_code, answer.json()])

def register(**body):
    post("/auth/register", password="{PASSWORD}", **body)

def login(username, password="{PASSWORD}"):
    post("/auth/login", username=username, password=password)
"""


def visit(project, acts):
    """What a visitor was answered who does ``acts``, as status and body."""
    (project.directory / "visit.py").write_text(f"{VISITOR}\n{acts}\nprint(json.dumps(answers))\n")
    said = project.run("python -Wignore manage.py shell --no-imports -c \"exec(open('visit.py').read())\"")
    return json.loads(said.splitlines()[-1])


def statuses(answers):
    return [status for status, _body in answers]


def test_names_are_found_in_any_case(make_project):
    project = make_project(
        'INSTALLED_APPS += ["accounts"]\nAUTH_USER_MODEL = "accounts.User"\n'
        'DATABASES["default"]["NAME"] = BASE_DIR / "accounts.sqlite3"\n'
    )
    (project.directory / "accounts/migrations").mkdir(parents=True)
    for module in ("__init__.py", "migrations/__init__.py"):
        (project.directory / "accounts" / module).touch()
    (project.directory / "accounts/models.py").write_text(ANY_CASE.code)
    project.run("python manage.py makemigrations accounts && python manage.py migrate")
    assert "no issues" in project.run("python manage.py check --fail-level WARNING")

    answers = visit(
        project,
        """
register(username="Ada", email="ada@example.com")
register(username="ADA", email="stranger@example.com")
login("ada")
login("aDa")
login("aDa", "wrong")
""",
    )

    assert statuses(answers) == [201, 409, 200, 200, 401]


def test_name_or_address_signs_in_and_both_are_counted(make_project):
    project = make_project()
    (project.directory / "mysite/sign_in.py").write_text(NAME_OR_EMAIL.code)
    project.append(project.settings, SETTING.code)

    answers = visit(
        project,
        """
register(username="ada", email="ada@example.com")
register(username="ada@example.com", email="stranger@example.com")
login("ada")
login("Ada@Example.com")
login("nobody@example.com")
register(username="twin", email="ada@example.com")
login("ADA@example.com", "wrong")
login("ada@EXAMPLE.com")
""",
    )

    assert statuses(answers) == [201, 201, 200, 200, 401, 201, 401, 200]
    assert [body.get("user", {}).get("username") for _status, body in answers[2:4]] == ["ada", "ada"]
    assert answers[-1][1]["user"]["username"] == "ada@example.com"  # The address is of two accounts now: a name again.


def test_first_password_is_set_once_and_soon_after_the_sign_in(make_project):
    project = make_project()
    (project.directory / "mysite/views.py").write_text(FIRST_PASSWORD.code)
    project.append(
        project.urls,
        "from mysite.views import FirstPasswordView\n\n"
        'urlpatterns += [path("first-password", FirstPasswordView.as_view())]\n',
    )

    answers = visit(
        project,
        f"""
from datetime import timedelta
from django.contrib.auth.models import User
from fastauth_django.models import AuthSession

def set_password(password):
    post("/first-password", new_password=password)

set_password("another horse battery")
register(username="ada", email="ada@example.com")
user = User.objects.get()
user.set_unusable_password()
user.save()
session = AuthSession.objects.get()
session.auth_hash = user.get_session_auth_hash()
session.save()
set_password("123")
AuthSession.objects.update(created_at=session.created_at - timedelta(minutes=11))
set_password("another horse battery")
AuthSession.objects.update(created_at=session.created_at)
set_password("another horse battery")
answers.append([client.get("/auth/me").status_code, {{}}])
set_password("{PASSWORD}")
login("ada", "another horse battery")
""",
    )

    assert statuses(answers) == [401, 201, 400, 403, 200, 200, 403, 200]
    assert list(answers[2][1]) == ["new_password"]
