from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FastAuthConfig(AppConfig):
    name = "fastauth_django"
    verbose_name = _("Sign-in sessions")

    def ready(self) -> None:
        from . import checks, cors, error_reports

        checks.register()
        cors.connect()
        error_reports.connect()
