import sys

from django.dispatch import receiver
from django.urls import include, path

from fastauth_django.signals import refresh_token_reused
from tests.browser.site import views

urlpatterns = [
    path("auth/", include("fastauth_django.urls")),
    path("notes", views.NotesView.as_view()),
    path("page", views.page),
    path("callback", views.callback),
]


@receiver(refresh_token_reused)
def tell(same_client, age, **kwargs):
    """For tests, which read what this process wrote."""
    print(f"reused: same_client={same_client} age={age}", file=sys.stderr, flush=True)
