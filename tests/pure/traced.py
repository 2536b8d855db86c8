"""A process that is stopped before each of its operations on files: what a kill there would leave.

The kernel's `ptrace` stops it at its system calls, so that an engine of any language is watched as it is.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Final

__all__ = ["CALLS", "watch"]

CALLS: Final[dict[str, dict[str, int]]] = {
    "x86_64": {
        "write": 1, "pwrite64": 18, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "rename": 82, "mkdir": 83, "unlink": 87,
        "openat": 257, "mkdirat": 258, "unlinkat": 263, "renameat": 264, "pwritev": 296, "renameat2": 316,
    },
    "aarch64": {
        "mkdirat": 34, "unlinkat": 35, "renameat": 38, "ftruncate": 46, "openat": 56, "write": 64, "pwrite64": 68,
        "pwritev": 70, "fsync": 82, "fdatasync": 83, "renameat2": 276,
    },
}  # fmt: skip
"""The numbers of the system calls that change files, by machine."""

_SYSCALL: Final = 24
_SEIZE: Final = 0x4206
_INTERRUPT: Final = 0x4207
_SYSCALL_INFO: Final = 0x420E
_OPTIONS: Final = 1 | 8
"""Stops at system calls are told from signals; threads that begin are watched, too."""
_ALL_CHILDREN: Final = 0x40000000
_ENTRY: Final = 1
_INFO = struct.Struct("<B3xIQQQ6Q")
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long


def _ptrace(request: int, process: int, address: int = 0, data: int = 0) -> None:
    """Raises `OSError`."""
    if _LIBC.ptrace(request, process, address, data) < 0:
        problem = ctypes.get_errno()
        raise OSError(problem, os.strerror(problem))


def watch(script: str, arguments: list[str], before: Callable[[], None]) -> None:
    """Run a Python script, and call `before` each time that it is about to change a file.

    The script writes a line when it is ready, and begins when it can read one. Raises `PermissionError` where a process
    may not be watched, `RuntimeError` when the script fails.
    """
    numbers = CALLS[platform.machine()]
    changes, opens = set(numbers.values()) - {numbers["openat"]}, numbers["openat"]
    child = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        try:
            child.stdout.readline()
            _ptrace(_SEIZE, child.pid, 0, _OPTIONS)
            _ptrace(_INTERRUPT, child.pid)
            child.stdin.write(b"begin\n")
            status = _follow(child.pid, changes, opens, before)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"the watched script failed: {child.returncode}")


def _follow(main: int, changes: set[int], opens: int, before: Callable[[], None]) -> int:
    """Let a process and its threads go on from stop to stop. Returns how it ended."""
    buffer = ctypes.create_string_buffer(_INFO.size)
    while True:
        thread, status = os.waitpid(-1, _ALL_CHILDREN)
        if not os.WIFSTOPPED(status):
            if thread == main:
                return status
            continue
        deliver = 0
        if os.WSTOPSIG(status) == signal.SIGTRAP | 0x80:
            _ptrace(_SYSCALL_INFO, thread, _INFO.size, ctypes.addressof(buffer))
            kind, _, _, _, number, *arguments = _INFO.unpack(buffer.raw)
            if kind == _ENTRY and (number in changes or (number == opens and arguments[2] & os.O_CREAT)):
                before()
        elif status >> 16 == 0:
            deliver = os.WSTOPSIG(status)
        try:
            _ptrace(_SYSCALL, thread, 0, deliver)
        except ProcessLookupError:
            # It was killed meanwhile.
            continue
