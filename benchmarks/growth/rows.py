"""Sessions by the million, made by PostgreSQL itself. Every one of them could be used: its tokens are good.

Session number ``n`` belongs to user number ``n / 2``, and both ids are functions of the number. They started one after
the other in the past 29 days, so the table and its key are in the order that life would have given them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from benchmarks.scale.people import PASSWORD

SPAN = timedelta(days=29)
SESSIONS, USERS = "fastauth_django_authsession", "accounts_user"
USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)


class Rows:
    """Fills the two tables through ``connection``, up to ``largest`` sessions."""

    def __init__(self, connection: Any, largest: int) -> None:
        self.connection = connection
        self.number = 0
        self.begin: datetime = timezone.now().replace(microsecond=0) - SPAN
        self.step = SPAN / max(largest, 1)  # between two sign-ins
        self.password = make_password(PASSWORD)
        # It is a function of the password alone, so all of them have the same.
        self.auth_hash = get_user_model()(password=self.password).get_session_auth_hash()
        milliseconds = int(self.begin.timestamp() * 1000)
        connection.execute(f"""
            CREATE OR REPLACE FUNCTION session_id(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
                SELECT (lpad(to_hex({milliseconds} + (n * {self.step / timedelta(milliseconds=1)})::bigint), 12, '0')
                    || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid
            $$;
            CREATE OR REPLACE FUNCTION user_id(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
                'SELECT md5(n::text)::uuid'
        """)

    def grow(self, number: int, *, dead: bool = False) -> None:
        """Have ``number`` sessions. With ``dead`` every other one of the new ones ran out two days ago."""
        if number <= self.number:
            return
        # No trigger looks for the user of each row: they are there by the way that ids are made.
        self.connection.execute("SET session_replication_role = replica")
        self.connection.execute(
            f"""
            INSERT INTO {USERS} (id, email, name, password, is_active, is_staff, is_superuser, date_joined)
            SELECT user_id(n), 'person-' || n || '@example.com', '', %s, true, false, false, %s
            FROM generate_series(%s::bigint, %s::bigint) n ON CONFLICT DO NOTHING
            """,  # noqa: S608
            [self.password, self.begin, self.number // 2, (number - 1) // 2],
        )
        self.connection.execute(
            f"""
            INSERT INTO {SESSIONS} (id, user_id, generation, auth_hash, remember, created_at, rotated_at, expires_at,
                revoked_reason, ip_address, user_agent)
            SELECT session_id(n), user_id(n / 2), 0, %s, false, started, started,
                CASE WHEN %s AND n %% 2 = 1 THEN now() - interval '2 days' ELSE started + interval '30 days' END,
                '', ('203.0.113.' || n %% 250)::inet, %s
            FROM (SELECT n, date_trunc('second', %s + n * %s) AS started
                  FROM generate_series(%s::bigint, %s::bigint) n) AS numbered
            """,  # noqa: S608
            [self.auth_hash, dead, USER_AGENT, self.begin, self.step, self.number, number - 1],
        )
        self.connection.execute("RESET session_replication_role")
        self.number = number
        self.settle()

    def clear(self) -> None:
        self.connection.execute(f"TRUNCATE {SESSIONS}")
        self.number = 0

    def settle(self) -> None:
        """As autovacuum would have left the tables."""
        for name in (SESSIONS, USERS):
            self.connection.execute(f"VACUUM (ANALYZE) {name}")
        self.connection.execute("CHECKPOINT")

    def ids(self, numbers: list[int]) -> list[UUID]:
        rows = self.connection.execute("SELECT session_id(n) FROM unnest(%s::bigint[]) n", [numbers]).fetchall()
        return [row[0] for row in rows]

    def sizes(self) -> dict[str, int]:
        """Bytes of the table of sessions and of each of its indexes."""
        rows = self.connection.execute(
            "SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index"
            " WHERE indrelid = %s::regclass",
            [SESSIONS],
        ).fetchall()
        [table] = self.connection.execute("SELECT pg_table_size(%s::regclass)", [SESSIONS]).fetchone()
        return {"table": table, **dict(sorted(rows))}
