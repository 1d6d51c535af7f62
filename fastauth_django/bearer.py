"""The access token in ``Authorization: Bearer`` (RFC 6750, section 2.1)."""

from __future__ import annotations

from rest_framework_simplejwt.authentication import AUTH_HEADER_TYPE_BYTES, JWTAuthentication


class BearerAuthentication(JWTAuthentication):
    """simplejwt's, which takes the scheme in any case (RFC 9110, section 11.1).

    Else a client that writes ``bearer`` would be told that it is signed out, and its token would live.
    """

    def get_raw_token(self, header: bytes) -> bytes | None:
        scheme, *rest = header.split()[:3] or [b""]
        known = [each for each in AUTH_HEADER_TYPE_BYTES if each.lower() == scheme.lower()]
        return super().get_raw_token(b" ".join([*known[:1], *rest]))
