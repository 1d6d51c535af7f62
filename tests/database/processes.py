"""Processes of the app on a PostgreSQL of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.databases import CONNECTION_VARIABLE, PostgreSQL, find
from tests.missing import cannot_run, is_missing

HERE = Path(__file__).parents[2]


@contextmanager
def migrated_postgres(kind: type[PostgreSQL] = PostgreSQL) -> Iterator[PostgreSQL]:
    """A server of its own, with the tables of the suite's settings."""
    if os.environ.get("FASTAUTH_TEST_DATABASE", "sqlite") != "sqlite":
        pytest.skip("brings servers of its own, so one run is enough")
    if lack := PostgreSQL.missing():
        cannot_run(lack)
    if find("initdb") is None or find("postgres") is None:
        is_missing("initdb")
    with kind().serving() as server:
        migrate(server)
        yield server


def migrate(server: PostgreSQL) -> None:
    query(server, "CREATE DATABASE fastauth")
    command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity=0"]
    subprocess.run(command, env=environment(server), cwd=HERE, check=True)


def query(server: PostgreSQL, sql: str, *parameters: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
    import psycopg

    address = {"host": "127.0.0.1", "port": server.port, "user": server.user, "dbname": database}
    with psycopg.connect(**address, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def environment(server: PostgreSQL) -> dict[str, str]:
    settings = {**os.environ, CONNECTION_VARIABLE: json.dumps(server.connection_settings())}
    return {**settings, "DJANGO_SETTINGS_MODULE": "tests.settings"}


@contextmanager
def app_on(server: PostgreSQL, source: Path = HERE) -> Iterator[int]:
    """The port of a process of the app that uses ``server``, and the code of ``source``."""
    command = [sys.executable, "-m", "tests.database.server"]
    variables = {**environment(server), "PYTHONPATH": str(source)}
    process = subprocess.Popen(command, env=variables, cwd=source, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
