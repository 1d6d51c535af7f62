"""Can this app work with the classes and functions that the project names?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from inspect import getsource, signature
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import UserManager
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication

from ..accounts import never_filled, taken_by_manager
from ..authentication import CookieJWTAuthentication
from ..conf import conf
from ..models import AuthSession
from ..serializers import RegisterSerializer
from ..views import RegisterView
from . import messages, project

#: What this app uses of a user model, all of it defined by AbstractBaseUser.
USER_ATTRIBUTES = (
    "USERNAME_FIELD",
    "REQUIRED_FIELDS",
    "is_active",
    "get_username",
    "get_email_field_name",
    "set_password",
    "get_session_auth_hash",
    "get_session_auth_fallback_hash",
)


def faults() -> Iterator[checks.CheckMessage]:
    yield from _user_model_faults()
    yield from _serializer_faults()
    yield from _sign_up_faults()
    claims_fault = _claims_fault(conf.TOKEN_CLAIMS)
    if claims_fault is not None:
        yield messages.NOT_A_CLAIMS_FUNCTION(fault=claims_fault)
    yield from _authentication_faults()
    yield from _view_faults()


def _user_model_faults() -> Iterator[checks.CheckMessage]:
    user_model = get_user_model()
    missing = [name for name in USER_ATTRIBUTES if not hasattr(user_model, name)]
    backends = [project.imported(path) for path in django_settings.AUTHENTICATION_BACKENDS]
    looks_up = any(getattr(each, "authenticate", None) is ModelBackend.authenticate for each in backends)
    if looks_up and _call_fault(getattr(user_model._default_manager, "get_by_natural_key", None), "name"):
        missing.append("get_by_natural_key(name) in its default manager")
    if missing:
        yield messages.BROKEN_USER_MODEL(model=user_model._meta.label, missing=" and no ".join(missing))
    authenticates = [getattr(each(), "authenticate", None) for each in backends if isinstance(each, type)]
    credentials = {getattr(user_model, "USERNAME_FIELD", "username"): "name", "password": "password"}
    if authenticates and all(_call_fault(each, HttpRequest(), **credentials) for each in authenticates):
        yield messages.NO_BACKEND(field=user_model.USERNAME_FIELD)
    if router.db_for_write(user_model) != router.db_for_write(AuthSession):
        yield messages.TWO_DATABASES(model=user_model._meta.label)


def _call_fault(function: Any, *arguments: object, **keywords: object) -> str | None:
    """Why ``function`` cannot be called so, or None if it can, as far as anybody can tell."""
    try:
        signature(function).bind(*arguments, **keywords)
    except TypeError as error:
        return str(error)
    except ValueError:
        return None  # A function written in C may have no signature to look at.
    return None


def _serializer_faults() -> Iterator[checks.CheckMessage]:
    builtins = {
        "LOGIN_SERIALIZER": "LoginSerializer",
        "REGISTER_SERIALIZER": "RegisterSerializer",
        "USER_SERIALIZER": "UserSerializer",
    }
    for key, builtin in builtins.items():
        serializer = getattr(conf, key)
        if not isinstance(serializer, type) or not issubclass(serializer, BaseSerializer):
            yield messages.NOT_A_SERIALIZER(key=key, builtin=builtin, fault="is not a serializer class")
        elif key == "REGISTER_SERIALIZER" and _cannot_create(serializer):
            yield messages.NOT_A_SERIALIZER(key=key, builtin=builtin, fault="has no create() to make the account")
        elif key == "LOGIN_SERIALIZER" and getattr(serializer, "validate", None) is Serializer.validate:
            fault = 'has no validate() to put the user into validated_data["user"]'
            yield messages.NOT_A_SERIALIZER(key=key, builtin=builtin, fault=fault)
        elif reason := _fields_fault(serializer):
            yield messages.NOT_A_SERIALIZER(key=key, builtin=builtin, fault=f"cannot make its fields: {reason}")


def _fields_fault(serializer: type[BaseSerializer[Any]]) -> str | None:
    """What REST framework says of the fields, in which it finds contradictions only when it makes them."""
    try:
        getattr(serializer(), "fields", None)
    except (AssertionError, ImproperlyConfigured) as error:
        return str(error)
    except Exception:  # They depend on the request.
        return None
    return None


# Any: of what class the accounts are does not matter here.
def _cannot_create(serializer: type[BaseSerializer[Any]]) -> bool:
    return serializer.create is BaseSerializer.create and serializer.save is BaseSerializer.save


def _sign_up_faults() -> Iterator[checks.CheckMessage]:
    """What a visitor would find out who signs up. A project that wrote a serializer of its own knows what it does."""
    is_routed = any(issubclass(route.view, RegisterView) for route in project.auth_routes())
    if not is_routed or not conf.SIGN_UP_ENABLED or conf.REGISTER_SERIALIZER is not RegisterSerializer:
        return
    model = get_user_model()
    fields = RegisterSerializer.Meta.fields
    create_user = getattr(model._default_manager, "create_user", None)
    if create_user is not None:
        call_fault = _call_fault(create_user, **dict.fromkeys(taken_by_manager(fields)))
        if call_fault is not None:
            yield messages.SIGN_UP_BREAKS(model=model._meta.label, fault=f"cannot be called: {call_fault}")
        if iscoroutinefunction(create_user):
            yield messages.SIGN_UP_BREAKS(model=model._meta.label, fault="is a coroutine function")
        # Django's own gives all three to the model.
        needed = {"username", "email"} if getattr(create_user, "__func__", None) is UserManager.create_user else set()
        lacking = {*needed, "password"} - {field.name for field in model._meta.get_fields()}
        if lacking:
            fault = f"makes accounts with {' and '.join(sorted(lacking))}, which the model does not have"
            yield messages.SIGN_UP_BREAKS(model=model._meta.label, fault=fault)
    # A manager that names the field most likely fills it in, as one that makes the username of the address. And nobody
    # can tell what a save() of the model's own does.
    source = _source_of(type(model._default_manager))
    missing = [name for name in never_filled(fields) if not re.search(rf"\b{name}\b", source)]
    if missing and model.save is AbstractBaseUser.save:
        yield messages.SIGN_UP_INCOMPLETE(model=model._meta.label, fields=" and ".join(missing))


def _source_of(manager: type) -> str:
    """The text of the methods by which the manager makes accounts for visitors."""
    source = ""
    for name, method in vars(manager).items():
        if "create" in name and "superuser" not in name:
            with suppress(OSError, TypeError):  # Nobody has its text.
                source += getsource(method)
    return source


def _claims_fault(claims: object) -> str | None:
    if claims is None:
        return None
    if not callable(claims):
        return "is not a function"
    if iscoroutinefunction(claims):
        return "is a coroutine function, which this app cannot await"
    if _call_fault(claims, "user", {}) is not None:
        return "does not take the two arguments (user, claims)"
    return None


def _authentication_faults() -> Iterator[checks.CheckMessage]:
    classes = project.default_authentication_classes()
    ours = [issubclass(each, CookieJWTAuthentication) for each in classes]
    simplejwts = _unchecking(classes)
    may_read_cookies = any(map(_is_derived, simplejwts))
    if not (any(ours) or may_read_cookies) and project.delivers_cookies() and not project.views_name_their_classes():
        yield messages.CLASS_NOT_DEFAULT()
    elif simplejwts and project.auth_routes():
        yield messages.SESSION_UNCHECKED(other=project.name_of(simplejwts[0]))
    # REST framework asks only the first class for the challenge.
    if any(ours) and not ours[0] and not _names_challenge(classes[0]):
        yield messages.NO_CHALLENGE(other=project.name_of(classes[0]))


def _view_faults() -> Iterator[checks.CheckMessage]:
    """The views that name their own classes. One message names all views at fault, because a project may have many."""
    unchecked: list[type] = []
    without_challenge: list[type] = []
    for route, classes in project.naming_routes():
        if _unchecking(classes):
            unchecked.append(route.view)
        elif (
            any(issubclass(each, CookieJWTAuthentication) for each in classes)
            and not _names_challenge(classes[0])
            and getattr(route.view, "get_authenticate_header", None) is APIView.get_authenticate_header
        ):
            without_challenge.append(route.view)
    if unchecked and project.auth_routes():
        yield messages.VIEW_SESSION_UNCHECKED(views=project.names_of(unchecked))
    if without_challenge:
        yield messages.VIEW_NO_CHALLENGE(views=project.names_of(without_challenge))


def _unchecking(classes: list[type[BaseAuthentication]]) -> list[type[BaseAuthentication]]:
    """simplejwt's classes, which check no session, unless one of ours reads the token before them."""
    ours = [issubclass(each, CookieJWTAuthentication) for each in classes]
    before = classes[: ours.index(True)] if any(ours) else classes
    return [each for each in before if issubclass(each, JWTAuthentication)]


def _is_derived(authentication_class: type[BaseAuthentication]) -> bool:
    """Whether the class is made of simplejwt's, as one that reads a cookie is."""
    return not authentication_class.__module__.startswith("rest_framework_simplejwt.")


def _names_challenge(authentication_class: type[BaseAuthentication]) -> bool:
    try:
        return bool(authentication_class().authenticate_header(Request(HttpRequest())))
    except Exception:  # It makes the challenge of something in a real request, so it has one.
        return True
