"""The access token in ``Authorization: Bearer`` (RFC 6750, section 2.1), or wherever ``SIMPLE_JWT`` says."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework import HTTP_HEADER_ENCODING
from rest_framework.request import Request
from rest_framework_simplejwt import settings as simplejwt
from rest_framework_simplejwt.authentication import AUTH_HEADER_TYPE_BYTES, JWTAuthentication


class BearerAuthentication(JWTAuthentication):
    """simplejwt's, which takes the scheme in any case (RFC 9110, section 11.1).

    Else a client that writes ``bearer`` would be told that it is signed out, and its token would live.
    """

    # simplejwt's module reads the settings at import. Here those of the moment count, as everywhere in this app.

    def get_header(self, request: HttpRequest | Request) -> bytes | None:  # type: ignore[override]
        # Django's request: REST framework's takes a detour to it, and every request of every visitor comes here.
        header = getattr(request, "_request", request).META.get(simplejwt.api_settings.AUTH_HEADER_NAME)
        return header.encode(HTTP_HEADER_ENCODING) if isinstance(header, str) else header

    def get_raw_token(self, header: bytes) -> bytes | None:
        scheme, *rest = header.split()[:3] or [b""]
        if scheme.lower() not in [known.lower().encode() for known in schemes()]:
            return None
        return super().get_raw_token(b" ".join([min(AUTH_HEADER_TYPE_BYTES), *rest]))


def schemes() -> list[str]:
    """The schemes of ``SIMPLE_JWT["AUTH_HEADER_TYPES"]``. Answers name the first."""
    types = simplejwt.api_settings.AUTH_HEADER_TYPES
    return [types] if isinstance(types, str) else list(types)


def header_name() -> str:
    """The header of ``SIMPLE_JWT["AUTH_HEADER_NAME"]``, as it is written on the wire."""
    name: str = simplejwt.api_settings.AUTH_HEADER_NAME
    return name.removeprefix("HTTP_").replace("_", "-").title()
