"""`drop` and `trim`: rows that go; each is a commit of its own."""

from __future__ import annotations

from collections.abc import Callable

from lakebed.errors import StoreFull
from lakebed.pure.format.records import CollectionDropped, Trimmed
from lakebed.pure.write.recovery import RESERVE, make_reserve
from lakebed.pure.write.writer import Writer

__all__ = ["drop", "trim"]


def drop(writer: Writer, name: str) -> int:
    """Drop a collection, after a commit of what is pending. Returns the number of its rows. Raises
    `CollectionNotFound`."""
    writer.commit()
    rows = 0

    def change() -> None:
        nonlocal rows
        with writer.one_change():
            collection = writer.view.collection(name)
            rows = collection.rows
            writer.record(CollectionDropped(collection.id))

    _commit_with_reserve(writer, change)
    return rows


def trim(writer: Writer, name: str, before_seq: int) -> int:
    """Remove the rows with sequence numbers below `before_seq`, after a commit of what is pending. Returns their
    number. Raises `CollectionNotFound`."""
    writer.commit()
    rows = 0

    def change() -> None:
        nonlocal rows
        with writer.one_change():
            view = writer.view
            collection = view.collection(name)
            first = min(before_seq, collection.next_seq)
            if first <= collection.first_live:
                return
            live = sum(1 for _ in view.rows(collection, collection.first_live, first))
            deleted = first - collection.first_live - live
            rows = live
            writer.record(Trimmed(collection.id, first, deleted))

    _commit_with_reserve(writer, change)
    return rows


def _commit_with_reserve(writer: Writer, change: Callable[[], None]) -> None:
    """Make a change and commit it; on a full disk once more, in the room of the file `reserve`."""
    try:
        change()
        writer.commit()
    except StoreFull:
        writer.context.directory.unlink(RESERVE)
        change()
        writer.commit()
    make_reserve(writer.context)
