"""The tables about the store itself: docs/sql.md, "Tables"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lakebed.errors import InvalidArgument
from lakebed.pure.arrow.arrays import Array, Field, binary, int64s, texts
from lakebed.pure.arrow.stream import ArrowStream
from lakebed.pure.columns.segment import Rebuilt
from lakebed.pure.format.frame import RAW
from lakebed.pure.json.quoting import quoted
from lakebed.pure.reading import Reads
from lakebed.pure.scan.rows import built
from lakebed.pure.scan.sizes import stored_bytes
from lakebed.pure.segment import RowsSegment
from lakebed.pure.view import View

__all__ = ["system_table"]

_BATCH_BLOBS = 2048
_BATCH_BYTES = 4 << 20
_LARGEST_VALUE = 2**31 - 1
_PREVIEW_BYTES = 32

_INTEGER, _TEXT, _TIME, _BYTES = ("l", int64s), ("u", texts), ("tsu:UTC", int64s), ("z", binary)
_Kind = tuple[str, Callable[[list[Any]], Array]]

_BLOBS: dict[str, _Kind] = {
    "id": _INTEGER,
    "hash": _TEXT,
    "kind": _TEXT,
    "size": _INTEGER,
    "stored_size": _INTEGER,
    "encoding": _TEXT,
    "dictionary": _INTEGER,
    "segment": _INTEGER,
    "frame": _INTEGER,
    "data": _BYTES,
}
_TABLES: dict[str, dict[str, _Kind]] = {
    "blobs": _BLOBS,
    "collections": {
        "id": _INTEGER,
        "name": _TEXT,
        "created_at": _TIME,
        "rows": _INTEGER,
        "deleted_rows": _INTEGER,
        "first_seq": _INTEGER,
        "next_seq": _INTEGER,
        "dictionary": _INTEGER,
        "stored_bytes": _INTEGER,
    },
    "segments": {
        "number": _INTEGER,
        "state": _TEXT,
        "layout": _TEXT,
        "file_bytes": _INTEGER,
        "raw_bytes": _INTEGER,
        "first_id": _INTEGER,
        "end_id": _INTEGER,
        "blobs": _INTEGER,
        "rows": _INTEGER,
        "first_commit": _INTEGER,
        "last_commit": _INTEGER,
    },
    "dictionaries": {
        "number": _INTEGER,
        "collection": _TEXT,
        "generation": _INTEGER,
        "hash": _TEXT,
        "size": _INTEGER,
        "blob": _INTEGER,
    },
    "commits": {"number": _INTEGER, "committed_at": _TIME, "segment": _INTEGER, "blobs": _INTEGER, "rows": _INTEGER},
}
_PREVIEWS = "glances"
"""The table of blobs with the beginning of each alone, for screens."""
_RENAMED = {"created_at": "created", "committed_at": "time"}
"""The names of columns in descriptions, where they are others."""


def system_table(reads: Reads, view: View, table: str, columns: list[str] | None) -> ArrowStream:
    """See `lakebed.Store.table`; `reads` gives descriptions of what `view` shows. Raises `InvalidArgument`,
    `Corrupt`."""
    previews = table == _PREVIEWS
    kinds = {**_BLOBS, "data": _TEXT} if previews else _TABLES.get(table)
    if kinds is None:
        raise InvalidArgument(f"There is no system table {quoted(table)}; there are {', '.join(_TABLES)}.")
    names = list(kinds) if columns is None else columns
    for name in names:
        if name not in kinds:
            raise InvalidArgument(f"The system table {table} has no column {quoted(name)}.")
    fields = [Field(name, kinds[name][0]) for name in names]
    builders = [kinds[name][1] for name in names]
    blobs = _Blobs(view, frozenset(names), previews=previews)

    def batches() -> Iterator[list[Array]]:
        of_blobs = table == "blobs" or previews
        for rows in blobs.batches() if of_blobs else [_described(reads, view, table, names)]:
            if rows:
                yield built(builders, [[row[name] for name in names] for row in rows])

    return ArrowStream(fields, batches)


def _described(reads: Reads, view: View, table: str, names: list[str]) -> list[dict[str, Any]]:
    """The rows of a table of descriptions."""
    # It takes reading all row batches.
    sizes = stored_bytes(view) if "stored_bytes" in names else {}
    describe = {
        "collections": reads.collections,
        "segments": reads.segments,
        "dictionaries": reads.dictionaries,
        "commits": reads.commits,
    }[table]
    rows = []
    for one in describe():
        row: dict[str, Any] = {name: one.get(_RENAMED.get(name, name)) for name in _TABLES[table]}
        if sizes:
            row["stored_bytes"] = sizes.get(one["id"])
        if isinstance(row.get("hash"), bytes):
            row["hash"] = bytes(row["hash"]).hex()
        rows.append(row)
    return rows


class _Blobs:
    """The table of blobs, by segment and frame, large ones last."""

    def __init__(self, view: View, names: frozenset[str], *, previews: bool) -> None:
        self._view = view
        self._names = names
        self._previews = previews
        self._dictionaries = {one.blob for one in view.catalogue.dictionaries}

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """Rows, by column. Raises `Corrupt`, `StoreIOError`."""
        rows: list[dict[str, Any]] = []
        size = 0
        for row in self._rows():
            if rows and size + len(row["data"]) > _LARGEST_VALUE // 2:
                # An Arrow column holds less than 2 GiB.
                yield rows
                rows, size = [], 0
            rows.append(row)
            size += len(row["data"])
            if len(rows) >= _BATCH_BLOBS or size >= _BATCH_BYTES:
                yield rows
                rows, size = [], 0
        yield rows

    def _rows(self) -> Iterator[dict[str, Any]]:
        for segment in self._view.state.all_rows():
            yield from self._of_segment(segment)
        reach = self._view.reach
        for large in self._view.catalogue.large.values():
            if large.blob in reach:
                yield self._large(large)

    def _of_segment(self, segment: RowsSegment) -> Iterator[dict[str, Any]]:
        state, reach = self._view.state, self._view.reach
        entry = next((one for one in state.sealed if one.number == segment.number), None)
        file_bytes, raw_bytes = (0, 0) if entry is None else (state.file_bytes(entry), entry.raw_bytes)
        for part in segment.parts:
            for id in part.ids:
                found = state.frame_of(id) if id in reach else None
                if found is None:
                    continue
                decoded, place = found
                if isinstance(decoded, Rebuilt):
                    yield self._row(
                        id,
                        decoded.data,
                        size=len(decoded.data),
                        # Records share pages: each has its part of the files, by its bytes.
                        stored_size=file_bytes * len(decoded.data) // max(raw_bytes, 1),
                        encoding="zstd",
                        dictionary=None,
                        segment=segment.number,
                        frame=None,
                    )
                    continue
                frame = decoded.frame
                data = decoded.blob(place)
                encoding = "raw" if frame.encoding == RAW else "zstd"
                yield self._row(
                    id,
                    data,
                    size=len(data),
                    stored_size=frame.stored * len(data) // max(frame.raw, 1),
                    encoding=encoding if frame.dictionary is None else "zstd+dictionary",
                    dictionary=frame.dictionary,
                    segment=segment.number,
                    frame=decoded.offset,
                )

    def _large(self, large: Any) -> dict[str, Any]:
        if "data" in self._names and not self._previews and large.length > _LARGEST_VALUE:
            raise InvalidArgument(
                f"Blob {large.blob} has {large.length:,} bytes, and a column holds less than 2 GiB: leave out the column data, or get "
                "the blob by its hash."
            )
        wanted = "data" in self._names or ("hash" in self._names and not self._previews)
        data = self._view.blob(large.blob) or b"" if wanted else b""
        row = self._row(
            large.blob,
            data,
            is_large=True,
            size=large.length,
            stored_size=large.stored,
            encoding="raw" if large.stored == large.length else "zstd",
            dictionary=None,
            segment=large.segment,
            frame=None,
        )
        if self._previews:
            # Its hash takes reading it whole.
            row["hash"] = f"{large.fingerprint:016x}…"
        return row

    def _row(self, id: int, data: bytes, *, is_large: bool = False, **columns: Any) -> dict[str, Any]:
        catalogue = self._view.catalogue
        kind = "dictionary" if id in self._dictionaries else "pinned" if id in catalogue.pinned else "record"
        shown: bytes | str = data if "data" in self._names else b""
        if self._previews:
            shown = f"{columns['size']} {data[:_PREVIEW_BYTES].hex()}"
        return {
            "id": id,
            "hash": self._hash(id, data) if "hash" in self._names and not (self._previews and is_large) else None,
            "kind": kind,
            "data": shown,
            **columns,
        }

    def _hash(self, id: int, data: bytes) -> str:
        from lakebed.pure.hash import digest

        proven = self._view.proven(id)
        return (proven[1] if proven is not None else digest(data)).hex()
