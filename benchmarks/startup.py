"""``./scripts/bench startup``: what a process costs until its first answer, and what it holds then.

Each contender starts in turn, in a process of its own: one that serves a sign-in and a protected GET, and one that runs
the checks. Times are the processor's, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections import defaultdict
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from benchmarks import pages
from benchmarks.contenders import CONTENDERS
from benchmarks.pages import ROOT, table

#: Of the checkout too, as pip makes it of a package that it installs.
BYTECODE = TemporaryDirectory(prefix="benchmarks-")
SHOWN = ["bare", "fastauth", "simplejwt", "dj_rest_auth", "knox"]


def act(name: str, order: str) -> None:
    """Be the process of one contender, which prints what it took."""
    from benchmarks.worker import Worker, configure

    contender = CONTENDERS[name]()
    begun = process_time()
    configure(contender, json.loads(os.environ["BENCHMARK_DATABASE"]))
    taken = {"imports": process_time() - begun}
    if order == "check":
        from django.core.management import call_command

        call_command("check", fail_level="CRITICAL")  # The admin finds fault with the project's templates.
    else:
        worker = Worker(contender)
        if order == "prepare":
            worker.prepare()
        worker.perform("protected", worker.signed_in())
    taken |= {"processor": process_time(), "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    print(json.dumps({**taken, "modules": sorted(sys.modules)}))


def start(name: str, order: str, database: dict[str, Any]) -> dict[str, Any]:
    """What a process of its own took: seconds of the processor, KiB of memory, and the modules that it loaded."""
    command = [sys.executable, "-m", "benchmarks.startup", "--act", name, order]
    environment = {**os.environ, "BENCHMARK_DATABASE": json.dumps(database), "PYTHONPYCACHEPREFIX": BYTECODE.name}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    taken: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return taken


def measure(database: dict[str, Any], rounds: int) -> dict[str, dict[str, list[float]]]:
    """For each contender what it took in each of ``rounds``, by the column of the table."""
    seen: dict[str, Any] = {name: defaultdict(list) for name in SHOWN}
    for name in SHOWN:
        start(name, "prepare", database)
        start(name, "check", database)  # The first one compiles.
    for _round in range(rounds):
        for name in SHOWN:
            served, checked = start(name, "serve", database), start(name, "check", database)
            seen[name]["modules"].append(len(served["modules"]))
            seen[name]["ms to import and set up"].append(served["imports"] * 1000)
            seen[name]["ms until the first answers"].append(served["processor"] * 1000)
            seen[name]["ms of `manage.py check`"].append(checked["processor"] * 1000)
            seen[name]["peak memory, MiB"].append(served["memory"] / 1024)
    return seen


def as_markdown(seen: dict[str, dict[str, list[float]]]) -> str:
    rows = [[CONTENDERS[name].label, *(f"{median(taken):.0f}" for taken in seen[name].values())] for name in SHOWN]
    return table(["", *seen[SHOWN[0]]], rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="./scripts/bench startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="starts of each contender (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/performance.md")
    parser.add_argument("--act", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.act:
        return act(*options.act)
    from benchmarks.__main__ import database

    with database("sqlite") as settings:
        text = as_markdown(measure(settings, options.rounds))
    print(text)
    if options.write:
        pages.publish("performance.md", "./scripts/bench startup", f"\n{text}\n")


if __name__ == "__main__":
    main()
