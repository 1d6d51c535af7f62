"""The project's routes, and one that says which reuses of a refresh token its receiver heard of."""

from django.http import JsonResponse
from django.urls import path

from fastauth_django.signals import refresh_token_repeated, refresh_token_reused
from tests.browser.site.urls import urlpatterns as routes

alarms = []


def note_reuse(sender, session, same_client, age, **kwargs):
    alarms.append({"session": str(session.pk), "what": "reused", "same_client": same_client, "age": age})


def note_repetition(sender, session, lost, **kwargs):
    alarms.append({"session": str(session.pk), "what": "repeated", "lost": lost})


refresh_token_reused.connect(note_reuse)
refresh_token_repeated.connect(note_repetition)


def show_alarms(request):
    return JsonResponse(alarms, safe=False)


urlpatterns = [*routes, path("alarms", show_alarms)]
