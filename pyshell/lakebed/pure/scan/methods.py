"""What a snapshot offers besides blobs and rows: schemas, Arrow, system tables."""

from __future__ import annotations

from typing import Any

from lakebed.pure.arrow.stream import ArrowStream
from lakebed.pure.hash import digest
from lakebed.pure.reading import Reads
from lakebed.pure.scan.files import collection_files, segments_with_files
from lakebed.pure.scan.rows import scan
from lakebed.pure.scan.system import system_table
from lakebed.pure.scan.typed_schema import count_misfits, report

__all__ = ["TypedReads"]


class TypedReads(Reads):
    """The methods of the protocol `SnapshotEngine` that `ReadEngine` has not; `lakebed.Store` documents them."""

    def schema(self, collection: str, counted: bool, /) -> dict[str, Any]:
        view = self._view()
        return report(view, view.collection(collection), counted=counted)

    def schema_digest(self, collection: str, /) -> int:
        found = self._view().collection(collection)
        return int.from_bytes(digest(b"".join(found.descriptions))[:8], "little")

    def misfits(self, collection: str, start: int, /) -> int:
        view = self._view()
        return count_misfits(view, view.collection(collection), start)

    def files(self, collection: str, /) -> list[dict[str, Any]]:
        view = self._view()
        return collection_files(view, view.collection(collection))

    def file_segments(self, collection: str, /) -> list[int]:
        view = self._view()
        return segments_with_files(view, view.collection(collection))

    def records(self, collection: str, seqs: list[int], /) -> list[bytes | None]:
        return [next((bytes(row.data) for row in self.rows(collection, seq, seq + 1)), None) for seq in seqs]

    def record_hashes(self, collection: str, seqs: list[int], /) -> list[str | None]:
        return [None if record is None else digest(record).hex() for record in self.records(collection, seqs)]

    def arrow(
        self,
        collection: str,
        columns: list[str] | None,
        filters: list[tuple[Any, ...]] | None,
        start: int,
        stop: int | None,
        signs_of_life: bool,
        views: bool,
        without: list[int],
        /,
    ) -> ArrowStream:
        view = self._view()
        return scan(
            view,
            view.collection(collection),
            columns,
            filters or [],
            start,
            stop,
            signs_of_life=signs_of_life,
            views=views,
            without=without,
        )

    def system(self, table: str, columns: list[str] | None, /) -> ArrowStream:
        return system_table(self, self._view(), table, columns)
