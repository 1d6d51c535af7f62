"""A forger's workshop. Tokens are put together by hand: a library would refuse to make most of them."""

import base64
import hashlib
import hmac
import json
from typing import Any

from django.conf import settings

HEADER = {"alg": "HS256", "typ": "JWT"}


def base64url(data: Any) -> str:
    """Bytes, text, or anything that JSON can say, in base64url without padding."""
    if not isinstance(data, bytes | str):
        data = json.dumps(data)
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def header_of(token: str) -> dict[str, Any]:
    return json.loads(decoded(token.split(".")[0]))


def claims_of(token: str) -> dict[str, Any]:
    return json.loads(decoded(token.split(".")[1]))


def hmac_signed(header: Any, claims: Any, key: str | bytes | None = None) -> str:
    """A token with an HMAC-SHA256 signature, whatever its header says. The key is the server's own by default."""
    key = settings.SECRET_KEY if key is None else key
    content = f"{base64url(header)}.{base64url(claims)}"
    mac = hmac.new(key.encode() if isinstance(key, str) else key, content.encode(), hashlib.sha256)
    return f"{content}.{base64url(mac.digest())}"
