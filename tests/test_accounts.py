"""What the user model asks of a new account. ``tests/views/test_register.py`` shows it through the route."""

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError

from fastauth_django import accounts
from fastauth_django.exceptions import UserExists
from tests.factories import sign_up_data

User = get_user_model()
IDENTIFIER = User.USERNAME_FIELD


def test_key_that_people_choose_is_looked_up(account, monkeypatch):
    """Or saving a new user under the key of another would overwrite the other's password."""
    monkeypatch.setattr(User, "USERNAME_FIELD", User._meta.pk.name)

    with pytest.raises(UserExists):
        accounts.refuse_existing(User(pk=account.user.pk), given=[User._meta.pk.name])


def test_key_that_the_model_makes_up_is_not_looked_up(db, django_assert_num_queries):
    data = sign_up_data()
    del data["password"]

    with django_assert_num_queries(1):
        accounts.refuse_existing(User(**data), given=data)


@pytest.mark.django_db
def test_field_that_the_database_computes_is_another_accounts_only_by_its_word(monkeypatch):
    monkeypatch.setattr(accounts, "generated_names", lambda: {"lower"})

    with pytest.raises(UserExists):
        accounts._explain(IntegrityError("UNIQUE constraint failed: user.lower"), User(), given=[IDENTIFIER])


def test_fields_that_the_model_does_not_have_are_left_out():
    assert accounts.present("nickname", IDENTIFIER, IDENTIFIER, "password") == [IDENTIFIER, "password"]
