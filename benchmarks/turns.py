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
    """A worker, from here, and what it measured. See :mod:`benchmarks.worker` for its orders."""

    def __init__(self, name: str, database: dict[str, Any]) -> None:
        self.name = name
        self.operations: dict[str, dict[str, Any]] = {}
        self.measured: dict[str, Any] = {"operations": self.operations}
        self.taken: dict[str, dict[str, list[int]]] = defaultdict(lambda: {"times": [], "processor": []})
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

    def describe(self, operations: Iterable[str]) -> None:
        for operation in operations:
            if operation in CONTENDERS[self.name].operations:
                self.operations[operation] = {**self.ask("describe", operation), "rounds": []}

    def take_turn(self, operation: str) -> None:
        if operation in self.operations:
            taken = self.ask("time", operation, TURN[operation])
            self.operations[operation]["rounds"].append(round(median(taken["times"])))
            for kind, nanoseconds in taken.items():
                self.taken[operation][kind] += nanoseconds

    def sum_up(self) -> None:
        self.measured |= self.ask("memory")
        for operation, taken in self.taken.items():
            self.operations[operation]["quartiles"] = list(map(round, quantiles(taken["times"], n=4)))
            self.operations[operation]["processor"] = round(median(taken["processor"]))

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
    prepared: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What every contender does with ``operations``, by its name.

    In each of ``rounds`` another contender begins. Times are in nanoseconds: ``rounds`` has the median of each turn, to
    be compared with the others' of the same round, ``quartiles`` are those of all requests, and ``processor`` is the
    median of what the process itself worked. ``refreshes`` are for the rows that one device leaves behind.

    With ``prepared``, the settings of the same database with prepared statements, every contender has a second worker,
    which has its turn after the first. What asks no database is measured once.
    """
    measured: dict[str, Any] = {}
    workers: list[WorkerProcess] = []
    with ExitStack() as stack:
        for name in CONTENDERS:
            worker = stack.enter_context(WorkerProcess(name, database))
            worker.describe(operations)
            workers.append(worker)
            measured[name] = worker.measured
            asking = [operation for operation, results in worker.operations.items() if results["queries"]]
            if prepared is not None and asking:
                twin = stack.enter_context(WorkerProcess(name, prepared))
                twin.describe(asking)
                workers.append(twin)
                measured[name]["prepared"] = twin.measured
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            first = number % len(workers)
            for operation in operations:
                for worker in [*workers[first:], *workers[:first]]:
                    worker.take_turn(operation)
        for worker in workers:
            if worker.measured is measured[worker.name] and "refresh" in worker.operations and refreshes:
                say(f"rows after {refreshes} refreshes: {worker.name}")
                worker.measured["rows"] = worker.ask("rows", refreshes)["rows"]
            worker.sum_up()
    return measured
