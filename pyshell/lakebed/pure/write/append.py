"""`append`: records behind the rows of a collection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lakebed.errors import BadRecord
from lakebed.pure.arrow.records import table_records
from lakebed.pure.json import JsonError, Observer
from lakebed.pure.write.writer import Writer

__all__ = ["LONGEST_RECORD", "append"]

LONGEST_RECORD = 256 << 20


def append(writer: Writer, name: str, batches: Iterator[Any]) -> dict[str, Any]:
    """Append batches of records: lists of `bytes`, or a table with the places of its text that is JSON.

    All of them are read and checked before the first one is added, so that nothing of a call that fails is kept.
    Returns the fields of `lakebed.AppendReport`. Raises `BadRecord`, `InvalidArgument`.
    """
    writer.check_name(name)
    known = writer.view.catalogue.named(name)
    observer = Observer(known.descriptions if known is not None else ())
    records: list[bytes] = []
    for batch in batches:
        for record in batch if isinstance(batch, list) else table_records(*batch):
            _check(record, len(records) + 1)
            try:
                observer.observe(record)
            except JsonError as problem:
                raise _refused(len(records) + 1, str(problem)) from None
            records.append(record)
    collection = writer.collection(name)
    added = writer.add_rows(collection, records, description=observer.description() if records else b"")
    return {
        "collection": name,
        "rows": added.rows,
        "new_blobs": added.new_blobs,
        "duplicates": added.duplicates,
        "first_seq": added.first_seq,
        "bytes": added.bytes,
    }


def _check(record: bytes, number: int) -> None:
    """Raises `BadRecord` for a record that could not be a line of NDJSON, or is too long; `number` is its place."""
    if len(record) > LONGEST_RECORD:
        raise _refused(number, f"it has {len(record)} bytes, and {LONGEST_RECORD} are the most")
    if b"\n" in record or b"\r" in record:
        raise _refused(number, "it contains a line break, so it would not be one line of NDJSON")


def _refused(number: int, reason: str) -> BadRecord:
    return BadRecord(f"Record {number} cannot be appended: {reason}; nothing of this call was kept.")
