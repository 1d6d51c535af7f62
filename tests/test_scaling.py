"""The load generator sees what goes wrong, and the runs of docs/scaling.md work, in miniature. Nothing is timed."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from argparse import Namespace
from contextlib import ExitStack

import pytest
from django.contrib.auth.models import update_last_login
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.tokens import default_token_generator

from tests.browser.certificate import Authority
from tests.browser.servers import Server, migrate
from tests.databases import PostgreSQL
from tests.documentation.pages import page
from tests.missing import cannot_run, is_missing, need

need("benchmarks", source="the repository")
from benchmarks.pages import ROOT  # noqa: E402
from benchmarks.scale import failover  # noqa: E402
from benchmarks.scale.servers import missing  # noqa: E402

pytestmark = pytest.mark.slow

SCALING = page("docs/scaling.md")
[SETTINGS] = SCALING.take("python", under="Settings")
[FAILOVER_SETTINGS] = SCALING.take("python", under="A failover")
[WITHOUT_LAST_LOGIN] = SCALING.take("python", under="Cities apart")
[SYNCHRONOUS] = SCALING.take("ini")
PLANS = SCALING.take("text")
COMMANDS = SCALING.take("console")
PEOPLE = 20
#: The same server, whatever the run's own database is.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "benchmarks.scale.settings",
    "PYTHONPATH": f"{ROOT}:{ROOT / 'example_project'}",
    "DEBUG": "0",
    "SECRET_KEY": "for this test only, and long enough for HS256",
    "ALLOWED_HOSTS": ".example.test",
    "COOKIE_NAME_ACCESS": "access_token",
    "COOKIE_NAME_REFRESH": "refresh_token",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A database with the accounts of the people."""
    need("whitenoise", "dj_database_url")
    database = tmp_path_factory.mktemp("scaling") / "template.sqlite3"
    environment = {**ENVIRONMENT, "DATABASE_URL": f"sqlite:///{database}"}
    migrate(environment)
    command = [sys.executable, "-m", "benchmarks.scale.people", str(PEOPLE)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)
    return database


@pytest.fixture
def serve(template, tmp_path):
    """``serve()`` starts the example over TLS; ``serve(port=…)`` starts it again on the same database."""
    database = shutil.copy(template, tmp_path / "db.sqlite3")
    certificate = Authority(tmp_path).certificate
    environment = {**ENVIRONMENT, "DATABASE_URL": f"sqlite:///{database}?timeout=30"}
    with ExitStack() as stack:

        def serve(port=0):
            server = Server(tmp_path, environment, database, certificate, port)
            stack.callback(lambda: server.process.stdin.closed or server.stop())
            return server

        yield serve


class Load:
    """The load generator, in a process of its own. Everybody is signed in when it is made."""

    def __init__(self, server, seconds=2):
        options = [f"--people={PEOPLE}", f"--seconds={seconds}", "--threads=4", "--strict"]
        command = [sys.executable, "-m", "benchmarks.scale.load", server.origin("app.example.test"), *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert json.loads(self.process.stdout.readline()) == {"signed in": PEOPLE}

    def result(self):
        *_, last = self.process.communicate(timeout=300)[0].splitlines()
        return json.loads(last)


def acts_of(violations):
    return {violation["act"] for violation in violations}


def test_people_find_nothing_wrong(serve):
    result = Load(serve()).result()

    assert (result["failures"], result["violations"], result["errors"]) == ([], [], [])
    counts = result["counts"]
    assert counts["verified signed in"] == result["signed in"] > 0
    assert counts["verified signed in"] + counts.get("verified signed out", 0) == PEOPLE
    assert counts["ended elsewhere"] > 0
    assert {"read", "refresh", "sign in", "two tabs"} <= set(result["acts"])


def test_load_notices_who_was_signed_out(serve):
    server = serve()
    load = Load(server)
    with sqlite3.connect(server.database, timeout=30) as database:
        database.execute("UPDATE fastauth_django_authsession SET revoked_at = created_at")

    violations = load.result()["violations"]

    assert {"read", "refresh"} & acts_of(violations)
    assert {violation["status"] for violation in violations} <= {401, 404}


def test_load_notices_who_is_let_in_after_signing_out(serve):
    """On a database that forgets every revocation."""
    server = serve()
    with sqlite3.connect(server.database, timeout=30) as database:
        database.execute(
            "CREATE TRIGGER forget AFTER UPDATE OF revoked_at ON fastauth_django_authsession BEGIN "
            "UPDATE fastauth_django_authsession SET revoked_at = NULL, revoked_reason = '' WHERE id = NEW.id; END"
        )

    acts = acts_of(Load(server, seconds=6).result()["violations"])

    assert {"read after signing out", "the phone after"} <= acts


def test_server_that_was_away_costs_requests_and_nobody_a_session(serve):
    server = serve()
    load = Load(server, seconds=3)
    server.process.kill()
    server.stop()
    serve(port=server.port)

    result = load.result()

    assert result["failures"]
    assert (result["violations"], result["errors"]) == ([], [])
    assert result["counts"]["verified signed in"] == result["signed in"] > 0


# --- The runs of the page ------------------------------------------------------------------------------------------


def run(*command):
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def shape_of(plan):
    """The nodes of a query's plan, without what it cost."""
    return re.findall(r"(Nested Loop|Update on \S+|Index Scan using \S+)", plan)


def test_settings_of_the_page_are_those_that_are_run():
    """The run below has PostgreSQL and Redis restarted under them."""
    of_page = {}
    exec(SETTINGS.code, of_page)  # noqa: S102
    program = (
        "import json; from django.conf import settings as s;"
        "print(json.dumps({'DATABASES': s.DATABASES, 'CACHES': s.CACHES}, default=str))"
    )
    servers = {"DATABASE_URL": "postgres:///mysite", "CONN_MAX_AGE": "600", "REDIS_URL": "redis://127.0.0.1:6379"}

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, **servers},
        capture_output=True,
        text=True,
        check=True,
    )

    run_with = json.loads(done.stdout)
    assert of_page["DATABASES"]["default"].items() <= run_with["DATABASES"]["default"].items()
    assert of_page["CACHES"] == run_with["CACHES"]


@pytest.mark.database
def test_deployment_under_load_loses_nobody(tmp_path):
    """The whole of ``./scripts/scale``: several workers behind nginx, the peer, and every misfortune."""
    need("gunicorn", "dj_rest_auth", "redis", "psycopg")
    if packages := missing():
        is_missing(" and ".join(packages))
    options = ["--people=40", "--workers=2", "--seconds=6"]

    done = run(sys.executable, "-m", "benchmarks.scale", *options, f"--json={tmp_path / 'seen.json'}")

    assert done.stderr.splitlines()[-1] == "Nobody was signed out who should not be, and nobody let in."
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert [event["name"] for event in seen["chaos"]["events"]] == [
        "a worker killed",
        "PostgreSQL restarted",
        "Redis stopped and started",
        "Redis hangs",
    ]
    assert seen["chaos"]["failures"], "PostgreSQL was away and nobody noticed"
    assert all(result["requests"] for result in seen["compare"].values())


@pytest.mark.database
def test_failover_under_load_signs_nobody_out():
    """The half of ``./scripts/scale --failover`` in which commits wait; test_failover.py has the other one."""
    need("gunicorn", "psycopg")
    if packages := missing():
        is_missing(" and ".join(packages))

    result = failover.fail_over_under_load(Namespace(people=24, workers=2, seconds=5), lag=0)

    assert failover.problems({failover.SYNCHRONOUS: result}) == []
    assert result["counts"]["verified signed in"] == result["signed in"] > 0
    assert result["counts"]["answers lost"]


def test_failover_is_run_with_the_settings_of_the_page():
    of_page = {}
    exec(FAILOVER_SETTINGS.code, of_page)  # noqa: S102

    assert of_page["DATABASES"]["default"]["OPTIONS"] == failover.OPTIONS
    assert SYNCHRONOUS.code.strip() == failover.SYNCHRONOUS_SETTING


@pytest.mark.database
def test_round_trips_are_those_of_the_page(tmp_path):
    if reason := PostgreSQL.missing():
        cannot_run(reason)
    table = SCALING.text.partition("python -m benchmarks.distance --write")[2].partition("<!-- end -->")[0]
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \| \d+ \|$", table, re.MULTILINE)

    run(sys.executable, "-m", "benchmarks.distance", "--round-trip=0", "--json", tmp_path / "seen.json")

    seen = json.loads((tmp_path / "seen.json").read_text())
    assert {name: {trips for trips, _taken in each} for name, each in seen.items()} == {
        name: {int(trips)} for name, trips in rows
    }


@pytest.mark.database
def test_app_of_the_page_saves_last_login_and_links_that_reset_a_password_outlive_a_sign_in(browser, account):
    link = default_token_generator.make_token(account.user)
    of_page = {}
    exec(WITHOUT_LAST_LOGIN.code, of_page)  # noqa: S102
    of_page["AccountsConfig"]("accounts", sys.modules[__name__]).ready()
    try:
        browser.sign_in(account)
    finally:
        user_logged_in.connect(update_last_login, dispatch_uid="update_last_login")

    account.user.refresh_from_db()
    assert account.user.last_login is None
    assert default_token_generator.check_token(account.user, link)


def test_growth_is_measured_and_plans_are_those_of_the_page(tmp_path):
    if reason := PostgreSQL.missing():
        cannot_run(reason)
    options = ["--sessions", 200, 3000, "--dead", 500, "--samples", 20, "--seconds", 1]

    run(sys.executable, "-m", "benchmarks.growth", *options, "--json", tmp_path / "seen.json")

    seen = json.loads((tmp_path / "seen.json").read_text())
    plans = [*seen["sizes"][-1]["plans"].values(), seen["partitions"]["plan"]]
    assert [shape_of(plan) for plan in plans] == [shape_of(block.code) for block in PLANS]
    assert (seen["clearing"]["said"], seen["clearing"]["left"]) == ("Deleted 500 sessions.", 500)
    assert seen["partitions"]["by expiry"].startswith("40001")


@pytest.mark.database
def test_what_memory_does_not_hold_is_read_from_the_disk():
    if reason := PostgreSQL.missing():
        cannot_run(reason)
    options = ["--sessions=20000", "--samples=20", "--megabytes=4"]
    command = [sys.executable, "-m", "benchmarks.growth.beyond_memory", *options]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    if "needs PostgreSQL 16" in done.stderr:
        return  # as Debian's was in 2023
    assert done.returncode == 0, done.stderr
    read = re.findall(r"read from the disk \| ([\d.]+) \| ([\d.]+) \|", done.stdout)
    assert len(read) == 2
    assert all(float(much) < float(little) for much, little in read)


def test_commands_of_the_page_are_there():
    for command in COMMANDS:
        for line in command.commands:
            script, module = re.match(r"(\./\S+)?(?:\.venv/bin/python -m (\S+))?", line).groups()
            path = script or module.replace(".", "/")
            assert any((ROOT / f"{path}{end}").is_file() for end in ("", ".py", "/__main__.py")), line
