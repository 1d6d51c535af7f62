"""``request.user`` and ``request.auser`` from the access cookie, for Django's own views, templates and decorators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_out
from django.db import router
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from . import cookies, csrf, sessions
from .authentication import CookieJWTAuthentication
from .caching import vary_on_cookie
from .carried import access_values, tokens_to_sign_out
from .delivery import update_session_auth_hash
from .exceptions import TryAgain
from .models import AuthSession

User: TypeAlias = AbstractBaseUser | AnonymousUser

VISITOR_ATTRIBUTE = "_fastauth_visitor"


class AuthenticatingMiddleware:
    """A middleware for synchronous and asynchronous stacks, with a class that reads the credential."""

    sync_capable = True
    async_capable = True

    #: To let in fewer users, derive a class from it, and name that in a subclass of the middleware.
    authentication_class = CookieJWTAuthentication

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(cast("Any", self))  # A subclass is callable.


class AuthCookieMiddleware(AuthenticatingMiddleware):
    """Sets ``request.user`` and ``request.auser`` to the user of the access cookie, looked up when somebody asks.

    Put it after Django's ``AuthenticationMiddleware``: a user whom an earlier middleware found counts first, so a
    signed-in Django session goes on as before. With a stale cookie the visitor is anonymous. In a forged request, by
    the rule of :mod:`.csrf`, the visitor is anonymous too: ``csrf_exempt`` opens a view to other sites, but not the
    user's account. This middleware refuses no request; ``CsrfViewMiddleware`` does. Django's ``logout()`` also revokes
    the cookie's session.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        visitor = Visitor(request, self.authentication_class())
        response: HttpResponseBase = self.get_response(request)
        if visitor.changed_password(response):
            visitor.stay_signed_in(response)
        visitor.mark(response)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        visitor = Visitor(request, self.authentication_class())
        response: HttpResponseBase = await self.get_response(request)
        if visitor.changed_password(response):
            await sync_to_async(visitor.stay_signed_in)(response)
        visitor.mark(response)
        return response


class Visitor:
    """The visitor who sent one request: looked up at most once, for ``request.user`` and ``request.auser`` alike."""

    def __init__(self, request: HttpRequest, authentication: CookieJWTAuthentication) -> None:
        # Django types request.user for one user model, and does not type what its own cache middleware writes.
        self._request = cast("Any", request)
        self._authentication = authentication
        self._earlier_user = getattr(request, "user", None)
        self._earlier_auser = getattr(request, "auser", None)
        self._user: User | None = None
        self._session: AuthSession | None = None  # the cookie's, once it was looked up
        self._page_may_be_cached = False
        self._signed_out = False
        self._request.user = LazyUser(self)
        self._request.auser = self.auser
        setattr(request, VISITOR_ATTRIBUTE, self)

    @property
    def is_known(self) -> bool:
        """Whether somebody has asked who the visitor is."""
        return self._user is not None

    def user(self) -> User:
        """The user whom an earlier middleware found, else the cookie's, else ``AnonymousUser``."""
        if self._user is None:
            earlier = self._earlier_user
            known = earlier if _is_signed_in(earlier) else self._user_by_cookie()
            self._user = known or earlier or AnonymousUser()
        return self._user

    async def auser(self) -> User:
        """The same for asynchronous views. Only what may query the database runs in a thread."""
        if self._user is None and self._earlier_user is not None and self._earlier_auser is None:
            # A middleware that does not know auser has set the user, which may be lazy and query the database.
            self._user = await sync_to_async(self.user)()
        elif self._user is None:
            earlier = None if self._earlier_auser is None else await self._earlier_auser()
            known = earlier if _is_signed_in(earlier) else await self._auser_by_cookie()
            self._user = known or earlier or AnonymousUser()
        self.keep_out_of_shared_cache()
        return self._user

    def _user_by_cookie(self) -> User | None:
        try:
            authenticated = self._authentication.authenticate_by_cookie(self._request)
        except TryAgain:  # Nobody can tell now whose cookie it is.
            return None
        if authenticated is None:
            return None
        fault = csrf.forgery_fault(self._request)
        if fault is not None:
            csrf.refusal(self._request, fault)  # Only for the log. The view decides what anonymous visitors get.
            return None
        user, token = authenticated
        self._session = token.session
        sessions.remember_session(self._request, token.session)
        return cast("User", user)

    async def _auser_by_cookie(self) -> User | None:
        carries_cookie = access_values(self._request)
        return await sync_to_async(self._user_by_cookie)() if carries_cookie else None

    def keep_out_of_shared_cache(self) -> None:
        """Keep ``cache_page`` from storing this page.

        It decorates the view, so it would store the answer before :meth:`mark` says whose it is, and show it to
        everybody.
        """
        if getattr(self._request, "_cache_update_cache", False):
            self._request._cache_update_cache = False
            self._page_may_be_cached = True

    def sign_out(self) -> None:
        """Revoke the sessions that the request's cookies carry. :meth:`mark` clears the cookies."""
        sessions.revoke_by(tokens_to_sign_out(self._request), AuthSession.RevokedReason.SIGNED_OUT, self._request)
        self._signed_out = True
        self._user = AnonymousUser()

    def changed_password(self, response: HttpResponseBase) -> bool:
        """Whether the view called Django's ``update_session_auth_hash`` for the cookie's user.

        That function writes the new hash into Django's session, where nothing but a sign-in of Django's writes it.
        """
        session = getattr(self._request, "session", None)
        return (
            self._session is not None
            and session is not None
            and session.accessed  # Otherwise to look into it would be a query.
            and session.modified
            and HASH_SESSION_KEY in session
            and SESSION_KEY not in session
        )

    def stay_signed_in(self, response: HttpResponseBase) -> None:
        """Do for the cookie's session what ``update_session_auth_hash`` does for Django's.

        The hash has to be new, and the database has to hold it: a view's transaction may have been rolled back. A view
        that signed somebody in or out has said itself who is signed in now. A copy of the session dies, also one that
        holds a slow request open: :func:`update_session_auth_hash` gives it nothing.
        """
        new_hash = self._request.session.pop(HASH_SESSION_KEY)
        if not list(self._request.session.keys()):
            self._request.session.flush()
        before = self._session
        said_itself = self._signed_out or cookies.refresh_cookie().name in response.cookies
        if before is None or said_itself or constant_time_compare(before.auth_hash, new_hash):
            return
        users = get_user_model()._base_manager.using(router.db_for_write(get_user_model()))
        user = users.filter(pk=before.user_id).first()
        if user is None or not sessions.may_sign_in(user):
            return
        if constant_time_compare(user.get_session_auth_hash(), new_hash):
            update_session_auth_hash(self._request, response, user, token_delivery="cookie")  # noqa: S106

    def mark(self, response: HttpResponseBase) -> None:
        """Write onto the answer what the request has shown: it depends on cookies, or the visitor signed out."""
        if self.is_known:
            vary_on_cookie(response)
        if self._page_may_be_cached:
            # UpdateCacheMiddleware runs after this one, and stores one copy for each visitor of a page that varies.
            self._request._cache_update_cache = True
        refresh = response.cookies.get(cookies.refresh_cookie().name)
        if self._signed_out and not (refresh and refresh.value):  # Else the view has signed somebody in after that.
            cookies.clear_auth_cookies(self._request, response)


def _is_signed_in(user: User | None) -> bool:
    return user is not None and user.is_authenticated


class LazyUser(SimpleLazyObject):  # type: ignore[type-arg]
    """The visitor, looked up at the first use.

    It also notes every later use: if ``login_required`` has looked the user up, a view that ``cache_page`` decorates
    may still show that user.
    """

    def __init__(self, visitor: Visitor) -> None:
        self.__dict__["_visitor"] = visitor
        super().__init__(visitor.user)

    def __getattribute__(self, name: str) -> Any:
        if name == "_wrapped":  # What Django's class reads at every use.
            visitor: Visitor = super().__getattribute__("_visitor")
            if visitor.is_known:
                visitor.keep_out_of_shared_cache()
        return super().__getattribute__(name)


@receiver(user_logged_out, dispatch_uid="fastauth_django.middleware")
def sign_out_of_cookies(sender: object, request: HttpRequest | None = None, **kwargs: object) -> None:
    """When Django's ``logout()`` ends Django's session, as the admin's button does, revoke the cookie's session too.

    ``logout()`` looks the visitor up before it sends the signal. If nobody has looked the visitor up, the signal comes
    from :func:`fastauth_django.sign_out`, which has revoked the session itself.
    """
    visitor: Visitor | None = getattr(request, VISITOR_ATTRIBUTE, None)
    if request is None or visitor is None or not visitor.is_known:
        return
    if cookies.are_carried(request, or_former=True) and csrf.forgery_fault(request) is None:
        visitor.sign_out()
