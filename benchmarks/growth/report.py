"""What was measured, as the tables of docs/scaling.md."""

from __future__ import annotations

import re
from typing import Any

from benchmarks.pages import latencies, number, table


def megabytes(bytes_: float) -> str:
    return f"{bytes_ / 1e6:,.1f} MB"


def pages(plan: str) -> int:
    """How many pages a query looked at, in memory or not: the first line of buffers is that of the whole plan."""
    [buffers] = re.findall(r"Buffers: shared (.*)", plan)[:1]
    return sum(int(count) for count in re.findall(r"(?:hit|read)=(\d+)", buffers))


def by_size(sizes: list[dict[str, Any]]) -> str:
    head = ["sessions", *(number(size["sessions"]) for size in sizes)]
    rows = []
    for act in ("protected GET", "refresh", "first GET after a refresh"):
        rows += [
            [f"{act}, {name}, in milliseconds", *(size["milliseconds"][act][point] for size in sizes)]
            for name, point in (("median", "p50"), ("95 %", "p95"), ("99 %", "p99"))
        ]
    for name, plan in (("the query of a protected GET", "SELECT"), ("the update of a refresh", "UPDATE")):
        rows.append([f"{name}: pages of 8 KB looked at", *(pages(size["plans"][plan]) for size in sizes)])
    for what in sizes[0]["per second"]:
        rows.append([f"{what}, PostgreSQL alone, per second", *(number(size["per second"][what]) for size in sizes)])
    for what in sizes[0]["wal"]:
        rows.append([f"write-ahead log: {what}, in bytes", *(number(size["wal"][what]) for size in sizes)])
    for relation in sizes[0]["sizes"]:
        name = "the table" if relation == "table" else f"index `{relation}`"
        rows.append([name, *(megabytes(size["sizes"][relation]) for size in sizes)])
    rows.append(
        ["bytes per session, with its indexes"]
        + [number(sum(size["sizes"].values()) / size["sessions"]) for size in sizes]
    )
    return table(head, rows)


def in_place(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            f"fillfactor {entry['fillfactor']}",
            *(f"{round_['in place']:.1%}, {megabytes(round_['size'])}" for round_ in entry["rounds"]),
        ]
        for entry in found
    ]
    head = ["in place, and how large table and indexes were then", "1st round", "2nd"]
    return table([*head, "3rd, somebody's transaction stays open", "4th, it is over"], rows)


def as_markdown(result: dict[str, Any]) -> str:
    largest = result["sizes"][-1]
    hot = result["hot"]
    done = result["clearing"]
    return "\n\n".join(
        [
            f"Run on {result['date']} with {result['versions']}.",
            by_size(result["sizes"]),
            f"The plans with {number(largest['sessions'])} sessions:",
            *(f"```text\n{plan}\n```" for plan in largest["plans"].values()),
            f"Refreshes of {number(hot[0]['rows'])} sessions that change their row in place (HOT). A round is as many "
            "refreshes, in random order, each with the write of the first request after it; a vacuum follows:",
            in_place(hot),
            f'`clear_auth_sessions` said "{done["said"]}" after {done["seconds"]} s, which is '
            f"{number(done['dead'] / done['seconds'])} sessions a second; {number(done['left'])} live ones are left. "
            f"Meanwhile people refreshed {done['rate']:g} times a second, over all of the table:",
            latencies("refreshes", ((phase, done["refreshes"][phase]) for phase in ("before", "during", "after"))),
            "On a table that is split by `id`, a refresh looks into one part:",
            f"```text\n{result['partitions']['plan']}\n```",
            "On a table that is split by `expires_at`, the second of two refreshes that race to another part is told "
            f"`{result['partitions']['by expiry']}`.\n",
        ]
    )
