"""One contender in a process of its own: ``python -m benchmarks.worker NAME``, with its orders on standard input.

Each order is a line and so is its answer, in JSON:

=====================  ==========================================================================================
``describe OP``        ``status``, ``queries`` and ``set_cookie`` (bytes) of one request
``time OP COUNT``      for each of ``COUNT`` requests, in nanoseconds: ``times`` by the clock, and ``processor``, those
                       that this process worked; waiting for a server of databases or for a turn is no work
``rows COUNT``         ``rows`` that one device left behind after signing in and refreshing ``COUNT`` times
``memory``             KiB of memory: ``peak_memory``, which the process held at most, and ``connection_memory``, which
                       PostgreSQL holds for its connection (None on another database, or where the user may not know)
=====================  ==========================================================================================

A request goes through Django's WSGI handler and the middleware of ``startproject``, as it comes from a server. The
clock runs from the handler's call until the answer is read and closed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from io import BytesIO
from itertools import cycle
from time import perf_counter_ns, process_time_ns
from types import ModuleType
from typing import Any, NamedTuple

import django
from django.conf import settings

from benchmarks.contenders import CONTENDERS, PASSWORD, USERS, Contender, Device
from benchmarks.packages import Call

HOST = "api.example.test"
#: What a browser says with every request, to whichever server.
HEADERS = {
    "HTTP_HOST": HOST,
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "HTTP_ACCEPT": "application/json",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
    "HTTP_SEC_FETCH_DEST": "empty",
    "HTTP_SEC_FETCH_MODE": "cors",
    "HTTP_SEC_FETCH_SITE": "same-origin",
    "HTTP_CONNECTION": "keep-alive",
}
TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


def configure(contender: Contender, database: dict[str, Any]) -> None:
    """Set Django up as ``startproject`` does, with the contender's apps, settings and routes."""
    urls = sys.modules["benchmark_urls"] = ModuleType("benchmark_urls")
    permission = "AllowAny" if contender.authentication is None else "IsAuthenticated"
    settings.configure(
        SECRET_KEY="for the benchmarks only, and as long as startproject makes it",
        ALLOWED_HOSTS=[HOST],
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "rest_framework",
            *contender.apps,
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}}],
        ROOT_URLCONF="benchmark_urls",
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        # The cheapest one that Django has, so that what is measured is the package and not the hash.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STATIC_URL="static/",
        USE_TZ=True,
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [contender.authentication] if contender.authentication else [],
            "DEFAULT_PERMISSION_CLASSES": [f"rest_framework.permissions.{permission}"],
        },
        **contender.settings,
    )
    django.setup()

    from django.urls import path
    from rest_framework.permissions import AllowAny
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Protected(APIView):
        def get(self, request: Any) -> Response:
            return Response({"id": request.user.pk})

    class Public(Protected):
        permission_classes = (AllowAny,)

    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("public", Public.as_view()),
        path("protected", Protected.as_view()),
        *contender.urlpatterns(),
    ]


class Taken(NamedTuple):
    """What a request took, in nanoseconds: by the clock, and of the processor in this process."""

    time: int
    processor: int


class Worker:
    def __init__(self, contender: Contender) -> None:
        from django.core.handlers.wsgi import WSGIHandler

        self.contender = contender
        # One user with all the devices would be a burden to those who look at all of a user's tokens.
        self.usernames = cycle(USERS)
        self.handler = WSGIHandler()

    def prepare(self) -> None:
        """Make the tables, as far as another contender has not, and the users."""
        from django.contrib.auth import get_user_model
        from django.contrib.auth.hashers import make_password
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        user_model = get_user_model()
        if not user_model.objects.exists():
            password = make_password(PASSWORD)
            user_model.objects.bulk_create(user_model(username=name, password=password) for name in USERS)

    def send(self, call: Call, device: Device) -> tuple[Taken, str, list[str], bytes]:
        """Send one request: how long it took, and the status, cookies and body of the answer."""
        environ = self.environ(call, device)
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            started[:] = status, headers

        worked, begun = process_time_ns(), perf_counter_ns()
        answer: Any = self.handler(environ, start_response)
        body = b"".join(answer)
        answer.close()
        taken = Taken(perf_counter_ns() - begun, process_time_ns() - worked)
        status, headers = started
        return taken, status, [value for name, value in headers if name == "Set-Cookie"], body

    def environ(self, call: Call, device: Device) -> dict[str, Any]:
        body = call.body
        environ: dict[str, Any] = {
            "REQUEST_METHOD": call.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": call.path,
            "QUERY_STRING": "",
            "SERVER_NAME": HOST,
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **HEADERS,
            **call.headers,
        }
        if call.method == "POST":
            environ["HTTP_ORIGIN"] = f"https://{HOST}"
            environ["CONTENT_LENGTH"] = str(len(body))
            if body:
                environ["CONTENT_TYPE"] = call.content_type
        if device.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in device.cookies.items())
        if device.authorization:
            environ.setdefault("HTTP_AUTHORIZATION", device.authorization)
        return environ

    def perform(self, operation: str, device: Device) -> tuple[Taken, str, list[str]]:
        """Have ``device`` do ``operation``, and keep what it was given. Ends the process if it was refused."""
        taken, status, cookies, body = self.send(self.contender.call(operation, device), device)
        if status[0] not in ("4" if operation == "refused" else "23"):
            sys.exit(f"{self.contender.name}: {operation} was answered {status}: {body[:500].decode()}")
        for cookie in cookies:
            for name, morsel in SimpleCookie(cookie).items():
                device.cookies[name] = morsel.value
        if operation in {"sign_in", "refresh"} and body:
            self.contender.keep(device, json.loads(body))
        return taken, status, cookies

    def devices(self, operation: str, count: int) -> Iterator[Device]:
        """The device for each of ``count`` requests, as signed in as ``operation`` needs it."""
        if operation in {"anonymous", "refused", "sign_in"}:
            yield from (self.new_device() for _ in range(count))
        elif operation == "sign_out":
            yield from [self.signed_in() for _ in range(count)]
        else:
            device = self.signed_in()
            yield from (device for _ in range(count))

    def new_device(self) -> Device:
        return Device(next(self.usernames))

    def signed_in(self) -> Device:
        device = self.new_device()
        if self.contender.authentication is not None:
            self.perform("sign_in", device)
        return device

    def describe(self, operation: str) -> dict[str, Any]:
        # Twice before: what is built once in a process is not part of a request.
        *warming, device = self.devices(operation, 3)
        for other in warming:
            self.perform(operation, other)
        with counted_queries() as queries:
            _taken, status, cookies = self.perform(operation, device)
        return {"status": int(status[:3]), "queries": len(queries), "set_cookie": sum(map(len, cookies))}

    def time(self, operation: str, count: str) -> dict[str, Any]:
        taken = [self.perform(operation, device)[0] for device in self.devices(operation, int(count))]
        return {"times": [each.time for each in taken], "processor": [each.processor for each in taken]}

    def rows(self, count: str) -> dict[str, Any]:
        from django.apps import apps

        def total() -> int:
            return sum(model._base_manager.count() for model in apps.get_models())

        before = total()
        device = self.signed_in()
        for _ in range(int(count)):
            self.perform("refresh", device)
        return {"rows": total() - before}

    def memory(self) -> dict[str, Any]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"peak_memory": peak, "connection_memory": connection_memory()}

    def obey(self) -> None:
        orders = {"describe": self.describe, "time": self.time, "rows": self.rows, "memory": self.memory}
        for line in sys.stdin:
            order, *arguments = line.split()
            print(json.dumps(orders[order](*arguments)), flush=True)


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """The statements sent meanwhile; those that only begin or end a transaction are not counted."""
    from django.db import connection

    sent: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        if not sql.startswith(TRANSACTION_CONTROL):
            sent.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(note):
        yield sent


def connection_memory() -> int | None:
    from django.db import connection

    def ask(sql: str) -> Any:
        return connection.connection.execute(sql, prepare=False).fetchone()[0]

    if connection.vendor != "postgresql":
        return None
    connection.ensure_connection()
    if not ask("SELECT has_table_privilege(to_regclass('pg_backend_memory_contexts'), 'SELECT')"):
        return None
    return int(ask("SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts"))


if __name__ == "__main__":
    chosen = CONTENDERS[sys.argv[1]]()
    configure(chosen, json.loads(os.environ["BENCHMARK_DATABASE"]))
    worker = Worker(chosen)
    worker.prepare()
    print("{}", flush=True)  # ready
    worker.obey()
