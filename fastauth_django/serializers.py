"""What the routes take in and give out. The fields follow the project's user model."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import FieldDoesNotExist
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, models, router, transaction
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import ISO_8601, serializers
from rest_framework.validators import UniqueValidator

from .conf import conf
from .exceptions import InvalidCredentials, UserExists
from .models import AuthSession
from .throttling import verify_credentials

UserModel: Any = get_user_model()

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


IDENTIFIER = UserModel.USERNAME_FIELD
REQUIRED = [IDENTIFIER, *UserModel.REQUIRED_FIELDS]
OPTIONAL = [name for name in _present("name", UserModel.get_email_field_name()) if name not in REQUIRED]


def _as_stored(identifier: str) -> str:
    """``identifier`` as Django's managers store it, so that ``ada@EXAMPLE.com`` signs in as they signed up."""
    normalized: str = UserModel.normalize_username(identifier)
    if UserModel.get_email_field_name() == IDENTIFIER:
        normalized = BaseUserManager.normalize_email(normalized)
    return normalized


class PasswordField(serializers.CharField):
    """A password: taken as it was typed, never given out."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs = {"trim_whitespace": False, "max_length": PASSWORD_LENGTH, "write_only": True, **kwargs}
        super().__init__(style={"input_type": "password"}, **kwargs)


class UserSerializer(serializers.ModelSerializer):
    """The signed-in user, to the user."""

    class Meta:
        model = UserModel
        fields = _present(UserModel._meta.pk.name, IDENTIFIER, UserModel.get_email_field_name(), "name")
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

    @sensitive_variables("attrs")
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        request = self.context["request"]._request
        return {**attrs, "user": verify_credentials(request, _as_stored(attrs[IDENTIFIER]), attrs["password"])}


class RegisterSerializer(Confidential, serializers.ModelSerializer):
    """A new account: the identifier, what the user model requires, a password, and name and email where it has them."""

    # If the account exists already, the refusal is UserExists (409), no field error, even if a racing sign-up made it
    # after the check.

    class Meta:
        model = UserModel
        fields = [*dict.fromkeys([*REQUIRED, *OPTIONAL]), "password"]
        extra_kwargs = {
            **{name: {"required": True} for name in REQUIRED},
            **{name: {"required": False, "allow_null": True} for name in OPTIONAL},
        }

    password = PasswordField()

    def build_standard_field(self, field_name: str, model_field: Any) -> tuple[Any, dict[str, Any]]:
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        validators = kwargs.get("validators", [])
        if validators:
            kwargs["validators"] = [each for each in validators if not isinstance(each, UniqueValidator)]
        if field_name in REQUIRED:
            kwargs.pop("allow_blank", None)
        return field_class, kwargs

    def get_unique_together_validators(self) -> list[Any]:
        return []

    @sensitive_variables("attrs", "password")
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = {name: value for name, value in attrs.items() if value is not None}
        user = self._unsaved(attrs)
        try:
            validate_password(attrs["password"], user=user)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        _refuse_existing(user)
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
        except IntegrityError:
            _refuse_existing(self._unsaved(validated_data))
            _refuse_folded(validated_data[IDENTIFIER])
            raise
        return user

    @staticmethod
    def _unsaved(attrs: dict[str, Any]) -> Any:
        columns = {field.name for field in UserModel._meta.concrete_fields} - {"password"}
        user = UserModel(**{name: value for name, value in attrs.items() if name in columns})
        # As create_user() will store it. Else a full-width twin of a name would pass here and fail in the database.
        setattr(user, IDENTIFIER, _as_stored(user.get_username()))
        email = UserModel.get_email_field_name()
        if email in columns:
            setattr(user, email, BaseUserManager.normalize_email(getattr(user, email)))
        return user


@sensitive_variables()
def _create_user(fields: dict[str, Any]) -> Any:
    manager = UserModel._default_manager
    if hasattr(manager, "create_user"):
        return manager.create_user(**fields)
    password = fields.pop("password")
    user = UserModel(**fields)
    user.set_password(password)
    user.save()
    return user


def _refuse_existing(user: Any) -> None:
    """Raise :class:`UserExists` if ``user`` breaks a uniqueness rule of the model, and 400 for its other rules."""
    # Nobody else can have a key that the model makes up itself. A key that people choose is looked up, because saving
    # would overwrite that account.
    made_up = {user._meta.pk.name} - {user.USERNAME_FIELD}
    try:
        user.validate_unique(exclude=made_up)
    except DjangoValidationError as error:
        raise UserExists from error
    for model, constraints in user.get_constraints():
        for constraint in constraints:
            try:
                constraint.validate(model, user, exclude=made_up, using=router.db_for_write(model))
            except DjangoValidationError as error:
                if isinstance(constraint, models.UniqueConstraint):
                    raise UserExists from error
                raise serializers.ValidationError(serializers.as_serializer_error(error)) from error


def _refuse_folded(identifier: str) -> None:
    """Raise :class:`UserExists` if the database refused a name because the manager stores names in one case."""
    if UserModel._base_manager.filter(**{f"{IDENTIFIER}__iexact": identifier}).exists():
        raise UserExists


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
            verified = verify_credentials(request._request, request.user.get_username(), attrs["current_password"])
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
