"""WebSockets: who is at the other end, whose page may open one, and when the server closes it."""

import asyncio
import json
import logging
import os
import queue
import subprocess
import sys
from datetime import UTC, date, timedelta
from logging.handlers import QueueHandler
from uuid import uuid4

import pytest
import time_machine
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.layers import BaseChannelLayer, get_channel_layer
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken

from fastauth_django import sessions
from fastauth_django.authentication import CookieJWTAuthentication, CookieJWTStatelessUserAuthentication
from fastauth_django.contrib import channels
from fastauth_django.contrib.channels import AuthSocketMiddleware
from fastauth_django.exceptions import UserInactive
from fastauth_django.models import AuthSession, AuthSessionManager
from tests.clients import ACCESS, REFRESH, Browser
from tests.devices import bind_on_sign_in
from tests.factories import PASSWORD
from tests.sockets import TIMEOUT, Socket, handshake, running_loop

pytestmark = pytest.mark.django_db(transaction=True)

OWN = {"origin": "http://testserver"}
EVIL = {"origin": "https://evil.example"}
FORBIDDEN = {"type": "websocket.close"}


def ended(code):
    return {"type": "websocket.close", "code": 4401, "reason": code}


class Whoami(AsyncJsonWebsocketConsumer):
    """Says whom it sees and what it was given, and repeats what it hears."""

    async def connect(self):
        await self.accept(subprotocol=next(iter(self.scope["subprotocols"]), None))
        session = self.scope["auth_session"]
        seen = {"user": self.scope["user"].get_username(), "session": session and str(session.pk)}
        await self.send_json({**seen, "scope": repr(self.scope)})

    async def receive_json(self, content):
        await self.send_json({"heard": content})

    async def disconnect(self, code):
        await self.send_json("one more secret")


class SyncWhoami(JsonWebsocketConsumer):
    def connect(self):
        self.accept()
        self.send_json({"user": self.scope["user"].get_username()})

    def receive_json(self, content):
        self.send_json({"heard": content})


async def echo(scope, receive, send):
    """What a project writes that uses no consumers, nor a channel layer."""
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": json.dumps({"user": str(scope["user"].pk)})})
        else:
            await send({"type": "websocket.send", "text": f'{{"heard": {message["text"]}}}'})


class Refuses(AsyncJsonWebsocketConsumer):
    async def connect(self):
        await self.close(code=4000)


class SharedLayer(BaseChannelLayer):
    """A layer that reaches other event loops, as Redis reaches other processes. It can fail as Redis does."""

    def __init__(self):
        super().__init__()
        self.groups, self.mailboxes, self.sent = {}, {}, queue.Queue()
        self.fails_at = set()
        self.hangs_at = set()

    async def _act(self, act):
        while act in self.hangs_at:
            await asyncio.sleep(0)
        if act in self.fails_at:
            raise ConnectionError(f"no {act}")

    async def new_channel(self, prefix="specific"):
        channel = f"{prefix}!{uuid4().hex}"
        self.mailboxes[channel] = asyncio.get_running_loop(), asyncio.Queue()
        return channel

    async def group_add(self, group, channel):
        await self._act("group_add")
        self.groups.setdefault(group, set()).add(channel)

    async def group_send(self, group, message):
        await self._act("group_send")
        self.sent.put(message)
        for loop, mailbox in [self.mailboxes[channel] for channel in self.groups.get(group, ())]:
            loop.call_soon_threadsafe(mailbox.put_nowait, message)

    async def receive(self, channel):
        await self._act("receive")
        return await self.mailboxes[channel][1].get()


@pytest.fixture(autouse=True)
def loop():
    with running_loop() as loop:
        yield loop


@pytest.fixture
def connect(loop):
    """``connect(browser, origin=…)``: a socket to ``Whoami``, which has sent its handshake."""

    def open_socket(cookies=None, application=None, **headers):
        application = application or AuthSocketMiddleware(Whoami.as_asgi())
        return Socket(loop, application, handshake(cookies, **headers))

    return open_socket


@pytest.fixture
def app_client(native_app, account, settings):
    """An app that has signed in and keeps its tokens itself."""
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_DELIVERY": "json"}
    assert native_app.sign_in(account).status_code == 200
    return native_app


@pytest.fixture
def _check_often(monkeypatch):
    monkeypatch.setattr(channels, "CHECK_INTERVAL", 0.01)


@pytest.fixture
def layer(settings, monkeypatch):
    monkeypatch.setattr(channels, "LAYER_TIMEOUT", 0.05)
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.{SharedLayer.__name__}"}}
    return get_channel_layer()


@pytest.fixture
def logged():
    """What is written to the security log, in any thread."""
    records = queue.Queue()
    handler = QueueHandler(records)
    logger = logging.getLogger("fastauth_django.security")
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def seen_by(socket):
    accepted = socket.message()
    assert accepted["type"] == "websocket.accept", accepted
    return socket.json()


def answers(socket):
    socket.say('"hello"')
    return socket.message() == {"type": "websocket.send", "text": '{"heard": "hello"}'}


def wait_until(loop, happens):
    async def turn():
        while not happens():
            await asyncio.sleep(0)

    loop.run(turn())


def revoke_elsewhere(**which):
    """As a process does of which this one hears nothing."""
    assert AuthSession.objects.filter(**which).update(revoked_at="2026-06-01T12:00:00Z", revoked_reason="signed_out")


def sign_out(browser):
    assert browser.post("/auth/logout").status_code == 200


# --- Who is at the other end ---------------------------------------------------------------------------------------


def test_consumer_knows_user_and_session_by_the_access_cookie(connect, signed_in, account):
    seen = seen_by(connect(signed_in, **OWN))

    assert seen["user"] == account.user.get_username()
    assert seen["session"] == str(AuthSession.objects.get().pk)


def test_synchronous_consumer_knows_and_answers(connect, signed_in, account):
    socket = connect(signed_in, AuthSocketMiddleware(SyncWhoami.as_asgi()), **OWN)

    assert seen_by(socket)["user"] == account.user.get_username()
    assert answers(socket)
    socket.hang_up()


@pytest.mark.parametrize("cookies", [{}, {ACCESS: "garbage"}])
def test_visitor_without_a_good_cookie_is_anonymous(connect, cookies):
    seen = seen_by(connect(cookies, **OWN))

    assert (seen["user"], seen["session"]) == ("", None)


@pytest.mark.parametrize("cookies", [{}, {ACCESS: "garbage"}])
def test_foreign_page_cannot_find_out_whether_somebody_is_signed_in(connect, signed_in, cookies):
    assert connect(cookies, **EVIL).message() == connect(signed_in, **EVIL).message() == FORBIDDEN


def test_visitor_whose_session_has_ended_is_anonymous(connect, signed_in):
    revoke_elsewhere()

    assert seen_by(connect(signed_in, **OWN))["user"] == ""


def test_inactive_user_is_anonymous(connect, signed_in, account):
    get_user_model().objects.update(is_active=False)

    assert seen_by(connect(signed_in, **OWN))["user"] == ""


def test_refresh_cookie_opens_nothing(connect, signed_in):
    assert seen_by(connect({ACCESS: signed_in.cookie(REFRESH)}, **OWN))["user"] == ""


def test_good_cookie_counts_behind_one_that_a_sibling_tossed_in(connect, signed_in, account):
    cookie = f"{ACCESS}=tossed; {ACCESS}={signed_in.cookie(ACCESS)}"

    assert seen_by(connect(cookie=cookie, **OWN))["user"] == account.user.get_username()


def test_cookies_in_headers_of_their_own_are_read(loop, signed_in, account):
    scope = handshake(**OWN)
    scope["headers"] += [(b"cookie", b"theme=dark"), (b"cookie", f"{ACCESS}={signed_in.cookie(ACCESS)}".encode())]
    socket = Socket(loop, AuthSocketMiddleware(Whoami.as_asgi()), scope)

    assert seen_by(socket)["user"] == account.user.get_username()


def test_former_cookie_in_use_counts_beside_the_refresh_cookie(connect, signed_in, account, settings):
    former = {"path": "/", "read_until": date(2999, 1, 1)}
    settings.FASTAUTH = {
        **settings.FASTAUTH,
        "COOKIE_NAME_ACCESS": "__Host-access",
        "COOKIE_NAME_REFRESH": "__Host-refresh",
        "COOKIE_FORMER": [
            {"name": ACCESS, "token": "access", **former},
            {"name": REFRESH, "token": "refresh", **former},
        ],
    }

    assert seen_by(connect(signed_in, **OWN))["user"] == account.user.get_username()


def test_own_class_may_let_in_fewer(connect, signed_in):
    class NobodyAuthentication(CookieJWTAuthentication):
        def get_user(self, validated_token):
            raise UserInactive

    class Middleware(AuthSocketMiddleware):
        authentication_class = NobodyAuthentication

    assert seen_by(connect(signed_in, Middleware(Whoami.as_asgi()), **OWN))["user"] == ""


def test_what_is_no_socket_passes_by(loop):
    passed = []

    async def app(scope, receive, send):
        passed.append(scope)

    loop.run(AuthSocketMiddleware(app)({"type": "lifespan"}, None, None))

    assert passed == [{"type": "lifespan"}]


# --- A client without cookies --------------------------------------------------------------------------------------


def test_token_after_our_subprotocol_counts_from_anywhere(connect, app_client, account):
    socket = connect(sec_websocket_protocol=f"fastauth.bearer, {app_client.access}", **EVIL)

    assert socket.message() == {"type": "websocket.accept", "subprotocol": "fastauth.bearer"}
    seen = socket.json()
    assert seen["user"] == account.user.get_username()
    assert app_client.access not in seen["scope"]


def test_consumer_chooses_among_the_other_subprotocols(connect, app_client, account):
    socket = connect(sec_websocket_protocol=f"chat.v2, fastauth.bearer, {app_client.access}, chat.v1")

    assert socket.message() == {"type": "websocket.accept", "subprotocol": "chat.v2"}


def test_subprotocols_of_a_client_with_cookies_are_its_own(connect, signed_in):
    socket = connect(signed_in, sec_websocket_protocol="chat", **OWN)

    assert socket.message() == {"type": "websocket.accept", "subprotocol": "chat"}
    assert "sec-websocket-protocol" in socket.json()["scope"]


def test_program_may_set_the_header(connect, app_client, account):

    assert seen_by(connect(authorization=f"bearer {app_client.access}"))["user"] == account.user.get_username()


def test_token_in_the_address_is_nothing(loop, app_client, account):
    scope = {**handshake(), "query_string": f"token={app_client.access}&access_token={app_client.access}".encode()}

    assert seen_by(Socket(loop, AuthSocketMiddleware(Whoami.as_asgi()), scope))["user"] == ""


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ("fastauth.bearer", "bad_authorization_header"),
        ("fastauth.bearer, garbage", "token_invalid"),
        ("fastauth.bearer, {refresh}", "token_invalid"),
        ("fastauth.bearer, {access}", "session_revoked"),
    ],
)
def test_bad_token_is_told_by_a_code_that_a_page_can_read(connect, app_client, account, offer, code):
    revoke_elsewhere()
    offer = offer.format(access=app_client.access, refresh=app_client.refresh_token)
    socket = connect(sec_websocket_protocol=offer)

    assert socket.message() == {"type": "websocket.accept", "subprotocol": "fastauth.bearer"}
    assert socket.message() == ended(code)


def test_token_of_plain_simplejwt_counts_while_that_is_allowed(connect, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "ACCEPT_TOKENS_WITHOUT_SESSION": True}
    token = PlainAccessToken.for_user(account.user)
    seen = seen_by(connect(sec_websocket_protocol=f"fastauth.bearer, {token}"))

    assert (seen["user"], seen["session"]) == (account.user.get_username(), None)
    assert seen_by(connect({ACCESS: str(token)}, **OWN))["user"] == ""


# --- Whose page may open one ---------------------------------------------------------------------------------------


def test_own_page_may_open_a_socket_over_tls(connect, signed_in, account):
    socket = connect(signed_in, scheme="wss", origin="https://testserver")

    assert seen_by(socket)["user"] == account.user.get_username()


@pytest.mark.parametrize(
    ("scheme", "origin"),
    [
        ("ws", "https://evil.example"),
        ("ws", "http://a.testserver"),
        ("ws", "null"),
        ("ws", ""),
        ("wss", "http://testserver"),
    ],
)
def test_page_of_another_origin_may_not(connect, signed_in, scheme, origin):
    assert connect(signed_in, scheme=scheme, origin=origin).message() == FORBIDDEN


def test_page_of_a_listed_origin_may(connect, signed_in, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CORS_ORIGINS": ["https://app.example.com"]}

    assert seen_by(connect(signed_in, origin="https://app.example.com"))["user"] == account.user.get_username()


@pytest.mark.parametrize("forwarded", [{"x_forwarded_host": "app.test"}, {"forwarded": "host=app.test"}])
@pytest.mark.parametrize(
    ("fetch_site", "allowed"),
    [({}, True), ({"sec_fetch_site": "same-origin"}, True), ({"sec_fetch_site": "cross-site"}, False)],
)
def test_proxy_that_renamed_the_host_is_known_without_sec_fetch_site(
    connect, signed_in, forwarded, fetch_site, allowed
):
    """Chromium sends none with a handshake. No page can set the proxy's header there."""
    socket = connect(signed_in, origin="https://app.test", **forwarded, **fetch_site)

    assert (socket.message()["type"] == "websocket.accept") is allowed


def test_page_behind_a_proxy_is_as_foreign_as_any_other(connect, signed_in):
    assert connect(signed_in, x_forwarded_host="app.test", **EVIL).message() == FORBIDDEN


def test_handshake_needs_no_token_in_token_mode(connect, signed_in, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": "token"}

    assert seen_by(connect(signed_in, **OWN))["user"] == account.user.get_username()
    assert connect(signed_in, **EVIL).message() == FORBIDDEN


def test_no_rule_holds_where_the_project_switched_it_off(connect, signed_in, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": None}

    assert seen_by(connect(signed_in, **EVIL))["user"] == account.user.get_username()


def test_refusal_is_logged_with_the_reason(connect, signed_in, caplog):
    connect(signed_in, **EVIL).message()

    assert "Origin 'https://evil.example' is not trusted" in caplog.text


# --- When the session ends -----------------------------------------------------------------------------------------


def test_signing_out_closes_the_sockets_of_that_session_at_once(connect, signed_in, account):
    elsewhere = Browser()
    elsewhere.sign_in(account)
    first, second, other = (connect(browser, **OWN) for browser in (signed_in, signed_in, elsewhere))
    for socket in (first, second, other):
        seen_by(socket)

    sign_out(signed_in)

    assert (first.message(), second.message()) == (ended("session_revoked"), ended("session_revoked"))
    assert answers(other)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("delete", "/auth/sessions/all", None),
        ("post", "/auth/account/change-password", {"current_password": PASSWORD, "new_password": "another horse 42"}),
    ],
)
def test_so_does_every_other_way_to_revoke_it(connect, signed_in, method, path, body):
    socket = connect(signed_in, **OWN)
    seen_by(socket)

    assert getattr(signed_in, method)(path, body, format="json").status_code == 200

    assert socket.message() == ended("session_revoked")


def test_nothing_passes_once_it_is_closed(connect, signed_in):
    """The client need not answer the close, and the consumer may have something to say yet."""
    heard = []

    class Listener(Whoami):
        async def receive_json(self, content):
            heard.append(content)

    socket = connect(signed_in, AuthSocketMiddleware(Listener.as_asgi()), **OWN)
    seen_by(socket)
    sign_out(signed_in)
    socket.message()

    socket.say('"delete everything"')
    socket.hang_up()

    assert (heard, socket.is_silent()) == ([], True)


def test_socket_that_its_consumer_closed_is_closed_once(connect, signed_in):
    socket = connect(signed_in, AuthSocketMiddleware(Refuses.as_asgi()), **OWN)

    assert socket.message() == {"type": "websocket.close", "code": 4000}
    sign_out(signed_in)
    other = connect(signed_in, **OWN)
    seen_by(other)
    assert socket.is_silent()
    socket.hang_up()


def test_revocation_that_is_rolled_back_closes_nothing(connect, signed_in):
    socket = connect(signed_in, **OWN)
    seen_by(socket)

    with transaction.atomic():
        sessions.revoke(AuthSession.objects.all(), "ended")
        assert answers(socket)
        transaction.set_rollback(True)

    assert answers(socket)


def test_revocation_in_a_transaction_counts_when_it_is_committed(connect, signed_in):
    socket = connect(signed_in, **OWN)
    seen_by(socket)

    with transaction.atomic():
        sessions.revoke(AuthSession.objects.all(), "ended")

    assert socket.message() == ended("session_revoked")


def test_project_that_manages_transactions_by_hand_can_sign_out(signed_in):
    transaction.set_autocommit(False)
    try:
        assert sessions.revoke(AuthSession.objects.all(), "ended")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)


def test_signing_out_takes_no_query_more(signed_in, django_assert_num_queries):
    with django_assert_num_queries(1):
        sign_out(signed_in)


def test_session_that_ends_before_the_socket_is_accepted_opens_none(loop, signed_in):
    """The client is told so, and not the consumer's own answer."""

    def sign_out_elsewhere():
        sign_out(signed_in)
        connections.close_all()  # This thread's, which nobody else closes.

    async def app(scope, receive, send):
        await receive()
        await asyncio.to_thread(sign_out_elsewhere)
        while not channels.Watch.of_this_loop().sockets.pop().is_over:
            await asyncio.sleep(0)
        await send({"type": "websocket.accept"})

    socket = Socket(loop, AuthSocketMiddleware(app), handshake(signed_in, **OWN))

    assert socket.message() == ended("session_revoked")


# --- When nobody tells this process --------------------------------------------------------------------------------


def change(**values):
    def act(account):
        AuthSession.objects.update(**values)

    return act


def set_password(account):
    account.user.set_password("another horse 42")
    account.user.save()


def deactivate(account):
    get_user_model().objects.update(is_active=False)


def delete(account):
    get_user_model().objects.all().delete()


@pytest.mark.usefixtures("_check_often")
@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (change(revoked_at="2026-06-01T12:00:00Z", revoked_reason="signed_out"), "session_revoked"),
        (change(revoked_at="2026-06-01T12:00:00Z", revoked_reason="not_bound"), "device_binding_required"),
        (change(expires_at="2026-06-01T12:00:00Z"), "token_expired"),
        (set_password, "password_changed"),
        (deactivate, "user_inactive"),
        (delete, "session_revoked"),
    ],
)
def test_regular_check_closes_the_socket_and_says_why(connect, signed_in, account, happens, code):
    socket = connect(signed_in, **OWN)
    seen_by(socket)
    assert answers(socket)

    happens(account)

    assert socket.message() == ended(code)


@pytest.mark.usefixtures("_check_often")
def test_regular_check_takes_two_queries_for_all_sockets(connect, signed_in, account, monkeypatch):
    browsers = [signed_in, *(Browser() for _each in range(4))]
    for browser in browsers[1:]:
        browser.sign_in(account)
    checks = queue.Queue()
    real = channels.refused

    def counted(sockets):
        with CaptureQueriesContext(connections["default"]) as queries:
            found = real(sockets)
        checks.put((len(sockets), len(queries)))
        return found

    monkeypatch.setattr(channels, "refused", counted)
    sockets = [connect(browser, **OWN) for browser in browsers]
    for socket in sockets:
        seen_by(socket)

    assert (5, 2) in [checks.get(timeout=TIMEOUT) for _each in range(5)]


@pytest.mark.usefixtures("_check_often")
def test_socket_lives_through_a_database_that_is_away(connect, signed_in, monkeypatch, logged):
    socket = connect(signed_in, **OWN)
    seen_by(socket)

    def fails(tokens):
        monkeypatch.undo()
        monkeypatch.setattr(channels, "CHECK_INTERVAL", 0.01)
        raise DatabaseError("no database")

    monkeypatch.setattr(channels, "refusals_of", fails)

    assert "no database" in logged.get(timeout=TIMEOUT).getMessage()
    assert answers(socket)
    revoke_elsewhere()
    assert socket.message() == ended("session_revoked")


@pytest.fixture
def long_ago():
    """Twenty minutes ago, until the test is over or says otherwise. An access token of then has run out now."""
    with time_machine.travel(timedelta(minutes=-20)) as clock:
        yield clock


def minutes_ago(clock, minutes):
    clock.move_to(time_machine.escape_hatch.datetime.datetime.now(UTC) - timedelta(minutes=minutes))


@pytest.mark.usefixtures("_check_often")
def test_token_that_nobody_renews_closes_the_socket(connect, long_ago, browser, account):
    """The page may be asleep, or somebody has copied the access token and nothing else."""
    browser.sign_in(account)
    socket = connect(browser, **OWN)
    seen_by(socket)
    assert answers(socket)

    minutes_ago(long_ago, 0)

    assert socket.message() == ended("token_expired")


@pytest.mark.usefixtures("_check_often")
def test_token_that_the_page_renews_by_http_keeps_the_socket_open(connect, long_ago, browser, account):
    idle = Browser()
    for each in (browser, idle):
        each.sign_in(account)
    renewed, not_renewed = (connect(each, **OWN) for each in (browser, idle))
    seen_by(renewed), seen_by(not_renewed)

    minutes_ago(long_ago, 10)
    assert browser.refresh().status_code == 200
    minutes_ago(long_ago, 0)

    assert not_renewed.message() == ended("token_expired")
    assert answers(renewed)


@pytest.mark.usefixtures("_check_often", "device_binding")
def test_socket_of_a_bound_session_lives_as_long_as_its_own_token(connect, long_ago, browser, account):
    """Who has copied the access cookie must not stay while its owner renews it."""
    minutes_ago(long_ago, 6)
    device = bind_on_sign_in(browser, browser.sign_in(account))
    socket = connect(browser, **OWN)
    seen_by(socket)

    minutes_ago(long_ago, 3)
    assert device.renew(browser).status_code == 200
    assert answers(socket)
    minutes_ago(long_ago, 0)

    assert socket.message() == ended("token_expired")
    assert seen_by(connect(browser, **OWN))["user"] == account.user.get_username()


@pytest.mark.usefixtures("_check_often")
def test_project_may_let_no_socket_outlive_its_token(connect, long_ago, browser, account):
    class Middleware(AuthSocketMiddleware):
        ends_with_token = True

    browser.sign_in(account)
    socket = connect(browser, Middleware(Whoami.as_asgi()), **OWN)
    seen_by(socket)

    minutes_ago(long_ago, 10)
    assert browser.refresh().status_code == 200
    assert answers(socket)
    minutes_ago(long_ago, 0)

    assert socket.message() == ended("token_expired")


@pytest.mark.usefixtures("_check_often", "device_binding")
def test_socket_from_before_the_binding_closes_after_the_grace(connect, long_ago, browser, account):
    minutes_ago(long_ago, 2)
    answer = browser.sign_in(account)
    socket = connect(browser, **OWN)
    seen_by(socket)
    bind_on_sign_in(browser, answer)
    seen_by(connect(browser, **OWN))  # The first token of the device makes the binding final.
    assert answers(socket)

    minutes_ago(long_ago, 0)

    assert socket.message() == ended("device_proof_required")


@pytest.mark.usefixtures("_check_often")
def test_own_class_is_asked_again(connect, signed_in, account):
    allowed = [True]

    class ChoosyAuthentication(CookieJWTAuthentication):
        def get_user(self, validated_token):
            if not allowed:
                raise UserInactive
            return super().get_user(validated_token)

    class Middleware(AuthSocketMiddleware):
        authentication_class = ChoosyAuthentication

    socket = connect(signed_in, Middleware(Whoami.as_asgi()), **OWN)
    seen_by(socket)
    assert answers(socket)

    allowed.clear()

    assert socket.message() == ended("user_inactive")


@pytest.mark.usefixtures("_check_often")
def test_stateless_class_needs_no_database_and_ends_with_the_token(connect, long_ago, browser, account, monkeypatch):
    class Middleware(AuthSocketMiddleware):
        authentication_class = CookieJWTStatelessUserAuthentication

    browser.sign_in(account)
    monkeypatch.setattr(AuthSessionManager, "get_with_user", pytest.fail)
    socket = connect(browser, Middleware(echo), **OWN)
    assert seen_by(socket)["user"] == str(account.user.pk)
    assert answers(socket)

    minutes_ago(long_ago, 0)

    assert socket.message() == ended("token_expired")
    socket.hang_up()


@pytest.mark.usefixtures("_check_often")
def test_token_without_a_session_is_looked_up_by_itself(connect, app_client, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "ACCEPT_TOKENS_WITHOUT_SESSION": True}
    socket = connect(sec_websocket_protocol=f"fastauth.bearer, {PlainAccessToken.for_user(account.user)}")
    seen_by(socket)
    assert answers(socket)

    deactivate(account)

    assert socket.message() == ended("user_inactive")


# --- The channel layer ---------------------------------------------------------------------------------------------


def test_revocation_in_another_process_closes_the_socket_at_once(loop, connect, layer, signed_in):
    """That process has no sockets. What it sends is only a reason to look."""
    session_id = str(AuthSession.objects.get().pk)
    sign_out(signed_in.clone())
    message = layer.sent.get(timeout=TIMEOUT)
    assert message["sessions"] == [session_id]
    AuthSession.objects.update(revoked_at=None)
    socket = connect(signed_in, **OWN)
    seen_by(socket)

    loop.run(layer.group_send(channels.GROUP, message))
    assert answers(socket)

    revoke_elsewhere()
    loop.run(layer.group_send(channels.GROUP, message))
    assert socket.message() == ended("session_revoked")


def test_many_revocations_go_out_in_few_messages(layer, account):
    for _each in range(20):
        Browser().sign_in(account)
    expected = {str(pk) for pk in AuthSession.objects.values_list("pk", flat=True)}

    sessions.revoke(AuthSession.objects.all(), "ended")

    told = []
    while set(told) != expected:
        told += layer.sent.get(timeout=TIMEOUT)["sessions"]
    assert len(told) == len(expected)


@pytest.mark.parametrize("failure", ["fails_at", "hangs_at"])
def test_layer_that_fails_neither_stops_nor_delays_a_sign_out(connect, layer, signed_in, failure, logged):
    socket = connect(signed_in, **OWN)
    seen_by(socket)
    getattr(layer, failure).add("group_send")

    sign_out(signed_in)

    assert socket.message() == ended("session_revoked")
    assert "The channel layer fails" in logged.get(timeout=TIMEOUT).getMessage()
    assert layer.sent.empty()


def test_signing_out_does_not_wait_for_the_layer(layer, signed_in, logged, monkeypatch):
    monkeypatch.setattr(channels, "LAYER_TIMEOUT", TIMEOUT)
    layer.hangs_at.add("group_send")

    sign_out(signed_in)

    assert logged.empty()  # It has not even given up yet.
    layer.hangs_at.clear()
    assert layer.sent.get(timeout=TIMEOUT)


@pytest.mark.parametrize("failure", ["fails_at", "hangs_at"])
def test_layer_that_fails_stops_no_socket(connect, layer, signed_in, account, failure, logged):
    getattr(layer, failure).add("group_add")

    socket = connect(signed_in, **OWN)

    assert seen_by(socket)["user"] == account.user.get_username()
    assert "The channel layer fails" in logged.get(timeout=TIMEOUT).getMessage()


def test_layer_that_comes_back_is_heard_again(loop, connect, layer, signed_in, logged):
    session_id = str(AuthSession.objects.get().pk)
    layer.fails_at = {"group_add", "receive"}
    socket = connect(signed_in, AuthSocketMiddleware(echo), **OWN)
    seen_by(socket)
    logged.get(timeout=TIMEOUT)

    layer.fails_at = set()
    revoke_elsewhere()
    wait_until(loop, lambda: layer.groups.get(channels.GROUP))
    loop.run(layer.group_send(channels.GROUP, {"type": "fastauth.revoked", "sessions": [session_id]}))

    assert socket.message() == ended("session_revoked")


@pytest.mark.usefixtures("_check_often")
def test_membership_that_the_layer_has_forgotten_is_renewed(loop, connect, layer, signed_in):
    socket = connect(signed_in, **OWN)
    seen_by(socket)
    assert layer.groups.pop(channels.GROUP)

    wait_until(loop, lambda: layer.groups.get(channels.GROUP))
    assert answers(socket)


def test_layer_in_memory_is_not_told_since_it_reaches_nobody_else(connect, signed_in, settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    socket = connect(signed_in, **OWN)
    seen_by(socket)
    assert channels.GROUP in get_channel_layer().groups

    sign_out(signed_in)

    assert socket.message() == ended("session_revoked")
    assert all(mailbox.empty() for mailbox in get_channel_layer().channels.values())


def test_loop_that_was_closed_a_moment_ago_stops_no_sign_out(signed_in, monkeypatch):
    loop = asyncio.new_event_loop()
    loop.close()
    monkeypatch.setitem(channels.Watch.by_loop, loop, channels.Watch(loop))

    sign_out(signed_in)


def test_connection_that_is_lost_already_is_no_error(connect, signed_in):
    """Servers raise an error of their own where they cannot send the close any more."""
    closing = queue.Queue()

    async def server(scope, receive, send):
        async def send_until_closed(message):
            if message["type"] == "websocket.close":
                closing.put(message)
                raise OSError("lost")
            await send(message)

        await AuthSocketMiddleware(echo)(scope, receive, send_until_closed)

    socket = connect(signed_in, server, **OWN)
    seen_by(socket)
    sign_out(signed_in)

    assert closing.get(timeout=TIMEOUT) == ended("session_revoked")
    socket.hang_up()


@pytest.mark.parametrize("layers", [{}, {"default": {}}])
def test_process_without_sockets_tells_the_others(settings, layers):
    """Such as a WSGI server beside them: what it loads depends on the channel layer alone."""
    code = (
        "import django; from django.conf import settings; from fastauth_django.signals import session_revoked;"
        f" settings.CHANNEL_LAYERS = {layers}; django.setup(); print(session_revoked.has_listeners())"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    settings.CHANNEL_LAYERS = layers
    apps.get_app_config("fastauth_django").ready()  # Once more changes nothing.

    assert told.stdout.strip() == str(bool(layers))
