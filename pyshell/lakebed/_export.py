"""`Store.export`: the records of a collection as a file, in the format that its name says."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast

from lakebed._encodings import compressed
from lakebed._file_formats import RECORDS, file_format
from lakebed._files import written_whole
from lakebed.errors import InvalidArgument, StoreIOError, error

if TYPE_CHECKING:
    from lakebed._backend import StoreEngine
    from lakebed._snapshot import Readable

__all__ = ["check_writable", "export"]

_Report: TypeAlias = Callable[[int, int | None, int, float], None]

_ROWS_BETWEEN_REPORTS = 10_000


def export(
    store: Readable,
    engine: StoreEngine,
    collection: str,
    target: str | os.PathLike[str] | IO[bytes],
    form: str | None,
    report: _Report | None,
) -> dict[str, Any]:
    """See `Store.export`. `report` is called with the progress. Returns the fields of an `ExportReport`."""

    def write(into: IO[bytes] | Path) -> dict[str, Any]:
        if name == "ndjson":
            return engine.export(collection, into, report)
        return _json_array(store, collection, cast("IO[bytes]", into), report)

    path = Path(target) if isinstance(target, str | os.PathLike) else None
    found = file_format(str(path or ""), form)
    name = found.name or "ndjson"
    if name not in RECORDS:
        message = (
            f"Store.export writes the bytes of records, as ndjson or json, and {target} would be {name}: "
            f'write it with lakebed.connect(...).sql("FROM {collection}"), or with the command lakebed export.'
        )
        raise InvalidArgument(message)
    if path is None:
        return write(cast("IO[bytes]", target))
    unfinished = path
    try:
        with written_whole(path) as unfinished:
            if name == "ndjson" and not found.compression:
                return write(unfinished)
            with unfinished.open("wb") as file, compressed(file, found.compression) as stream:
                return write(stream)
    except StoreIOError as problem:
        # The caller knows the file by its own name.
        message = problem.message.replace(str(unfinished), str(path))
        raise error(problem.kind, message, problem.errno) from None


def _json_array(store: Readable, collection: str, target: IO[bytes], report: _Report | None) -> dict[str, Any]:
    began = time.monotonic()
    rows, size, before = 0, 0, b"[\n "
    for record in store.scan(collection):
        size += _write_all(target, before + record.data)
        rows, before = rows + 1, b",\n "
        if report is not None and rows % _ROWS_BETWEEN_REPORTS == 0:
            report(size, None, rows, time.monotonic() - began)
    size += _write_all(target, b"\n]\n" if rows else b"[\n]\n")
    return {"collection": collection, "rows": rows, "bytes": size, "seconds": time.monotonic() - began}


def _write_all(target: IO[bytes], data: bytes) -> int:
    """Writes all of the data: a raw file takes as much as it likes at a time. Returns the number of bytes."""
    rest = memoryview(data)
    while rest:
        taken = target.write(rest)
        rest = rest[len(rest) if taken is None else taken :]
    return len(data)


def check_writable(target: object) -> None:
    """Raises `TypeError` unless bytes can be written to `target`."""
    if not hasattr(target, "write"):
        raise TypeError(f"export takes a path or a file object, not {type(target).__name__}")
    if isinstance(target, io.TextIOBase):
        raise TypeError('the file takes text: open it in binary mode, open(path, "wb")')
