"""What Linux says of processes, under ``/proc``."""

from __future__ import annotations

import os
from pathlib import Path


def children(process: int) -> list[int]:
    """The processes that ``process`` has started and that live."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def cpu_seconds(process: int) -> float:
    """The time that processors have spent on ``process``, and on those that it started and that ended."""
    # proc(5): utime, stime, cutime and cstime are 12th to 15th after the name, which may have spaces in it.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
