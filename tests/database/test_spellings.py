"""One account under many names: which those are, the database decides, by the collation of the column."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from tests.factories import identifier_for, make_account
from tests.test_throttling import find_whatever_the_case, guess

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

NAME = "strasse7"
ALIKE = [
    "STRASSE7",
    "stra\N{LATIN SMALL LETTER SHARP S}e7",
    "str\N{LATIN SMALL LETTER A WITH ACUTE}sse7",
    "strasse\N{ARABIC-INDIC DIGIT SEVEN}",
    "strasse\N{DEVANAGARI DIGIT SEVEN}",
    "\N{FULLWIDTH LATIN SMALL LETTER S}trasse7",
]
ALIKE_BUT_FOR_CASE = ["STRASSE7", "Strasse7", "sTRASSE7", "strassE7", "STRAsse7", "strASSE7"]

MARIADB = "ALTER TABLE {table} MODIFY {column} varchar({length}) CHARACTER SET utf8mb4 COLLATE {collation} NOT NULL"
POSTGRESQL = "ALTER TABLE {table} ALTER COLUMN {column} TYPE varchar({length}) COLLATE {collation}"


@pytest.fixture
def spellings(monkeypatch):
    """Names that the database takes for one: the column ignores case and accents. On SQLite the manager does, case."""
    users = get_user_model()
    field = users._meta.get_field(users.USERNAME_FIELD)
    if connection.vendor == "sqlite":
        find_whatever_the_case(monkeypatch)
        yield ALIKE_BUT_FOR_CASE
        return
    names = {"table": users._meta.db_table, "column": field.column, "length": field.max_length}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            change, collation, before = POSTGRESQL, "look_alike", '"default"'
            cursor.execute(
                "CREATE COLLATION IF NOT EXISTS look_alike"
                " (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
            )
            # PostgreSQL has no index for LIKE with such a collation.
            cursor.execute(
                "SELECT indexname FROM pg_indexes WHERE tablename = %s AND indexdef LIKE %s",
                [names["table"], "%pattern_ops%"],
            )
            for [index] in cursor.fetchall():
                cursor.execute(f"DROP INDEX {index}")
        else:
            change, collation, before = MARIADB, "utf8mb4_uca1400_ai_ci", "utf8mb4_general_ci"
        cursor.execute(change.format(**names, collation=collation))
        yield ALIKE
        users._default_manager.all().delete()
        cursor.execute(change.format(**names, collation=before))


def test_no_spelling_is_a_sixth_guess(clock, spellings):
    account = make_account(NAME)
    password = account.credentials["password"]
    *first, last = [identifier_for(spelling) for spelling in spellings]

    assert [guess(spelling).status_code for spelling in first] == [401] * 5
    assert guess(last, password=password).status_code == 401

    clock.shift(timedelta(minutes=6))
    for spelling in (*first, last):
        assert guess(spelling, password=password).status_code == 200, "the database takes it for the account"


def test_twin_that_the_database_takes_for_another_resets_no_count(clock):
    victim = make_account("victim").credentials
    twin = make_account("victim2").credentials
    identifier = get_user_model().USERNAME_FIELD

    for _round in range(5):
        assert guess(victim[identifier]).status_code == 401
        assert guess(twin[identifier], password=twin["password"]).status_code == 200

    assert guess(victim[identifier], password=victim["password"]).status_code == 429
