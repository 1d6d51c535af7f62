"""``path("auth/", include("fastauth_django.urls"))``. Each route answers with and without a trailing slash."""

from typing import Any

from django.urls import URLPattern, path

from . import device_views, views

app_name = "fastauth"


def _route(route: str, view: type[views.AuthView], name: str) -> list[URLPattern]:
    handler: Any = view.as_view()
    with_slash: Any = view.as_view()
    # An OpenAPI document has the route once. as_view(schema=None) raises where DEFAULT_SCHEMA_CLASS is None.
    with_slash.initkwargs["schema"] = None
    return [path(route, handler, name=name), path(f"{route}/", with_slash)]


urlpatterns = [
    *_route("register", views.RegisterView, "register"),
    *_route("login", views.LoginView, "login"),
    *_route("refresh", views.RefreshView, "refresh"),
    *_route("logout", views.LogoutView, "logout"),
    *_route("device/bind", device_views.DeviceBindView, "device-bind"),
    *_route("device/refresh", device_views.DeviceRefreshView, "device-refresh"),
    *_route("me", views.MeView, "me"),
    *_route("account/change-password", views.ChangePasswordView, "change-password"),
    *_route("sessions", views.SessionListView, "sessions"),
    *_route("sessions/all", views.AllSessionsView, "all-sessions"),
    *_route("sessions/<str:session_id>", views.SessionView, "session"),
]
