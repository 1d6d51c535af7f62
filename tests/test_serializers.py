"""What the serializers promise beyond what the routes show."""

import pytest
from django.contrib.auth import get_user_model
from django.core.validators import validate_slug
from django.db import connection, models
from rest_framework.exceptions import ValidationError
from rest_framework.utils.model_meta import get_field_info
from rest_framework.validators import UniqueValidator

from fastauth_django import serializers
from fastauth_django.models import AuthSession
from tests.factories import sign_up_data

User = get_user_model()
IDENTIFIER = User.USERNAME_FIELD


def test_sign_up_takes_the_fields_that_the_model_needs():
    fields = serializers.RegisterSerializer().fields

    required = {name for name, field in fields.items() if field.required}
    assert required == {IDENTIFIER, *User.REQUIRED_FIELDS, "password"}
    assert set(fields) - required <= {"name", "email"}


def test_password_is_never_given_out():
    for serializer_class in (
        serializers.LoginSerializer,
        serializers.RegisterSerializer,
        serializers.ChangePasswordSerializer,
        serializers.RefreshSerializer,
    ):
        secrets = {
            name: field.write_only
            for name, field in serializer_class().fields.items()
            if "password" in name or "token" in name
        }
        assert secrets
        assert all(secrets.values())


@pytest.mark.parametrize(
    "serializer_class",
    [serializers.LoginSerializer, serializers.RegisterSerializer, serializers.ChangePasswordSerializer],
)
def test_repr_in_a_traceback_shows_no_password(serializer_class):
    assert "correct horse" not in repr(serializer_class(data={"password": "correct horse"}))


def test_user_is_read_only():
    assert all(field.read_only for field in serializers.UserSerializer().fields.values())


def test_model_without_an_email_can_be_signed_up(browser, db, monkeypatch):
    monkeypatch.setattr(User, "get_email_field_name", classmethod(lambda cls: "mail"))

    assert browser.post("/auth/register", sign_up_data(), format="json").status_code == 201


def test_relation_that_is_taken_is_no_field_error(monkeypatch):
    """The refusal is UserExists, as for every other field that must differ."""
    serializer = serializers.RegisterSerializer()
    relation = get_field_info(AuthSession).relations["user"]
    validators = [UniqueValidator(User._default_manager.all()), validate_slug]
    monkeypatch.setattr("rest_framework.serializers.get_relation_kwargs", lambda *args: {"validators": validators})
    _field_class, built = serializer.build_relational_field("user", relation)

    assert built["validators"] == [validate_slug]


@pytest.mark.parametrize("value", ["ä", "1", 5, None, [], {}])
def test_field_that_rest_framework_does_not_know_refuses_what_it_cannot_read(value):
    seal = models.BinaryField(editable=True)
    seal.model = User
    field_class, kwargs = serializers.RegisterSerializer().build_standard_field("seal", seal)
    field = field_class(**kwargs)

    assert bytes(field.run_validation("YWRh")) == b"ada"
    if connection.vendor == "postgresql" and not isinstance(value, str | None):
        pytest.skip("the driver refuses it, when it sends it")
    with pytest.raises(ValidationError):
        field.run_validation(value)


class UserOfTheProject(serializers.UserSerializer):
    class Meta(serializers.UserSerializer.Meta):
        fields = ["last_login"]


def test_serializer_of_a_project_that_builds_on_ours_has_its_own_fields(account):
    """The fields of the built-in one are kept from one user to the next."""
    serializers.UserSerializer(account.user).data  # noqa: B018

    assert list(UserOfTheProject(account.user).data) == ["last_login"]


def test_each_user_is_described_as_themselves(account, other_account):
    described = [serializers.UserSerializer(each.user).data for each in (account, other_account, account)]

    pk = User._meta.pk.name
    assert [str(each[pk]) for each in described] == [str(each.user.pk) for each in (account, other_account, account)]
    assert list(described[0]) == list(serializers.UserSerializer().fields)
