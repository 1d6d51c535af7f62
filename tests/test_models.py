"""The session's row, and the query of every protected request: when is it SQL, and when the ORM's?"""

import copy
import operator
import time
from datetime import timedelta
from uuid import RFC_4122, uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.utils import timezone

from fastauth_django.models import AuthSession, UnrevokedSession, _is_one_plain_table, time_ordered_uuid
from tests.clients import ACCESS, REFRESH, Browser
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
    assert AuthSession.objects.live().count() == 1

    clock.shift(timedelta(days=30))
    assert AuthSession.objects.live().count() == 0

    clock.shift(-timedelta(days=30))
    signed_in.post("/auth/logout")
    assert AuthSession.objects.live().count() == 0


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


# --- The query of a protected request --------------------------------------------------------------------------------


@pytest.fixture
def session(signed_in) -> AuthSession:
    return AuthSession.objects.select_related("user").get()


@pytest.fixture(params=[True, False], ids=["in SQL", "by the ORM"])
def get_with_user(request, monkeypatch, session):
    """The lookup, both ways; how it is run must not show."""
    if not request.param:
        manager = models.Manager.from_queryset(type("ProjectQuerySet", (models.QuerySet,), {}))()
        manager.model, manager.name = get_user_model(), "objects"
        monkeypatch.setattr(get_user_model()._meta, "default_manager", manager)
    return AuthSession.objects.get_with_user


def values(instance: models.Model) -> dict:
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


def test_finds_the_session_and_its_user_in_one_query(get_with_user, session, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = get_with_user(session.pk)
        found_user = found.user

    assert values(found) == values(session)
    assert values(found_user) == values(session.user)


def test_finds_what_can_be_saved_again(get_with_user, session):
    found = get_with_user(session.pk)
    found.user.is_staff = True
    found.user.save()

    assert not found._state.adding
    assert get_user_model().objects.get().is_staff


def test_finds_dates_that_compare(get_with_user, session):
    session.revoked_at = timezone.now().replace(microsecond=0)
    session.save()

    assert get_with_user(session.pk).revoked_at == session.revoked_at


def test_finds_ended_sessions_too_so_that_the_refusal_can_say_why(get_with_user, session):
    AuthSession.objects.update(revoked_at=timezone.now(), expires_at=timezone.now())

    assert get_with_user(session.pk).pk == session.pk


def test_finds_nothing_for_an_unknown_id(get_with_user):
    assert get_with_user(uuid4()) is None


def test_finds_hidden_users_too_where_that_is_asked(monkeypatch, session):
    """A session of a user whom the project hides can be ended."""
    monkeypatch.setattr(get_user_model()._meta, "default_manager", hiding_everybody())

    assert AuthSession.objects.get_with_user(session.pk) is None
    assert AuthSession.objects.get_with_user(session.pk, hidden_too=True) == session


def test_user_has_what_the_default_manager_annotates(monkeypatch, session):
    monkeypatch.setattr(get_user_model()._meta, "default_manager", of_user_model(AnnotatingManager()))

    assert AuthSession.objects.get_with_user(session.pk).user.initials == "AL"
    assert AuthSession.objects.get_with_user(session.pk, hidden_too=True) == session
    assert AuthSession.objects.get_with_user(uuid4()) is None
    AnnotatingManager.hidden = session.user.pk
    try:
        assert AuthSession.objects.get_with_user(session.pk) is None
    finally:
        AnnotatingManager.hidden = None


class AnnotatingManager(models.Manager):
    hidden = None

    def get_queryset(self):
        return super().get_queryset().annotate(initials=models.Value("AL")).exclude(pk=self.hidden)


def of_user_model(manager: models.Manager) -> models.Manager:
    manager.model, manager.name = get_user_model(), "objects"
    return manager


def hiding_everybody() -> models.Manager:
    return of_user_model(HidingEverybody())


class HidingEverybody(models.Manager):
    def get_queryset(self):
        return super().get_queryset().none()


def test_finds_nothing_for_a_user_who_is_gone(get_with_user, session):
    session.user.delete()

    assert get_with_user(session.pk) is None


def test_a_plain_user_model_is_read_without_a_subquery(session):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        AuthSession.objects.get_with_user(session.pk)

    assert queries[0]["sql"].count("SELECT") == 1


def test_only_sessions_that_are_neither_ended_nor_over_are_alive(clock, session):
    def copy(**changes):
        return AuthSession.objects.create(**{**values(session), "id": uuid4(), **changes})

    copy(revoked_at=timezone.now())
    copy(expires_at=timezone.now())

    assert list(AuthSession.objects.live()) == [session]


# --- When the ORM has to -------------------------------------------------------------------------------------------


class ShoutingField(models.CharField):
    """Needs an expression of its own to be read, as fields of GeoDjango do."""

    def select_format(self, compiler, sql, params):
        return f"UPPER({sql})", params


class HidingManager(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(pk__gt=0)


class ProjectQuerySet(models.QuerySet):
    pass


def make_model(*bases: type, proxy: bool = False, **attributes) -> type[models.Model]:
    meta = type("Meta", (), {"app_label": "testapp", "proxy": proxy})
    name = f"Model{uuid4().hex}"
    return type(name, bases or (models.Model,), {"__module__": __name__, "Meta": meta, **attributes})


NOT_PLAIN = {
    "inherited tables": lambda: make_model(make_model()),
    "a proxy": lambda: make_model(make_model(), proxy=True),
    "a field that is an expression": lambda: make_model(name=ShoutingField(max_length=10)),
    "a manager that hides": lambda: make_model(objects=HidingManager()),
    "a queryset that may hide": lambda: make_model(objects=ProjectQuerySet.as_manager()),
}


@isolate_apps("tests.testapp")
@pytest.mark.parametrize("make", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_more_than_one_plain_table_is_left_to_the_orm(make):
    assert not _is_one_plain_table(make())


@isolate_apps("tests.testapp")
def test_one_plain_table_is_read_directly():
    assert _is_one_plain_table(make_model(name=models.CharField(max_length=10)))


def test_the_user_models_of_this_suite_are_read_directly():
    assert _is_one_plain_table(get_user_model())


# --- The UPDATE of a refresh and of a sign-out -----------------------------------------------------------------------


@pytest.fixture
def full_session(session) -> AuthSession:
    """A session without an empty column."""
    AuthSession.objects.update(
        predecessor=1,
        successor=2,
        generation=2,
        seen=True,
        ip_address="2001:db8::1",
        user_agent="a browser's 100 %",
        device_key="{}",
        device_cookie=True,
        device_bound_at=timezone.now(),
    )
    return AuthSession.objects.get()


WRITTEN = [field.attname for field in AuthSession._meta.concrete_fields if field.name not in {"id", "revoked_at"}]
OTHER_VALUES = {bool: operator.not_, int: lambda value: value + 7, str: lambda value: value + "7"}


def other_value(value: object) -> object:
    return OTHER_VALUES.get(type(value), lambda moment: moment + timedelta(hours=1))(value)


@pytest.mark.parametrize("name", WRITTEN)
def test_value_is_written_as_the_orm_would(full_session, other_account, name):
    value = other_account.user.pk if name == "user_id" else other_value(getattr(full_session, name))

    assert UnrevokedSession(full_session.pk).update(**{name: value})

    changed = values(AuthSession.objects.get())
    assert changed == {**values(full_session), name: value}
    assert AuthSession.objects.filter(**{name: value}).exists()


@pytest.mark.parametrize("name", WRITTEN)
def test_value_that_is_another_than_the_one_read_prevents_the_write(full_session, name):
    value = getattr(full_session, name)
    other = 0 if name == "user_id" else other_value(value)

    assert not UnrevokedSession(full_session.pk, **{name: other}).update(remember=not full_session.remember)
    assert not UnrevokedSession(full_session.pk, **{name: None}).update(remember=not full_session.remember)
    assert UnrevokedSession(full_session.pk, **{name: value}).update(remember=not full_session.remember)


def test_empty_column_is_not_the_value_that_was_read(session):
    assert not UnrevokedSession(session.pk, device_key="").update(seen=True)
    assert UnrevokedSession(session.pk, device_key=None).update(seen=True)


def test_write_meets_one_session(session, account):
    Browser().sign_in(account)
    other = AuthSession.objects.exclude(pk=session.pk).get()

    assert UnrevokedSession(other.pk).update(user_agent="another")

    assert [each.user_agent for each in AuthSession.objects.order_by("pk")] == [session.user_agent, "another"]


def test_ended_session_is_not_written(session):
    AuthSession.objects.update(revoked_at=timezone.now())

    assert not UnrevokedSession(session.pk).update(revoked_at=None)


def test_write_that_fails_leaves_the_callers_transaction_to_be_rolled_back(session):
    """As after a failed statement of the ORM, whatever the database itself makes of it."""
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            UnrevokedSession(session.pk).update(expires_at=None)

        assert transaction.get_rollback()
        transaction.set_rollback(True)
