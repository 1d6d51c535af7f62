"""What the routes take in and give out. The fields follow the project's user model."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from inspect import Parameter, signature
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import NON_FIELD_ERRORS, FieldDoesNotExist, MultipleObjectsReturned
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, models, router, transaction
from django.db.models.expressions import ExpressionList
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import ISO_8601, serializers
from rest_framework.settings import api_settings
from rest_framework.utils.model_meta import get_field_info
from rest_framework.validators import UniqueValidator

from . import identifiers
from .conf import conf
from .exceptions import InvalidCredentials, UserExists
from .models import AuthSession
from .replicas import read_from_primary
from .throttling import verify_credentials

UserModel: Any = get_user_model()
logger = logging.getLogger("fastauth_django")

PASSWORD_LENGTH = 4096  # Far over any password; a longer one only costs the time to hash it.


def _present(*names: str) -> list[str]:
    """Those of ``names`` that are fields of the user model, each once."""
    present = []
    for name in dict.fromkeys(names):
        try:
            UserModel._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        present.append(name)
    return present


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
_OFFERED = _present("name", UserModel.get_email_field_name())
#: What sign-up requires. A field that is not editable is the model's own to fill in.
REQUIRED = [
    name
    for name in _present(IDENTIFIER, *UserModel.REQUIRED_FIELDS, *filter(_is_needed, _OFFERED))
    if UserModel._meta.get_field(name).editable
]
OPTIONAL = [name for name in _OFFERED if name not in REQUIRED]


class PasswordField(serializers.CharField):
    """A password: taken as it was typed, never given out."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs = {"trim_whitespace": False, "max_length": PASSWORD_LENGTH, "write_only": True, **kwargs}
        super().__init__(style={"input_type": "password"}, **kwargs)


class UserSerializer(serializers.ModelSerializer):
    """The signed-in user, to the user."""

    class Meta:
        model = UserModel
        # For a model of several tables, REST framework's key is the one that the links between them repeat.
        fields = _present(get_field_info(UserModel).pk.name, IDENTIFIER, UserModel.get_email_field_name(), "name")
        read_only_fields = fields

    def to_representation(self, instance: Any) -> Any:
        # Only this class shares one instance: a project's own may choose its fields by the request.
        serializer = _user_serializer() if self.__class__ is UserSerializer else self
        return super(UserSerializer, serializer).to_representation(instance)


@cache
def _user_serializer() -> UserSerializer:
    """One instance for all users, because REST framework builds the fields anew for each instance."""
    return UserSerializer()


class Confidential:
    """Hides the data in a serializer's ``repr``. REST framework's own prints it, passwords too."""

    def __repr__(self) -> str:
        return f"<{self.__class__.__name__}>"


class LoginSerializer(Confidential, serializers.Serializer):
    """An identifier and a password; ``remember`` lets the session last longer."""

    # A replacement of this class must put the user into ``validated_data["user"]``.

    password = PasswordField()
    remember = serializers.BooleanField(default=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        return {IDENTIFIER: serializers.CharField(max_length=1024), **super().get_fields()}

    def find_identifier(self, typed: str) -> str:
        """The identifier of the account that somebody means who typed ``typed``. A subclass may look up an address.

        What was typed counts against the limit on failures, whatever this returns.
        """
        return typed

    @sensitive_variables("attrs")
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        request = self.context["request"]._request
        typed = identifiers.as_stored(attrs[IDENTIFIER])
        with read_from_primary():
            identifier = self.find_identifier(typed)
        return {**attrs, "user": verify_credentials(request, typed, attrs["password"], identifier)}


class RegisterSerializer(Confidential, serializers.ModelSerializer):
    """A new account: the identifier, what the user model requires, a password, and name and email where it has them."""

    # If the account exists already, the refusal is UserExists (409), no field error, even if a racing sign-up made it
    # after the check.

    class Meta:
        model = UserModel
        fields = [*dict.fromkeys([*REQUIRED, *OPTIONAL]), "password"]
        extra_kwargs = {
            **{name: {"required": True, "allow_null": False} for name in REQUIRED},
            **{name: {"required": False, "allow_null": True} for name in OPTIONAL},
        }

    password = PasswordField()

    def build_standard_field(self, field_name: str, model_field: Any) -> tuple[Any, dict[str, Any]]:
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        if field_name in REQUIRED:
            kwargs.pop("allow_blank", None)
        return field_class, _without_unique(kwargs)

    def build_relational_field(self, field_name: str, relation_info: Any) -> tuple[Any, dict[str, Any]]:
        field_class, kwargs = super().build_relational_field(field_name, relation_info)
        return field_class, _without_unique(kwargs)

    def get_unique_together_validators(self) -> list[Any]:
        return []

    @sensitive_variables("attrs", "password")
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = {
            # Not every manager stores a name in this form, and sign-in would not find the account. A full-width twin of
            # another's name would fail in the database.
            name: identifiers.as_stored(value) if name == IDENTIFIER else value
            for name, value in attrs.items()
            if value not in (None, "")
        }
        user = self._unsaved(attrs)
        try:
            validate_password(attrs["password"], user=user)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        _refuse_existing(user, attrs.keys())
        return attrs

    @sensitive_variables("validated_data", "fields")
    def create(self, validated_data: dict[str, Any]) -> Any:
        relations = [field.name for field in UserModel._meta.many_to_many if field.name in validated_data]
        fields = {name: value for name, value in validated_data.items() if name not in relations}
        try:
            with transaction.atomic(using=router.db_for_write(UserModel)):
                user = _create_user(fields)
                for name in relations:
                    getattr(user, name).set(validated_data[name])
        except IntegrityError as error:
            _explain(error, self._unsaved(validated_data), validated_data.keys())
            raise
        except DjangoValidationError as error:
            raise _refusal(error, validated_data.keys()) from error
        return user

    @staticmethod
    def _unsaved(attrs: dict[str, Any]) -> Any:
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
            if field.name == UserModel.get_email_field_name():
                value = BaseUserManager.normalize_email(value)
            setattr(user, field.name, value)
        return user


def _without_unique(kwargs: dict[str, Any]) -> dict[str, Any]:
    """``kwargs`` of a field without the validator that would answer 400 for an account that exists."""
    if "validators" in kwargs:
        kwargs["validators"] = [each for each in kwargs["validators"] if not isinstance(each, UniqueValidator)]
    return kwargs


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


def _refuse_existing(user: Any, given: Collection[str]) -> None:
    """Raise :class:`UserExists` if ``user`` breaks a uniqueness rule of the model, and 400 for its other rules."""
    # Nobody else can have a key that the model makes up itself. A key that people choose is looked up, because saving
    # would overwrite that account.
    made_up = {user._meta.pk.name} - set(given)
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
    _refuse_existing(user, given)  # Of another sign-up at the same time.
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
    missing = [name for name in never_filled(given) if name in str(error)]
    if missing:
        logger.error("Nobody can sign up: the database needs %s (fastauth_django.W058)", ", ".join(missing))
        raise _required(missing)


def _unique_names(user: Any) -> Iterator[Collection[str]]:
    """The fields, by themselves and together, that no two accounts may have alike."""
    yield from ([field.name] for field in user._meta.concrete_fields if field.unique)
    for model, constraints in user.get_constraints():
        yield from model._meta.unique_together
        for constraint in constraints:
            if isinstance(constraint, models.UniqueConstraint):
                parts: Any = [part for each in constraint.expressions for part in ExpressionList(each).flatten()]
                yield constraint.fields or [part.name for part in parts if hasattr(part, "name")]  # Of each F().


def _required(names: Iterable[str]) -> serializers.ValidationError:
    return serializers.ValidationError({name: [serializers.Field.default_error_messages["required"]] for name in names})


class RefreshSerializer(Confidential, serializers.Serializer):
    """A refresh token in the body, for a client that keeps no cookies."""

    refresh_token = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=8192, write_only=True
    )


class ChangePasswordSerializer(Confidential, serializers.Serializer):
    """The current password, verified like a sign-in, and a new one that the project's validators accept."""

    current_password = PasswordField()
    new_password = PasswordField()

    @sensitive_variables("attrs")
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        request = self.context["request"]
        try:
            # With the limit on failed sign-ins. Without it, anybody at an open browser could guess passwords.
            typed = identifiers.text_of(request.user, IDENTIFIER)
            verified = verify_credentials(request._request, typed, attrs["current_password"])
            if verified.pk != request.user.pk:
                raise InvalidCredentials  # Somebody else has this name and this password: not the one who asks.
        except InvalidCredentials as error:
            # 400, not 401: after a 401 a client refreshes and tries again, and the failure would count twice.
            raise serializers.ValidationError({"current_password": [_("The current password is wrong.")]}) from error
        try:
            validate_password(attrs["new_password"], user=request.user)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"new_password": error.messages}) from error
        return attrs


class SessionSerializer(serializers.ModelSerializer):
    """One device in the list of the user's sessions."""

    # The client parses them, whatever the project's DATETIME_FORMAT is.
    created_at = serializers.DateTimeField(read_only=True, format=ISO_8601)
    last_used_at = serializers.DateTimeField(source="rotated_at", read_only=True, format=ISO_8601)
    expires_at = serializers.DateTimeField(read_only=True, format=ISO_8601)
    device_bound = serializers.BooleanField(
        source="is_device_bound", read_only=True, help_text=_("Whether only this device's key renews the session.")
    )
    current = serializers.SerializerMethodField()

    class Meta:
        model = AuthSession
        fields = [
            "id",
            "created_at",
            "last_used_at",
            "expires_at",
            "ip_address",
            "user_agent",
            "device_bound",
            "current",
        ]
        read_only_fields = fields

    def get_current(self, session: AuthSession) -> bool:
        """Whether this is the session that asks."""
        return bool(session.pk == getattr(self.context["request"].auth, "session_id", None))


# --- Bodies that the views write themselves. These describe them, in the OpenAPI document -----------------------------


class ErrorSerializer(serializers.Serializer):
    detail = serializers.CharField(help_text="For people, in their language.")
    code = serializers.CharField(help_text="For programs.")
    retry_after = serializers.IntegerField(required=False, help_text="Seconds to wait, in a 429 and a 503.")


class MessageSerializer(serializers.Serializer):
    message = serializers.CharField()


class LifetimesSerializer(serializers.Serializer):
    expires_in = serializers.IntegerField(help_text="What is left of the access token's life, in seconds.")
    refresh_expires_in = serializers.IntegerField(
        help_text="What is left of the session's life, in seconds, if it is not refreshed."
    )


class TokensInCookiesSerializer(LifetimesSerializer, MessageSerializer):
    pass


class TokensInBodySerializer(LifetimesSerializer):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    # No choices: drf-spectacular makes a component of each enum, and its name might be the project's.
    token_type = serializers.RegexField("^bearer$")


class WithUser(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        user = conf.USER_SERIALIZER(context=self.context)
        # Without declared fields it may give out anything.
        return {**super().get_fields(), "user": user if getattr(user, "fields", True) else serializers.DictField()}


class TokensInCookiesWithUserSerializer(WithUser, TokensInCookiesSerializer):
    pass


class TokensInBodyWithUserSerializer(WithUser, TokensInBodySerializer):
    pass


class AccountInactiveSerializer(WithUser, MessageSerializer):
    pass


class DeviceScopeSerializer(serializers.Serializer):
    include_site = serializers.BooleanField()


class DeviceCredentialSerializer(serializers.Serializer):
    type = serializers.CharField()
    name = serializers.CharField()
    attributes = serializers.CharField()


class DeviceInstructionsSerializer(serializers.Serializer):
    """JSON session instructions of the DBSC draft."""

    session_identifier = serializers.CharField()
    refresh_url = serializers.CharField()
    scope = DeviceScopeSerializer()
    credentials = DeviceCredentialSerializer(many=True)
    allowed_refresh_initiators = serializers.ListField(child=serializers.CharField(), required=False)
