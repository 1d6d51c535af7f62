"""One signed-in device, one row. Only :mod:`fastauth_django.sessions` writes it."""

from __future__ import annotations

import hashlib
import secrets
import time
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from jwt.utils import base64url_encode

from .managers import AuthSessionManager


def time_ordered_uuid() -> UUID:
    """A UUID version 7 (RFC 9562, section 5.7): milliseconds first, then 74 random bits.

    Sessions that start in the same second still have an order, and new rows go to one end of the index.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


class AuthSession(models.Model):
    """A signed-in device, from sign-in to sign-out, however often it refreshes.

    No token is stored: both are computed from the row. ``expires_at`` has no index on purpose, because every refresh
    moves it, and PostgreSQL updates a row in place only while no indexed column changes.
    """

    class RevokedReason(models.TextChoices):
        SIGNED_OUT = "signed_out", _("signed out")
        REPLACED = "replaced", _("another sign-in in the same browser")
        ENDED = "ended", _("ended by the user")
        ENDED_BY_STAFF = "ended_by_staff", _("ended by staff")
        PASSWORD_CHANGED = "password_changed", _("password changed")
        SESSION_LIMIT = "session_limit", _("too many sessions")
        REUSE = "reuse", _("a refresh token was used twice")
        NOT_BOUND = "not_bound", _("not bound to a device in time")

    id = models.UUIDField(primary_key=True, default=time_ordered_uuid, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="auth_sessions", verbose_name=_("user")
    )
    generation = models.PositiveIntegerField(
        _("generation"), default=0, help_text=_("How many times the refresh token was rotated.")
    )
    auth_hash = models.CharField(max_length=128, editable=False)
    remember = models.BooleanField(_("remember"), default=False)
    created_at = models.DateTimeField(_("created at"))
    rotated_at = models.DateTimeField(_("last used at"))
    expires_at = models.DateTimeField(_("expires at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    revoked_reason = models.CharField(_("revoked reason"), max_length=32, blank=True, choices=RevokedReason.choices)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=512, blank=True)
    # Three states need three values: None, the browser was never asked for a key (JSON delivery, or binding was off);
    # "", it was asked and has not answered; else the public key as a JWK, spelled as RFC 7638 hashes it.
    device_key = models.CharField(max_length=160, null=True, editable=False)  # noqa: DJ001
    device_bound_at = models.DateTimeField(
        _("bound to a device at"),
        null=True,
        blank=True,
        help_text=_("From then on only the device's key renews the session."),
    )

    objects = AuthSessionManager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return str(self.pk)

    def __copy__(self) -> AuthSession:
        # Django copies a model as it pickles one, and a refresh copies its session.
        duplicate = self.__class__.__new__(self.__class__)
        duplicate.__dict__.update(self.__getstate__())
        return duplicate

    def is_expired(self, now: datetime | None = None) -> bool:
        """Whether the session has run out at ``now`` (default: the present)."""
        return self.expires_at <= (now or timezone.now())

    @property
    def is_device_bound(self) -> bool:
        """Whether the device's key is final. Until then the browser may not have heard that there is a binding."""
        return self.device_bound_at is not None

    @property
    def key_thumbprint(self) -> str | None:
        """The JWK thumbprint of the device's key (RFC 7638); None where there is no key."""
        if not self.device_key:
            return None
        return base64url_encode(hashlib.sha256(self.device_key.encode()).digest()).decode()
