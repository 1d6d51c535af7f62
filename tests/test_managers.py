"""The statements on every request's way, and when the ORM has to run one instead."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.utils import timezone

from fastauth_django.managers import NoneOrSince, _is_one_plain_table
from fastauth_django.models import AuthSession

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


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


def hiding_everybody() -> models.Manager:
    manager = HidingEverybody()
    manager.model, manager.name = get_user_model(), "objects"
    return manager


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

    assert list(AuthSession.objects.alive()) == [session]


# --- Writing -------------------------------------------------------------------------------------------------------


def test_inserts_what_the_orm_would_save(session):
    copy = AuthSession(**{**values(session), "id": uuid4(), "device_key": "", "ip_address": "2001:db8::1"})

    AuthSession.objects.insert(copy)

    assert not copy._state.adding
    assert values(AuthSession.objects.get(pk=copy.pk)) == values(copy)


def test_tells_receivers_of_djangos_signals_what_it_inserts(session):
    """A project may write a mail about each new device."""
    heard = []

    def hear(sender, instance, created=None, **kwargs):
        heard.append((instance.pk, created, instance._state.adding))

    models.signals.pre_save.connect(hear, sender=AuthSession)
    models.signals.post_save.connect(hear, sender=AuthSession)
    copy = AuthSession(**{**values(session), "id": uuid4()})
    try:
        AuthSession.objects.insert(copy)
    finally:
        models.signals.pre_save.disconnect(hear, sender=AuthSession)
        models.signals.post_save.disconnect(hear, sender=AuthSession)

    assert heard == [(copy.pk, None, True), (copy.pk, True, False)]


@pytest.mark.parametrize(
    ("expected", "changed"),
    [
        ({"generation": 0}, 1),
        ({"generation": 1}, 0),
        ({"revoked_at": None}, 1),
        ({"ip_address": None}, 0),
        ({"device_bound_at": NoneOrSince(LONG_AGO)}, 1),
        ({"created_at": NoneOrSince(LONG_AGO)}, 1),
        ({"created_at": NoneOrSince(LONG_AGO.replace(year=2100))}, 0),
        ({}, 1),
    ],
    ids=str,
)
def test_changes_what_is_as_expected(session, expected, changed):
    now = timezone.now().replace(microsecond=0)
    bystander = AuthSession(**{**values(session), "id": uuid4()})
    bystander.save()

    count = AuthSession.objects.compare_and_set(
        [session.pk], expected, {"generation": 5, "rotated_at": now, "device_key": None}
    )

    found = AuthSession.objects.get(pk=session.pk)
    assert count == changed
    assert (found.generation, found.rotated_at == now) == ((5, True) if changed else (0, session.rotated_at == now))
    assert AuthSession.objects.get(pk=bystander.pk).generation == 0


def test_changes_several_in_one_statement(session, django_assert_num_queries):
    ids = [session.pk, uuid4(), uuid4()]
    for each in ids[1:]:
        AuthSession(**{**values(session), "id": each}).save()

    with django_assert_num_queries(1):
        assert AuthSession.objects.compare_and_set(ids[:2], {}, {"generation": 5}) == 2

    assert sorted(AuthSession.objects.values_list("generation", flat=True)) == [0, 5, 5]


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
