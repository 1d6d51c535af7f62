"""Identifiers of any field type. ``tests/user_models`` walks whole user models through every route."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from fastauth_django import identifiers
from fastauth_django.models import AuthSession
from tests.factories import PASSWORD, identifier_for, make_account

User = get_user_model()
IDENTIFIER = User.USERNAME_FIELD


def sign_in(client, identifier):
    return client.post("/auth/login", {IDENTIFIER: identifier, "password": PASSWORD}, format="json")


@pytest.fixture
def known_by_key(account, monkeypatch):
    """The user model's identifier is its key: a number, or a UUID."""
    monkeypatch.setattr(User, "USERNAME_FIELD", User._meta.pk.name)
    return account.user


def test_identifier_that_is_no_text_signs_in(browser, known_by_key):
    assert sign_in(browser, str(known_by_key.pk)).status_code == 200


def test_whole_number_may_be_written_as_sign_up_takes_it(browser, known_by_key):
    assert (
        sign_in(browser, f"{known_by_key.pk}.0 " if isinstance(known_by_key.pk, int) else known_by_key.pk).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("field", "typed", "read"),
    [
        (models.GenericIPAddressField(), "::ffff:10.0.0.1", "10.0.0.1"),
        (models.IntegerField(), "7.0", 7),
        (models.BinaryField(), "YWRh", "YWRh"),
    ],
    ids=["address", "number", "a field that REST framework does not know"],
)
def test_identifier_is_read_as_at_sign_up(field, typed, read):
    field.set_attributes_from_name("identifier")
    field.model = User

    assert identifiers._read_as_at_sign_up(field, typed) == read


def test_account_with_null_for_a_hash_has_no_password(browser, account, monkeypatch):
    def fail(user, raw_password):
        raise TypeError("object of type 'NoneType' has no len()")

    monkeypatch.setattr(User, "check_password", fail)
    with pytest.raises(TypeError):
        sign_in(browser, identifier_for("ada"))
    monkeypatch.setattr("fastauth_django.throttling._account_of", lambda name: User(pk=account.user.pk, password=None))

    assert sign_in(browser, identifier_for("ada")).status_code == 401


@pytest.mark.usefixtures("known_by_key")
@pytest.mark.parametrize("name", ["nobody@example.com", "9" * 40, "-1", "1e999"])
def test_identifier_that_the_field_cannot_hold_is_a_name_of_nobody(browser, name):
    response = sign_in(browser, name)

    assert (response.status_code, response.json()["code"]) == (401, "invalid_credentials")


def test_fault_of_a_backend_is_no_wrong_password(browser, account, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("a fault of the backend's own")

    monkeypatch.setattr("fastauth_django.throttling.authenticate", fail)

    with pytest.raises(ValueError, match="of the backend's own"):
        sign_in(browser, identifier_for("ada"))


def test_name_that_two_accounts_answer_to_is_nobodys(browser, account, monkeypatch):
    def find_too_many(self, name):
        raise User.MultipleObjectsReturned

    monkeypatch.setattr(type(User._default_manager), "get_by_natural_key", find_too_many)

    assert [sign_in(browser, identifier_for("ada")).status_code for _attempt in range(6)] == [401] * 5 + [429]


def test_account_that_is_stored_in_small_letters_signs_in_as_it_was_typed(browser, account):
    assert sign_in(browser, identifier_for("ADA")).status_code == 200


def test_account_of_just_that_spelling_comes_first(browser, account):
    make_account("Ada", password="a password of its own 7")

    assert sign_in(browser, identifier_for("Ada")).status_code == 401
    assert sign_in(browser, identifier_for("aDA")).status_code == 200


def test_small_letters_take_one_query_whether_or_not_anybody_has_them(account, django_assert_num_queries):
    for name in ("ADA", "NOBODY"):
        with django_assert_num_queries(1):
            identifiers.in_case_of_account(identifier_for(name))


def test_account_is_found_by_a_manager_without_natural_keys(account, monkeypatch):
    plain = models.Manager()
    plain.model = User
    monkeypatch.setitem(User._meta.__dict__, "default_manager", plain)

    assert identifiers.account_of(identifier_for("ada")) == account.user
    assert identifiers.account_of(identifier_for("nobody")) is None


def test_relation_is_named_by_the_key_that_it_refers_to(account, monkeypatch):
    related = SimpleNamespace(USERNAME_FIELD="user", _meta=AuthSession._meta)
    monkeypatch.setattr(identifiers, "get_user_model", lambda: related)

    assert identifiers.value_of(str(account.user.pk)) == account.user.pk


class CarelessField(models.Field):
    """As a project may write it: it raises what ``Decimal`` raises, for text that is no number."""

    def to_python(self, value):
        return Decimal(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (models.UUIDField(), "x"),
        (CarelessField(), "x"),
        (CarelessField(), ["x"]),
        (models.FloatField(), "NaN"),
        (models.FloatField(), "inf"),
    ],
)
def test_whatever_a_field_raises_is_a_value_that_it_cannot_hold(field, value):
    with pytest.raises(ValidationError):
        identifiers.to_python(field, value)


def test_text_of_a_value_is_what_the_field_reads_again(account):
    text = identifiers.text_of(account.user, "pk")

    assert User._meta.pk.to_python(text) == account.user.pk
    assert identifiers.text_of(account.user, IDENTIFIER) == account.user.get_username()
    assert identifiers.text_of(account.user, "is_authenticated") == "True"


def test_identifier_that_is_no_text_is_stored_as_it_is():
    assert identifiers.as_stored(4711) == 4711
