"""Proofs that no honest browser sends: forged, swapped, stale, malformed. Each is refused, and changes nothing."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from django.core.signing import TimestampSigner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastauth_django.device_protocol import BIND_SIGNER
from fastauth_django.models import AuthSession
from fastauth_django.signals import device_proof_failed
from tests.clients import Browser
from tests.devices import BY_ITSELF, Device, bind, bind_on_sign_in, challenge_of_sign_in, renew
from tests.hostile.forging import base64url, claims_of, decoded, header_of, hmac_signed
from tests.reading import listening

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("device_binding")]

HEADER = {"alg": "ES256", "typ": "dbsc+jwt"}


@pytest.fixture
def device(device, browser):
    """It has a challenge at hand."""
    device.ask(browser)
    return device


def public_pem(device):
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return device.key.public_key().public_bytes(serialization.Encoding.PEM, spki)


def rsa_signed(header, payload):
    content = f"{base64url(header)}.{base64url(payload)}"
    key = rsa.generate_private_key(65537, 2048)
    return f"{content}.{base64url(key.sign(content.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def unsigned(header, payload):
    return f"{base64url(header)}.{base64url(payload)}."


def off_curve(device):
    """The device's x, and a y that belongs to no point of the curve."""
    return {**device.jwk, "y": base64url(bytes(31) + b"\x01")}


def without_first_zero(device):
    """The same number in fewer bytes, which would be another thumbprint of the same key."""
    return {**device.jwk, "x": base64url(decoded(device.jwk["x"])[1:])}


def padded(device):
    return {**device.jwk, "x": device.jwk["x"] + "="}


def tampered(proof, **claims):
    """The proof with other claims and the signature it had."""
    header, _payload, signature = proof.split(".")
    return f"{header}.{base64url({**claims_of(proof), **claims})}.{signature}"


def der_signed(device, header, payload):
    """With the signature as most libraries give it out, where JWS wants two numbers side by side."""
    content = f"{base64url(header)}.{base64url(payload)}"
    return f"{content}.{base64url(device.key.sign(content.encode(), ec.ECDSA(hashes.SHA256())))}"


MALFORMED = {
    "empty": "",
    "an empty string": '""',
    "no JWT": "x",
    "two parts": "a.b",
    "dots": "...",
    "three empty parts": "..",
    "an open string": '"eyJ',
    "a list": '"a.b.c", "d.e.f"',
    "an escape": '"a\\"b.c.d"',
    "not ASCII": "ä.b.c",
    "a null byte": "a\0.b.c",
    "no JSON in the header": f"{base64url('not json')}.{base64url({})}.AAAA",
    "a header that is a list": f"{base64url([HEADER])}.{base64url({})}.AAAA",
    "a header that nests deeply": f"{base64url('[' * 1000)}.{base64url({})}.AAAA",
    "no base64": "*.*.*",
    "100 kB": "a" * 100_000,
    "100 kB of JWT": f"{base64url({**HEADER, 'x': 'y' * 75_000})}.{base64url({'jti': 'x'})}.AAAA",
}

#: What is wrong with a proof that hands a key over, and how it is made of the device and the challenge.
REGISTRATIONS = {
    "signed by another key": lambda d, c: Device().sign({**HEADER, "jwk": d.jwk}, {"jti": c}),
    "not signed": lambda d, c: unsigned({**HEADER, "jwk": d.jwk}, {"jti": c}),
    "alg none": lambda d, c: unsigned({**HEADER, "alg": "none", "jwk": d.jwk}, {"jti": c}),
    "alg none, signed": lambda d, c: d.registration(c, alg="none"),
    "alg HS256 with the public key": lambda d, c: hmac_signed(
        {**HEADER, "alg": "HS256", "jwk": d.jwk}, {"jti": c}, public_pem(d)
    ),
    "alg RS256": lambda d, c: rsa_signed({**HEADER, "alg": "RS256", "jwk": d.jwk}, {"jti": c}),
    "alg ES384": lambda d, c: d.registration(c, alg="ES384"),
    "alg a list": lambda d, c: d.registration(c, alg=["ES256"]),
    "no alg": lambda d, c: d.sign({"typ": "dbsc+jwt", "jwk": d.jwk}, {"jti": c}),
    "typ JWT": lambda d, c: d.registration(c, typ="JWT"),
    "no typ": lambda d, c: d.sign({"alg": "ES256", "jwk": d.jwk}, {"jti": c}),
    "crit": lambda d, c: d.registration(c, crit=["b64"], b64=False),
    "no key": lambda d, c: d.proof(c),
    "key in the payload": lambda d, c: d.sign(HEADER, {"jti": c, "key": d.jwk}),
    "key a string": lambda d, c: d.registration(c, jwk="key"),
    "key null": lambda d, c: d.registration(c, jwk=None),
    "P-384": lambda d, c: Device(ec.SECP384R1()).registration(c),
    "P-384 called P-256": lambda d, c: (lambda o: o.registration(c, jwk={**o.jwk, "crv": "P-256"}))(
        Device(ec.SECP384R1())
    ),
    "P-256 called by another name": lambda d, c: d.registration(c, jwk={**d.jwk, "crv": "secp256k1"}),
    "RSA key": lambda d, c: d.registration(c, jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
    "symmetric key": lambda d, c: hmac_signed({**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}}, {"jti": c}, b"\0\0\0"),
    "key off the curve": lambda d, c: d.registration(c, jwk=off_curve(d)),
    "key at infinity": lambda d, c: d.registration(c, jwk={**d.jwk, "x": "A" * 43, "y": "A" * 43}),
    "key too short": lambda d, c: d.registration(c, jwk=without_first_zero(d)),
    "key padded": lambda d, c: d.registration(c, jwk=padded(d)),
    "key with numbers": lambda d, c: d.registration(c, jwk={**d.jwk, "x": 1, "y": 2}),
    "key with its private half": lambda d, c: d.registration(c, jwk={**d.jwk, "d": "AAAA"}),
    "DER signature": lambda d, c: der_signed(d, {**HEADER, "jwk": d.jwk}, {"jti": c}),
    "longer than any browser's": lambda d, c: d.registration(c, padding="x" * 2000),
    "no challenge": lambda d, c: d.sign({**HEADER, "jwk": d.jwk}, {}),
    "challenge a number": lambda d, c: d.sign({**HEADER, "jwk": d.jwk}, {"jti": 1}),
    "challenge null": lambda d, c: d.sign({**HEADER, "jwk": d.jwk}, {"jti": None}),
    "payload a list": lambda d, c: d.sign({**HEADER, "jwk": d.jwk}, [c]),
    "payload no JSON": lambda d, c: d.sign({**HEADER, "jwk": d.jwk}, "jti"),
    "payload that nests deeply": lambda d, c: d.sign({**HEADER, "jwk": d.jwk}, "[" * 900),
    "made-up challenge": lambda d, c: d.registration("x"),
    "half a character": lambda d, c: d.registration("\ud800:x"),
    "half a character for a signature": lambda d, c: d.registration("x:\udfff"),
    "challenge not ASCII": lambda d, c: d.registration("ä:x"),
    "challenge without its signature": lambda d, c: d.registration(c.rpartition(":")[0]),
    "challenge with another session": lambda d, c: d.registration("0" * 32 + c[32:]),
    "challenge tampered with": lambda d, c: tampered(d.registration(c), jti="x"),
}

#: The same for a proof that renews the session, made of the device and a stranger's.
PROOFS = {
    "signed by another key": lambda d, other: other.proof(d.challenge),
    "signed by another key, which it names": lambda d, other: other.registration(d.challenge),
    "names its key": lambda d, other: d.registration(d.challenge),
    "not signed": lambda d, other: unsigned(HEADER, {"jti": d.challenge}),
    "alg none": lambda d, other: unsigned({**HEADER, "alg": "none"}, {"jti": d.challenge}),
    "alg none, signed": lambda d, other: d.proof(alg="none"),
    "alg HS256 with the public key": lambda d, other: hmac_signed(
        {**HEADER, "alg": "HS256"}, {"jti": d.challenge}, public_pem(d)
    ),
    "alg HS256 with the server's key": lambda d, other: hmac_signed({**HEADER, "alg": "HS256"}, {"jti": d.challenge}),
    "alg RS256": lambda d, other: rsa_signed({**HEADER, "alg": "RS256"}, {"jti": d.challenge}),
    "typ JWT": lambda d, other: d.proof(typ="JWT"),
    "crit": pytest.param(lambda d, other: d.proof(crit=["exp"]), marks=pytest.mark.needs("PyJWT >= 2.12")),
    "wrong curve": lambda d, other: Device(ec.SECP384R1()).proof(d.challenge),
    "DER signature": lambda d, other: der_signed(d, HEADER, {"jti": d.challenge}),
    "tampered with": lambda d, other: tampered(d.proof("another challenge"), jti=d.challenge),
    "signature cut": lambda d, other: d.proof()[:-4],
}

malformed = pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)


def rows():
    return list(AuthSession.objects.order_by("pk").values())


@malformed
def test_what_is_no_proof_binds_nothing(browser, offer, value):
    before = rows()
    answer = bind(browser, value)
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")
    assert not answer.cookies
    assert rows() == before


def test_no_proof_at_all_binds_nothing(browser, offer):
    answer = browser.post("/auth/device/bind", **BY_ITSELF)
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")


@pytest.mark.parametrize("make", REGISTRATIONS.values(), ids=REGISTRATIONS)
def test_a_hostile_registration_binds_nothing(browser, offer, make):
    before = rows()
    answer = bind(browser, make(Device(), challenge_of_sign_in(offer)))
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")
    assert not answer.cookies
    assert rows() == before


def test_the_honest_one_binds(browser, offer):
    """Or the tests above could not fail."""
    assert bind(browser, Device().registration(challenge_of_sign_in(offer))).status_code == 200


def test_a_challenge_for_renewing_binds_nothing(browser, device):
    other = Browser()
    answer = bind(browser, Device().registration(device.challenge))
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")
    assert not other.cookies


def test_a_challenge_of_another_use_of_the_same_key_binds_nothing(browser, offer):
    session = AuthSession.objects.get()
    challenge = TimestampSigner(salt="something else").sign(f"{session.pk.hex}:0")
    assert bind(browser, Device().registration(challenge)).status_code == 401
    challenge = TimestampSigner(salt=BIND_SIGNER).sign(f"{session.pk.hex}:0")
    assert bind(browser, Device().registration(challenge)).status_code == 200


def test_a_challenge_of_another_generation_binds_nothing(browser, offer):
    session = AuthSession.objects.get()
    challenge = TimestampSigner(salt=BIND_SIGNER).sign(f"{session.pk.hex}:1")
    assert bind(browser, Device().registration(challenge)).status_code == 401
    assert AuthSession.objects.get().device_key == ""


def test_a_session_whose_browser_was_never_asked_is_not_bound(browser, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "DEVICE_BINDING": None}
    browser.sign_in(account)
    settings.FASTAUTH = {**settings.FASTAUTH, "DEVICE_BINDING": "optional"}
    challenge = TimestampSigner(salt=BIND_SIGNER).sign(f"{AuthSession.objects.get().pk.hex}:0")
    assert bind(browser, Device().registration(challenge)).status_code == 401
    assert AuthSession.objects.get().device_key is None


def test_the_challenge_of_another_session_binds_neither(browser, offer, other_account):
    elsewhere = Browser()
    answer = bind(browser, Device().registration(challenge_of_sign_in(elsewhere.sign_in(other_account))))
    assert (answer.status_code, answer.data["code"]) == (401, "token_invalid")
    assert {row["device_key"] for row in rows()} == {""}


@malformed
def test_what_is_no_proof_renews_nothing(browser, device, value):
    before = rows()
    answer = renew(browser, device.session_id, value)
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")
    assert not answer.cookies
    assert rows() == before


@pytest.mark.parametrize("make", PROOFS.values(), ids=PROOFS)
def test_a_hostile_proof_renews_nothing_and_is_reported(browser, device, make):
    before = rows()
    with listening(device_proof_failed) as heard:
        answer = renew(browser, device.session_id, make(device, Device()))
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")
    assert not answer.cookies
    assert "Secure-Session-Challenge" not in answer.headers
    assert rows() == before
    assert [told["reason"] for _signal, told in heard] == ["signature"]


@pytest.mark.parametrize("challenge", ["\ud800:x", "x:\udfff", "ä:x"])
def test_a_signed_challenge_that_is_no_text_of_ours_renews_nothing(browser, device, challenge):
    answer = renew(browser, device.session_id, device.proof(challenge))
    assert (answer.status_code, answer.data["code"]) == (403, "device_challenge")
    assert AuthSession.objects.get().generation == 0


@pytest.mark.parametrize("key", ["no JSON", "[]", "1", "null", "{}", '{"kty":"EC","crv":"P-256","x":1,"y":[]}'])
def test_a_key_that_was_damaged_in_the_database_renews_nothing(browser, device, key):
    AuthSession.objects.update(device_key=key)
    answer = renew(browser, device.session_id, device.proof())
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")


def test_it_does_not_disturb_the_owner(browser, device):
    renew(Browser(), device.session_id, Device().proof(device.challenge))
    assert browser.get("/private").status_code == 200
    assert device.renew(browser).status_code == 200


def test_the_key_of_another_session_renews_nothing(browser, device, other_account):
    stranger_browser = Browser()
    stranger = bind_on_sign_in(stranger_browser, stranger_browser.sign_in(other_account))
    before = rows()
    answer = renew(browser, device.session_id, stranger.proof(device.challenge))
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")
    assert rows() == before


def test_the_challenge_of_another_session_renews_neither(browser, device, other_account):
    """Signed by the right key, so it is no theft: the device may try again with its own."""
    stranger_browser = Browser()
    stranger = bind_on_sign_in(stranger_browser, stranger_browser.sign_in(other_account))
    stranger.ask(stranger_browser)
    before = rows()
    with listening(device_proof_failed) as heard:
        answer = renew(browser, device.session_id, device.proof(stranger.challenge))
    assert (answer.status_code, answer.data["code"]) == (403, "device_challenge")
    assert device.challenge in answer.headers["Secure-Session-Challenge"]
    assert heard == []
    assert rows() == before


def test_the_challenge_of_the_sign_in_renews_nothing(browser, offer, device):
    answer = renew(browser, device.session_id, device.proof(challenge_of_sign_in(offer)))
    assert (answer.status_code, answer.data["code"]) == (403, "device_challenge")
    assert AuthSession.objects.get().generation == 0


def test_a_replayed_proof_renews_nothing(browser, device, clock):
    proof = device.proof()
    assert device.renew(browser, proof).status_code == 200
    before = rows()
    for _seconds in range(3):
        answer = renew(browser, device.session_id, proof)
        assert (answer.status_code, answer.data["code"]) == (403, "device_challenge")
        assert not answer.cookies
        clock.shift(60)
    assert rows() == before


def test_a_proof_for_a_generation_to_come_cannot_be_made(browser, device):
    session_id, _generation, signature = device.challenge.split(":")
    answer = renew(browser, device.session_id, device.proof(f"{session_id}:1:{signature}"))
    assert (answer.status_code, answer.data["code"]) == (403, "device_challenge")


@pytest.mark.parametrize(
    "value",
    ["", '""', "x", "0" * 31, "0" * 100_000, '"', "a, b", "\0", "ä", "../admin"],
    ids=["empty", "empty string", "a word", "too short", "100 kB", "a quote", "a list", "null", "not ASCII", "path"],
)
def test_what_is_no_session_id_is_refused(browser, device, value):
    answer = renew(browser, value, device.proof())
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")


def test_no_session_id_is_refused(browser, device):
    answer = browser.post("/auth/device/refresh", HTTP_SECURE_SESSION_RESPONSE=device.proof(), **BY_ITSELF)
    assert (answer.status_code, answer.data["code"]) == (401, "device_proof_invalid")


def test_times_and_audience_of_a_proof_do_not_matter(browser, device):
    """The challenge is the freshness, and a device's clock may be wrong by years."""
    payload = {"jti": device.challenge, "exp": 1, "nbf": 2**40, "iat": "yesterday", "aud": ["x"], "sub": 1}
    assert renew(browser, device.session_id, device.sign(HEADER, payload)).status_code == 200


def test_a_key_is_stored_without_what_else_its_jwk_says(browser, offer):
    device = Device()
    answer = bind(browser, device.registration(challenge_of_sign_in(offer), jwk={**device.jwk, "kid": "x" * 500}))
    assert answer.status_code == 200
    assert json.loads(AuthSession.objects.get().device_key) == device.jwk


def test_its_thumbprint_is_that_of_the_rfc():
    """RFC 7638, section 3: the members in the order of their names, without a space."""
    session = AuthSession(device_key='{"crv":"P-256","kty":"EC","x":"a","y":"b"}')
    digest = hashlib.sha256(b'{"crv":"P-256","kty":"EC","x":"a","y":"b"}').digest()
    assert session.key_thumbprint == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert AuthSession(device_key="").key_thumbprint is None
    assert AuthSession(device_key=None).key_thumbprint is None


def test_a_challenge_cannot_be_made_without_the_server_key(browser, device):
    value = device.challenge.rpartition(":")[0]
    mac = hmac.new(b"guessed", value.encode(), hashlib.sha256).digest()
    answer = renew(browser, device.session_id, device.proof(f"{value}:{base64url(mac)}"))
    assert (answer.status_code, answer.data["code"]) == (403, "device_challenge")


def test_headers_of_a_real_proof_read_as_expected(device):
    assert header_of(device.proof()) == HEADER


headers = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=300)
jwts = st.builds(
    lambda header, payload, signature: ".".join([base64url(header), base64url(payload), signature]),
    st.one_of(st.just(HEADER), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=4)),
    st.one_of(st.dictionaries(st.text(max_size=5), st.integers(), max_size=3), st.text(max_size=20)),
    st.text("AZaz09-_", max_size=90),
)


@given(session_id=headers, proof=headers | jwts)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_no_header_breaks_anything(browser, device, session_id, proof):
    before = rows()
    for answer in (renew(browser, session_id, proof), renew(browser, device.session_id, proof), bind(browser, proof)):
        assert 400 <= answer.status_code < 500
        assert answer.data["code"]
    assert rows() == before
