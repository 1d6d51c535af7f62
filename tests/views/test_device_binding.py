"""Sessions that are bound to a device: what a browser with the feature gets, and what it is good for."""

import json
import logging
import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.urls import include, path, resolve
from jwt import algorithms
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from fastauth_django import sign_in
from fastauth_django.cookies import CookieTooLarge
from fastauth_django.device_protocol import url_of
from fastauth_django.models import AuthSession
from fastauth_django.signals import device_proof_failed, session_revoked, token_refreshed
from tests.clients import ACCESS, REFRESH, Browser, NativeApp
from tests.devices import BIND, BY_ITSELF, DEVICE, RENEW, Device, bind, bind_on_sign_in, challenge_of_sign_in, renew
from tests.factories import PASSWORD, sign_up_data
from tests.reading import access_claims, clears_cookies, holds_token, is_alive, listening, sets_cookies
from tests.testapp.views import PrivateView

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("device_binding")]

REGISTRATION = "Secure-Session-Registration"


@pytest.fixture
def required(device_binding, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "DEVICE_BINDING": "required"}


@pytest.fixture
def pending(browser, offer):
    """A device whose binding no request has confirmed yet."""
    device = Device()
    assert device.bind(browser, offer).status_code == 200
    return device


def cookies_with(**keys):
    return {"TOKEN_DELIVERY": "cookie", **keys}


def row():
    return AuthSession.objects.get()


def device_sees(answer):
    return answer.status_code, answer.data["code"]


class TestTheOffer:
    def test_sign_in_asks_the_browser_for_a_key(self, offer):
        session = row()
        assert offer.headers[REGISTRATION].startswith(
            f'(ES256);path="/auth/device/bind";challenge="{session.pk.hex}:0:'
        )
        assert sets_cookies(offer)
        assert (session.device_key, session.device_bound_at) == ("", None)

    def test_sign_up_asks_too(self, browser):
        assert REGISTRATION in browser.post("/auth/register", sign_up_data(), format="json").headers

    def test_a_new_password_begins_a_session_and_asks_too(self, browser, device, clock):
        data = {"current_password": PASSWORD, "new_password": "another horse, battery 8"}
        answer = browser.post("/auth/account/change-password", data, format="json")
        assert answer.status_code == 200
        assert Device().bind(browser, answer).status_code == 200

    def test_sign_in_by_a_view_of_the_project_asks_too(self, rf, account):
        response = HttpResponse()
        sign_in(rf.get("/"), response, account.user)
        assert REGISTRATION in response.headers

    def test_no_other_answer_asks(self, browser, offer):
        answers = [browser.get("/auth/me"), browser.get("/auth/sessions"), browser.post("/auth/refresh")]
        assert [REGISTRATION in answer.headers for answer in answers] == [False] * 3

    def test_a_client_without_cookies_is_not_asked(self, account):
        app = NativeApp()
        answer = app.post("/app/login", account.credentials, format="json")
        assert REGISTRATION not in answer.headers
        assert row().device_key is None

    def test_no_challenge_names_a_session_that_the_browser_does_not_have_yet(self, browser, offer):
        """Chromium gives a registration up whose answer holds one."""
        assert "Secure-Session-Challenge" not in offer.headers
        answer = Device().bind(browser, offer)
        assert "Secure-Session-Challenge" not in answer.headers

    def test_without_cryptography_signing_in_says_what_is_missing(self, browser, account, monkeypatch):
        monkeypatch.setattr(algorithms, "has_crypto", False)
        with pytest.raises(ImproperlyConfigured, match=r"fastauth-django\[device-binding\]"):
            browser.sign_in(account)
        assert not AuthSession.objects.exists()

    @pytest.mark.parametrize(
        ("mount", "offered"),
        [
            (path("<slug:tenant>/auth/", include("fastauth_django.urls")), "/acme/auth/device/bind"),
            (path("auth/", include("fastauth_django.urls", namespace="people")), "/auth/device/bind"),
            (path("v1/", include(([path("in/", include("fastauth_django.urls"))], "api"))), "/v1/in/device/bind"),
        ],
    )
    def test_a_view_of_the_project_names_the_routes_and_lends_its_variables(self, settings, rf, mount, offered):
        shop = path("<slug:tenant>/", include(([path("join", PrivateView.as_view())], "shop")))
        help_pages = path("help/", include(([path("me", PrivateView.as_view())], "help")))
        settings.ROOT_URLCONF = (shop, mount, help_pages)
        request = rf.post("/acme/join")
        request.resolver_match = resolve("/acme/join")
        assert url_of("device-bind", request) == offered

    @pytest.mark.urls("tests.views.own_urls")
    def test_without_the_routes_signing_in_says_what_is_missing(self, browser, account):
        with pytest.raises(ImproperlyConfigured, match=r"fastauth_django\.urls"):
            browser.post("/own/login", account.credentials, format="json")
        assert not AuthSession.objects.exists()


class TestCookiesTooLargeToStore:
    """A browser would drop such a cookie without a word, and its session could not be renewed any more."""

    @pytest.fixture
    def too_large(self, settings):
        def configure():
            claims = lambda user, claims: {**claims, "big": "x" * 5000}  # noqa: E731
            settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": claims}

        return configure

    def test_binding_writes_nothing(self, browser, offer, too_large):
        too_large()
        with pytest.raises(CookieTooLarge, match="'access_token' would be"):
            Device().bind(browser, offer)
        assert row().device_key == ""

    def test_renewing_writes_nothing(self, browser, device, too_large):
        device.ask(browser)
        too_large()
        with pytest.raises(CookieTooLarge, match="'access_token' would be"):
            device.renew(browser)
        assert row().generation == 0


class TestSwitchedOff:
    @pytest.fixture(autouse=True)
    def _off(self, device_binding, settings):
        settings.FASTAUTH = cookies_with()

    def test_sign_in_asks_for_nothing(self, offer, django_assert_num_queries):
        assert REGISTRATION not in offer.headers
        assert row().device_key is None

    def test_binding_is_not_found_and_costs_no_query(self, browser, offer, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert bind(browser, Device().registration("x")).status_code == 404

    def test_a_session_that_is_not_bound_is_not_renewed(self, browser, offer):
        assert device_sees(renew(browser, row().pk.hex)) == (401, "device_proof_invalid")

    def test_queries_are_what_they_were(self, browser, account, django_assert_num_queries):
        with django_assert_num_queries(3):
            browser.sign_in(account)
        with django_assert_num_queries(1):
            browser.get("/auth/me")
        with django_assert_num_queries(2):
            browser.post("/auth/refresh")

    def test_sessions_bound_before_stay_bound(self, browser, account, settings):
        settings.FASTAUTH = cookies_with(DEVICE_BINDING="optional")
        device = bind_on_sign_in(browser, browser.sign_in(account))
        settings.FASTAUTH = cookies_with()
        assert device.renew(browser).status_code == 200
        assert browser.get("/auth/me").status_code == 200


class TestBinding:
    def test_gives_a_short_lived_access_cookie_and_instructions(self, browser, offer):
        answer = Device().bind(browser, offer)
        assert answer.status_code == 200
        assert answer.data == {
            "session_identifier": row().pk.hex,
            "refresh_url": "/auth/device/refresh",
            "scope": {"include_site": False},
            "credentials": [
                {"type": "cookie", "name": "access_token", "attributes": "HttpOnly; Path=/; SameSite=lax; Secure"}
            ],
        }
        assert answer.cookies[ACCESS]["max-age"] == 300
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not holds_token(answer)

    @pytest.mark.parametrize(
        "cookie",
        [
            {"COOKIE_SAMESITE": "strict", "COOKIE_NAME_ACCESS": "__Host-at"},
            {"COOKIE_DOMAIN": "example.com", "COOKIE_PATH_ACCESS": "/auth"},
            {"COOKIE_HTTPONLY": False, "COOKIE_SECURE": False},
        ],
    )
    def test_the_instructions_describe_the_cookie_that_is_set(self, browser, account, settings, cookie):
        settings.FASTAUTH = {**settings.FASTAUTH, **cookie}
        answer = Device().bind(browser, browser.sign_in(account))
        credential = answer.data["credentials"][0]
        morsel = answer.cookies[credential["name"]]
        morsel["max-age"] = ""
        assert morsel.OutputString() == f"{credential['name']}={morsel.value}; {credential['attributes']}"

    def test_trusted_origins_may_start_a_renewal(self, browser, account, settings):
        settings.FASTAUTH = {
            **settings.FASTAUTH,
            "CORS_ORIGINS": ["https://app.example.com:8443", re.compile("https://.")],
        }
        settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.org", "https://app.example.com"]
        answer = Device().bind(browser, browser.sign_in(account))
        assert answer.data["allowed_refresh_initiators"] == ["app.example.com", "*.example.org"]

    def test_takes_two_queries(self, browser, offer, django_assert_num_queries):
        with django_assert_num_queries(2):
            Device().bind(browser, offer)

    def test_is_confirmed_by_the_first_request_with_its_cookie(self, browser, pending, clock):
        assert not row().is_device_bound
        clock.shift(3)
        assert browser.get("/private").status_code == 200
        assert row().device_bound_at == row().created_at + timedelta(seconds=3)

    def test_confirming_takes_one_query_and_only_once(self, browser, pending, django_assert_num_queries):
        with django_assert_num_queries(4):  # the savepoint's two are no query of ours
            browser.get("/private")
        with django_assert_num_queries(1):
            browser.get("/private")

    def test_an_answer_that_is_lost_locks_nobody_out(self, browser, offer, clock):
        """The browser has the cookies of the sign-in, and asks no second time."""
        assert Device().bind(browser.clone(), offer).status_code == 200
        clock.shift(20)
        assert browser.get("/private").status_code == 200
        assert browser.post("/auth/refresh").status_code == 200
        assert browser.get("/private").status_code == 200
        assert not row().is_device_bound

    def test_until_it_is_confirmed_another_key_may_take_its_place(self, browser, offer, pending):
        second = Device()
        assert second.bind(browser.clone(), offer).status_code == 409  # the first one's cookie speaks for it
        assert row().is_device_bound

    def test_with_the_cookie_of_the_sign_in_another_key_takes_its_place(self, browser, offer):
        late = browser.clone()
        first, second = Device(), Device()
        assert first.bind(browser, offer).status_code == 200
        assert second.bind(late, offer).status_code == 200
        assert late.get("/private").status_code == 200
        assert second.renew(late).status_code == 200
        assert device_sees(first.renew(browser)) == (401, "device_proof_invalid")

    def test_afterwards_the_key_never_changes(self, browser, offer, device):
        key = row().device_key
        answer = bind(browser, Device().registration(challenge_of_sign_in(offer)))
        assert device_sees(answer) == (409, "device_already_bound")
        assert row().device_key == key

    def test_the_refresh_cookie_goes_when_it_is_confirmed(self, browser, pending):
        answer = browser.get("/auth/me")
        assert answer.status_code == 200
        assert answer.cookies[REFRESH]["max-age"] == 0
        assert set(browser.cookies) == {ACCESS, DEVICE}
        assert not browser.get("/auth/me").cookies

    def test_sign_up_can_be_bound_as_well(self, browser):
        answer = browser.post("/auth/register", sign_up_data(), format="json")
        bind_on_sign_in(browser, answer)
        assert row().is_device_bound

    def test_is_shown_in_the_list_of_sessions(self, browser, account, device):
        Browser().sign_in(account)
        listed = browser.get("/auth/sessions").data
        assert {session["current"]: session["device_bound"] for session in listed} == {True: True, False: False}

    def test_needs_the_access_cookie_of_that_session(self, browser, offer, other_account):
        thief = Browser()
        thief.sign_in(other_account)
        answer = bind(thief, Device().registration(challenge_of_sign_in(offer)))
        assert device_sees(answer) == (401, "token_invalid")
        assert not any(AuthSession.objects.values_list("device_key", flat=True))

    def test_does_not_take_the_token_from_the_header(self, browser, offer):
        headers = {"HTTP_AUTHORIZATION": f"Bearer {browser.cookie(ACCESS)}"}
        answer = Browser().post(
            BIND,
            HTTP_SECURE_SESSION_RESPONSE=Device().registration(challenge_of_sign_in(offer)),
            **BY_ITSELF,
            **headers,
        )
        assert device_sees(answer) == (401, "token_invalid")

    def test_finds_the_cookie_among_tossed_ones(self, browser, offer):
        jar = f"{ACCESS}=garbage; {ACCESS}={browser.cookie(ACCESS)}"
        proof = Device().registration(challenge_of_sign_in(offer))
        answer = bind(Browser(), proof, HTTP_COOKIE=jar)
        assert answer.status_code == 200

    @pytest.mark.parametrize("seconds", [60, 61])
    def test_the_challenge_is_good_for_a_minute(self, browser, offer, clock, seconds):
        clock.shift(seconds)
        answer = Device().bind(browser, offer)
        assert answer.status_code == (200 if seconds == 60 else 401)

    def test_a_page_of_another_origin_may_not_bind(self, browser, offer):
        proof = Device().registration(challenge_of_sign_in(offer))
        answer = bind(browser, proof, HTTP_ORIGIN="https://evil.test")
        assert device_sees(answer) == (403, "csrf_failed")
        assert row().device_key == ""

    def test_needs_no_csrf_token(self, browser, account, settings):
        """The browser calls by itself, and has none."""
        settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": "token"}
        browser = Browser(enforce_csrf_checks=True)
        device = Device()
        assert device.bind(browser, browser.sign_in(account)).status_code == 200
        assert device.renew(browser).status_code == 200

    def test_no_throttle_of_the_project_counts_it_nor_a_renewal(self, browser, offer, monkeypatch):
        class NobodyMay(BaseThrottle):
            def allow_request(self, request, view):
                return False

        monkeypatch.setattr(APIView, "throttle_classes", [NobodyMay])
        device = Device()
        assert device.bind(browser, offer).status_code == 200
        assert device.renew(browser).status_code == 200

    def test_of_a_session_that_was_refreshed_meanwhile_is_refused(self, browser, offer):
        browser.post("/auth/refresh")
        assert device_sees(Device().bind(browser, offer)) == (401, "device_proof_invalid")

    def test_of_a_session_that_was_signed_out_meanwhile_is_refused(self, browser, offer):
        jar = browser.clone()
        browser.post("/auth/logout")
        assert device_sees(Device().bind(jar, offer)) == (401, "session_revoked")

    def test_lets_a_refresh_that_is_on_its_way_arrive(self, browser, offer):
        """Binding answers with a new access cookie; the other tab's answer may be the later one."""
        tab = browser.clone()
        device = Device()
        device.bind(browser, offer)
        with listening(device_proof_failed) as heard:
            assert tab.post("/auth/refresh").status_code == 200
        assert heard == []
        assert browser.get("/private").status_code == 200
        assert device.renew(browser).status_code == 200

    def test_a_refresh_with_its_cookie_confirms_it_and_is_left_to_the_browser(self, browser, pending):
        """A client may refresh before it asks for anything. Its answer would replace the cookie of the device."""
        bound_cookie = browser.cookie(ACCESS)
        with listening(device_proof_failed) as heard:
            assert device_sees(browser.post("/auth/refresh")) == (401, "device_proof_required")
        assert heard == []
        assert row().is_device_bound
        assert row().generation == 0
        assert browser.cookie(ACCESS) == bound_cookie
        assert set(browser.cookies) == {ACCESS, DEVICE}

    def test_a_forged_refresh_confirms_nothing(self, browser, pending):
        assert browser.post("/auth/refresh", HTTP_ORIGIN="https://evil.test").status_code == 403
        assert not row().is_device_bound

    def test_a_renewal_confirms_it_too(self, browser, pending):
        """The page asked for nothing before the cookie ran out."""
        assert pending.renew(browser).status_code == 200
        assert row().is_device_bound
        assert set(browser.cookies) == {ACCESS, DEVICE}


class TestRenewing:
    def test_first_gets_a_challenge(self, browser, device):
        browser.cookies.clear()
        answer = device.ask(browser)
        assert device_sees(answer) == (403, "device_challenge")
        session = row()
        challenge = answer.headers["Secure-Session-Challenge"]
        assert challenge.startswith(f'"{session.pk.hex}:0:')
        assert challenge.endswith(f';id="{session.pk.hex}"')
        assert not answer.cookies

    def test_with_the_challenge_signed_gets_a_new_access_cookie(self, browser, device, clock):
        before = browser.cookie(ACCESS)
        del browser.cookies[ACCESS]
        answer = device.renew(browser)
        assert answer.status_code == 200
        assert answer.cookies[ACCESS].value not in {"", before}
        assert answer.cookies[ACCESS]["max-age"] == 300
        assert answer.cookies[REFRESH]["max-age"] == 0
        assert answer.data["session_identifier"] == row().pk.hex
        assert answer.headers["Cache-Control"] == "no-store"
        assert browser.get("/private").status_code == 200

    def test_again_and_again_without_asking(self, browser, device, clock):
        """Each answer holds the next challenge, and value and challenge change each time."""
        seen = set()
        for generation in range(1, 6):
            clock.shift(300)
            assert device.renew(browser).status_code == 200
            seen |= {browser.cookie(ACCESS), device.challenge}
            assert row().generation == generation
        assert len(seen) == 10
        assert AuthSession.objects.count() == 1

    def test_takes_two_queries(self, browser, device, django_assert_num_queries):
        with django_assert_num_queries(1):
            device.ask(browser)
        with django_assert_num_queries(2):
            device.renew(browser)

    def test_moves_the_end_of_the_session(self, browser, device, clock):
        clock.shift(timedelta(days=20))
        assert device.renew(browser).status_code == 200
        clock.shift(timedelta(days=20))
        assert device.renew(browser).status_code == 200

    def test_says_that_the_session_was_refreshed(self, browser, device):
        with listening(token_refreshed) as heard:
            device.renew(browser)
        assert [kwargs["session"].pk for _signal, kwargs in heard] == [row().pk]

    def test_keeps_the_challenge_for_as_long_as_the_session_lives(self, browser, device, clock):
        device.ask(browser)
        clock.shift(timedelta(days=29))
        assert device.renew(browser).status_code == 200

    def test_answers_the_second_of_two_tabs_with_a_new_challenge(self, browser, device):
        """No successor is given twice here: whoever repeats a proof would get it too."""
        device.ask(browser)
        proof = device.proof()
        assert device.renew(browser, proof).status_code == 200
        with listening(device_proof_failed) as heard:
            answer = device.renew(browser, proof)
        assert device_sees(answer) == (403, "device_challenge")
        assert not answer.cookies
        assert heard == []
        assert row().generation == 1
        assert device.renew(browser).status_code == 200

    @pytest.mark.parametrize("spelled", ["{}", '"{}"', '"{}";foo="bar"', " {} "])
    def test_takes_strings_quoted_and_bare(self, browser, device, spelled):
        device.ask(browser)
        answer = renew(browser, spelled.format(device.session_id), spelled.format(device.proof()))
        assert answer.status_code == 200

    def test_goes_on_after_a_planned_key_change(self, browser, device, settings):
        """The challenge at hand was signed with the old key."""
        device.ask(browser)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another key for the tests, long enough for HS256"
        assert device.renew(browser).status_code == 200
        settings.SECRET_KEY_FALLBACKS = []
        assert device.renew(browser).status_code == 200

    def test_with_a_challenge_that_nobody_can_read_any_more_gets_a_new_one(self, browser, device):
        device.ask(browser)
        answer = device.renew(browser, device.proof("from another time"))
        assert device_sees(answer) == (403, "device_challenge")
        assert device.renew(browser).status_code == 200

    def test_a_page_of_another_origin_may_not_renew(self, browser, device):
        device.ask(browser)
        answer = renew(browser, device.session_id, device.proof(), HTTP_ORIGIN="https://evil.test")
        assert device_sees(answer) == (403, "csrf_failed")
        assert "Secure-Session-Challenge" not in answer.headers
        assert row().generation == 0

    @pytest.mark.parametrize("by", ["sign-out", "password", "expiry", "deactivation", "another device"])
    def test_of_a_session_that_is_over_ends_the_browsers_one(self, browser, device, account, clock, by):
        device.ask(browser)
        jar = browser.clone()
        if by == "sign-out":
            browser.post("/auth/logout")
        elif by == "password":
            account.user.set_password("another horse, battery 8")
            account.user.save()
        elif by == "expiry":
            clock.shift(timedelta(days=31))
        elif by == "deactivation":
            get_user_model()._default_manager.filter(pk=account.user.pk).update(is_active=False)
        else:
            elsewhere = Browser()
            elsewhere.sign_in(account)
            elsewhere.delete("/auth/sessions/all?keep_current=true")
        codes = {
            "sign-out": "session_revoked",
            "password": "password_changed",
            "expiry": "token_expired",
            "deactivation": "user_inactive",
            "another device": "session_revoked",
        }
        answer = device.renew(jar)
        assert device_sees(answer) == (401, codes[by])
        assert clears_cookies(answer)

    def test_of_a_session_that_is_over_spares_the_cookies_of_the_next_one(self, browser, device, account):
        """The browser still has the old session, and tries to renew both when the cookie runs out."""
        device.ask(browser)
        browser.sign_in(account)
        answer = device.renew(browser)
        assert device_sees(answer) == (401, "session_revoked")
        assert not answer.cookies
        assert browser.get("/private").status_code == 200

    def test_of_a_session_that_another_took_the_place_of_is_refused(
        self, browser, device, account, other_account, clock
    ):
        """Bob comes back from another site, for which the browser does not renew Ada's cookie that has run out."""
        clock.shift(301)
        jar = browser.clone()
        browser.cookies.clear()  # no cookie goes along with what another site posts
        sign_in = browser.sign_in(other_account)
        assert sign_in.cookies[DEVICE]["max-age"] == 0
        jar.cookies.update(browser.cookies)
        del jar.cookies[DEVICE]
        bob = jar.get("/auth/me").data
        answer = device.renew(jar)
        assert device_sees(answer) == (401, "device_proof_invalid")
        assert not answer.cookies
        jar.post("/auth/refresh")
        assert jar.get("/auth/me").data == bob

    def test_of_the_session_that_took_the_place_goes_on(self, browser, offer, other_account, clock):
        """What the browser still carries is of a sign-in before."""
        older = browser.clone()
        clock.shift(1)
        later = Browser()
        device = bind_on_sign_in(later, later.sign_in(other_account))
        older.set_cookie(DEVICE, later.cookie(DEVICE))
        assert device.renew(older).status_code == 200

    def test_knowing_its_id_is_not_enough_to_end_it(self, browser, device, other_account):
        stranger = Browser()
        stranger.sign_in(other_account)
        assert device_sees(renew(stranger, device.session_id)) == (403, "device_challenge")
        assert device_sees(renew(stranger, device.session_id, Device().proof(device.challenge or "x")))[0] == 401
        assert device.renew(browser).status_code == 200

    def test_without_any_cookie_clears_none(self, browser, device, account):
        """Another session's answer may be setting it at this moment."""
        device.ask(browser)
        browser.post("/auth/logout")
        assert not device.renew(browser).cookies

    def test_is_not_for_sessions_without_a_device(self, browser, offer):
        assert device_sees(renew(browser, row().pk.hex, Device().proof("x"))) == (401, "device_proof_invalid")

    def test_of_an_unknown_session_is_refused(self, browser, db):
        answer = renew(browser, "01a214216d5b79d992d0d95e782f8e66", Device().proof("x"))
        assert device_sees(answer) == (401, "session_revoked")


class TestABoundSession:
    def test_is_not_refreshed_by_a_token(self, browser, offer, clock):
        thief = browser.clone()
        bind_on_sign_in(browser, offer)
        clock.shift(11)
        answer = thief.post("/auth/refresh")
        assert device_sees(answer) == (401, "device_proof_required")
        assert is_alive(row())
        assert browser.get("/private").status_code == 200

    def test_nor_by_one_in_the_body(self, browser, offer, clock):
        raw_token = browser.cookie(REFRESH)
        bind_on_sign_in(browser, offer)
        for url in ("/auth/refresh", "/app/refresh"):
            answer = Browser().post(url, {"refresh_token": raw_token}, format="json")
            assert device_sees(answer) == (401, "device_proof_required")

    def test_such_a_token_is_told_to_whoever_watches(self, browser, offer, clock, caplog):
        thief = browser.clone()
        bind_on_sign_in(browser, offer)
        clock.shift(11)
        with listening(device_proof_failed, session_revoked) as heard:
            thief.post("/auth/refresh")
        [(_signal, told)] = heard
        assert (told["session"], told["reason"]) == (row(), "refresh_token")
        [record] = [record for record in caplog.records if record.name == "fastauth_django.security"]
        assert record.levelno == logging.WARNING
        assert str(row().pk) in record.getMessage()

    def test_one_that_was_on_its_way_is_none_of_their_business(self, browser, offer, clock):
        tab = browser.clone()
        bind_on_sign_in(browser, offer)
        clock.shift(10)
        with listening(device_proof_failed) as heard:
            assert device_sees(tab.post("/auth/refresh")) == (401, "device_proof_required")
        assert heard == []

    def test_a_refresh_cookie_that_nothing_has_cleared_yet_is_none_either(self, browser, pending, clock):
        """Only this app's own answers clear it, and a page may ask for others alone."""
        assert browser.get("/private").status_code == 200
        clock.shift(60)
        with listening(device_proof_failed) as heard:
            assert device_sees(browser.post("/auth/refresh")) == (401, "device_proof_required")
        assert heard == []
        assert set(browser.cookies) == {ACCESS, DEVICE}

    def test_a_copy_of_both_cookies_is_told_once_the_access_cookie_has_run_out(self, browser, pending, clock):
        assert browser.get("/private").status_code == 200
        thief = browser.clone()
        clock.shift(301)
        with listening(device_proof_failed) as heard:
            assert device_sees(thief.post("/auth/refresh")) == (401, "device_proof_required")
        assert [told["reason"] for _signal, told in heard] == ["refresh_token"]

    def test_a_refresh_cookie_that_was_tossed_in_costs_the_access_cookie_nothing(self, browser, device):
        browser.set_cookie(REFRESH, "garbage")
        answer = browser.post("/auth/refresh")
        assert device_sees(answer) == (401, "device_proof_required")
        assert ACCESS not in answer.cookies

    def test_refusing_takes_away_the_refresh_cookie_alone(self, browser, offer, clock):
        tab = browser.clone()
        bind_on_sign_in(browser, offer)
        answer = tab.post("/auth/refresh")
        assert answer.cookies[REFRESH]["max-age"] == 0
        assert ACCESS not in answer.cookies

    def test_copied_cookies_open_nothing_after_the_access_cookie_has_run_out(self, browser, offer, device, clock):
        thief = browser.clone()
        assert thief.get("/private").status_code == 200
        clock.shift(301)
        assert thief.get("/private").status_code == 401
        assert thief.post("/auth/refresh").status_code == 401
        assert device.renew(browser).status_code == 200
        assert browser.get("/private").status_code == 200

    def test_an_access_token_from_before_the_binding_is_worth_nothing_soon_after(self, browser, offer, clock):
        """It lives longer than a bound one, and whoever copied it has it still."""
        thief = browser.clone()
        bind_on_sign_in(browser, offer)
        clock.shift(10)
        assert thief.get("/private").status_code == 200  # it may be a tab's, on its way
        clock.shift(1)
        answer = thief.get("/private")
        assert answer.status_code == 401
        assert 'error_description="device_proof_required"' in answer.headers["WWW-Authenticate"]

    def test_without_grace_at_once(self, browser, offer, clock, settings):
        settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 0}
        thief = browser.clone()
        bind_on_sign_in(browser, offer)
        clock.shift(1)
        assert thief.get("/private").status_code == 401

    def test_an_access_token_of_a_key_that_was_replaced_is_worth_nothing(self, browser, offer, clock):
        first, late = browser, browser.clone()
        Device().bind(first, offer)
        bind_on_sign_in(late, offer)
        clock.shift(11)
        assert first.get("/private").status_code == 401
        assert late.get("/private").status_code == 200

    def test_a_client_that_wants_to_refresh_is_told_that_the_browser_does(self, browser, device):
        answer = browser.post("/auth/refresh")
        assert device_sees(answer) == (401, "device_proof_required")
        assert browser.get("/private").status_code == 200

    def test_when_it_is_over_a_client_that_wants_to_refresh_is_told_so(self, browser, device):
        jar = browser.clone()
        browser.post("/auth/logout")
        answer = jar.post("/auth/refresh")
        assert device_sees(answer) == (401, "session_revoked")
        assert clears_cookies(answer)

    def test_one_that_is_not_bound_needs_its_refresh_token(self, browser, offer):
        del browser.cookies[REFRESH]
        assert device_sees(browser.post("/auth/refresh")) == (401, "refresh_token_required")

    def test_a_browser_that_could_not_renew_for_now_is_not_signed_out(self, browser, device):
        browser.cookies.clear()
        answer = browser.post("/auth/refresh", HTTP_SECURE_SESSION_SKIPPED="unreachable;session_identifier=x")
        assert device_sees(answer) == (503, "try_again")
        assert answer.headers["Retry-After"] == "1"
        assert not answer.cookies

    def test_signs_out_like_any_other(self, browser, device):
        answer = browser.post("/auth/logout")
        assert clears_cookies(answer)
        assert not is_alive(row())

    @pytest.mark.parametrize("copied", ["before the binding", "after it"])
    @pytest.mark.parametrize("where", ["in the cookies", "in the body", "in the header"])
    def test_is_not_signed_out_with_a_copy(self, browser, offer, clock, copied, where):
        refresh_token = browser.cookie(REFRESH)
        thief = browser.clone()
        bind_on_sign_in(browser, offer)
        if copied == "after it":
            thief = browser.clone()
            del thief.cookies[DEVICE]
        clock.shift(311)
        if where == "in the cookies":
            answer = thief.post("/auth/logout")
        elif where == "in the body":
            answer = Browser().post("/auth/logout", {"refresh_token": refresh_token}, format="json")
        else:
            answer = Browser().post("/auth/logout", HTTP_AUTHORIZATION=f"Bearer {thief.cookie(ACCESS)}")
        assert answer.status_code == 200
        assert is_alive(row())

    def test_is_not_replaced_by_the_sign_in_of_who_holds_a_copy(self, browser, offer, other_account, clock):
        thief, session = browser.clone(), row()
        bind_on_sign_in(browser, offer)
        clock.shift(11)
        assert thief.sign_in(other_account).status_code == 200
        assert is_alive(session)

    def test_is_signed_out_by_a_tab_that_has_not_heard_of_the_binding(self, browser, offer, clock):
        tab = browser.clone()
        bind_on_sign_in(browser, offer)
        clock.shift(10)
        assert tab.post("/auth/logout").status_code == 200
        assert not is_alive(row())

    def test_is_signed_out_where_a_clock_is_a_little_ahead(self, browser, device, clock):
        """Of the host that answers. The browser drops the cookie when its own has come to the end."""
        clock.shift(309)
        browser.post("/auth/logout")
        assert not is_alive(row())

    def test_is_replaced_by_the_next_sign_in(self, browser, device, account):
        answer = browser.sign_in(account)
        assert AuthSession.objects.live().count() == 1
        bind_on_sign_in(browser, answer)

    def test_lives_no_longer_than_session_max_age(self, browser, device, clock, settings):
        settings.FASTAUTH = {**settings.FASTAUTH, "SESSION_MAX_AGE": 3600}
        clock.shift(3500)
        answer = device.renew(browser)
        assert answer.cookies[ACCESS]["max-age"] == 100
        clock.shift(100)
        assert device_sees(device.renew(browser)) == (401, "token_expired")

    def test_its_tokens_name_the_devices_key(self, browser, device):
        session = row()
        assert access_claims(browser.cookie(ACCESS))["cnf"] == {"jkt": session.key_thumbprint}
        assert json.loads(session.device_key) == device.jwk

    def test_a_claims_hook_cannot_change_the_key_they_name(self, browser, account, settings):
        settings.FASTAUTH = {
            **settings.FASTAUTH,
            "TOKEN_CLAIMS": lambda user, claims: {**claims, "cnf": {"jkt": "x"}, "plan": "free"},
        }
        bind_on_sign_in(browser, browser.sign_in(account))
        claims = access_claims(browser.cookie(ACCESS))
        assert claims["cnf"] == {"jkt": row().key_thumbprint}
        assert claims["plan"] == "free"

    def test_a_confirmation_of_the_projects_own_makes_no_bound_session(self, browser, account, settings):
        settings.FASTAUTH = {
            **settings.FASTAUTH,
            "TOKEN_CLAIMS": lambda user, claims: {**claims, "cnf": {"jkt": "of a key of DPoP"}},
        }
        browser.sign_in(account)
        jar = browser.clone()
        del jar.cookies[REFRESH]
        assert device_sees(jar.post("/auth/refresh")) == (401, "refresh_token_required")
        assert browser.post("/auth/refresh").status_code == 200

    def test_a_confirmation_of_another_kind_binds_nothing(self, browser, account, settings):
        settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": lambda user, claims: {**claims, "cnf": "a string"}}
        browser.sign_in(account)
        assert browser.get("/private").status_code == 200


@pytest.mark.usefixtures("required")
class TestWhereBindingIsRequired:
    def test_a_session_that_is_not_bound_works_for_a_minute_and_ends(self, browser, offer, clock):
        clock.shift(60)
        assert browser.get("/private").status_code == 200
        clock.shift(1)
        answer = browser.get("/private")
        assert answer.status_code == 401
        assert 'error_description="device_binding_required"' in answer.headers["WWW-Authenticate"]
        assert (is_alive(row()), row().revoked_reason) == (False, "not_bound")

    def test_whoever_asks_again_hears_the_same(self, browser, offer, clock):
        clock.shift(61)
        assert browser.get("/private").status_code == 401
        assert device_sees(browser.post("/auth/refresh")) == (401, "device_binding_required")

    def test_a_refresh_says_why_and_takes_the_cookies_away(self, browser, offer, clock):
        clock.shift(61)
        answer = browser.post("/auth/refresh")
        assert device_sees(answer) == (401, "device_binding_required")
        assert clears_cookies(answer)
        assert not is_alive(row())

    def test_a_refresh_within_the_minute_wins_no_time(self, browser, offer, clock):
        clock.shift(50)
        assert browser.post("/auth/refresh").status_code == 200
        clock.shift(11)
        assert browser.post("/auth/refresh").status_code == 401

    def test_a_bound_session_goes_on(self, browser, device, clock):
        clock.shift(3600)
        assert device.renew(browser).status_code == 200
        assert browser.get("/private").status_code == 200

    def test_one_whose_user_looked_away_is_confirmed_when_he_is_back(self, browser, pending, clock):
        clock.shift(200)
        assert browser.get("/private").status_code == 200
        assert row().is_device_bound

    def test_nor_is_it_ended_by_a_refresh_that_comes_first(self, browser, pending, clock):
        clock.shift(200)
        assert device_sees(browser.post("/auth/refresh")) == (401, "device_proof_required")
        assert is_alive(row())
        assert browser.get("/private").status_code == 200

    def test_a_copied_cookie_does_not_end_one_that_its_browser_has_bound(self, browser, offer, clock):
        thief = browser.clone()
        device = Device()
        device.bind(browser, offer)
        clock.shift(70)
        assert thief.get("/private").status_code == 401
        assert is_alive(row())
        assert device.renew(browser).status_code == 200
        assert browser.get("/private").status_code == 200

    def test_one_whose_answer_was_lost_ends(self, browser, offer, clock):
        Device().bind(browser.clone(), offer)
        clock.shift(61)
        assert browser.get("/private").status_code == 401

    def test_a_client_without_cookies_cannot_be_asked_and_goes_on(self, account, clock):
        app = NativeApp()
        app._keep(app.post("/app/login", account.credentials, format="json"))
        clock.shift(600)
        assert app.get("/private").status_code == 200

    def test_sessions_from_before_go_on(self, browser, account, settings, clock):
        settings.FASTAUTH = cookies_with()
        browser.sign_in(account)
        settings.FASTAUTH = cookies_with(DEVICE_BINDING="required")
        clock.shift(600)
        assert browser.get("/private").status_code == 200
        assert browser.post("/auth/refresh").status_code == 200

    def test_sessions_that_were_asked_under_optional_and_not_bound_end(self, browser, account, settings, clock):
        settings.FASTAUTH = cookies_with(DEVICE_BINDING="optional")
        bound, plain = Browser(), browser
        bind_on_sign_in(bound, bound.sign_in(account))
        plain.sign_in(account)
        clock.shift(120)
        settings.FASTAUTH = cookies_with(DEVICE_BINDING="required")
        assert plain.get("/private").status_code == 401
        assert bound.get("/private").status_code == 200


class TestLostRaces:
    """What happens between the read and the write, made to happen; the races themselves are in tests/database."""

    def test_a_refresh_that_a_confirmation_overtakes_gives_no_token(self, browser, offer, between):
        tab = browser.clone()
        Device().bind(browser, offer)
        between(lambda: browser.get("/private"))
        assert device_sees(tab.post("/auth/refresh")) == (401, "device_proof_required")
        assert row().generation == 0

    def test_a_bind_that_a_sign_out_overtakes_binds_nothing(self, browser, offer, between):
        tab = browser.clone()
        between(lambda: tab.post("/auth/logout"))
        assert device_sees(Device().bind(browser, offer)) == (401, "session_revoked")
        assert row().device_key == ""

    def test_a_bind_that_another_ones_confirmation_overtakes_binds_nothing(self, browser, offer, between):
        late, first = browser.clone(), Device()
        first.bind(browser, offer)
        key = row().device_key
        between(lambda: browser.get("/private"))
        assert device_sees(Device().bind(late, offer)) == (409, "device_already_bound")
        assert row().device_key == key

    def test_a_renewal_that_another_overtakes_gets_the_next_challenge(self, browser, device, between):
        device.ask(browser)
        proof = device.proof()
        between(lambda: device.renew(browser.clone(), proof))
        answer = renew(browser, device.session_id, proof)
        assert device_sees(answer) == (403, "device_challenge")
        assert device.challenge in answer.headers["Secure-Session-Challenge"]
        assert row().generation == 1

    def test_a_renewal_whose_key_is_replaced_meanwhile_confirms_no_other_key(self, browser, offer, between):
        late, first, second = browser.clone(), Device(), Device()
        first.bind(browser, offer)
        first.ask(browser)
        between(lambda: second.bind(late, offer))
        assert device_sees(first.renew(browser)) == (403, "device_challenge")
        assert (row().generation, row().is_device_bound) == (0, False)

    def test_a_renewal_that_a_sign_out_overtakes_gives_no_token(self, browser, device, between):
        device.ask(browser)
        tab = browser.clone()
        between(lambda: tab.post("/auth/logout"))
        answer = device.renew(browser)
        assert device_sees(answer) == (401, "session_revoked")
        assert not is_alive(row())


def test_the_paths_are_those_that_the_answers_name(browser, offer, client):
    answer = Device().bind(browser, offer)
    assert f'path="{BIND}"' in offer.headers[REGISTRATION]
    assert answer.data["refresh_url"] == RENEW
