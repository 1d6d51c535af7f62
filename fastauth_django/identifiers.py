"""What people type to name their account, and what the user model makes of it: the identifier is of any field type."""

from __future__ import annotations

from math import isfinite
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist, ValidationError
from django.core.validators import RegexValidator
from django.db import DataError, models
from rest_framework import serializers
from rest_framework.serializers import ModelField, ModelSerializer

#: What a field, or the database, raises for a value that it cannot hold. Only the first is promised.
REFUSALS = (ValidationError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, DataError)


def as_stored(identifier: Any) -> Any:
    """``identifier`` as Django's managers store it, so that ``ada@EXAMPLE.com`` signs in as they signed up."""
    users = get_user_model()
    if not isinstance(identifier, str):
        return identifier
    normalized: str = users.normalize_username(identifier)
    if users.get_email_field_name() == users.USERNAME_FIELD:
        normalized = BaseUserManager.normalize_email(normalized)
    return normalized


def value_of(typed: str) -> Any:
    """The Python value of an identifier that somebody typed. Raises ``ValidationError`` for one that no account has."""
    field = _own_field(get_user_model()._meta.get_field(get_user_model().USERNAME_FIELD))
    if isinstance(field, models.CharField | models.TextField):
        return to_python(field, typed)
    value = to_python(field, _read_as_at_sign_up(field, typed))
    # A number that is too large, or no address, would be the database's error. A text that is too long is none, and
    # validators of text may be younger than the accounts.
    field.run_validators(value)
    return value


def _read_as_at_sign_up(field: models.Field[Any, Any], typed: str) -> Any:
    """``typed`` as REST framework's field reads it: ``1.0`` is a whole number, ``::ffff:10.0.0.1`` is ``10.0.0.1``."""
    field_class, kwargs = ModelSerializer().build_standard_field(field.name, field)
    if field_class is ModelField:
        return typed
    try:
        return field_class(**{**kwargs, "validators": []}).to_internal_value(typed)
    except serializers.ValidationError as error:
        raise ValidationError(RegexValidator.message, code="invalid") from error


def in_case_of_account(value: Any) -> Any:
    """``value``, or its small letters, if an account has those and none has ``value``.

    A user model may store identifiers in small letters, and people type what they signed up with. One query for a name
    with capitals, whether or not anybody has it.
    """
    if not isinstance(value, str) or value == value.lower():
        return value
    users = get_user_model()
    spellings = users._default_manager.filter(**{f"{users.USERNAME_FIELD}__in": [value, value.lower()]})
    stored = set(spellings.values_list(users.USERNAME_FIELD, flat=True))
    return value.lower() if value not in stored and value.lower() in stored else value


def account_of(identifier: Any) -> Any:
    """The account that the user model's manager finds for ``identifier``, or None.

    Raises ``MultipleObjectsReturned`` if more than one answers to it.
    """
    users: Any = get_user_model()
    find = getattr(users._default_manager, "get_by_natural_key", None)
    try:
        return find(identifier) if find else users._default_manager.get(**{users.USERNAME_FIELD: identifier})
    except (ObjectDoesNotExist, *REFUSALS):
        return None


def to_python(field: models.Field[Any, Any], value: Any) -> Any:
    """``field.to_python(value)``. Raises ``ValidationError`` for anything that the field cannot hold."""
    try:
        value = field.to_python(value)
        if isinstance(value, float) and not isfinite(value):
            raise ValueError("Neither every database nor JSON can hold it.")
    except ValidationError:
        raise
    except REFUSALS as error:
        raise ValidationError(RegexValidator.message, code="invalid") from error
    return value


def text_of(user: AbstractBaseUser, name: str) -> str:
    """The value of a field of ``user`` as a text that the field reads again, as Django's own sessions write it."""
    try:
        field: Any = user._meta.pk if name == "pk" else user._meta.get_field(name)
    except FieldDoesNotExist:
        return str(getattr(user, name))  # A property.
    value: Any = field.value_from_object(user)
    if value.__class__.__str__ is object.__str__:
        return str(field.get_prep_value(value))  # Its own text may be its place in memory.
    text: str = field.value_to_string(user)
    return text


def _own_field(field: Any) -> Any:
    """``field``, or where it is a relation, the field that it refers to."""
    while field.is_relation:
        field = field.target_field
    return field
