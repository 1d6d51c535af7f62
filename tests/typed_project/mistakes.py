"""Code of a project with mistakes. A type checker finds each, where a comment says so."""

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import Client

from fastauth_django import sign_in, sign_out, update_session_auth_hash
from fastauth_django.conf import FastAuthSettings
from fastauth_django.test import force_sign_in
from fastauth_django.views import LoginView

misspelt: FastAuthSettings = {"COOKIE_SAMSITE": "lax"}  # error: typeddict-unknown-key
a_typo: FastAuthSettings = {"TOKEN_DELIVERY": "cookies"}  # error: typeddict-item
one_origin: FastAuthSettings = {"CORS_ORIGINS": "https://app.example.com"}  # error: typeddict-item
no_name: FastAuthSettings = {"COOKIE_FORMER": [{"path": "/"}]}  # error: typeddict-item


def swapped(request: HttpRequest, response: HttpResponse, user: User) -> None:
    sign_in(response, request, user)  # error: arg-type
    sign_in(request, user, response)  # error: arg-type
    sign_in(request, response, AnonymousUser())  # error: arg-type
    sign_in(request, response, user.pk)  # error: arg-type
    sign_in(request, response, user, token_delivery="header")  # error: arg-type
    sign_in(request, response, user, remember_me=True)  # error: call-arg
    sign_out(request, response, "a refresh token")  # error: call-arg
    sign_out(request)  # error: call-arg
    update_session_auth_hash(request, user)  # error: call-arg


def test_mistakes(user: User) -> None:
    force_sign_in(user, Client())  # error: arg-type
    force_sign_in(Client(), "ada")  # error: arg-type


class OwnLogin(LoginView):
    token_delivery = "cookies"  # error: assignment
