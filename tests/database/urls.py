"""The suite's routes, and an admin in which staff set a user's password."""

from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.urls import path

from tests.urls import urlpatterns as routes


class AccountAdmin(UserAdmin):
    """Django's own, without the columns that only its own user has."""

    list_display = ("pk",)
    ordering = ()


site = AdminSite(name="staff")
site.register(get_user_model(), AccountAdmin)

urlpatterns = [*routes, path("staff/", site.urls)]
