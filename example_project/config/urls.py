from django.contrib import admin
from django.urls import include, path

from .views import HomeView

urlpatterns = [
    path("", HomeView.as_view(), name="home"),
    path("auth/", include("fastauth_django.urls")),
    path("api/notes/", include("notes.urls")),
    path("admin/", admin.site.urls),
]
