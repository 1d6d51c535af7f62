"""``./scripts/scale``: the whole run, a report on the standard output, and nothing left behind.

    ./scripts/scale                  a calm run, the comparison with dj-rest-auth, and the run with misfortunes
    ./scripts/scale calm             one of the three: calm, compare, chaos
    ./scripts/scale serve            start everything, say where it answers, and stop at Ctrl-C
    ./scripts/scale --failover       two hosts and a standby of the database, which takes over under load
    ./scripts/scale --write          keep the report in docs/scaling.md; with --failover that one

Needs Debian's nginx, postgresql and redis-server. Whatever it starts ends with it.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks import pages
from benchmarks.pages import latencies, number, table
from benchmarks.postgresql import DurablePostgreSQL
from benchmarks.scale import failover
from benchmarks.scale.load import SLICE
from benchmarks.scale.servers import Deployment, Load, missing
from tests.databases import found
from tests.redis_server import Redis

OURS, PEER = "fastauth_django", "dj-rest-auth"
SETTINGS = {OURS: "benchmarks.scale.settings", PEER: "benchmarks.scale.dj_rest_auth_settings"}
PARTS = ("calm", "compare", "chaos")
REDIS_IS_AWAY = 3  # seconds, so that people sign in meanwhile


class Stage:
    """The servers, and the projects that were asked for."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack) -> None:
        self.options = options
        self.postgresql = stack.enter_context(DurablePostgreSQL().serving())
        self.redis = stack.enter_context(Redis().serving())
        self.deployments: dict[str, Deployment] = {}
        self.stack = stack

    def deployment(self, project: str) -> Deployment:
        if project not in self.deployments:
            database = self.postgresql.make_database(project)
            how = {"workers": self.options.workers, "people": self.options.people}
            self.deployments[project] = Deployment(SETTINGS[project], database=database, redis=self.redis, **how)
            self.stack.callback(self.deployments[project].stop)
        return self.deployments[project]

    def start_load(self, project: str, *flags: str, seconds: float) -> Load:
        options = self.options
        values = {"project": project, "people": options.people, "seconds": seconds, "workers": options.workers}
        load = Load(self.deployment(project).origin, *flags, **values)
        self.stack.callback(load.process.kill)
        return load

    def sessions(self) -> dict[str, int]:
        return self.postgresql.sessions(OURS)


# --- Runs ----------------------------------------------------------------------------------------------------------


def calm(stage: Stage) -> dict[str, Any]:
    result = stage.start_load(OURS, "--strict", seconds=stage.options.seconds).result()
    return {**result, "sessions": stage.sessions()}


def compare(stage: Stage) -> dict[str, dict[str, Any]]:
    """Both packages by turns of two seconds, so that whatever else the machine does hits both."""
    seconds = stage.options.seconds * 2
    loads = {
        project: stage.start_load(project, f"--turn={turn}", seconds=seconds)
        for turn, project in enumerate((OURS, PEER))
    }
    before = {project: stage.deployment(project).cpu_seconds() for project in loads}
    for load in loads.values():
        load.begin(time.time() + 1)
    results = {project: load.result() for project, load in loads.items()}
    return {
        project: {**result, "cpu": (stage.deployment(project).cpu_seconds() - before[project]) / result["requests"]}
        for project, result in results.items()
    }


def chaos(stage: Stage) -> dict[str, Any]:
    """A worker is killed, PostgreSQL and Redis are restarted, and Redis hangs, while people go on."""
    deployment = stage.deployment(OURS)
    before = stage.sessions()
    pause = stage.options.seconds / 3
    load = stage.start_load(OURS, "--strict", seconds=5 * pause + 2 * REDIS_IS_AWAY)
    events: list[dict[str, Any]] = []

    def happens(name: str, act: Any) -> None:
        time.sleep(pause)
        at = time.time()
        act()
        events.append({"name": name, "at": at, "away": round(time.time() - at, 2)})

    def restart_postgresql() -> None:
        stage.postgresql.stop(keep_files=True)
        stage.postgresql.start()

    def restart_redis() -> None:
        stage.redis.stop(keep_files=True)
        time.sleep(REDIS_IS_AWAY)
        stage.redis.start()

    happens("a worker killed", deployment.hosts[0].kill_worker)
    happens("PostgreSQL restarted", restart_postgresql)
    happens("Redis stopped and started", restart_redis)
    happens("Redis hangs", lambda: stage.redis.hang(REDIS_IS_AWAY))
    result = load.result()
    after = stage.sessions()
    for event, following in zip(events, [*events[1:], {"at": float("inf")}], strict=True):
        for kind in ("failures", "long ones"):
            event[kind] = [seen for seen in result[kind] if event["at"] <= seen["at"] < following["at"]]
    gained = {reason: after[reason] - before.get(reason, 0) for reason in after}
    return {**result, "events": events, "sessions": gained, "log": deployment.log()[-20_000:]}


# --- Report --------------------------------------------------------------------------------------------------------


def verdict(result: dict[str, Any]) -> list[list[Any]]:
    counts = Counter(result["counts"])
    asked = counts["the phone before"] + counts["the phone after"]
    return [
        ["people, of whom signed in at the end", f"{number(result['people'])}, {number(result['signed in'])}"],
        ["requests in the mix, per second", f"{number(result['requests'])}, {number(result['per second'])}"],
        ["requests that failed", len(result["failures"])],
        ["people wrongly signed out, wrongly let in, or taken for somebody else", len(result["violations"])],
        ["sessions revoked on one worker, which every worker knew at once", number(counts["ended elsewhere"])],
        ["questions to the workers about those, before and after", number(asked)],
        [
            "looked at one by one afterwards: still signed in, still signed out",
            f"{number(counts['verified signed in'])}, {number(counts['verified signed out'])}",
        ],
        ["sessions revoked because of reuse, of all that were refreshed", result["sessions"].get("reuse", 0)],
    ]


def comparison(results: dict[str, dict[str, Any]]) -> str:
    ours, peer = results[OURS], results[PEER]
    compared = [
        ("requests per second, in their turns", 2 * ours["per second"], 2 * peer["per second"]),
        ("processor time of the workers for a request, in milliseconds", ours["cpu"] * 1000, peer["cpu"] * 1000),
    ]
    for act in ours["acts"]:
        if act in peer["acts"]:
            compared.append((f"{act}, median in milliseconds", ours["acts"][act]["p50"], peer["acts"][act]["p50"]))
    rows = [[name, f"{one:.1f}", f"{other:.1f}", f"{one / other:.2f}"] for name, one, other in compared]
    rows.insert(1, ["the same, turn against turn: median, and the middle half", "", "", turn_against_turn(ours, peer)])
    failed = ["requests that failed", len(ours["failures"]), len(peer["failures"]), ""]
    return table(["", OURS, PEER, "ratio"], [*rows, failed])


def turn_against_turn(ours: dict[str, Any], peer: dict[str, Any]) -> str:
    """How the rates of two turns that follow each other compare."""
    first, second = (Counter({int(turn): count for turn, count in each["turns"].items()}) for each in (ours, peer))
    # Without the last pair, which may have been cut short.
    ratios = [first[turn] / second[turn + 1] for turn in range(0, max(first) - 1, 2) if second[turn + 1]]
    if len(ratios) < 2:
        return ""
    low, middle, high = quantiles(ratios, n=4)
    return f"{middle:.2f}, {low:.2f} to {high:.2f}"


def misfortunes(result: dict[str, Any]) -> str:
    rows = []
    for event in result["events"]:
        failures = event["failures"]
        kinds = Counter(f"{failure['act']}: {failure['what'][0]}" for failure in failures)
        until = max((failure["at"] + failure["lasted"] - event["at"] for failure in failures), default=0)
        what = ", ".join(f"{count} of {kind}" for kind, count in sorted(kinds.items())) or "none"
        slowest = max(event["long ones"], key=lambda seen: seen["took"], default=None)
        longest = "under 0.5 s" if slowest is None else f"{slowest['act']}, {slowest['took']:.1f} s"
        again = f"{until:.1f} s" if failures else ""
        rows.append([event["name"], f"{event['away']:.1f} s", len(failures), what, again, longest])
    head = ["event", "took", "requests that failed", "of which kind", "all answered again after", "longest answer"]
    return table(head, rows)


def report(parts: dict[str, Any], options: argparse.Namespace) -> str:
    packages = (OURS.replace("_", "-"), PEER, "Django", "djangorestframework", "gunicorn", "psycopg", "redis")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    programs = ", ".join(
        subprocess.run(command, capture_output=True, text=True, shell=True).stdout.strip()  # noqa: S602
        for command in (
            "PATH=$PATH:/usr/sbin nginx -v 2>&1 | sed 's|.*: ||; s|/| |'",
            "redis-server --version | sed 's/.*v=/Redis /; s/ sha.*//'",
            f"{found('postgres')} --version | sed 's/ (.*) / /; s/postgres/PostgreSQL/; s/ (.*//'",
        )
    )
    text = [
        f"Run on {datetime.now(UTC):%d %B %Y} with {options.workers} workers, Python {platform.python_version()}, "
        f"{versions}, {programs}."
    ]
    if "failover" in parts:
        text.append(failover.report(parts["failover"]))
    if "calm" in parts:
        text += ["Calm, with every question asked:", table(["", ""], verdict(parts["calm"]))]
        text.append(latencies("act", parts["calm"]["acts"].items()))
    if "compare" in parts:
        text += [f"The same mix on both packages, by turns of {SLICE} seconds:", comparison(parts["compare"])]
    if "chaos" in parts:
        text += ["With misfortunes:", misfortunes(parts["chaos"]), table(["", ""], verdict(parts["chaos"]))]
    return "\n\n".join(text) + "\n"


def problems(parts: dict[str, Any]) -> list[str]:
    """What is not as it should be; nothing that depends on how fast the machine is."""
    found = failover.problems(parts["failover"]) if "failover" in parts else []
    runs = [parts[name] for name in ("calm", "chaos") if name in parts]
    for result in [*runs, *parts.get("compare", {}).values()]:
        found += [f"violation: {violation}" for violation in result["violations"]]
        found += result["errors"]
    for result in runs:
        unanswered = result["counts"].get("not all workers answered", 0)
        found += [f"{unanswered} questions were not answered by every worker"] * bool(unanswered)
        reused = result["sessions"].get("reuse", 0)
        found += [f"{reused} sessions were revoked because of reuse"] * bool(reused)
        touched = result["counts"].get("cookies on a failure", 0)
        found += [f"{touched} failures touched a cookie"] * bool(touched)
    quiet = [parts.get("calm"), parts.get("compare", {}).get(OURS)]
    for result in filter(None, quiet):
        found += [f"failure in calm weather: {failure}" for failure in result["failures"]]
    return found


# --- Command -------------------------------------------------------------------------------------------------------


def run_on_stage(options: argparse.Namespace) -> dict[str, Any]:
    """The parts that share one database and one Redis."""
    with ExitStack() as stack:
        stage = Stage(options, stack)
        if options.part == "serve":
            for project in (OURS, PEER):
                print(f"{project}: {stage.deployment(project).origin} (at 127.0.0.1)", flush=True)
            print("Ctrl-C stops everything.", flush=True)
            signal.pause()
        parts = {}
        for name, run in (("calm", calm), ("compare", compare), ("chaos", chaos)):
            if options.part in {"all", name}:
                print(f"{name} ...", file=sys.stderr, flush=True)
                parts[name] = run(stage)
        return parts


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./scripts/scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["all", *PARTS, "serve"], default="all")
    parser.add_argument("--failover", action="store_true", help="this part alone, with servers of its own")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30, help="how long the calm run lasts")
    parser.add_argument("--json", type=Path, help="keep everything that was seen in this file")
    parser.add_argument("--write", action="store_true", help="keep the report in docs/scaling.md")
    options = parser.parse_args()
    if packages := missing():
        print(f"Missing here. On Debian and Ubuntu: apt-get install {' '.join(packages)}", file=sys.stderr)
        return 2
    # A stop from outside unwinds the stack below as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts = {"failover": failover.both(options)} if options.failover else run_on_stage(options)
    if options.json:
        options.json.write_text(json.dumps(parts, indent=1))
    text = report(parts, options)
    print(text)
    if options.write:
        pages.publish("scaling.md", "./scripts/scale --failover" if options.failover else "./scripts/scale", text)
    found = problems(parts)
    print("\n".join(found) or "Nobody was signed out who should not be, and nobody let in.", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
