from django.apps import apps
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from .views import HomeView

urlpatterns = [
    path("", HomeView.as_view(), name="home"),
    path("auth/", include("fastauth_django.urls")),
    path("api/notes/", include("notes.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/schema/swagger-ui/", SpectacularSwaggerView.as_view(), name="swagger-ui"),
    path("admin/", admin.site.urls),
]

if apps.is_installed("allauth.headless"):
    urlpatterns += [
        path("_allauth/swagger-ui/", SpectacularSwaggerView.as_view(url="/_allauth/openapi.json")),
        path("_allauth/", include("allauth.headless.urls")),
    ]
