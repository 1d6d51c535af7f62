"""``manage.py clear_auth_sessions``."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fastauth_django.models import AuthSession

pytestmark = pytest.mark.django_db


def clear(*arguments):
    out = StringIO()
    call_command("clear_auth_sessions", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def make_session(clock, account):
    """``make_session(expires=…, revoked=…)``: a session that ends, or was ended, so long from now."""

    def make(expires=timedelta(days=30), revoked=None):
        now = timezone.now()
        return AuthSession.objects.create(
            user=account.user,
            created_at=now - timedelta(days=100),
            rotated_at=now - timedelta(days=100),
            expires_at=now + expires,
            revoked_at=None if revoked is None else now + revoked,
        )

    return make


def test_expired_sessions_go_and_live_ones_stay(make_session):
    make_session(expires=-timedelta(days=1))
    alive = make_session()

    assert clear() == "Deleted 1 session.\n"
    assert list(AuthSession.objects.all()) == [alive]


def test_session_that_has_just_run_out_stays_for_a_minute(clock, make_session):
    """Clocks of two hosts differ."""
    make_session(expires=-timedelta(seconds=60))

    assert clear() == "Deleted 0 sessions.\n"
    clock.shift(1)
    assert clear() == "Deleted 1 session.\n"


def test_ended_sessions_are_kept_for_thirty_days(make_session):
    make_session(revoked=-timedelta(days=30, seconds=1))
    kept = make_session(revoked=-timedelta(days=30))

    assert clear() == "Deleted 1 session.\n"
    assert list(AuthSession.objects.all()) == [kept]


def test_ended_sessions_that_would_have_expired_go(make_session):
    make_session(expires=-timedelta(days=1), revoked=-timedelta(days=2))

    assert clear() == "Deleted 1 session.\n"


@pytest.mark.parametrize(("days", "deleted"), [(0, 2), (2, 1), (9, 0)])
def test_days_to_keep_ended_sessions_are_an_option(make_session, days, deleted):
    make_session(revoked=-timedelta(days=1))
    make_session(revoked=-timedelta(days=3))
    make_session()

    clear("--revoked-days", str(days))

    assert AuthSession.objects.count() == 3 - deleted


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_batches_of_any_size_delete_everything_that_is_dead(make_session, size):
    alive = set()
    for number in range(12):
        session = make_session(expires=timedelta(days=-1 if number % 2 else 30))
        if number % 2 == 0:
            alive.add(session)

    assert clear("--batch-size", str(size)) == "Deleted 6 sessions.\n"
    assert set(AuthSession.objects.all()) == alive


def test_rows_go_in_batches(make_session):
    for _number in range(5):
        make_session(expires=-timedelta(days=1))

    with CaptureQueriesContext(connection) as queries:
        clear("--batch-size", "2")

    assert sum(query["sql"].startswith("DELETE") for query in queries) == 3


def test_session_that_comes_alive_in_between_is_spared(make_session):
    """A refresh that the row's own expiry let in a moment ago: what was read is not what is deleted."""
    session = make_session(expires=-timedelta(days=1))

    def revive(execute, sql, params, many, context):
        if sql.startswith("DELETE"):
            AuthSession.objects.filter(pk=session.pk).update(expires_at=timezone.now() + timedelta(days=1))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(revive):
        clear()

    assert AuthSession.objects.filter(pk=session.pk).exists()


def test_nothing_to_delete_is_said(db):
    assert clear() == "Deleted 0 sessions.\n"


def test_running_it_twice_is_no_error(make_session):
    make_session(expires=-timedelta(days=1))
    clear()

    assert clear() == "Deleted 0 sessions.\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--revoked-days", "-1"),
        ("--revoked-days", "1000000"),
        ("--revoked-days", "99999999999"),
        ("--revoked-days", "ten"),
        ("--batch-size", "0"),
        ("--batch-size", "-5"),
        ("--batch-size", "x"),
    ],
)
def test_argument_that_makes_no_sense_is_refused_and_nothing_is_deleted(make_session, option, value):
    make_session(expires=-timedelta(days=1))

    with pytest.raises(CommandError, match=option):
        clear(f"{option}={value}")

    assert AuthSession.objects.count() == 1
