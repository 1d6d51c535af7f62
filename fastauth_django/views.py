"""The routes. Each view reads the request, calls one function of the session core, and shapes the answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.db import IntegrityError, connections, router, transaction
from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
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
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import InvalidToken

from . import cookies, csrf, device_binding, sessions
from .authentication import CookieJWTAuthentication, challenge, refusal_of, remember_refusal
from .conf import Delivery, conf
from .conflicts import unless_deleted, until_not_lost
from .delivery import (
    access_cookie_tokens,
    announce_signed_out,
    carried_session_ids,
    issue_onto,
    issue_to_device,
    sign_in,
    sign_out,
    update_session_auth_hash,
)
from .exceptions import (
    DeviceAlreadyBound,
    DeviceBindingRequired,
    DeviceChallenge,
    DeviceProofInvalid,
    DeviceProofRequired,
    InvalidCredentials,
    PasswordChanged,
    RefreshTokenRequired,
    RefreshTokenReused,
    Refusals,
    SessionRevoked,
    SignUpDisabled,
    TokenExpired,
    TokenInvalid,
    TryAgain,
    UserExists,
    UserInactive,
)
from .models import AuthSession, AuthSessionQuerySet
from .serializers import ChangePasswordSerializer, RefreshSerializer, SessionSerializer
from .signals import user_signed_up
from .tokens import AccessToken, RefreshToken, TokenPair

Reason = AuthSession.RevokedReason


@method_decorator(sensitive_post_parameters(), name="dispatch")
class AuthView(APIView):
    """What all routes share: how tokens are delivered, and answers to refusals that have a code and lose nothing."""

    #: ``"json"`` or ``"cookie"`` for this view alone; ``FASTAUTH["TOKEN_DELIVERY"]`` if None.
    token_delivery: Delivery | None = None
    #: How this view refuses, beside what REST framework and the CSRF rule refuse everywhere. For the OpenAPI document.
    refusals: Refusals = ()

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        if initkwargs.get("token_delivery", cls.token_delivery) not in {None, "json", "cookie"}:
            raise ImproperlyConfigured(f'token_delivery of {cls.__name__} must be "json" or "cookie".')
        # These views write while they refuse. Under ATOMIC_REQUESTS a 401 would roll a revocation back, and a lost race
        # would break the request's transaction.
        view = super().as_view(**initkwargs)
        for alias in {router.db_for_write(AuthSession), router.db_for_write(AuthSession.user.field.related_model)}:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    @property
    def delivers_cookies(self) -> bool:
        return (self.token_delivery or conf.TOKEN_DELIVERY) == "cookie"

    @sensitive_variables()
    def body(self) -> Mapping[str, Any]:
        """The request's body. Raises a 400 for one that is no object."""
        try:
            data = self.request.data
        except (RecursionError, SuspiciousOperation) as error:
            # REST framework foresees neither JSON that nests too deeply nor a form that Django finds too large.
            raise ParseError from error
        if not isinstance(data, Mapping):
            raise ParseError(_("Expected an object."), code="invalid")
        return data

    @sensitive_variables()
    def read(self, serializer_class: Any) -> Any:
        """The validated serializer for the request's body. Raises a 400 for a body that it does not take."""
        serializer = serializer_class(data=self.body(), context={"request": self.request, "view": self})
        serializer.is_valid(raise_exception=True)
        return serializer

    def answer(self, response: Response, pair: TokenPair, *, in_cookies: bool, user: Any = None) -> Response:
        """Fill in the body that goes with ``pair``: the tokens in JSON delivery, never in cookie delivery."""
        described = {} if user is None else {"user": self.describe(user)}
        if in_cookies:
            body = {"message": _("Authentication successful"), "expires_in": pair.access_max_age}
        else:
            body = pair.as_json()
        response.data = {**body, **described}
        return response

    def describe(self, user: Any) -> Any:
        return conf.USER_SERIALIZER(user, context={"request": self.request, "view": self}).data

    def get_authenticate_header(self, request: Request) -> str:
        # Without one REST framework turns a 401 into a 403, and the four acts run no authenticator that names one.
        return challenge(request)

    def handle_exception(self, exc: Exception) -> Response:
        """The answer to a refusal, with a ``code``, whatever the project's ``EXCEPTION_HANDLER`` makes of its body."""
        refusal = refusal_of(self.request)
        if isinstance(exc, NotAuthenticated) and refusal is not None:
            exc = refusal  # A cookie was sent and forgiven; here it was needed, so say what was wrong with it.
        with ExitStack() as stack:
            # REST framework marks the running transaction for rollback. If a caller opened one around this view, what
            # was written on the way to the refusal must stay; an empty savepoint takes the mark.
            for connection in connections.all(initialized_only=True):
                if connection.in_atomic_block and connection.settings_dict["ATOMIC_REQUESTS"]:
                    stack.enter_context(transaction.atomic(using=connection.alias))
            response = super().handle_exception(exc)
        if isinstance(exc, APIException):
            code = exc.get_codes()
            if isinstance(response.data, dict) and "detail" in response.data and isinstance(code, str):
                response.data.setdefault("code", code)
            # REST framework's own handler sets these too; a project's may not.
            if response.status_code == status.HTTP_401_UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = challenge(self.request)
            wait = getattr(exc, "wait", None)
            if wait is not None:
                response.headers["Retry-After"] = str(wait)
        return response


class ActView(AuthView):
    """Signing in, signing up, refreshing, signing out: open to anyone, and no stale cookie can refuse the request.

    An answer of these views sets or clears cookies, or holds tokens, so none may be stored.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        cookies.forbid_storing(response)
        if self.delivers_cookies:
            patch_vary_headers(response, ["Cookie"])
        return response

    @sensitive_variables()
    def token_in_body(self) -> str | None:
        """The refresh token that a client without cookies sends. A browser sends an empty body, which needs no look."""
        return self.read(RefreshSerializer).validated_data.get("refresh_token") if self.body() else None

    def refuse_forgery(self, request: Request, *, token_can_be_sent: bool) -> None:
        """Raise ``CsrfFailed`` for a request that another site may have sent, where cookies are to be read or set."""
        if self.delivers_cookies:
            fault = csrf.forgery_fault(request, token_can_be_sent=token_can_be_sent)
            if fault is not None:
                raise csrf.refuse(request, fault)

    def sign_in(self, request: Request, response: Response, user: Any, *, remember: bool = False) -> Response:
        delivery: Delivery = "cookie" if self.delivers_cookies else "json"
        pair = sign_in(request, response, user, remember, token_delivery=delivery)
        return self.answer(response, pair, in_cookies=self.delivers_cookies, user=user)


class RegisterView(ActView):
    """Create an account and sign it in."""

    refusals: Refusals = (SignUpDisabled, UserExists)

    @sensitive_variables("validated_data", "attrs", "password")
    def post(self, request: Request) -> Response:
        self.refuse_forgery(request, token_can_be_sent=False)
        if not conf.SIGN_UP_ENABLED:
            raise SignUpDisabled
        alias = router.db_for_write(AuthSession.user.field.related_model)
        try:
            return until_not_lost(lambda: self.sign_up(request, alias), using=alias)
        except IntegrityError:
            # Under REPEATABLE READ the transaction could not see whom it raced with. Outside of it the check can.
            self.read(conf.REGISTER_SERIALIZER)
            raise

    @sensitive_variables("validated_data", "attrs", "password")
    def sign_up(self, request: Request, alias: str) -> Response:
        serializer = self.read(conf.REGISTER_SERIALIZER)
        response = Response(status=status.HTTP_201_CREATED)
        # An account whose owner was not let in would only be in the way of the second try.
        with transaction.atomic(using=alias):
            user = serializer.save()
            user_signed_up.send(sender=user.__class__, request=request._request, user=user)
            if user.is_active:
                return self.sign_in(request, response, user)
        response.data = {"message": _("The account has to be activated first."), "user": self.describe(user)}
        return response


class LoginView(ActView):
    """Sign in with an identifier and a password."""

    refusals: Refusals = (InvalidCredentials, UserInactive, Throttled)

    def post(self, request: Request) -> Response:
        self.refuse_forgery(request, token_can_be_sent=False)
        user, remember = self.verified_user()
        return self.sign_in(request, Response(), user, remember=remember)

    @sensitive_variables()
    def verified_user(self) -> tuple[Any, bool]:
        """Whom the body signs in, and whether to remember it. In a function of its own: the password stays in here."""
        validated = self.read(conf.LOGIN_SERIALIZER).validated_data
        if "user" not in validated:
            raise ImproperlyConfigured("FASTAUTH['LOGIN_SERIALIZER'] must put the user into validated_data['user'].")
        return validated["user"], validated.get("remember", False)


class RefreshView(ActView):
    """Exchange the refresh token for the next pair. A token that came in a cookie leaves only in cookies."""

    refusals: Refusals = (RefreshTokenRequired, *sessions.LIVE_SESSION_REFUSALS, RefreshTokenReused, TryAgain)

    def post(self, request: Request) -> Response:
        sends_refresh_cookie = bool(cookies.refresh_tokens(request))
        self.refuse_forgery(request, token_can_be_sent=sends_refresh_cookie)
        # Where no session is bound, to look for a device's cookie would only take time.
        look_for_device = self.delivers_cookies and (conf.DEVICE_BINDING is not None or not sends_refresh_cookie)
        refusals = self.leave_to_device(request) if look_for_device else []
        presented = self.presented_tokens(request)
        if not presented:
            raise [*refusals, RefreshTokenRequired()][0]
        response = Response()
        issue = issue_onto(response, "cookie" if self.delivers_cookies else "json")
        pair = sessions.rotate(presented, request._request, issue)
        return self.answer(response, pair, in_cookies=self.delivers_cookies)

    @sensitive_variables()
    def presented_tokens(self, request: Request) -> list[RefreshToken]:
        """The refresh tokens of the request, its cookies first. In a function of its own: the raw ones stay in here."""
        raw_tokens = cookies.refresh_tokens(request) if self.delivers_cookies else []
        if not raw_tokens:
            in_body = self.token_in_body()
            raw_tokens = [in_body] if in_body else []
        return _readable(raw_tokens) if raw_tokens else []

    def leave_to_device(self, request: Request) -> list[APIException]:
        """Raise ``DeviceProofRequired`` for a browser whose access cookie was given to its session's device.

        That cookie confirms the binding, here as everywhere. The refresh cookie beside it, which no answer has cleared
        yet or a sibling subdomain tossed in, is not needed any more, and no sign of a theft. Returns why no device
        renews the session, if one did until now.
        """
        refusals: list[APIException] = []
        for token in access_cookie_tokens(request):
            if token.key_thumbprint is None:
                continue
            try:
                sessions.live_session(token)
            except (InvalidToken, UserInactive) as refusal:
                refusals.append(refusal)
            if token.of_device:
                raise DeviceProofRequired
        if device_binding.was_skipped(request._request):
            refusals.append(TryAgain())
        return refusals

    def handle_exception(self, exc: Exception) -> Response:
        if not isinstance(exc, InvalidToken | UserInactive):
            # A 403, 429 or 5xx is passing, and a missing cookie may be on its way in the answer to another tab.
            return super().handle_exception(exc)
        remember_refusal(self.request, exc)
        response = super().handle_exception(exc)
        # Final: the cookies go, or the browser would come back with them for ever. The access cookie of a bound session
        # stays: the browser renews it.
        if self.delivers_cookies:
            clear = cookies.clear_refresh_cookie if isinstance(exc, DeviceProofRequired) else cookies.clear_auth_cookies
            clear(response)
        return response


@sensitive_variables()
def _readable(raw_tokens: list[str]) -> list[RefreshToken]:
    """The tokens among ``raw_tokens`` worth looking up. Raises the first one's fault if there are none.

    Of two tokens of one session the later generation is meant: the other is left over from another path or domain.
    """
    faults: list[AuthenticationFailed] = []
    latest: dict[UUID | None, RefreshToken] = {}
    for raw_token in raw_tokens:
        try:
            token = RefreshToken.read(raw_token)
        except AuthenticationFailed as fault:
            faults.append(fault)
            continue
        rival = latest.get(token.session_id)
        if rival is None or rival.generation < token.generation:
            latest[token.session_id] = token
    if not latest:
        raise faults[0]
    return list(latest.values())


class LogoutView(ActView):
    """End the session of every token presented, and clear the cookies. No token that is presented can prevent it."""

    @sensitive_variables("refresh_token")
    def post(self, request: Request) -> Response:
        carries_cookie = bool(cookies.refresh_tokens(request) or cookies.access_tokens(request))
        self.refuse_forgery(request, token_can_be_sent=carries_cookie)
        refresh_token = self.token_in_body()
        response = Response({"message": _("Logged out")})
        delivery: Delivery = "cookie" if self.delivers_cookies else "json"
        sign_out(request, response, refresh_token=refresh_token, token_delivery=delivery)
        return response


class DeviceView(ActView):
    """What the browser itself asks for, to keep a session bound to its device. It is all about a cookie."""

    @property
    def delivers_cookies(self) -> bool:
        return True

    def post(self, request: Request) -> Response:
        # The browser calls by itself and has no CSRF token; it says who caused the request, as always.
        self.refuse_forgery(request, token_can_be_sent=False)
        return self.keep_bound(request)

    @abstractmethod
    def keep_bound(self, request: Request) -> Response:
        """Answer the browser, whose request no other page has caused."""

    def instruct(self, response: Response, session: AuthSession) -> Response:
        response.data = device_binding.instructions(session)
        return response


class DeviceBindView(DeviceView):
    """Bind a session to the key of the device that it started on."""

    refusals: Refusals = (NotFound, DeviceProofInvalid, *sessions.LIVE_SESSION_REFUSALS, DeviceAlreadyBound)

    def keep_bound(self, request: Request) -> Response:
        if conf.DEVICE_BINDING is None:
            raise NotFound
        registration = device_binding.read_registration(request._request)
        response = Response()
        session = sessions.bind(
            self.own_token(request, registration.session_id),
            registration.generation,
            registration.device_key,
            request._request,
            issue_to_device(response),
        )
        return self.instruct(response, session)

    @sensitive_variables()
    def own_token(self, request: Request, session_id: UUID) -> AccessToken:
        """The session's own access token. It has to be in a cookie: that is what the device will renew."""
        for raw_token in cookies.access_tokens(request):
            try:
                token = AccessToken.read(raw_token)
            except InvalidToken:
                continue
            if token.session_id == session_id:
                return token
        raise TokenInvalid


class DeviceRefreshView(DeviceView):
    """Renew the access cookie of a bound session, for whoever holds the device's key.

    Sessions that are bound already are served also where ``DEVICE_BINDING`` was taken back: they have no other way.
    """

    refusals: Refusals = (
        DeviceProofInvalid,
        SessionRevoked,
        TokenExpired,
        UserInactive,
        PasswordChanged,
        DeviceBindingRequired,
        DeviceChallenge,
    )

    def keep_bound(self, request: Request) -> Response:
        session = sessions.device_session(device_binding.session_id_of(request._request))
        try:
            generation = device_binding.read_proof(request._request, session)
        except DeviceProofInvalid:
            sessions.report_failed_proof(session, "signature", request._request)
            raise
        self.end_if_replaced(request, session)
        response = Response()
        renewed = sessions.rotate_by_device(session, generation, request._request, issue_to_device(response))
        # Attached now, it saves the browser a round trip at the next refresh.
        device_binding.put_challenge(response, renewed)
        return self.instruct(response, renewed)

    def end_if_replaced(self, request: Request, session: AuthSession) -> None:
        """End ``session``, and raise ``SessionRevoked``, where a later sign-in in the same browser took its place.

        Signing in ends the session that the request carries, and on the way back from another site it may carry none:
        the access cookie has run out, and the browser renews it for no stranger's link. The browser then has both, and
        would renew the one into the other's cookie: who signed in last would act as who was there before.
        """
        carried = carried_session_ids(request._request)
        if session.pk not in carried and any(later > session.pk for later in carried):
            sessions.revoke(AuthSession.objects.for_write().filter(pk=session.pk), Reason.REPLACED, request._request)
            raise SessionRevoked

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(exc, DeviceChallenge):
            device_binding.put_challenge(response, exc.session)
        elif isinstance(exc, InvalidToken | UserInactive) and not isinstance(exc, DeviceProofInvalid):
            # The session is over. The cookies of another, which began since in the same browser, are left alone.
            session_id = device_binding.session_id_of(self.request._request)
            if carried_session_ids(self.request._request) == [session_id]:
                cookies.clear_auth_cookies(response)
        return response


class AccountView(AuthView):
    """Routes for the signed-in user, authenticated by this app's class whatever the project's default is."""

    authentication_classes = (CookieJWTAuthentication,)
    permission_classes = (IsAuthenticated,)
    refusals: Refusals = (NotAuthenticated, *sessions.LIVE_SESSION_REFUSALS)
    #: Whether the request carries a refresh cookie that the device's key has replaced.
    has_idle_refresh_cookie = False

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        of_device = getattr(request.auth, "of_device", False)
        self.has_idle_refresh_cookie = of_device and bool(cookies.refresh_tokens(request))

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.has_idle_refresh_cookie and cookies.refresh_cookie().name not in response.cookies:
            cookies.clear_refresh_cookie(response)
        return response


def _current_session_id(request: Request) -> UUID | None:
    """The session that asks; None for a plain simplejwt token, and for a test's ``force_authenticate``."""
    return getattr(request.auth, "session_id", None)


def _came_in_cookie(request: Request) -> bool:
    """Whether a cookie supplied the credential."""
    return getattr(request.auth, "from_cookie", False)


class MeView(AccountView):
    """The signed-in user."""

    def get(self, request: Request) -> Response:
        return Response(self.describe(request.user))


class ChangePasswordView(AccountView):
    """Change the password. Every session of before ends, the caller's own too, and a new one begins."""

    refusals: Refusals = (*AccountView.refusals, Throttled)

    @sensitive_variables("new_password")
    def post(self, request: Request) -> Response:
        new_password = self.read(ChangePasswordSerializer).validated_data["new_password"]
        user: Any = request.user
        # How the credential came decides how the new one leaves: a script must not read out what a cookie hid.
        in_cookies = _came_in_cookie(request)
        response = Response()

        @sensitive_variables()
        def change() -> TokenPair:
            with transaction.atomic(using=router.db_for_write(user.__class__)):
                user.set_password(new_password)
                user.save(update_fields=["password"])
                return update_session_auth_hash(
                    request, response, user, token_delivery="cookie" if in_cookies else "json"
                )

        with unless_deleted(user):
            pair = until_not_lost(change, using=router.db_for_write(user.__class__))
        return self.answer(response, pair, in_cookies=in_cookies, user=user)


class SessionListView(AccountView):
    """The user's devices, last used first."""

    def get(self, request: Request) -> Response:
        alive = AuthSession.objects.for_write().live().filter(user_id=request.user.pk).order_by("-rotated_at", "-id")
        return Response(SessionSerializer(alive, many=True, context={"request": request}).data)


class EndSessionsView(AccountView):
    """What ending one session and ending all have in common."""

    def end(self, request: Request, ending: AuthSessionQuerySet, message: Any) -> Response:
        response = Response({"message": message})
        ended = sessions.revoke(ending, Reason.ENDED, request._request)
        if _current_session_id(request) in [session.pk for session in ended]:
            announce_signed_out(request._request, ended)
            if _came_in_cookie(request):
                cookies.clear_auth_cookies(response)
        return response


class SessionView(EndSessionsView):
    """End one of the user's sessions. Another user's is as unknown as one that never was."""

    refusals: Refusals = (*EndSessionsView.refusals, NotFound)

    def delete(self, request: Request, session_id: str) -> Response:
        try:
            wanted = UUID(session_id)
        except ValueError:
            raise NotFound from None
        own = AuthSession.objects.for_write().live().filter(user_id=request.user.pk, pk=wanted)
        if not own.exists():
            raise NotFound
        return self.end(request, own, _("Session ended"))


class AllSessionsView(EndSessionsView):
    """End all of the user's sessions, or with ``?keep_current=true`` all others."""

    refusals: Refusals = (*EndSessionsView.refusals, ValidationError)

    class Query(serializers.Serializer):
        keep_current = serializers.BooleanField(default=False)

    def delete(self, request: Request) -> Response:
        query = self.Query(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        ending = AuthSession.objects.for_write().live().filter(user_id=request.user.pk)
        if query.validated_data["keep_current"]:
            ending = ending.exclude(pk__in=[_current_session_id(request)])
        return self.end(request, ending, _("Sessions ended"))
