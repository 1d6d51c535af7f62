"""What scripts, thieves and sibling subdomains try on a session that is bound to a device, and what is left to them."""

from datetime import timedelta
from time import monotonic

import pytest

from fastauth_django import conflicts
from fastauth_django.conflicts import RETRY_AFTER
from fastauth_django.models import AuthSession
from fastauth_django.signals import device_proof_failed, refresh_token_reused, session_revoked
from fastauth_django.tokens import DeviceToken, RefreshToken
from tests.clients import ACCESS, REFRESH, Browser
from tests.devices import BIND, DEVICE, RENEW, Device, bind, bind_on_sign_in, challenge_of_sign_in, renew
from tests.factories import PASSWORD, sign_up_data
from tests.reading import is_alive, listening, revoked_reason, session_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("device_binding")]

SCRIPT_MODES = ["cors", "same-origin", "navigate", "websocket", "no-cors, cors", "", None]


def row():
    return AuthSession.objects.get()


def sees(answer):
    return answer.status_code, answer.data["code"]


def mode(value):
    """The header of a request with this mode, or of one without any."""
    return {"HTTP_SEC_FETCH_MODE": value}


def send_as_script(browser, path, value, **headers):
    return browser.post(path, **headers, **({} if value is None else mode(value)))


@pytest.fixture
def bob(other_account, clock):
    """Bob's own browser, whose session is bound."""
    browser = Browser()
    bind_on_sign_in(browser, browser.sign_in(other_account))
    return browser


class TestAScript:
    @pytest.mark.parametrize("value", SCRIPT_MODES)
    def test_binds_nothing(self, browser, offer, value):
        proof = Device().registration(challenge_of_sign_in(offer))
        answer = send_as_script(browser, BIND, value, HTTP_SECURE_SESSION_RESPONSE=proof)
        assert sees(answer) == (403, "csrf_failed")
        assert "Sec-Fetch-Mode" in answer.data["detail"]
        assert not answer.cookies
        assert row().device_key == ""

    @pytest.mark.parametrize("value", SCRIPT_MODES)
    def test_renews_nothing_and_gets_no_challenge(self, browser, device, value):
        device.ask(browser)
        headers = {"HTTP_SEC_SECURE_SESSION_ID": device.session_id, "HTTP_SECURE_SESSION_RESPONSE": device.proof()}
        answer = send_as_script(browser, RENEW, value, **headers)
        assert sees(answer) == (403, "csrf_failed")
        assert "Secure-Session-Challenge" not in answer.headers
        assert row().generation == 0

    @pytest.mark.parametrize("protection", ["token", None])
    def test_is_stopped_whatever_protects_the_other_routes(self, browser, account, settings, protection):
        settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": protection}
        proof = Device().registration(challenge_of_sign_in(browser.sign_in(account)))
        answer = send_as_script(browser, BIND, "cors", HTTP_SECURE_SESSION_RESPONSE=proof)
        assert answer.status_code == 403

    @pytest.mark.parametrize("begins", ["sign-in", "sign-up", "change-password"])
    def test_that_tells_a_client_elsewhere_gives_it_nothing(self, browser, account, clock, begins):
        """Outside of a browser every header can be written, but nobody there has the cookie."""
        if begins == "sign-up":
            answer = browser.post("/auth/register", sign_up_data(), format="json")
        else:
            answer = browser.sign_in(account)
        if begins == "change-password":
            data = {"current_password": PASSWORD, "new_password": "another horse, battery 8"}
            answer = browser.post("/auth/account/change-password", data, format="json")
        accomplice = Device()
        assert sees(bind(Browser(), accomplice.registration(challenge_of_sign_in(answer)))) == (401, "token_invalid")
        assert not any(AuthSession.objects.values_list("device_key", flat=True))


class TestTheDeviceCookie:
    def test_comes_with_the_bound_access_cookie(self, browser, offer):
        answer = Device().bind(browser, offer)
        cookie, access = answer.cookies[DEVICE], answer.cookies[ACCESS]
        assert cookie["max-age"] == 30 * 24 * 3600
        assert DeviceToken.read(cookie.value).session_id == row().pk
        for attribute in ("path", "domain", "secure", "httponly", "samesite", "partitioned"):
            assert cookie[attribute] == access[attribute]

    def test_is_hidden_from_scripts_even_where_the_access_cookie_is_not(self, browser, account, settings):
        settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_HTTPONLY": False}
        answer = Device().bind(browser, browser.sign_in(account))
        assert (answer.cookies[ACCESS]["httponly"], answer.cookies[DEVICE]["httponly"]) == (False, True)

    def test_has_the_name_of_the_settings(self, browser, account, settings):
        settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_NAME_DEVICE": "__Host-device"}
        device = bind_on_sign_in(browser, browser.sign_in(account))
        assert set(browser.cookies) == {ACCESS, "__Host-device"}
        assert device.renew(browser).status_code == 200
        browser.post("/auth/logout")
        assert not browser.cookies

    def test_is_needed_beside_the_signature(self, browser, device):
        """Whoever has the key alone, as an accomplice of a script, renews nothing. Nor does the owner lose anything."""
        assert sees(device.renew(Browser())) == (401, "device_proof_invalid")
        assert (row().generation, is_alive(row())) == (0, True)
        assert device.renew(browser).status_code == 200

    def test_of_another_session_does_not_do(self, browser, device, bob):
        stranger = Browser()
        stranger.set_cookie(DEVICE, bob.cookie(DEVICE))
        assert sees(device.renew(stranger)) == (401, "device_proof_invalid")
        stranger.set_cookie(DEVICE, "garbage")
        assert sees(device.renew(stranger)) == (401, "device_proof_invalid")

    def test_has_no_stand_in_among_the_sessions_other_cookies(self, browser, device):
        thief = browser.clone()
        del thief.cookies[DEVICE]
        assert set(thief.cookies) == {ACCESS}
        assert sees(device.renew(thief)) == (401, "device_proof_invalid")

    def test_is_not_an_access_or_a_refresh_token(self, browser, device, clock):
        raw_token = browser.cookie(DEVICE)
        thief = Browser()
        for name in (ACCESS, REFRESH):
            thief.set_cookie(name, raw_token)
        assert thief.get("/private").status_code == 401
        assert sees(thief.post("/auth/refresh")) == (401, "token_invalid")
        assert Browser().get("/private", HTTP_AUTHORIZATION=f"Bearer {raw_token}").status_code == 401
        thief.cookies.clear()
        thief.set_cookie(DEVICE, browser.cookie(ACCESS))
        assert sees(device.renew(thief)) == (401, "device_proof_invalid")

    def test_without_the_key_renews_nothing(self, browser, device):
        thief = browser.clone()
        assert sees(renew(thief, device.session_id)) == (403, "device_challenge")
        assert sees(renew(thief, device.session_id, Device().proof("x"))) == (401, "device_proof_invalid")
        assert thief.post("/auth/refresh").status_code == 401

    def test_is_found_among_tossed_ones(self, browser, device, bob):
        device.ask(browser)
        jar = "; ".join(f"{DEVICE}={value}" for value in (bob.cookie(DEVICE), "garbage", browser.cookie(DEVICE)))
        answer = renew(Browser(), device.session_id, device.proof(), HTTP_COOKIE=jar)
        assert answer.status_code == 200

    def test_moves_on_with_the_session(self, browser, device, clock):
        for _month in range(3):
            clock.shift(timedelta(days=25))
            answer = device.renew(browser)
            assert answer.cookies[DEVICE]["max-age"] == 30 * 24 * 3600
        assert DeviceToken.read(browser.cookie(DEVICE))["exp"] == row().expires_at.timestamp()

    @pytest.mark.parametrize("ends", ["/auth/logout", "/auth/sessions/all"])
    def test_goes_with_the_access_cookie(self, browser, device, ends):
        answer = browser.post(ends) if ends.endswith("logout") else browser.delete(ends)
        assert answer.status_code == 200
        assert not browser.cookies

    def test_is_not_cleared_where_there_is_none(self, browser, offer):
        assert set(browser.post("/auth/logout").cookies) == {ACCESS, REFRESH}

    def test_of_a_former_name_is_cleared_too(self, browser, device, settings):
        former = {"name": DEVICE}
        settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_NAME_DEVICE": "__Host-device", "COOKIE_FORMER": [former]}
        assert browser.post("/auth/logout").cookies[DEVICE]["max-age"] == 0

    def test_of_todays_name_is_no_former_one(self, browser, account, settings):
        settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_FORMER": [{"name": DEVICE}]}
        bind_on_sign_in(browser, browser.sign_in(account))
        assert DEVICE in browser.cookies

    def test_goes_at_the_next_sign_in(self, browser, device, account, settings):
        settings.FASTAUTH = {**settings.FASTAUTH, "DEVICE_BINDING": None}
        answer = browser.sign_in(account)
        assert answer.cookies[DEVICE]["max-age"] == 0
        assert AuthSession.objects.live().count() == 1, "the cookie has replaced the session that it names"

    def test_is_not_mentioned_where_no_session_was_ever_bound(self, account, settings):
        settings.FASTAUTH = {**settings.FASTAUTH, "DEVICE_BINDING": None}
        browser = Browser()
        for answer in (browser.sign_in(account), browser.post("/auth/refresh"), browser.post("/auth/logout")):
            assert set(answer.cookies) == {ACCESS, REFRESH}

    def test_that_browsers_do_not_send_for_a_link_from_another_site_may_come_later(self, browser, device, settings):
        """5xx keeps the browser's session. A 401 would end it, and sign the visitor out who followed the link."""
        settings.CSRF_TRUSTED_ORIGINS = ["https://partner.test"]
        assert sees(device.renew(Browser())) == (503, "try_again")
        assert row().generation == 0
        assert device.renew(browser).status_code == 200

    def test_may_come_later_where_a_former_cookie_came_which_has_rules_of_its_own(self, browser, device, settings):
        settings.CSRF_TRUSTED_ORIGINS = ["https://partner.test"]
        settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_FORMER": [{"name": "jwt"}]}
        visitor = Browser()
        visitor.cookies["jwt"] = "left over"
        assert sees(device.renew(visitor)) == (503, "try_again")
        assert device.renew(browser).status_code == 200

    def test_is_missing_for_good_beside_another_cookie(self, browser, device, other_account, settings):
        """So it is not the browser that sends none."""
        settings.CSRF_TRUSTED_ORIGINS = ["https://partner.test"]
        later = Browser()
        later.sign_in(other_account)
        assert sees(device.renew(later)) == (401, "device_proof_invalid")


class TestASessionThatWasBoundWithoutACookie:
    """By a process of the version before, which served beside this one."""

    @pytest.fixture
    def older(self, browser, device):
        AuthSession.objects.update(device_cookie=None)
        del browser.cookies[DEVICE]
        return device

    def test_renews_by_its_key_alone_once_and_gets_it_then(self, browser, older):
        assert older.renew(browser).status_code == 200
        assert DEVICE in browser.cookies
        assert row().device_cookie
        assert sees(older.renew(Browser())) == (401, "device_proof_invalid")
        assert older.renew(browser).status_code == 200

    def test_that_is_once_for_two_who_try_at_the_same_time(self, browser, older, between):
        older.ask(browser)
        proof = older.proof()
        between(lambda: renew(browser, older.session_id, proof))
        answer = renew(Browser(), older.session_id, proof)
        assert sees(answer) == (403, "device_challenge")
        older.remember(answer)
        assert sees(older.renew(Browser())) == (401, "device_proof_invalid")
        assert older.renew(browser).status_code == 200


class TestAStolenRefreshToken:
    """Of a bound session, beside whatever the thief puts there. It is told each time."""

    @pytest.fixture
    def stolen(self, browser, offer, clock):
        raw_token = browser.cookie(REFRESH)
        bind_on_sign_in(browser, offer)
        clock.shift(11)
        return raw_token

    @pytest.fixture
    def thief(self, other_account, settings, stolen):
        """He has a session of his own, which is not bound."""
        browser = Browser()
        browser.sign_in(other_account)
        return browser

    @pytest.mark.parametrize("order", ["first", "last"])
    def test_beside_his_own_refresh_token(self, thief, stolen, order):
        own = thief.cookie(REFRESH)
        both = [stolen, own] if order == "first" else [own, stolen]
        jar = "; ".join(f"{REFRESH}={value}" for value in both)
        with listening(device_proof_failed) as heard:
            answer = Browser().post("/auth/refresh", HTTP_COOKIE=jar)
        assert answer.status_code == 200
        assert RefreshToken.read(answer.cookies[REFRESH].value).session_id == RefreshToken.read(own).session_id
        assert [told["reason"] for _signal, told in heard] == ["refresh_token"]

    @pytest.mark.parametrize("where", ["cookie", "body"])
    def test_beside_the_access_cookie_of_his_own_device(self, account, bob, stolen, where):
        if where == "cookie":
            bob.set_cookie(REFRESH, stolen)
        body = {"refresh_token": stolen} if where == "body" else {}
        with listening(device_proof_failed) as heard:
            answer = bob.post("/auth/refresh", body, format="json")
        assert sees(answer) == (401, "device_proof_required")
        assert [told["session"].user for _signal, told in heard] == [account.user]

    def test_that_was_used_before_ends_its_session_beside_that_cookie_too(self, browser, account, bob):
        """One of a session that is not bound."""
        browser.sign_in(account)
        stolen, session = browser.cookie(REFRESH), session_of(browser)
        browser.post("/auth/refresh")
        browser.post("/auth/refresh")
        bob.set_cookie(REFRESH, stolen)
        with listening(refresh_token_reused) as heard:
            assert sees(bob.post("/auth/refresh")) == (401, "device_proof_required")
        assert [told["session"].pk for _signal, told in heard] == [session.pk]
        assert not is_alive(session)

    @pytest.mark.parametrize("body", ["null", "[", '{"refresh_token": 1}'])
    def test_nothing_in_the_body_changes_what_a_bound_session_hears(self, bob, body):
        answer = bob.post("/auth/refresh", body, content_type="application/json")
        assert sees(answer) == (401, "device_proof_required")


class TestSigningOut:
    SKIPPED = "Secure-Session-Skipped"

    def skipped(self, session_id):
        return {"HTTP_SECURE_SESSION_SKIPPED": f'unreachable;session_identifier="{session_id}"'}

    def test_ends_the_session_by_the_device_cookie(self, browser, device, clock):
        """Its access cookie ran out, and the browser could not renew it."""
        clock.shift(3600)
        del browser.cookies[ACCESS]
        answer = browser.post("/auth/logout", **self.skipped(device.session_id))
        assert answer.status_code == 200
        assert revoked_reason(row()) == "signed_out"
        assert not browser.cookies

    @pytest.mark.parametrize("header", ["unreachable", "quota_exceeded;session_identifier={}"])
    def test_is_not_said_where_the_browser_would_renew_the_session(self, browser, device, header):
        answer = Browser().post("/auth/logout", HTTP_SECURE_SESSION_SKIPPED=header.format(device.session_id))
        assert sees(answer) == (503, "try_again")
        assert answer.headers["Retry-After"] == "1"
        assert not answer.cookies
        assert is_alive(row())

    def test_of_another_session_is_not_enough(self, browser, device, bob):
        """A sibling subdomain has tossed its own device cookie in."""
        visitor = Browser()
        visitor.set_cookie(DEVICE, bob.cookie(DEVICE))
        assert sees(visitor.post("/auth/logout", **self.skipped(device.session_id))) == (503, "try_again")

    def test_is_said_where_the_session_was_over_before(self, browser, device):
        AuthSession.objects.update(revoked_at=row().created_at)
        assert Browser().post("/auth/logout", **self.skipped(device.session_id)).status_code == 200

    @pytest.mark.django_db(transaction=True)  # In a transaction each signal takes a savepoint.
    def test_costs_no_query_more_where_nothing_was_skipped(self, browser, device, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert browser.post("/auth/logout").status_code == 200

    def test_needs_no_more_than_the_device_cookie_in_djangos_views(self, browser, device, settings):
        """Where the CSRF token has to be sent, whoever has this cookie can send it."""
        settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": "token"}
        strict = Browser(enforce_csrf_checks=True)
        strict.set_cookie(DEVICE, browser.cookie(DEVICE))
        assert sees(strict.post("/auth/logout")) == (403, "csrf_failed")
        assert is_alive(row())


class TestACookieThatASiblingTossedIn:
    def test_of_an_ended_session_of_another_ends_nothing(self, browser, device, other_account, clock):
        clock.shift(1)
        sibling = Browser()
        sibling.sign_in(other_account)
        dead = sibling.cookie(ACCESS), sibling.cookie(REFRESH)
        sibling.post("/auth/logout")
        browser.set_cookie(ACCESS, dead[0])
        browser.set_cookie(REFRESH, dead[1])
        with listening(session_revoked) as heard:
            assert device.renew(browser).status_code == 200
        assert heard == []

    def test_of_a_live_session_of_another_ends_nothing(self, browser, device, other_account, clock):
        clock.shift(1)
        sibling = Browser()
        sibling.sign_in(other_account)
        browser.set_cookie(ACCESS, sibling.cookie(ACCESS))
        assert device.renew(browser).status_code == 200
        assert AuthSession.objects.live().count() == 2

    @pytest.mark.parametrize("later", ["live", "ended"])
    def test_of_a_later_session_of_the_same_person_replaces_one_if_it_lives(
        self, browser, device, account, clock, later
    ):
        session = row()
        clock.shift(1)
        elsewhere = Browser()
        elsewhere.sign_in(account)
        browser.set_cookie(REFRESH, elsewhere.cookie(REFRESH))
        if later == "ended":
            elsewhere.post("/auth/logout")
        answer = device.renew(browser)
        assert answer.status_code == (401 if later == "live" else 200)
        assert revoked_reason(session) == ("replaced" if later == "live" else "")
        assert REFRESH in browser.cookies, "it is of the session that came after"

    def test_of_a_live_bound_session_costs_the_owner_no_cookie(self, browser, account, bob):
        """The owner's session is not bound; the attacker's is, and its access cookie comes first."""
        browser.sign_in(account)
        own = browser.cookie(REFRESH)
        browser.set_cookie(ACCESS, bob.cookie(ACCESS))
        for answer in (browser.post("/auth/refresh"), browser.get("/auth/me"), browser.get("/auth/sessions")):
            assert REFRESH not in answer.cookies
            assert ACCESS not in answer.cookies
        assert browser.cookie(REFRESH) == own
        del browser.cookies[ACCESS]
        assert browser.post("/auth/refresh").status_code == 200

    @pytest.mark.parametrize("tossed", ["ended", "garbage"])
    @pytest.mark.parametrize("where", [ACCESS, REFRESH])
    def test_that_is_refused_costs_the_owner_no_device_cookie(
        self, browser, device, bob, other_account, clock, tossed, where
    ):
        """The access cookie ran out, and the page's client is faster than the browser."""
        clock.shift(301)
        session = AuthSession.objects.get(user=other_account.user)
        value = bob.cookie(ACCESS) if where == ACCESS else str(RefreshToken.for_session(session))
        bob.post("/auth/logout")
        del browser.cookies[ACCESS]
        browser.set_cookie(where, value if tossed == "ended" else "garbage")
        assert browser.post("/auth/refresh").status_code == 401
        assert DEVICE in browser.cookies
        assert device.renew(browser).status_code == 200

    def test_that_is_refused_costs_the_owner_no_access_cookie(self, browser, account, other_account):
        browser.sign_in(account)
        sibling = Browser()
        sibling.sign_in(other_account)
        dead = sibling.cookie(REFRESH)
        sibling.post("/auth/logout")
        browser.set_cookie(REFRESH, dead)
        assert sees(browser.post("/auth/refresh")) == (401, "session_revoked")
        assert browser.get("/private").status_code == 200
        assert REFRESH not in browser.cookies

    def test_is_not_cleared_by_the_renewal_of_the_owners_session(self, browser, device, other_account):
        """Nor would another session's own be."""
        sibling = Browser()
        sibling.sign_in(other_account)
        browser.set_cookie(REFRESH, sibling.cookie(REFRESH))
        assert REFRESH not in device.renew(browser).cookies

    def test_does_not_save_the_devices_own_cookie_when_its_session_is_over(self, browser, device, bob):
        device.ask(browser)
        jar = browser.clone()
        browser.post("/auth/logout")
        jar.set_cookie(ACCESS, bob.cookie(ACCESS))
        answer = device.renew(jar)
        assert sees(answer) == (401, "session_revoked")
        assert (ACCESS in answer.cookies, answer.cookies[DEVICE]["max-age"]) == (False, 0)


class TestGarbageProofs:
    def test_are_told_once_a_minute(self, browser, device, caplog, monkeypatch):
        with listening(device_proof_failed) as heard:
            for _proof in range(50):
                assert renew(browser, device.session_id, Device().proof("x")).status_code == 401
        assert len(heard) == 1
        assert len([record for record in caplog.records if "Device proof failed" in record.message]) == 1
        monkeypatch.setattr(conflicts, "monotonic", lambda: monotonic() + RETRY_AFTER)
        with listening(device_proof_failed) as heard:
            renew(browser, device.session_id, Device().proof("x"))
        assert len(heard) == 1

    def test_of_one_session_hide_nothing_of_another(self, browser, device, bob, other_account):
        session_id = AuthSession.objects.get(user=other_account.user).pk.hex
        with listening(device_proof_failed) as heard:
            for each in (device.session_id, session_id):
                renew(browser, each, Device().proof("x"))
        assert len(heard) == 2

    def test_do_not_hide_a_stolen_token(self, browser, offer, clock):
        thief = browser.clone()
        device = bind_on_sign_in(browser, offer)
        clock.shift(11)
        with listening(device_proof_failed) as heard:
            renew(thief, device.session_id, Device().proof("x"))
            thief.post("/auth/refresh")
        assert [told["reason"] for _signal, told in heard] == ["signature", "refresh_token"]
