"""The routes' paths and names."""

import pytest
from django.urls import resolve, reverse

from fastauth_django import views

ROUTES = {
    "register": ("register", views.RegisterView),
    "login": ("login", views.LoginView),
    "refresh": ("refresh", views.RefreshView),
    "logout": ("logout", views.LogoutView),
    "me": ("me", views.MeView),
    "change-password": ("account/change-password", views.ChangePasswordView),
    "sessions": ("sessions", views.SessionListView),
    "all-sessions": ("sessions/all", views.AllSessionsView),
}
routes = pytest.mark.parametrize(
    ("name", "path", "view"), [(name, *route) for name, route in ROUTES.items()], ids=ROUTES
)


@routes
@pytest.mark.parametrize("slash", ["", "/"], ids=["without slash", "with slash"])
def test_path_leads_to_its_view(name, path, view, slash):
    assert resolve(f"/auth/{path}{slash}").func.cls is view


@routes
def test_name_gives_the_path(name, path, view):
    assert reverse(f"fastauth:{name}") == f"/auth/{path}"


@pytest.mark.parametrize("slash", ["", "/"], ids=["without slash", "with slash"])
def test_session_has_a_path_of_its_own(slash):
    match = resolve(f"/auth/sessions/0189{slash}")

    assert match.func.cls is views.SessionView
    assert match.kwargs == {"session_id": "0189"}


def test_session_is_named_with_its_id():
    assert reverse("fastauth:session", args=["0189"]) == "/auth/sessions/0189"


def test_id_has_no_slash_in_it(client):
    assert client.delete("/auth/sessions/a/b").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("path", [path for path, _view in ROUTES.values()])
def test_path_without_a_slash_is_no_redirect(client, path, settings):
    """A redirect would lose the body of a POST."""
    settings.APPEND_SLASH = True

    assert client.get(f"/auth/{path}").status_code in {200, 401, 405}
