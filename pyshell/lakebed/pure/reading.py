"""Reading, of a store object and of a snapshot alike: blobs by hash, rows, descriptions of the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lakebed.pure.format import header
from lakebed.pure.values import Buffer, Row, Rows
from lakebed.pure.view import View

if TYPE_CHECKING:
    from lakebed.pure.context import Context

_LAYOUTS = {header.ROWS: "rows", header.LARGE: "large", header.COLUMNS: "columns"}

__all__ = ["Reads", "live_rows"]


class Reads:
    """The methods of the protocol `ReadEngine`, over a view."""

    def _view(self) -> View:
        """What is read. Raises `Closed`."""
        raise NotImplementedError

    @property
    def commit_number(self) -> int:
        return self._view().state.last_commit

    # --- Blobs ---

    def get(self, hash: Any, /) -> bytes:
        return self._view().found(hash)[1]

    def get_many(self, hashes: Iterable[Any], /) -> list[bytes | None]:
        view = self._view()
        found = (view.find(hash) for hash in list(hashes))
        return [None if one is None else one[1] for one in found]

    def buffer(self, hash: Any, /) -> Any:
        return Buffer(self._view().found(hash)[1])

    def contains(self, hash: Any, /) -> bool:
        return self._view().find(hash) is not None

    def resolve(self, hash: Any, /) -> Any:
        view = self._view()
        return view.state.context.hash_of(view.found(hash)[2])

    def __len__(self) -> int:
        return self._view().blob_count()

    # --- Rows ---

    def rows(self, collection: str, start: int, stop: int | None, /) -> Any:
        view = self._view().frozen()
        return Rows(live_rows(view, view.collection(collection), start, stop))

    # --- Descriptions ---

    def collections(self) -> list[dict[str, Any]]:
        catalogue = self._view().catalogue
        found = []
        for one in sorted(catalogue.collections.values(), key=lambda one: one.name.encode()):
            dictionary = catalogue.dictionary_of(one.id)
            found.append(
                {
                    "id": one.id,
                    "name": one.name,
                    "created": one.created,
                    "rows": one.rows,
                    "deleted_rows": one.deleted_rows,
                    "first_seq": one.first_live,
                    "next_seq": one.next_seq,
                    "dictionary": None if dictionary is None else dictionary.number,
                }
            )
        return found

    def segments(self) -> list[dict[str, Any]]:
        state = self._view().state
        found: list[dict[str, Any]] = [
            {
                "number": one.number,
                "state": "sealed",
                "layout": _LAYOUTS[one.layout],
                "file_bytes": state.file_bytes(one),
                "raw_bytes": state.own_raw_bytes(one),
                "first_id": one.first_id,
                "end_id": one.end_id,
                "blobs": one.blobs,
                "rows": one.rows,
                "first_commit": one.first_commit,
                "last_commit": one.last_commit,
            }
            for one in state.manifest.segments
        ]
        found.sort(key=lambda one: one["number"])
        if state.active is not None:
            commits = state.active.commits()
            listed = {one.number for one in state.manifest.segments}
            large = [one for one in state.catalogue.large.values() if one.segment not in listed]
            found += [
                {
                    "number": one.segment,
                    "state": "sealed",
                    "layout": "large",
                    "file_bytes": state.large_segment(one.segment).file.length,
                    "raw_bytes": one.length,
                    "first_id": one.blob,
                    "end_id": one.blob + 1,
                    "blobs": 1,
                    "rows": 0,
                    "first_commit": commits[0].number if commits else state.last_commit,
                    "last_commit": state.last_commit,
                }
                for one in large
            ]
            found.append(
                {
                    "number": state.active.number,
                    "state": "active",
                    "layout": "rows",
                    "file_bytes": state.end,
                    "raw_bytes": sum(one.raw_bytes for one in commits) - sum(one.length for one in large),
                    "first_id": state.active.header.first_id,
                    "end_id": state.next_blob,
                    "blobs": state.active.blobs,
                    "rows": sum(one.rows for one in commits),
                    "first_commit": commits[0].number if commits else state.last_commit,
                    "last_commit": state.last_commit,
                }
            )
        return found

    def dictionaries(self) -> list[dict[str, Any]]:
        catalogue = self._view().catalogue
        return [
            {
                "number": one.number,
                "collection": getattr(catalogue.collections.get(one.collection), "name", None),
                "collection_id": one.collection,
                "generation": one.generation,
                "hash": one.hash,
                "size": one.size,
                "blob": one.blob,
            }
            for one in catalogue.dictionaries
        ]

    def commits(self) -> list[dict[str, Any]]:
        return [
            {
                "number": one.number,
                "time": one.time,
                "segment": segment.number,
                "offset": one.offset,
                "blobs": one.blobs,
                "rows": one.rows,
            }
            for segment in self._view().state.readable_rows()
            for one in segment.commits()
        ]


def live_rows(view: View, collection: Any, start: int, stop: int | None) -> Iterator[Row]:
    """The rows of a collection as objects. Raises `Corrupt`, `StoreIOError`."""
    context: Context = view.state.context
    files = view.catalogue.files
    for row in view.rows(collection, start, stop):
        data = view.blob(row.blob)
        if data is None:
            raise missing_blob(view, row.blob)
        yield Row(
            row.seq,
            data,
            row.blob,
            files.get(row.file) if row.file else None,
            row.line if row.file else None,
            row.time,
            context.hash_of,
        )


def missing_blob(view: View, id: int) -> Exception:
    """The error for a blob that a row names and no segment has."""
    from lakebed.errors import Corrupt

    return Corrupt(
        f"{view.state.context.path} is damaged: a row names blob {id}, which no segment holds. `lakebed verify` lists all damage."
    )
