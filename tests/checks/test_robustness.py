"""Whatever the settings are, a check answers with messages: it never raises, and never hides another's."""

import re
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from fastauth_django import checks
from fastauth_django.checks import cors, csrf, lifetimes
from fastauth_django.conf import Settings
from tests.checks.cases import APP, PRIVATE, cache, in_production, simple_jwt
from tests.checks.running import fastauth, found, ids, without

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.binary(max_size=10),
    st.timedeltas(),
    st.sampled_from(
        ["cookie", "json", "none", "token", "origin", "__Host-a", "/auth", "http://a", "*", "a.b.c", ".", ".."]
    ),
    st.builds(object),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.lists(st.dictionaries(st.sampled_from(["name", "path", "domain", "partitioned"]), SCALARS), max_size=2),
    st.dictionaries(st.text(max_size=5), SCALARS, max_size=2),
)
KEYS = st.one_of(
    st.sampled_from(list(Settings.declared())), st.text(max_size=20), SCALARS.filter(lambda key: key == key)
)
GARBAGE = {
    "None": None,
    "True": True,
    "int": 5,
    "float": -1.5,
    "str": "x",
    "bytes": b"x",
    "empty list": [],
    "list of None": [None],
    "list of int": [5],
    "empty dict": {},
    "dict": {"default": 5},
    "object": object(),
}
READ = [
    "ALLOWED_HOSTS",
    "CORS_ALLOWED_ORIGINS",
    "CORS_ALLOWED_ORIGIN_REGEXES",
    "CORS_ALLOW_ALL_ORIGINS",
    "CORS_ALLOW_CREDENTIALS",
    "CORS_URLS_REGEX",
    "CSRF_COOKIE_HTTPONLY",
    "CSRF_COOKIE_NAME",
    "CSRF_COOKIE_SAMESITE",
    "CSRF_COOKIE_SECURE",
    "CSRF_TRUSTED_ORIGINS",
    "CSRF_USE_SESSIONS",
    "DEBUG",
    "FASTAUTH",
    "FORCE_SCRIPT_NAME",
    "LANGUAGE_COOKIE_NAME",
    "MIDDLEWARE",
    "REST_FRAMEWORK",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SECURE_PROXY_SSL_HEADER",
    "SESSION_COOKIE_NAME",
    "USE_X_FORWARDED_HOST",
]
SIMPLE_JWT_KEYS = [
    "ACCESS_TOKEN_LIFETIME",
    "ALGORITHM",
    "AUDIENCE",
    "ISSUER",
    "JSON_ENCODER",
    "JTI_CLAIM",
    "JWK_URL",
    "LEEWAY",
    "REFRESH_TOKEN_LIFETIME",
    "ROTATE_REFRESH_TOKENS",
    "SIGNING_KEY",
    "TOKEN_TYPE_CLAIM",
    "USER_ID_CLAIM",
    "USER_ID_FIELD",
    "VERIFYING_KEY",
]


#: The same examples in every run, however slow the machine.
same_every_time = settings(derandomize=True, deadline=None, max_examples=200)


@same_every_time
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_no_content_of_fastauth_makes_a_check_raise(user_settings):
    assert "W024" not in ids({"FASTAUTH": user_settings})


@same_every_time
@given(VALUES)
def test_no_other_value_of_fastauth_makes_a_check_raise(value):
    assert "W024" not in ids({"FASTAUTH": value})


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("name", READ)
def test_no_value_of_another_setting_makes_a_check_raise(name, value):
    found({"CSRF_TRUSTED_ORIGINS": [APP], **fastauth(CORS_ORIGINS=[APP], CSRF_PROTECTION="token"), name: value})


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("key", SIMPLE_JWT_KEYS)
def test_no_value_in_simple_jwt_makes_a_check_raise(key, value):
    found(simple_jwt(**{key: value}))


@pytest.mark.parametrize("value", [5, b"x", object()], ids=["int", "bytes", "object"])
def test_simple_jwt_that_simplejwt_itself_cannot_read_is_told(value, monkeypatch):
    monkeypatch.setattr(django_settings, "SIMPLE_JWT", value, raising=False)
    assert ids({}) == ["E014"]


@pytest.mark.parametrize("backend", [5, None, "", "x"])
def test_cache_backend_that_cannot_be_loaded_is_told(backend):
    assert ids(cache(backend)) == ["W022"]


@pytest.mark.parametrize("pattern", ["(", 5, b"https://.*"], ids=repr)
def test_regex_that_does_not_compile_is_left_to_django_cors_headers(pattern):
    assert "W024" not in ids({"CORS_ALLOWED_ORIGIN_REGEXES": [pattern]})


@pytest.mark.parametrize(
    "pattern",
    ["((((", r"https://(?!a)\w+\.example\.com", "https://[a|b]\\.example\\.com", "(a|b)" * 40, "a{99999999}", "", "\\"],
)
def test_pattern_that_is_too_clever_for_the_checks_is_not_guessed_at(pattern):
    listed = {"CORS_ALLOWED_ORIGIN_REGEXES": [f"^{pattern}$"], "CORS_URLS_REGEX": f"(?={pattern})|"}

    assert ids({**listed, **fastauth(CORS_ORIGINS=["https://app.example.com"])}) == []


def test_lifetimes_beyond_every_date_do_not_make_a_check_raise():
    assert ids(fastauth(**dict.fromkeys(lifetimes.LIFETIMES, timedelta.max))) == ["E004"]


def test_pattern_among_origins_is_left_to_django_cors_headers():
    assert found({"CORS_ALLOWED_ORIGINS": [re.compile("https://.*")]}) == []


def test_project_without_a_urlconf_is_not_told_that_urls_are_missing():
    with override_settings():
        del django_settings.ROOT_URLCONF
        assert found({}) == []


@pytest.mark.parametrize("urlconf", ["tests.checks.raises_at_import", "tests.checks.missing", None])
def test_urlconf_that_cannot_be_loaded_is_left_to_django(urlconf):
    assert found({"ROOT_URLCONF": urlconf}) == []
    assert found({"ROOT_URLCONF": urlconf, **fastauth(DEVICE_BINDING="optional")}) == []


def test_rule_that_raises_is_told_and_the_others_are_still_followed(monkeypatch):
    def fails():
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(csrf, "faults", fails)
    messages = found(fastauth(COOKIE_HTTPONLY=False, CORS_ORIGINS=["*"]))
    assert [message.id for message in messages] == [f"fastauth_django.{number}" for number in ("E023", "W001", "W024")]
    assert "ZeroDivisionError: oops" in messages[-1].msg


def test_what_a_rule_said_before_it_raised_is_kept(monkeypatch):
    def half():
        yield checks.REFERENCE["fastauth_django.W006"]()
        raise ZeroDivisionError

    monkeypatch.setattr(csrf, "faults", half)
    assert ids({}) == ["W006", "W024"]


def test_error_that_two_rules_meet_is_told_once(monkeypatch):
    def fails():
        raise ZeroDivisionError

    monkeypatch.setattr(csrf, "faults", fails)
    monkeypatch.setattr(cors, "faults", fails)
    assert len(found({})) == 1


@pytest.mark.parametrize(
    ("secret", "overrides"),
    [
        ("short-secret", {"SECRET_KEY": "short-secret"}),
        ("short-secret", simple_jwt(SIGNING_KEY="short-secret")),
        ("short-secret", {"SECRET_KEY_FALLBACKS": ["short-secret"]}),
        ("short-secret", {"SECRET_KEY_FALLBACKS": "short-secret"}),
        ("short-secret", simple_jwt(SIGNING_KEY=["short-secret"])),
        ("short-secret", simple_jwt(ALGORITHM="ES256", SIGNING_KEY="short-secret", VERIFYING_KEY="short-secret")),
        (PRIVATE.splitlines()[1], simple_jwt(ALGORITHM="RS256", SIGNING_KEY=PRIVATE, VERIFYING_KEY=PRIVATE)),
    ],
    ids=["SECRET_KEY", "SIGNING_KEY", "fallback", "fallbacks", "list", "ES256", "RS256"],
)
def test_no_message_shows_a_key(secret, overrides):
    with in_production():
        messages = found(overrides)
    assert messages
    assert all(secret not in f"{message.msg} {message.hint}" for message in messages)


def test_project_without_cryptography_may_use_shared_keys(monkeypatch):
    monkeypatch.setattr("jwt.algorithms.has_crypto", False)
    assert found({}) == []


def test_user_model_that_breaks_says_everything_that_it_lacks():
    from django.contrib.auth.base_user import AbstractBaseUser

    with without(AbstractBaseUser, "get_session_auth_hash"), without(AbstractBaseUser, "get_username"):
        [message] = found({})
    assert "no get_username and no get_session_auth_hash" in message.msg
