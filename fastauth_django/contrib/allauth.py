"""django-allauth: it finds out who somebody is, and each of its sign-ins becomes a session of this app.

On the way to a sign-in allauth keeps a state of its own: Django's session for a browser, ``X-Session-Token`` for an
app. The sign-in flushes that. From then on ``request.session`` of allauth's views is a :func:`state_of` our session. No
cookie names it, and it does not say who is signed in: our token does.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cache
from importlib import import_module
from json import JSONDecodeError, dumps, loads
from typing import Any, cast
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.signals import password_changed, password_reset, password_set
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.base.response import UnauthorizedResponse
from allauth.headless.tokens.strategies.base import AbstractTokenStrategy
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.functional import SimpleLazyObject
from django.utils.html import format_html
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.settings import api_settings

from .. import csrf, sessions, urls, views
from ..authentication import CookieJWTAuthentication, challenge
from ..caching import forbid_storing
from ..client_address import client_address
from ..conf import Delivery, conf
from ..delivery import sign_in, sign_out, update_session_auth_hash
from ..exceptions import code_of
from ..middleware import AuthenticatingMiddleware
from ..models import AuthSession
from ..signals import session_revoked
from ..tokens import AccessToken, TokenPair

Reason = AuthSession.RevokedReason

#: ``path("auth/", include("fastauth_django.contrib.allauth"))``: our routes, without those that take a password. They
#: would know no second factor.
PASSWORD_VIEWS = {views.LoginView, views.RegisterView, views.ChangePasswordView}
app_name = urls.app_name
urlpatterns = [route for route in urls.urlpatterns if cast("Any", route.callback).cls not in PASSWORD_VIEWS]

PASSAGE_ATTRIBUTE = "_fastauth_allauth"
SALT = "fastauth_django.contrib.allauth"
#: What allauth notes about the steps of a sign-in: "password, then a code of the app, at this time".
RECORDS = "account_authentication_methods"
#: The name by which allauth knows that the browser has been sent to the same place once more.
SECOND_TRY = "_redir"

# A page that goes on by itself, to where the browser was sent from another site: now it sends its strict cookies too.
PAGE = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={url}">
<title>One moment</title>
<a href="{url}">Continue</a>
"""


# --- What allauth remembers of a session ---------------------------------------------------------------------------


@cache
def _state_class(engine: str) -> type[SessionBase]:
    class SessionState(import_module(engine).SessionStore):  # type: ignore[misc]  # the project's choice
        """A session store for one of our sessions. As a class of its own it signs with a salt of its own, so that
        Django's store cannot read the row.
        """

        cache_key_prefix = SALT

        def load(self) -> Any:
            key, data = self.session_key, super().load()
            self._session_key = key  # Django's store forgets the key of a row that is not there yet.
            return data

        def save(self, must_create: bool = False) -> None:
            try:
                super().save()
            except UpdateError:
                try:
                    super().save(must_create=True)
                except CreateError:  # Another tab was first.
                    super().save()

        def cycle_key(self) -> None:
            """The key belongs to the session. No client knows it, so nobody can have planted it."""

    return SessionState


def state_of(session_id: UUID) -> SessionBase:
    """What allauth keeps for one of our sessions: fresh proofs of identity, the secret of a TOTP that is being set up.

    Its key is derived from the id of the session. So it survives a refresh, and two sessions share nothing.
    """
    key = salted_hmac(SALT, str(session_id), algorithm="sha256").hexdigest()[:32]
    return _state_class(django_settings.SESSION_ENGINE)(key)


def _is_state(session: SessionBase) -> bool:
    return isinstance(session, _state_class(django_settings.SESSION_ENGINE))


# --- One request ---------------------------------------------------------------------------------------------------


class Passage:
    """One request, and what its answer has to carry to the client.

    Several views of allauth drop the answer that the sign-in gave them, so the cookies stay here until the last answer
    leaves.
    """

    def __init__(self, request: HttpRequest, authentication: CookieJWTAuthentication) -> None:
        self.request = cast("Any", request)  # Django types request.user for one user model.
        self.authentication = authentication
        self.is_open, self.client = _answering(request)
        self.delivery: Delivery = "json" if self.client == "app" else "cookie"
        self.django_session: SessionBase | None = getattr(request, "session", None)
        self.carrier = HttpResponse()
        self.pair: TokenPair | None = None
        setattr(request, PASSAGE_ATTRIBUTE, self)

    def enter(self) -> HttpResponse | None:
        """Show allauth who sent the request. Returns an answer if it cannot, or not yet."""
        if self.client and self.request.method != "GET" and not _is_readable(self.request.body):
            return HttpResponseBadRequest()
        if self.client == "app":
            return self._enter_app()
        if self._comes_without_strict_cookies():
            query = self.request.GET.copy()
            query[SECOND_TRY] = ""
            page = HttpResponse(format_html(PAGE, url=f"{self.request.path}?{query.urlencode()}"))
            forbid_storing(page)
            return page
        if self._leaves_csrf_to_us and csrf.forgery_fault(self.request) is None:
            self.request._dont_enforce_csrf_checks = True
        if self.request.user.is_authenticated:
            session = sessions.session_of(self.request)
            if session is not None:
                self.request.session = state_of(session.pk)
        return None

    def _comes_without_strict_cookies(self) -> bool:
        """Whether a provider on another site has sent the browser here, which holds its strict cookies back then."""
        request = self.request
        return (
            conf.COOKIE_SAMESITE == "strict"
            and self.client is None
            and request.method == "GET"
            and request.headers.get("Sec-Fetch-Site", "cross-site") == "cross-site"
            and SECOND_TRY not in request.GET
        )

    @property
    def _leaves_csrf_to_us(self) -> bool:
        return self.client == "browser" and conf.CSRF_PROTECTION == "origin"

    def _enter_app(self) -> HttpResponse | None:
        """An app is who its header says. Cookies that a browser adds count for nothing."""
        self.request.COOKIES = {}  # Of allauth's own cookies too: "trust this browser" would spare a script the code.
        try:
            authenticated = self.authentication.authenticate_by_header(Request(self.request))
        except AuthenticationFailed as refusal:
            errors = [{"code": code_of(refusal), "message": str(refusal.default_detail)}]
            body = {"status": 401, "errors": errors, "meta": {"is_authenticated": False}}
            response = JsonResponse(body, status=401, headers={"WWW-Authenticate": challenge(self.request)})
            forbid_storing(response)
            return response
        user, session = AnonymousUser(), None
        if authenticated is not None:
            user, session = authenticated[0], authenticated[1].session
        sessions.remember_session(self.request, session)
        self.request.user = SimpleLazyObject(lambda: user)  # allauth looks a second time, and must find the same.
        return None

    def sign_in(self, user: AbstractBaseUser) -> None:
        """End what led to the sign-in, and begin a session of ``user``, on the carrier until the answer leaves."""
        request = self.request
        records = {key: value for key, value in request.session.items() if key.startswith(RECORDS)}
        self._leave_state()
        if not _is_state(request.session):
            request.session.flush()
            self.django_session = request.session
        self._deliver(sign_in(request, self.carrier, user, token_delivery=self.delivery), records)
        request.user = user

    def sign_out(self) -> None:
        """Revoke the sessions that the request carries, and flush Django's, or what an app had in its place."""
        self._leave_state()
        sign_out(self.request, self.carrier, token_delivery=self.delivery)
        self.request.session.flush()
        if _is_state(self.request.session):  # An app's. It may sign in again at once, and finds that by its token.
            self.request.session = import_module(django_settings.SESSION_ENGINE).SessionStore()
        self.request.user = AnonymousUser()
        self._end_new_session()

    def renew(self, user: AbstractBaseUser) -> None:
        """After a new password: revoke every session of ``user``, and give the caller, if it had one, another."""
        session = self.request.session
        if _is_state(session):
            session.pop(HASH_SESSION_KEY, None)  # Written for Django's own sessions.
        state = dict(session.items())
        pair = update_session_auth_hash(self.request, self.carrier, user, token_delivery=self.delivery)
        if pair is not None:
            self._deliver(pair, state)

    def _deliver(self, pair: TokenPair, state: dict[str, Any]) -> None:
        self.pair = pair
        self.is_open = True
        self.request.session = state_of(cast("UUID", AccessToken.read(pair.access).session_id))
        self.request.session.update(state)

    def _leave_state(self) -> None:
        """Take Django's session up again, where the request has one: an app has none."""
        self.is_open = True
        if self.delivery == "cookie" and _is_state(self.request.session):
            self.request.session = self.django_session

    def leave(self, response: HttpResponseBase) -> HttpResponseBase:
        """Put everything onto the answer that leaves. One that cannot carry a new session to the client ends it."""
        try:
            return self._load(response)
        except Exception:  # The store of the state, or a body in which there is no place for a pair.
            self._end_new_session()
            raise

    def _load(self, response: HttpResponseBase) -> HttpResponseBase:
        request = self.request
        failed = response.status_code >= 500
        if _is_state(request.session):
            if request.session.modified and not failed:
                request.session.save()
            request.session = self.django_session
        if self._leaves_csrf_to_us:
            request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False  # Nobody needs its cookie here.
        if self.pair is not None and (failed or not self._can_carry(response)):
            self._end_new_session()
            return response
        return self._merge(response)

    def _end_new_session(self) -> None:
        if self.pair is not None:
            sessions.revoke_by([AccessToken.read(self.pair.access)], Reason.SIGNED_OUT, self.request)
            self.pair = None

    def _can_carry(self, response: HttpResponseBase) -> bool:
        return self.delivery == "cookie" or isinstance(response, JsonResponse)

    def _merge(self, response: HttpResponseBase) -> HttpResponseBase:
        if self.pair is not None and self.delivery == "json":
            answer = cast("JsonResponse", response)
            body = loads(answer.content)
            body["meta"] = {**body.get("meta", {}), **self.pair.as_json()}
            answer.content = JsonResponse(body).content
        response.cookies.update(self.carrier.cookies)
        for name, value in self.carrier.headers.items():
            if name != "Content-Type":
                response.headers[name] = value
        return response


def _answering(request: HttpRequest) -> tuple[bool, str | None]:
    """Whether a view of allauth's will answer, or one derived from it, and to which kind of client of its API.

    A page, and what a provider sends people back to, is for neither kind.
    """
    try:
        view: Any = resolve(request.path_info, getattr(request, "urlconf", None)).func
    except Resolver404:
        return False, None
    classes: list[Any] = [view, *getattr(view, "view_class", object).__mro__]
    is_allauths = any(getattr(each, "__module__", "").startswith("allauth.") for each in classes)
    return is_allauths, getattr(view, "view_initkwargs", {}).get("client") if is_allauths else None


def _is_readable(body: bytes) -> bool:
    """Whether allauth, which refuses what is no JSON, can read ``body``.

    It foresees neither JSON that nests too deeply, nor a number of thousands of digits, nor half a character (a lone
    surrogate).
    """
    try:
        dumps(loads(body), ensure_ascii=False).encode()
    except (JSONDecodeError, UnicodeDecodeError):
        return True
    except (RecursionError, ValueError):
        return False
    return True


# --- What a project names in its settings ----------------------------------------------------------------------------


class AllauthMiddleware(AuthenticatingMiddleware):
    """Brings what allauth's views did to the client. Put it last in ``MIDDLEWARE``: no answer may pass it by.

    It resolves each URL, because it acts before Django's CSRF check does. ``authentication_class`` reads the header of
    an app.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        passage = Passage(request, self.authentication_class())
        response: HttpResponseBase = (passage.enter() if passage.is_open else None) or self.get_response(request)
        return passage.leave(response) if passage.is_open else response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        passage = Passage(request, self.authentication_class())
        refusal = await sync_to_async(passage.enter)() if passage.is_open else None
        response: HttpResponseBase = refusal or await self.get_response(request)
        return await sync_to_async(passage.leave)(response) if passage.is_open else response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Tell an app that another request of its own has just ended the way to the sign-in. A browser Django tells."""
        passage = _passage_of(request)
        if passage.client != "app" or not isinstance(exception, UpdateError):
            return None
        response = UnauthorizedResponse(request, status=410)
        cast("Any", request).session = passage.django_session  # The other is gone, and nobody is to save it.
        return cast("HttpResponse", response)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types.
    """``ACCOUNT_ADAPTER``: the sign-in and sign-out of allauth's own views, for both clients. Derive yours from it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether ``SIGN_UP_ENABLED`` lets anyone make an account, with a password or by a provider."""
        return conf.SIGN_UP_ENABLED and bool(super().is_open_for_signup(request))

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse | None:
        """Refuse whom ``SIMPLE_JWT`` refuses, before a second factor is asked for."""
        if not sessions.may_sign_in(user):
            return cast("HttpResponse", self.respond_user_inactive(request, user))
        request.session[_begun_with(user)] = user.get_session_auth_hash()
        return cast("HttpResponse | None", super().pre_login(request, user, **kwargs))

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Begin a session. Raises ``ImproperlyConfigured`` without :class:`AllauthMiddleware`, which delivers it.

        A sign-in that waits for a second factor or a code ends with a new password and with a ban, as a session does.
        Else who has the old password would only have to stop at the last step. This raises what no view of allauth's
        turns into an answer that trusts the browser.
        """
        passage = _passage_of(request)
        current = user.get_session_auth_hash()
        is_unchanged = constant_time_compare(request.session.get(_begun_with(user), current), current)
        if not is_unchanged or not sessions.may_sign_in(user):
            raise ImmediateHttpResponse(UnauthorizedResponse(request)) if passage.client else PermissionDenied
        passage.sign_in(user)

    def logout(self, request: HttpRequest) -> None:
        """Revoke the session that the request carries."""
        _passage_of(request).sign_out()

    def get_client_ip(self, request: HttpRequest) -> str:
        """Whose limits allauth counts up: behind proxies, as REST framework's ``NUM_PROXIES`` says for ours.

        Else all visitors would have the proxy's address, and one of them could use up the limits of everybody.
        """
        address = client_address(request) if api_settings.NUM_PROXIES is not None else None
        return address or cast("str", super().get_client_ip(request))

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Messages are for pages. Where there are none, they would pile up in a cookie."""
        if not getattr(django_settings, "HEADLESS_ONLY", False):
            super().add_message(request, *args, **kwargs)


class TokenStrategy(AbstractTokenStrategy):  # type: ignore[misc]
    """``HEADLESS_TOKEN_STRATEGY``: an app has ``X-Session-Token`` on the way to the sign-in, and our pair after it."""

    def get_session_token(self, request: HttpRequest) -> str | None:
        session = sessions.session_of(request)
        return state_of(session.pk).session_key if session else cast("str | None", super().get_session_token(request))

    def lookup_session(self, session_token: str) -> SessionBase | None:
        """The state of the session that the header has opened, or the one on the way to a sign-in.

        No token opens a session of Django's in which somebody is signed in.
        """
        session = sessions.session_of(context.request)
        if session is not None:
            return state_of(session.pk)
        state: SessionBase = import_module(django_settings.SESSION_ENGINE).SessionStore(session_token)
        return None if SESSION_KEY in state or state.session_key is None else state

    def create_session_token(self, request: HttpRequest) -> str:
        if _is_state(request.session):
            return ""  # allauth puts no empty token into its answer.
        if not request.session.session_key:
            request.session.save()
        return cast("str", request.session.session_key)

    @classmethod
    def openapi_spec(cls) -> dict[str, Any]:
        spec: dict[str, Any] = super().openapi_spec()
        spec["securitySchemes"]["AccessToken"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        spec["security"].insert(0, {"AccessToken": []})
        return spec


def _begun_with(user: AbstractBaseUser) -> str:
    """Where the session has the hash of the password with which ``user`` began to sign in."""
    return f"{SALT}.begun_with.{user.pk}"


def _passage_of(request: HttpRequest) -> Passage:
    passage: Passage | None = getattr(request, PASSAGE_ATTRIBUTE, None)
    if passage is None:
        raise ImproperlyConfigured(f"Without {AllauthMiddleware.__name__} in MIDDLEWARE nobody can sign in or out.")
    return passage


@receiver([password_changed, password_set], dispatch_uid=f"{SALT}.renew")
def renew_sessions(sender: type, request: HttpRequest, user: AbstractBaseUser, **kwargs: object) -> None:
    """A new password ends the sessions of the old one, and who gave it goes on."""
    _passage_of(request).renew(user)


@receiver(password_reset, dispatch_uid=f"{SALT}.end")
def end_sessions(sender: type, request: HttpRequest, user: AbstractBaseUser, **kwargs: object) -> None:
    """Who had to reset the password may have lost it to somebody: every session ends."""
    sessions.revoke(sessions.live_rows(user), Reason.PASSWORD_CHANGED, request)


@receiver(session_revoked, dispatch_uid=f"{SALT}.delete")
def delete_state(sender: type, session: AuthSession, **kwargs: object) -> None:
    """What allauth kept for a session goes with it."""
    state_of(session.pk).delete()
