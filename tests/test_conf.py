"""The FASTAUTH setting: its defaults, its types, and where each value comes from."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from fastauth_django import serializers
from fastauth_django.conf import FormerCookie, Settings, conf

DEFAULTS = {
    "TOKEN_DELIVERY": "json",
    "COOKIE_NAME_ACCESS": "access_token",
    "COOKIE_NAME_REFRESH": "refresh_token",
    "COOKIE_NAME_DEVICE": "device_token",
    "COOKIE_SECURE": True,
    "COOKIE_HTTPONLY": True,
    "COOKIE_SAMESITE": "lax",
    "COOKIE_DOMAIN": None,
    "CORS_ORIGINS": (),
    "DEBUG": False,
    "ACCESS_TOKEN_TTL": timedelta(minutes=15),
    "REFRESH_TOKEN_TTL": timedelta(days=30),
    "REMEMBER_ME_TTL": timedelta(days=90),
    "SESSION_MAX_AGE": None,
    "COOKIE_PATH_ACCESS": "/",
    "COOKIE_PATH_REFRESH": "/",
    "COOKIE_PARTITIONED": False,
    "CSRF_PROTECTION": "origin",
    "REFRESH_GRACE": 10,
    "DEVICE_BINDING": None,
    "BOUND_ACCESS_TOKEN_TTL": timedelta(minutes=5),
    "MAX_SESSIONS_PER_USER": None,
    "ACCEPT_TOKENS_WITHOUT_SESSION": False,
    "COOKIE_FORMER": (),
    "SIGN_UP_ENABLED": True,
    "SIGN_UP_LIMIT": 20,
    "LOGIN_FAILURE_LIMIT": 5,
    "LOGIN_FAILURE_WINDOW": timedelta(minutes=5),
    "LOGIN_SERIALIZER": serializers.LoginSerializer,
    "REGISTER_SERIALIZER": serializers.RegisterSerializer,
    "USER_SERIALIZER": serializers.UserSerializer,
    "TOKEN_CLAIMS": None,
}


def shape_claims(user, claims):
    return claims


@pytest.fixture
def bare_settings(settings):
    """A project that names neither FASTAUTH nor SIMPLE_JWT."""
    del settings.FASTAUTH
    return settings


@pytest.mark.parametrize("key", DEFAULTS)
def test_default(bare_settings, key):
    assert getattr(conf, key) == DEFAULTS[key]


def test_every_setting_has_a_default_in_the_table():
    assert list(Settings.declared()) == list(DEFAULTS)


def test_value_follows_the_setting_there_and_back():
    before = conf.REFRESH_GRACE
    with override_settings(FASTAUTH={"REFRESH_GRACE": 3}):
        inside = conf.REFRESH_GRACE
        with override_settings(FASTAUTH={}):
            default = conf.REFRESH_GRACE

    assert (before, inside, default, conf.REFRESH_GRACE) == (10, 3, 10, 10)


def test_value_follows_what_is_changed_within_the_setting(settings, monkeypatch):
    settings.FASTAUTH = {"REFRESH_GRACE": 3, "CORS_ORIGINS": ["https://one.example"]}
    assert (conf.REFRESH_GRACE, conf.CORS_ORIGINS) == (3, ("https://one.example",))

    monkeypatch.setitem(settings.FASTAUTH, "REFRESH_GRACE", 4)
    settings.FASTAUTH["CORS_ORIGINS"].append("https://two.example")

    assert conf.REFRESH_GRACE == 4
    assert conf.CORS_ORIGINS == ("https://one.example", "https://two.example")


def test_debug_follows_django(bare_settings):
    bare_settings.DEBUG = True

    assert conf.DEBUG is True


@pytest.mark.parametrize(
    ("fastauth", "secure"),
    [({"DEBUG": True}, False), ({"DEBUG": True, "COOKIE_SECURE": True}, True), ({"COOKIE_SECURE": False}, False)],
    ids=["debug", "said in so many words, with debug", "said in so many words"],
)
def test_cookies_are_secure_unless_debug_is_on(settings, fastauth, secure):
    settings.FASTAUTH = fastauth

    assert conf.COOKIE_SECURE is secure


def test_debug_of_this_app_overrides_djangos(settings):
    settings.DEBUG = True
    settings.FASTAUTH = {"DEBUG": False}

    assert conf.COOKIE_SECURE is True


@pytest.mark.parametrize("samesite", ["none", "None", "NONE"])
def test_cross_site_cookies_are_partitioned(settings, samesite):
    settings.FASTAUTH = {"COOKIE_SAMESITE": samesite}

    assert conf.COOKIE_PARTITIONED is True


def test_partitioned_can_be_switched_off_for_cross_site_cookies(settings):
    settings.FASTAUTH = {"COOKIE_SAMESITE": "none", "COOKIE_PARTITIONED": False}

    assert conf.COOKIE_PARTITIONED is False


@pytest.mark.parametrize("written", ["lax", "Lax", "STRICT", "None"])
def test_samesite_is_read_in_any_case(settings, written):
    settings.FASTAUTH = {"COOKIE_SAMESITE": written}

    assert written.lower() == conf.COOKIE_SAMESITE


@pytest.mark.parametrize(
    ("key", "simplejwt_key"),
    [("ACCESS_TOKEN_TTL", "ACCESS_TOKEN_LIFETIME"), ("REFRESH_TOKEN_TTL", "REFRESH_TOKEN_LIFETIME")],
)
class TestLifetimes:
    def test_a_lifetime_that_only_simplejwt_names_counts(self, bare_settings, key, simplejwt_key):
        bare_settings.SIMPLE_JWT = {simplejwt_key: timedelta(minutes=7)}

        assert getattr(conf, key) == timedelta(minutes=7)

    def test_a_lifetime_of_this_app_wins_over_simplejwts(self, settings, key, simplejwt_key):
        settings.SIMPLE_JWT = {simplejwt_key: timedelta(minutes=7)}
        settings.FASTAUTH = {key: timedelta(minutes=8)}

        assert getattr(conf, key) == timedelta(minutes=8)

    def test_a_simplejwt_setting_without_lifetimes_leaves_the_defaults(self, bare_settings, key, simplejwt_key):
        bare_settings.SIMPLE_JWT = {"ALGORITHM": "HS384"}

        assert getattr(conf, key) == DEFAULTS[key]

    def test_an_empty_simplejwt_setting_leaves_the_defaults(self, bare_settings, key, simplejwt_key):
        bare_settings.SIMPLE_JWT = None

        assert getattr(conf, key) == DEFAULTS[key]


def test_a_lifetime_may_be_written_in_seconds(settings):
    settings.FASTAUTH = {"ACCESS_TOKEN_TTL": 300}

    assert timedelta(minutes=5) == conf.ACCESS_TOKEN_TTL


def test_values_follow_override_settings():
    with override_settings(FASTAUTH={"REFRESH_GRACE": 3}):
        inside = conf.REFRESH_GRACE

    assert (inside, conf.REFRESH_GRACE) == (3, 10)


@pytest.mark.parametrize("serializer", ["tests.test_conf.shape_claims", shape_claims], ids=["path", "object"])
def test_a_dotted_path_or_the_object_itself_is_accepted(settings, serializer):
    settings.FASTAUTH = {"TOKEN_CLAIMS": serializer}

    assert conf.TOKEN_CLAIMS is shape_claims


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_origins_may_be_any_collection(settings, kind):
    settings.FASTAUTH = {"CORS_ORIGINS": kind(["https://app.example.com"])}

    assert conf.CORS_ORIGINS == ("https://app.example.com",)


def test_an_origin_may_be_a_compiled_pattern(settings):
    pattern = re.compile(r"https://pr-\d+\.example\.com")
    settings.FASTAUTH = {"CORS_ORIGINS": {pattern, "https://app.example.com"}}

    assert set(conf.CORS_ORIGINS) == {pattern, "https://app.example.com"}


def test_a_former_cookie_needs_no_more_than_its_name(settings):
    settings.FASTAUTH = {"COOKIE_FORMER": [{"name": "jwt"}]}

    (former,) = conf.COOKIE_FORMER
    assert former == FormerCookie(name="jwt", path="/", domain=None, partitioned=None)


def test_a_former_cookie_is_read_whole(settings):
    settings.FASTAUTH = {
        "COOKIE_FORMER": ({"name": "jwt", "path": "/api", "domain": "example.com", "partitioned": True},)
    }

    (former,) = conf.COOKIE_FORMER
    assert former == FormerCookie(name="jwt", path="/api", domain="example.com", partitioned=True)


@pytest.mark.parametrize("value", [0, 60], ids=["strict", "longest"])
def test_the_grace_may_be_at_either_end_of_its_range(settings, value):
    settings.FASTAUTH = {"REFRESH_GRACE": value}

    assert value == conf.REFRESH_GRACE


WRONG = [
    ("TOKEN_DELIVERY", "cookies"),
    ("TOKEN_DELIVERY", "Cookie"),
    ("TOKEN_DELIVERY", None),
    ("COOKIE_NAME_ACCESS", None),
    ("COOKIE_NAME_REFRESH", b"refresh_token"),
    ("COOKIE_NAME_DEVICE", None),
    ("COOKIE_SECURE", "False"),
    ("COOKIE_SECURE", 0),
    ("COOKIE_HTTPONLY", None),
    ("COOKIE_SAMESITE", None),
    ("COOKIE_SAMESITE", "off"),
    ("COOKIE_DOMAIN", False),
    ("CORS_ORIGINS", "https://app.example.com"),
    ("CORS_ORIGINS", [None]),
    ("CORS_ORIGINS", None),
    ("CORS_ORIGINS", re.compile("https://.*")),
    ("CORS_ORIGINS", [re.compile(b"https://.*")]),
    ("DEBUG", 1),
    ("ACCESS_TOKEN_TTL", "15m"),
    ("ACCESS_TOKEN_TTL", True),
    ("ACCESS_TOKEN_TTL", 1.5),
    ("ACCESS_TOKEN_TTL", None),
    ("REFRESH_TOKEN_TTL", 10**30),
    ("REMEMBER_ME_TTL", []),
    ("SESSION_MAX_AGE", "1 year"),
    ("COOKIE_PATH_ACCESS", None),
    ("COOKIE_PATH_REFRESH", 1),
    ("COOKIE_PARTITIONED", "yes"),
    ("CSRF_PROTECTION", "none"),
    ("CSRF_PROTECTION", False),
    ("REFRESH_GRACE", -1),
    ("REFRESH_GRACE", 61),
    ("REFRESH_GRACE", True),
    ("REFRESH_GRACE", timedelta(seconds=10)),
    ("REFRESH_GRACE", None),
    ("DEVICE_BINDING", "always"),
    ("DEVICE_BINDING", True),
    ("BOUND_ACCESS_TOKEN_TTL", None),
    ("MAX_SESSIONS_PER_USER", 0),
    ("MAX_SESSIONS_PER_USER", "5"),
    ("ACCEPT_TOKENS_WITHOUT_SESSION", "yes"),
    ("COOKIE_FORMER", {"name": "jwt"}),
    ("COOKIE_FORMER", ["jwt"]),
    ("COOKIE_FORMER", [{}]),
    ("COOKIE_FORMER", [{"name": None}]),
    ("COOKIE_FORMER", [{"name": "jwt", "samesite": "lax"}]),
    ("COOKIE_FORMER", [{"name": "jwt", "path": None}]),
    ("COOKIE_FORMER", [{"name": "jwt", "domain": 1}]),
    ("COOKIE_FORMER", [{"name": "jwt", "partitioned": "no"}]),
    ("COOKIE_FORMER", [{"name": "jwt", "token": "device"}]),
    ("COOKIE_FORMER", [{"name": "jwt", "token": "refresh", "read_until": "2026-06-01"}]),
    ("COOKIE_FORMER", [{"name": "jwt", "read_until": date(2026, 6, 1)}]),
    ("COOKIE_FORMER", [{"name": "jwt", "token": "refresh", "read_until": datetime(2026, 6, 1, tzinfo=UTC)}]),
    ("SIGN_UP_ENABLED", None),
    ("SIGN_UP_LIMIT", 0),
    ("SIGN_UP_LIMIT", "20"),
    ("LOGIN_FAILURE_LIMIT", 0),
    ("LOGIN_FAILURE_WINDOW", -1.0),
    ("LOGIN_SERIALIZER", None),
    ("LOGIN_SERIALIZER", "fastauth_django.serializers.LogginSerializer"),
    ("REGISTER_SERIALIZER", "no_such_package.Serializer"),
    ("USER_SERIALIZER", "UserSerializer"),
    ("TOKEN_CLAIMS", 5),
]


@pytest.mark.parametrize(("key", "value"), WRONG, ids=[f"{key}={value!r}" for key, value in WRONG])
def test_a_wrong_value_is_refused_when_it_is_used(settings, key, value):
    settings.FASTAUTH = {key: value}

    with pytest.raises(ImproperlyConfigured, match=rf"FASTAUTH\['{key}'\] must be"):
        getattr(conf, key)


def test_a_wrong_value_hurts_nothing_that_does_not_use_it(settings):
    settings.FASTAUTH = {"REFRESH_GRACE": "ten", "COOKIE_NAME_ACCESS": "a"}

    assert conf.COOKIE_NAME_ACCESS == "a"


def test_the_message_says_what_was_expected_and_what_was_found(settings):
    settings.FASTAUTH = {"REFRESH_GRACE": 90}

    with pytest.raises(ImproperlyConfigured, match=r"must be whole seconds from 0 to 60, not 90\."):
        _ = conf.REFRESH_GRACE


@pytest.mark.parametrize("value", [None, [], "cookie"])
def test_a_setting_that_is_no_dict_is_refused(settings, value):
    settings.FASTAUTH = value

    with pytest.raises(ImproperlyConfigured, match=f"FASTAUTH must be a dict, not {type(value).__name__}"):
        _ = conf.TOKEN_DELIVERY


@pytest.mark.parametrize(
    ("key", "default_text"),
    [("COOKIE_NAME_ACCESS", "'access_token'"), ("REFRESH_GRACE", "10"), ("COOKIE_SECURE", "not DEBUG")],
)
def test_the_reference_can_show_a_default_that_is_a_value_or_a_rule(key, default_text):
    assert getattr(Settings, key).default_text == default_text
