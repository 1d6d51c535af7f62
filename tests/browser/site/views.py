"""A view that changes something, and the page of a front end."""

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.http import HttpResponse, HttpResponseRedirect
from rest_framework.response import Response
from rest_framework.views import APIView

from fastauth_django import sign_in
from tests.browser.pages import FRONT_END


class NotesView(APIView):
    """The caller's own notes. Written without a thought for cookies, tokens or forged requests."""

    def get(self, request):
        return Response(cache.get(self._key, []))

    def post(self, request):
        cache.set(self._key, [*cache.get(self._key, []), request.data["text"]], timeout=None)
        return Response({"added": request.data["text"]}, status=201)

    def delete(self, request):
        cache.delete(self._key)
        return Response(status=204)

    @property
    def _key(self):
        return f"notes:{self.request.user.pk}"


def page(request):
    return HttpResponse(FRONT_END)


def callback(request):
    """Where a provider on another site sends people back to, whom it has identified."""
    user = get_user_model()._default_manager.get_by_natural_key(request.GET["for"])
    response = HttpResponseRedirect("/page")
    sign_in(request, response, user)
    return response
