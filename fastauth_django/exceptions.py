"""Refusals, each named for what happened, and their body ``{"detail": …, "code": …}``.

They are REST framework exceptions, so a view may simply raise them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from django.utils.translation import gettext_lazy
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import AuthenticationFailed, DetailDictMixin, InvalidToken

if TYPE_CHECKING:
    from .models import AuthSession

# simplejwt declares its messages as str, though its own are lazy too.
_: Any = gettext_lazy

Refusals: TypeAlias = tuple[type[APIException], ...]


class InvalidCredentials(AuthenticationFailed):
    """The identifier or the password is wrong. Which of the two is not said."""

    default_detail = _("The credentials are wrong.")
    default_code = "invalid_credentials"


class RefreshTokenRequired(AuthenticationFailed):
    """No refresh token was presented. Not final: the cookies may be on their way in another answer."""

    default_detail = _("A refresh token is required.")
    default_code = "refresh_token_required"


class TokenInvalid(InvalidToken):
    """The token is garbage, or was not issued here, not for this use, or not for this user."""

    default_detail = _("The token is invalid.")
    default_code = "token_invalid"


class TokenExpired(InvalidToken):
    """The token, or the session it belongs to, has expired."""

    default_detail = _("The token has expired.")
    default_code = "token_expired"


class SessionRevoked(InvalidToken):
    """The session was revoked, or its row is gone."""

    default_detail = _("The session has ended.")
    default_code = "session_revoked"


class SessionReplaced(SessionRevoked):
    """Another sign-in of the same browser revoked the session. Its cookies may be in the jar already."""


class SessionBehind(SessionRevoked):
    """The token is far ahead of the session's row: the database was restored. Carries the session to revoke."""

    def __init__(self, session: AuthSession) -> None:
        self.session = session
        super().__init__()


class RefreshTokenReused(InvalidToken):
    """A client presented a refresh token that a rotation had replaced. Carries the session to revoke."""

    default_detail = _("The refresh token was used before. The session has been ended.")
    default_code = "refresh_token_reused"

    def __init__(self, session: AuthSession) -> None:
        self.session = session
        super().__init__()


class DeviceProofRequired(InvalidToken):
    """The session is bound to a device, and only its key renews it. Carries the session."""

    default_detail = _("The session is bound to a device, which has to prove itself.")
    default_code = "device_proof_required"

    def __init__(self, session: AuthSession) -> None:
        self.session = session
        super().__init__()


class DeviceProofInvalid(InvalidToken):
    """What the client sent is no proof of a device, or not of this session's device, or lacks its cookie."""

    default_detail = _("The proof of the device is invalid.")
    default_code = "device_proof_invalid"


class DeviceBindingRequired(InvalidToken):
    """``DEVICE_BINDING`` is ``"required"``, and the browser did not bind the session in time."""

    default_detail = _("This browser cannot bind the session to the device, which is required here.")
    default_code = "device_binding_required"


class DeviceChallenge(DetailDictMixin, APIException):
    """The device has to sign the challenge in the answer. Carries the session that the challenge is for.

    403 is the only status that makes a browser sign and come back (DBSC draft, "Send request").
    """

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = _("The device has to sign the challenge.")
    default_code = "device_challenge"

    def __init__(self, session: AuthSession) -> None:
        self.session = session
        super().__init__()


class DeviceAlreadyBound(DetailDictMixin, APIException):
    """The binding is final: the key of the session's device never changes."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("The session is bound to a device already.")
    default_code = "device_already_bound"


class UserInactive(AuthenticationFailed):
    """The account is deactivated, or ``USER_AUTHENTICATION_RULE`` of ``SIMPLE_JWT`` refuses it."""

    default_detail = _("The account is inactive.")
    default_code = "user_inactive"


class PasswordChanged(InvalidToken):
    """The password was changed after the session started."""

    default_detail = _("The password has been changed. Sign in again.")
    default_code = "password_changed"


class CsrfFailed(DetailDictMixin, APIException):
    """A page of another origin may have sent this request. ``detail`` says why."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = _("CSRF verification failed.")
    default_code = "csrf_failed"


class SignUpDisabled(DetailDictMixin, APIException):
    """``SIGN_UP_ENABLED`` is off."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = _("Sign-up is disabled.")
    default_code = "sign_up_disabled"


class UserExists(DetailDictMixin, APIException):
    """Another account has this identifier, perhaps because a racing sign-up created it a moment ago."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("A user with these details already exists.")
    default_code = "user_exists"


class TryAgain(DetailDictMixin, APIException):
    """Nothing is lost, and the same request works in a moment.

    The database could not tell which of two refreshes came first, or the browser could not renew the session now.
    """

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = _("The session is being refreshed. Try again.")
    default_code = "try_again"
    wait = 1  # seconds, for Retry-After


def complete_body(response: Response, refusal: APIException, wait: int | None) -> None:
    """Complete the error body ``{"detail": …, "code": …}`` of an answer to ``refusal``.

    REST framework's own refusals come without a code. This leaves field errors alone, which have no ``detail``, and a
    body of another shape, which a project's ``EXCEPTION_HANDLER`` makes, with a response of Django's too.

    :param wait: seconds until it makes sense to try again. The body has them too, as ``retry_after``, because a page of
        another origin reads ``Retry-After`` only where CORS exposes it.
    """
    code, data = refusal.get_codes(), getattr(response, "data", None)
    if isinstance(data, dict) and "detail" in data:
        if isinstance(code, str):
            data.setdefault("code", code)
        if wait is not None:
            data["retry_after"] = wait


def code_of(refusal: APIException) -> str:
    """The ``code`` a refusal puts into its body."""
    detail: Any = refusal.detail
    if isinstance(detail, dict) and "code" in detail:
        return str(detail["code"])
    return str(getattr(detail, "code", refusal.default_code))
