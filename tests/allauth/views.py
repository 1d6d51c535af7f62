"""Views as a project with allauth writes them."""

from allauth.account.adapter import get_adapter
from allauth.account.utils import perform_login
from allauth.headless.account.views import LoginView
from django.contrib.auth import get_user_model
from django.http import JsonResponse
from django.views.decorators.http import require_POST


class OwnLogin(LoginView):
    """A view of allauth's that a project has derived."""


def page(request):
    """Django's own view of who is there."""
    return JsonResponse({"email": request.user.email if request.user.is_authenticated else None})


@require_POST
def short_visit(request):
    """Signs somebody in, and thinks better of it."""
    perform_login(request, get_user_model().objects.get())
    get_adapter().logout(request)
    return JsonResponse({})


def tenant_urls(get_response):
    """Middleware that chooses the URLs, as for tenants."""

    def choose(request):
        request.urlconf = "tests.allauth.urls"
        return get_response(request)

    return choose


@require_POST
def invitation(request):
    """A sign-in by allauth's function in a view of the project's own."""
    return perform_login(request, get_user_model().objects.get(), redirect_url="/page")


@require_POST
def guest(request):
    """A sign-in without the steps that come before it."""
    get_adapter().login(request, get_user_model().objects.get())
    return JsonResponse({})
