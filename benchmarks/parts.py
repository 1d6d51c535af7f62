"""Where the microseconds of this app go: ``python -m benchmarks.parts``.

Requests as those of ``./scripts/bench``, with a stopwatch around each part. What is inside of another part counts there
and not twice. Each line is the median of a thousand requests. A stopwatch takes about a microsecond itself.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter_ns
from typing import Any

from benchmarks.__main__ import database
from benchmarks.contenders import FastAuth
from benchmarks.pages import table
from benchmarks.report import DATABASES
from benchmarks.worker import Worker, configure

PUBLIC = "Django, its middleware and REST framework, as for the public view without a cookie"


class Stopwatch:
    """How long each part took in the request that runs, in nanoseconds."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self._inside = [0]  # what the parts within each running part took

    def around(self, owner: Any, name: str, part: str) -> None:
        """Time ``owner.name``, a function or a method, as ``part``."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0)
            begun = perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                taken = perf_counter_ns() - begun
                self.spent[part] = self.spent.get(part, 0) + taken - self._inside.pop()
                self._inside[-1] += taken

        # A class method is bound already, and another bound to it would get the class twice.
        setattr(owner, name, staticmethod(timed) if hasattr(function, "__self__") else timed)


def watched() -> Stopwatch:
    from fastauth_django import cookies, csrf, models, sessions
    from fastauth_django.tokens import AccessToken, RefreshToken, TokenPair

    stopwatch = Stopwatch()
    for owner, name, part in (
        (cookies, "access_tokens", "the cookie out of the header"),
        (cookies, "refresh_tokens", "the cookie out of the header"),
        (AccessToken, "read", "signature, expiry and claims of the token"),
        (RefreshToken, "read", "signature, expiry and claims of the token"),
        (csrf, "forgery_fault", "whether another site sent the request"),
        (models.SessionJoin, "fetch", "the query: Django's cursor, the driver, the database"),
        (models.SessionJoin, "read", "the row into a session and a user"),
        (sessions, "live_session", "the rules: not revoked, not expired, same user, active, same password"),
        (sessions, "next_generation", "the next generation of the session"),
        (TokenPair, "for_session", "two tokens, signed"),
        (cookies, "set_auth_cookies", "two cookies onto the answer"),
        (models.UnrevokedSession, "update", "the second query, the compare-and-set"),
    ):
        stopwatch.around(owner, name, part)
    return stopwatch


def parts(
    worker: Worker, stopwatch: Stopwatch, operation: str, requests: int, public: float
) -> Iterator[tuple[str, float]]:
    """The parts of ``operation`` in microseconds, the whole before them and the rest after them."""
    taken: dict[str, list[int]] = defaultdict(list)
    for device in worker.devices(operation, requests):
        stopwatch.spent.clear()
        taken[""].append(worker.perform(operation, device)[0].time)
        for part, nanoseconds in stopwatch.spent.items():
            taken[part].append(nanoseconds)
    whole, *each = ((part, median(times) / 1000) for part, times in taken.items())
    yield f"**{operation}**", whole[1]
    yield PUBLIC, public
    yield from each
    rest = "the rest: what Django and REST framework do more here, and waking up after each wait"
    yield rest, whole[1] - public - sum(microseconds for _part, microseconds in each)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--requests", type=int, default=1000, help="of each kind (default: %(default)s)")
    options = parser.parse_args()
    with database(options.database) as settings:
        contender = FastAuth()
        configure(contender, settings)
        worker = Worker(contender)
        worker.prepare()
        for operation in contender.operations:
            worker.describe(operation)  # Whatever happens once, happens here.
        public = median(worker.time("anonymous", str(options.requests))["times"]) / 1000
        stopwatch = watched()
        rows: list[tuple[str, float]] = []
        for operation in ("protected", "refresh"):
            rows += parts(worker, stopwatch, operation, options.requests, public)
        print(table(["part", "µs"], [[name, f"{taken:.0f}"] for name, taken in rows]))

        from django.db import connections

        connections.close_all()


if __name__ == "__main__":
    main()
