"""A view that changes something, and the page of a front end."""

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.http import HttpResponse, HttpResponseRedirect
from rest_framework.response import Response
from rest_framework.views import APIView

from fastauth_django import sign_in
from tests.browser.pages import FRONT_END

WORKER = """
self.oninstall = () => self.skipWaiting();
self.onactivate = (event) => event.waitUntil(self.clients.claim());
let wanted = null;
const seen = [];
self.onmessage = ({ data, ports: [port] }) => {
    wanted = data;
    fetch(data.path, { method: "POST", mode: data.mode, headers: data.headers })
        .then(({ status }) => port.postMessage(status), ({ name }) => port.postMessage(name));
};
// A picture's request has the browser's own mode. With our method and headers it is sent as what?
self.onfetch = (event) => {
    seen.push(event.request.url);
    if (event.request.url.endsWith("/seen-by-worker")) event.respondWith(Response.json(seen));
    if (wanted && event.request.destination === "image") {
        const request = new Request(event.request, { method: "POST", headers: wanted.headers });
        event.respondWith(fetch(wanted.path, request));
    }
};
"""

#: As tutorials have it, for a page that works offline.
CACHE_FIRST = """
self.oninstall = () => self.skipWaiting();
self.onactivate = (event) => event.waitUntil(self.clients.claim());
const fetchAndKeep = async (request) => {
    const response = await fetch(request);
    if (request.method === "GET") await (await caches.open("all")).put(request, response.clone());
    return response;
};
self.addEventListener("fetch", (event) => event.respondWith(
    caches.match(event.request).then((kept) => kept ?? fetchAndKeep(event.request))));
"""


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


def worker(request):
    """A service worker of an attacker's, on a site that lets people upload scripts."""
    return HttpResponse(WORKER, content_type="text/javascript")


def cache_first(request):
    """A service worker of the site's own, which asks its cache before it asks the server."""
    return HttpResponse(CACHE_FIRST, content_type="text/javascript")


def callback(request):
    """Where a provider on another site sends people back to, whom it has identified."""
    user = get_user_model()._default_manager.get_by_natural_key(request.GET["for"])
    response = HttpResponseRedirect("/page")
    sign_in(request, response, user)
    return response
