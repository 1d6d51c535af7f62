"""Signing up."""

import json

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models
from django.db.models import NOT_PROVIDED, Q
from django.db.models.functions import Lower
from django.db.models.signals import post_save, pre_save

from fastauth_django import accounts, serializers
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
    refuse_existing = accounts.refuse_existing

    def lose(user, given):
        refuse_existing(user, given)
        monkeypatch.setattr(accounts, "refuse_existing", refuse_existing)
        make_account("grace")

    monkeypatch.setattr(accounts, "refuse_existing", lose)


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
    create_user = accounts._create_user

    def fold(fields):
        return create_user({**fields, IDENTIFIER: fields[IDENTIFIER].lower()})

    monkeypatch.setattr(accounts, "_create_user", fold)

    response = sign_up(browser, **{IDENTIFIER: identifier_for("ADA")})

    assert response.status_code == 409


def test_integrity_error_of_another_kind_is_not_taken_for_a_duplicate(browser, monkeypatch):
    def fail(fields):
        raise IntegrityError("a trigger of the project's own")

    monkeypatch.setattr(accounts, "_create_user", fail)

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


# --- Models and managers with a will of their own. tests/user_models has more of them, each from end to end ----------


@pytest.fixture
def manager(monkeypatch):
    """``manager(create_user)``: the user model's default manager makes accounts so."""

    def replace(create_user):
        monkeypatch.setattr(type(User._default_manager), "create_user", create_user)

    return replace


def plain_user(fields):
    user = User(**fields)
    user.set_password(sign_up_data()["password"])
    user.save()
    return user


def test_fields_that_the_manager_does_not_take_are_written_after_it(browser, manager, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "REGISTER_SERIALIZER": f"{__name__}.PatientRegisterSerializer"}

    def create_user(self, email="", username="", city="", password=None):
        return plain_user({name: value for name, value in sign_up_data().items() if name != "password"})

    manager(create_user)

    assert sign_up(browser).status_code == 201
    assert users().get().is_active is False


def test_password_is_only_ever_given_to_the_manager(browser, manager):
    """Where it does not take one, writing it after would store it as it was typed."""

    def create_user(self, email="", username="", city=""):
        return plain_user({IDENTIFIER: email or username})

    manager(create_user)

    with pytest.raises(TypeError, match="password"):
        sign_up(browser)
    assert not users().exists()


@pytest.mark.parametrize("error", [ValueError, ValidationError])
def test_manager_that_refuses_is_a_400(browser, manager, error):
    def create_user(self, **fields):
        raise error("Users must have a telephone number.")

    manager(create_user)

    response = sign_up(browser)

    assert response.status_code == 400
    assert "Users must have a telephone number." in str(response.json())


def test_fault_of_the_manager_is_no_refusal(browser, manager):
    def create_user(self, **fields):
        return json.loads("")  # Its error is a ValueError, too.

    manager(create_user)

    with pytest.raises(json.JSONDecodeError):
        sign_up(browser)


UNIQUE = ValidationError("There is one already.", code="unique")


@pytest.mark.parametrize(
    ("errors", "status", "said"),
    [
        ({IDENTIFIER: UNIQUE}, 409, "user_exists"),
        ({NON_FIELD_ERRORS: ValidationError("Both.", code="unique_together")}, 409, "user_exists"),
        ({"badge": UNIQUE}, 400, {"badge": ["There is one already."]}),
        ({NON_FIELD_ERRORS: "Not like that."}, 400, {"non_field_errors": ["Not like that."]}),
    ],
)
def test_model_that_validates_itself_is_answered_as_a_form_would_be(browser, manager, errors, status, said):
    def create_user(self, **fields):
        raise ValidationError(errors)

    manager(create_user)

    response = sign_up(browser)

    assert response.status_code == status
    assert response.json().get("code", response.json()) == said


@pytest.mark.parametrize("signal", [pre_save, post_save, user_signed_up])
def test_receiver_that_finds_the_account_invalid_is_a_400_and_leaves_no_account(browser, signal):
    def refuse(sender, **kwargs):
        if sender is User:
            raise ValidationError({IDENTIFIER: "Not of this company."})

    signal.connect(refuse)
    try:
        response = sign_up(browser)
    finally:
        signal.disconnect(refuse)

    assert (response.status_code, response.json()) == (400, {IDENTIFIER: ["Not of this company."]})
    assert not users().exists()


def test_name_that_sign_in_would_find_in_another_case_is_taken(browser, account, monkeypatch):
    """Else a stranger could sign up beside Ada, and neither would be found any more."""

    def find(self, name):
        return self.get(**{f"{IDENTIFIER}__iexact": name})

    monkeypatch.setattr(type(User._default_manager), "get_by_natural_key", find)

    assert sign_up(browser, **{IDENTIFIER: identifier_for("Ada")}).status_code == 409
    make_account("ADA")
    assert sign_up(browser, **{IDENTIFIER: identifier_for("Ada")}).status_code == 409


class HidingManager(type(User._default_manager)):
    def get_queryset(self):
        return super().get_queryset().none()


def test_name_of_an_account_that_the_manager_hides_is_taken(browser, account, monkeypatch):
    hiding = HidingManager()
    hiding.model, hiding.name = User, "objects"
    monkeypatch.setitem(User._meta.__dict__, "default_manager", hiding)

    assert sign_up(browser, "ada").status_code == 409


def test_value_that_a_field_of_the_model_cannot_hold_is_a_400(browser, monkeypatch):
    def refuse(value):
        raise ValidationError("That is no number.")

    monkeypatch.setattr(User._meta.get_field(IDENTIFIER), "to_python", refuse)

    response = sign_up(browser)

    assert (response.status_code, response.json()) == (400, {IDENTIFIER: ["That is no number."]})


def test_relation_is_taken_as_it_is(monkeypatch):
    monkeypatch.setattr(User._meta.get_field("is_staff"), "is_relation", True)

    assert accounts.unsaved({"is_staff": "yes"}).is_staff == "yes"


class AnnotatingManager(type(User._default_manager)):
    def get_queryset(self):
        return super().get_queryset().annotate(initials=models.Value("GH"))


class InitialsSerializer(serializers.serializers.Serializer):
    initials = serializers.serializers.CharField()


def test_answer_has_what_the_default_manager_annotates(browser, monkeypatch, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "USER_SERIALIZER": f"{__name__}.InitialsSerializer"}
    annotating = AnnotatingManager()
    annotating.model, annotating.name = User, "objects"
    monkeypatch.setitem(User._meta.__dict__, "default_manager", annotating)

    assert sign_up(browser).json()["user"] == {"initials": "GH"}
    assert browser.get("/auth/me").json() == {"initials": "GH"}


def refused_by_the_database(monkeypatch):
    def fail(fields):
        raise IntegrityError("NOT NULL constraint failed: user.is_staff")

    monkeypatch.setattr(accounts, "_create_user", fail)


def test_pair_that_the_database_alone_finds_is_taken(browser, account, monkeypatch):
    """As where the manager hides the account that has it."""
    names = (IDENTIFIER, "is_staff")
    unique = models.UniqueConstraint(Lower(IDENTIFIER), "is_staff", name="pair")
    staff = models.CheckConstraint(condition=Q(is_staff=False), name="no_staff")
    monkeypatch.setattr(User._meta, "constraints", [staff, unique])
    monkeypatch.setattr(User._meta, "unique_together", [names])
    monkeypatch.setattr(accounts, "refuse_existing", lambda user, given: None)
    refused_by_the_database(monkeypatch)

    assert sign_up(browser, **{IDENTIFIER: identifier_for("ADA")}).status_code == 409
    with pytest.raises(IntegrityError):
        sign_up(browser)


def test_field_that_nobody_is_asked_for_is_named_and_told_to_the_log(browser, monkeypatch, caplog):
    monkeypatch.setattr(User._meta.get_field("is_staff"), "default", NOT_PROVIDED)
    monkeypatch.setattr(User._meta.get_field("is_staff"), "_get_default", lambda: None)
    refused_by_the_database(monkeypatch)

    response = sign_up(browser)

    assert (response.status_code, response.json()) == (400, {"is_staff": ["This field is required."]})
    assert "no account without is_staff" in caplog.text


def test_field_that_must_differ_and_that_nobody_gave_is_required(account, monkeypatch):
    """It may be NULL, but the manager stores "" for it, and another account has that. 409 would be misleading."""
    User._default_manager.update(password="")
    monkeypatch.setattr(User._meta.get_field("password"), "_get_default", lambda: None)
    monkeypatch.setattr(accounts, "_unique_names", lambda user: [["password"]])

    with pytest.raises(serializers.serializers.ValidationError) as refusal:
        accounts._explain(IntegrityError(), User(**{IDENTIFIER: identifier_for("grace")}), given=[IDENTIFIER])

    assert refusal.value.detail == {"password": ["This field is required."]}


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


def test_whoever_signed_up_with_letters_of_another_width_signs_in_with_them(browser):
    """Sign-in reads names in one form (NFKC). A manager that stores what it gets would make an account nobody finds."""
    data = {**sign_up_data("grace"), IDENTIFIER: identifier_for("grace").replace("@e", "@\uff45")}

    assert browser.post("/auth/register", data, format="json").status_code == 201
    sign_in = {IDENTIFIER: data[IDENTIFIER], "password": data["password"]}
    assert browser.post("/auth/login", sign_in, format="json").status_code == 200
