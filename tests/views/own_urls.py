"""A project that wires one view and leaves the app's URLs out."""

from django.urls import path

from fastauth_django.views import LoginView

urlpatterns = [path("own/login", LoginView.as_view())]
