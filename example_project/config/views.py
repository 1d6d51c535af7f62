from typing import Any

from accounts.management.commands.create_demo_account import EMAIL, PASSWORD
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.generic import TemplateView


class HomeView(TemplateView):
    """The page: plain HTML, one style sheet, one ES module, and the policy that lets nothing else in."""

    template_name = "home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = {"api_origin": settings.API_ORIGIN, "fastauth": settings.FASTAUTH}
        # Outside of a demonstration there is no such account, and its password is public.
        return super().get_context_data(**context, demo_account=(EMAIL, PASSWORD) if settings.DEBUG else None, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().get(request, *args, **kwargs)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self' {settings.API_ORIGIN}".rstrip()
            + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return response
