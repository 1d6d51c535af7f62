"""What the routes take in and give out. The fields follow the project's user model."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import RegexValidator
from django.db import connections, router
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import ISO_8601, serializers
from rest_framework.utils.model_meta import get_field_info
from rest_framework.validators import UniqueValidator

from . import accounts, identifiers
from .accounts import IDENTIFIER, OPTIONAL, REQUIRED, UserModel, present
from .conf import conf
from .exceptions import InvalidCredentials
from .models import AuthSession
from .replicas import read_from_primary
from .throttling import verify_credentials

PASSWORD_LENGTH = 4096  # Far over any password; a longer one only costs the time to hash it.


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
        fields = present(get_field_info(UserModel).pk.name, IDENTIFIER, UserModel.get_email_field_name(), "name")
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


class OtherField(serializers.ModelField):
    """A field that REST framework does not know. What its ``to_python`` cannot read is refused with 400."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            value = identifiers.to_python(self.model_field, data)
            self.model_field.get_db_prep_save(value, connections[router.db_for_write(UserModel)])
        except identifiers.REFUSALS as error:
            raise serializers.ValidationError(RegexValidator.message, code="invalid") from error
        return value


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
        if field_class is serializers.ModelField:
            field_class = OtherField
        if field_name in REQUIRED:
            kwargs.pop("allow_blank", None)
        return field_class, _without_unique(kwargs)

    def build_relational_field(self, field_name: str, relation_info: Any) -> tuple[Any, dict[str, Any]]:
        field_class, kwargs = super().build_relational_field(field_name, relation_info)
        return field_class, _without_unique(kwargs)

    def get_uniqueness_extra_kwargs(self, field_names: Any, declared_fields: Any, extra_kwargs: Any) -> Any:
        return extra_kwargs, {}  # It makes the fields of a rule over several optional or required. That is decided.

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
        user = accounts.unsaved(attrs)
        try:
            validate_password(attrs["password"], user=user)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        accounts.refuse_existing(user, attrs.keys())
        return attrs

    @sensitive_variables("validated_data")
    def create(self, validated_data: dict[str, Any]) -> Any:
        return accounts.create(validated_data)


def _without_unique(kwargs: dict[str, Any]) -> dict[str, Any]:
    """``kwargs`` of a field without the validator that would answer 400 for an account that exists."""
    if "validators" in kwargs:
        kwargs["validators"] = [each for each in kwargs["validators"] if not isinstance(each, UniqueValidator)]
    return kwargs


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
