"""Signing up."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in
from django.db import IntegrityError, models
from django.db.models import Q
from django.db.models.functions import Lower

from fastauth_django import serializers
from fastauth_django.cookies import CookieTooLarge
from fastauth_django.models import AuthSession
from fastauth_django.signals import user_signed_up
from tests.clients import ACCESS, REFRESH
from tests.factories import identifier_for, make_account, sign_up_data
from tests.reading import (
    access_claims,
    holds_token,
    is_alive,
    listening,
    revoked_reason,
    session_of,
    sets_cookies,
    touches_no_cookie,
)

pytestmark = pytest.mark.django_db

User = get_user_model()
IDENTIFIER = User.USERNAME_FIELD


def sign_up(client, name="grace", route="/auth/register", **fields):
    return client.post(route, {**sign_up_data(name), **fields}, format="json")


def users():
    return User._default_manager.filter(**{IDENTIFIER: identifier_for("grace")})


def test_sign_up_answers_201_with_two_cookies_and_no_token_in_the_body(browser):
    response = sign_up(browser)

    user = users().get()
    body = response.json()
    described = body.pop("user")
    assert response.status_code == 201
    assert body == {"message": "Authentication successful", "expires_in": 900, "refresh_expires_in": 2_592_000}
    assert described["id"] == (user.pk if isinstance(user.pk, int) else str(user.pk))
    assert described[IDENTIFIER] == user.get_username()
    assert "password" not in described
    assert set(response.cookies) == {ACCESS, REFRESH}
    assert not holds_token(response)


def test_sign_up_signs_in(browser):
    sign_up(browser)

    assert browser.get("/private").json() == {"user": identifier_for("grace")}


def test_sign_up_in_json_delivery_answers_with_the_pair_and_sets_no_cookie(native_app):
    response = sign_up(native_app, route="/app/register")

    body = response.json()
    assert response.status_code == 201
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in", "user"}
    assert (body["token_type"], body["expires_in"], body["refresh_expires_in"]) == ("bearer", 900, 2_592_000)
    assert touches_no_cookie(response)
    assert access_claims(body["access_token"])["user_id"] == str(users().get().pk)


def test_password_is_stored_hashed_and_works(browser):
    data = sign_up_data()
    browser.post("/auth/register", data, format="json")

    assert data["password"] not in users().get().password
    assert users().get().check_password(data["password"])


@pytest.mark.parametrize(
    "password",
    [" leading and trailing ", "\tß∂ƒ 密码 🔑 pässword", "small letters and nothing else", "a hundred characters " * 5],
    ids=["blanks", "scripts", "one kind", "long"],
)
def test_password_is_taken_as_it_was_typed(browser, password):
    assert sign_up(browser, password=password).status_code == 201

    assert users().get().check_password(password)


def test_sign_up_takes_a_form(browser):
    assert browser.post("/auth/register", sign_up_data(), format="multipart").status_code == 201


def test_sign_up_ignores_fields_that_are_nobodys_to_choose(browser):
    sign_up(browser, is_staff=True, is_superuser=True, is_active=False, id=77, pk=77)

    user = users().get()
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert user.pk != 77


@pytest.mark.parametrize(("name", "stored"), [("Grace", "Grace"), (None, ""), ("", "")], ids=["given", "null", "empty"])
def test_name_is_optional_and_kept_where_the_model_has_one(browser, name, stored):
    response = browser.post("/auth/register", {**sign_up_data(), "name": name}, format="json")

    assert response.status_code == 201
    assert response.json()["user"].get("name") == (stored if hasattr(User, "name") else None)


def test_email_is_optional_where_it_is_not_the_identifier(browser):
    data = sign_up_data()
    data.pop("email", None)

    expected = 400 if "email" in {IDENTIFIER, *User.REQUIRED_FIELDS} else 201
    assert browser.post("/auth/register", data, format="json").status_code == expected


# --- The password's validators --------------------------------------------------------------------------------------


def test_password_is_validated(browser):
    response = sign_up(browser, password="short")

    assert response.status_code == 400
    assert response.json() == {"password": ["This password is too short. It must contain at least 8 characters."]}
    assert not users().exists()
    assert touches_no_cookie(response)


def test_validators_see_the_user_at_hand(browser, settings):
    settings.AUTH_PASSWORD_VALIDATORS = [
        {
            "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
            "OPTIONS": {"user_attributes": [IDENTIFIER]},
        }
    ]

    response = sign_up(browser, password=identifier_for("grace") + "1")

    assert response.status_code == 400
    assert "too similar" in response.json()["password"][0]


# --- An account that exists -----------------------------------------------------------------------------------------


def test_identifier_that_is_taken_is_a_409(browser, account):
    response = sign_up(browser, "ada")

    assert response.status_code == 409
    assert response.json() == {"detail": "A user with these details already exists.", "code": "user_exists"}
    assert touches_no_cookie(response)
    assert User._default_manager.count() == 1


def test_sign_up_over_a_taken_identifier_leaves_its_password_alone(browser, account):
    sign_up(browser, "ada", password="another password 7")

    assert browser.sign_in(account).status_code == 200


def test_twin_that_the_manager_would_write_the_same_way_is_taken(browser, account):
    twin = "ada@EXAMPLE.com" if IDENTIFIER == "email" else "\uff41\uff44\uff41"

    assert sign_up(browser, **{IDENTIFIER: twin}).status_code == 409


@pytest.fixture
def racing_sign_up(monkeypatch):
    """Another sign-up with the same identifier that lands between the check and the write of this one."""
    refuse_existing = serializers._refuse_existing

    def lose(user, given):
        refuse_existing(user, given)
        monkeypatch.setattr(serializers, "_refuse_existing", refuse_existing)
        make_account("grace")

    monkeypatch.setattr(serializers, "_refuse_existing", lose)


@pytest.mark.usefixtures("racing_sign_up")
def test_sign_up_that_loses_a_race_is_a_409(browser):
    response = sign_up(browser)

    assert response.status_code == 409
    assert response.json()["code"] == "user_exists"
    assert users().count() == 1
    assert AuthSession.objects.count() == 0


@pytest.mark.usefixtures("racing_sign_up")
@pytest.mark.django_db(transaction=True)
def test_sign_up_that_loses_a_race_is_a_409_outside_of_a_test_transaction(browser):
    assert sign_up(browser).status_code == 409
    assert users().count() == 1


@pytest.mark.usefixtures("racing_sign_up")
def test_sign_up_whose_transaction_cannot_see_the_winner_is_a_409(browser, monkeypatch):
    """As under REPEATABLE READ, where the winner is newer than the loser's snapshot."""

    def fail(serializer, validated_data):
        raise IntegrityError("UNIQUE constraint failed")

    monkeypatch.setattr(serializers.RegisterSerializer, "create", fail)

    assert sign_up(browser).status_code == 409


def test_name_that_the_manager_folds_is_a_409_too(browser, account, monkeypatch):
    create_user = serializers._create_user

    def fold(fields):
        return create_user({**fields, IDENTIFIER: fields[IDENTIFIER].lower()})

    monkeypatch.setattr(serializers, "_create_user", fold)

    response = sign_up(browser, **{IDENTIFIER: identifier_for("ADA")})

    assert response.status_code == 409


def test_integrity_error_of_another_kind_is_not_taken_for_a_duplicate(browser, monkeypatch):
    def fail(fields):
        raise IntegrityError("a trigger of the project's own")

    monkeypatch.setattr(serializers, "_create_user", fail)

    with pytest.raises(IntegrityError, match="trigger"):
        sign_up(browser)


def test_case_insensitive_constraint_of_the_model_is_a_409(browser, account, monkeypatch):
    unique = models.UniqueConstraint(Lower(IDENTIFIER), name="one_case")
    monkeypatch.setattr(User._meta, "constraints", [unique])

    assert sign_up(browser, **{IDENTIFIER: identifier_for("ADA")}).status_code == 409


def test_other_rules_of_the_model_are_a_400(browser, monkeypatch):
    reserved = models.CheckConstraint(
        condition=~Q(**{f"{IDENTIFIER}__startswith": "root"}), name="reserved", violation_error_message="Reserved."
    )
    monkeypatch.setattr(User._meta, "constraints", [reserved])

    response = sign_up(browser, "root")

    assert response.status_code == 400
    assert response.json() == {"non_field_errors": ["Reserved."]}
    assert sign_up(browser, "grace").status_code == 201


# --- Settings -------------------------------------------------------------------------------------------------------


def test_sign_up_can_be_switched_off(browser, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "SIGN_UP_ENABLED": False}

    response = sign_up(browser)

    assert response.status_code == 403
    assert response.json() == {"detail": "Sign-up is disabled.", "code": "sign_up_disabled"}
    assert not users().exists()


class GroupedRegisterSerializer(serializers.RegisterSerializer):
    """A project's own: newcomers choose their groups."""

    class Meta(serializers.RegisterSerializer.Meta):
        fields = [*serializers.RegisterSerializer.Meta.fields, "groups"]


def test_serializer_of_the_project_is_used(browser, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "REGISTER_SERIALIZER": f"{__name__}.GroupedRegisterSerializer"}
    group = Group.objects.create(name="mathematicians")

    response = sign_up(browser, groups=[group.pk])

    assert response.status_code == 201
    assert list(users().get().groups.all()) == [group]


class MinimalUserSerializer(serializers.serializers.Serializer):
    hello = serializers.serializers.CharField(source="get_username")


def test_user_is_described_as_the_project_says(browser, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "USER_SERIALIZER": f"{__name__}.MinimalUserSerializer"}

    assert sign_up(browser).json()["user"] == {"hello": identifier_for("grace")}


class PatientRegisterSerializer(serializers.RegisterSerializer):
    """A project's own: accounts have to be activated by mail."""

    def create(self, validated_data):
        return super().create({**validated_data, "is_active": False})


def test_account_that_is_not_active_yet_is_not_signed_in(browser, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "REGISTER_SERIALIZER": f"{__name__}.PatientRegisterSerializer"}

    with listening(user_signed_up, user_logged_in) as heard:
        response = sign_up(browser)

    body = response.json()
    assert response.status_code == 201
    assert body.pop("user")[IDENTIFIER] == identifier_for("grace")
    assert body == {"message": "The account has to be activated first."}
    assert touches_no_cookie(response)
    assert AuthSession.objects.count() == 0
    assert [signal for signal, _arguments in heard] == [user_signed_up]


def test_manager_without_create_user_will_do(browser, monkeypatch):
    plain = models.Manager()
    plain.model = User
    monkeypatch.setitem(User._meta.__dict__, "default_manager", plain)

    assert sign_up(browser).status_code == 201
    assert users().get().check_password(sign_up_data()["password"])


def test_account_whose_owner_cannot_be_let_in_is_not_created(browser, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": lambda user, claims: {**claims, "x": "x" * 5000}}

    with pytest.raises(CookieTooLarge):
        sign_up(browser)

    assert not users().exists()


# --- Signals and the session of before ------------------------------------------------------------------------------


def test_signals_tell_of_the_sign_up_and_then_of_the_sign_in(browser):
    with listening(user_signed_up, user_logged_in) as heard:
        sign_up(browser)

    user = users().get()
    assert [signal for signal, _arguments in heard] == [user_signed_up, user_logged_in]
    for _signal, arguments in heard:
        assert arguments["sender"] is User
        assert arguments["user"] == user
        assert arguments["request"].path == "/auth/register"


def test_signing_up_over_a_session_ends_it(signed_in):
    before = session_of(signed_in)

    sign_up(signed_in)

    assert revoked_reason(before) == "replaced"
    assert signed_in.get("/private").json() == {"user": identifier_for("grace")}


def test_sign_up_that_fails_leaves_the_session_of_before(signed_in):
    sign_up(signed_in, password="x")

    assert is_alive(session_of(signed_in))


def test_sign_up_records_the_device(browser):
    response = browser.post(
        "/auth/register", sign_up_data(), format="json", REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT="Navigator/4.0"
    )

    session = AuthSession.objects.get()
    assert sets_cookies(response)
    assert (session.ip_address, session.user_agent) == ("192.0.2.7", "Navigator/4.0")
    assert session.remember is False
