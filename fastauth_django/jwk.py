"""JSON Web Keys (RFC 7517): public ones as others fetch them, and the shared secret as PyJWT verifies fastest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm

#: What makes up a key of each type, and so its thumbprint (RFC 7638, section 3.2; RFC 8037, section 2).
MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


def public_jwk(algorithm: str, key: Any) -> dict[str, str]:
    """The public half of ``key``, a private or public key as PyJWT prepares it for ``algorithm``, as a JWK.

    Its ``kid`` is the key's thumbprint: everybody who has the key computes the same name, and a new key has a new one.
    """
    public_key = key.public_key() if hasattr(key, "public_key") else key
    whole: dict[str, Any] = jwt.PyJWS().get_algorithm_by_name(algorithm).to_jwk(public_key, as_dict=True)
    jwk = {name: str(whole[name]) for name in MEMBERS[whole["kty"]]}
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    thumbprint = jwt.utils.base64url_encode(hashlib.sha256(canonical).digest()).decode()
    return {**jwk, "use": "sig", "alg": algorithm, "kid": thumbprint}


class ExaminedSecret(HMACAlgorithm):
    """HMAC with a secret that PyJWT has examined already.

    For each token PyJWT checks that the secret is no public key by mistake. That takes longer than the signature.
    """

    def prepare_key(self, key: Any) -> Any:
        return key


def examined_secret(algorithm: str, secret: Any) -> Any:
    """A secret that was prepared for ``algorithm`` (HS256, HS384 or HS512), in the form that PyJWT does not examine."""
    encoded = jwt.utils.base64url_encode(secret).decode()
    jwk: Any = jwt.PyJWK({"kty": "oct", "k": encoded}, algorithm)
    if not hasattr(jwk, "algorithm_name"):
        return secret  # PyJWT before 2.9 verifies with no JWK.
    jwk.Algorithm = ExaminedSecret(jwk.Algorithm.hash_alg)
    return jwk
