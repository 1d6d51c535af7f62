from django.urls import include, path

from tests.browser.site import views

urlpatterns = [
    path("auth/", include("fastauth_django.urls")),
    path("notes", views.NotesView.as_view()),
    path("page", views.page),
    path("callback", views.callback),
    path("worker.js", views.worker),
    path("cache-first.js", views.cache_first),
]
