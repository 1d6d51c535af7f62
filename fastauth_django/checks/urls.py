"""Do the URLs exist, and do browsers send the cookies there?"""

from __future__ import annotations

from collections.abc import Iterator

from django.core import checks

from ..conf import conf
from ..device_views import DeviceView
from ..views import AccountView, LogoutView, RefreshView
from . import messages, project
from .cookies import PATH


def faults() -> Iterator[checks.CheckMessage]:
    routes = project.auth_routes()
    if not routes and project.routes() is not None and not project.only_verifies():
        yield messages.URLS_NOT_INCLUDED()
    if project.delivers_cookies():
        yield from _path_faults(routes)


def _path_faults(routes: list[project.Route]) -> Iterator[checks.CheckMessage]:
    to_refresh = [
        route for route in routes if issubclass(route.view, (RefreshView, LogoutView)) and route.delivers_cookies
    ]
    to_use = [route for route in routes if issubclass(route.view, AccountView)]
    if conf.DEVICE_BINDING is not None:
        # The device cookie has the path of the access cookie.
        to_use += [route for route in routes if issubclass(route.view, DeviceView)]
        to_use += [route for route in to_refresh if issubclass(route.view, LogoutView)]
    for message, path, needing in [
        (messages.REFRESH_PATH, conf.COOKIE_PATH_REFRESH, to_refresh),
        (messages.ACCESS_PATH, conf.COOKIE_PATH_ACCESS, to_use),
    ]:
        not_reached = _not_reached(needing, path) if PATH.fullmatch(path) else []
        if not_reached:
            yield message(path=path, urls=", ".join(not_reached))


def _not_reached(routes: list[project.Route], cookie_path: str) -> list[str]:
    """The URLs to which browsers send no cookie of ``cookie_path``. A trailing slash makes no other URL."""
    reached: dict[str, bool] = {}
    for route in routes:
        url = route.place.text.rstrip("/") + ("" if route.place.is_whole else "/…")
        reached[url] = reached.get(url, False) or route.place.gets_cookie_of(cookie_path)
    return [url for url, is_reached in reached.items() if not is_reached]
