"""WebSockets to an ASGI application in this process: its loop runs in a thread, as a server's does."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from asgiref.testing import ApplicationCommunicator

from tests.clients import Browser

TIMEOUT = 10  # seconds until a test that waits for a message gives up


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever)
        self.thread.start()

    def run(self, job: Any) -> Any:
        future = asyncio.run_coroutine_threadsafe(job, self.loop)
        try:
            return future.result(TIMEOUT)
        finally:
            future.cancel()

    def close(self) -> None:
        self.run(self._end_tasks())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _end_tasks(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def running_loop() -> Iterator[Loop]:
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()


def handshake(cookies: dict[str, str] | Browser | None = None, *, scheme: str = "ws", **headers: str) -> dict[str, Any]:
    """The scope of a socket: ``handshake(browser, origin="http://testserver")``."""
    if isinstance(cookies, Browser):
        cookies = {name: morsel.value for name, morsel in cookies.cookies.items()}
    sent = {"host": "testserver", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if cookies:
        sent["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    offered = [name.strip() for name in sent.get("sec-websocket-protocol", "").split(",") if name.strip()]
    return {
        "type": "websocket",
        "path": "/socket",
        "scheme": scheme,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "subprotocols": offered,
        "client": ("127.0.0.1", 1),
    }


class Socket:
    """A client's end of one socket, which has sent its handshake."""

    def __init__(self, loop: Loop, application: Any, scope: dict[str, Any]) -> None:
        self._loop = loop
        self._application = application
        self._communicator = loop.run(self._open(scope))

    async def _open(self, scope: dict[str, Any]) -> ApplicationCommunicator:
        communicator = ApplicationCommunicator(self._application, scope)
        await communicator.send_input({"type": "websocket.connect"})
        return communicator

    def message(self) -> dict[str, Any]:
        """What the server does next."""
        return self._loop.run(self._communicator.receive_output(TIMEOUT))

    def text(self) -> str:
        return self.message()["text"]

    def json(self) -> Any:
        return json.loads(self.text())

    def say(self, text: str) -> None:
        self._loop.run(self._communicator.send_input({"type": "websocket.receive", "text": text}))

    def hang_up(self, code: int = 1001) -> None:
        self._loop.run(self._communicator.send_input({"type": "websocket.disconnect", "code": code}))
        self._loop.run(self._communicator.wait(TIMEOUT))

    def is_silent(self) -> bool:
        """Whether the server has nothing more to say, once the consumer has gone."""
        return self._communicator.output_queue.empty()
