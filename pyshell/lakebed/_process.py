"""Whether a process that said who it is is still there. Linux tells; elsewhere nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def process_mark(pid: int) -> str | None:
    """When a process began, in the kernel's ticks: with its number it names one process. None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    # Dead, and not yet noticed by its parent.
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def machine() -> str:
    """This machine, since it was started."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return ""


def is_alive(begin: Mapping[str, Any]) -> bool:
    """Whether the process of a run that has not ended is still there. On another machine nobody knows; then not."""
    pid = begin.get("pid")
    if not isinstance(pid, int) or begin.get("machine") != machine():
        return False
    mark = process_mark(pid)
    return mark is not None and mark == begin.get("process")
