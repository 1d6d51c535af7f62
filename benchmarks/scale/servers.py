"""The processes of a deployment, each on a free loopback port and in a temporary directory.

They end with the process that started them, however that ends: see :mod:`tests.databases`.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.nginx import Nginx
from benchmarks.pages import ROOT
from benchmarks.processes import children, cpu_seconds
from tests.browser.certificate import Authority
from tests.databases import PostgreSQL, Server, Unavailable, find
from tests.redis_server import Redis

#: Under .test, which the certificate is for, and which no name server knows.
HOST = "app.example.test"
PROGRAMS = {"nginx": "nginx", "redis-server": "redis-server"}  # and the packages of Debian that have them


def missing() -> list[str]:
    """Debian's packages that this machine lacks."""
    absent = [package for program, package in PROGRAMS.items() if find(program) is None]
    return absent if PostgreSQL.missing() is None else [*absent, "postgresql"]


class Gunicorn(Server):
    """Several workers of a Django project, whose settings come from ``environment``."""

    stop_signal = "TERM"

    def __init__(self, workers: int, environment: dict[str, str]) -> None:
        super().__init__()
        self.workers, self.environment = workers, environment
        # The checkout and its interpreter need not be readable for nobody, as whom the others run.
        self.identity = {}

    def install(self) -> None:
        """It needs no files."""

    def command(self) -> list[str]:
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        gunicorn = [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"127.0.0.1:{self.port}"]
        options = ["--workers", str(self.workers), "--pid", f"{self.directory}/pid", "--log-level", "warning"]
        return ["env", *variables, *gunicorn, *options]

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/api/notes/", headers={"Host": HOST, "X-Forwarded-Proto": "https"})
            return connection.getresponse().status == 401
        except OSError:
            return False
        finally:
            connection.close()

    def worker_ids(self) -> list[int]:
        """The process ids of the workers that live."""
        master = Path(f"{self.directory}/pid").read_text().strip()
        return children(int(master))

    def cpu_seconds(self) -> float:
        """The time that processors have spent on the workers."""
        return sum(map(cpu_seconds, self.worker_ids()))

    def kill_worker(self) -> int:
        """Kill one worker, as a machine without memory would. gunicorn starts another."""
        victim = self.worker_ids()[0]
        os.kill(victim, signal.SIGKILL)
        return victim


class TlsNginx(Nginx):
    """Ends TLS in front of other servers, which take turns."""

    def __init__(self, behind: Sequence[Server]) -> None:
        super().__init__()
        self.behind = behind

    def install(self) -> None:
        certificate = Authority(Path(self.directory)).certificate
        if self.identity:
            os.chown(certificate, self.identity["user"], self.identity["group"])
        hosts = " ".join(f"server 127.0.0.1:{server.port};" for server in self.behind)
        Path(self.configuration).write_text(f"""
pid {self.directory}/nginx.pid;
error_log stderr crit;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
{self.places}
  keepalive_requests 1000000;
  upstream hosts {{ {hosts} }}
  server {{
    listen 127.0.0.1:{self.port} ssl backlog=1024;
    server_name {HOST};
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    location / {{
      proxy_pass http://hosts;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
""")


def environment(settings: str, host: str, database: str) -> dict[str, str]:
    """The variables of a process that runs the example with ``settings``."""
    return {
        "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
        "DEBUG": "0",
        "SECRET_KEY": "for this benchmark on this machine only, and long enough for HS256",
        "ALLOWED_HOSTS": host,
        # The peer's names, so that one load generator reads both.
        "COOKIE_NAME_ACCESS": "access_token",
        "COOKIE_NAME_REFRESH": "refresh_token",
        "DATABASE_URL": database,
        "CONN_MAX_AGE": "600",
    }


class Deployment:
    """One project: gunicorn on one host or several, behind nginx, on a database and a cache that are there already."""

    def __init__(
        self, settings: str, *, workers: int, people: int, database: str, redis: Redis | None, hosts: int = 1
    ) -> None:
        self.environment = {
            **environment(settings, HOST, database),
            "SECURE_PROXY_SSL_HEADER": "HTTP_X_FORWARDED_PROTO,https",
            "NUM_PROXIES": "1",
        }
        if redis is not None:
            self.environment["REDIS_URL"] = redis.url
        self.run("django", "migrate", "--verbosity=0")
        self.run("benchmarks.scale.people", str(people))
        self.hosts = [Gunicorn(workers // hosts, self.environment) for _host in range(hosts)]
        self.nginx = TlsNginx(self.hosts)
        for server in (*self.hosts, self.nginx):
            server.install()
            server.start()

    def run(self, module: str, *arguments: str) -> None:
        """Run a module of Python with the project's settings. Raises ``Unavailable`` with its words if it fails."""
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, env={**os.environ, **self.environment}, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(done.stdout + done.stderr)

    @property
    def origin(self) -> str:
        return f"https://{HOST}:{self.nginx.port}"

    def cpu_seconds(self) -> float:
        return sum(host.cpu_seconds() for host in self.hosts)

    def log(self) -> str:
        """What the workers wrote."""
        return "".join(Path(f"{host.directory}/log").read_text(errors="replace") for host in self.hosts)

    def stop(self) -> None:
        for server in (self.nginx, *self.hosts):
            server.stop()


class Load:
    """The load generator, in a process of its own. Everybody is signed in when it is made."""

    def __init__(self, origin: str, *flags: str, **values: object) -> None:
        options = [f"--{name}={value}" for name, value in values.items()]
        command = [sys.executable, "-m", "benchmarks.scale.load", origin, *options, *flags]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def begin(self, at: float) -> None:
        """Tell it, if it takes turns, when the first one begins."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{at}\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.process.communicate()[0].splitlines()[-1])
        return result
