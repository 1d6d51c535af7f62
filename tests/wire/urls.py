from django.urls import include, path

from fastauth_django import views

urlpatterns = [
    path("auth/", include("fastauth_django.urls")),
    path("app/register", views.RegisterView.as_view(token_delivery="json")),
    path("app/login", views.LoginView.as_view(token_delivery="json")),
    path("app/refresh", views.RefreshView.as_view(token_delivery="json")),
    path("app/logout", views.LogoutView.as_view(token_delivery="json")),
]
