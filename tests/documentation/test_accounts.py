"""docs/accounts.md: the serializers and views that it shows, in a project."""

import pytest

from tests.documentation.pages import page
from tests.documentation.test_user_models import PASSWORD, statuses, visit

pytestmark = pytest.mark.slow

PAGE = page("docs/accounts.md")
RESET, RESET_URLS = PAGE.take("python", under="Password reset by e-mail")
[MAIL] = PAGE.take("text", under="Password reset by e-mail")
VERIFY, VERIFY_SETTING, VERIFY_URLS = PAGE.take("python", under="E-mail verification before the first sign-in")
SIGN_UP, SIGN_UP_SETTING = PAGE.take("python", under="More fields at sign-up")
[NAME_ONLY] = PAGE.take("python", under="Sign-up without an e-mail address")
PROFILE, PROFILE_URLS, PROFILE_SETTING = PAGE.take("python", under="The user's details")

#: What a visitor does with the mails that were sent.
MAILS = 'EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"\n'
READ = "import re\nfrom django.core import mail\nmail.outbox = []\n"


def written(project, module, block):
    (project.directory / "mysite" / f"{module}.py").write_text(block.code)


def test_forgotten_password_is_reset_once_and_ends_every_session(make_project):
    project = make_project(f'{MAILS}TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]\n')
    written(project, "passwords", RESET)
    (project.directory / "templates").mkdir()
    (project.directory / "templates/reset_mail.txt").write_text(MAIL.code)
    project.append(project.urls, RESET_URLS.code)

    answers = visit(
        project,
        READ
        + """
from django.contrib.auth.models import User

register(username="ada", email="ada@example.com")
post("/account/forgotten", email="nobody@example.com")
post("/account/forgotten", email="no address")
post("/account/forgotten", email="Ada@example.com")
client.defaults["HTTP_X_FORWARDED_FOR"] = "203.0.113.9"
post("/account/forgotten", email="ada@example.com")
[sent] = mail.outbox
uid, token = re.search(r"https://app.example.com/reset#uid=(.+)&token=(.+)", sent.body).groups()

def reset(uid, token, password="another horse battery"):
    post("/account/reset", uid=uid, token=token, new_password=password)

reset(uid, "x" + token)
reset("garbage", token)
reset(uid, token, "123")
User.objects.update(is_active=False)
reset(uid, token)
User.objects.update(is_active=True)
answers.append([client.get("/auth/me").status_code, {}])
reset(uid, token)
answers.append([client.get("/auth/me").status_code, {}])
reset(uid, token)
login("ada")
login("ada", "another horse battery")
""",
    )

    assert statuses(answers) == [201, 200, 400, 200, 200, 400, 400, 400, 400, 200, 200, 401, 400, 401, 200]
    assert answers[1] == answers[3] == answers[4]
    assert [list(body) for _status, body in answers[5:9]] == [["token"], ["token"], ["new_password"], ["token"]]


def test_account_is_activated_by_code_and_password(make_project):
    project = make_project(MAILS)
    written(project, "verification", VERIFY)
    project.append(project.settings, VERIFY_SETTING.code)
    project.append(project.urls, f"from django.urls import path\n{VERIFY_URLS.code}")

    answers = visit(
        project,
        READ
        + f"""
from django.contrib.auth.models import User

register(username="ada", email="ada@example.com")
[sent] = mail.outbox
code = sent.body.removeprefix("Your code: ")

def activate(code, password="{PASSWORD}"):
    post("/account/activate", code=code, password=password)

login("ada")
post("/account/new-code", email="nobody@example.com")
post("/account/new-code", email="Ada@example.com")
[_sent, again] = mail.outbox
code = again.body.removeprefix("Your code: ")
activate("x" + code)
activate(code, "the owner's click on a stranger's code")
activate(code)
answers.append([client.get("/auth/me").status_code, {{}}])
activate(code)
User.objects.update(is_active=False)
activate(code)
post("/account/new-code", email="ada@example.com")
answers.append([len(mail.outbox), {{}}])
login("ada")
""",
    )

    assert statuses(answers) == [201, 401, 200, 200, 400, 400, 200, 200, 400, 400, 200, 2, 401]
    assert answers[2] == answers[3]
    assert "user" in answers[0][1]
    assert "expires_in" not in answers[0][1]


def test_sign_up_asks_for_more(make_project):
    project = make_project()
    written(project, "sign_up", SIGN_UP)
    project.append(project.settings, SIGN_UP_SETTING.code)

    answers = visit(
        project,
        """
from django.contrib.auth.models import User
ada = {"username": "ada", "email": "ada@example.com", "first_name": "Ada"}
register(**ada)
register(**ada, terms=False)
register(**ada, terms=True)
answers.append([User.objects.get().first_name, {}])
""",
    )

    assert statuses(answers) == [400, 400, 201, "Ada"]
    assert [list(body) for _status, body in answers[:2]] == [["terms"], ["terms"]]


def test_sign_up_asks_for_no_address(make_project):
    project = make_project('FASTAUTH["REGISTER_SERIALIZER"] = "mysite.sign_up.NameOnlySerializer"\n')
    written(project, "sign_up", NAME_ONLY)

    assert statuses(visit(project, 'register(username="ada")\nregister(username="ada")')) == [201, 409]


def test_user_changes_their_own_name_and_nothing_else(make_project):
    project = make_project()
    written(project, "profile", PROFILE)
    project.append(project.settings, PROFILE_SETTING.code)
    project.append(project.urls, f"from django.urls import path\n{PROFILE_URLS.code}")

    answers = visit(
        project,
        """
def patch(**headers):
    body = json.dumps({"first_name": "Ada", "email": "stranger@example.com", "is_staff": True})
    answer = client.patch("/account/profile", body, "application/json", headers=headers)
    answers.append([answer.status_code, answer.json()])

patch()
register(username="ada", email="ada@example.com")
patch(origin="https://evil.example")
patch()
""",
    )

    assert statuses(answers) == [401, 201, 403, 200]
    assert answers[1][1]["user"]["first_name"] == ""
    assert answers[3][1] == {**answers[1][1]["user"], "first_name": "Ada"}
