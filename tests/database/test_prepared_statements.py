"""Prepared statements, which two options of Django's switch on: what they need, what they cost, and what breaks them.

``FASTAUTH_TEST_DATABASE=postgres-prepared`` runs the whole suite with them; ``tests/database/test_other_databases.py``
takes the races and people's ways through them, also in Django's pool and behind PgBouncer.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from fastauth_django.models import AuthSession
from tests.database.crowd import new_session
from tests.database.processes import app_on, migrate, migrated_postgres, query
from tests.databases import PgBouncer, PostgreSQL, Prepared, PreparedPgBouncer
from tests.documentation.pages import page
from tests.factories import PASSWORD, make_account, sign_up_data
from tests.missing import cannot_run
from tests.rotation.people import Person

RUN = os.environ.get("FASTAUTH_TEST_DATABASE", "sqlite")
SESSIONS, USERS = AuthSession._meta.db_table, get_user_model()._meta.db_table

SCALING = page("docs/scaling.md")
[OPTIONS] = SCALING.take("python", under="Prepared statements")
[END_CONNECTIONS] = SCALING.take("sql")

pytestmark = [pytest.mark.slow, pytest.mark.database]
on_prepared = pytest.mark.skipif(RUN != "postgres-prepared", reason="a run on postgres-prepared does it")


def test_options_of_the_page_are_those_that_are_tested():
    settings: dict[str, Any] = {"DATABASES": {"default": {}}}
    exec(OPTIONS.code, settings)  # noqa: S102

    assert settings["DATABASES"]["default"]["OPTIONS"] == Prepared.options


# --- What the server keeps ------------------------------------------------------------------------------------------


def ask(sql: str) -> list[tuple[Any, ...]]:
    """What the run's connection answers, without preparing it."""
    connection.ensure_connection()
    cursor = connection.connection.execute(sql, prepare=False)
    return cursor.fetchall() if cursor.description else []


@pytest.fixture
def _many_sessions(transactional_db) -> None:
    """As many as make a walk through the table dearer than its key."""
    now = timezone.now()
    times = {"created_at": now, "rotated_at": now, "expires_at": now + timedelta(days=30)}
    users = [make_account(f"person{number}").user for number in range(200)]
    AuthSession.objects.bulk_create(AuthSession(user=user, **times) for user in users for _device in range(50))
    ask(f"ANALYZE {SESSIONS}, {USERS}")


def live_a_day(number: int) -> None:
    """Every operation, once."""
    account = make_account(f"ada{number}")
    browser, phone = new_session(account), new_session(account)
    assert browser.get("/private").status_code == 200
    assert browser.refresh().status_code == 200
    assert browser.get("/private").status_code == 200
    assert len(browser.get("/auth/sessions").json()) == 2
    change = {"current_password": PASSWORD, "new_password": "another horse, battery 8"}
    assert browser.post("/auth/account/change-password", change, format="json").status_code == 200
    assert phone.get("/private").status_code == 401
    assert browser.post("/auth/logout").status_code == 200
    call_command("clear_auth_sessions", verbosity=0)


@on_prepared
@pytest.mark.usefixtures("_many_sessions")
def test_plans_that_are_kept_find_sessions_by_an_index():
    """A generic plan knows no values. It must not walk through the table for all that."""
    for number in range(7):  # PostgreSQL plans the first five for their values.
        live_a_day(number)
    kept = ask(
        "SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements WHERE generic_plans > 0"
    )
    about_sessions = [
        each for each in kept if SESSIONS in each[1] and each[1].startswith(("SELECT", "UPDATE", "DELETE"))
    ]

    ask("SET plan_cache_mode = force_generic_plan")
    plans = {
        statement: "\n".join(
            line for (line,) in ask(f'EXPLAIN EXECUTE "{name}"' + (f"({', '.join(['NULL'] * count)})" if count else ""))
        )
        for name, statement, count in about_sessions
    }
    connection.close()

    assert any("INNER JOIN" in statement for statement in plans), (
        "the query of a protected request is planned each time"
    )
    assert len(plans) > 4
    walking = [statement for statement, plan in plans.items() if f"Seq Scan on {SESSIONS}" in plan]
    assert walking == []


# --- A migration while the site serves --------------------------------------------------------------------------------


class Persistent(Prepared):
    """With connections that are kept, as the page on scaling has them."""

    def connection_settings(self) -> dict[str, Any]:
        return {**super().connection_settings(), "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    with migrated_postgres(Persistent) as server:
        yield server


@pytest.fixture
def person(server) -> Iterator[Person]:
    """Somebody whose requests the server's one connection has prepared."""
    with app_on(server) as port:
        person = Person(port)
        assert person.request("POST", "/auth/register", sign_up_data("ada")) == 201
        assert statuses(person, 7) == [200] * 7
        yield person


def statuses(person: Person, requests: int) -> list[int]:
    return [person.request("GET", "/private") for _request in range(requests)]


def alter(server: PostgreSQL, sql: str) -> None:
    query(server, f"ALTER TABLE {SESSIONS} {sql}", database="fastauth")


def test_column_that_a_migration_adds_or_drops_disturbs_nobody(server, person):
    alter(server, "ADD COLUMN note varchar(20) NOT NULL DEFAULT ''")
    assert statuses(person, 2) == [200, 200]
    alter(server, "DROP COLUMN note")
    assert statuses(person, 2) == [200, 200]


def test_column_whose_type_a_migration_changes_fails_requests_until_the_connection_is_new(server, person):
    """ "cached plan must not change result type": the driver keeps the statement, and uses it again and again."""
    alter(server, "ALTER COLUMN user_agent TYPE varchar(600)")
    assert statuses(person, 3) == [500] * 3

    query(server, END_CONNECTIONS.code, database="fastauth")

    assert statuses(person, 2) == [200, 200]


# --- PgBouncer in transaction mode ------------------------------------------------------------------------------------


class ForgetfulPgBouncer(Prepared, PgBouncer):
    """As it was before it knew prepared statements, and as ``max_prepared_statements = 0`` makes it."""

    def __init__(self) -> None:
        super().__init__()
        if self.version() >= (1, 21):
            self.more_configuration = "max_prepared_statements = 0\n"


@pytest.fixture
def bouncer(request) -> Iterator[PgBouncer]:
    if RUN != "sqlite":
        pytest.skip("brings servers of its own, so one run is enough")
    if lack := request.param.missing():
        cannot_run(lack)
    if request.param is PreparedPgBouncer and PgBouncer.version() < PreparedPgBouncer.since:
        pytest.skip("this PgBouncer does not know prepared statements")
    server = request.param()
    server.install()
    server.start()
    try:
        migrate(server.postgres)
        yield server
    finally:
        server.stop()
        server.postgres.stop()


@pytest.mark.parametrize("bouncer", [ForgetfulPgBouncer], indirect=True)
def test_prepared_statements_fail_behind_a_pgbouncer_that_forgets_them(bouncer):
    with app_on(bouncer) as port:
        person = Person(port)
        assert person.request("POST", "/auth/register", sign_up_data("ada")) == 201
        assert statuses(person, 3) == [500] * 3


def swap(server: PgBouncer) -> list[Any]:
    """Two connections whose first statements have the same name, before and after each got the other's server."""
    import psycopg

    address = {"host": "127.0.0.1", "port": server.port, "user": server.user, "dbname": "fastauth"}
    with (
        psycopg.connect(**address, prepare_threshold=0) as one,
        psycopg.connect(**address, prepare_threshold=0) as other,
    ):
        answers = []
        for _transaction in range(2):
            answers += [one.execute("SELECT 'one'").fetchone()[0], other.execute("SELECT 'other'").fetchone()[0]]
            one.commit()
            other.commit()
    return answers


@pytest.mark.parametrize("bouncer", [ForgetfulPgBouncer], indirect=True)
def test_pgbouncer_that_forgets_gives_one_connection_the_answer_to_anothers_question(bouncer):
    assert swap(bouncer) != ["one", "other", "one", "other"]


@pytest.mark.parametrize("bouncer", [PreparedPgBouncer], indirect=True)
def test_pgbouncer_that_knows_prepared_statements_gives_everybody_their_own(bouncer):
    assert swap(bouncer) == ["one", "other", "one", "other"]
