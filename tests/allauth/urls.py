from django.contrib import admin
from django.urls import include, path

from fastauth_django.views import LogoutView, RefreshView
from tests.allauth import views

urlpatterns = [
    path("auth/", include("fastauth_django.contrib.allauth")),
    path("auth/app/refresh", RefreshView.as_view(token_delivery="json")),
    path("auth/app/logout", LogoutView.as_view(token_delivery="json")),
    path("_allauth/own/app/login", views.OwnLogin.as_api_view(client="app")),
    path("_allauth/own/browser/login", views.OwnLogin.as_api_view(client="browser")),
    path("_allauth/", include("allauth.headless.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("page", views.page),
    path("invitation", views.invitation),
    path("guest", views.guest),
    path("short-visit", views.short_visit),
]
