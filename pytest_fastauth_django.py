"""The pytest plugin of fastauth_django.

A module beside the package: pytest imports it at the start of every run, before Django knows its settings and before
coverage is measured, so it imports nothing of either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from rest_framework.test import APIClient

    from fastauth_django.conf import Delivery


class SignInClient(Protocol):
    """What the fixture ``sign_in_client`` gives."""

    def __call__(
        self, user: AbstractBaseUser, *, remember: bool = False, token_delivery: Delivery | None = None
    ) -> APIClient: ...


@pytest.fixture
def sign_in_client() -> SignInClient:
    """A function that returns a client on which a user is signed in: ``sign_in_client(user).get("/auth/me")``.

    Each call makes a client of its own, a REST framework ``APIClient``. Options as for
    ``fastauth_django.test.force_sign_in``.
    """
    from rest_framework.test import APIClient

    from fastauth_django.test import force_sign_in

    def sign_in_client(
        user: AbstractBaseUser, *, remember: bool = False, token_delivery: Delivery | None = None
    ) -> APIClient:
        client = APIClient()
        force_sign_in(client, user, remember=remember, token_delivery=token_delivery)
        return client

    return sign_in_client
