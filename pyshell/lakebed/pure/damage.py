"""Errors of the operating system and of damaged files, as lakebed's."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from lakebed.errors import Corrupt, FormatTooNew, Interrupted, StoreFull, error
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.store_file import TooNew

__all__ = ["interruptible", "io_error", "named", "operating_system"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


def io_error(problem: OSError | ValueError, what: str) -> BaseException:
    """The error of a failed call of the operating system; `what` is what was tried, as in "Reading x". A `ValueError`
    is that of a path with a zero byte."""
    if isinstance(problem, ValueError):
        return error("io", f"{what} failed: invalid argument.", errno.EINVAL)
    reason = os.strerror(problem.errno) if problem.errno else str(problem)
    reason = reason[:1].lower() + reason[1:]
    if problem.errno in _FULL:
        return StoreFull(f"{what} failed: {reason}. Free some space; the store is as it was before.")
    return error("io", f"{what} failed: {reason}.", problem.errno)


@contextlib.contextmanager
def operating_system(what: str) -> Iterator[None]:
    """Raises errors of the operating system as `StoreFull` or `StoreIOError`; `what` is what is tried."""
    try:
        yield
    except OSError as problem:
        if type(problem).__module__.startswith("lakebed"):
            raise
        raise io_error(problem, what) from problem


@contextlib.contextmanager
def named(what: str) -> Iterator[None]:
    """Raises `Malformed` and `TooNew` as `Corrupt` and `FormatTooNew`; `what` is the thing, as in "Segment 3 of x"."""
    try:
        yield
    except Malformed as problem:
        raise Corrupt(
            f"{what} is damaged: {problem}. What is not damaged stays readable; "
            "`lakebed verify` lists all damage, and `lakebed repair` mends it."
        ) from problem
    except TooNew as problem:
        raise FormatTooNew(f"{what} was written by a newer lakebed: {problem}. Update lakebed.") from problem


@contextlib.contextmanager
def interruptible(message: str) -> Iterator[None]:
    """Raises Ctrl-C as `Interrupted`; the message says what was stopped and what is left."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(message) from None
