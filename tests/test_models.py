"""The session's row."""

import copy
import time
from datetime import timedelta
from uuid import RFC_4122

import pytest
from django.core.management import call_command
from django.utils import timezone

from fastauth_django.models import AuthSession, time_ordered_uuid
from tests.clients import ACCESS, REFRESH
from tests.reading import session_of


def test_id_is_a_uuid_of_version_7():
    value = time_ordered_uuid()

    assert (value.version, value.variant) == (7, RFC_4122)
    assert abs((value.int >> 80) - time.time() * 1000) < 60_000


def test_ids_are_in_the_order_of_the_starts(clock):
    ids = []
    for _millisecond in range(100):
        ids.append(time_ordered_uuid())
        clock.shift(timedelta(milliseconds=1))

    assert ids == sorted(ids)


def test_ids_of_one_millisecond_differ(clock):
    assert len({time_ordered_uuid() for _start in range(1_000)}) == 1_000


def test_session_is_expired_from_its_end_on(clock):
    session = AuthSession(expires_at=timezone.now() + timedelta(seconds=1))

    assert not session.is_expired()
    assert session.is_expired(timezone.now() + timedelta(seconds=1))
    clock.shift(1)
    assert session.is_expired()


def test_alive_are_those_that_neither_ended_nor_ran_out(clock, signed_in):
    assert AuthSession.objects.alive().count() == 1

    clock.shift(timedelta(days=30))
    assert AuthSession.objects.alive().count() == 0

    clock.shift(-timedelta(days=30))
    signed_in.post("/auth/logout")
    assert AuthSession.objects.alive().count() == 0


def test_no_token_is_stored(signed_in):
    row = " ".join(str(value) for value in AuthSession.objects.values().get().values())

    for name in (ACCESS, REFRESH):
        token = signed_in.cookie(name)
        assert token not in row
        assert token.split(".")[2] not in row


def test_sessions_go_with_their_user(signed_in, account):
    account.user.delete()

    assert AuthSession.objects.count() == 0


def test_session_is_called_by_its_id(signed_in):
    session = session_of(signed_in)

    assert str(session) == str(session.pk)


def test_every_reason_fits_its_column():
    longest = AuthSession._meta.get_field("revoked_reason").max_length

    assert all(len(reason) <= longest for reason in AuthSession.RevokedReason.values)


@pytest.mark.django_db
def test_migrations_are_complete():
    call_command("makemigrations", "fastauth_django", check=True, dry_run=True, verbosity=0)


def test_copy_shares_nothing_that_changes_with_the_original(signed_in):
    session = AuthSession.objects.select_related("user").get()

    duplicate = copy.copy(session)
    duplicate.generation, duplicate._state.adding = 7, True

    assert duplicate == session
    assert (session.generation, session._state.adding) == (0, False)
    assert duplicate.user is session.user
