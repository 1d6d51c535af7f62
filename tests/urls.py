from django.contrib import admin
from django.urls import include, path

from fastauth_django import views as auth_views
from tests.testapp import views

urlpatterns = [
    path("auth/", include("fastauth_django.urls")),
    path("admin/", admin.site.urls),
    # A native app's routes beside the browser's.
    path("app/login", auth_views.LoginView.as_view(token_delivery="json")),
    path("app/register", auth_views.RegisterView.as_view(token_delivery="json")),
    path("app/refresh", auth_views.RefreshView.as_view(token_delivery="json")),
    path("app/logout", auth_views.LogoutView.as_view(token_delivery="json")),
    # Views as a project writes them.
    path("private", views.PrivateView.as_view()),
    path("public", views.PublicView.as_view()),
    path("cached", views.cached_view),
    path("stateless", views.StatelessView.as_view()),
    path("invitation", views.accept_invitation),
    path("goodbye", views.say_goodbye),
    path("password-form", views.PasswordForm.as_view()),
]
