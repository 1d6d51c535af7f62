"""What the reports of all runs share: tables, numbers, and their place in a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
END = "<!-- end -->\n"


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A table as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def latencies(what: str, measured: Iterable[tuple[str, dict[str, float]]]) -> str:
    """A table of what :func:`benchmarks.scale.load.in_milliseconds` found."""
    rows = [
        [name, number(seen["count"]), *(seen[point] for point in ("p50", "p95", "p99", "max"))]
        for name, seen in measured
    ]
    return table([f"{what}, in milliseconds", "count", "median", "95 %", "99 %", "longest"], rows)


def number(value: float) -> str:
    return f"{value:,.0f}"


def publish(page: str, command: str, text: str) -> None:
    """Put ``text`` into ``page`` of the documentation, between the marks of ``command``."""
    path = ROOT / "docs" / page
    begin = f"<!-- written by {command} --write -->\n"
    before, _begin, rest = path.read_text().partition(begin)
    path.write_text(f"{before}{begin}{text}{END}{rest.partition(END)[2]}")
