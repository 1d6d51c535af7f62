"""The project around this app: its routes, its middleware, its authentication classes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import unwrap
from itertools import chain
from typing import Any

from django.conf import settings as django_settings
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.routers import APIRootView
from rest_framework.settings import api_settings as rest_framework_settings
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenViewBase

from ..authentication import CookieJWTAuthentication, CookieJWTStatelessUserAuthentication
from ..conf import conf
from ..views import AuthView
from .places import Place


@dataclass(frozen=True)
class Route:
    """One URL and the class of the view that answers there."""

    place: Place
    view: type
    initkwargs: Mapping[str, object]
    #: The method of a ViewSet that answers each HTTP method.
    actions: Mapping[str, str] = field(default_factory=dict)

    def option(self, name: str) -> Any:  # Each name has a type of its own.
        """The value of ``as_view(name=…)``, or else of the class's attribute."""
        return self.initkwargs.get(name, getattr(self.view, name, None))

    @property
    def delivers_cookies(self) -> bool:
        """Whether this app's view here delivers tokens in cookies."""
        return (self.option("token_delivery") or conf.TOKEN_DELIVERY) == "cookie"


def routes() -> list[Route] | None:
    """Every URL of a view class, or None if no URLconf can be loaded, which Django itself reports."""
    found = _everything()
    return None if found is None else [route for place, callback in found for route in _routes_to(callback, place)]


def callbacks() -> list[tuple[Place, Any]]:
    """What answers at each URL, be it a class, a function or a method; nothing if no URLconf can be loaded."""
    return _everything() or []


def script_name() -> str:
    """What a proxy takes off the URLs before they reach the URLconf."""
    return (django_settings.FORCE_SCRIPT_NAME or "").rstrip("/")


def _everything() -> list[tuple[Place, Any]] | None:
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return None
    start = f"{script_name()}/"
    try:
        return list(_walk(get_resolver().url_patterns, Place(start, re.escape(start))))
    except Exception:  # A URLconf imports all views of a project, and any of them may raise anything.
        return None


def _walk(patterns: Iterable[URLPattern | URLResolver], above: Place) -> Iterator[tuple[Place, Any]]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, above.below(entry.pattern))
        else:
            yield above.below(entry.pattern), entry.callback


def _routes_to(callback: Any, place: Place) -> Iterator[Route]:
    """The route to ``callback``, if it is a view class."""
    callback = _undecorated(callback)
    view = _view_class(callback)
    if view is not None:
        initkwargs = getattr(callback, "initkwargs", None) or getattr(callback, "view_initkwargs", {})
        yield Route(place, view, initkwargs, getattr(callback, "actions", None) or {})


def _undecorated(callback: Any) -> Any:
    """What ``as_view()`` returned. Decorators keep it in ``__wrapped__``, and ``functools.partial`` in ``func``."""
    callback = unwrap(callback, stop=_view_class)
    return _undecorated(callback.func) if isinstance(callback, partial) else callback


def view_of(callback: object) -> Any:
    """The class behind what ``as_view()`` returned, decorated or not, or None."""
    return _view_class(_undecorated(callback))


def _view_class(callback: object) -> Any:
    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    return view if isinstance(view, type) else None


def naming_routes() -> list[tuple[Route, list[type[BaseAuthentication]]]]:
    """The URLs of the views that name authentication classes of their own, each with the classes.

    A view that chooses them by the HTTP method stands there once for each method.
    """
    return [
        (route, classes)
        for route in routes() or []
        if issubclass(route.view, APIView) and not issubclass(route.view, AuthView)
        for classes in _named_classes(route)
    ]


def _named_classes(route: Route) -> list[list[type[BaseAuthentication]]]:
    """What an ``APIView`` names, or its own ``get_authenticators()`` chooses; nothing where the default decides."""
    default, option = APIView.authentication_classes, route.option("authentication_classes")
    is_fixed = isinstance(option, (list, tuple))  # And no property, nor None.
    named = [[each for each in option if isinstance(each, type)]] if is_fixed and option is not default else []
    if is_fixed and getattr(route.view, "get_authenticators", None) is APIView.get_authenticators:
        return named
    try:
        chosen = [_chosen_classes(route, method) for method in route.option("http_method_names")]
    except Exception:  # It chooses by something that only a real request has, or raises anything.
        return named
    return [classes for classes in chosen if classes != [*default]]


def _chosen_classes(route: Route, method: str) -> list[type[BaseAuthentication]]:
    """The classes that ``get_authenticators()`` chooses for a request of ``method``."""
    view, request = route.view(**route.initkwargs), HttpRequest()
    request.method = method.upper()
    view.action_map = route.actions
    view.setup(request)
    return [type(each) for each in view.get_authenticators()]


def auth_routes() -> list[Route]:
    """The URLs of this app's views, and of views derived from them, wherever they are included."""
    return [route for route in routes() or [] if issubclass(route.view, AuthView)]


def delivers_cookies() -> bool:
    """Whether any view delivers tokens in cookies."""
    delivery = conf.TOKEN_DELIVERY
    return delivery == "cookie" or any(route.delivers_cookies for route in auth_routes())


def only_verifies() -> bool:
    """Whether the project is a service that only accepts tokens which another service issues."""
    return not auth_routes() and any(
        issubclass(each, CookieJWTStatelessUserAuthentication) for each in default_authentication_classes()
    )


def is_migrating() -> bool:
    """Whether the project uses simplejwt's own views or tokens beside this app's."""
    return conf.ACCEPT_TOKENS_WITHOUT_SESSION or any(issubclass(route.view, TokenViewBase) for route in routes() or [])


def default_authentication_classes() -> list[type[BaseAuthentication]]:
    """``REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]``. Raises ``ImportError`` as REST framework does."""
    classes: Iterable[object] | None = rest_framework_settings.DEFAULT_AUTHENTICATION_CLASSES
    return [each for each in classes or () if isinstance(each, type)]


def views_name_their_classes() -> bool:
    """Whether no view of the project needs ``DEFAULT_AUTHENTICATION_CLASSES``, and one reads our cookie."""
    named: list[type] = []
    for route in routes() or []:
        if not issubclass(route.view, APIView) or issubclass(route.view, AuthView):
            continue
        classes = _named_classes(route)
        if not classes and not _is_public(route):
            return False
        named += chain(*classes)
    return any(issubclass(each, CookieJWTAuthentication) for each in named)


def _is_public(route: Route) -> bool:
    """Whether the view answers everybody alike: anyone may call it, or it is the index that a router makes."""
    permissions = route.option("permission_classes")
    is_open = isinstance(permissions, (list, tuple)) and all(each is AllowAny for each in permissions)
    return is_open or issubclass(route.view, APIRootView)


def middleware() -> list[type]:
    """The classes in ``MIDDLEWARE``, in order, without functions and without what cannot be imported."""
    return [each for each in map(imported, django_settings.MIDDLEWARE) if isinstance(each, type)]


def imported(path: object) -> object:
    """What a dotted path names, or None if it cannot be imported, which Django itself reports when it needs it."""
    try:
        return import_string(path) if isinstance(path, str) else None
    except Exception:  # A project's module may raise anything.
        return None


def name_of(each: Any) -> str:
    """The name of a function, of a class, or of the function that REST framework's ``api_view`` made it of."""
    nested, _dot, _name = each.__qualname__.rpartition(".")
    return ".".join(filter(None, [each.__module__, nested, each.__name__]))


def is_made_of(each: type, names: Collection[str]) -> bool:
    """Whether ``each`` is a class of one of these names, or derived from it. Its package need not be installed."""
    return any(name_of(base) in names for base in each.__mro__)


def names_of(classes: Iterable[type]) -> str:
    """The name of each class once, for a message."""
    return ", ".join(dict.fromkeys(map(name_of, classes)))
