"""Signed-in test clients, without a request to ``login``: for a project's own tests.

The counterparts of ``force_login`` of Django's test clients. With pytest, the fixture ``sign_in_client`` needs no
import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from rest_framework.test import APIClient
from rest_framework_simplejwt import settings as simplejwt

from .bearer import header_name, schemes
from .conf import Delivery, conf
from .delivery import sign_in
from .tokens import TokenPair

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


def force_sign_in(
    client: Client | AsyncClient,
    user: AbstractBaseUser,
    *,
    remember: bool = False,
    token_delivery: Delivery | None = None,
) -> TokenPair:
    """Sign ``user`` in on ``client``, as a request to ``login`` would, but without a password and without its cost.

    In cookie delivery this puts the two cookies into ``client.cookies``. In JSON delivery each later request has
    ``Authorization: Bearer``, or what ``SIMPLE_JWT`` says instead. It revokes a session whose cookies the client holds,
    and sends ``user_logged_in``.

    :param client: Django's ``Client`` or ``AsyncClient``, or REST framework's ``APIClient``.
    :param remember: let the session last ``REMEMBER_ME_TTL``.
    :param token_delivery: ``"cookie"`` or ``"json"``; ``FASTAUTH["TOKEN_DELIVERY"]`` if left out.
    :returns: the pair that was issued.
    """
    delivery = token_delivery or conf.TOKEN_DELIVERY
    factory = RequestFactory()
    factory.cookies = client.cookies
    response = HttpResponse()
    pair = sign_in(factory.post("/"), response, user, remember, token_delivery=delivery)
    if delivery == "cookie":
        client.cookies.update({key: morsel for key, morsel in response.cookies.items() if morsel.value})
        return pair
    key, value = simplejwt.api_settings.AUTH_HEADER_NAME, f"{schemes()[0]} {pair.access}"
    if isinstance(client, APIClient):
        client.credentials(**{key: value})
    else:
        headers: Any = client.defaults  # by ASGI's names or by WSGI's
        headers[header_name().lower() if isinstance(client, AsyncClient) else key] = value
    return pair


async def aforce_sign_in(
    client: Client | AsyncClient,
    user: AbstractBaseUser,
    *,
    remember: bool = False,
    token_delivery: Delivery | None = None,
) -> TokenPair:
    """:func:`force_sign_in` for asynchronous tests."""
    return await sync_to_async(force_sign_in)(client, user, remember=remember, token_delivery=token_delivery)
