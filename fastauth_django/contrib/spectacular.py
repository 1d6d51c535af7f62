"""The routes in an OpenAPI document, by drf-spectacular (extra ``openapi``). Loaded where the project has that app.

The document follows the settings and a view's ``token_delivery``, as the routes do. A view's ``refusals`` say how it
refuses, and :func:`routes` what else it takes and answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from typing import Any, TypeAlias
from uuid import UUID

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
from drf_spectacular.utils import Direction, OpenApiParameter, OpenApiResponse
from rest_framework import exceptions
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings
from rest_framework.views import APIView, exception_handler
from rest_framework_simplejwt import settings as simplejwt
from rest_framework_simplejwt.exceptions import AuthenticationFailed

from .. import bearer, cookies, device_views, serializers, views
from ..conf import conf
from ..device_protocol import CHALLENGE_HEADER, PROOF_HEADER, REGISTRATION_HEADER, SESSION_ID_HEADER
from ..exceptions import CsrfFailed

JSON: TypeAlias = dict[str, Any]
MakeSerializer: TypeAlias = Callable[..., Serializer[Any]]

# --- Security ------------------------------------------------------------------------------------------------------

# Names of their own: drf-spectacular calls Django's session "cookieAuth", and a project may have that too.
ACCESS_COOKIE, REFRESH_COOKIE, DEVICE_COOKIE = "accessCookie", "refreshCookie", "deviceCookie"
BEARER = "accessBearer"


def require_one_of(names: Iterable[str], registry: ComponentRegistry) -> list[JSON]:
    """Security requirements, of which one is enough. The document holds each scheme once."""
    schemes = {
        ACCESS_COOKIE: {"type": "apiKey", "in": "cookie", "name": conf.COOKIE_NAME_ACCESS},
        REFRESH_COOKIE: {"type": "apiKey", "in": "cookie", "name": conf.COOKIE_NAME_REFRESH},
        DEVICE_COOKIE: {"type": "apiKey", "in": "cookie", "name": conf.COOKIE_NAME_DEVICE},
        BEARER: build_bearer_security_scheme_object(
            header_name=simplejwt.api_settings.AUTH_HEADER_NAME,
            token_prefix=bearer.schemes()[0],
            bearer_format="JWT",
        ),
    }
    for name in names:
        scheme = ResolvedComponent(name, ResolvedComponent.SECURITY_SCHEMA, schema=schemes[name], object=name)
        registry.register_on_missing(scheme)
    return [{name: []} for name in names]


class CookieJWTScheme(OpenApiAuthenticationExtension):
    """The access cookie *or* the header, on every view that a class of this app authenticates."""

    target_class = "fastauth_django.authentication.CookieJWTAuthentication"
    match_subclasses = True
    name = [ACCESS_COOKIE, BEARER]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[JSON]:
        return require_one_of(self.name, auto_schema.registry)

    def get_security_definition(self, auto_schema: AutoSchema) -> list[JSON]:
        # They are registered by now. drf-spectacular would register them once for each class, and warn.
        return []


# --- Headers -------------------------------------------------------------------------------------------------------


def header(name: str, text: str, status: int = 0, kind: type = str, *, required: bool = True) -> OpenApiParameter:
    """A header of the answers with ``status``; without one, of the request."""
    answers = [status] if status else False
    return OpenApiParameter(name, kind, "header", required=required, description=text, response=answers)


def set_cookies(status: int, when: str = "", *, lives: list[timedelta], required: bool = True) -> OpenApiParameter:
    """The access and the refresh cookie with these ``lives``. A life of zero clears the cookie."""
    return written_cookies(zip(cookies.auth_cookies(), lives, strict=True), status, when, required=required)


def written_cookies(
    lives: Iterable[tuple[cookies.CookieSpec, timedelta]], status: int, when: str = "", *, required: bool = True
) -> OpenApiParameter:
    """The headers that set, or clear, each of these cookies."""
    written = [
        f"`{spec.morsel('…' if life else '', int(life.total_seconds())).OutputString()}`" for spec, life in lives
    ]
    # An object of JSON has each key once, so two headers of one name share a description.
    return header("Set-Cookie", f"{' and '.join(written)}{when}", status, required=required)


def key_asked_for(status: int) -> list[OpenApiParameter]:
    """What the start of a session adds where sessions are bound to devices. Clients without cookies get none."""
    text = "Asks the browser for a key of its device (DBSC draft)."
    return [header(REGISTRATION_HEADER, text, status, required=False)] if conf.DEVICE_BINDING else []


# --- The routes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Route:
    """What a route takes, and what it answers where it does not refuse."""

    summary: str
    answer: str
    bodies: Sequence[MakeSerializer]  # of which an answer has one
    request: MakeSerializer | None = None
    parameters: Sequence[OpenApiParameter] = ()  # of the request, and headers of the answers
    credentials: Sequence[str] = ()  # beside those that the view's authentication classes read
    called_by_browser: bool = False  # by itself: it has no CSRF token, and must have the credentials
    status: int = 200
    or_else: Mapping[int, OpenApiResponse] = field(default_factory=dict)  # other answers that are no refusals


def routes(*, in_cookies: bool) -> dict[type[APIView], Route]:
    """The routes under the settings. The four acts deliver tokens as ``in_cookies`` says."""
    in_cookies_with_user = serializers.TokensInCookiesWithUserSerializer
    in_body_with_user = serializers.TokensInBodyWithUserSerializer
    tokens = serializers.TokensInCookiesSerializer if in_cookies else serializers.TokensInBodySerializer
    tokens_with_user = in_cookies_with_user if in_cookies else in_body_with_user
    message, instructions = serializers.MessageSerializer, serializers.DeviceInstructionsSerializer
    set_both = partial(set_cookies, lives=[conf.ACCESS_TOKEN_TTL, conf.REFRESH_TOKEN_TTL])
    lives = [(cookies.access_cookie(), conf.BOUND_ACCESS_TOKEN_TTL), (cookies.device_cookie(), conf.REFRESH_TOKEN_TTL)]
    set_bound = written_cookies(lives, 200)
    clear_both = partial(set_cookies, lives=[timedelta(0), timedelta(0)])
    cleared_with_own = clear_both(200, " where it revoked the cookie's own session", required=False)
    challenge = partial(header, CHALLENGE_HEADER, 'What to sign next: `"…";id="…"`')
    session_id = OpenApiParameter("session_id", UUID, "path")
    keep = OpenApiParameter("keep_current", bool, default=False, description="All but the caller's own.")
    optional = OpenApiParameter("optional", bool, default=False, description="204 where nothing tells of a session.")
    nobody = {204: OpenApiResponse(description="Nobody, if `optional`: no cookie of a session came.")}
    return {
        views.RegisterView: Route(
            "Sign up",
            "Signed in; or only a message, if the account is inactive yet.",
            [tokens_with_user, serializers.AccountInactiveSerializer],
            request=conf.REGISTER_SERIALIZER,
            parameters=[set_both(201, required=False), *key_asked_for(201)],
            status=201,
        ),
        views.LoginView: Route(
            "Sign in",
            "Signed in.",
            [tokens_with_user],
            request=conf.LOGIN_SERIALIZER,
            parameters=[set_both(200), *key_asked_for(200)],
        ),
        views.RefreshView: Route(
            "Get the next tokens",
            "The next tokens of the session.",
            [tokens],
            request=serializers.RefreshSerializer,
            parameters=[set_both(200), clear_both(401, " where the refusal is final", required=False)],
            credentials=[REFRESH_COOKIE],
        ),
        views.LogoutView: Route(
            "Sign out",
            "Nobody is signed in now.",
            [message],
            request=serializers.RefreshSerializer,
            parameters=[clear_both(200)],
            credentials=[REFRESH_COOKIE, ACCESS_COOKIE, BEARER],
        ),
        device_views.DeviceBindView: Route(
            "Bind the session to this device",
            "What the browser is to renew, and where.",
            [instructions],
            parameters=[header(PROOF_HEADER, "The signed challenge, with the public key."), set_bound],
            credentials=[ACCESS_COOKIE],
            called_by_browser=True,
        ),
        device_views.DeviceRefreshView: Route(
            "Renew the access cookie of a bound session",
            "What the browser is to renew, and where.",
            [instructions],
            parameters=[
                header(SESSION_ID_HEADER, "The session's identifier, as the instructions gave it."),
                header(PROOF_HEADER, "The signed challenge. Without it, the answer is a challenge.", required=False),
                challenge(200),
                challenge(403, required=False),
                clear_both(401, " where the session is over and the cookies are its own", required=False),
                set_bound,
            ],
            credentials=[DEVICE_COOKIE],
            called_by_browser=True,
        ),
        views.MeView: Route("Who is signed in", "", [conf.USER_SERIALIZER], parameters=[optional], or_else=nobody),
        views.ChangePasswordView: Route(
            "Change the password",
            "A new session, delivered as the credential came.",
            [in_cookies_with_user, in_body_with_user],
            request=serializers.ChangePasswordSerializer,
            parameters=[set_both(200, required=False), *key_asked_for(200)],
        ),
        views.SessionListView: Route("List the sessions", "", [partial(serializers.SessionSerializer, many=True)]),
        views.SessionView: Route("Revoke a session", "Revoked.", [message], parameters=[cleared_with_own, session_id]),
        views.AllSessionsView: Route("Revoke all sessions", "Revoked.", [message], parameters=[cleared_with_own, keep]),
    }


# --- Their schema --------------------------------------------------------------------------------------------------


def unnamed(base: type[APIException], code: str, detail: str) -> type[APIException]:
    """For a refusal that is raised with a code, and without a class of its own."""
    return type(code, (base,), {"default_code": code, "default_detail": detail})


NOT_AN_OBJECT = unnamed(ParseError, "invalid", "Expected an object.")
BAD_HEADER = unnamed(AuthenticationFailed, "bad_authorization_header", "The Authorization header has no two parts.")
USER_NOT_FOUND = unnamed(AuthenticationFailed, "user_not_found", "The user is not found.")


class RouteSchema(AutoSchema):
    """The operation of a view. ``described`` is the view in :func:`routes` that it is, or is derived from."""

    described: type[APIView]
    view: views.AuthView  # type: ignore[override]

    @cached_property
    def route(self) -> Route:
        return routes(in_cookies=self.view.delivery == "cookie")[self.described]

    @property
    def for_account(self) -> bool:
        return isinstance(self.view, views.AccountView)

    @property
    def uses_cookies(self) -> bool:
        """Whether cookies are read and written. In JSON delivery the four acts do neither."""
        return self.for_account or self.view.delivery == "cookie"

    @property
    def refuses_forgery(self) -> bool:
        return self.uses_cookies and self.method != "GET" and conf.CSRF_PROTECTION is not None

    def get_summary(self) -> str:
        return self.route.summary

    def get_serializer_name(self, serializer: Any, direction: Direction) -> str:
        # A project has a User and a Session of its own, and two components of one name make a wrong document.
        name = super().get_serializer_name(serializer, direction)
        return f"Auth{name}" if serializer.__class__.__module__ == serializers.__name__ else name

    def get_auth(self) -> list[JSON]:
        names = [name for name in self.route.credentials if self.uses_cookies or name == BEARER]
        required = require_one_of(names, self.registry)
        if names and self.route.called_by_browser:
            return required
        auth = [*required, *super().get_auth()]
        return [] if auth == [{}] else auth  # Swagger draws a padlock for "nothing" too.

    def get_override_parameters(self) -> list[Any]:
        parameters = [
            header("WWW-Authenticate", "`Bearer`, and what was wrong with a token that was sent.", 401),
            # A throttle of the project's need not know how long.
            header("Retry-After", "Seconds to wait.", 429, int, required=not self.view.throttle_classes),
            header("Retry-After", "Seconds to wait.", 503, int),
            header("Cache-Control", "`no-store`", self.route.status),
        ]
        of_cookies = set() if self.uses_cookies else {"Set-Cookie", REGISTRATION_HEADER}
        parameters += [each for each in self.route.parameters if each.name not in of_cookies]
        # Before signing in and up no token can have been given.
        has_token = self.for_account or (self.route.credentials and not self.route.called_by_browser)
        if has_token and self.refuses_forgery and conf.CSRF_PROTECTION == "token":
            name = django_settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-")
            text = f"The value of the cookie `{django_settings.CSRF_COOKIE_NAME}`, where a cookie is the credential."
            parameters.append(header(name, text, required=False))
        return parameters

    def get_request_serializer(self) -> Serializer[Any] | None:
        return self.made(self.route.request) if self.route.request else None

    def get_response_serializers(self) -> Any:
        bodies = [self.made(body) for body in self.route.bodies]
        answer: Any = bodies[0]
        if len(bodies) > 1:
            answer = any_of([self.resolve_serializer(body, "response").ref for body in bodies])
        if self.route.answer:  # an OpenApiResponse hides that it is a list
            answer = OpenApiResponse(answer, self.route.answer)
        by_status: dict[int, list[type[APIException]]] = {}
        for refusal in dict.fromkeys(self.refusals()):
            by_status.setdefault(refusal.status_code, []).append(refusal)
        return {
            self.route.status: answer,
            **self.route.or_else,
            **{status: self.refused(by_status[status]) for status in sorted(by_status)},
        }

    def made(self, make: MakeSerializer) -> Serializer[Any]:
        """The serializer, with the context that the view gives it."""
        return make(context={"request": self.view.request, "view": self.view})

    def refusals(self) -> list[type[APIException]]:
        """Every exception that the route answers with."""
        refusals = [*self.view.refusals]
        if self.for_account:
            refusals += [BAD_HEADER, USER_NOT_FOUND] if conf.ACCEPT_TOKENS_WITHOUT_SESSION else [BAD_HEADER]
        if self.refuses_forgery:
            refusals.append(CsrfFailed)
        if self.route.request is not None and not (self.uses_cookies and isinstance(self.view, views.TokenInBodyView)):
            refusals += [ParseError, NOT_AN_OBJECT, exceptions.UnsupportedMediaType, ValidationError]
        if self.view.throttle_classes:
            refusals.append(exceptions.Throttled)
        return refusals

    def refused(self, refusals: list[type[APIException]]) -> OpenApiResponse:
        """The answer to ``refusals``, which have one status."""
        coded = [refusal for refusal in refusals if refusal is not ValidationError]
        # One message of REST framework's has a gap for the media type.
        details = {refusal.default_code: str(refusal.default_detail).replace("{media_type}", "…") for refusal in coded}
        described = [f"`{code}`: {detail}" for code, detail in details.items()]
        if ValidationError in refusals:
            described.append("Without a code: what is wrong with each field.")
        description = "\n\n".join(described)
        if self.view.get_exception_handler() is not exception_handler:
            # Status and headers are the contract then, and the body is the project's.
            return OpenApiResponse(OpenApiTypes.ANY, description)
        bodies = []
        if coded:
            error = self.resolve_serializer(serializers.ErrorSerializer, "response").ref
            bodies.append({"allOf": [error, {"type": "object", "properties": {"code": {"enum": list(details)}}}]})
        if ValidationError in refusals:
            bodies.append(self.field_errors())
        return OpenApiResponse(any_of(bodies), description)

    def field_errors(self) -> JSON:
        schema = {
            "type": "object",
            "description": "What is wrong, by field; `non_field_errors` for what is wrong with no single one.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        }
        component = ResolvedComponent("AuthFieldErrors", ResolvedComponent.SCHEMA, schema, object="AuthFieldErrors")
        self.registry.register_on_missing(component)
        return component.ref


def any_of(schemas: list[JSON]) -> JSON:
    """Not ``oneOf``: a body may happen to be described by two of them."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


class RouteExtension(OpenApiViewExtension):
    """Describes the views above and those that a project derives from them.

    A project's ``extend_schema`` comes first, a ``DEFAULT_SCHEMA_CLASS`` of its own last.
    """

    target_class = "fastauth_django.views.AuthView"
    match_subclasses = True

    def view_replacement(self) -> type[APIView]:
        view: type[APIView] = self.target
        replacement = type(view.__name__, (view,), {})
        default: Any = api_settings.DEFAULT_SCHEMA_CLASS
        described = routes(in_cookies=True)
        for base in reversed([base for base in view.__mro__ if base in described]):
            for method in {"get", "post", "delete"} & set(dir(base)):
                handler = isolate_view_method(replacement, method)
                given = get_class(getattr(handler, "kwargs", {}).get("schema", view.schema))
                layers = (RouteSchema, given) if given is default else (given, RouteSchema)
                handler.kwargs = {"schema": type("RouteSchema", layers, {"described": base})}
        return replacement
