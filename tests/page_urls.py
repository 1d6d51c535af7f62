"""The suite's routes, and Django's own views beside them."""

from django.contrib.auth import views as django_views
from django.urls import include, path

from tests.testapp import pages

urlpatterns = [
    path("", include("tests.urls")),
    path("whoami", pages.whoami),
    path("imprint", pages.imprint),
    path("template", pages.template),
    path("permissions", pages.permissions),
    path("late-template", pages.late_template),
    path("webhook", pages.webhook),
    path("members", pages.members),
    path("staff", pages.staff),
    path("cached-page", pages.cached),
    path("cached-late-template", pages.cached_late_template),
    path("cached-imprint", pages.cached_imprint),
    path("cached-for-members", pages.cached_for_members),
    path("members-cached", pages.members_cached),
    path("django/login", django_views.LoginView.as_view(template_name="testapp/page.html")),
    path("django/logout", django_views.LogoutView.as_view(next_page="/whoami")),
    path("switch", pages.switch),
    path("async/whoami", pages.async_whoami),
    path("async/imprint", pages.async_imprint),
    path("async/template", pages.async_template),
    path("async/webhook", pages.async_webhook),
    path("async/members", pages.async_members),
    path("async/cached-page", pages.async_cached),
    path("async/cached-for-members", pages.async_cached_for_members),
    path("async/logout", pages.async_logout),
]
