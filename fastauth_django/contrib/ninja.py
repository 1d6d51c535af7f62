"""django-ninja: the same credentials, rules and refusals as REST framework's views have."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.security.base import AuthBase, SecuritySchema
from rest_framework.exceptions import APIException, NotAuthenticated

from .. import cookies
from ..authentication import CookieJWTAuthentication, challenge, refusal_of
from ..bearer import header_name
from ..conf import conf
from ..exceptions import code_of

LOOKED_AT_ATTRIBUTE = "_fastauth_ninja"


class Refused(HttpError):
    """A refusal of :class:`.CookieJWTAuthentication`. Any ``NinjaAPI`` answers it, ``CookieJWTAPI`` with its code."""

    def __init__(self, refusal: APIException) -> None:
        detail: Any = refusal.detail
        self.code = code_of(refusal)
        super().__init__(refusal.status_code, str(detail["detail"] if isinstance(detail, dict) else detail))


class CookieJWTAuth(AuthBase):
    """``auth=CookieJWTAuth()``: the user of the access cookie, or of ``Authorization: Bearer``, for any operation.

    ``request.auth`` and ``request.user`` are the user. The origin rule, or Django's CSRF token, decides about the
    cookie's requests; ninja's own check runs for its own classes only, and ``csrf_exempt`` does not open the account.
    """

    authentication_class = CookieJWTAuthentication

    is_async = False  # ninja runs it in a thread where an operation is asynchronous.

    def __init__(self) -> None:
        """Without ninja's own, which would read at import what depends on the settings."""

    @property
    def openapi_security_schema(self) -> SecuritySchema:  # type: ignore[override]
        if conf.TOKEN_DELIVERY == "json":  # noqa: S105
            return SecuritySchema("http", scheme="bearer", bearerFormat="JWT")
        return SecuritySchema("apiKey", **{"in": "cookie", "name": cookies.access_cookie().name})

    def __call__(self, request: HttpRequest) -> Any:
        """The user, or None without a credential. Raises :class:`Refused`."""
        asked: Any = request
        setattr(asked, LOOKED_AT_ATTRIBUTE, True)
        asked._cache_update_cache = False  # cache_page would give one visitor's answer to the next.
        try:
            authenticated = self.authentication_class().authenticate(asked)
        except APIException as refusal:
            raise Refused(refusal) from refusal
        if authenticated is None:
            return None
        user, _token = authenticated

        async def auser() -> Any:
            return user

        asked.user, asked.auser = user, auser
        return user


class CookieJWTAPI(NinjaAPI):
    """A ``NinjaAPI`` whose operations ask for :class:`CookieJWTAuth`, and which refuses as this app's routes do."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"auth": CookieJWTAuth(), **options})
        self.add_exception_handler(Refused, self.refuse)
        self.add_exception_handler(AuthenticationError, self.refuse)

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        return vary(request, super().create_temporal_response(request))

    def refuse(self, request: HttpRequest, refused: Any) -> HttpResponse:
        """The answer ``{"detail": …, "code": …}``, with the challenge of a 401 (RFC 6750, section 3)."""
        if not isinstance(refused, Refused):
            refused = Refused(refusal_of(request) or NotAuthenticated())  # Why a cookie did not count.
        body = {"detail": str(refused), "code": refused.code}
        response = vary(request, self.create_response(request, body, status=refused.status_code))
        if refused.status_code == 401:
            response.headers["WWW-Authenticate"] = challenge(request)
        return response


def vary(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Say what the answer depends on, if our class has looked for a credential."""
    if getattr(request, LOOKED_AT_ATTRIBUTE, False):
        patch_vary_headers(response, ["Cookie", header_name()])
    return response
