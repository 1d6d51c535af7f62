"""The classic attacks on JWTs, each tried wherever a token is taken.

What a parser makes of a token (:mod:`tests.test_tokens` has forged signatures and odd claims) is one thing; here each
attack also meets every door, and must leave no row, no log line with a token, and no session the worse for it.
"""

import json
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken
from rest_framework_simplejwt.tokens import RefreshToken as PlainRefreshToken
from rest_framework_simplejwt.tokens import SlidingToken, UntypedToken

from fastauth_django.models import AuthSession
from tests.clients import ACCESS, REFRESH, Browser, NativeApp
from tests.hostile.forging import HEADER, base64url, claims_of, decoded, header_of, hmac_signed
from tests.hostile.watching import nothing_comes_of_it

pytestmark = pytest.mark.usefixtures("no_connections")

EVIL = "https://evil.example/keys.json"
ATTACKERS_KEY = "the attacker's own key, which is long enough for HS256"


def unsigned(algorithm):
    return lambda token: f"{base64url({**HEADER, 'alg': algorithm})}.{base64url(claims_of(token))}."


def unsigned_but_not_empty(token):
    return unsigned("none")(token) + token.rpartition(".")[2]


def with_header(key, **changes):
    """A token that an attacker signed, and whose header says which key to verify it with."""
    return lambda token: hmac_signed({**HEADER, **changes}, claims_of(token), key)


def with_embedded_public_key(token):
    import jwt

    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return jwt.encode(claims_of(token), pem, "ES256", headers={"jwk": public, "jku": EVIL, "x5u": EVIL})


def with_embedded_shared_key(token):
    jwk = {"kty": "oct", "k": base64url(ATTACKERS_KEY)}
    return hmac_signed({**HEADER, "jwk": jwk}, claims_of(token), ATTACKERS_KEY)


def with_critical_header(token):
    return hmac_signed({**HEADER, "crit": ["fastauth"], "fastauth": True}, claims_of(token))


def with_unencoded_payload(token):
    """RFC 7797: the payload stands as it is, and the signature is over that."""
    import hashlib
    import hmac

    from django.conf import settings

    header = base64url({**HEADER, "b64": False, "crit": ["b64"]})
    payload = json.dumps(claims_of(token))
    mac = hmac.new(settings.SECRET_KEY.encode(), f"{header}.{payload}".encode(), hashlib.sha256)
    return f"{header}.{payload}.{base64url(mac.digest())}"


def part(number, change):
    def forge(token):
        parts = token.split(".")
        parts[number] = change(parts[number])
        return ".".join(parts)

    return forge


def with_spare_bits(signature):
    """Base64 of 32 bytes has two bits to spare in its last letter: four letters decode to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + alphabet[alphabet.index(signature[-1]) ^ 1]


def of_another_token(token):
    content, _, _signature = token.rpartition(".")
    return f"{content}.{hmac_signed(HEADER, {**claims_of(token), 'jti': uuid4().hex}).rpartition('.')[2]}"


def as_json_serialization(token):
    protected, payload, signature = token.split(".")
    return json.dumps({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]})


def encrypted(token):
    """Five parts and "dir": the shape of a JWE, with the token as its ciphertext."""
    header = base64url({"alg": "dir", "enc": "A128CBC-HS256"})
    return f"{header}..{base64url('iv' * 8)}.{token.split('.')[1]}.x"


def nested(token):
    """A JWT within a JWT (RFC 7519, section 5.2): signed all through, and no token of ours."""
    return hmac_signed({**HEADER, "cty": "JWT"}, token)


ATTACKS = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE": unsigned("NONE"),
    "alg nOnE": unsigned("nOnE"),
    "alg none with a signature": unsigned_but_not_empty,
    "no alg": lambda token: hmac_signed({"typ": "JWT"}, claims_of(token)),
    "alg of null": lambda token: hmac_signed({**HEADER, "alg": None}, claims_of(token)),
    "alg in a list": lambda token: hmac_signed({**HEADER, "alg": ["HS256"]}, claims_of(token)),
    "alg in lower case": lambda token: hmac_signed({**HEADER, "alg": "hs256"}, claims_of(token)),
    "alg of a key pair": lambda token: hmac_signed({**HEADER, "alg": "RS256"}, claims_of(token)),
    "alg of a weaker hash": lambda token: hmac_signed({**HEADER, "alg": "HS1"}, claims_of(token)),
    "empty key": with_header("", kid="/dev/null"),
    "kid that is a path": with_header("", kid="../../../../dev/null"),
    "kid that is SQL": with_header(ATTACKERS_KEY, kid=f"x' UNION SELECT '{ATTACKERS_KEY}"),
    "kid that is a command": with_header(ATTACKERS_KEY, kid="key; touch /tmp/x"),
    "kid that is a number": pytest.param(
        lambda token: hmac_signed({**HEADER, "kid": 1}, claims_of(token)), marks=pytest.mark.needs("PyJWT >= 2.12")
    ),
    "jku of the attacker": with_header(ATTACKERS_KEY, jku=EVIL, kid="evil"),
    "x5u of the attacker": with_header(ATTACKERS_KEY, x5u=EVIL),
    "x5c of the attacker": with_header(ATTACKERS_KEY, x5c=[base64url("certificate")]),
    "embedded public key": with_embedded_public_key,
    "embedded shared key": with_embedded_shared_key,
    "critical header": pytest.param(with_critical_header, marks=pytest.mark.needs("PyJWT >= 2.12")),
    "payload that is not encoded": with_unencoded_payload,
    "payload in the clear": part(1, lambda payload: decoded(payload).decode()),
    "empty signature": part(2, lambda signature: ""),
    "truncated signature": part(2, lambda signature: signature[:-4]),
    "truncated payload": part(1, lambda payload: payload[:-4]),
    "truncated header": part(0, lambda header: header[:-4]),
    "lengthened signature": part(2, lambda signature: f"{signature}AAAA"),
    "padded signature": part(2, lambda signature: f"{signature}="),
    "padded payload": part(1, lambda payload: f"{payload}=="),
    "padded header": part(0, lambda header: f"{header}=="),
    "spare bits in the signature": part(2, with_spare_bits),
    "signature in the other alphabet": part(2, lambda signature: f"{signature[:-4]}+/{signature[-2:]}"),
    "stray characters in the signature": part(2, lambda signature: f"{signature[:5]}!*{signature[5:]}"),
    "space in the signature": part(2, lambda signature: f"{signature[:5]} {signature[5:]}"),
    "line break in the signature": part(2, lambda signature: f"{signature[:5]}\n{signature[5:]}"),
    "space in the payload": part(1, lambda payload: f"{payload[:5]} {payload[5:]}"),
    "space after a dot": lambda token: token.replace(".", ". "),
    "signature of another token": of_another_token,
    "signature spelled backwards": part(2, lambda signature: signature[::-1]),
    "signature in hexadecimal": part(2, lambda signature: decoded(signature).hex()),
    "two parts": lambda token: token.rpartition(".")[0],
    "four parts": lambda token: f"{token}.{token.rpartition('.')[2]}",
    "empty part at the end": lambda token: f"{token}.",
    "empty part at the start": lambda token: f".{token}",
    "twice": lambda token: f"{token}.{token}",
    "JSON serialization": as_json_serialization,
    "shape of a JWE": encrypted,
    "JWT in a JWT": nested,
    "percent-encoded dots": lambda token: token.replace(".", "%2E"),
    "NUL at the end": lambda token: f"{token}\0",
    "full-width dots": lambda token: token.replace(".", "\uff0e"),
    "scheme within the token": lambda token: f"Bearer:{token}",
}


@pytest.fixture
def native(settings, native_app, account) -> NativeApp:
    settings.FASTAUTH = {}
    native_app.sign_in(account)
    return native_app


def in_cookie(name: str, token: str) -> dict[str, str]:
    # A cookie header is bytes; the test client takes them as WSGI does.
    return {"HTTP_COOKIE": f"{name}={token}".encode().decode("latin-1")}


def in_header(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}".encode().decode("latin-1")}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
class TestClassicAttacks:
    def test_opens_nothing_in_the_header(self, native, attack):
        forged, native.access = attack(native.access), None

        with nothing_comes_of_it([forged]):
            response = native.get("/private", **in_header(forged))

        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="api", error="invalid_token"')

    def test_opens_nothing_in_the_cookie(self, signed_in, attack):
        forged = attack(signed_in.cookie(ACCESS))

        with nothing_comes_of_it([forged]):
            response = Browser().get("/private", **in_cookie(ACCESS, forged))

        assert response.status_code == 401

    def test_buys_no_pair_in_the_cookie(self, signed_in, attack):
        forged = attack(signed_in.cookie(REFRESH))

        with nothing_comes_of_it([forged]):
            response = Browser().post("/auth/refresh", **in_cookie(REFRESH, forged))

        assert (response.status_code, response.json()["code"]) == (401, "token_invalid")
        assert AuthSession.objects.live().get().generation == 0

    def test_buys_no_pair_in_the_body(self, native, attack):
        forged = attack(native.refresh_token)

        with nothing_comes_of_it([forged]):
            response = NativeApp().post("/auth/refresh", {"refresh_token": forged}, format="json")

        # A field of text refuses NUL before anyone looks for a token in it.
        assert response.status_code == (400 if "\0" in forged else 401)
        assert AuthSession.objects.live().get().generation == 0

    def test_signs_nobody_out(self, signed_in, attack):
        access, refresh = attack(signed_in.cookie(ACCESS)), attack(signed_in.cookie(REFRESH))

        with nothing_comes_of_it([access, refresh]):
            Browser().post("/auth/logout", **in_cookie(REFRESH, refresh))
            Browser().post("/auth/logout", **in_cookie(ACCESS, access))
            Browser().post("/auth/logout", {"refresh_token": refresh}, format="json", **in_header(access))

        assert signed_in.get("/private").status_code == 200


# --- Signed with the right key, and wrong all the same -------------------------------------------------------------

ARABIC_DIGITS = {ord("0") + digit: 0x660 + digit for digit in range(10)}

#: Claims that somebody who can have tokens signed (another service with the same key, say) might try.
SIGNED = {
    "sid in an object": {"sid": {"$ne": None}},
    "sid in a list of one": lambda claims: {"sid": [claims["sid"]]},
    "sid that is SQL": {"sid": "' OR 1=1 --"},
    "sid with a wildcard": {"sid": "%"},
    "sid of nil": {"sid": str(UUID(int=0))},
    "sid of a session that never was": {"sid": uuid4().hex},
    "sid with NUL": lambda claims: {"sid": claims["sid"] + "\0"},
    "user in an object": {"user_id": {"gt": 0}},
    "user that is SQL": {"user_id": "1 OR 1=1"},
    "user with spaces": lambda claims: {"user_id": f" {claims['user_id']} "},
    "user with NUL": lambda claims: {"user_id": f"{claims['user_id']}\0"},
    "user with a plus": lambda claims: {"user_id": f"+{claims['user_id']}"},
    "user with zeros": lambda claims: {"user_id": f"00{claims['user_id']}"},
    "user in other digits": lambda claims: {"user_id": str(claims["user_id"]).translate(ARABIC_DIGITS)},
    "user in capitals": lambda claims: {"user_id": f"{claims['user_id']}".upper() + "A"},
    "negative user": {"user_id": -1},
    "huge user": {"user_id": 10**40},
    "exp in an object": lambda claims: {"exp": {"value": claims["exp"]}},
    "exp that is false": {"exp": False},
    "negative exp": {"exp": -9_999_999_999},
    "exp of minus infinity": {"exp": float("-inf")},
    "exp of minus zero": {"exp": -0.0},
    "fractional exp that is whole": lambda claims: {"exp": float(claims["exp"])},
    "exp in text with a plus": lambda claims: {"exp": f"+{claims['exp']}"},
    "nbf in the future": {"nbf": 99_999_999_999},
    "nbf that is no number": {"nbf": "soon"},
    "type in capitals": lambda claims: {"token_type": claims["token_type"].upper()},
    "type with a space": lambda claims: {"token_type": f"{claims['token_type']} "},
    "type of null": {"token_type": None},
    "type of simplejwt's refresh token": {"token_type": "refresh"},
    "type of simplejwt's sliding token": {"token_type": "sliding"},
}


def signed(token, changes) -> str:
    claims = claims_of(token)
    return hmac_signed(HEADER, {**claims, **(changes(claims) if callable(changes) else changes)})


@pytest.mark.parametrize("changes", SIGNED.values(), ids=SIGNED)
class TestSignedWithTheRightKey:
    def test_opens_nothing(self, native, changes):
        native.access = signed(native.access, changes)

        with nothing_comes_of_it([native.access]):
            response = native.get("/private")

        assert response.status_code == 401

    def test_buys_no_pair(self, native, changes):
        native.refresh_token = signed(native.refresh_token, changes)

        with nothing_comes_of_it([native.refresh_token]):
            response = native.refresh()

        assert response.status_code == 401
        assert AuthSession.objects.live().get().generation == 0


GENERATIONS = [-1, 10**400, "0", None, {"gte": 0}, [0], True, 0.0, float("nan"), ...]


@pytest.mark.parametrize("generation", GENERATIONS, ids=lambda value: str(value)[:8])
def test_generation_that_never_was_buys_no_pair(native, generation):
    claims = {**claims_of(native.refresh_token), "gen": generation}
    native.refresh_token = hmac_signed(HEADER, {name: value for name, value in claims.items() if value is not ...})

    assert native.refresh().status_code == 401


def test_another_users_session_does_not_open_with_ones_own_token(native, other_account):
    """Ada has her own token signed over the session of Bob."""
    bobs = NativeApp()
    bobs.sign_in(other_account)
    native.access = signed(native.access, {"sid": claims_of(bobs.access)["sid"]})
    native.refresh_token = signed(native.refresh_token, {"sid": claims_of(bobs.access)["sid"]})

    assert native.get("/private").status_code == 401
    assert native.refresh().status_code == 401
    assert bobs.get("/private").status_code == 200


@pytest.mark.parametrize("kind", [PlainAccessToken, PlainRefreshToken, SlidingToken], ids=lambda kind: kind.__name__)
def test_simplejwts_own_tokens_open_nothing_and_buy_nothing(native, account, kind):
    plain = str(kind.for_user(account.user))
    native.access = native.refresh_token = plain

    with nothing_comes_of_it([plain]):
        assert native.get("/private").status_code == 401
        assert native.refresh().status_code == 401


def test_simplejwts_token_that_names_a_session_buys_nothing(native, account):
    """A project may add claims to simplejwt's refresh tokens; the type is what keeps them apart."""
    plain = PlainRefreshToken.for_user(account.user)
    plain.payload |= {name: claims_of(native.refresh_token)[name] for name in ("sid", "gen")}
    native.refresh_token = str(plain)

    assert native.refresh().status_code == 401


def test_our_refresh_token_is_no_use_to_simplejwts_classes(native):
    for kind in (PlainAccessToken, PlainRefreshToken, SlidingToken):
        with pytest.raises(Exception, match="Token has wrong type"):
            kind(native.refresh_token)


def test_claims_that_stand_twice_count_once_for_everyone(native, account, other_account):
    """Two parsers that disagree on duplicates are an attack. Whatever is read, the session decides."""
    claims = claims_of(native.access)
    bob = json.dumps(str(other_account.user.pk))
    ada = json.dumps(claims["user_id"])
    text = json.dumps({name: value for name, value in claims.items() if name != "user_id"})[:-1]

    def get(first, second):
        native.access = hmac_signed(HEADER, f'{text}, "user_id": {first}, "user_id": {second}}}')
        return native.get("/private")

    assert get(ada, bob).status_code == 401
    assert get(bob, ada).json() == {"user": account.user.get_username()}


@pytest.mark.parametrize("header", ["jku", "x5u", "kid", "jwk", "typ", "cty"])
def test_header_that_is_no_business_of_ours_is_not_followed(native, header):
    value = {"kty": "oct", "k": "AAAA"} if header == "jwk" else EVIL
    native.access = hmac_signed({**header_of(native.access), header: value}, claims_of(native.access))

    assert native.get("/private").status_code == 200


@pytest.fixture(scope="module")
def key_pair():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"SIGNING_KEY": private.decode(), "VERIFYING_KEY": public.decode()}


class TestKeyConfusion:
    """A server with a key pair, and an attacker who uses its public key as if it were a shared secret."""

    SPELLINGS = {
        "as it stands": lambda pem: pem,
        "without the last line break": lambda pem: pem.rstrip("\n"),
        "in one line": lambda pem: pem.replace("\n", ""),
        "with the line breaks of Windows": lambda pem: pem.replace("\n", "\r\n"),
        "without its frame": lambda pem: "".join(pem.splitlines()[1:-1]),
    }

    @pytest.mark.parametrize("algorithm", ["HS256", "RS256", "none"])
    @pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
    def test_public_key_signs_nothing(self, settings, native_app, account, key_pair, algorithm, spell):
        settings.FASTAUTH = {}
        settings.SIMPLE_JWT = {"ALGORITHM": "RS256", **key_pair}
        native_app.sign_in(account)
        claims, key = claims_of(native_app.access), spell(key_pair["VERIFYING_KEY"])
        native_app.access = hmac_signed({**HEADER, "alg": algorithm}, claims, key)

        assert native_app.get("/private").status_code == 401

    def test_secret_key_signs_nothing_where_a_key_pair_does(self, settings, native_app, account, key_pair):
        settings.FASTAUTH = {}
        settings.SIMPLE_JWT = {"ALGORITHM": "RS256", **key_pair}
        native_app.sign_in(account)
        native_app.access = hmac_signed(HEADER, claims_of(native_app.access))

        assert native_app.get("/private").status_code == 401


def test_untyped_reading_is_nowhere_in_the_way_of_a_request(native, monkeypatch):
    """simplejwt's ``UntypedToken`` skips the check of the type; nothing of ours may lean on it."""
    monkeypatch.setattr(UntypedToken, "__init__", lambda *args, **kwargs: pytest.fail("UntypedToken was used"))

    assert native.get("/private").status_code == 200
    assert native.refresh().status_code == 200
