"""The two kinds of token: what they say, what is refused, and with which keys."""

import json
import pickle
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import SimpleNamespace
from uuid import uuid4
from weakref import WeakKeyDictionary

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from rest_framework.test import APIRequestFactory
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken
from rest_framework_simplejwt.tokens import RefreshToken as PlainRefreshToken
from rest_framework_simplejwt.views import TokenRefreshView

from fastauth_django.authentication import CookieJWTAuthentication
from fastauth_django.jwk import public_jwk
from fastauth_django.models import AuthSession
from fastauth_django.tokens import AccessToken, RefreshToken, SessionToken, TokenPair, jwk_set, user_id_of
from tests.clients import ACCESS, REFRESH, NativeApp

OTHER_KEY = "another key of the tests, also long enough for HS256"
LONG_KEY = "a key of the tests that is long enough for HS512 as well, " + "x" * 32


@pytest.fixture
def app(settings, native_app, account) -> NativeApp:
    """Ada's native app, signed in."""
    settings.FASTAUTH = {}
    assert native_app.sign_in(account).status_code == 200
    return native_app


@pytest.fixture
def session(signed_in) -> AuthSession:
    return AuthSession.objects.select_related("user").get()


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def signed(claims, key=None, algorithm="HS256", **kwargs) -> str:
    """A token with any claims at all, as somebody who has the key could make it."""
    from django.conf import settings

    return jwt.PyJWS().encode(json.dumps(claims).encode(), key or settings.SECRET_KEY, algorithm, **kwargs)


def refusal(response) -> tuple[int, str]:
    challenge = response.headers.get("WWW-Authenticate", "")
    return response.status_code, challenge.partition('error_description="')[2].rstrip('"')


# --- What they say -------------------------------------------------------------------------------------------------


def test_an_access_token_says_whom_it_is_for_which_session_and_how_long(clock, app, account):
    session = AuthSession.objects.get()

    claims = claims_of(app.access)

    assert claims.pop("jti")
    assert claims == {
        "token_type": "access",
        "user_id": str(account.user.pk),
        "sid": session.pk.hex,
        "iat": int(session.created_at.timestamp()),
        "exp": int(session.created_at.timestamp()) + 900,
        "gen": 0,
    }


def test_a_refresh_token_says_whom_it_is_for_which_session_and_generation(clock, app, account):
    session = AuthSession.objects.get()

    claims = claims_of(app.refresh_token)

    assert claims.pop("jti")
    assert claims == {
        "token_type": "session_refresh",
        "user_id": str(account.user.pk),
        "sid": session.pk.hex,
        "gen": 0,
        "iat": int(session.rotated_at.timestamp()),
        "exp": int(session.expires_at.timestamp()),
    }


def test_two_access_tokens_of_one_moment_are_told_apart(clock, session):
    now = session.created_at

    assert AccessToken.for_session(session, now)["jti"] != AccessToken.for_session(session, now)["jti"]


def test_a_refresh_token_can_be_made_again_from_its_row(session):
    later = AuthSession.objects.get(pk=session.pk)

    with time_machine.travel(timedelta(days=3)):
        again = RefreshToken.for_session(later)

    assert str(again) == str(RefreshToken.for_session(session))


def test_each_generation_has_a_token_id_of_its_own(session):
    first = RefreshToken.for_session(session)
    session.generation = 1

    assert first["jti"] != RefreshToken.for_session(session)["jti"]


def test_two_sessions_have_different_token_ids_in_the_same_generation(session):
    first = RefreshToken.for_session(session)
    session.pk = uuid4()

    assert first["jti"] != RefreshToken.for_session(session)["jti"]


def test_a_pair_says_how_long_each_token_lasts(clock, session):
    pair = TokenPair.for_session(session, session.created_at)

    assert (pair.access_max_age, pair.refresh_max_age) == (900, 2_592_000)
    assert pair.as_json() == {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "token_type": "bearer",
        "expires_in": 900,
        "refresh_expires_in": 2_592_000,
    }


def test_an_access_token_never_outlives_its_session(clock, settings, browser, account):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "SESSION_MAX_AGE": timedelta(minutes=20)}
    browser.sign_in(account)
    clock.shift(timedelta(minutes=14))

    response = browser.post("/auth/refresh")

    assert response.data["expires_in"] == 360
    assert response.cookies[ACCESS]["max-age"] == 360
    claims = claims_of(browser.cookie(ACCESS))
    assert claims["exp"] - claims["iat"] == 360


@pytest.mark.parametrize(
    "make", [lambda session: AccessToken.for_session(session, session.created_at), RefreshToken.for_session]
)
def test_the_repr_of_a_token_cannot_be_used_as_one(session, make):
    token = make(session)

    assert str(token) not in repr(token)
    assert str(token).rpartition(".")[2] not in repr(token)


def test_the_repr_of_a_pair_shows_no_token(session):
    pair = TokenPair.for_session(session, session.created_at)

    assert pair.access not in repr(pair)
    assert pair.refresh not in repr(pair)


def test_a_kind_of_token_must_say_how_long_it_lives():
    with pytest.raises(NotImplementedError):
        SessionToken()


def test_new_tokens_take_their_lives_from_the_settings(clock, settings):
    settings.FASTAUTH = {"ACCESS_TOKEN_TTL": 60, "REFRESH_TOKEN_TTL": 120}

    lives = [token["exp"] - token["iat"] for token in (AccessToken(), RefreshToken())]

    assert lives == [60, 120]


# --- Types ---------------------------------------------------------------------------------------------------------


def test_a_refresh_token_opens_no_view(app):
    app.access = app.refresh_token

    assert refusal(app.get("/private")) == (401, "token_invalid")


def test_an_access_token_buys_no_pair(app):
    app.refresh_token = app.access

    assert refusal(app.refresh()) == (401, "token_invalid")


def test_a_refresh_token_in_the_access_cookie_opens_no_view(signed_in):
    signed_in.set_cookie(ACCESS, signed_in.cookie(REFRESH))

    assert refusal(signed_in.get("/private")) == (401, "token_invalid")


def test_an_access_token_in_the_refresh_cookie_buys_no_pair(signed_in):
    signed_in.set_cookie(REFRESH, signed_in.cookie(ACCESS))

    assert refusal(signed_in.post("/auth/refresh")) == (401, "token_invalid")


def test_types_do_not_cross_where_simplejwts_own_check_is_off(settings, app):
    settings.SIMPLE_JWT = {"TOKEN_TYPE_CLAIM": None}
    access, refresh = app.access, app.refresh_token
    assert app.get("/private").status_code == 200

    app.access, app.refresh_token = refresh, access

    assert refusal(app.get("/private")) == (401, "token_invalid")
    assert refusal(app.refresh()) == (401, "token_invalid")


def test_simplejwts_refresh_view_cannot_walk_around_the_rotation(app):
    request = APIRequestFactory().post("/", {"refresh": app.refresh_token}, format="json")

    response = TokenRefreshView.as_view()(request)

    assert response.status_code == 401


def test_simplejwts_refresh_token_is_not_ours(app, account):
    app.refresh_token = str(PlainRefreshToken.for_user(account.user))

    assert refusal(app.refresh()) == (401, "token_invalid")


def test_the_names_of_the_claims_are_simplejwts_to_choose(settings, native_app, account):
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = {"TOKEN_TYPE_CLAIM": "typ", "USER_ID_CLAIM": "sub", "JTI_CLAIM": "id"}
    native_app.sign_in(account)

    claims = claims_of(native_app.access)

    assert (claims["typ"], claims["sub"], len(claims["id"])) == ("access", str(account.user.pk), 32)
    assert native_app.get("/private").status_code == 200
    assert native_app.refresh().status_code == 200


def test_token_ids_can_be_left_out(settings, native_app, account):
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = {"JTI_CLAIM": None}
    native_app.sign_in(account)

    assert "jti" not in claims_of(native_app.access)
    assert "jti" not in claims_of(native_app.refresh_token)
    assert native_app.get("/private").status_code == 200
    assert native_app.refresh().status_code == 200


def test_the_user_id_can_be_another_field(settings, native_app, account):
    field = type(account.user).USERNAME_FIELD
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = {"USER_ID_FIELD": field}
    native_app.sign_in(account)

    assert claims_of(native_app.access)["user_id"] == account.user.get_username() == user_id_of(account.user)
    assert native_app.get("/private").status_code == 200
    assert native_app.refresh().status_code == 200


# --- Forgeries and accidents ---------------------------------------------------------------------------------------


def truncated(token, claims):
    return token[:-5]


def without_signature(token, claims):
    return token.rpartition(".")[0] + "."


def unsigned(token, claims):
    return jwt.encode(claims, None, algorithm="none")


def unsigned_but_says_otherwise(token, claims):
    return f"{token.partition('.')[0]}.{unsigned(token, claims).split('.')[1]}."


def with_another_key(token, claims):
    return signed(claims, OTHER_KEY)


def with_another_algorithm_of_the_same_key(token, claims):
    return signed(claims, algorithm="HS512")


def with_the_payload_of_another(token, claims):
    header, _payload, signature = token.split(".")
    return ".".join([header, signed({**claims, "user_id": "1"}).split(".")[1], signature])


def with_an_unknown_critical_header(token, claims):
    return signed(claims, headers={"crit": ["exp"], "exp": 1})


def with_a_header_that_is_nested_too_deeply(token, claims):
    deep = jwt.utils.base64url_encode(b"[" * 5_000).decode()
    return f"{deep}.{token.partition('.')[2]}"


def spelled_with_padding(token, claims):
    return token + "="


def spelled_with_other_leftover_bits(token, claims):
    """The last letter of a signature of 32 bytes holds two bits that mean nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


FORGERIES = [
    spelled_with_padding,
    spelled_with_other_leftover_bits,
    truncated,
    without_signature,
    unsigned,
    unsigned_but_says_otherwise,
    with_another_key,
    with_another_algorithm_of_the_same_key,
    with_the_payload_of_another,
    pytest.param(with_an_unknown_critical_header, marks=pytest.mark.needs("PyJWT >= 2.12")),
    with_a_header_that_is_nested_too_deeply,
]


@pytest.mark.filterwarnings("ignore:The HMAC key is .* bytes long")  # the shorter key is the forgery
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
class TestForgeries:
    def test_forged_access_token_is_refused(self, app, forge):
        app.access = forge(app.access, claims_of(app.access))

        assert refusal(app.get("/private")) == (401, "token_invalid")

    def test_forged_refresh_token_is_refused(self, app, forge):
        app.refresh_token = forge(app.refresh_token, claims_of(app.refresh_token))

        assert refusal(app.refresh()) == (401, "token_invalid")


ODD_CLAIMS = {
    "no expiry": {"exp": ...},
    "expiry of null": {"exp": None},
    "fractional expiry": {"exp": 9_999_999_999.5},
    "infinite expiry": {"exp": float("inf")},
    "expiry that is no number": {"exp": float("nan")},
    "expiry in a string": {"exp": "9999999999"},
    "expiry in a list": {"exp": [9_999_999_999]},
    "no user": {"user_id": ...},
    "user of null": {"user_id": None},
    "user in a dict": {"user_id": {"pk": 1}},
    "user in a list": {"user_id": [1]},
    "fractional user": {"user_id": 1.0},
    "user that is true": {"user_id": True},
    "another user": {"user_id": "987654321"},
    "session of null": {"sid": None},
    "session in a list": {"sid": ["a"]},
    "session in a dict": {"sid": {}},
    "session that is a number": {"sid": 1},
    "session that is no uuid": {"sid": "not-a-uuid"},
    "session that is empty": {"sid": ""},
    "session of a thousand letters": {"sid": "a" * 1_000},
    "no id": {"jti": ...},
    "id that is a number": pytest.param({"jti": 1}, marks=pytest.mark.needs("PyJWT >= 2.10")),
    "no type": {"token_type": ...},
    "type in a list": {"token_type": ["access", "session_refresh"]},
    "not yet valid": {"nbf": 9_999_999_999},
}
ODD_REFRESH_CLAIMS = {
    **ODD_CLAIMS,
    "no session": {"sid": ...},
    "no generation": {"gen": ...},
    "generation in a string": {"gen": "0"},
    "generation that is false": {"gen": False},
    "fractional generation": {"gen": 0.0},
    "generation of null": {"gen": None},
    "generation before the first": {"gen": -1},
}


def changed(token: str, changes: dict) -> str:
    claims = {**claims_of(token), **changes}
    return signed({name: value for name, value in claims.items() if value is not ...})


@pytest.mark.parametrize("changes", ODD_CLAIMS.values(), ids=ODD_CLAIMS)
def test_an_access_token_with_odd_claims_is_refused(app, changes):
    app.access = changed(app.access, changes)

    assert refusal(app.get("/private")) == (401, "token_invalid")


@pytest.mark.parametrize(
    "changes", [*ODD_CLAIMS.values(), *ODD_REFRESH_CLAIMS.values()], ids=[*ODD_CLAIMS, *ODD_REFRESH_CLAIMS]
)
def test_a_refresh_token_with_odd_claims_is_refused(app, changes):
    app.refresh_token = changed(app.refresh_token, changes)

    assert refusal(app.refresh()) == (401, "token_invalid")
    assert AuthSession.objects.live().count() == 1


@pytest.mark.parametrize("changes", ODD_CLAIMS.values(), ids=ODD_CLAIMS)
def test_a_token_with_odd_claims_does_not_stand_in_the_way_of_signing_out(app, changes):
    response = app.post("/auth/logout", {"refresh_token": changed(app.refresh_token, changes)}, format="json")

    assert response.status_code == 200


def test_a_token_of_one_user_does_not_open_the_session_of_another(app, other_account):
    app.access = changed(app.access, {"user_id": str(other_account.user.pk)})

    assert refusal(app.get("/private")) == (401, "token_invalid")


def test_a_refresh_token_of_one_user_does_not_rotate_the_session_of_another(app, other_account):
    app.refresh_token = changed(app.refresh_token, {"user_id": str(other_account.user.pk)})

    assert refusal(app.refresh()) == (401, "token_invalid")
    assert AuthSession.objects.get().generation == 0


@pytest.mark.parametrize("expiry", [-1, 0, True, -(10**30)], ids=["before 1970", "1970", "true", "long before"])
def test_a_token_that_expired_long_ago_is_expired(app, expiry):
    app.access = changed(app.access, {"exp": expiry})

    assert app.get("/private").status_code == 401


def test_an_enormous_expiry_does_not_outlive_the_session(clock, app):
    app.access = changed(app.access, {"exp": 10**300})
    clock.shift(timedelta(days=30))

    assert refusal(app.get("/private")) == (401, "token_expired")


@pytest.mark.parametrize("payload", [b"[]", b"null", b'"access"', b"{", b"\xff"], ids=repr)
def test_a_signed_payload_that_is_no_object_is_refused(settings, app, payload):
    app.access = jwt.PyJWS().encode(payload, settings.SECRET_KEY, "HS256")

    assert refusal(app.get("/private")) == (401, "token_invalid")


def test_of_a_claim_that_stands_twice_none_escapes_the_checks(settings, app, other_account):
    """Whichever of two a parser takes, the session and the user have to agree on it."""
    payload = json.dumps(claims_of(app.access))[:-1] + f', "user_id": "{other_account.user.pk}"}}'
    app.access = jwt.PyJWS().encode(payload.encode(), settings.SECRET_KEY, "HS256")

    assert refusal(app.get("/private")) == (401, "token_invalid")


@pytest.mark.parametrize("error", [ValueError, TypeError, OverflowError, RecursionError])
def test_what_a_release_of_pyjwt_overlooks_is_a_refusal_too(monkeypatch, app, error):
    """Not every release catches each of Python's own errors, and a 500 would be the sender's to cause."""

    def overlook(*args, **kwargs):
        raise error

    monkeypatch.setattr(jwt, "decode", overlook)

    assert refusal(app.get("/private")) == (401, "token_invalid")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_each_algorithm_with_a_shared_secret_verifies_what_it_signed_only(settings, app, account, algorithm):
    settings.SIMPLE_JWT = {"ALGORITHM": algorithm, "SIGNING_KEY": LONG_KEY}
    app.sign_in(account)
    own, claims = app.get("/private").status_code, claims_of(app.access)
    app.access = signed(claims, "not " + LONG_KEY, algorithm)

    assert jwt.get_unverified_header(app.access)["alg"] == algorithm
    assert (own, refusal(app.get("/private"))) == (200, (401, "token_invalid"))


def test_a_release_of_pyjwt_that_verifies_with_no_jwk_is_given_the_secret_itself(settings, monkeypatch, app, account):
    monkeypatch.setattr(jwt, "PyJWK", lambda *args: object())
    settings.SIMPLE_JWT = {"SIGNING_KEY": LONG_KEY}
    app.sign_in(account)
    own, claims = app.get("/private").status_code, claims_of(app.access)
    forged = [signed(claims, "not " + LONG_KEY), signed(claims, LONG_KEY, "HS512")]

    assert own == 200
    for app.access in forged:
        assert refusal(app.get("/private")) == (401, "token_invalid")


# --- Time ----------------------------------------------------------------------------------------------------------


def test_an_access_token_expires_to_the_second(clock, app):
    clock.shift(899)
    before = app.get("/private").status_code
    clock.shift(1)

    assert (before, refusal(app.get("/private"))) == (200, (401, "token_expired"))


def test_a_refresh_token_expires_to_the_second(clock, app):
    clock.shift(timedelta(days=30, seconds=-1))
    first_of_two = AuthSession.objects.live().count()
    clock.shift(1)

    assert (first_of_two, refusal(app.refresh())) == (1, (401, "token_expired"))


@pytest.mark.parametrize("seconds", [1, 5, 300])
def test_a_token_from_a_host_whose_clock_is_ahead_is_accepted(clock, app, seconds):
    clock.shift(-seconds)

    assert app.get("/private").status_code == 200
    assert app.refresh().status_code == 200


def test_leeway_is_simplejwts(clock, settings, app):
    settings.SIMPLE_JWT = {"LEEWAY": 30}
    clock.shift(925)
    within = app.get("/private").status_code
    clock.shift(10)

    assert (within, refusal(app.get("/private"))) == (200, (401, "token_expired"))


@pytest.fixture
def no_time_zones(settings, monkeypatch) -> None:
    settings.USE_TZ = False
    # On MariaDB Django decides how to read times when a query is built, and this one is built once for a connection.
    monkeypatch.setattr(AuthSession.objects, "_joins", WeakKeyDictionary())


@pytest.mark.usefixtures("no_time_zones")
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_lives_are_the_same_without_time_zone_support(clock, settings, native_app, account, zone):
    settings.TIME_ZONE = zone
    settings.FASTAUTH = {}
    native_app.sign_in(account)

    claims = claims_of(native_app.access)

    now = int(datetime.now(UTC).timestamp())
    assert (claims["iat"], claims["exp"]) == (now, now + 900)
    assert claims_of(native_app.refresh_token)["exp"] == now + 2_592_000
    clock.shift(60)
    assert native_app.get("/private").status_code == 200
    assert native_app.refresh().status_code == 200


def test_without_time_zone_support_a_users_own_time_zone_changes_no_life(clock, settings):
    settings.USE_TZ = False
    settings.TIME_ZONE = "America/New_York"

    with timezone.override("Asia/Tokyo"):
        expiry = AccessToken()["exp"]

    assert expiry == int(datetime.now(UTC).timestamp()) + 900


@pytest.mark.usefixtures("no_time_zones")
@pytest.mark.parametrize("moment", ["2026-11-01T05:50:00Z", "2026-11-01T06:20:00Z", "2026-03-08T06:50:00Z"])
def test_an_access_token_lasts_as_long_as_ever_while_the_clocks_change(clock, settings, native_app, account, moment):
    """Without time zone support the hour before and the hour after the change in autumn look the same."""
    settings.TIME_ZONE = "America/New_York"
    settings.FASTAUTH = {}
    clock.move_to(datetime.fromisoformat(moment).timestamp())  # a datetime would set the time zone too

    response = native_app.sign_in(account)

    assert response.data["expires_in"] == 900
    assert native_app.get("/private").status_code == 200
    assert claims_of(str(AccessToken()))["exp"] == int(datetime.now(UTC).timestamp()) + 900


# --- Keys ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rotated_key(settings, app):
    """The project has a new SECRET_KEY, and Ada's app still has its tokens of before."""
    settings.SECRET_KEY, former = OTHER_KEY, settings.SECRET_KEY
    return former


def test_a_planned_key_change_signs_nobody_out(settings, app, rotated_key):
    settings.SECRET_KEY_FALLBACKS = ["one that was never used, but long enough", rotated_key]

    assert app.get("/private").status_code == 200
    assert app.refresh().status_code == 200


def test_tokens_are_signed_with_the_new_key_at_once(settings, app, rotated_key):
    settings.SECRET_KEY_FALLBACKS = [rotated_key]
    app.refresh()

    settings.SECRET_KEY_FALLBACKS = []

    assert app.get("/private").status_code == 200
    assert app.refresh().status_code == 200


def test_after_the_former_key_is_removed_its_tokens_are_refused(settings, app, rotated_key):
    settings.SECRET_KEY_FALLBACKS = [rotated_key]
    app.get("/private")

    settings.SECRET_KEY_FALLBACKS = []

    assert refusal(app.get("/private")) == (401, "token_invalid")
    assert refusal(app.refresh()) == (401, "token_invalid")


def test_a_token_that_a_former_key_signed_expires_like_any_other(clock, settings, app, rotated_key):
    settings.SECRET_KEY_FALLBACKS = [rotated_key]
    clock.shift(900)

    assert refusal(app.get("/private")) == (401, "token_expired")


def test_fallbacks_of_the_secret_key_are_not_tried_for_a_signing_key_of_its_own(settings, app):
    """Who found an old SECRET_KEY must not sign tokens where SECRET_KEY never did."""
    former = settings.SECRET_KEY
    settings.SIMPLE_JWT = {"SIGNING_KEY": OTHER_KEY}
    settings.SECRET_KEY_FALLBACKS = [former]

    assert refusal(app.get("/private")) == (401, "token_invalid")


def test_a_signing_key_of_its_own_signs_and_verifies(settings, native_app, account):
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = {"SIGNING_KEY": OTHER_KEY}
    native_app.sign_in(account)

    assert jwt.decode(native_app.access, OTHER_KEY, ["HS256"])["sid"]
    assert native_app.get("/private").status_code == 200


def test_the_key_is_prepared_again_only_when_a_setting_of_it_changes(settings):
    from fastauth_django.tokens import token_backend

    first = token_backend()
    settings.FASTAUTH = {"REFRESH_GRACE": 1}
    same = token_backend()
    settings.SECRET_KEY = OTHER_KEY

    assert first is same
    assert token_backend() is not first


def pem(private_key) -> dict[str, str]:
    public_key = private_key.public_key()
    return {
        "SIGNING_KEY": private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "VERIFYING_KEY": public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    }


@pytest.fixture(scope="module")
def key_pairs() -> dict[str, dict[str, str]]:
    return {
        "RS256": pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "another RS256": pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "ES256": pem(ec.generate_private_key(ec.SECP256R1())),
    }


def public_key(key_pair: dict[str, str]):
    return load_pem_public_key(key_pair["VERIFYING_KEY"].encode())


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_key_pair_signs_and_verifies(settings, native_app, account, key_pairs, algorithm):
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = {"ALGORITHM": algorithm, **key_pairs[algorithm]}
    settings.SECRET_KEY_FALLBACKS = [OTHER_KEY]
    native_app.sign_in(account)

    assert jwt.get_unverified_header(native_app.access)["alg"] == algorithm
    assert native_app.get("/private").status_code == 200
    assert native_app.refresh().status_code == 200


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_public_key_is_no_shared_secret(settings, native_app, account, key_pairs, algorithm):
    """The classic forgery: sign with HS256 and the public key, which everybody knows."""
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = {"ALGORITHM": algorithm, **key_pairs[algorithm]}
    native_app.sign_in(account)
    header, payload, _signature = signed(claims_of(native_app.access)).split(".")
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = hmac.sign(f"{header}.{payload}".encode(), key_pairs[algorithm]["VERIFYING_KEY"].encode())
    native_app.access = f"{header}.{payload}.{jwt.utils.base64url_encode(signature).decode()}"

    assert refusal(native_app.get("/private")) == (401, "token_invalid")


def test_a_service_that_only_verifies_needs_no_private_key(settings, native_app, account, key_pairs):
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = {"ALGORITHM": "RS256", **key_pairs["RS256"]}
    native_app.sign_in(account)

    settings.SIMPLE_JWT = {"ALGORITHM": "RS256", "VERIFYING_KEY": key_pairs["RS256"]["VERIFYING_KEY"]}
    settings.SECRET_KEY_FALLBACKS = [OTHER_KEY]

    assert native_app.get("/stateless").status_code == 200


class TestKeysFromAServer:
    """``JWK_URL``: the service fetches the public keys of the host that signs."""

    @pytest.fixture
    def foreign_token(self, settings, app, key_pairs, monkeypatch):
        key_pair = key_pairs["RS256"]
        algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
        jwk = algorithm.to_jwk(algorithm.prepare_key(key_pair["VERIFYING_KEY"]), as_dict=True)
        keys = {"keys": [{**jwk, "kid": "today", "use": "sig"}]}
        monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda client: keys)
        settings.SIMPLE_JWT = {"ALGORITHM": "RS256", "JWK_URL": "https://keys.example.com/jwks.json"}

        def foreign_token(kid, key_pair=key_pair):
            return signed(claims_of(app.access), key_pair["SIGNING_KEY"], "RS256", headers={"kid": kid})

        return foreign_token

    def test_a_token_that_a_published_key_signed_is_accepted(self, app, foreign_token):
        app.access = foreign_token("today")

        assert app.get("/stateless").status_code == 200

    def test_a_token_that_names_no_published_key_is_refused(self, app, foreign_token):
        app.access = foreign_token("tomorrow")

        assert refusal(app.get("/stateless")) == (401, "token_invalid")

    def test_a_new_key_of_that_host_is_fetched_when_a_token_names_it(self, app, foreign_token, key_pairs, monkeypatch):
        first, second = (public_jwk("RS256", public_key(key_pairs[name])) for name in ("RS256", "another RS256"))
        monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda client: {"keys": [first]})
        app.access = foreign_token(first["kid"])
        assert app.get("/stateless").status_code == 200

        monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda client: {"keys": [second]})
        # PyJWT 2.15 fetches for an unknown name at most once in 30 seconds, by a clock that the tests do not stop.
        later = SimpleNamespace(monotonic=lambda: monotonic() + 31)
        monkeypatch.setattr("jwt.jwks_client.time", later, raising=False)
        app.access = foreign_token(second["kid"], key_pairs["another RS256"])

        assert app.get("/stateless").status_code == 200

    @pytest.mark.parametrize("answer", [{"keys": []}, {"keys": [{"kty": "EC"}]}, {}, []])
    def test_a_host_that_publishes_no_key_makes_every_token_unknown(self, app, foreign_token, monkeypatch, answer):
        """Not a 500: public views go on."""
        monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda client: answer)
        app.access = foreign_token("today")

        assert refusal(app.get("/stateless")) == (401, "token_invalid")

    @pytest.mark.parametrize("garbage", ["garbage", "a.b.c", "W1tb.e30.e30"])
    def test_garbage_is_refused_before_a_key_can_be_looked_for(self, app, foreign_token, garbage):
        app.access = garbage

        assert refusal(app.get("/stateless")) == (401, "token_invalid")


class TestKeysFromAServerThatIsAway:
    """It is no fault of a token that nobody can tell now whether it is good."""

    @pytest.fixture
    def away(self, monkeypatch):
        def fail(client):
            raise jwt.PyJWKClientConnectionError("Name or service not known")

        monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", fail)

    @pytest.fixture
    def issuer(self, settings, key_pairs):
        """It signs, so it knows its own key."""
        settings.SIMPLE_JWT = {"ALGORITHM": "RS256", **key_pairs["RS256"], "JWK_URL": "https://keys.example.com/"}

    @pytest.fixture
    def foreign_token(self, app, key_pairs):
        return signed(claims_of(app.access), key_pairs["another RS256"]["SIGNING_KEY"], "RS256", headers={"kid": "x"})

    @pytest.mark.usefixtures("away", "issuer")
    def test_who_signs_asks_nobody_for_the_own_key(self, signed_in):
        assert signed_in.get("/private").status_code == 200
        assert signed_in.post("/auth/refresh").status_code == 200
        assert signed_in.post("/auth/logout").status_code == 200

    @pytest.fixture
    def signed_in(self, settings, issuer, browser, account):
        settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie"}
        browser.sign_in(account)
        return browser

    @pytest.mark.usefixtures("away")
    def test_a_token_of_another_key_may_be_good_in_a_moment(self, app, foreign_token, settings):
        settings.SIMPLE_JWT = {"ALGORITHM": "RS256", "JWK_URL": "https://keys.example.com/"}
        app.access = foreign_token

        response = app.get("/stateless")

        assert (response.status_code, response.json()["code"]) == (503, "try_again")

    @pytest.mark.usefixtures("away")
    def test_a_cookie_of_another_key_keeps_nobody_from_signing_in(self, app, foreign_token, signed_in, account):
        signed_in.cookies["access_token"] = foreign_token

        assert signed_in.sign_in(account).status_code == 200


class TestKeysForOthers:
    """The key pair that signs, as a JWK Set for services with a ``JWK_URL``."""

    @pytest.fixture(params=["RS256", "ES256", "EdDSA"])
    def key_pair(self, request, settings, key_pairs) -> dict[str, str]:
        pairs = {**key_pairs, "EdDSA": pem(ed25519.Ed25519PrivateKey.generate())}
        settings.FASTAUTH = {}
        settings.SIMPLE_JWT = {"ALGORITHM": request.param, **pairs[request.param]}
        return settings.SIMPLE_JWT

    def test_a_service_that_fetches_it_accepts_our_tokens(self, settings, native_app, account, key_pair, monkeypatch):
        native_app.sign_in(account)
        published = json.loads(json.dumps(jwk_set()))
        monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda client: published)

        settings.SIMPLE_JWT = {"ALGORITHM": key_pair["ALGORITHM"], "JWK_URL": "https://keys.example.com/jwks.json"}

        assert native_app.get("/stateless").status_code == 200

    def test_both_tokens_name_it(self, native_app, account, key_pair):
        native_app.sign_in(account)

        (published,) = jwk_set()["keys"]

        for token in (native_app.access, native_app.refresh_token):
            assert jwt.get_unverified_header(token)["kid"] == published["kid"]

    def test_nothing_in_it_is_secret(self, key_pair):
        (published,) = jwk_set()["keys"]

        assert set(published) <= {"kty", "n", "e", "crv", "x", "y", "use", "alg", "kid"}
        assert not jwt.PyJWK(published).key.__class__.__name__.endswith("PrivateKey")

    def test_another_key_has_another_name(self, settings, key_pair, key_pairs):
        first = jwk_set()["keys"][0]["kid"]

        settings.SIMPLE_JWT = {"ALGORITHM": "ES256", **pem(ec.generate_private_key(ec.SECP256R1()))}

        assert jwk_set()["keys"][0]["kid"] != first

    def test_audience_and_issuer_are_written_as_ever(self, settings, native_app, account, key_pair):
        settings.SIMPLE_JWT = {**key_pair, **PARTIES}
        native_app.sign_in(account)

        claims = claims_of(native_app.access)

        assert (claims["aud"], claims["iss"]) == (PARTIES["AUDIENCE"], PARTIES["ISSUER"])
        assert native_app.get("/private").status_code == 200

    def test_a_shared_secret_is_never_published(self, native_app, account, settings):
        settings.FASTAUTH = {}
        native_app.sign_in(account)

        with pytest.raises(ImproperlyConfigured, match="key pair"):
            jwk_set()
        assert "kid" not in jwt.get_unverified_header(native_app.access)


def test_a_key_is_named_by_its_thumbprint():
    """The example of RFC 7638, section 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw"
    )
    key = jwt.PyJWK({"kty": "RSA", "n": modulus, "e": "AQAB"}, "RS256").key

    assert public_jwk("RS256", key)["kid"] == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


# --- Audience and issuer -------------------------------------------------------------------------------------------

PARTIES = {"AUDIENCE": "shop", "ISSUER": "https://auth.example.com"}


def test_audience_and_issuer_are_simplejwts(settings, native_app, account):
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = PARTIES
    native_app.sign_in(account)

    claims = claims_of(native_app.access)

    assert (claims["aud"], claims["iss"]) == ("shop", "https://auth.example.com")
    assert native_app.get("/private").status_code == 200
    assert native_app.refresh().status_code == 200


@pytest.mark.parametrize(
    "parties",
    [
        {**PARTIES, "AUDIENCE": "admin"},
        {**PARTIES, "AUDIENCE": None},
        {**PARTIES, "ISSUER": "https://evil.example.com"},
        {**PARTIES, "ISSUER": None},
    ],
    ids=["another audience", "no audience", "another issuer", "no issuer"],
)
def test_a_token_for_another_audience_or_of_another_issuer_is_refused(settings, native_app, account, parties):
    settings.FASTAUTH = {}
    settings.SIMPLE_JWT = parties
    native_app.sign_in(account)

    settings.SIMPLE_JWT = PARTIES

    assert refusal(native_app.get("/private")) == (401, "token_invalid")
    assert refusal(native_app.refresh()) == (401, "token_invalid")


def test_an_audience_that_nobody_asked_for_is_ignored(app):
    app.access = changed(app.access, {"aud": "shop"})

    assert app.get("/private").status_code == 200


# --- TOKEN_CLAIMS --------------------------------------------------------------------------------------------------


def add_tenant(user, claims):
    return {**claims, "tenant": f"tenant of {user.get_username()}"}


def seize_everything(user, claims):
    return {
        "sid": uuid4().hex,
        "exp": claims["exp"] + 10**6,
        "iat": 0,
        "user_id": "1",
        "token_type": "session_refresh",
        "jti": "mine",
        "tenant": "evil",
    }


def change_in_place(user, claims):
    claims.clear()
    return claims


def return_nothing(user, claims):
    claims["tenant"] = "lost"


def test_the_hook_adds_claims_to_access_tokens(settings, native_app, account):
    settings.FASTAUTH = {"TOKEN_CLAIMS": "tests.test_tokens.add_tenant"}
    native_app.sign_in(account)

    assert claims_of(native_app.access)["tenant"] == f"tenant of {account.user.get_username()}"


def test_the_hook_runs_at_each_refresh(settings, app):
    settings.FASTAUTH = {"TOKEN_CLAIMS": add_tenant}
    app.refresh()

    assert "tenant" in claims_of(app.access)


def test_the_hook_leaves_refresh_tokens_alone(settings, native_app, account):
    settings.FASTAUTH = {"TOKEN_CLAIMS": add_tenant}
    native_app.sign_in(account)

    assert "tenant" not in claims_of(native_app.refresh_token)


@pytest.mark.parametrize("hook", [seize_everything, change_in_place])
def test_the_hook_cannot_change_what_this_app_relies_on(clock, settings, native_app, account, hook):
    settings.FASTAUTH = {"TOKEN_CLAIMS": hook}
    native_app.sign_in(account)
    session = AuthSession.objects.get()

    claims = claims_of(native_app.access)

    assert (claims["sid"], claims["user_id"], claims["token_type"]) == (session.pk.hex, str(account.user.pk), "access")
    assert claims["iat"] == int(session.created_at.timestamp())
    assert claims["exp"] == claims["iat"] + 900
    assert len(claims["jti"]) == 32
    assert native_app.get("/private").status_code == 200


def test_a_hook_that_returns_nothing_is_a_configuration_error(settings, session):
    settings.FASTAUTH = {"TOKEN_CLAIMS": return_nothing}

    with pytest.raises(ImproperlyConfigured, match="must return a dict"):
        AccessToken.for_session(session, session.created_at)


# --- Plain simplejwt tokens ----------------------------------------------------------------------------------------


def test_a_plain_access_token_is_refused(native_app, account):
    native_app.access = str(PlainAccessToken.for_user(account.user))

    assert refusal(native_app.get("/private")) == (401, "token_invalid")


@pytest.mark.django_db
def test_a_copy_of_a_token_holds_no_row_of_the_database(signed_in, account):
    """A project may put ``request.auth`` into a cache or a task queue."""
    token = AccessToken.read(signed_in.cookie(ACCESS))
    CookieJWTAuthentication().get_user(token)
    assert token.session is not None

    copied = pickle.loads(pickle.dumps(token))  # noqa: S301

    assert copied.session is None
    assert copied.payload == token.payload
    assert account.user.password not in str(vars(copied))
