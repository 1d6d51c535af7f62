"""django-allauth beside this app: does a sign-in pass every factor, and is there one session?"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from inspect import ismethod
from typing import Any, cast

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import views as auth_views
from django.contrib.sessions.middleware import SessionMiddleware
from django.core import checks

from ..middleware import AuthCookieMiddleware
from ..views import ChangePasswordView, LoginView, RegisterView
from . import messages, project

OURS = {f"fastauth_django.contrib.allauth.{name}" for name in ("AccountAdapter", "AllauthMiddleware", "TokenStrategy")}
ACCOUNT_MIDDLEWARE = "allauth.account.middleware.AccountMiddleware"
#: What contrib.allauth was run with. It leans on ways of allauth that its documentation does not promise.
RUN_WITH = "65.22"


def faults() -> Iterator[checks.CheckMessage]:
    if not apps.is_installed("allauth.account"):
        return
    if apps.is_installed("allauth.mfa"):
        yield from _factor_faults()
    named = {setting: getattr(django_settings, setting, "") for setting in ("ACCOUNT_ADAPTER", *_strategy_setting())}
    missing = [setting for setting, path in named.items() if not _is_ours(path)]
    ours = next((place for place, path in enumerate(django_settings.MIDDLEWARE) if _is_ours(path)), None)
    if ours is None and len(missing) == len(named):
        return  # The project signs people in its own way.
    if missing or ours is None:
        yield messages.ALLAUTH_INCOMPLETE(settings=" and ".join([*missing, *(["MIDDLEWARE"] if ours is None else [])]))
    if ours is not None:
        yield from _order_faults(ours)
    if apps.is_installed("allauth.usersessions"):
        yield messages.TWO_LISTS_OF_SESSIONS()
    if django_settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        yield messages.STATE_IN_COOKIE()
    installed = version("django-allauth")
    if not installed.startswith(f"{RUN_WITH}."):
        yield messages.ALLAUTH_NOT_RUN(installed=installed, run=RUN_WITH)


def _factor_faults() -> Iterator[checks.CheckMessage]:
    """The doors that a password opens alone."""
    taking_password = (LoginView, RegisterView, ChangePasswordView)
    urls = [route.place.shown for route in project.auth_routes() if issubclass(route.view, taking_password)]
    if urls:
        yield messages.NO_SECOND_FACTOR(urls=", ".join(dict.fromkeys(url.rstrip("/") for url in urls)))
    # A project that has wrapped one of Django's pages, or written its own, has thought of it.
    pages = [place.shown for place, callback in project.callbacks() if _is_djangos_page(callback)]
    if pages:
        yield messages.PAGE_WITHOUT_SECOND_FACTOR(urls=", ".join(pages))
    if apps.is_installed("django.contrib.admin"):
        from django.contrib.admin import AdminSite

        for _place, callback in project.callbacks():
            if ismethod(callback) and callback.__func__ is AdminSite.login:
                yield messages.ADMIN_WITHOUT_SECOND_FACTOR(site=cast("Any", callback).__self__.name)


def _is_djangos_page(callback: Any) -> bool:
    is_wrapped = hasattr(getattr(callback, "__wrapped__", None), "view_class")
    return getattr(callback, "view_class", None) is auth_views.LoginView and not is_wrapped


def _strategy_setting() -> list[str]:
    """The setting for apps, where ``allauth.headless`` serves them."""
    serves_apps = "app" in getattr(django_settings, "HEADLESS_CLIENTS", ["app"])
    return ["HEADLESS_TOKEN_STRATEGY"] if apps.is_installed("allauth.headless") and serves_apps else []


def _is_ours(path: object) -> bool:
    """Whether a dotted path names a class of contrib.allauth, or one derived from it."""
    named = project.imported(path)
    return isinstance(named, type) and project.is_made_of(named, OURS)


def _order_faults(ours: int) -> Iterator[checks.CheckMessage]:
    earlier = [project.imported(path) for path in django_settings.MIDDLEWARE[:ours]]
    classes = [each for each in earlier if isinstance(each, type)]
    found = {
        "SessionMiddleware": any(issubclass(each, SessionMiddleware) for each in classes),
        "AuthCookieMiddleware": any(issubclass(each, AuthCookieMiddleware) for each in classes),
        "AccountMiddleware": project.imported(ACCOUNT_MIDDLEWARE) in earlier,
    }
    late = [name for name, is_earlier in found.items() if not is_earlier]
    if late:
        yield messages.ALLAUTH_MIDDLEWARE_EARLY(others=" and ".join(late))
