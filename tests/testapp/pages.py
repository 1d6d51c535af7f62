"""Django's own views, as a project writes them beside an API: functions, templates, decorators, async."""

from django.contrib.auth import alogout, get_user_model, logout
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt

from fastauth_django import sign_in


def whoami(request):
    """Says whom it sees."""
    return HttpResponse(request.user.get_username() or "nobody")


def imprint(request):
    """Is the same for everyone, and asks nobody's name."""
    return HttpResponse("imprint")


def template(request):
    return render(request, "testapp/page.html")


def permissions(request):
    return render(request, "testapp/permissions.html")


def late_template(request):
    """Is rendered when the view has long returned."""
    return TemplateResponse(request, "testapp/page.html")


@csrf_exempt
def webhook(request):
    """Takes posts from other sites on purpose."""
    return whoami(request)


def switch(request):
    """Signs the visitor out, and somebody else in."""
    logout(request)
    response = HttpResponse()
    sign_in(request, response, get_user_model().objects.get(pk=request.POST["user"]))
    return response


members = login_required(whoami)
staff = permission_required("auth.add_group", raise_exception=True)(whoami)
cached = cache_page(60)(whoami)
cached_late_template = cache_page(60)(late_template)
cached_imprint = cache_page(60)(imprint)
cached_for_members = login_required(cache_page(60)(whoami))
members_cached = cache_page(60)(login_required(whoami))


async def async_whoami(request):
    user = await request.auser()
    return HttpResponse(user.get_username() or "nobody")


async def async_imprint(request):
    return HttpResponse("imprint")


async def async_template(request):
    """Asks once, as asynchronous code must, and then renders a template that asks again, synchronously."""
    await request.auser()
    return render(request, "testapp/page.html")


@csrf_exempt
async def async_webhook(request):
    return await async_whoami(request)


async def async_logout(request):
    await alogout(request)
    return await async_whoami(request)


async_members = login_required(async_whoami)
async_cached = cache_page(60)(async_whoami)
async_cached_for_members = login_required(cache_page(60)(async_template))
