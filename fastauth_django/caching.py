"""What an answer tells caches: ``Cache-Control: no-store`` and ``Vary``."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers


def forbid_storing(response: HttpResponseBase) -> None:
    """Keep an answer out of every cache: it holds, sets or clears tokens (RFC 6749, section 5.1), or is private."""
    response.headers["Cache-Control"] = "no-store"


def vary_on_cookie(response: HttpResponseBase) -> None:
    """Say that the answer depends on the visitor's cookies, so that no cache hands it to somebody else."""
    patch_vary_headers(response, ["Cookie"])


def vary_on_credentials(request: HttpRequest, header: str) -> None:
    """The same on the default headers of REST framework's view, for ``Cookie`` and the ``header`` of the token.

    An authenticator has no response yet. REST framework adds the view's ``headers`` to it, before ``cache_page`` looks.
    """
    view = (getattr(request, "parser_context", None) or {}).get("view")
    headers = getattr(view, "headers", None)
    if headers is not None:
        vary = headers.get("Vary")
        headers["Vary"] = ", ".join(dict.fromkeys([*(vary.split(", ") if vary else []), "Cookie", header]))
