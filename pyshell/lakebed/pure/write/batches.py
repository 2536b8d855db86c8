"""Row batches of a group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakebed.pure.catalogue import Collection
from lakebed.pure.format.rows import LARGEST, RowBatch
from lakebed.pure.pending import PendingRows

__all__ = ["joined_rows", "split_batch"]


def joined_rows(rows: Sequence[PendingRows], collections: dict[int, Collection], commit: int | None) -> list[RowBatch]:
    """Row batches: rows of a collection and a file together, with the time of the first. Rows of dropped collections
    are left out."""
    found: list[RowBatch] = []
    last: dict[int, int] = {}
    for one in rows:
        if one.collection not in collections:
            continue
        at = last.get(one.collection)
        if at is not None and found[at].file == one.file:
            found[at].blobs.extend(one.blobs)
            found[at].lines.extend(one.lines)
            continue
        last[one.collection] = len(found)
        found.append(
            RowBatch(one.collection, one.first_seq, list(one.blobs), one.file, list(one.lines), one.time, commit)
        )
    return found


def split_batch(batch: RowBatch) -> Iterable[RowBatch]:
    """The batch in pieces of at most as many rows as a batch may have."""
    for at in range(0, len(batch.blobs), LARGEST):
        yield batch._replace(
            first_seq=batch.first_seq + at,
            blobs=batch.blobs[at : at + LARGEST],
            lines=batch.lines[at : at + LARGEST],
        )
