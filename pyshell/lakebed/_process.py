"""Whether a process that recorded its identity still runs. Known on Linux only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def process_mark(pid: int) -> str | None:
    """The start time of a process in clock ticks since boot; with the process id it identifies one process. None if
    there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    # A zombie has ended; its parent has not waited for it yet.
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def machine() -> str:
    """The id of this boot of this machine; empty where it is unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return ""


def is_alive(recorded: Mapping[str, Any]) -> bool:
    """Whether the process that recorded `pid`, `process` and `machine` still runs. Of another machine it is unknown:
    then False."""
    pid = recorded.get("pid")
    if not isinstance(pid, int) or recorded.get("machine") != machine():
        return False
    mark = process_mark(pid)
    return mark is not None and mark == recorded.get("process")
