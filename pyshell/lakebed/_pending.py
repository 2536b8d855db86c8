"""What becomes of changes that a program never committed: they are lost, and it is said."""

from __future__ import annotations

import os
import sys
import warnings
import weakref
from typing import TYPE_CHECKING

from lakebed.errors import LakebedError

if TYPE_CHECKING:
    from lakebed._backend import StoreEngine

__all__ = ["watch"]


def watch(store: object, engine: StoreEngine) -> weakref.finalize[..., object]:
    """Says so when `store` is collected, or the program ends, before `engine` is closed and with changes pending. What
    it returns is detached when the store is closed."""
    return weakref.finalize(store, _warn, engine, os.getpid())


def _warn(engine: StoreEngine, process: int) -> None:
    if engine.closed or os.getpid() != process:
        return
    try:
        stats = engine.stats()
    except (LakebedError, OSError):
        return
    rows, blobs = stats["pending_rows"], stats["pending_blobs"]
    if not rows and not blobs:
        return
    count, what = (rows, "record") if rows else (blobs, "blob")
    message = (
        f"{count:,} pending {what}{'' if count == 1 else 's'} of {engine.path} {'was' if count == 1 else 'were'} never committed, "
        "and {} lost: call commit() or close(), or use `with lakebed.open(...)`."
    ).format("is" if count == 1 else "are")
    if sys.stderr is not None:
        sys.stderr.write(f"lakebed: {message}\n")
    warnings.warn(message, ResourceWarning, stacklevel=2, source=engine)
