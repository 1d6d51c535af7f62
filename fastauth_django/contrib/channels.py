"""WebSockets with Channels: who is at the other end, whether the page may act, and the end of the session.

The handshake carries the access cookie and ``Origin``. It is the only request of a socket that may be open for hours,
so the session is looked up again: at once when this app revokes it, in every process on the same channel layer, and
once a minute in any case, with two queries for all the sockets of a process.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from io import BytesIO
from logging import WARNING
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

from channels.db import database_sync_to_async
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.db import router, transaction
from django.db.transaction import TransactionManagementError
from django.dispatch import receiver
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework_simplejwt import settings as simplejwt

from .. import csrf
from ..authentication import CookieJWTAuthentication
from ..bearer import schemes
from ..conf import conf
from ..exceptions import CsrfFailed, TokenExpired, code_of
from ..models import AuthSession
from ..sessions import refusals_of
from ..signals import log, session_revoked
from ..tokens import AccessToken, current_second, epoch

Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

#: The code that closes a socket whose session or token counts no more. The reason is the ``code`` of the HTTP routes.
SESSION_ENDED = 4401
#: The subprotocol of a client without cookies. The access token is the next one that it offers.
BEARER = "fastauth.bearer"

CHECK_INTERVAL = 60  # seconds between two looks at the sessions of all open sockets
LAYER_TIMEOUT = 5  # seconds for the channel layer to answer, and between two attempts
GROUP = "fastauth_revoked"


class AuthSocketMiddleware:
    """Sets ``scope["user"]`` and ``scope["auth_session"]`` for the consumers of WebSockets.

    The credential is the access cookie, or the token that a client offers after the subprotocol ``fastauth.bearer``, or
    the header of a program, in the order of :class:`.CookieJWTAuthentication`. Without one, or with a stale cookie, the
    visitor is ``AnonymousUser`` and the session None. A page of another origin with a good cookie gets 403, and a bad
    token :data:`SESSION_ENDED`. That code also closes the socket when its session ends, and when its access token has
    run out and nobody has renewed the session since. Where the session is bound to a device, its socket lives no longer
    than its token: the next one shows that the device is still there.
    """

    #: Reads the credential, as in :class:`.AuthCookieMiddleware`.
    authentication_class = CookieJWTAuthentication
    #: Let no socket outlive its own token, bound or not: who has copied a token gets no more than its lifetime.
    ends_with_token = False

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return await self.app(scope, receive, send)
        scope, request, accept = handshake(scope)
        authentication = self.authentication_class()
        try:
            authenticated = await database_sync_to_async(authentication.authenticate)(request)
            if authenticated is None and csrf.forgery_fault(request) is not None:
                raise CsrfFailed  # As where somebody is signed in. Else a page could find out whether somebody is.
        except CsrfFailed:
            await receive()
            return await send({"type": "websocket.close"})  # Not accepted yet, so the answer is 403.
        except AuthenticationFailed as refusal:
            await receive()
            await send(accept)  # Of a handshake that is not accepted, browsers tell the page nothing.
            return await send(closing(refusal))
        if authenticated is None:
            return await self.app({**scope, "user": AnonymousUser(), "auth_session": None}, receive, send)
        user, token = authenticated
        socket = Socket(token, authentication, receive, send, accept)
        socket.ends_with_token = self.ends_with_token or token.key_thumbprint is not None
        watch = Watch.of_this_loop()
        try:
            await watch.join(socket)
            await self.app({**scope, "user": user, "auth_session": token.session}, socket.receive, socket.send)
        finally:
            watch.leave(socket)


@sensitive_variables()
def handshake(scope: Message) -> tuple[Message, ASGIRequest, Message]:
    """The scope for consumers, the handshake as a request, and the message that accepts it.

    A token that was offered as a subprotocol is taken out of the scope, so that no consumer echoes or logs it.
    """
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    request = ASGIRequest({**scope, "method": "GET", "scheme": scheme}, BytesIO())
    accept = {"type": "websocket.accept"}
    offered = list(scope.get("subprotocols") or ())
    if BEARER in offered:
        at = offered.index(BEARER)
        token = "".join(offered[at + 1 : at + 2])
        request.META[simplejwt.api_settings.AUTH_HEADER_NAME] = f"{schemes()[0]} {token}"
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"sec-websocket-protocol"]
        scope = {**scope, "headers": headers, "subprotocols": offered[:at] + offered[at + 2 :]}
        accept["subprotocol"] = BEARER  # Browsers drop a socket for which no subprotocol of theirs is accepted.
    return scope, request, accept


def closing(refusal: APIException) -> Message:
    return {"type": "websocket.close", "code": SESSION_ENDED, "reason": code_of(refusal)}


class Socket:
    """A signed-in socket, between the server and the consumer. When it is over, nothing passes in either direction."""

    def __init__(
        self, token: AccessToken, authentication: CookieJWTAuthentication, receive: Receive, send: Send, accept: Message
    ) -> None:
        self.token = token
        self.authentication = authentication
        self.is_over = False
        self.ends_with_token = True
        self._receive, self._send, self._accept = receive, send, accept

    async def receive(self) -> Message:
        message = await self._receive()
        while self.is_over and message["type"] != "websocket.disconnect":
            message = await self._receive()  # The one before was under way when the session ended.
        self.is_over = self.is_over or message["type"] == "websocket.disconnect"
        return message

    async def send(self, message: Message) -> None:
        if self.is_over:
            return
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, **self._accept}
        self.is_over = message["type"] == "websocket.close"
        await self._send(message)

    async def end(self, refusal: APIException) -> None:
        if not self.is_over:
            self.is_over = True
            with suppress(Exception):  # The connection is lost. Each server has an error of its own for that.
                await self._send(closing(refusal))

    def has_run_out(self) -> bool:
        """Whether the access token has run out, and so have those that others of the session were given since."""
        expires: int = self.token["exp"]
        session = self.token.session
        if session is not None and not self.ends_with_token:
            expires = max(expires, epoch(session.rotated_at) + int(conf.ACCESS_TOKEN_TTL.total_seconds()))
        return expires < epoch(current_second())


def refused(sockets: Collection[Socket]) -> list[tuple[Socket, APIException]]:
    """Those of ``sockets`` that may not go on, each with what the HTTP routes would say."""
    together = [socket for socket in sockets if socket.token.session and is_plain(socket.authentication)]
    refusals = dict(zip(together, refusals_of([socket.token for socket in together]), strict=True))
    for socket in sockets:
        try:
            if socket not in refusals:
                socket.authentication.get_user(socket.token)
            if socket.has_run_out():
                raise TokenExpired
        except AuthenticationFailed as refusal:
            refusals[socket] = refusals.get(socket) or refusal
    return [(socket, refusal) for socket, refusal in refusals.items() if refusal is not None]


def is_plain(authentication: CookieJWTAuthentication) -> bool:
    """Whether the session's row decides, and no ``get_user`` of a class of the project's own."""
    return type(authentication).get_user is CookieJWTAuthentication.get_user


class Watch:
    """The signed-in sockets of one event loop, and the tasks that look after them."""

    by_loop: ClassVar[dict[asyncio.AbstractEventLoop, Watch]] = {}

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.sockets: set[Socket] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.has_subscribed = asyncio.Event()
        self.layer = get_channel_layer()
        self.channel = ""

    @classmethod
    def of_this_loop(cls) -> Watch:
        loop = asyncio.get_running_loop()
        return cls.by_loop.get(loop) or cls.by_loop.setdefault(loop, cls(loop))

    async def join(self, socket: Socket) -> None:
        """Look after ``socket``. The first ones wait until the channel layer has answered, or has not in time."""
        if not self.sockets:
            self.services = [self.start(self.check_regularly()), self.start(self.listen())]
        self.sockets.add(socket)
        await self.has_subscribed.wait()

    def leave(self, socket: Socket) -> None:
        self.sockets.discard(socket)
        if not self.sockets:
            self.by_loop.pop(self.loop)
            for service in self.services:
                service.cancel()

    def start(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(job)
        self.tasks.add(task)  # The loop itself keeps no strong reference.
        task.add_done_callback(self.tasks.discard)
        return task

    async def check_regularly(self) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            await self.check(self.sockets)
            await self.subscribe()  # again: the layer forgets a group after a day, and everything when it restarts

    def check_session(self, session_id: UUID) -> None:
        self.start(self.check([each for each in self.sockets if each.token.session_id == session_id]))

    async def check(self, sockets: Iterable[Socket]) -> None:
        """Close those of ``sockets`` that may not go on."""
        try:
            for socket, refusal in await database_sync_to_async(refused)(list(sockets)):
                self.start(socket.end(refusal))
        except Exception as error:
            log(WARNING, "Sockets could not be checked, and stay open until they can: %s", error)

    async def subscribe(self) -> None:
        try:
            if self.layer is not None:
                self.channel = self.channel or await self.layer.new_channel()
                await asyncio.wait_for(self.layer.group_add(GROUP, self.channel), LAYER_TIMEOUT)
        except Exception as error:
            log(WARNING, "The channel layer fails, so sockets learn of the end of a session a minute late: %r", error)
        self.has_subscribed.set()

    async def listen(self) -> None:
        """Check the sockets of each session that another process says it has revoked."""
        await self.subscribe()
        while self.layer is not None:
            try:
                message = await self.layer.receive(self.channel)
                for session_id in message["sessions"]:
                    self.check_session(UUID(session_id))
            except Exception:
                await asyncio.sleep(LAYER_TIMEOUT)
                await self.subscribe()


@receiver(session_revoked, dispatch_uid="fastauth_django.contrib.channels")
def close_sockets(sender: object, session: AuthSession, **kwargs: object) -> None:
    """Have every process look at the sockets of ``session``, once it is committed that the session is revoked."""
    with suppress(TransactionManagementError):  # The project manages transactions by hand.
        using = router.db_for_write(AuthSession)
        transaction.on_commit(partial(tell_everybody, session.pk), using=using, robust=True)


def tell_everybody(session_id: UUID) -> None:
    for watch in list(Watch.by_loop.values()):
        with suppress(RuntimeError):  # The loop was closed a moment ago.
            watch.loop.call_soon_threadsafe(watch.check_session, session_id)
    layer = get_channel_layer()
    if layer is not None and not isinstance(layer, InMemoryChannelLayer):
        to_send.append(str(session_id))
        sender(os.getpid()).submit(send_all, layer)


to_send: deque[str] = deque()


@cache
def sender(process: int) -> ThreadPoolExecutor:
    """One thread for each process, also after a fork: nobody who signs out waits for the channel layer."""
    return ThreadPoolExecutor(1, "fastauth-revoked")


def send_all(layer: Any) -> None:
    session_ids = [to_send.popleft() for _each in range(len(to_send))]
    if not session_ids:
        return  # An earlier call has sent them all.

    async def send() -> None:
        message = {"type": "fastauth.revoked", "sessions": session_ids}
        await asyncio.wait_for(layer.group_send(GROUP, message), LAYER_TIMEOUT)

    try:
        asyncio.run(send())
    except Exception as error:
        log(WARNING, "The channel layer fails, so sockets learn of the end of a session a minute late: %r", error)
