"""``request.user`` and ``request.auser`` from the access cookie, for Django's own views, templates and decorators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from . import cookies, csrf, sessions
from .authentication import CookieJWTAuthentication
from .delivery import carried_tokens
from .models import AuthSession

VISITOR_ATTRIBUTE = "_fastauth_visitor"


class AuthCookieMiddleware:
    """Sets ``request.user`` and ``request.auser`` to the user of the access cookie, found out when somebody asks.

    A user whom a middleware before this one has found counts first: put it after Django's ``AuthenticationMiddleware``,
    and a signed-in Django session is what it was. A stale cookie makes an anonymous visitor, and so does a forged
    request, by the rule of :mod:`.csrf`: ``csrf_exempt`` opens a view to other sites, not the user's account. All other
    unsafe requests are for ``CsrfViewMiddleware`` to refuse. Django's ``logout()`` ends the cookie's session too.

    Works in synchronous and asynchronous stacks.
    """

    sync_capable = True
    async_capable = True

    #: Reads the cookie. A project that derived a class, to let in fewer users, names it in a subclass.
    authentication_class = CookieJWTAuthentication

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        visitor = Visitor(request, self.authentication_class())
        response: HttpResponseBase = self.get_response(request)
        visitor.mark(response)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        visitor = Visitor(request, self.authentication_class())
        response: HttpResponseBase = await self.get_response(request)
        visitor.mark(response)
        return response


class Visitor:
    """Who sent one request: asked at most once, and remembered for ``request.user`` and ``request.auser`` alike."""

    def __init__(self, request: HttpRequest, authentication: CookieJWTAuthentication) -> None:
        self._request: Any = request
        self._authentication = authentication
        self._earlier_user = getattr(request, "user", None)
        self._earlier_auser = getattr(request, "auser", None)
        self._user: Any = None
        self._page_may_be_cached = False
        self._signed_out = False
        self._request.user = LazyUser(self)  # type: ignore[assignment]
        self._request.auser = self.auser
        setattr(request, VISITOR_ATTRIBUTE, self)

    @property
    def was_asked_for(self) -> bool:
        return self._user is not None

    def user(self) -> Any:
        """The user whom an earlier middleware found, else the cookie's, else nobody (``AnonymousUser``)."""
        if self._user is None:
            earlier = self._earlier_user
            self._user = earlier if _is_signed_in(earlier) else self._user_by_cookie() or earlier or AnonymousUser()
        return self._user

    async def auser(self) -> Any:
        """The same for asynchronous views. Only what may ask the database leaves the event loop's thread."""
        if self._user is None and self._earlier_user is not None and self._earlier_auser is None:
            await sync_to_async(self.user)()  # Set by a middleware that knows nothing of auser: it may be lazy too.
        elif self._user is None:
            earlier = None if self._earlier_auser is None else await self._earlier_auser()
            self._user = (
                earlier if _is_signed_in(earlier) else await self._auser_by_cookie() or earlier or AnonymousUser()
            )
        self.keep_out_of_shared_cache()
        return self._user

    def _user_by_cookie(self) -> Any:
        authenticated = self._authentication.authenticate_by_cookie(self._request)
        if authenticated is None:
            return None
        fault = csrf.forgery_fault(self._request)
        if fault is not None:
            csrf.refuse(self._request, fault)  # For the log: the view decides what it has for anonymous visitors.
            return None
        return authenticated[0]

    async def _auser_by_cookie(self) -> Any:
        carries_cookie = cookies.access_tokens(self._request)
        return await sync_to_async(self._user_by_cookie)() if carries_cookie else None

    def keep_out_of_shared_cache(self) -> None:
        """Have ``cache_page`` not store this page.

        It decorates the view, so it would store the answer before :meth:`mark` says whose it is, and show it to all.
        """
        if getattr(self._request, "_cache_update_cache", False):
            self._request._cache_update_cache = False
            self._page_may_be_cached = True

    def sign_out(self) -> None:
        """End the sessions that the request's cookies carry. The cookies themselves are cleared by :meth:`mark`."""
        sessions.revoke_by(carried_tokens(self._request), AuthSession.RevokedReason.SIGNED_OUT, self._request)
        self._signed_out = True
        self._user = AnonymousUser()

    def mark(self, response: HttpResponseBase) -> None:
        """Say on the answer that it depends on cookies, if it may."""
        if self.was_asked_for:
            patch_vary_headers(response, ["Cookie"])
        if self._page_may_be_cached:
            # UpdateCacheMiddleware stands before this one, and keeps a page that varies for each visitor apart.
            self._request._cache_update_cache = True
        if self._signed_out:
            cookies.clear_auth_cookies(response)


def _is_signed_in(user: Any) -> bool:
    return user is not None and user.is_authenticated


class LazyUser(SimpleLazyObject):  # type: ignore[type-arg]
    """The visitor, found out at the first use.

    Every later use is noted too: a user whom ``login_required`` has found out may then be shown by a cached view.
    """

    def __init__(self, visitor: Visitor) -> None:
        self.__dict__["_visitor"] = visitor
        super().__init__(visitor.user)

    def __getattribute__(self, name: str) -> Any:
        if name == "_wrapped":  # What Django's class reads at every use.
            visitor: Visitor = super().__getattribute__("_visitor")
            if visitor.was_asked_for:
                visitor.keep_out_of_shared_cache()
        return super().__getattribute__(name)


@receiver(user_logged_out, dispatch_uid="fastauth_django.middleware")
def sign_out_of_cookies(sender: Any, request: Any = None, **kwargs: Any) -> None:
    """Have Django's ``logout()``, and so the admin's button, end the cookie's session and not only Django's own.

    ``logout()`` asks who the visitor is before it sends the signal. :func:`fastauth_django.sign_out` does not, and has
    ended the session itself.
    """
    visitor: Visitor | None = getattr(request, VISITOR_ATTRIBUTE, None)
    if visitor is None or not visitor.was_asked_for:
        return
    carries_cookie = cookies.access_tokens(request) or cookies.refresh_tokens(request)
    if carries_cookie and csrf.forgery_fault(request) is None:
        visitor.sign_out()
