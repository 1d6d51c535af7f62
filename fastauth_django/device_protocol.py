"""Device binding: the headers, bodies and signatures of the W3C draft (webappsec-dbsc).

Challenges are signed and not stored. The one for a refresh names the session's generation, so the compare-and-set that
rotates a session spends its challenge too.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

import jwt
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signing import BadSignature, Signer, TimestampSigner
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, URLResolver, get_resolver, get_urlconf, reverse
from jwt import algorithms

from . import csrf
from .conf import conf
from .cookies import access_cookie
from .device_rules import TIME_TO_BIND
from .exceptions import DeviceChallenge, DeviceProofInvalid
from .models import AuthSession

REGISTRATION_HEADER = "Secure-Session-Registration"
CHALLENGE_HEADER = "Secure-Session-Challenge"
PROOF_HEADER = "Secure-Session-Response"
SESSION_ID_HEADER = "Sec-Secure-Session-Id"
SKIPPED_HEADER = "HTTP_SECURE_SESSION_SKIPPED"  # in META: every sign-out looks for it

ALGORITHM = "ES256"
PROOF_TYPE = "dbsc+jwt"
LONGEST_PROOF = 2048  # characters; one of a browser has about 500

# A session that was skipped, in the header that says so.
SKIPPED = re.compile(r'session_identifier="?([0-9a-f]{32})\b')

# A string of RFC 9651, section 3.3.3, and whatever parameters; or the same characters bare, as browsers sent it first.
STRING = re.compile(r'(?:"(?P<quoted>[\w.:=-]*)"|(?P<bare>[\w.:=-]+)) *(?:;.*)?', re.ASCII)

BIND_SIGNER = "fastauth_django.device_binding.bind"
REFRESH_SIGNER = "fastauth_django.device_binding.refresh"


class Registration(NamedTuple):
    """What a browser says when it binds: its key, and the session and generation of the challenge that it signed."""

    device_key: str
    session_id: UUID
    generation: int


class Proof(NamedTuple):
    """A JWT from a device, whose signature is still to be checked."""

    text: str
    header: dict[str, Any]


# --- What we tell the browser --------------------------------------------------------------------------------------


def require_means_to_bind(request: HttpRequest) -> None:
    """Raise ``ImproperlyConfigured`` where no browser could bind: without cryptography, or without our URLs."""
    if not algorithms.has_crypto:
        raise ImproperlyConfigured("FASTAUTH['DEVICE_BINDING'] needs the extra: fastauth-django[device-binding].")
    url_of("device-bind", request)


def ask_for_key(request: HttpRequest, response: HttpResponseBase, session: AuthSession) -> None:
    """Ask the browser that gets ``response`` to bind ``session``. A browser that cannot do it ignores the header."""
    challenge = TimestampSigner(salt=BIND_SIGNER).sign(_name(session))
    path = url_of("device-bind", request)
    response.headers[REGISTRATION_HEADER] = f'({ALGORITHM});path="{path}";challenge="{challenge}"'


def put_challenge(response: HttpResponseBase, session: AuthSession) -> None:
    """Give the browser what to sign when it next renews ``session``. It may keep it until the cookie expires."""
    challenge = Signer(salt=REFRESH_SIGNER).sign(_name(session))
    response.headers[CHALLENGE_HEADER] = f'"{challenge}";id="{session.pk.hex}"'


def instructions(request: HttpRequest, session: AuthSession) -> dict[str, object]:
    """The body of an answer to the device: which cookie it is to renew, and where.

    It names no origin, so the browser takes the one it asked, whatever a proxy makes of the host. Only pages of this
    origin and of those the project trusts may have the browser renew the cookie: a stranger's page could tell from the
    time it takes whether somebody is signed in.
    """
    spec = access_cookie()
    body: dict[str, object] = {
        "session_identifier": session.pk.hex,
        "refresh_url": url_of("device-refresh", request),
        "scope": {"include_site": False},
        "credentials": [{"type": "cookie", "name": spec.name, "attributes": spec.attributes}],
    }
    initiators = trusted_hosts()
    if initiators:
        body["allowed_refresh_initiators"] = initiators
    return body


def trusted_hosts() -> list[str]:
    """The hosts of the origins whose pages may have the browser renew the cookie.

    In the draft's form: no scheme and no port, ``*.`` for subdomains.
    """
    listed = (entry for entry in conf.CORS_ORIGINS if isinstance(entry, str))  # The draft has no form for a pattern.
    origins = [*listed, *django_settings.CSRF_TRUSTED_ORIGINS]
    hosts = (re.sub(r":\d+$", "", origin.partition("://")[2]) for origin in origins)
    return list(dict.fromkeys(host for host in hosts if host))


def url_of(name: str, request: HttpRequest) -> str:
    """The URL of one of this app's routes, in the mount that ``request`` came in by, or else where Django finds one.

    A prefix with variables, such as ``<slug:tenant>/``, takes them from the path of ``request``. Raises
    ``ImproperlyConfigured`` where the project has no such URL, or that path lacks a variable.
    """
    match = request.resolver_match
    if match and match.app_names[-1:] == ["fastauth"]:
        namespaces = match.namespaces
    else:
        namespaces = namespaces_of_routes(get_resolver(get_urlconf()))
    variables: Any = {"args": match.args, "kwargs": match.kwargs} if match else {}
    for prefix in [variables, {}]:
        with suppress(NoReverseMatch):
            return reverse(":".join([*namespaces, name]), **prefix)
    raise ImproperlyConfigured(
        "FASTAUTH['DEVICE_BINDING'] needs the routes of fastauth_django.urls in the URLconf. Where their prefix has "
        "variables, a view that signs in needs the same variables in its path."
    )


def namespaces_of_routes(resolver: URLResolver) -> list[str]:
    """The namespaces under which the project includes our URLs, the outermost first, or none where it does not."""
    if "fastauth" in resolver.app_dict:
        return ["fastauth"]
    for name, (_prefix, nested) in resolver.namespace_dict.items():
        below = namespaces_of_routes(nested)
        if below:
            return [name, *below]
    return []


def _name(session: AuthSession) -> str:
    return f"{session.pk.hex}:{session.generation}"


# --- What the browser tells us -------------------------------------------------------------------------------------


def refuse_scripts(request: HttpRequest) -> None:
    """Raise ``CsrfFailed`` unless the browser itself has made ``request``, as no script can (Fetch, "request-no-cors").

    A script on a page reads the challenge in the answer to its own sign-in. If it could send a proof, it would bind the
    session to a key of its own. A browser strips our headers from a script's request of the mode "no-cors", and sends
    them with "cors" and "same-origin". Its own requests have the mode "no-cors".
    """
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode != "no-cors":
        raise csrf.refusal(
            request, csrf.Fault(f"Sec-Fetch-Mode is {mode!r}, and only the browser itself may call this.")
        )


def session_id_of(request: HttpRequest) -> UUID:
    """The session that the browser wants to renew. Raises :class:`DeviceProofInvalid` where it names none."""
    try:
        return UUID(_string(request, SESSION_ID_HEADER) or "")
    except ValueError:
        raise DeviceProofInvalid from None


def was_skipped(request: HttpRequest) -> bool:
    """Whether the browser sends ``request`` without a cookie because it could not renew it for now, and says so."""
    return SKIPPED_HEADER in request.META


def skipped_sessions(request: HttpRequest) -> list[UUID]:
    """The sessions that the browser says it could not renew, where :func:`was_skipped`."""
    return [UUID(found) for found in SKIPPED.findall(request.META[SKIPPED_HEADER])]


def read_registration(request: HttpRequest) -> Registration:
    """The key that a browser binds a session to: one that signed our challenge within a minute.

    Raises :class:`DeviceProofInvalid`. Whose session it may be is for the caller to check.
    """
    proof = _read_proof(request)
    if proof is None:
        raise DeviceProofInvalid
    device_key = _spelled_as_hashed(proof.header.get("jwk"))
    challenge = _signed_challenge(proof, device_key)
    if challenge is None:
        raise DeviceProofInvalid
    try:
        session_id, generation = TimestampSigner(salt=BIND_SIGNER).unsign(challenge, max_age=TIME_TO_BIND).split(":")
    except BadSignature:
        raise DeviceProofInvalid from None
    return Registration(device_key, UUID(session_id), int(generation))


def read_proof(request: HttpRequest, session: AuthSession) -> int:
    """The generation for which the device of ``session`` proves that it is there.

    Raises :class:`DeviceChallenge` where there is no proof yet, or a good signature of something else than a challenge
    for this session: that happens to an honest browser. Raises :class:`DeviceProofInvalid` for any other signature.
    """
    proof = _read_proof(request)
    if proof is None:
        raise DeviceChallenge(session)
    # The key is the session's. One in the proof itself would be anybody's.
    if "jwk" in proof.header:
        raise DeviceProofInvalid
    challenge = _signed_challenge(proof, session.device_key)
    if challenge is None:
        raise DeviceProofInvalid
    try:
        session_id, generation = Signer(salt=REFRESH_SIGNER).unsign(challenge).split(":")
    except BadSignature:
        raise DeviceChallenge(session) from None
    if session_id != session.pk.hex:
        raise DeviceChallenge(session)
    return int(generation)


def _read_proof(request: HttpRequest) -> Proof | None:
    """The proof that ``request`` carries, or None. Raises :class:`DeviceProofInvalid` for what cannot be one."""
    text = _string(request, PROOF_HEADER)
    if text is None:
        return None
    if len(text) > LONGEST_PROOF:
        raise DeviceProofInvalid
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise DeviceProofInvalid from None
    if header.get("typ") != PROOF_TYPE:
        raise DeviceProofInvalid
    return Proof(text, header)


def _signed_challenge(proof: Proof, device_key: str | None) -> str | None:
    """What the device signed, or None where its key did not sign the proof.

    Times and audience in a proof are not looked at. The challenge alone makes it fresh.
    """
    try:
        key = jwt.PyJWK.from_json(device_key or "", ALGORITHM)
        payload = json.loads(jwt.PyJWS().decode(proof.text, key, algorithms=[ALGORITHM]))
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    challenge = payload.get("jti") if isinstance(payload, dict) else None
    # Ours are ASCII. JSON can spell half a character ("\ud800") that no signer can turn into bytes.
    return challenge if isinstance(challenge, str) and challenge.isascii() else ""


def _spelled_as_hashed(jwk: Any) -> str:
    """A P-256 public key in the one spelling that RFC 7638 hashes. Raises :class:`DeviceProofInvalid` for all else."""
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" in jwk:
        raise DeviceProofInvalid
    x, y = jwk.get("x"), jwk.get("y")
    for coordinate in (x, y):
        if not isinstance(coordinate, str) or re.fullmatch(r"[\w-]{43}", coordinate, re.ASCII) is None:
            raise DeviceProofInvalid
    return json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))


def _string(request: HttpRequest, header: str) -> str | None:
    """The structured string (RFC 9651) in ``header``, None where there is no such header.

    Raises :class:`DeviceProofInvalid` for anything else.
    """
    value = request.headers.get(header)
    if value is None:
        return None
    match = STRING.fullmatch(value.strip(" "))
    if match is None:
        raise DeviceProofInvalid
    return match["bare"] if match["quoted"] is None else match["quoted"]
