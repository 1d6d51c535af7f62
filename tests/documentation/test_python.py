"""docs/python.md: the view, the receiver and the claims that it shows, in a project."""

import base64
import json

import pytest

from tests.documentation.pages import page

pytestmark = pytest.mark.slow

PYTHON = page("docs/python.md")
[INVITATION] = PYTHON.take("python", under="Signing in from your own views")
QUIET, QUIET_SETTING, QUIET_ROUTE = PYTHON.take("python", under="Hiding who has an account")
[RECEIVER] = PYTHON.take("python", under="Writing to the owner")
[CLAIMS] = PYTHON.take("python", under="Claims of your own")


def test_invitation_signs_in_once(make_project):
    project = make_project()
    (project.directory / "mysite/views.py").write_text(INVITATION.code)
    project.append(
        project.urls,
        "from mysite.views import accept_invitation\n\n"
        'urlpatterns += [path("invitations/<str:invitation>", accept_invitation)]\n',
    )
    invitation, to_the_banned = project.run(
        'python manage.py shell --no-imports -c "'
        "from django.contrib.auth.models import User; from mysite.views import invite;"
        "print(invite(User.objects.create_user('grace')), invite(User.objects.create_user('bob', is_active=False)))\""
    ).split()
    project.runserver()

    def post(invitation, *options):
        address = f"http://127.0.0.1:8000/invitations/{invitation}"
        return project.curl(f"curl -b jar -c jar {' '.join(options)} {address}")

    garbage, banned = post("garbage", "-X POST"), post(to_the_banned, "-X POST")
    link = post(invitation)
    forged = post(invitation, "-X POST -H 'Origin: https://evil.example'")
    accepted, again = post(invitation, "-X POST"), post(invitation, "-X POST")
    me = project.curl("curl -b jar http://127.0.0.1:8000/auth/me")

    assert [answer.status for answer in (garbage, banned, link, forged)] == [404, 404, 405, 403]
    assert (accepted.status, again.status) == (200, 404)
    assert (len(accepted.values("Set-Cookie")), again.values("Set-Cookie")) == (2, [])
    assert me.json()["username"] == "grace"


def test_sign_up_tells_nobody_who_has_an_account(make_project):
    project = make_project('EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"\n')
    (project.directory / "mysite/sign_up.py").write_text(QUIET.code)
    project.append(project.settings, QUIET_SETTING.code)
    project.append(project.urls, f"from mysite.sign_up import QuietRegisterView\n\n{QUIET_ROUTE.code}")
    attempts = (
        "from django.test import Client; client = Client(SERVER_NAME='localhost');"
        "grace = {'username': 'grace', 'email': 'grace@example.com', 'password': 'correct horse battery'};"
        # Accepted, and no text, and no address yet.
        "odd = {'username': 'ada', 'email': 'ada@example.com\\n', 'password': 1234567890.25};"
        "answers = [client.post(url, grace) for url in ('/auth/register', '/auth/register', '/auth/register/')];"
        "answers += [client.post('/auth/register', odd, 'application/json') for _ in range(2)];"
        "print([(answer.status_code, answer.json(), dict(answer.cookies)) for answer in answers])"
    )

    said = project.run(f'python -Wignore manage.py shell --no-imports -c "{attempts}"')

    answer = "(202, {'message': 'Please look into your mail.'}, {})"
    assert f"[{', '.join([answer] * 5)}]" in said
    assert said.count("To: grace@example.com") == 3
    assert said.index("Your code: ") < said.index("You have an account already.")


@pytest.mark.parametrize(
    ("user_agent", "advice"), [("", "a browser crashes"), ("Navigator/5.0", "change your password")]
)
def test_receiver_writes_to_the_owner_without_crying_wolf(make_project, user_agent, advice):
    project = make_project(
        'EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"\n'
        'FASTAUTH = {"TOKEN_DELIVERY": "json", "REFRESH_GRACE": 0}\n'
        'LOGGING = {"version": 1, "loggers": {"fastauth_django": {"level": "CRITICAL"}}}\n'
    )
    project.append(project.urls, RECEIVER.code)
    twice = (
        "from django.test import Client; client = Client(SERVER_NAME='localhost');"
        "pair = client.post('/auth/register', {'username': 'ada', 'email': 'ada@example.com',"
        " 'password': 'correct horse battery'}).json();"
        "refresh = {'path': '/auth/refresh', 'data': {'refresh_token': pair['refresh_token']}};"
        f"print(client.post(**refresh).status_code, client.post(**refresh, HTTP_USER_AGENT='{user_agent}').status_code)"
    )

    said = project.run(f'python -Wignore manage.py shell --no-imports -c "{twice}"')

    assert "200 401" in said
    assert "To: ada@example.com" in said
    assert advice in said


def test_claims_are_in_the_access_token(make_project):
    project = make_project('FASTAUTH = {"TOKEN_DELIVERY": "json", "TOKEN_CLAIMS": "mysite.claims.claims"}\n')
    (project.directory / "mysite/claims.py").write_text(CLAIMS.code)

    result = project.probe()

    _head, payload, _signature = result["login"]["body"]["access_token"].split(".")
    assert json.loads(base64.urlsafe_b64decode(payload + "=="))["staff"] is False
