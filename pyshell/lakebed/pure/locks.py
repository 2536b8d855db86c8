"""Locks of the operating system: the writer's record lock on LOCK, and shared locks on manifests."""

from __future__ import annotations

import errno
import fcntl
import struct
import sys
from typing import Final

__all__ = ["holder", "lock_shared", "try_exclusive", "try_write_lock", "unlock"]

_OFD: Final = sys.platform == "linux" and struct.calcsize("P") == 8
# Of <fcntl.h> on Linux; Python names them from 3.14 on.
_F_OFD_GETLK: Final = 36
_F_OFD_SETLK: Final = 37
_FLOCK = struct.Struct("hhqqi4x")
_BUSY: Final = (errno.EACCES, errno.EAGAIN)


def try_write_lock(descriptor: int) -> bool:
    """Take the writer's lock, of a file that is open for writing: a record lock of the open file over the whole file,
    elsewhere `flock`. Returns whether it was free."""
    if not _OFD:
        return _try_flock(descriptor, fcntl.LOCK_EX)
    try:
        fcntl.fcntl(descriptor, _F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, 0, 0, 0, 0))
    except OSError as problem:
        if problem.errno in _BUSY:
            return False
        raise
    return True


def _try_flock(descriptor: int, kind: int) -> bool:
    """Take a lock of the whole open file, unless others keep it away."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno in _BUSY:
            return False
        raise
    return True


def unlock(descriptor: int) -> None:
    """Let the writer's lock go."""
    if _OFD:
        fcntl.fcntl(descriptor, _F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, 0, 0, 0, 0))
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def holder(descriptor: int) -> str | None:
    """What keeps a writer away: `"writer"`, `"reader"` (a shared lock of a program that is no writer), or None.

    It takes nothing, so that readers never keep a writer away.
    """
    if not _OFD:
        if not _try_flock(descriptor, fcntl.LOCK_SH):
            return "writer"
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return None
    answer = fcntl.fcntl(descriptor, _F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, 0, 0, 0, 0))
    kind = _FLOCK.unpack(answer)[0]
    return None if kind == fcntl.F_UNLCK else "writer" if kind == fcntl.F_WRLCK else "reader"


def lock_shared(descriptor: int) -> None:
    """Hold a manifest: nobody removes it, nor what it names, until the descriptor is closed."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def try_exclusive(descriptor: int) -> bool:
    """Whether nobody else holds a manifest."""
    return _try_flock(descriptor, fcntl.LOCK_EX)
