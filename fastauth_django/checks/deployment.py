"""Has somebody decided what strangers may do: on a neighbouring name, and at the sign-up?"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings as django_settings
from django.core import checks
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework_simplejwt.views import TokenBlacklistView, TokenVerifyView, TokenViewBase

from ..conf import conf
from ..views import RegisterView
from . import domains, messages, project
from .cookies import is_host_only, path_keys

#: Of packages that need not be installed.
PEERS_VIEWS = {"dj_rest_auth.views.LoginView", "dj_rest_auth.registration.views.RegisterView", "knox.views.LoginView"}


def faults() -> Iterator[checks.CheckMessage]:
    yield from _unchecked_suffixes()
    names = _names_that_can_be_planted()
    if names and project.delivers_cookies() and not project.only_verifies():
        yield messages.COOKIE_CAN_BE_PLANTED(keys=", ".join(names))
    is_routed = any(issubclass(route.view, RegisterView) for route in project.auth_routes())
    if is_routed and "SIGN_UP_ENABLED" not in conf.user_settings:
        yield messages.SIGN_UP_OPEN()
    yield from _migration_faults()


def _migration_faults() -> Iterator[checks.CheckMessage]:
    """What a migration from simplejwt or from REST framework's tokens needs for a while."""
    left = [route.view for route in project.routes() or [] if _signs_in_beside(route.view)]
    if left and project.auth_routes():
        yield messages.TOKEN_VIEWS_LEFT(views=project.names_of(left))
    if conf.ACCEPT_TOKENS_WITHOUT_SESSION:
        yield messages.WITHOUT_SESSION_LEFT()


def _signs_in_beside(view: type) -> bool:
    if issubclass(view, (TokenVerifyView, TokenBlacklistView)):
        return False
    return issubclass(view, (TokenViewBase, ObtainAuthToken)) or project.is_made_of(view, PEERS_VIEWS)


def _unchecked_suffixes() -> Iterator[checks.CheckMessage]:
    wildcards = [origin for origin in django_settings.CSRF_TRUSTED_ORIGINS if "://*." in origin]
    names = [*([conf.COOKIE_DOMAIN] if conf.COOKIE_DOMAIN else []), *wildcards]
    if names and not domains.knows_public_suffixes():
        for name in names:
            yield messages.SUFFIX_UNCHECKED(name=name)


def _names_that_can_be_planted() -> list[str]:
    """The settings whose cookies another host can set, though secure, path and domain allow a name that it cannot."""
    return [
        f"{key} is {getattr(conf, key)!r}"
        for key, path_key in path_keys().items()
        if conf.COOKIE_SECURE and is_host_only(path_key) and not getattr(conf, key).lower().startswith("__host-")
    ]
