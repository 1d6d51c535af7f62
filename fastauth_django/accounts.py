"""New accounts: what the user model asks for, and how its manager makes one. The user model is of any shape."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from inspect import Parameter, signature
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.core.exceptions import NON_FIELD_ERRORS, FieldDoesNotExist, MultipleObjectsReturned
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, models, router, transaction
from django.db.models.expressions import ExpressionList
from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers
from rest_framework.settings import api_settings

from . import identifiers
from .exceptions import UserExists

UserModel: Any = get_user_model()
logger = logging.getLogger("fastauth_django")


def present(*names: str) -> list[str]:
    """Those of ``names`` that are fields of the user model, each once."""
    found = []
    for name in names:
        with suppress(FieldDoesNotExist):
            found.append(UserModel._meta.get_field(name).name)
    return [*dict.fromkeys(found)]


def taken_by_manager(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that ``create_user()`` of the user model's manager takes. Every one has to take a password."""
    parameters = _create_user_parameters().values()
    if any(each.kind is Parameter.VAR_KEYWORD for each in parameters):
        return list(names)
    keywords = {each.name for each in parameters if each.kind is not Parameter.POSITIONAL_ONLY}
    return [name for name in names if name in keywords or name == "password"]


def _create_user_parameters() -> Mapping[str, Parameter]:
    create_user = getattr(UserModel._default_manager, "create_user", None)
    return signature(create_user).parameters if create_user else {}


def never_filled(given: Collection[str]) -> list[str]:
    """The fields without which no account can be stored, or one alone, and that are neither ``given`` nor have a value.

    A manager, ``save()`` or a receiver of the project may fill them in. Those that are not editable they do.
    """
    return [
        field.name
        for field in UserModel._meta.concrete_fields
        if field.name not in given and field.editable and not field.null
        if not isinstance(field, models.AutoField) and not getattr(field.remote_field, "parent_link", False)
        if (default := field.get_default()) is None or (field.unique and default == "")
    ]


def _is_needed(name: str) -> bool:
    parameter = _create_user_parameters().get(name)
    return name in never_filled(()) or (parameter is not None and parameter.default is Parameter.empty)


IDENTIFIER = UserModel.USERNAME_FIELD
_OFFERED = present("name", UserModel.get_email_field_name())
#: What sign-up requires. A field that is not editable is the model's own to fill in.
REQUIRED = [
    name
    for name in present(IDENTIFIER, *UserModel.REQUIRED_FIELDS, *filter(_is_needed, _OFFERED))
    if UserModel._meta.get_field(name).editable
]
OPTIONAL = [name for name in _OFFERED if name not in REQUIRED]


@sensitive_variables("validated_data", "fields")
def create(validated_data: dict[str, Any]) -> Any:
    """Make the account. Raises ``UserExists``, and 400 for what a field, the model or the database refuses."""
    relations = [field.name for field in UserModel._meta.many_to_many if field.name in validated_data]
    fields = {name: value for name, value in validated_data.items() if name not in relations}
    try:
        with transaction.atomic(using=router.db_for_write(UserModel)):
            user = _create_user(fields)
            for name in relations:
                getattr(user, name).set(validated_data[name])
    except IntegrityError as error:
        _explain(error, unsaved(validated_data), validated_data.keys())
        raise
    except DjangoValidationError as error:
        raise _refusal(error, validated_data.keys()) from error
    return user


def unsaved(attrs: dict[str, Any]) -> Any:
    """The account as ``create_user()`` will store it. Raises 400 for what a field of the model cannot hold."""
    user = UserModel()
    for field in UserModel._meta.concrete_fields:
        if field.name == "password" or field.name not in attrs:
            continue
        value = attrs[field.name]
        if not field.is_relation:
            try:
                value = identifiers.to_python(field, value)
            except DjangoValidationError as error:
                raise serializers.ValidationError({field.name: error.messages}) from error
        if field.name == UserModel.get_email_field_name() and isinstance(value, str):
            value = BaseUserManager.normalize_email(value)
        setattr(user, field.name, value)
    return user


@sensitive_variables()
def _create_user(fields: dict[str, Any]) -> Any:
    """Make the account as the model's manager does. What ``create_user()`` does not take is written after it."""
    manager = UserModel._default_manager
    if hasattr(manager, "create_user"):
        taken = taken_by_manager(fields)
        try:
            user = manager.create_user(**{name: fields[name] for name in taken})
        except ValueError as error:
            if type(error) is not ValueError:
                raise
            # So Django's managers, and those made after them, refuse an account without a name or an address.
            raise DjangoValidationError(str(error)) from error
        left = [name for name in fields if name not in taken]
        for name in left:
            setattr(user, name, fields[name])
        if left:
            user.save()
        return user
    password = fields.pop("password")
    user = UserModel(**fields)
    user.set_password(password)
    user.save()
    return user


def refuse_existing(user: Any, given: Collection[str]) -> None:
    """Raise :class:`UserExists` if ``user`` breaks a uniqueness rule of the model, and 400 for its other rules."""
    # Nobody else can have a key that the model makes up itself. A key that people choose is looked up, because saving
    # would overwrite that account.
    made_up = ({user._meta.pk.name} - set(given)) | generated_names()
    try:
        user.validate_unique(exclude=made_up)
    except DjangoValidationError as error:
        raise _refusal(error, given) from error
    if IDENTIFIER in given and _is_found(user.get_username()):
        raise UserExists
    for model, constraints in user.get_constraints():
        for constraint in constraints:
            try:
                constraint.validate(model, user, exclude=made_up, using=router.db_for_write(model))
            except DjangoValidationError as error:
                if isinstance(constraint, models.UniqueConstraint):
                    raise UserExists from error
                raise _refusal(error, given) from error


def generated_names() -> set[str]:
    """The fields that the database computes. Before it has stored the account, nobody can read them."""
    return {field.name for field in UserModel._meta.concrete_fields if field.generated}


def _is_found(identifier: Any) -> bool:
    """Whether sign-in would find another account by ``identifier``, as in another case. Neither could sign in then."""
    find = getattr(type(UserModel._default_manager), "get_by_natural_key", None)
    if find in {None, BaseUserManager.get_by_natural_key}:
        return False  # Django's own finds what is stored, letter by letter.
    try:
        return identifiers.account_of(identifier) is not None
    except MultipleObjectsReturned:
        return True


def _refusal(error: DjangoValidationError, given: Collection[str]) -> Exception:
    """What answers ``error`` of the model's: ``UserExists`` for what was given and another account has, or else 400.

    A unique field that nobody was asked for is no account that exists. Its error names the field.
    """
    fields = error.error_dict if hasattr(error, "error_dict") else {}
    taken = {name for name, errors in fields.items() if {"unique", "unique_together"} & {each.code for each in errors}}
    if taken & {NON_FIELD_ERRORS, *given}:
        return UserExists()
    return validation_error(error)


def validation_error(error: DjangoValidationError) -> serializers.ValidationError:
    """``error`` as REST framework answers it."""
    detail = serializers.as_serializer_error(error)
    if NON_FIELD_ERRORS in detail:
        detail[api_settings.NON_FIELD_ERRORS_KEY] = detail.pop(NON_FIELD_ERRORS)
    return serializers.ValidationError(detail)


def _explain(error: IntegrityError, user: Any, given: Collection[str]) -> None:
    """Raise what answers an account that the database has refused with ``error``, if that can be told."""
    refuse_existing(user, given)  # Of another sign-up at the same time.
    # An account that the model's own validation does not find, because the default manager hides it or because it is
    # stored in another case.
    for names in _unique_names(user):
        lookups: dict[str, Any] = {}
        for field in map(UserModel._meta.get_field, names):
            value = field.value_from_object(user)
            if value is None and isinstance(field, models.CharField | models.TextField):
                value = ""  # A manager may store that where nothing was given.
            lookups[f"{field.attname}__iexact" if isinstance(value, str) else field.attname] = value
        if lookups and None not in lookups.values() and UserModel._base_manager.filter(**lookups).exists():
            raise UserExists if set(names) & set(given) else _required(names)
    if any(name in str(error) for name in generated_names()):
        raise UserExists  # The database alone knows their values.
    missing = [name for name in never_filled(given) if name in str(error)]
    if missing:
        logger.error("The database takes no account without %s (fastauth_django.W058)", ", ".join(missing))
        raise _required(missing)


def _unique_names(user: Any) -> Iterator[Collection[str]]:
    """The fields, by themselves and together, that no two accounts may have alike."""
    yield from ([field.name] for field in user._meta.concrete_fields if field.unique and not field.generated)
    for model, constraints in user.get_constraints():
        yield from model._meta.unique_together
        for constraint in constraints:
            if isinstance(constraint, models.UniqueConstraint):
                parts: Any = [part for each in constraint.expressions for part in ExpressionList(each).flatten()]
                yield constraint.fields or [part.name for part in parts if hasattr(part, "name")]  # Of each F().


def _required(names: Iterable[str]) -> serializers.ValidationError:
    return serializers.ValidationError({name: [serializers.Field.default_error_messages["required"]] for name in names})
