"""The three kinds of token, and a pair of them. A refresh token is a pure function of its session's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, Self
from uuid import UUID, uuid4, uuid5

import jwt
from django.conf import settings as django_settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from rest_framework_simplejwt import settings as simplejwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    ExpiredTokenError,
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.tokens import Token

from .conf import conf
from .exceptions import TokenExpired, TokenInvalid, TryAgain
from .identifiers import text_of
from .jwk import examined_secret, public_jwk

if TYPE_CHECKING:
    from .models import AuthSession

SESSION_CLAIM = "sid"  # OpenID Connect Front-Channel Logout 1.0, section 3
GENERATION_CLAIM = "gen"
DELIVERY_CLAIM = "delivery"
CONFIRMATION_CLAIM = "cnf"  # RFC 7800, section 3; its member "jkt" is of RFC 9449, section 6.1


class FallbackTokenBackend(TokenBackend):
    """simplejwt's backend, which also verifies with the keys in ``SECRET_KEY_FALLBACKS``.

    So a planned change of ``SECRET_KEY`` signs nobody out. The backend does not compare ``iat`` with this host's clock:
    that would protect nothing, and would refuse a token from a host whose clock is a second ahead.
    """

    def __init__(self, *args: Any, fallback_keys: Iterable[Any] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fallback_keys = [TokenBackend(self.algorithm, key).prepared_signing_key for key in fallback_keys]

    @sensitive_variables()
    def encode(self, payload: dict[str, Any]) -> str:
        """Sign ``payload``.

        If a key pair signs, the header names the key (``kid``, RFC 7515, section 4.1.4), which simplejwt's own backend
        leaves out. A service with ``JWK_URL`` finds the public key by that name.
        """
        claims = dict(payload)
        if self.audience is not None:
            claims["aud"] = self.audience
        if self.issuer is not None:
            claims["iss"] = self.issuer
        return jwt.encode(
            claims,
            self.prepared_signing_key,
            algorithm=self.algorithm,
            headers=None if self.public_jwk is None else {"kid": self.public_jwk["kid"]},
            json_encoder=self.json_encoder,
        )

    @cached_property
    def public_jwk(self) -> dict[str, str] | None:
        """The key with which others verify what this backend signs. None for a shared secret."""
        if self.algorithm.startswith("HS"):
            return None
        return public_jwk(self.algorithm, self.prepared_signing_key)

    def get_verifying_key(self, token: Any) -> Any:
        """The key to verify ``token`` with. Those of ``SECRET_KEY_FALLBACKS`` come after it."""
        if self.algorithm.startswith("HS"):
            return self.examined_secret
        if self.jwks_client and self._names_own_key(token):
            return self.prepared_signing_key.public_key()  # Whoever signs need not ask a server for the key.
        try:
            return super().get_verifying_key(token)
        except TokenBackendError as error:
            if isinstance(error.__cause__, jwt.PyJWKClientConnectionError):
                raise TryAgain from error  # The server at JWK_URL is away, which is no fault of the token.
            raise

    def _names_own_key(self, token: Any) -> bool:
        if not conf.simplejwt_settings.get("SIGNING_KEY"):
            return False  # A service that only verifies. simplejwt's default, SECRET_KEY, is no key of this kind.
        own: Any = self.public_jwk
        return bool(jwt.get_unverified_header(token).get("kid") == own["kid"])

    @cached_property
    def examined_secret(self) -> Any:
        return examined_secret(self.algorithm, self.prepared_signing_key)

    @sensitive_variables()
    def decode(self, token: Any, verify: bool = True, *, verify_exp: bool = True) -> dict[str, Any]:
        """The claims of an encoded token.

        Raises ``TokenBackendExpiredToken`` for one that has expired and ``TokenBackendError`` for any other fault.
        ``verify_exp=False`` accepts an expired token whose signature is good, for signing out.
        """
        options: Any = {
            "verify_signature": verify,
            "verify_exp": verify and verify_exp,
            "verify_iat": False,
            "verify_aud": verify and self.audience is not None,
        }
        try:
            if verify and not _is_canonical(token):
                raise jwt.DecodeError("The signature is not spelled as base64url spells it")
            for key in (self.get_verifying_key(token), *self.fallback_keys):
                try:
                    return jwt.decode(
                        token,
                        key,
                        algorithms=[self.algorithm],
                        audience=self.audience,
                        issuer=self.issuer,
                        leeway=self.get_leeway(),
                        options=options,
                    )
                except jwt.InvalidSignatureError:
                    continue
        except jwt.ExpiredSignatureError as error:
            raise TokenBackendExpiredToken("Token is expired") from error
        # PyJWT lets some of Python's own errors through, for claims such as "exp": Infinity. With JWK_URL it reads the
        # token to look up the key, so garbage fails there, and so does a JWK_URL that answers without a usable key.
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenBackendError("Token is invalid") from error
        raise TokenBackendError("Token is invalid")


def _is_canonical(token: str | bytes) -> bool:
    """Whether the signature is spelled as its issuer spelled it (RFC 7515, section 2; RFC 4648, section 3.5).

    PyJWT ignores padding, spaces, stray characters and the bits that base64 leaves over, so one token would have
    countless spellings. The signature itself covers the spelling of the other two parts.
    """
    signature = (token.encode() if isinstance(token, str) else token).rpartition(b".")[2]
    return jwt.utils.base64url_encode(jwt.utils.base64url_decode(signature)) == signature


_backend: FallbackTokenBackend | None = None


@sensitive_variables()
def token_backend() -> FallbackTokenBackend:
    """The backend for the present settings; keys are prepared once."""
    global _backend
    if _backend is None:
        jwt_settings = simplejwt.api_settings
        # simplejwt reads SECRET_KEY once, at import. Here the current one counts.
        signing_key = conf.simplejwt_settings.get("SIGNING_KEY", django_settings.SECRET_KEY)
        signs_with_secret_key = signing_key == django_settings.SECRET_KEY and jwt_settings.ALGORITHM.startswith("HS")
        _backend = FallbackTokenBackend(
            jwt_settings.ALGORITHM,
            signing_key,
            jwt_settings.VERIFYING_KEY,
            jwt_settings.AUDIENCE,
            jwt_settings.ISSUER,
            jwt_settings.JWK_URL,
            jwt_settings.LEEWAY,
            jwt_settings.JSON_ENCODER,
            fallback_keys=django_settings.SECRET_KEY_FALLBACKS if signs_with_secret_key else (),
        )
    return _backend


def _forget_backend(*, setting: str, **kwargs: Any) -> None:
    global _backend
    if setting in {"SIMPLE_JWT", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _backend = None


setting_changed.connect(_forget_backend)


def jwk_set() -> dict[str, Any]:
    """The JWK Set (RFC 7517, section 5) of the key pair that signs, for a view at which other services fetch it.

    Raises ``ImproperlyConfigured`` where a shared secret signs (HS256): that must not be published.
    """
    jwk = token_backend().public_jwk
    if jwk is None:
        raise ImproperlyConfigured("Only a key pair can be published: set SIMPLE_JWT['ALGORITHM'] to RS256 or ES256.")
    return {"keys": [jwk]}


def current_second() -> datetime:
    """Now, in whole seconds, so that a session's row and the ``exp`` of its tokens agree."""
    return timezone.now().replace(microsecond=0)


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970 (RFC 7519, section 2, NumericDate), also where ``USE_TZ`` is off.

    Without it, ``timezone.now()`` is the host's local time, whatever time zone is active for the user.
    """
    return int(moment.timestamp())


def user_id_of(user: AbstractBaseUser) -> str:
    """The value of simplejwt's user-id claim: its ``USER_ID_FIELD`` if the project names one, else the primary key."""
    return text_of(user, _user_id_field(simplejwt.api_settings))


@lru_cache(maxsize=1)
def _user_id_field(api_settings: object) -> str:
    # simplejwt makes new api_settings of each change. It takes Django microseconds to find that a setting is missing.
    name: str = conf.simplejwt_settings.get("USER_ID_FIELD", "pk")
    return name


class SessionToken(Token):
    """What access and refresh tokens share: they name a session, and one type is never taken for the other.

    They read the settings when a token is made or read. simplejwt's classes keep the settings of import time.
    """

    @property
    def lifetime(self) -> timedelta:  # type: ignore[override]
        raise NotImplementedError

    @sensitive_variables()
    def __init__(self, token: Any = None, verify: bool = True, *, verify_exp: bool = True) -> None:
        """Read an encoded token, or begin a new one.

        Raises simplejwt's ``ExpiredTokenError`` for an encoded token that has expired, ``TokenError`` for any other
        that is not good.
        """
        self.token = token
        self.current_time = timezone.now()
        self.payload: dict[str, Any] = {}
        if token is not None:
            try:
                self.payload = self.get_token_backend().decode(token, verify=verify, verify_exp=verify_exp)
            except TokenBackendExpiredToken as error:
                raise ExpiredTokenError("Token is expired") from error
            except TokenBackendError as error:
                raise TokenError("Token is invalid") from error
            if verify:
                self.verify()
        else:
            self.payload[_type_claim()] = self.token_type
            self.payload["exp"] = epoch(self.current_time) + int(self.lifetime.total_seconds())
            self.payload["iat"] = epoch(self.current_time)
            self._set_id(uuid4())

    @classmethod
    @sensitive_variables()
    def read(cls, raw_token: str | bytes, *, expired_too: bool = False) -> Self:
        """The token that a client sent. Raises :class:`TokenExpired` or :class:`TokenInvalid`."""
        try:
            return cls(raw_token, verify_exp=not expired_too)
        except ExpiredTokenError as error:
            raise TokenExpired from error
        except TokenError as error:
            raise TokenInvalid from error

    @classmethod
    def of_claims(cls, claims: Mapping[str, Any]) -> Self:
        """A token of claims that somebody else has verified. Raises :class:`TokenInvalid` for another type's."""
        token = cls.__new__(cls)
        token.token, token.current_time, token.payload = None, timezone.now(), dict(claims)
        try:
            token.verify()
        except TokenError as error:
            raise TokenInvalid from error
        return token

    @classmethod
    def for_user(cls, user: AbstractBaseUser) -> NoReturn:  # type: ignore[override]
        """simplejwt's way to make a token by hand. Raises ``TypeError``: nothing accepts a token without a session."""
        raise TypeError(
            f"{cls.__name__}.for_user() knows no session, and tokens without one open nothing. Use "
            "fastauth_django.sign_in(request, response, user), which returns both tokens, or in tests "
            "fastauth_django.test.force_sign_in(client, user)."
        )

    @classmethod
    def _of(cls, session: AuthSession, *, issued_at: datetime, expires: int, token_id: UUID) -> Self:
        token = cls.__new__(cls)
        token.token = None
        token.current_time = issued_at
        token.payload = {
            _type_claim(): cls.token_type,
            "exp": expires,
            "iat": epoch(issued_at),
            simplejwt.api_settings.USER_ID_CLAIM: user_id_of(session.user),
            SESSION_CLAIM: session.pk.hex,
        }
        token._set_id(token_id)
        return token

    def get_token_backend(self) -> FallbackTokenBackend:
        return token_backend()

    def verify(self) -> None:
        """Refuse claims of the wrong shape. The backend has checked the signature, ``exp``, issuer and audience."""
        id_claim = simplejwt.api_settings.JTI_CLAIM
        well_formed = (
            # bool is an int, and a float or a missing exp would make a token that lasts for ever.
            type(self.payload.get("exp")) is int
            and (id_claim is None or id_claim in self.payload)
            and self.payload.get(_type_claim()) == self.token_type
            and isinstance(self.payload.get(simplejwt.api_settings.USER_ID_CLAIM), (str, int))
            and (SESSION_CLAIM not in self.payload or self.session_id is not None)
        )
        if not well_formed:
            raise TokenError("Token has the wrong claims")

    @cached_property
    def session_id(self) -> UUID | None:
        """The session this token belongs to; None for a plain simplejwt token."""
        sid = self.payload.get(SESSION_CLAIM)
        try:
            return UUID(sid) if isinstance(sid, str) else None
        except ValueError:
            return None

    @property
    def user_id(self) -> str:
        """The user this token was issued to."""
        return str(self.payload[simplejwt.api_settings.USER_ID_CLAIM])

    @property
    def max_age(self) -> int:
        """How long it lives from the moment it was issued, in seconds."""
        return int(self.payload["exp"] - self.payload["iat"])

    def _set_id(self, value: UUID) -> None:
        if simplejwt.api_settings.JTI_CLAIM is not None:
            self.payload[simplejwt.api_settings.JTI_CLAIM] = value.hex


class AccessToken(SessionToken):
    """Opens protected views until it expires or its session is revoked."""

    token_type = "access"  # noqa: S105
    #: Whether it arrived in a cookie. Then an answer may carry tokens in cookies only.
    from_cookie = False
    #: The session's row, once the authentication class has read it.
    session: AuthSession | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the row: a copy in a cache or a task queue must not hold the user's password hash."""
        return {name: value for name, value in vars(self).items() if name != "session"}

    @property
    def lifetime(self) -> timedelta:  # type: ignore[override]
        return conf.ACCESS_TOKEN_TTL

    @classmethod
    def for_session(
        cls, session: AuthSession, now: datetime, *, bound: bool = False, generation: int | None = None
    ) -> AccessToken:
        """A new access token of ``session``. It never outlives the session.

        :param bound: for an answer to the session's device: the token names the device's key.
        :param generation: of the session, if it is not for the present one.
        """
        ttl = conf.BOUND_ACCESS_TOKEN_TTL if bound else conf.ACCESS_TOKEN_TTL
        # Added after the conversion: without USE_TZ, 01:55 plus 15 minutes may be no time of that night.
        expires = min(epoch(now) + int(ttl.total_seconds()), epoch(session.expires_at))
        token = cls._of(session, issued_at=now, expires=expires, token_id=uuid4())
        issued = token.payload
        issued[GENERATION_CLAIM] = session.generation if generation is None else generation
        if bound:
            issued[CONFIRMATION_CLAIM] = {"jkt": session.key_thumbprint}
        shape_claims = conf.TOKEN_CLAIMS
        if shape_claims is None:
            return token
        shaped = shape_claims(session.user, dict(issued))
        if not isinstance(shaped, dict):
            raise ImproperlyConfigured("The function of FASTAUTH['TOKEN_CLAIMS'] must return a dict of claims.")
        # Our own claims come last: the hook adds claims, and cannot move a token to another user or session.
        token.payload = {**shaped, **issued}
        return token

    @property
    def generation(self) -> int | None:
        """The generation of the session that it was issued for. None for a token from version 0.1.0."""
        generation = self.payload.get(GENERATION_CLAIM)
        return generation if type(generation) is int else None

    @property
    def key_thumbprint(self) -> str | None:
        """The key of the device that the token was issued to. None if it was issued to whoever had the cookies."""
        confirmation = self.payload.get(CONFIRMATION_CLAIM)
        return confirmation.get("jkt") if isinstance(confirmation, dict) else None


class RefreshToken(SessionToken):
    """Buys the next pair, once. Its type is its own: simplejwt's refresh view would accept another, and not rotate."""

    token_type = "session_refresh"  # noqa: S105

    @property
    def lifetime(self) -> timedelta:  # type: ignore[override]
        return conf.REFRESH_TOKEN_TTL

    @classmethod
    def for_session(cls, session: AuthSession, *, in_cookie: bool = False) -> RefreshToken:
        """The refresh token of the session's present generation. Each claim comes from the row, so all calls agree.

        :param in_cookie: it will be delivered in a cookie, and no view of JSON delivery takes it.
        """
        token = cls._of(
            session,
            issued_at=session.rotated_at,
            expires=epoch(session.expires_at),
            token_id=uuid5(session.pk, str(session.generation)),
        )
        token.payload[GENERATION_CLAIM] = session.generation
        if in_cookie:
            token.payload[DELIVERY_CLAIM] = "cookie"
        return token

    def verify(self) -> None:
        super().verify()
        generation = self.payload.get(GENERATION_CLAIM)
        # A generation of -1 would pass as the predecessor of a session that was never refreshed.
        if SESSION_CLAIM not in self.payload or type(generation) is not int or generation < 0:
            raise TokenError("Token has the wrong claims")

    @property
    def generation(self) -> int:
        generation: int = self.payload[GENERATION_CLAIM]
        return generation

    @property
    def in_cookie(self) -> bool:
        """Whether it was delivered in a cookie. False for a token from version 0.1.0."""
        return self.payload.get(DELIVERY_CLAIM) == "cookie"


class DeviceToken(SessionToken):
    """What the browser of a bound session sends along with its device's signature. Alone it can only sign out."""

    token_type = "device"  # noqa: S105

    @classmethod
    def for_session(cls, session: AuthSession, now: datetime) -> DeviceToken:
        """A device token of ``session``, which lives as long as the session if nothing renews it."""
        return cls._of(session, issued_at=now, expires=epoch(session.expires_at), token_id=uuid4())


@dataclass(frozen=True, repr=False, kw_only=True)
class IssuedTokens:
    """What a client gets: an encoded access token at least, with its own and the session's remaining seconds."""

    access: str
    access_max_age: int
    refresh_max_age: int

    @classmethod
    def access_alone(cls, session: AuthSession, now: datetime, generation: int) -> IssuedTokens:
        """An access token for a client that holds, or waits for, the refresh token of another answer."""
        access = AccessToken.for_session(session, now, generation=generation)
        return cls(
            access=str(access),
            access_max_age=access.max_age,
            refresh_max_age=epoch(session.expires_at) - epoch(now),
        )

    def __repr__(self) -> str:
        return f"<{self.__class__.__name__} for {self.access_max_age} s>"


@dataclass(frozen=True, repr=False, kw_only=True)
class TokenPair(IssuedTokens):
    """An access and a refresh token."""

    refresh: str

    @classmethod
    def for_session(cls, session: AuthSession, now: datetime, *, in_cookie: bool = False) -> TokenPair:
        """The pair of the session's present generation, issued at ``now``.

        :param in_cookie: as for :meth:`RefreshToken.for_session`.
        """
        access = IssuedTokens.access_alone(session, now, session.generation)
        return cls(
            access=access.access,
            access_max_age=access.access_max_age,
            refresh=str(RefreshToken.for_session(session, in_cookie=in_cookie)),
            refresh_max_age=access.refresh_max_age,
        )

    def as_json(self) -> dict[str, Any]:
        """The body of an answer in JSON delivery (RFC 6749, section 5.1)."""
        return {
            "access_token": self.access,
            "refresh_token": self.refresh,
            "token_type": "bearer",
            "expires_in": self.access_max_age,
            "refresh_expires_in": self.refresh_max_age,
        }


def _type_claim() -> str:
    # None would switch simplejwt's type check off, and a refresh token would open protected views.
    return simplejwt.api_settings.TOKEN_TYPE_CLAIM or "token_type"
