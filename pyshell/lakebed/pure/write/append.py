"""`append`: records behind the rows of a collection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lakebed.errors import BadRecord
from lakebed.pure.write.writer import Writer

__all__ = ["LONGEST_RECORD", "append"]

LONGEST_RECORD = 256 << 20


def append(writer: Writer, name: str, batches: Iterator[Any]) -> dict[str, Any]:
    """Append batches of records: lists of `bytes`, or a table with the places of its text that is JSON.

    All of them are read and checked before the first one is added, so that nothing of a call that fails is kept. Returns
    the fields of `lakebed.AppendReport`. Raises `BadRecord`, `InvalidArgument`.
    """
    from lakebed.pure.json import Observer, table_records

    writer.check_name(name)
    known = writer.view.catalogue.named(name)
    observer = Observer(known.descriptions if known is not None else ())
    records: list[bytes] = []
    for batch in batches:
        for record in batch if isinstance(batch, list) else table_records(*batch):
            if len(record) > LONGEST_RECORD:
                raise BadRecord(
                    f"A record of {len(record):,} bytes is longer than the {LONGEST_RECORD:,} bytes that a store takes."
                )
            observer.observe(record)
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
