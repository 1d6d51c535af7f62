"""A view that changes something, and the page of a front end."""

from django.core.cache import cache
from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.views import APIView

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
