"""Data for tests, for whichever user model the suite runs with."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model

PASSWORD = "correct horse battery 9"


@dataclass
class Account:
    """A user as a person knows it: what to type to sign in."""

    user: Any
    credentials: dict[str, str] = field(default_factory=dict)


def identifier_for(name: str) -> str:
    return f"{name}@example.com" if get_user_model().USERNAME_FIELD == "email" else name


def sign_up_data(name: str = "grace", password: str = PASSWORD) -> dict[str, str]:
    """The body of a sign-up that the user model accepts."""
    user_model = get_user_model()
    extra = {"email": f"{name}@example.com", "city": "London"}
    return {
        user_model.USERNAME_FIELD: identifier_for(name),
        **{required: extra[required] for required in user_model.REQUIRED_FIELDS},
        "password": password,
    }


def make_account(name: str = "ada", password: str = PASSWORD, **fields: Any) -> Account:
    data = {**sign_up_data(name, password), **fields}
    user = get_user_model()._default_manager.create_user(**data)
    identifier = get_user_model().USERNAME_FIELD
    return Account(user, {identifier: data[identifier], "password": password})
