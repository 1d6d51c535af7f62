"""The routes. Each view reads the request, calls ``sessions`` or ``delivery``, and shapes the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, connections, router, transaction
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from rest_framework import serializers, status
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    NotFound,
    ParseError,
    Throttled,
    ValidationError,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import InvalidToken

from . import cookies, csrf, sessions
from .accounts import validation_error
from .authentication import CookieJWTAuthentication, challenge, refusal_of, remember_refusal
from .caching import forbid_storing, vary_on_cookie
from .carried import carried_session_ids, refresh_values, session_ids_of, sessions_in_former, tells_of_no_session
from .conf import Delivery, conf
from .conflicts import unless_deleted, until_not_lost
from .delivery import (
    announce_signed_out,
    clear_cookies_of,
    clear_refresh_cookie_of,
    deliver,
    sign_in,
    sign_out,
    start_anew,
)
from .device_protocol import was_skipped
from .device_sessions import has_idle_refresh_cookie, leave_to_device, require_ended
from .django_session import end_django_session
from .exceptions import (
    DeviceProofRequired,
    InvalidCredentials,
    RefreshTokenRequired,
    RefreshTokenReused,
    Refusals,
    SessionReplaced,
    SignUpDisabled,
    TryAgain,
    UserExists,
    UserInactive,
    complete_body,
)
from .models import AuthSession, AuthSessionQuerySet, manager_annotates
from .replicas import read_from_primary
from .serializers import ChangePasswordSerializer, RefreshSerializer, SessionSerializer
from .signals import user_signed_up
from .throttling import count_sign_up
from .tokens import AccessToken, IssuedTokens, RefreshToken, TokenPair

Reason = AuthSession.RevokedReason


@method_decorator(sensitive_post_parameters(), name="dispatch")
class AuthView(APIView):
    """What all routes share: the delivery of tokens, and answers to refusals, each with a ``code``."""

    # The wire format is this app's, whatever the project's defaults are. A subclass may choose others.
    parser_classes = (JSONParser, FormParser, MultiPartParser)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = DefaultContentNegotiation
    #: What reads the request's body, if it has one. REST framework's page for people shows its fields.
    serializer_class: Any = None
    #: ``"json"`` or ``"cookie"`` for this view alone; ``FASTAUTH["TOKEN_DELIVERY"]`` if None.
    token_delivery: Delivery | None = None
    #: How this view refuses, beside what REST framework and the CSRF rule refuse everywhere. For the OpenAPI document.
    refusals: Refusals = ()

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        if initkwargs.get("token_delivery", cls.token_delivery) not in {None, "json", "cookie"}:
            raise ImproperlyConfigured(f'token_delivery of {cls.__name__} must be "json" or "cookie".')
        # These views write while they refuse. With ATOMIC_REQUESTS Django would roll a revocation back after a 401, and
        # a lost race would break the request's transaction.
        view = super().as_view(**initkwargs)
        for alias in {router.db_for_write(AuthSession), router.db_for_write(AuthSession.user.field.related_model)}:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Every answer of these routes is one visitor's, refusals too: a cache that ignores ``Vary`` must keep none."""
        response = super().finalize_response(request, response, *args, **kwargs)
        forbid_storing(response)
        return response

    def get_renderers(self) -> list[Any]:
        """JSON, and REST framework's page for people where the project shows it."""
        defaults: Any = api_settings.DEFAULT_RENDERER_CLASSES
        for_people = [each for each in defaults if issubclass(each, BrowsableAPIRenderer)]
        return [renderer_class() for renderer_class in (*self.renderer_classes, *for_people)]

    def determine_version(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """As the project's versioning says. A version that it does not know changes nothing: these routes have none."""
        with suppress(APIException):
            return super().determine_version(request, *args, **kwargs)
        return None, None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # What a client would rather read is no reason to refuse what it asks for.
        return super().perform_content_negotiation(request, force=True)

    @cached_property
    def delivery(self) -> Delivery:
        return self.token_delivery or conf.TOKEN_DELIVERY

    @sensitive_variables()
    def body(self) -> Mapping[str, Any]:
        """The request's body. Raises a 400 for one that is no object."""
        try:
            data = self.request.data
            if isinstance(getattr(self.request, "accepted_renderer", None), BrowsableAPIRenderer):
                json.dumps(data, ensure_ascii=False, default=str).encode()
        except (RecursionError, SuspiciousOperation, UnicodeError) as error:
            # REST framework foresees neither JSON that nests too deeply, nor a form that Django finds too large,
            # nor one in a charset that is none of a body, such as "punycode", nor that its page for people has to show
            # half a character again (a lone surrogate).
            raise ParseError from error
        if not isinstance(data, Mapping):
            raise ParseError(_("Expected an object."), code="invalid")
        return data

    @sensitive_variables()
    def read(self) -> Any:
        """The validated serializer for the request's body. Raises a 400 for a body that it does not take."""
        serializer = self.serializer_class(data=self.body(), context={"request": self.request, "view": self})
        try:
            serializer.is_valid(raise_exception=True)
        except ValidationError as error:
            try:
                json.dumps(error.detail, ensure_ascii=False).encode()
            except UnicodeError:
                raise ParseError from error  # A field with choices repeats what it refuses: half a character.
            raise
        return serializer

    def answer(
        self, response: Response, issued: IssuedTokens, delivery: Delivery, *, user: AbstractBaseUser | None = None
    ) -> Response:
        """Fill in the body that goes with ``issued``: the tokens in JSON delivery, never in cookie delivery."""
        described = {} if user is None else {"user": self.describe(user)}
        if isinstance(issued, TokenPair) and delivery == "json":
            body = issued.as_json()
        else:
            body = {
                "message": _("Authentication successful"),
                "expires_in": issued.access_max_age,
                "refresh_expires_in": issued.refresh_max_age,
            }
        response.data = {**body, **described}
        return response

    def describe(self, user: AbstractBaseUser) -> Any:
        """The user as ``USER_SERIALIZER`` shows them, which may be anything that JSON can hold."""
        return conf.USER_SERIALIZER(user, context={"request": self.request, "view": self}).data

    def get_authenticate_header(self, request: Request) -> str:
        # Without one REST framework turns a 401 into a 403, and an ActView has no authenticator to name one.
        return challenge(request)

    def handle_exception(self, exc: Exception) -> Response:
        """The answer to a refusal, with a ``code``, whatever the project's ``EXCEPTION_HANDLER`` makes of its body."""
        refusal = refusal_of(self.request)
        if isinstance(exc, DjangoValidationError):
            exc = validation_error(exc)  # Of a model's save(), or of a receiver: what was given is refused.
        if isinstance(exc, NotAuthenticated) and refusal is not None:
            exc = refusal  # The request carried a bad cookie, and this view needs a good one: say what was wrong.
        with ExitStack() as stack:
            # REST framework's handler marks the innermost transaction for rollback. If code around this view opened it,
            # what this view has written must stay. So give the handler an empty savepoint to mark.
            for connection in connections.all(initialized_only=True):
                if connection.in_atomic_block and connection.settings_dict["ATOMIC_REQUESTS"]:
                    stack.enter_context(transaction.atomic(using=connection.alias))
            response = super().handle_exception(exc)
        if isinstance(exc, APIException):
            wait = getattr(exc, "wait", None)
            complete_body(response, exc, wait)
            # REST framework's own handler sets these too; a project's may not.
            if response.status_code == status.HTTP_401_UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = challenge(self.request)
            if wait is not None:
                response.headers["Retry-After"] = str(wait)
        return response


class ActView(AuthView):
    """Signing in, signing up, refreshing, signing out: open to anyone, and no stale cookie gets the request refused."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.delivery == "cookie":
            vary_on_cookie(response)
        return response

    def refuse_forgery(self, request: Request, *, csrf_token_can_be_sent: bool) -> None:
        """Raise ``CsrfFailed`` for a request that another site may have sent, where cookies are to be read or set."""
        if self.delivery == "cookie":
            fault = csrf.forgery_fault(request, csrf_token_can_be_sent=csrf_token_can_be_sent)
            if fault is not None:
                raise csrf.refusal(request, fault)

    def sign_in(
        self, request: Request, response: Response, user: AbstractBaseUser, *, remember: bool = False
    ) -> Response:
        pair = sign_in(request, response, user, remember, token_delivery=self.delivery)
        return self.answer(response, pair, self.delivery, user=user)


class RegisterView(ActView):
    """Create an account and sign it in."""

    refusals: Refusals = (SignUpDisabled, UserExists, Throttled)

    @property
    def serializer_class(self) -> Any:
        return conf.REGISTER_SERIALIZER

    @sensitive_variables("validated_data", "attrs", "password")
    def post(self, request: Request, *args: object, **prefix: object) -> Response:
        self.refuse_forgery(request, csrf_token_can_be_sent=False)
        if not conf.SIGN_UP_ENABLED:
            raise SignUpDisabled
        count_sign_up(request._request)
        alias = router.db_for_write(AuthSession.user.field.related_model)
        with read_from_primary():
            try:
                return until_not_lost(lambda: self.sign_up(request, alias), using=alias)
            except IntegrityError:
                # Under REPEATABLE READ the transaction could not see the account it raced with. A new read can.
                self.read()
                raise

    @sensitive_variables("validated_data", "attrs", "password")
    def sign_up(self, request: Request, alias: str) -> Response:
        serializer = self.read()
        response = Response(status=status.HTTP_201_CREATED)
        # If the sign-in fails, the account goes too. Otherwise it would be in the way of the visitor's second try.
        with transaction.atomic(using=alias):
            user = _as_manager_gives(serializer.save())
            user_signed_up.send(sender=user.__class__, request=request._request, user=user)
            if sessions.may_sign_in(user):
                return self.sign_in(request, response, user)
        response.data = {"message": _("The account has to be activated first."), "user": self.describe(user)}
        return response


def _as_manager_gives(user: Any) -> Any:
    """``user`` with what the default manager annotates, as after a sign-in, unless it hides them."""
    if not manager_annotates(user.__class__):
        return user
    return user.__class__._default_manager.filter(pk=user.pk).first() or user


class LoginView(ActView):
    """Sign in with an identifier and a password."""

    refusals: Refusals = (InvalidCredentials, UserInactive, Throttled)

    @property
    def serializer_class(self) -> Any:
        return conf.LOGIN_SERIALIZER

    def post(self, request: Request, *args: object, **prefix: object) -> Response:
        self.refuse_forgery(request, csrf_token_can_be_sent=False)
        user, remember = self.verified_user()
        return self.sign_in(request, Response(), user, remember=remember)

    @sensitive_variables()
    def verified_user(self) -> tuple[AbstractBaseUser, bool]:
        """Whom the body signs in, and whether to remember them. A function of its own: the password stays in here."""
        validated = self.read().validated_data
        if "user" not in validated:
            raise ImproperlyConfigured("FASTAUTH['LOGIN_SERIALIZER'] must put the user into validated_data['user'].")
        return validated["user"], validated.get("remember", False)


class TokenInBodyView(ActView):
    """Refreshing and signing out, which nothing in the request may prevent where its cookies are good."""

    serializer_class = RefreshSerializer
    throttle_classes = ()  # One of the project's, for anonymous visitors, would keep people from signing out.

    @sensitive_variables()
    def token_in_body(self) -> str | None:
        """The refresh token that a client without cookies sends. Browsers send no body: skip the serializer.

        In cookie delivery a body that cannot be read holds no token: ``sendBeacon`` and a ``null`` sign out, too.
        """
        try:
            return self.read().validated_data.get("refresh_token") if self.body() else None
        except APIException:
            if self.delivery == "json":
                raise
            return None


class RefreshView(TokenInBodyView):
    """Exchange the refresh token for the next pair. A token that came in a cookie leaves only in cookies."""

    refusals: Refusals = (RefreshTokenRequired, *sessions.LIVE_SESSION_REFUSALS, RefreshTokenReused, TryAgain)

    def post(self, request: Request, *args: object, **prefix: object) -> Response:
        self.refuse_forgery(request, csrf_token_can_be_sent=bool(refresh_values(request)))
        no_device = leave_to_device(request) if self.delivery == "cookie" else None
        if isinstance(no_device, DeviceProofRequired):
            self.judge_others(request, no_device.session)
            raise no_device
        presented = self.presented_tokens(request)
        if not presented:
            raise no_device or RefreshTokenRequired()
        issued = sessions.rotate(presented, request._request, delivery=self.delivery)
        response = Response()
        deliver(issued, response, self.delivery)
        return self.answer(response, issued, self.delivery)

    def judge_others(self, request: Request, session: AuthSession) -> None:
        """Report the stolen tokens of other sessions: a thief's own live session beside them silences nothing."""
        with suppress(APIException):
            others = [token for token in self.presented_tokens(request) if token.session_id != session.pk]
            sessions.judge(others, request._request)

    @sensitive_variables()
    def presented_tokens(self, request: Request) -> list[RefreshToken]:
        """The refresh tokens of the request. A function of its own, so the raw ones stay in here."""
        raw_tokens = self.raw_tokens(request)
        return _readable(raw_tokens) if raw_tokens else []

    @sensitive_variables()
    def raw_tokens(self, request: Request) -> list[str]:
        """What the request's refresh cookies hold, or where there is none, its body."""
        raw_tokens = refresh_values(request) if self.delivery == "cookie" else []
        if not raw_tokens:
            in_body = self.token_in_body()
            raw_tokens = [in_body] if in_body else []
        return raw_tokens

    def refused_sessions(self) -> list[UUID]:
        """The sessions of the refresh tokens, or where there is none, of the access cookies that were looked at."""
        return session_ids_of(RefreshToken, self.raw_tokens(self.request)) or carried_session_ids(
            self.request, AccessToken
        )

    def handle_exception(self, exc: Exception) -> Response:
        if not isinstance(exc, InvalidToken | UserInactive):
            # A 403, 429 or 5xx is passing, and a missing cookie may be on its way in the answer to another tab.
            return super().handle_exception(exc)
        remember_refusal(self.request, exc)
        response = super().handle_exception(exc)
        if self.delivery == "json":
            return response
        # The refusal is final. If the cookies stayed, the browser would come back with them again and again. The access
        # cookie of a bound session stays, because the browser renews it. If the browser has signed in meanwhile, this
        # answer may come after that one's, and would clear the cookies that it has set, if those have today's names.
        if isinstance(exc, DeviceProofRequired):
            clear_refresh_cookie_of(exc.session, self.request, response)
            return response
        refused = self.refused_sessions()
        if not isinstance(exc, SessionReplaced) or sessions_in_former(self.request).difference(refused):
            clear_cookies_of(refused, self.request, response)
        return response


@sensitive_variables()
def _readable(raw_tokens: list[str]) -> list[RefreshToken]:
    """The tokens among ``raw_tokens`` that can be read. Raises the refusal of the first if none can.

    Of two tokens of one session only the later generation counts: the other is left over from another path or domain.
    """
    refusals: list[AuthenticationFailed] = []
    latest: dict[UUID | None, RefreshToken] = {}
    for raw_token in raw_tokens:
        try:
            token = RefreshToken.read(raw_token)
        except AuthenticationFailed as refusal:
            refusals.append(refusal)
            continue
        rival = latest.get(token.session_id)
        if rival is None or rival.generation < token.generation:
            latest[token.session_id] = token
    if not latest:
        raise refusals[0]
    return list(latest.values())


class LogoutView(TokenInBodyView):
    """Revoke the session of every token presented, and clear the cookies. Nothing in the request can prevent it."""

    refusals: Refusals = (TryAgain,)

    @sensitive_variables("refresh_token")
    def post(self, request: Request, *args: object, **prefix: object) -> Response:
        carries_cookie = cookies.are_carried(request, or_former=True)
        self.refuse_forgery(request, csrf_token_can_be_sent=carries_cookie)
        refresh_token = self.token_in_body()
        response = Response({"message": _("Logged out")})
        revoked = sign_out(request, response, refresh_token=refresh_token, token_delivery=self.delivery)
        if self.delivery == "cookie":
            require_ended(request, revoked)
        return response


class AccountView(AuthView):
    """Routes for the signed-in user, authenticated by this app's class whatever the project's default is."""

    authentication_classes = (CookieJWTAuthentication,)
    permission_classes = (IsAuthenticated,)
    refusals: Refusals = (NotAuthenticated, *sessions.LIVE_SESSION_REFUSALS)

    @property
    def user(self) -> AbstractBaseUser:
        """The caller, whom ``IsAuthenticated`` has let in."""
        return cast("AbstractBaseUser", self.request.user)

    #: Whether the answer clears a refresh cookie that the browser does not need any more.
    clears_refresh_cookie = False

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        self.clears_refresh_cookie = has_idle_refresh_cookie(request)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.clears_refresh_cookie and cookies.refresh_cookie().name not in response.cookies:
            clear_refresh_cookie_of(request.auth.session, request, response)
        return response


def _current_session_id(request: Request) -> UUID | None:
    """The caller's own session. None for a plain simplejwt token, and for a test's ``force_authenticate``."""
    return getattr(request.auth, "session_id", None)


def _came_in_cookie(request: Request) -> bool:
    return getattr(request.auth, "from_cookie", False)


class MeView(AccountView):
    """The signed-in user.

    A page that is opened asks with ``?optional=true``. Where nothing tells of a session the answer is 204 then: a 401
    would stand in the browser's console as an error, and would not say whether a refresh can help.
    """

    class Query(serializers.Serializer):
        optional = serializers.BooleanField(default=False)

    def handle_exception(self, exc: Exception) -> Response:
        is_nobody = isinstance(exc, NotAuthenticated) and self._is_optional()
        if is_nobody and tells_of_no_session(self.request) and not was_skipped(self.request):
            return Response(status=status.HTTP_204_NO_CONTENT)
        return super().handle_exception(exc)

    def _is_optional(self) -> bool:
        query = self.Query(data=self.request.query_params.dict())
        reads = self.request.method in {"GET", "HEAD"}
        return bool(reads and query.is_valid() and query.validated_data["optional"])

    def get(self, request: Request, *args: object, **prefix: object) -> Response:
        return Response(self.describe(self.user))


class ChangePasswordView(AccountView):
    """Change the password, revoke every session of the user, the caller's own too, and start a new one."""

    serializer_class = ChangePasswordSerializer
    refusals: Refusals = (*AccountView.refusals, Throttled)

    @sensitive_variables("new_password")
    def post(self, request: Request, *args: object, **prefix: object) -> Response:
        new_password = self.read().validated_data["new_password"]
        user = self.user
        # The new tokens leave the way the credential came: a script must not read out what a cookie hid.
        delivery: Delivery = "cookie" if _came_in_cookie(request) else "json"
        response = Response()

        @sensitive_variables()
        def change() -> None:
            user.set_password(new_password)
            user.save(update_fields=["password"])

        with unless_deleted(user):
            pair = start_anew(request, response, user, change, token_delivery=delivery)
        return self.answer(response, pair, delivery, user=user)


class SessionListView(AccountView):
    """The user's devices, last used first."""

    def get(self, request: Request, *args: object, **prefix: object) -> Response:
        live = sessions.live_rows(self.user).order_by("-rotated_at", "-id")
        return Response(SessionSerializer(live, many=True, context={"request": request}).data)


class RevokeSessionsView(AccountView):
    """What revoking one session and revoking all have in common."""

    def revoke(self, request: Request, revoking: AuthSessionQuerySet) -> list[AuthSession]:
        return sessions.revoke(revoking, Reason.ENDED, request._request)

    def answer_ended(self, request: Request, revoked: list[AuthSession], message: Promise) -> Response:
        response = Response({"message": message})
        if _current_session_id(request) in [session.pk for session in revoked]:
            announce_signed_out(request._request, revoked)
            if _came_in_cookie(request):
                cookies.clear_auth_cookies(request, response)
                end_django_session(request._request)
        return response


class SessionView(RevokeSessionsView):
    """Revoke one of the user's sessions. Another user's session is a 404, as one that never was."""

    refusals: Refusals = (*RevokeSessionsView.refusals, NotFound)

    def delete(self, request: Request, session_id: str, **prefix: object) -> Response:
        try:
            wanted = UUID(session_id)
        except ValueError:
            raise NotFound from None
        revoked = self.revoke(request, sessions.live_rows(self.user).filter(pk=wanted))
        if not revoked:
            raise NotFound
        return self.answer_ended(request, revoked, _("Session ended"))


class AllSessionsView(RevokeSessionsView):
    """Revoke all of the user's sessions, or with ``?keep_current=true`` all others."""

    refusals: Refusals = (*RevokeSessionsView.refusals, ValidationError)

    class Query(serializers.Serializer):
        keep_current = serializers.BooleanField(default=False)

    def delete(self, request: Request, *args: object, **prefix: object) -> Response:
        query = self.Query(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        revoking = sessions.live_rows(self.user)
        if query.validated_data["keep_current"]:
            revoking = revoking.exclude(pk__in=[_current_session_id(request)])
        return self.answer_ended(request, self.revoke(request, revoking), _("Sessions ended"))
