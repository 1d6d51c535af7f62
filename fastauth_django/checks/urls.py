"""Do the URLs exist, and do browsers send the cookies there?"""

from __future__ import annotations

from collections.abc import Iterator

from django.core import checks
from django.urls import resolve

from ..conf import conf
from ..device_views import DeviceView
from ..views import AccountView, AuthView, LogoutView, RefreshView
from . import messages, project
from .cookies import PATH


def faults() -> Iterator[checks.CheckMessage]:
    routes = project.auth_routes()
    if not routes and project.routes() is not None and not project.only_verifies():
        yield messages.URLS_NOT_INCLUDED()
    taken = list(_taken(routes))
    if taken:
        urls = ", ".join(route.place.shown for route, _view in taken)
        yield messages.ROUTE_TAKEN(urls=urls, views=", ".join(dict.fromkeys(view for _route, view in taken)))
    if project.delivers_cookies():
        yield from _path_faults(routes)


def _taken(routes: list[project.Route]) -> Iterator[tuple[project.Route, str]]:
    """The routes whose URL leads to a view that is none of this app's, each with the name of that view."""
    for route in routes:
        if route.place.is_exact:
            match = resolve(f"/{route.place.shown.removeprefix(f'{project.script_name()}/')}")
            view = project.view_of(match.func)
            if view is None or not issubclass(view, AuthView):
                yield route, project.name_of(view or match.func)


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
        reached = _reached(needing, path) if PATH.fullmatch(path) else {}
        never = [url for url, is_reached in reached.items() if is_reached is False]
        depending = [url for url, is_reached in reached.items() if is_reached is None]
        if never:
            yield message(path=path, urls=", ".join(never))
        elif depending:
            yield messages.PATH_OF_ONE_VALUE(path=path, urls=", ".join(depending))


def _reached(routes: list[project.Route], cookie_path: str) -> dict[str, bool | None]:
    """Whether browsers send a cookie of ``cookie_path`` to the URLs. A trailing slash makes no other URL."""
    reached: dict[str, bool | None] = {}
    for route in routes:
        url = route.place.shown.rstrip("/")
        reached[url] = reached.get(url) or route.place.is_below(cookie_path)
    return reached
