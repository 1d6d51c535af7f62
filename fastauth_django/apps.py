from importlib.util import find_spec

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class FastAuthConfig(AppConfig):
    name = "fastauth_django"
    verbose_name = _("Sign-in sessions")

    def ready(self) -> None:
        from . import checks, error_reports

        checks.register()
        error_reports.connect()
        if apps.is_installed("corsheaders"):
            from .contrib import cors

            cors.connect()
        if apps.is_installed("drf_spectacular"):
            from .contrib import spectacular  # noqa: F401 (drf-spectacular finds it by its classes)
        if getattr(settings, "CHANNEL_LAYERS", None) and find_spec("channels"):
            # A process that serves no sockets also revokes sessions, and others have to hear of it.
            from .contrib import channels  # noqa: F401 (connects its receiver)
        if "fastauth_django.contrib.allauth.AllauthMiddleware" in settings.MIDDLEWARE:
            from .contrib import allauth  # noqa: F401 (its receivers, in processes that load no middleware too)
