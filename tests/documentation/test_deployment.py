"""docs/deployment.md: settings in a project for production, nginx in front of it, and what a timer starts."""

import configparser
import re
import shlex
import shutil
import subprocess

import pytest

from tests.browser.certificate import Authority
from tests.browser.servers import free_port
from tests.documentation.pages import page
from tests.nginx_server import nginx

pytestmark = pytest.mark.slow

DEPLOYMENT = page("docs/deployment.md")
[PROXY] = DEPLOYMENT.take("python", under="Behind a proxy that ends TLS")
[NGINX] = DEPLOYMENT.take("nginx", under="Behind a proxy that ends TLS")
[ADDRESS] = DEPLOYMENT.take("python", under="The client's address")
[CACHE] = DEPLOYMENT.take("python", under="Several hosts")
[LOG] = DEPLOYMENT.take("python", under="What it logs")
[KEYS] = DEPLOYMENT.take("python", under="Changing the key")
[COMMAND] = DEPLOYMENT.take("console", under="Cleaning up")
[CRONTAB] = DEPLOYMENT.take("text", under="Cleaning up")
SERVICE, TIMER = DEPLOYMENT.take("ini", under="Cleaning up")
HOST_NAMES, RENAMING, FORMER = DEPLOYMENT.take("python", under="Cookie names")
[CORS] = DEPLOYMENT.take("python", under="Front ends on another origin")

NO_LOG = 'LOGGING = {"version": 1, "loggers": {"fastauth_django": {"level": "CRITICAL"}}}\n'
SIGNED_IN = {"register": 201, "login": 200, "me": 200, "refresh": 200, "sessions": 200, "logout": 200}
PRODUCTION = f"DEBUG = False\n{PROXY.code}"


def test_names_with_host_prefix_are_set(make_project):
    result = make_project(PRODUCTION + HOST_NAMES.code).probe()

    assert (result["complaints"], result["statuses"]) == ("", SIGNED_IN)
    names = [cookie.partition("=")[0] for cookie in result["login"]["cookies"]]
    assert names == ["__Host-access_token", "__Host-refresh_token"]


def test_renaming_signs_nobody_out(make_project):
    project = make_project(re.sub(r"date\(.+\)", "date.max", RENAMING.code))
    blue_then_green = (
        "from django.test import Client, override_settings; client = Client(SERVER_NAME='localhost');"
        "blue = override_settings(FASTAUTH={'TOKEN_DELIVERY': 'cookie'}); blue.enable();"
        "client.post('/auth/register', {'username': 'ada', 'email': 'ada@example.com',"
        " 'password': 'correct horse battery'}); blue.disable();"
        "print(*(getattr(client, method)('/auth/' + route).status_code"
        " for method, route in [('get', 'me'), ('post', 'refresh'), ('get', 'me')]))"
    )

    said = project.run(f'python -Wignore manage.py shell --no-imports -c "{blue_then_green}" 2>&1')

    assert "200 200 200" in said


def test_former_cookie_is_cleared(make_project):
    result = make_project(PRODUCTION + FORMER.code).probe()

    assert (result["complaints"], result["statuses"]) == ("", SIGNED_IN)
    cleared = [cookie for cookie in result["login"]["cookies"] if "Max-Age=0" in cookie]
    assert ["Partitioned" in cookie for cookie in cleared] == [False, True]
    assert all(re.match(r'refresh_token="?"?;.*Domain=example.com;.*Path=/auth/', cookie) for cookie in cleared)


def test_front_end_on_another_origin_can_sign_in(make_project):
    result = make_project(PRODUCTION + CORS.code).probe(origin="https://app.example.com")

    assert (result["complaints"], result["statuses"]) == ("", SIGNED_IN)
    assert result["me"]["headers"]["access-control-allow-origin"] == "https://app.example.com"


def test_repeated_refresh_token_is_in_the_log(make_project):
    project = make_project('FASTAUTH = {"TOKEN_DELIVERY": "json"}\n' + LOG.code)
    twice = (
        "from django.test import Client; client = Client(SERVER_NAME='localhost');"
        "pair = client.post('/auth/register', {'username': 'ada', 'email': 'ada@example.com',"
        " 'password': 'correct horse battery'}).json();"
        "refresh = {'path': '/auth/refresh', 'data': {'refresh_token': pair['refresh_token']}};"
        "print(client.post(**refresh).status_code, client.post(**refresh).status_code)"
    )

    said = project.run(f'python -Wignore manage.py shell --no-imports -c "{twice}" 2>&1')

    assert "200 200" in said
    assert "Refresh token repeated (another tab, or a quick retry)" in said
    assert "eyJ" not in said


def test_sign_in_goes_on_while_the_shared_cache_is_away(make_project):
    """No Redis listens here: the settings are read, and what the page says of a cache that is away is true."""
    project = make_project(PRODUCTION + CACHE.code.replace("6379", str(free_port())))
    project.append(project.settings, NO_LOG)

    result = project.probe()

    assert (result["complaints"], result["statuses"]) == ("", SIGNED_IN)


def test_planned_change_of_the_key_keeps_everybody_signed_in(make_project):
    """With the settings of the page, and without its fallback as after a leak."""
    project = make_project()
    project.runserver()
    project.environment |= {"DJANGO_SECRET_KEY": "x" * 50, "DJANGO_FORMER_SECRET_KEY": former_key(project)}
    project.curl(
        "curl -c jar http://127.0.0.1:8000/auth/register -H 'Content-Type: application/json' "
        """-d '{"username": "ada", "email": "ada@example.com", "password": "correct horse battery"}'"""
    )

    project.append(project.settings, f"import os\n{KEYS.code}")
    project.runserver()
    planned = project.curl("curl -b jar http://127.0.0.1:8000/auth/me")
    project.append(project.settings, "SECRET_KEY_FALLBACKS = []\n")
    project.runserver()
    after_a_leak = project.curl("curl -b jar http://127.0.0.1:8000/auth/me")

    assert (planned.status, after_a_leak.status) == (200, 401)


def former_key(project):
    print_it = "from django.conf import settings; print(settings.SECRET_KEY)"
    return project.run(f'python manage.py shell --no-imports -c "{print_it}"').strip()


# --- nginx ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def behind_nginx(make_project, tmp_path):
    """The project of the page behind the nginx of the page; what it answers to curl."""
    project = make_project(PRODUCTION + ADDRESS.code)
    project.runserver()
    port, certificate = free_port(), Authority(tmp_path).certificate
    site = NGINX.code.replace("listen 443", f"listen 127.0.0.1:{port}").replace(":8000", f":{project.port}")
    site = re.sub(r"/etc/ssl/\S+(?=;)", str(certificate), site)

    def curl(path, options=""):
        at = f"--insecure --resolve app.example.com:{port}:127.0.0.1 https://app.example.com:{port}{path}"
        return project.curl(f"curl -b jar -c jar {at} {options.replace('PORT', str(port))}")

    with nginx(tmp_path, site):
        yield curl


SIGN_UP = (
    "-H 'Content-Type: application/json' "
    """-d '{"username": "ada", "email": "ada@example.com", "password": "correct horse battery"}'"""
)


def test_django_behind_nginx_knows_origin_scheme_and_address(behind_nginx):
    own_page = "-H 'Origin: https://app.example.com:PORT'"
    plain_page = "-H 'Origin: http://app.example.com:PORT'"

    refused = behind_nginx("/auth/register", f"{plain_page} {SIGN_UP}")
    register = behind_nginx("/auth/register", f"{own_page} {SIGN_UP} -H 'X-Forwarded-For: 203.0.113.9'")
    refresh = behind_nginx("/auth/refresh", f"{own_page} -X POST")
    sessions = behind_nginx("/auth/sessions")

    assert (refused.status, register.status, refresh.status) == (403, 201, 200)
    assert ["Secure" in cookie for cookie in register.values("Set-Cookie")] == [True, True]
    assert [session["ip_address"] for session in sessions.json()] == ["127.0.0.1"], "the header of the client counted"


# --- Cleaning up ---------------------------------------------------------------------------------------------------


def started_by_systemd():
    service = configparser.ConfigParser(interpolation=None)
    service.optionxform = str
    service.read_string(SERVICE.code)
    return f"cd {service['Service']['WorkingDirectory']} && {service['Service']['ExecStart']}"


LEAVE_A_DEAD_SESSION = (
    "from datetime import datetime as D, UTC; from django.contrib.auth.models import User;"
    "from fastauth_django.models import AuthSession as A; day = D(2026, 1, 1, tzinfo=UTC);"
    "A.objects.create(user=User.objects.create_user('ada'), created_at=day, rotated_at=day, expires_at=day)"
)


def test_dead_sessions_are_deleted_by_each_of_the_commands(make_project, tmp_path):
    project = make_project()
    project.run(f'python manage.py shell --no-imports -c "{LEAVE_A_DEAD_SESSION}"')
    database = project.directory / "db.sqlite3"
    with_dead_session = shutil.copy(database, tmp_path)
    by_cron = CRONTAB.code.strip().split(maxsplit=5)[5]

    for command in [*COMMAND.commands, by_cron, started_by_systemd()]:
        shutil.copy(with_dead_session, database)
        command = command.replace("/srv/mysite/.venv/bin/python", shlex.quote(project.python))
        said = project.run(command.replace("/srv/mysite", shlex.quote(str(project.directory))))
        assert said == "Deleted 1 session.\n", command


def test_units_are_what_systemd_reads(tmp_path):
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is missing")  # the command that the unit starts is run above
    for name, unit in [("clear-auth-sessions.service", SERVICE), ("clear-auth-sessions.timer", TIMER)]:
        code = re.sub(r"^(User|WorkingDirectory)=.*\n", "", unit.code, flags=re.MULTILINE)
        (tmp_path / name).write_text(code.replace("/srv/mysite/.venv/bin/python", "/bin/true"))

    done = subprocess.run(
        [verify, "verify", str(tmp_path / "clear-auth-sessions.service"), str(tmp_path / "clear-auth-sessions.timer")],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
