"""Writing the exact bytes of rows to a file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from lakebed._progress import EngineProgress
from lakebed.pure.damage import operating_system
from lakebed.pure.reading import missing_blob
from lakebed.pure.view import View

__all__ = ["export"]

_PIECE = 1 << 20


def export(view: View, name: str, target: Any, progress: EngineProgress | None) -> dict[str, Any]:
    """Write each row of a collection, followed by a line break, to a path or a file object.

    Returns the fields of `lakebed.ExportReport`. Raises `CollectionNotFound`, `StoreFull`, `StoreIOError`, `Corrupt`.
    """
    collection = view.collection(name)
    if not isinstance(target, str | os.PathLike):
        return _write(view, name, collection, target.write, progress)
    with operating_system(f"Writing {os.fspath(target)}"), open(target, "wb") as file:  # noqa: PTH123
        return _write(view, name, collection, file.write, progress)


def _write(
    view: View, name: str, collection: Any, write: Callable[[bytes], object], progress: EngineProgress | None
) -> dict[str, Any]:
    begun = shown = time.monotonic()
    rows = written = size = 0
    pieces: list[bytes] = []
    for row in view.rows(collection):
        data = view.blob(row.blob)
        if data is None:
            raise missing_blob(view, row.blob)
        pieces.append(data)
        rows += 1
        size += len(data) + 1
        if size - written >= _PIECE:
            _write_all(write, b"\n".join([*pieces, b""]))
            written, pieces = size, []
            if progress is not None and time.monotonic() - shown > 0.1:
                shown = time.monotonic()
                progress(size, None, rows, shown - begun)
    if pieces:
        _write_all(write, b"\n".join([*pieces, b""]))
    return {"collection": name, "rows": rows, "bytes": size, "seconds": time.monotonic() - begun}


def _write_all(write: Callable[[bytes], object], data: bytes) -> None:
    """Write all of it, also to a raw file, which may take less at a time."""
    while data:
        taken = write(data)
        if not isinstance(taken, int) or taken >= len(data):
            return
        data = data[taken:]
