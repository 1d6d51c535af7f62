"""Says which process answered, so that a question can be repeated until every one has."""

import os
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class NameWorker:
    """Puts the id of the worker's process into ``X-Worker``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers["X-Worker"] = str(os.getpid())
        return response
