"""The routes in an OpenAPI document, by drf-spectacular (extra ``openapi``). Loaded where the project has that app.

The document follows the settings and a view's ``token_delivery``, as the routes do: it is made from the serializers
that they read, the exceptions that they raise and the cookies that they set.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from django.conf import settings as django_settings
from drf_spectacular.drainage import isolate_view_method
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import (
    ComponentRegistry,
    ResolvedComponent,
    build_bearer_security_scheme_object,
    get_class,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import Direction, OpenApiResponse
from drf_spectacular.utils import OpenApiParameter as Parameter
from rest_framework import exceptions as rest_framework
from rest_framework.exceptions import APIException
from rest_framework.settings import api_settings
from rest_framework.views import APIView, exception_handler
from rest_framework_simplejwt import settings as simplejwt
from rest_framework_simplejwt.exceptions import AuthenticationFailed

from .. import cookies, device_views, exceptions, serializers, views
from .. import device_protocol as device_binding
from ..conf import conf

JSON = dict[str, Any]

# --- Security ------------------------------------------------------------------------------------------------------

# Names of their own: drf-spectacular calls Django's session "cookieAuth", and a project may have that too.
ACCESS_COOKIE, REFRESH_COOKIE, BEARER = "accessCookie", "refreshCookie", "accessBearer"


def security_scheme(name: str) -> JSON:
    """The security scheme object that ``name`` stands for, after the settings."""
    if name == BEARER:
        header_types = simplejwt.api_settings.AUTH_HEADER_TYPES
        return build_bearer_security_scheme_object(
            header_name=simplejwt.api_settings.AUTH_HEADER_NAME, token_prefix=header_types[0], bearer_format="JWT"
        )
    cookie_name = conf.COOKIE_NAME_ACCESS if name == ACCESS_COOKIE else conf.COOKIE_NAME_REFRESH
    return {"type": "apiKey", "in": "cookie", "name": cookie_name}


def require_one_of(names: Iterable[str], registry: ComponentRegistry) -> list[JSON]:
    """Security requirements, of which one is enough. The document holds each scheme once."""
    requirements: list[JSON] = []
    for name in names:
        scheme = ResolvedComponent(name, ResolvedComponent.SECURITY_SCHEMA, schema=security_scheme(name), object=name)
        registry.register_on_missing(scheme)
        requirements.append({name: []})
    return requirements


class CookieJWTScheme(OpenApiAuthenticationExtension):
    """The access cookie *or* the header, on every view that a class of this app authenticates."""

    target_class = "fastauth_django.authentication.CookieJWTAuthentication"
    match_subclasses = True
    name = [ACCESS_COOKIE, BEARER]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[JSON]:
        return require_one_of(self.name, auto_schema.registry)

    def get_security_definition(self, auto_schema: AutoSchema) -> list[JSON]:
        # They are registered by now. drf-spectacular would do so for each class anew, and warn of the second.
        return []


# --- What all routes have in common --------------------------------------------------------------------------------


class BadAuthorizationHeader(AuthenticationFailed):
    """simplejwt raises this without a class of its own."""

    default_detail = "The Authorization header must contain two space-delimited values."
    default_code = "bad_authorization_header"


class UserNotFound(AuthenticationFailed):
    """Likewise, for a token without a session."""

    default_detail = "The user is not found."
    default_code = "user_not_found"


class RouteSchema(AutoSchema):
    """The one operation of a view. A subclass says what it answers, and with which exceptions it refuses."""

    summary: str
    refusals: tuple[type[APIException], ...] = ()
    csrf_token_can_be_sent = True

    # --- What a subclass says ---

    @property
    def reads_body(self) -> bool:
        """Whether the request has a body, which may be unreadable."""
        return self.method == "POST"

    @property
    def has_field_errors(self) -> bool:
        """Whether a serializer reads the request."""
        return self.reads_body

    @property
    @abstractmethod
    def may_refuse_forgery(self) -> bool:
        """Whether the CSRF rule applies."""

    @abstractmethod
    def answers(self) -> dict[int, Any]:
        """What is answered when nothing is refused, by status."""

    def headers(self) -> list[Parameter]:
        """Of the answers, beside those of every route."""
        return []

    # --- What drf-spectacular asks for ---

    def get_summary(self) -> str:
        return self.summary

    def get_response_serializers(self) -> Any:
        return {**self.answers(), **self.refused()}

    def get_override_parameters(self) -> list[Any]:
        parameters = [
            header("WWW-Authenticate", 401, "`Bearer`, and what was wrong with a token that was sent."),
            # A throttle of the project's need not know how long.
            header("Retry-After", 429, "Seconds to wait.", "integer", required=not self.view.throttle_classes),
            header("Retry-After", 503, "Seconds to wait.", "integer"),
            *self.headers(),
        ]
        if self.may_refuse_forgery and self.csrf_token_can_be_sent and conf.CSRF_PROTECTION == "token":
            parameters.append(csrf_token())
        return parameters

    def get_serializer_name(self, serializer: Any, direction: Direction) -> str:
        # A project has a User and a Session of its own, and two components of one name make a wrong document.
        name = super().get_serializer_name(serializer, direction)
        return f"Auth{name}" if serializer.__class__.__module__ == serializers.__name__ else name

    # --- Refusals ---

    def reasons(self) -> list[type[APIException]]:
        """Every exception that the route answers with."""
        reasons = [*self.refusals, rest_framework.NotAcceptable]
        if self.may_refuse_forgery:
            reasons.append(exceptions.CsrfFailed)
        if self.reads_body:
            reasons += [rest_framework.ParseError, rest_framework.ValidationError, rest_framework.UnsupportedMediaType]
        if self.view.throttle_classes:
            reasons.append(rest_framework.Throttled)
        return reasons

    def refused(self) -> dict[int, OpenApiResponse]:
        """The refusals, by status."""
        by_status: dict[int, list[type[APIException]]] = {400: []} if self.has_field_errors else {}
        for reason in dict.fromkeys(self.reasons()):
            by_status.setdefault(reason.status_code, []).append(reason)
        return {status: self.refusal(status, by_status[status]) for status in sorted(by_status)}

    def refusal(self, status: int, reasons: list[type[APIException]]) -> OpenApiResponse:
        # One message of REST framework's has a gap for the media type.
        details = {reason.default_code: str(reason.default_detail).format(media_type="…") for reason in reasons}
        described = [f"`{code}`: {detail}" for code, detail in details.items()]
        if status == 400:
            described.append("Without a code: what is wrong with each field.")
        description = "\n\n".join(described)
        if self.view.get_exception_handler() is not exception_handler:
            # Status and headers are the contract then, and the body is the project's.
            return OpenApiResponse(OpenApiTypes.ANY, description=description)
        bodies = []
        if details:
            one_of_these = {"type": "object", "properties": {"code": {"enum": list(details)}}}
            bodies.append({"allOf": [self.component("AuthError", ERROR), one_of_these]})
        if status == 400:
            bodies.append(self.component("AuthFieldErrors", FIELD_ERRORS))
        return OpenApiResponse(any_of(*bodies), description=description)

    # --- Parts of bodies ---

    def component(self, name: str, schema: JSON) -> JSON:
        """A reference to ``schema``, which the document holds once under ``name``."""
        # A copy: a hook of drf-spectacular or of the project may change the document in place.
        component = ResolvedComponent(name, ResolvedComponent.SCHEMA, schema=deepcopy(schema), object=name)
        self.registry.register_on_missing(component)
        return component.ref

    def reading(self, serializer_class: Any) -> Any:
        """The serializer, with the context that the view gives it."""
        return serializer_class(context={"request": self.view.request, "view": self.view})

    def message(self) -> JSON:
        return self.component("AuthMessage", MESSAGE)

    def user(self) -> JSON:
        """``user`` of a body: what ``USER_SERIALIZER`` gives out."""
        user = self.resolve_serializer(self.reading(conf.USER_SERIALIZER), "response")
        return {
            "type": "object",
            "properties": {"user": user.ref if user else {"type": "object", "additionalProperties": {}}},
            "required": ["user"],
        }

    def pair(self, *, in_cookies: bool, with_user: bool = True) -> JSON:
        """The body that goes with a token pair in either delivery."""
        name, schema = ("AuthTokensInCookies", IN_COOKIES) if in_cookies else ("AuthTokensInBody", IN_BODY)
        pair = self.component(name, schema)
        return self.component(f"{name}WithUser", {"allOf": [pair, self.user()]}) if with_user else pair


ERROR: JSON = {
    "type": "object",
    "properties": {
        "detail": {"type": "string", "description": "For people, in their language."},
        "code": {"type": "string", "description": "For programs."},
    },
    "required": ["detail", "code"],
}
FIELD_ERRORS: JSON = {
    "type": "object",
    "description": "What is wrong, by field; `non_field_errors` for what is wrong with no single one.",
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
}
MESSAGE: JSON = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
EXPIRES_IN: JSON = {"type": "integer", "description": "What is left of the access token's life, in seconds."}
IN_BODY: JSON = {
    "type": "object",
    "properties": {
        "access_token": {"type": "string"},
        "refresh_token": {"type": "string"},
        # No enum: drf-spectacular makes each a component, and its name might be the project's.
        "token_type": {"type": "string", "pattern": "^bearer$"},
        "expires_in": EXPIRES_IN,
    },
    "required": ["access_token", "refresh_token", "token_type", "expires_in"],
}
IN_COOKIES: JSON = {
    "type": "object",
    "properties": {"message": {"type": "string"}, "expires_in": EXPIRES_IN},
    "required": ["message", "expires_in"],
}


INSTRUCTIONS: JSON = {
    "type": "object",
    "description": "JSON session instructions of the DBSC draft.",
    "properties": {
        "session_identifier": {"type": "string"},
        "refresh_url": {"type": "string"},
        "scope": {"type": "object", "properties": {"include_site": {"type": "boolean"}}, "required": ["include_site"]},
        "credentials": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("type", "name", "attributes")},
                "required": ["type", "name", "attributes"],
            },
        },
        "allowed_refresh_initiators": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["session_identifier", "refresh_url", "scope", "credentials"],
}


def any_of(*schemas: JSON) -> JSON:
    """Not ``oneOf``: a body may happen to be described by two of them."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": [*schemas]}


def header(name: str, status: int, description: str, kind: str = "string", *, required: bool = True) -> Parameter:
    """A header of the answers with ``status``."""
    return Parameter(
        name, {"type": kind}, Parameter.HEADER, required=required, description=description, response=[status]
    )


def no_store(status: int) -> Parameter:
    return header("Cache-Control", status, "`no-store`")


def cookies_set(status: int, *, required: bool = True) -> Parameter:
    """``Set-Cookie``, with the attributes that the settings give."""
    access = cookies.access_cookie().morsel("…", int(conf.ACCESS_TOKEN_TTL.total_seconds()))
    refresh = cookies.refresh_cookie().morsel("…", int(conf.REFRESH_TOKEN_TTL.total_seconds()))
    # An object of JSON has each key once, so two headers of one name share a description.
    description = f"Sent twice: `{access.OutputString()}` and `{refresh.OutputString()}`"
    return header("Set-Cookie", status, description, required=required)


def cookies_cleared(status: int, when: str = "", *, required: bool = True) -> Parameter:
    access, refresh = cookies.access_cookie().morsel("", 0), cookies.refresh_cookie().morsel("", 0)
    description = f"Sent twice{when}: `{access.OutputString()}` and `{refresh.OutputString()}`"
    return header("Set-Cookie", status, description, required=required)


def bound_cookie_set() -> Parameter:
    """``Set-Cookie`` of the access cookie that a device is given."""
    access = cookies.access_cookie().morsel("…", int(conf.BOUND_ACCESS_TOKEN_TTL.total_seconds()))
    return header("Set-Cookie", 200, f"`{access.OutputString()}`")


def registration(status: int) -> Parameter:
    """The header that asks a browser to bind the session. In an answer to a client without cookies it is missing."""
    description = "Asks the browser for a key of its device (DBSC draft)."
    return header(device_binding.REGISTRATION_HEADER, status, description, required=False)


def proof(description: str, *, required: bool) -> Parameter:
    """The header with a proof, which a page cannot write."""
    return Parameter(device_binding.PROOF_HEADER, str, Parameter.HEADER, required=required, description=description)


def csrf_token() -> Parameter:
    """The header that Django's own CSRF check reads."""
    name = django_settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-")
    description = f"The value of the cookie `{django_settings.CSRF_COOKIE_NAME}`, where a cookie is the credential."
    return Parameter(name, str, Parameter.HEADER, description=description)


# --- The four acts -------------------------------------------------------------------------------------------------


class ActSchema(RouteSchema):
    """Signing in, signing up, refreshing, signing out: open to anyone."""

    status = 200
    credentials: tuple[str, ...] = ()
    starts_session = False

    @property
    def delivers_cookies(self) -> bool:
        view: Any = self.view
        return bool(view.delivers_cookies)

    @property
    def may_refuse_forgery(self) -> bool:
        # In JSON delivery no cookie is read, set or cleared.
        return self.delivers_cookies and conf.CSRF_PROTECTION is not None

    def get_auth(self) -> list[JSON]:
        """Whatever of ``credentials`` this delivery reads, or nothing at all."""
        names = [name for name in self.credentials if self.delivers_cookies or name == BEARER]
        return [*require_one_of(names, self.registry), {}]

    def headers(self) -> list[Parameter]:
        return [no_store(self.status), *(self.set_cookies() if self.delivers_cookies else []), *self.key_asked_for()]

    def key_asked_for(self) -> list[Parameter]:
        """What an answer that starts a session adds where browsers are asked to bind it to their device."""
        if not (self.starts_session and self.delivers_cookies and conf.DEVICE_BINDING):
            return []
        return [registration(self.status)]

    def set_cookies(self) -> list[Parameter]:
        """What cookie delivery adds to the headers."""
        return [cookies_set(self.status)]


class RegisterSchema(ActSchema):
    summary = "Sign up"
    status = 201
    starts_session = True
    csrf_token_can_be_sent = False
    refusals = (exceptions.SignUpDisabled, exceptions.UserExists)

    def get_request_serializer(self) -> Any:
        return self.reading(conf.REGISTER_SERIALIZER)

    def answers(self) -> dict[int, Any]:
        inactive = self.component("AuthAccountInactive", {"allOf": [self.message(), self.user()]})
        body = any_of(self.pair(in_cookies=self.delivers_cookies), inactive)
        return {201: OpenApiResponse(body, description="Signed in; or only a message, if the account is inactive yet.")}

    def set_cookies(self) -> list[Parameter]:
        return [cookies_set(201, required=False)]


class LoginSchema(ActSchema):
    summary = "Sign in"
    starts_session = True
    csrf_token_can_be_sent = False
    refusals = (exceptions.InvalidCredentials, exceptions.UserInactive, rest_framework.Throttled)

    def get_request_serializer(self) -> Any:
        return self.reading(conf.LOGIN_SERIALIZER)

    def answers(self) -> dict[int, Any]:
        return {200: OpenApiResponse(self.pair(in_cookies=self.delivers_cookies), description="Signed in.")}


class RefreshSchema(ActSchema):
    summary = "Get the next tokens"
    credentials = (REFRESH_COOKIE,)
    refusals = (
        exceptions.RefreshTokenRequired,
        exceptions.TokenInvalid,
        exceptions.TokenExpired,
        exceptions.SessionRevoked,
        exceptions.RefreshTokenReused,
        exceptions.UserInactive,
        exceptions.PasswordChanged,
        exceptions.DeviceProofRequired,
        exceptions.DeviceBindingRequired,
        exceptions.TryAgain,
    )

    def get_request_serializer(self) -> Any:
        return self.reading(serializers.RefreshSerializer)

    def answers(self) -> dict[int, Any]:
        pair = self.pair(in_cookies=self.delivers_cookies, with_user=False)
        return {200: OpenApiResponse(pair, description="The next tokens of the session.")}

    def set_cookies(self) -> list[Parameter]:
        return [cookies_set(200), cookies_cleared(401, " where the refusal is final", required=False)]


class LogoutSchema(ActSchema):
    summary = "Sign out"
    credentials = (REFRESH_COOKIE, ACCESS_COOKIE, BEARER)

    def get_request_serializer(self) -> Any:
        return self.reading(serializers.RefreshSerializer)

    def answers(self) -> dict[int, Any]:
        return {200: OpenApiResponse(self.message(), description="Nobody is signed in now.")}

    def set_cookies(self) -> list[Parameter]:
        return [cookies_cleared(200)]


# --- What browsers ask for by themselves ---------------------------------------------------------------------------


class DeviceSchema(ActSchema):
    """Keeping a session bound to its device."""

    csrf_token_can_be_sent = False
    reads_body = False

    def get_request_serializer(self) -> Any:
        return None

    def answers(self) -> dict[int, Any]:
        instructions = self.component("AuthDeviceInstructions", INSTRUCTIONS)
        return {200: OpenApiResponse(instructions, description="What the browser is to renew, and where.")}

    def get_override_parameters(self) -> list[Any]:
        return [*super().get_override_parameters(), *self.sent()]

    @abstractmethod
    def sent(self) -> list[Parameter]:
        """The headers that the browser sends."""


class DeviceBindSchema(DeviceSchema):
    summary = "Bind the session to this device"
    refusals = (
        exceptions.DeviceProofInvalid,
        exceptions.TokenInvalid,
        exceptions.TokenExpired,
        exceptions.SessionRevoked,
        exceptions.UserInactive,
        exceptions.PasswordChanged,
        exceptions.DeviceProofRequired,
        exceptions.DeviceBindingRequired,
        rest_framework.NotFound,
        exceptions.DeviceAlreadyBound,
    )

    def get_auth(self) -> list[JSON]:
        return require_one_of([ACCESS_COOKIE], self.registry)

    def sent(self) -> list[Parameter]:
        return [proof("The signed challenge of the sign-in, with the public key.", required=True)]

    def set_cookies(self) -> list[Parameter]:
        return [bound_cookie_set()]


class DeviceRefreshSchema(DeviceSchema):
    summary = "Renew the access cookie of a bound session"
    refusals = (
        exceptions.DeviceProofInvalid,
        exceptions.TokenExpired,
        exceptions.SessionRevoked,
        exceptions.UserInactive,
        exceptions.PasswordChanged,
        exceptions.DeviceBindingRequired,
        exceptions.DeviceChallenge,
    )

    def sent(self) -> list[Parameter]:
        session_id = "The session's identifier, as the instructions gave it."
        return [
            Parameter(device_binding.SESSION_ID_HEADER, str, Parameter.HEADER, required=True, description=session_id),
            proof("The signed challenge. Without it, the answer is a challenge.", required=False),
        ]

    def headers(self) -> list[Parameter]:
        challenge = 'What to sign next: `"…";id="…"`'
        return [
            *super().headers(),
            header(device_binding.CHALLENGE_HEADER, 200, challenge),
            header(device_binding.CHALLENGE_HEADER, 403, challenge, required=False),
        ]

    def set_cookies(self) -> list[Parameter]:
        cleared = cookies_cleared(401, " where the session is over and the cookies are its own", required=False)
        return [bound_cookie_set(), cleared]


# --- The signed-in user's routes -----------------------------------------------------------------------------------


class AccountSchema(RouteSchema):
    """For the signed-in user."""

    @property
    def may_refuse_forgery(self) -> bool:
        return self.method != "GET" and conf.CSRF_PROTECTION is not None

    def reasons(self) -> list[type[APIException]]:
        reasons = [
            rest_framework.NotAuthenticated,
            exceptions.TokenInvalid,
            exceptions.TokenExpired,
            exceptions.SessionRevoked,
            exceptions.UserInactive,
            exceptions.PasswordChanged,
            exceptions.DeviceProofRequired,
            exceptions.DeviceBindingRequired,
            BadAuthorizationHeader,
            *([UserNotFound] if conf.ACCEPT_TOKENS_WITHOUT_SESSION else []),
        ]
        return [*reasons, *super().reasons()]


class MeSchema(AccountSchema):
    summary = "Who is signed in"

    def answers(self) -> dict[int, Any]:
        return {200: self.reading(conf.USER_SERIALIZER)}


class ChangePasswordSchema(AccountSchema):
    summary = "Change the password"
    refusals = (rest_framework.Throttled,)

    def get_request_serializer(self) -> Any:
        return self.reading(serializers.ChangePasswordSerializer)

    def answers(self) -> dict[int, Any]:
        body = any_of(self.pair(in_cookies=True), self.pair(in_cookies=False))
        return {200: OpenApiResponse(body, description="A new session, delivered as the credential came.")}

    def headers(self) -> list[Parameter]:
        asked_for_key = [registration(200)] if conf.DEVICE_BINDING else []
        return [no_store(200), cookies_set(200, required=False), *asked_for_key]


class SessionListSchema(AccountSchema):
    summary = "List the sessions"

    def answers(self) -> dict[int, Any]:
        return {200: serializers.SessionSerializer(many=True)}


class EndSessionsSchema(AccountSchema):
    """Ending one session, and ending all."""

    def answers(self) -> dict[int, Any]:
        return {200: OpenApiResponse(self.message(), description="Ended.")}

    def headers(self) -> list[Parameter]:
        return [cookies_cleared(200, " where the cookie's own session ended", required=False)]


class SessionSchema(EndSessionsSchema):
    summary = "End a session"
    refusals = (rest_framework.NotFound,)

    def get_override_parameters(self) -> list[Any]:
        return [
            *super().get_override_parameters(),
            Parameter("session_id", OpenApiTypes.UUID, Parameter.PATH),
        ]


class AllSessionsSchema(EndSessionsSchema):
    summary = "End all sessions"
    has_field_errors = True

    def get_override_parameters(self) -> list[Any]:
        keep_current = Parameter("keep_current", bool, default=False, description="All but the caller's own.")
        return [*super().get_override_parameters(), keep_current]


# --- Which view is which -------------------------------------------------------------------------------------------

ROUTES: dict[type[APIView], type[RouteSchema]] = {
    views.RegisterView: RegisterSchema,
    views.LoginView: LoginSchema,
    views.RefreshView: RefreshSchema,
    views.LogoutView: LogoutSchema,
    device_views.DeviceBindView: DeviceBindSchema,
    device_views.DeviceRefreshView: DeviceRefreshSchema,
    views.MeView: MeSchema,
    views.ChangePasswordView: ChangePasswordSchema,
    views.SessionListView: SessionListSchema,
    views.SessionView: SessionSchema,
    views.AllSessionsView: AllSessionsSchema,
}


class RouteExtension(OpenApiViewExtension):
    """Describes the views above and those that a project derives from them.

    A project's ``extend_schema`` comes first, a ``DEFAULT_SCHEMA_CLASS`` of its own last.
    """

    target_class = "fastauth_django.views.AuthView"
    match_subclasses = True

    def view_replacement(self) -> type[APIView]:
        view: type[APIView] = self.target
        replacement = type(view.__name__, (view,), {})
        for base in [base for base in view.__mro__ if base in ROUTES]:
            for method in {"get", "post", "delete"} & set(dir(base)):
                handler = isolate_view_method(replacement, method)
                extended = getattr(handler, "kwargs", {}).get("schema", view.schema)
                handler.kwargs = {"schema": _laid_over(ROUTES[base], get_class(extended))}
        return replacement


def _laid_over(route: type[RouteSchema], given: type) -> type:
    """``given`` over what ``route`` says; under it, where it is only the project's default."""
    default: Any = api_settings.DEFAULT_SCHEMA_CLASS
    return type(route.__name__, (route, given) if given is default else (given, route), {})
