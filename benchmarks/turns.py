"""The workers of all contenders, which take turns on one database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

from benchmarks.contenders import CONTENDERS

#: Requests of one turn. A turn is short, so that whatever else the machine does hits all contenders alike.
TURN = {"anonymous": 40, "refused": 40, "protected": 40, "refresh": 20, "sign_in": 10, "sign_out": 10}


class WorkerProcess:
    """A worker, from here. See :mod:`benchmarks.worker` for its orders."""

    def __init__(self, name: str, database: dict[str, Any]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "BENCHMARK_DATABASE": json.dumps(database)},
        )
        self._answer()

    def ask(self, *order: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        print(*order, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The worker for {self.name} ended; its message stands above.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.communicate()


def measure(
    database: dict[str, Any],
    operations: Iterable[str],
    *,
    rounds: int,
    refreshes: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """What every contender does with ``operations``, by its name.

    In each of ``rounds`` another contender begins. Times are in nanoseconds: ``rounds`` has the median of each turn, to
    be compared with the others' of the same round, ``quartiles`` are those of all requests, and ``processor`` is the
    median of what the process itself worked. ``refreshes`` are for the rows that one device leaves behind.
    """
    measured: dict[str, Any] = {}
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    processor: dict[tuple[str, str], list[int]] = defaultdict(list)
    with ExitStack() as stack:
        workers = []
        for name in CONTENDERS:
            workers.append(stack.enter_context(WorkerProcess(name, database)))
            measured[name] = {"operations": {}}
        for worker in workers:
            offered = CONTENDERS[worker.name].operations
            for operation in (operation for operation in operations if operation in offered):
                described = worker.ask("describe", operation)
                measured[worker.name]["operations"][operation] = {**described, "rounds": []}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            first = number % len(workers)
            for operation in operations:
                for worker in [*workers[first:], *workers[:first]]:
                    results = measured[worker.name]["operations"].get(operation)
                    if results is not None:
                        taken = worker.ask("time", operation, TURN[operation])
                        results["rounds"].append(round(median(taken["times"])))
                        times[worker.name, operation] += taken["times"]
                        processor[worker.name, operation] += taken["processor"]
        for name, operation in times:
            results = measured[name]["operations"][operation]
            results["quartiles"] = list(map(round, quantiles(times[name, operation], n=4)))
            results["processor"] = round(median(processor[name, operation]))
        for worker in workers:
            if "refresh" in CONTENDERS[worker.name].operations and refreshes:
                say(f"rows after {refreshes} refreshes: {worker.name}")
                measured[worker.name]["rows"] = worker.ask("rows", refreshes)["rows"]
            measured[worker.name]["peak_memory"] = worker.ask("memory")["peak"]
    return measured
