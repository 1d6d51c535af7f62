"""Code of a project that passes mypy's strict mode."""

from typing import Any, assert_type
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import AsyncClient, Client
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from fastauth_django import refuse_forgery, sign_in, sign_out, update_session_auth_hash
from fastauth_django.authentication import CookieJWTAuthentication
from fastauth_django.conf import Delivery
from fastauth_django.middleware import AuthCookieMiddleware
from fastauth_django.models import AuthSession
from fastauth_django.test import aforce_sign_in, force_sign_in
from fastauth_django.tokens import AccessToken, TokenPair
from fastauth_django.views import LoginView
from pytest_fastauth_django import SignInClient


def claims(user: User, claims: dict[str, Any]) -> dict[str, Any]:
    return {**claims, "staff": user.is_staff}


def accept_invitation(request: HttpRequest, username: str) -> HttpResponse:
    refuse_forgery(request)
    user = User.objects.get(username=username)
    response = HttpResponseRedirect("/")
    assert_type(sign_in(request, response, user, remember=True), TokenPair)
    return response


class Devices(APIView):
    authentication_classes = [CookieJWTAuthentication]

    def post(self, request: Request, delivery: Delivery = "json") -> Response:
        refuse_forgery(request)
        user = User.objects.get()
        response = Response()
        pair = sign_in(request, response, user, token_delivery=delivery)
        response.data = pair.as_json()
        assert_type((pair.access, pair.refresh, pair.access_max_age, pair.refresh_max_age), tuple[str, str, int, int])
        return response

    def delete(self, request: Request) -> Response:
        response = Response()
        ended = sign_out(request, response, refresh_token="", token_delivery="cookie")
        assert_type(ended, list[AuthSession])
        assert_type([session.pk for session in ended], list[UUID])
        return response


def password_form(request: HttpRequest, user: User) -> HttpResponse:
    response = HttpResponse()
    assert_type(update_session_auth_hash(request, response, user, token_delivery="cookie"), TokenPair | None)
    return response


class NativeLoginView(LoginView):
    token_delivery = "json"


class NoStaff(CookieJWTAuthentication):
    def get_validated_token(self, raw_token: bytes | str) -> AccessToken:
        return super().get_validated_token(raw_token)

    def get_user(self, validated_token: Any) -> Any:
        user = super().get_user(validated_token)
        if user.is_staff:
            raise AuthenticationFailed
        return user


class Middleware(AuthCookieMiddleware):
    authentication_class = NoStaff


def sessions_of(user: User) -> list[AuthSession]:
    alive = AuthSession.objects.live().filter(user=user)
    assert_type(alive.first(), AuthSession | None)
    return list(alive)


def test_devices(sign_in_client: SignInClient, user: User) -> None:
    assert_type(sign_in_client(user, remember=True), APIClient)
    assert_type(force_sign_in(Client(), user), TokenPair)
    force_sign_in(APIClient(), user, token_delivery="json")


async def test_devices_asynchronously(user: User) -> None:
    assert_type(await aforce_sign_in(AsyncClient(), user, remember=True), TokenPair)
