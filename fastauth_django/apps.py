from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FastAuthConfig(AppConfig):
    name = "fastauth_django"
    verbose_name = _("Sign-in sessions")

    def ready(self) -> None:
        from . import checks, cors

        checks.register()
        cors.connect()
