"""The rule of rotation, as a browser, an app, a thief and a database that failed over meet it."""

import logging
from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fastauth_django import conflicts
from fastauth_django.cookies import CookieTooLarge
from fastauth_django.models import AuthSession, AuthSessionQuerySet
from fastauth_django.signals import refresh_token_repeated, refresh_token_reused, session_revoked, token_refreshed
from fastauth_django.tokens import AccessToken, RefreshToken
from tests.clients import ACCESS, REFRESH, Browser, NativeApp
from tests.factories import make_account
from tests.reading import (
    access_claims,
    clears_cookies,
    holds_token,
    is_alive,
    listening,
    refresh_claims,
    revoked_reason,
    session_of,
    sets_cookies,
    touches_no_cookie,
)

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60
HOUR = 60 * 60


@pytest.fixture(params=["cookie", "json"])
def owner(request, account, settings):
    """Ada's browser, or her app, signed in."""
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_DELIVERY": request.param}
    client = Browser() if request.param == "cookie" else NativeApp()
    assert client.sign_in(account).status_code == 200
    return client


@pytest.fixture
def copy(clock, owner):
    """The owner's tokens of before, after a refresh whose answer nobody has used yet: a second tab, or a thief."""
    before = owner.clone()
    assert owner.refresh().status_code == 200
    return before


@pytest.fixture
def second_tab(clock, signed_in) -> Browser:
    """A tab that still holds the cookies of before, after the first tab has refreshed."""
    tab = signed_in.clone()
    assert signed_in.refresh().status_code == 200
    return tab


@pytest.fixture
def strict(settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 0}


def refresh_with(client, *raw_tokens):
    """A refresh by a browser that sends several cookies of the name, in this order."""
    return client.refresh(HTTP_COOKIE="; ".join(f"{REFRESH}={raw_token}" for raw_token in raw_tokens))


def is_reuse(response):
    return (response.status_code, response.json().get("code")) == (401, "refresh_token_reused")


def rotation_of(client):
    session = session_of(client)
    return session.predecessor, session.generation, session.seen


# --- The present generation, and the next ---------------------------------------------------------------------------


def test_token_of_the_present_generation_buys_the_next(owner):
    for generation in range(1, 4):
        assert owner.refresh().status_code == 200
        assert rotation_of(owner) == (generation - 1, generation, False)


def test_access_token_carries_the_generation_it_was_issued_with(owner):
    owner.refresh()

    access = owner.cookie(ACCESS) if isinstance(owner, Browser) else owner.access
    assert access_claims(access)["gen"] == 1


def test_grandparent_is_reuse_inside_the_grace_too(owner, copy):
    owner.refresh()

    assert is_reuse(copy.refresh())
    assert not is_alive(session_of(owner))


def test_address_and_user_agent_may_change_with_every_request(clock, owner, use):
    for number in range(10):
        extra = {"REMOTE_ADDR": f"192.0.2.{number}", "HTTP_USER_AGENT": f"Navigator/{number}"}
        assert owner.refresh(**extra).status_code == 200
        use(owner)
        clock.shift(timedelta(minutes=14))

    assert is_alive(session_of(owner))


# --- The predecessor, a moment later --------------------------------------------------------------------------------


def test_second_tab_gets_an_access_cookie_and_keeps_its_refresh_cookie(clock, signed_in, second_tab):
    clock.shift(4)
    before = second_tab.cookie(REFRESH)

    response = second_tab.refresh()

    assert response.status_code == 200
    assert {name: morsel["max-age"] for name, morsel in response.cookies.items()} == {ACCESS: 900}
    assert response.json() == {
        "message": "Authentication successful",
        "expires_in": 900,
        "refresh_expires_in": 30 * DAY - 4,
    }
    assert not holds_token(response)
    assert response["Cache-Control"] == "no-store"
    assert second_tab.cookie(REFRESH) == before
    assert access_claims(second_tab.cookie(ACCESS))["gen"] == 0
    assert second_tab.get("/private").status_code == signed_in.get("/private").status_code == 200
    assert session_of(signed_in).generation == 1


def test_retry_of_an_app_gets_the_same_successor(clock, native_app, account, settings):
    settings.FASTAUTH = {}
    native_app.sign_in(account)
    retry = native_app.clone()
    native_app.refresh()
    clock.shift(4)

    response = retry.refresh()

    assert response.status_code == 200
    assert refresh_claims(retry.refresh_token) == refresh_claims(native_app.refresh_token)
    assert response.json()["refresh_expires_in"] in range(30 * DAY - 4, 30 * DAY + 1)
    assert access_claims(retry.access)["gen"] == 1
    assert touches_no_cookie(response)
    assert session_of(native_app).generation == 1
    assert retry.refresh().status_code == 200


def test_access_cookie_that_browsers_drop_is_not_repeated_either(second_tab, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": lambda user, claims: {**claims, "x": "x" * 5000}}

    with pytest.raises(CookieTooLarge):
        second_tab.refresh()


def test_thief_who_waits_for_the_owner_to_refresh_gets_no_session(clock, signed_in, use):
    """The grace gives one access token away, and no refresh token to go on with."""
    thief = signed_in.clone()
    signed_in.refresh()

    assert thief.refresh().status_code == 200
    use(signed_in)
    clock.shift(11)
    assert is_reuse(thief.refresh())


@pytest.mark.parametrize("seconds", [0, 9, 10])
def test_grace_lasts_ten_seconds(clock, owner, copy, seconds):
    clock.shift(seconds)

    assert copy.refresh().status_code == 200
    assert session_of(owner).generation == 1


def test_grace_is_over_after_eleven_seconds(clock, owner, copy, use):
    use(owner)
    clock.shift(11)

    assert is_reuse(copy.refresh())


@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (61, 401)])
def test_grace_is_a_setting(clock, owner, copy, use, settings, seconds, status):
    settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 60}
    use(owner)
    clock.shift(seconds)

    assert copy.refresh().status_code == status


@pytest.mark.parametrize("seconds", [0, HOUR])
@pytest.mark.usefixtures("strict")
def test_without_grace_no_predecessor_is_answered_not_even_after_a_lost_answer(clock, copy, seconds):
    clock.shift(seconds)

    assert is_reuse(copy.refresh())


def test_repeated_refresh_is_announced_and_is_no_second_rotation(owner, copy):
    with listening(token_refreshed, refresh_token_repeated, refresh_token_reused) as heard:
        copy.refresh()

    [(signal, arguments)] = heard
    assert signal is refresh_token_repeated
    assert arguments["sender"] is AuthSession
    assert arguments["session"] == session_of(owner)
    assert arguments["request"].path == "/auth/refresh"
    assert arguments["lost"] is False


def test_repeated_refresh_is_logged_with_address_and_user_agent(owner, copy, caplog):
    with caplog.at_level(logging.INFO, logger="fastauth_django.security"):
        copy.refresh(REMOTE_ADDR="192.0.2.66", HTTP_USER_AGENT="Navigator/5.0\nforged")

    [record] = [record for record in caplog.records if record.name == "fastauth_django.security"]
    message = record.getMessage()
    assert record.levelno == logging.INFO
    assert str(session_of(owner).pk) in message
    assert "another tab" in message
    assert "192.0.2.66" in message
    assert "Navigator/5.0" in message
    assert "\n" not in message
    assert "eyJ" not in message


def test_repeated_refresh_costs_one_query(copy, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert copy.refresh().status_code == 200


def test_repeated_refresh_moves_nothing_that_a_list_of_sessions_shows(owner, copy):
    before = AuthSession.objects.values().get()

    copy.refresh(REMOTE_ADDR="192.0.2.66", HTTP_USER_AGENT="Navigator/5.0")

    assert AuthSession.objects.values().get() == before


def test_fifty_tabs_refresh_at_once_and_nobody_is_signed_out(clock, owner, use):
    tabs = [owner.clone() for _tab in range(50)]
    owner.refresh()

    for number, tab in enumerate(tabs):
        assert tab.refresh(REMOTE_ADDR=f"192.0.2.{number}", HTTP_USER_AGENT=f"tab {number}").status_code == 200

    assert session_of(owner).generation == 1
    for tab in tabs:
        use(tab)
    use(owner)
    clock.shift(timedelta(minutes=14))
    assert owner.refresh().status_code == 200


def test_tabs_that_share_a_jar_go_on_refreshing(clock, signed_in, use):
    """The loser's access cookie comes into the jar beside the winner's refresh cookie."""
    for _round in range(5):
        loser = signed_in.clone()
        assert signed_in.refresh().status_code == 200
        assert loser.refresh().status_code == 200
        signed_in.set_cookie(ACCESS, loser.cookie(ACCESS))
        use(signed_in)
        clock.shift(timedelta(minutes=14))

    assert session_of(signed_in).generation == 5


class TestAServerThatRendersPagesBesideTheBrowser:
    """It has the visitor's cookies, another address and another user agent, and no jar."""

    FROM_SERVER = {"REMOTE_ADDR": "192.0.2.1", "HTTP_USER_AGENT": "node"}

    def test_that_comes_second_gets_what_it_needs_to_render(self, clock, signed_in, use):
        for _page in range(5):
            server = signed_in.clone()
            assert signed_in.refresh().status_code == 200
            assert server.refresh(**self.FROM_SERVER).status_code == 200
            assert server.get("/private").status_code == 200
            use(signed_in)
            clock.shift(timedelta(minutes=14))

        assert signed_in.refresh().status_code == 200

    def test_that_comes_first_and_hands_the_cookies_over(self, clock, signed_in, use):
        for _page in range(5):
            server = signed_in.clone()
            assert server.refresh(**self.FROM_SERVER).status_code == 200
            assert server.get("/private").status_code == 200
            assert signed_in.refresh().status_code == 200  # Under way meanwhile: an access cookie alone.
            signed_in.set_cookie(REFRESH, server.cookie(REFRESH))
            use(signed_in)
            clock.shift(timedelta(minutes=14))

        assert signed_in.refresh().status_code == 200

    def test_that_keeps_the_cookies_and_uses_them_ends_the_session_with_its_address_in_the_list(
        self, clock, signed_in, use
    ):
        """No rule can tell it from a thief. The documentation says so."""
        server = signed_in.clone()
        server.refresh(**self.FROM_SERVER)
        use(server)
        [shown] = server.get("/auth/sessions").json()
        clock.shift(timedelta(minutes=14))

        assert (shown["ip_address"], shown["user_agent"]) == ("192.0.2.1", "node")
        assert is_reuse(signed_in.refresh())


# --- The predecessor, when the answer was lost ----------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [11, HOUR, 29 * DAY])
def test_client_whose_answer_was_lost_goes_on(clock, owner, copy, seconds):
    """A server that died between the write and the answer, a closed lid, a tunnel."""
    clock.shift(seconds)

    response = copy.refresh()

    assert response.status_code == 200
    assert isinstance(copy, NativeApp) or sets_cookies(response)
    assert rotation_of(copy) == (0, 2, False)
    assert refresh_claims(copy.cookie(REFRESH) if isinstance(copy, Browser) else copy.refresh_token)["gen"] == 2
    assert copy.get("/private").status_code == 200
    assert copy.refresh().status_code == 200


def test_answer_may_be_lost_again_and_again(clock, owner):
    for _time in range(5):
        owner.clone().refresh()
        clock.shift(HOUR)

    assert owner.refresh().status_code == 200
    assert rotation_of(owner) == (0, 6, False)


def test_of_two_answers_the_first_that_comes_back_counts(clock, owner, copy):
    """Somebody caught the answer that the owner never got: whoever comes second is reuse."""
    clock.shift(HOUR)
    copy.refresh()

    assert owner.refresh().status_code == 200
    assert is_reuse(copy.refresh())
    assert not is_alive(session_of(owner))


def test_lost_answer_that_two_tabs_repeat_at_once_is_given_to_each(clock, owner, copy, between):
    """Either answer may be the later one in the jar, so either refresh token has to be good."""
    clock.shift(HOUR)
    other_tab = copy.clone()
    between(other_tab.refresh)

    response = copy.refresh()

    assert response.status_code == 200
    assert rotation_of(other_tab) == (0, 3, False)
    assert isinstance(copy, NativeApp) or set(response.cookies) == {ACCESS, REFRESH}
    assert copy.get("/private").status_code == 200
    assert other_tab.refresh().status_code == 200


def test_lost_answer_costs_two_queries(clock, copy, django_assert_num_queries):
    clock.shift(HOUR)

    with django_assert_num_queries(2):
        assert copy.refresh().status_code == 200


def test_lost_answer_is_announced_after_the_rotation(clock, copy):
    clock.shift(HOUR)

    with listening(token_refreshed, refresh_token_repeated, refresh_token_reused) as heard:
        copy.refresh()

    assert [signal for signal, _arguments in heard] == [token_refreshed, refresh_token_repeated]
    assert heard[1][1]["lost"] is True
    assert heard[1][1]["session"].generation == 2


def test_lost_answer_is_logged(clock, copy, caplog):
    clock.shift(HOUR)

    with caplog.at_level(logging.INFO, logger="fastauth_django.security"):
        copy.refresh(REMOTE_ADDR="192.0.2.66")

    [record] = [record for record in caplog.records if record.name == "fastauth_django.security"]
    assert record.levelno == logging.INFO
    assert "the answer was lost" in record.getMessage()
    assert "192.0.2.66" in record.getMessage()


def test_lost_answer_brings_no_session_back_that_was_revoked_meanwhile(clock, owner, copy, between):
    clock.shift(HOUR)
    between(lambda: AuthSession.objects.update(revoked_at=timezone.now(), revoked_reason="ended"))

    assert copy.refresh().json()["code"] == "session_revoked"
    assert revoked_reason(session_of(owner)) == "ended"


# --- An answer that arrived -----------------------------------------------------------------------------------------


def test_first_access_token_of_a_generation_shows_that_its_answer_arrived(owner, use):
    owner.refresh()

    use(owner)

    assert rotation_of(owner) == (0, 1, True)


@pytest.mark.parametrize("seconds", [11, HOUR])
def test_predecessor_of_a_generation_whose_answer_arrived_is_reuse(clock, owner, copy, use, seconds):
    use(owner)
    clock.shift(seconds)

    assert is_reuse(copy.refresh())
    assert revoked_reason(session_of(owner)) == "reuse"


def test_refresh_token_of_a_generation_shows_it_too(clock, owner, copy):
    """A client that only refreshes: what it presents, it must have got."""
    clock.shift(HOUR)
    owner.refresh()
    clock.shift(HOUR)

    assert is_reuse(copy.refresh())


def test_access_token_of_a_repeated_answer_does_not_show_that_the_first_arrived(clock, signed_in, second_tab, use):
    """The second tab works on, while the answer to the first was lost."""
    second_tab.refresh()
    use(second_tab)

    assert session_of(signed_in).seen is False
    clock.shift(HOUR)
    assert second_tab.refresh().status_code == 200


def test_access_token_from_before_the_refresh_shows_nothing(clock, owner, copy, use):
    use(copy)

    assert session_of(owner).seen is False


def test_access_token_without_a_generation_shows_nothing(signed_in, use):
    """As version 0.1.0 issued them."""
    signed_in.refresh()
    token = AccessToken.read(signed_in.cookie(ACCESS))
    del token.payload["gen"]
    signed_in.set_cookie(ACCESS, str(token))

    assert use(signed_in) == []
    assert session_of(signed_in).seen is False


def test_generation_that_is_true_is_none(signed_in, use):
    """JSON's true equals 1 in Python."""
    signed_in.refresh()
    token = AccessToken.read(signed_in.cookie(ACCESS))
    token.payload["gen"] = True
    signed_in.set_cookie(ACCESS, str(token))

    assert use(signed_in) == []


def test_access_token_of_a_sign_in_shows_nothing(owner, use):
    assert use(owner) == []
    assert rotation_of(owner) == (None, 0, None)


def test_access_token_of_a_bound_session_shows_nothing(browser, device, use):
    """Only the device's key renews the session, and a renewal that was lost is repeated with it."""
    assert device.renew(browser).status_code == 200

    assert use(browser) == []
    session = AuthSession.objects.get()
    assert session.is_device_bound
    assert session.seen is False


def test_arrival_is_noted_after_the_requests_transaction(signed_in, django_capture_on_commit_callbacks):
    signed_in.refresh()

    with django_capture_on_commit_callbacks() as callbacks:
        signed_in.get("/private")

    assert session_of(signed_in).seen is False
    [note] = callbacks
    note()
    assert session_of(signed_in).seen is True


def test_arrival_of_a_generation_says_nothing_of_the_next(signed_in, django_capture_on_commit_callbacks):
    signed_in.refresh()
    with django_capture_on_commit_callbacks() as callbacks:
        signed_in.get("/private")
    signed_in.refresh()

    [note] = callbacks
    note()

    assert rotation_of(signed_in) == (1, 2, False)


def test_arrival_is_not_noted_in_a_session_that_was_revoked_meanwhile(signed_in, django_capture_on_commit_callbacks):
    signed_in.refresh()
    with django_capture_on_commit_callbacks() as callbacks:
        signed_in.get("/private")
    signed_in.clone().post("/auth/logout")

    [note] = callbacks
    note()

    assert session_of(signed_in).seen is False


def test_arrival_that_could_not_be_noted_is_noted_a_minute_later(
    signed_in, monkeypatch, django_capture_on_commit_callbacks
):
    now = 1_000_000.0
    monkeypatch.setattr(conflicts, "monotonic", lambda: now)
    signed_in.refresh()

    def tries():
        with django_capture_on_commit_callbacks() as callbacks:
            signed_in.get("/private")
        return len(callbacks)

    assert [tries(), tries()] == [1, 0]
    now += 59
    assert tries() == 0
    now += 1
    assert tries() == 1


@pytest.mark.django_db(transaction=True)
def test_protected_request_costs_two_queries_once_after_a_rotation_and_then_one(owner):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            owner.get("/private")
        return sum(query["sql"] not in {"BEGIN", "COMMIT"} for query in captured)

    assert [queries(), queries()] == [1, 1]
    owner.refresh()
    assert [queries(), queries(), queries()] == [2, 1, 1]


@pytest.mark.django_db(transaction=True)
def test_arrival_is_not_noted_where_the_project_manages_transactions_by_hand(signed_in):
    signed_in.refresh()
    transaction.set_autocommit(False)
    try:
        assert signed_in.get("/private").status_code == 200
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)

    assert session_of(signed_in).seen is False


@pytest.mark.django_db(transaction=True)
def test_request_whose_transaction_is_rolled_back_notes_nothing_and_is_answered(signed_in):
    signed_in.refresh()

    with transaction.atomic():
        assert signed_in.get("/private").status_code == 200
        transaction.set_rollback(True)

    assert session_of(signed_in).seen is False


@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "inside a transaction"])
@pytest.mark.django_db(transaction=True)
def test_request_is_answered_although_the_arrival_cannot_be_noted(signed_in, monkeypatch, caplog, atomic):
    """A database that takes no writes at the moment."""
    signed_in.refresh()

    def fail(rows, **changes):
        raise OperationalError("cannot execute UPDATE in a read-only transaction")

    monkeypatch.setattr(AuthSessionQuerySet, "update", fail)
    with transaction.atomic() if atomic else nullcontext():
        assert signed_in.get("/private").status_code == 200

    assert session_of(signed_in).seen is False
    assert ["read-only" in record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == [True]


def test_answer_that_arrives_while_the_predecessor_is_presented_makes_that_reuse(clock, owner, copy, use, between):
    clock.shift(timedelta(minutes=5))
    between(lambda: use(owner))

    assert is_reuse(copy.refresh())


# --- What version 0.1.0 left, and what it writes beside this version ------------------------------------------------


@pytest.fixture
def from_the_old_version(clock, owner):
    """A session that version 0.1.0 rotated, and the tokens from before its last rotation."""
    owner.refresh()
    before = owner.clone()
    owner.refresh()
    AuthSession.objects.update(predecessor=None, successor=None, seen=None)
    return before


def test_session_of_the_old_version_goes_on(owner, from_the_old_version):
    assert owner.refresh().status_code == 200
    assert rotation_of(owner) == (2, 3, False)


def test_predecessor_in_a_session_of_the_old_version_is_one_less(clock, owner, from_the_old_version):
    clock.shift(10)

    assert from_the_old_version.refresh().status_code == 200
    assert session_of(owner).generation == 2


def test_generation_that_the_old_version_issued_counts_as_arrived(clock, owner, from_the_old_version, use):
    assert use(owner) == []
    clock.shift(11)

    assert is_reuse(from_the_old_version.refresh())


@pytest.fixture
def rotated_by_an_old_process(clock, owner):
    """Generation 1 is this version's. An old process, which does not know the new columns, made generation 2."""
    first = owner.clone()
    owner.refresh()
    second = owner.clone()
    rotation = AuthSession.objects.values("predecessor", "successor", "seen").get()
    owner.refresh()
    AuthSession.objects.update(**rotation)
    return first, second


def test_predecessor_of_an_old_process_is_one_less(clock, owner, rotated_by_an_old_process):
    first, second = rotated_by_an_old_process

    assert second.refresh().status_code == 200
    assert session_of(owner).generation == 2
    assert is_reuse(first.refresh())


def test_generation_of_an_old_process_counts_as_arrived(clock, owner, rotated_by_an_old_process, use):
    assert use(owner) == []
    clock.shift(11)

    assert is_reuse(rotated_by_an_old_process[1].refresh())


# --- A row that is behind -------------------------------------------------------------------------------------------


def lose_writes(client, rotations):
    """Rotate, and then fail over to a standby that lacks those writes."""
    standby = AuthSession.objects.values().get()
    for _rotation in range(rotations):
        client.refresh()
    AuthSession.objects.filter(pk=standby.pop("id")).update(**standby)


@pytest.mark.parametrize("ahead", [1, 2])
def test_token_that_is_ahead_goes_on_at_a_generation_that_was_never_given_out(owner, ahead, caplog):
    lose_writes(owner, ahead)

    with listening(refresh_token_repeated, refresh_token_reused, session_revoked) as heard:
        response = owner.refresh()

    assert response.status_code == 200
    assert rotation_of(owner) == (ahead, ahead + 1_000, False)
    assert owner.get("/private").status_code == 200
    assert owner.refresh().status_code == 200
    assert heard == []
    [record] = [record for record in caplog.records if record.name == "fastauth_django.security"]
    assert record.levelno == logging.WARNING
    assert "behind" in record.getMessage()
    assert str(session_of(owner).pk) in record.getMessage()


def test_token_that_is_ahead_is_answered_without_a_grace_too(owner, strict):
    lose_writes(owner, 1)

    assert owner.refresh().status_code == 200


def test_second_tab_may_repeat_a_token_that_was_ahead(clock, owner):
    lose_writes(owner, 2)
    tab = owner.clone()
    owner.refresh()

    assert tab.refresh().status_code == 200
    assert session_of(owner).generation == 1_002
    clock.shift(HOUR)
    assert tab.refresh().status_code == 200, "the answer was lost"


@pytest.mark.parametrize("thief_is_first", [True, False])
def test_second_client_that_is_ahead_is_reuse(owner, thief_is_first):
    owner.refresh()
    standby = AuthSession.objects.values().get()
    owner.refresh()
    thief = owner.clone()
    owner.refresh()
    AuthSession.objects.update(**standby)
    first, second = (thief, owner) if thief_is_first else (owner, thief)

    assert first.refresh().status_code == 200
    assert is_reuse(second.refresh())


def test_token_that_is_further_ahead_ends_the_session_without_an_alarm(owner, caplog):
    """A restored backup: nobody stole anything, and nobody knows what else was lost."""
    lose_writes(owner, 3)

    with listening(refresh_token_repeated, refresh_token_reused, session_revoked) as heard:
        response = owner.refresh()

    assert (response.status_code, response.json()["code"]) == (401, "session_revoked")
    assert isinstance(owner, NativeApp) or clears_cookies(response)
    assert [(signal, arguments["reason"]) for signal, arguments in heard] == [(session_revoked, "behind")]
    [record] = [record for record in caplog.records if record.name == "fastauth_django.security"]
    assert "far behind its token" in record.getMessage()
    assert AuthSession.objects.get().revoked_reason == "behind"


def test_token_that_is_ahead_of_a_revoked_row_revives_nothing(owner):
    AuthSession.objects.update(revoked_at=timezone.now(), revoked_reason="ended")
    session = AuthSession.objects.get()
    session.generation = 1
    token = str(RefreshToken.for_session(session))

    response = Browser().post("/app/refresh", {"refresh_token": token}, format="json")

    assert response.json()["code"] == "session_revoked"
    assert revoked_reason(session) == "ended"


# --- Reuse ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def stolen(clock, owner, copy, use):
    """A copy of tokens that the owner has replaced, and whose successors the owner uses."""
    use(owner)
    clock.shift(11)
    return copy


def test_reuse_clears_the_cookies_and_says_why(owner, stolen):
    response = stolen.refresh()

    assert is_reuse(response)
    assert touches_no_cookie(response) if isinstance(owner, NativeApp) else clears_cookies(response)
    assert response["Cache-Control"] == "no-store"
    assert 'error="invalid_token", error_description="refresh_token_reused"' in response["WWW-Authenticate"]
    assert revoked_reason(session_of(owner)) == "reuse"


def test_reuse_ends_the_session_for_both_parties(owner, stolen):
    stolen.refresh()

    assert owner.get("/private").status_code == stolen.get("/private").status_code == 401
    assert owner.refresh().json()["code"] == "session_revoked"


def test_reuse_ends_this_session_only(stolen, account):
    phone = type(stolen)()
    phone.sign_in(account)

    stolen.refresh()

    assert phone.get("/private").status_code == 200


def test_session_that_was_revoked_before_is_no_reuse(stolen):
    AuthSession.objects.update(revoked_at=timezone.now(), revoked_reason="ended")

    with listening(refresh_token_reused) as heard:
        response = stolen.refresh()

    assert response.json()["code"] == "session_revoked"
    assert heard == []
    assert AuthSession.objects.get().revoked_reason == "ended"


def test_reuse_is_revoked_then_logged_and_then_announced(owner, stolen):
    happened = []

    class Log(logging.Handler):
        def emit(self, record):
            happened.append(("log", is_alive(session)))

    def hear(signal, **kwargs):
        happened.append(("signal", is_alive(session)))

    session, logger, handler = session_of(owner), logging.getLogger("fastauth_django.security"), Log()
    logger.addHandler(handler)
    refresh_token_reused.connect(hear)
    try:
        stolen.refresh()
    finally:
        logger.removeHandler(handler)
        refresh_token_reused.disconnect(hear)

    assert happened == [("log", False), ("signal", False)]


def test_reuse_is_announced_with_what_is_known(owner, stolen):
    with listening(refresh_token_reused, refresh_token_repeated, session_revoked, token_refreshed) as heard:
        stolen.refresh()

    assert [signal for signal, _arguments in heard] == [session_revoked, refresh_token_reused]
    assert all(arguments["session"] == session_of(owner) for _signal, arguments in heard)
    assert all(arguments["request"].path == "/auth/refresh" for _signal, arguments in heard)
    assert heard[0][1]["reason"] == "reuse"
    assert heard[1][1]["session"].user == session_of(owner).user


@pytest.mark.parametrize(
    ("address", "user_agent", "same"),
    [
        ("192.0.2.1", "Navigator/5.0", True),
        ("192.0.2.2", "Navigator/5.0", False),
        ("192.0.2.1", "Navigator/6.0", False),
    ],
)
def test_reuse_says_whether_the_client_is_that_of_the_last_rotation(owner, use, clock, address, user_agent, same):
    late = owner.clone()
    owner.refresh(REMOTE_ADDR="192.0.2.1", HTTP_USER_AGENT="Navigator/5.0")
    use(owner)
    clock.shift(11)

    with listening(refresh_token_reused) as heard:
        late.refresh(REMOTE_ADDR=address, HTTP_USER_AGENT=user_agent)

    assert [arguments["same_client"] for _signal, arguments in heard] == [same]


def test_same_client_is_known_with_a_user_agent_that_is_cut(owner, use, clock):
    long = "Navigator/" + "5" * 1_000
    late = owner.clone()
    owner.refresh(HTTP_USER_AGENT=long)
    use(owner)
    clock.shift(11)

    with listening(refresh_token_reused) as heard:
        late.refresh(HTTP_USER_AGENT=long)

    assert [arguments["same_client"] for _signal, arguments in heard] == [True]


@pytest.mark.parametrize("seconds", [11, HOUR])
def test_reuse_says_how_long_ago_the_last_rotation_was(clock, owner, copy, use, seconds):
    use(owner)
    clock.shift(seconds)

    with listening(refresh_token_reused) as heard:
        copy.refresh()

    assert [arguments["age"] for _signal, arguments in heard] == [seconds]


def test_reuse_is_logged_without_a_token(owner, stolen, caplog):
    raw_token = stolen.cookie(REFRESH) if isinstance(stolen, Browser) else stolen.refresh_token

    with caplog.at_level(logging.INFO, logger="fastauth_django.security"):
        stolen.refresh(REMOTE_ADDR="192.0.2.66")

    [record] = [record for record in caplog.records if record.name == "fastauth_django.security"]
    session = session_of(owner)
    message = record.getMessage()
    assert record.levelno == logging.WARNING
    assert str(session.pk) in message
    assert str(session.user.pk) in message
    assert "192.0.2.66" in message
    assert "eyJ" not in caplog.text
    assert refresh_claims(raw_token)["jti"] not in caplog.text


# --- A thief ends up nowhere ----------------------------------------------------------------------------------------


def test_thief_who_refreshes_first_ends_the_session_at_the_owners_next_refresh(clock, owner, use):
    thief = owner.clone()
    thief.refresh()
    use(thief)
    clock.shift(HOUR)

    assert is_reuse(owner.refresh())
    assert thief.refresh().json()["code"] == "session_revoked"


def test_thief_who_rotates_first_and_waits_does_not_share_the_session(clock, owner, use):
    """If the lost answer were repeated as the same successor, both would hold it and go on for ever."""
    thief = owner.clone()
    thief.refresh()
    clock.shift(HOUR)
    assert owner.refresh().status_code == 200, "the thief has not used what it got"
    use(owner)

    thief.refresh()
    assert is_reuse(owner.refresh())
    assert thief.get("/private").status_code == 401


# --- Races ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rotations", [0, 1, 2])
def test_refresh_that_loses_to_another_tab_is_a_repeated_one(owner, between, rotations):
    for _rotation in range(rotations):
        owner.refresh()
    other_tab = owner.clone()
    between(other_tab.refresh)

    with listening(refresh_token_repeated) as heard:
        response = owner.refresh()

    assert response.status_code == 200
    assert isinstance(owner, NativeApp) or set(response.cookies) == {ACCESS}
    assert rotation_of(other_tab) == (rotations, rotations + 1, False)
    assert [arguments["lost"] for _signal, arguments in heard] == [False]


@pytest.mark.usefixtures("strict")
def test_refresh_that_loses_to_another_tab_without_grace_is_reuse(owner, between):
    other_tab = owner.clone()
    between(other_tab.refresh)

    assert is_reuse(owner.refresh())
    assert not is_alive(session_of(other_tab))


def test_refresh_that_loses_to_two_rotations_is_reuse(owner, between):
    other_tab = owner.clone()
    between(lambda: (other_tab.refresh(), other_tab.refresh()))

    assert is_reuse(owner.refresh())


# --- Several cookies of one name ------------------------------------------------------------------------------------

orders = pytest.mark.parametrize("order", ["stale first", "stale last"])


def ordered(order, stale, live):
    return (stale, live) if order == "stale first" else (live, stale)


@orders
def test_cookies_that_are_left_over_of_one_session_are_no_theft(clock, signed_in, second_tab, use, order):
    """One of another path, or of a former name."""
    use(signed_in)
    clock.shift(11)

    with listening(refresh_token_reused, refresh_token_repeated) as heard:
        response = refresh_with(signed_in, *ordered(order, second_tab.cookie(REFRESH), signed_in.cookie(REFRESH)))

    assert response.status_code == 200
    assert session_of(signed_in).generation == 2
    assert heard == []


@pytest.fixture
def robbed(clock, use):
    """Another user's browser, which goes on, and a stale copy of its refresh cookie."""
    browser = Browser()
    browser.sign_in(make_account("carol"))
    stale = browser.cookie(REFRESH)
    browser.refresh()
    use(browser)
    clock.shift(11)
    return browser, stale


@orders
def test_stale_token_beside_a_live_one_of_another_session_is_reuse_all_the_same(signed_in, robbed, order, caplog):
    """A decoy silences nothing: a thief cannot try a stolen token beside a session of his own."""
    browser, stale = robbed

    with listening(refresh_token_reused) as heard:
        response = refresh_with(signed_in, *ordered(order, stale, signed_in.cookie(REFRESH)))

    assert response.status_code == 200
    assert sets_cookies(response)
    assert refresh_claims(response.cookies[REFRESH].value)["sid"] == session_of(signed_in).pk.hex
    assert session_of(signed_in).generation == 1
    assert is_alive(session_of(signed_in))
    assert revoked_reason(session_of(browser)) == "reuse"
    assert [arguments["session"] for _signal, arguments in heard] == [session_of(browser)]
    assert [record.levelname for record in caplog.records if record.name == "fastauth_django.security"] == ["WARNING"]


@orders
def test_stale_token_beside_one_that_is_repeated_is_reuse_too(signed_in, second_tab, robbed, order):
    browser, stale = robbed
    AuthSession.objects.filter(pk=session_of(signed_in).pk).update(rotated_at=timezone.now())

    response = refresh_with(second_tab, *ordered(order, stale, second_tab.cookie(REFRESH)))

    assert response.status_code == 200
    assert set(response.cookies) == {ACCESS}
    assert revoked_reason(session_of(browser)) == "reuse"


@orders
def test_token_that_is_far_ahead_beside_a_live_one_ends_its_session_too(signed_in, robbed, order):
    browser, _stale = robbed
    session = session_of(browser)
    session.generation += 3

    response = refresh_with(
        signed_in, *ordered(order, str(RefreshToken.for_session(session)), signed_in.cookie(REFRESH))
    )

    assert sets_cookies(response)
    assert revoked_reason(session_of(browser)) == "behind"


@pytest.mark.parametrize("order", ["dead first", "dead last"])
@pytest.mark.parametrize("kind", ["ended session", "garbage"])
def test_dead_cookie_beside_a_live_one_is_passed_over(signed_in, account, order, kind):
    dead = "garbage"
    if kind == "ended session":
        older = Browser()
        older.sign_in(account)
        dead = older.cookie(REFRESH)
        older.post("/auth/logout")
    live = signed_in.cookie(REFRESH)

    with listening(refresh_token_reused) as heard:
        response = refresh_with(signed_in, *((dead, live) if order == "dead first" else (live, dead)))

    assert response.status_code == 200
    assert refresh_claims(response.cookies[REFRESH].value)["sid"] == session_of(signed_in).pk.hex
    assert heard == []


def test_of_two_live_sessions_the_first_counts(signed_in, account):
    other = Browser()
    other.sign_in(account)

    refresh_with(Browser(), other.cookie(REFRESH), signed_in.cookie(REFRESH))

    assert session_of(other).generation == 1
    assert session_of(signed_in).generation == 0
    assert is_alive(session_of(signed_in))


@pytest.mark.parametrize("beside", ["garbage", "ended session"])
def test_reuse_is_told_when_all_cookies_are_dead(signed_in, account, robbed, beside):
    browser, stale = robbed
    dead = "garbage"
    if beside == "ended session":
        dead = signed_in.cookie(REFRESH)
        signed_in.post("/auth/logout")

    response = refresh_with(Browser(), dead, stale)

    assert is_reuse(response)
    assert not is_alive(session_of(browser))
    assert clears_cookies(response)


@pytest.mark.usefixtures("strict")
def test_every_reused_session_ends_when_all_cookies_are_dead(signed_in, account):
    other = Browser()
    other.sign_in(account)
    stale = [browser.cookie(REFRESH) for browser in (signed_in, other)]
    signed_in.refresh()
    other.refresh()

    refresh_with(Browser(), *stale)

    assert revoked_reason(session_of(signed_in)) == revoked_reason(session_of(other)) == "reuse"


def test_first_fault_is_told_when_all_cookies_are_garbage(clock, browser, signed_in):
    clock.shift(timedelta(days=31))

    response = refresh_with(browser, signed_in.cookie(REFRESH), "garbage")

    assert response.json()["code"] == "token_expired"


def test_answer_with_an_access_cookie_alone_clears_no_former_cookie(clock, browser, account, settings):
    """The refresh cookie in the jar may be the former one: the answer that would have replaced it was lost."""
    browser.sign_in(account)
    settings.FASTAUTH = {
        **settings.FASTAUTH,
        "COOKIE_PATH_REFRESH": "/auth/",
        "COOKIE_FORMER": [{"name": REFRESH, "path": "/"}],
    }
    retry = browser.clone()
    browser.refresh()

    response = retry.refresh()

    assert response.status_code == 200
    assert set(response.cookies) == {ACCESS}
    assert response["Cache-Control"] == "no-store"
