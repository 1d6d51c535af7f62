"""A project on the ASGI servers that people run, in a process of its own."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from threading import Thread, Timer

import requests

from tests.browser.servers import free_port
from tests.integration.project import Project
from tests.missing import need

PASSWORD = "correct horse battery 9"
COMMANDS = {
    "uvicorn": ("uvicorn", "--port {port} mysite.asgi:application", "running on"),
    "daphne": ("daphne", "--bind 127.0.0.1 --port {port} mysite.asgi:application", "Listening on"),
}
#: The page's own, and the other one that channels_redis has.
LAYERS = {"uvicorn": "channels_redis.pubsub.RedisPubSubChannelLayer", "daphne": "channels_redis.core.RedisChannelLayer"}


def prepare(project: Project) -> Project:
    """Its tables, and Ada's account."""
    project.configure("DATABASES['default']['OPTIONS'] = {'timeout': 30}")
    project.manage("migrate")
    user = f"User.objects.create_user('ada', password='{PASSWORD}')"
    project.manage("shell", "-c", f"from django.contrib.auth.models import User; {user}")
    return project


@contextmanager
def asgi_server(project: Project, name: str):
    """A process that serves the project; yields its port."""
    need("websockets")
    module, options, says = COMMANDS[name]
    need(module, source="the extra servers")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", module, *options.format(port=port).split()],
        cwd=project.directory,
        env={**os.environ, **project.variables, "PYTHONUNBUFFERED": "1", "LAYER": LAYERS[name]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    patience = Timer(60, process.kill)
    patience.start()
    drain = Thread(target=process.stdout.read)  # so that the pipe never fills up
    try:
        said = ""
        while says not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        drain.start()
        yield Worker(port, process.pid, name)
    finally:
        patience.cancel()
        process.kill()
        process.wait(timeout=30)
        if drain.ident is not None:
            drain.join()
        process.stdout.close()


class Worker:
    def __init__(self, port: int, pid: int, server: str) -> None:
        self.port, self.pid, self.server = port, pid, server

    def ended(self, reason: str) -> list:
        """What a page is told. daphne passes no reason on."""
        return [4401, "" if self.server == "daphne" else reason]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sockets(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"

    def sign_in(self) -> requests.Session:
        visitor = requests.Session()
        answer = visitor.post(f"{self.origin}/auth/login", json={"username": "ada", "password": PASSWORD}, timeout=30)
        assert answer.status_code == 200, answer.text
        return visitor

    def sign_out(self, cookies: dict[str, str]) -> float:
        """Sign somebody out; returns the seconds that it took."""
        began = time.monotonic()
        answer = requests.post(f"{self.origin}/auth/logout", cookies=cookies, timeout=30)
        assert answer.status_code == 200, answer.text
        return time.monotonic() - began
