"""``./scripts/bench servers``: the web servers that people run Django with, behind nginx, under wrk.

Each server runs each project of :mod:`benchmarks.contenders` in one worker process, all at the same time, and they take
turns: a turn is the load of a few seconds on one of them. wrk keeps as many connections as it has threads, and each is
a device of its own. Needs Debian's nginx, postgresql and wrk.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks import pages
from benchmarks.contenders import CONTENDERS, USERS, Contender, Device
from benchmarks.nginx import Nginx
from benchmarks.packages import Call
from benchmarks.pages import ROOT, number, table
from benchmarks.postgresql import DurablePostgreSQL
from benchmarks.processes import children, cpu_seconds
from tests.databases import PostgreSQL, Server, find, found

HOST = "api.example.test"
DEVICES = 8
PROJECTS = ["fastauth", "dj_rest_auth", "simplejwt", "session"]
REFERENCE = "simplejwt"
OPERATIONS = {"protected": "Protected GET", "refresh": "Refresh"}
APPLICATION = "benchmarks.served"
SERVERS = {
    "gunicorn, gthread": f"gunicorn {APPLICATION}:wsgi --worker-class gthread --threads 4 --bind unix:SOCKET",
    "gunicorn, gevent": f"gunicorn {APPLICATION}:wsgi --worker-class gevent --bind unix:SOCKET",
    "granian, WSGI": f"granian {APPLICATION}:wsgi --interface wsgi --blocking-threads 4 --uds SOCKET --no-log",
    "uvicorn": f"uvicorn {APPLICATION}:asgi --lifespan off --log-level warning --no-access-log --uds SOCKET",
}
KINDS = ["rate", "p50", "p99", "worked", "database"]
HEAD = ["server", "", "requests a second", "median, ms", "99 %, ms", "requests a second of the server's processor"]
HEAD += ["ratio to simplejwt", "µs of PostgreSQL's processor a request"]
DISTRIBUTIONS = ["gunicorn", "gevent", "granian", "uvicorn", "Django", "psycopg"]


class Own(Server):
    """A server that runs as whoever runs this: the checkout and its interpreter need not be readable for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = {}


class Site(Own):
    """A web server with a contender's project on a socket. nginx passes on to it what is for the host ``name``."""

    stop_signal = "TERM"

    def __init__(self, name: str, server: str, contender: Contender, database: dict[str, Any]) -> None:
        super().__init__()
        self.name, self.server, self.contender, self.database = name, server, contender, database
        self.socket = f"{self.directory}/socket"

    def command(self) -> list[str]:
        variables = {
            "PYTHONPATH": str(ROOT),
            "HOME": self.directory,  # where gunicorn puts a socket of its own
            "BENCHMARK_CONTENDER": self.contender.name,
            "BENCHMARK_DATABASE": json.dumps(self.database),
        }
        words = SERVERS[self.server].replace("SOCKET", self.socket).split()
        return ["env", *(f"{name}={value}" for name, value in variables.items()), sys.executable, "-m", *words]

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(self.socket) == 0

    def signed_in(self, username: str) -> Device:
        device = Device(username)
        call = self.contender.call("sign_in", device)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(call.method, call.path, call.body, self.headers(call))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            sys.exit(f"{self.server}, {self.contender.name}: the sign-in was answered {answer.status}: {body!r}")
        for cookie in answer.headers.get_all("Set-Cookie", []):
            device.cookies.update({name: morsel.value for name, morsel in SimpleCookie(cookie).items()})
        connection.close()
        if answer.headers.get_content_type() == "application/json":
            self.contender.keep(device, json.loads(body))
        return device

    def headers(self, call: Call) -> dict[str, str]:
        """The headers of a browser's request, without the credential."""
        headers = {"Host": self.name, "Accept": "application/json", "Sec-Fetch-Site": "same-origin"}
        if call.method == "POST":
            headers |= {"Origin": f"http://{HOST}", "Content-Type": call.content_type}
        return headers | {name[5:].replace("_", "-").title(): value for name, value in call.headers.items()}

    def load(self, operation: str, seconds: int) -> dict[str, float]:
        """What a load of ``seconds`` showed, as ``KINDS`` names it."""
        devices = [self.signed_in(username) for username in USERS[:DEVICES]]
        call = self.contender.call(operation, devices[0])
        environment = {**os.environ, "OPERATION": operation, "METHOD": call.method}
        for place, device in enumerate(devices):
            own = self.contender.call(operation, device)
            cookies = "; ".join(f"{name}={value}" for name, value in device.cookies.items())
            environment[f"COOKIE_{place}"], environment[f"BODY_{place}"] = cookies, own.body.decode()
            environment[f"AUTHORIZATION_{place}"] = device.authorization or ""
        options = [f"-t{DEVICES}", f"-c{DEVICES}", f"-d{seconds}s", "-s", str(Path(__file__).with_suffix(".lua"))]
        headers = [word for name, value in self.headers(call).items() for word in ("-H", f"{name}: {value}")]
        command = [found("wrk"), *options, *headers, f"http://127.0.0.1:{self.port}{call.path}"]
        server, database = spent_on(self), spent_on(Server.running)
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        server, database = spent_on(self) - server, spent_on(Server.running) - database
        if done.returncode or not (seen := json.loads(done.stdout.splitlines()[-1]))["requests"] or seen["errors"]:
            sys.exit(f"{self.server}, {self.contender.name}, {operation}: {done.stdout}{done.stderr}")
        requests: int = seen["requests"]
        counted = {
            "rate": requests / seen["seconds"],
            "worked": requests / server,
            "database": database / requests * 1e6,
        }
        return {"p50": seen["p50"], "p99": seen["p99"], **counted}


def spent_on(server: Server | None) -> float:
    """The time that processors have spent on a server and the processes that it started."""
    assert server is not None
    seconds, processes = 0.0, [server.keeper.pid]
    for process in processes:
        with suppress(OSError):  # It has ended: then its time is among its parent's.
            seconds += cpu_seconds(process)
            processes += children(process)
    return seconds


class Proxy(Own, Nginx):
    """One proxy before all sites."""

    def __init__(self, sites: list[Site]) -> None:
        super().__init__()
        self.sites = sites
        for site in sites:
            site.port = self.port

    def install(self) -> None:
        blocks = "\n".join(
            f"upstream {site.name} {{ server unix:{site.socket}; keepalive {DEVICES}; }}\n"
            f"server {{ listen 127.0.0.1:{self.port}; server_name {site.name};\n"
            f"  location / {{ proxy_pass http://{site.name}; }} }}"
            for site in self.sites
        )
        user = "user root;" if os.geteuid() == 0 else ""  # The sockets are root's, as this process is.
        Path(self.configuration).write_text(
            f"{user} pid {self.directory}/pid; error_log stderr crit; worker_processes 1;\n"
            f"events {{ worker_connections 512; }}\nhttp {{ access_log off; keepalive_requests 1000000;\n"
            f"{self.places}\nproxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host {HOST};\n"
            f"{blocks} }}\n"
        )


def measure(sites: list[Site], rounds: int, seconds: int) -> dict[str, Any]:
    """Each site's turns, by operation, server and contender. In each of ``rounds`` another one begins."""
    turns = [(site, operation) for operation in OPERATIONS for site in sites if operation in site.contender.operations]
    seen: dict[str, Any] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for site, operation in turns:
        site.load(operation, 1)  # Whatever happens once, happens here.
    for round_ in range(rounds):
        first = round_ * len(turns) // rounds
        for site, operation in [*turns[first:], *turns[:first]]:
            seen[operation][site.server][site.contender.name].append(site.load(operation, seconds))
    return seen


def as_markdown(seen: dict[str, Any], circumstances: str) -> str:
    parts = []
    for operation, by_server in seen.items():
        rows = []
        for server, by_name in by_server.items():
            for name, turns in by_name.items():
                ratios = [own["worked"] / other["worked"] for own, other in zip(turns, by_name[REFERENCE], strict=True)]
                low, middle, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
                rate, p50, p99, worked, database = (median(turn[kind] for turn in turns) for kind in KINDS)
                row = [server, CONTENDERS[name].label, number(rate), f"{p50:.1f}", f"{p99:.1f}", number(worked)]
                rows.append([*row, f"{middle:.2f} ({low:.2f} to {high:.2f})", number(database)])
        parts.append(f"### {OPERATIONS[operation]}, on a web server\n\n{table(HEAD, rows)}")
    return "\n\n".join([*parts, circumstances]) + "\n"


def versions() -> str:
    programs = ("nginx", "-v"), ("wrk", "-v"), ("postgres", "--version")
    said = [subprocess.run([found(name), option], capture_output=True, text=True) for name, option in programs]
    numbers = [re.search(r"\d+\.[\d.]+", done.stdout + done.stderr) for done in said]
    named = [f"{name} {each[0]}" for (name, _option), each in zip(programs, numbers, strict=True) if each]
    packages = [f"{name} {version(name)}" for name in DISTRIBUTIONS]
    return ", ".join([f"Python {platform.python_version()}", *packages, *named])


def main() -> None:
    parser = argparse.ArgumentParser(prog="./scripts/bench servers", description=__doc__)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS), metavar="SERVER")
    parser.add_argument("--rounds", type=int, default=8, help="turns of each project on each server")
    parser.add_argument("--seconds", type=int, default=2, help="how long a turn lasts")
    parser.add_argument("--write", action="store_true", help="keep the tables in docs/performance.md")
    options = parser.parse_args()
    absent = [program for program in ("nginx", "wrk") if find(program) is None]
    if absent or PostgreSQL.missing():
        sys.exit(f"Missing here: {', '.join(absent) or PostgreSQL.missing()}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    database = {**DurablePostgreSQL.settings(), "NAME": "postgres", "CONN_MAX_AGE": 0}
    # What Django's documentation recommends under ASGI, where each request is a thread; the same for all.
    database["OPTIONS"] = {"pool": {"min_size": 1, "max_size": DEVICES}}
    sites: list[Site] = []
    with ExitStack() as stack:
        for name in PROJECTS:
            prepared = {**os.environ, "BENCHMARK_CONTENDER": name, "BENCHMARK_DATABASE": json.dumps(database)}
            subprocess.run([sys.executable, "-m", APPLICATION], env=prepared, cwd=ROOT, check=True)
        for place, (server, name) in enumerate(product(options.servers, PROJECTS)):
            site = Site(f"site{place}", server, CONTENDERS[name](), database)
            stack.callback(site.stop)
            site.start()
            sites.append(site)
        stack.enter_context(Proxy(sites).serving())
        seen = measure(sites, options.rounds, options.seconds)
    circumstances = (
        f"Run on {datetime.now(UTC):%d %B %Y}, {options.rounds} rounds of {options.seconds} seconds, {DEVICES} "
        f"connections, on {os.cpu_count()} cores ({platform.machine()}), with {versions()}."
    )
    text = as_markdown(seen, circumstances)
    print(text)
    if options.write:
        pages.publish("performance.md", "./scripts/bench servers", f"\n{text}\n")


if __name__ == "__main__":
    main()
