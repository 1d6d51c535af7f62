"""``./scripts/scale --failover``: two hosts, a database that dies under load, and its standby that takes over.

Once with a standby that every commit waits for, once with one that lags. The hosts share nothing but the database: each
worker has a cache of its own.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

from benchmarks.distance import Distance
from benchmarks.pages import number, table
from benchmarks.postgresql import DurablePostgreSQL, DurableStandby
from benchmarks.scale.servers import Deployment, Load

HOSTS = 2
DATABASE = "failover"
LAG = 1.0  # seconds that the standby is behind which no commit waits for
NOTICED_AFTER = 2.0  # seconds. What watches over the servers must not take a slow answer for a death.
PATIENCE = 60  # seconds
#: How the hosts find the server that takes writes, and how soon they notice one that is gone. For libpq.
OPTIONS = {
    "target_session_attrs": "read-write",
    "connect_timeout": 2,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
SYNCHRONOUS_SETTING = "synchronous_standby_names = '*'"
SYNCHRONOUS, ASYNCHRONOUS = "commits wait for the standby", "they do not, and it lags"


class Pair:
    """A primary, and a standby that follows it over a line that can be cut."""

    def __init__(self, stack: ExitStack, *, lag: float) -> None:
        self.lag = lag
        self.primary = stack.enter_context(DurablePostgreSQL().serving())
        self.primary.make_database(DATABASE)
        self.line = Distance(self.primary.port, round_trip=0)
        self.standby = DurableStandby(self.line.port)

    @property
    def url(self) -> str:
        """Both servers, of which libpq takes the one that takes writes."""
        hosts = {"host": "127.0.0.1,127.0.0.1", "port": f"{self.primary.port},{self.standby.port}"}
        return f"postgres://{self.primary.user}@/{DATABASE}?{urlencode({**hosts, **OPTIONS})}"

    def follow(self, stack: ExitStack) -> None:
        """Copy the primary, and from then on whatever it writes."""
        stack.enter_context(self.standby.serving())
        with self.primary.connect() as connection:
            if not self.lag:
                connection.execute(f"ALTER SYSTEM SET {SYNCHRONOUS_SETTING}")
                connection.execute("SELECT pg_reload_conf()")
            wanted = "async" if self.lag else "sync"
            until = time.monotonic() + PATIENCE
            while connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall() != [(wanted,)]:
                assert time.monotonic() < until, "the standby does not follow"
                time.sleep(0.05)
        self.line.one_way = self.lag  # From now on: the copy need not wait.

    def fail_over(self) -> dict[str, float]:
        """Let the primary die, and promote the standby when somebody has noticed. Returns when, since 1970."""
        died = time.time()
        self.line.cut()
        self.primary.die()
        time.sleep(NOTICED_AFTER)
        noticed = time.time()
        self.standby.promote()
        return {"died": died, "noticed": noticed, "promoted": time.time()}


def fail_over_under_load(options: argparse.Namespace, *, lag: float) -> dict[str, Any]:
    with ExitStack() as stack:
        pair = Pair(stack, lag=lag)
        how = {"workers": options.workers, "people": options.people, "hosts": HOSTS, "redis": None}
        deployment = Deployment("benchmarks.scale.settings", database=pair.url, **how)
        stack.callback(deployment.stop)
        pair.follow(stack)
        values = {"people": options.people, "seconds": options.seconds, "workers": options.workers}
        load = Load(deployment.origin, "--strict", "--lossy", **values)
        stack.callback(load.process.kill)
        time.sleep(options.seconds / 2)
        when = pair.fail_over()
        result = load.result()
        ahead = deployment.log().count("behind a token of generation")
        return {**result, **when, "sessions": pair.standby.sessions(DATABASE), "went on ahead": ahead}


def both(options: argparse.Namespace) -> dict[str, Any]:
    return {
        SYNCHRONOUS: fail_over_under_load(options, lag=0),
        ASYNCHRONOUS: fail_over_under_load(options, lag=LAG),
    }


# --- Report --------------------------------------------------------------------------------------------------------


def what_happened(violation: dict[str, Any]) -> str:
    if violation["expected"] == "401":
        return "let in"
    return "signed out" if violation["status"] == 401 else "something else"


def people(result: dict[str, Any], what: str) -> str:
    """How many people something happened to that must not."""
    return number(len({each["person"] for each in result["violations"] if what_happened(each) == what}))


def summary(result: dict[str, Any]) -> list[tuple[str, str]]:
    counts, failures = Counter(result["counts"]), result["failures"]
    attempts = Counter(what for failure in failures for what in failure["what"])
    kinds = ", ".join(f"{number(count)} with {what}" for what, count in sorted(attempts.items()))
    until = max((failure["at"] + failure["lasted"] for failure in failures), default=result["died"])
    verified = f"{number(counts['verified signed in'])}, {number(counts['verified signed out'])}"
    return [
        ("people, of whom signed in at the end", f"{number(result['people'])}, {number(result['signed in'])}"),
        ("requests in the mix, per second", f"{number(result['requests'])}, {number(result['per second'])}"),
        ("refreshes whose answer nobody heard", number(counts["answers lost"])),
        ("the standby was told to take over after", f"{result['noticed'] - result['died']:.1f} s"),
        ("and did within", f"{result['promoted'] - result['noticed']:.1f} s"),
        ("all requests were answered again after", f"{until - result['died']:.1f} s"),
        ("requests that failed meanwhile; each was made again until it did not", number(len(failures))),
        ("failed attempts", f"{number(attempts.total())}: {kinds}"),
        ("of these, answers that touched a cookie", number(counts["cookies on a failure"])),
        ("looked at one by one afterwards: signed in, signed out", verified),
        ("people wrongly signed out", people(result, "signed out")),
        ("people whose sign-out or revocation was undone", people(result, "let in")),
        ("refresh tokens ahead of their row, which went on", number(result["went on ahead"])),
        ("sessions revoked because they were further ahead", number(result["sessions"].get("behind", 0))),
        ("sessions revoked because of reuse", number(result["sessions"].get("reuse", 0))),
    ]


def report(results: dict[str, Any]) -> str:
    columns = [summary(result) for result in results.values()]
    rows = [[line[0][0], *(value for _name, value in line)] for line in zip(*columns, strict=True)]
    return table(["", *results], rows)


def problems(results: dict[str, Any]) -> list[str]:
    """What is not as it should be. A standby that lags loses writes, which may only cost a new sign-in."""
    found = []
    for how, result in results.items():
        for violation in result["violations"]:
            if how == SYNCHRONOUS or what_happened(violation) == "something else":
                found.append(f"{how}: violation: {violation}")
        found += result["errors"]
        if not result["failures"]:
            found.append(f"{how}: the database died and nobody noticed")
        if cookies := result["counts"].get("cookies on a failure"):
            found.append(f"{how}: {cookies} failures touched a cookie")
        if reused := result["sessions"].get("reuse"):
            found.append(f"{how}: {reused} sessions were revoked because of reuse")
    return found
