"""Checking what holds between segments: rows against blobs and counts, index runs against segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from lakebed.errors import Corrupt, FormatTooNew
from lakebed.pure.context import Context
from lakebed.pure.files import RUN_SUFFIX, numbered, run_name
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.ids import Ids
from lakebed.pure.runs import Run, counting_runs, listed
from lakebed.pure.segment import RowsSegment
from lakebed.pure.state import State

__all__ = ["Report", "RowsCheck", "check_runs", "difference", "unreadable_runs"]

Report = Callable[[str, int | None, int | None, str], None]
"""Takes a problem: its kind, segment, offset, message."""


class RowsCheck:
    """Each live row names a blob that is there, and the sequence numbers of a collection have no holes, no doubles, and
    the counts that the catalogue says."""

    def __init__(self, state: State, since: int, skip: AbstractSet[int], report: Report) -> None:
        self.state = state
        self.since = since
        self.skip = skip
        self.report = report
        self.rows = 0
        self.whole = not state.damage and not skip
        self.ranges: dict[int, list[tuple[int, int]]] = {}
        self.dead: dict[int, int] = {}
        self.unread: set[int] = set()
        """Collections of which some batches were not read: how many of their rows are dead is unknown."""

    def run(self) -> None:
        segments = self._segments()
        runs = [run for segment in segments for part in segment.parts for run in part.ids.runs()]
        runs += [(large.blob, large.blob + 1) for large in self.state.catalogue.large.values()]
        runs += [(one.first_id, one.end_id) for one in self.state.sealed if one.number in self._unread_segments]
        if self.state.damage:
            runs.append((self.state.manifest.next_blob, self.state.next_blob))
        self.present = Ids.merged(sorted(runs))
        for segment in segments:
            for entry in segment.all_batches():
                self._batch(segment, entry)
        if self.whole:
            for collection in self.state.catalogue.collections.values():
                self._counts(collection)

    def _segments(self) -> list[RowsSegment]:
        """The segments whose tables can be read; damage of others was reported."""
        found = []
        self._unread_segments: set[int] = set()
        for entry in self.state.sealed:
            try:
                segment = self.state.rows_segment(entry)
                for part in segment.parts:
                    part.ids, part.batches  # noqa: B018  (damage shows here)
            except (Corrupt, FormatTooNew, Malformed, OSError):
                self._unread_segments.add(entry.number)
                self.whole = False
                continue
            found.append(segment)
        return found if self.state.active is None else [*found, self.state.active]

    def _batch(self, segment: RowsSegment, entry: Any) -> None:
        catalogue = self.state.catalogue
        collection = catalogue.collections.get(entry.collection)
        if collection is None:
            if entry.collection >= catalogue.next_collection:
                text = f"a row batch is of collection {entry.collection}, which there never was"
                self.report("row_batch", segment.number, entry.offset, text)
            return
        # Of rows that are gone a compaction may have left out some.
        first = max(entry.first_seq, collection.first_live)
        if first >= entry.end_seq:
            return
        self.ranges.setdefault(collection.id, []).append((first, entry.end_seq))
        if entry.commit is not None and entry.commit <= self.since:
            self.unread.add(collection.id)
            return
        try:
            blobs = segment.batch(entry).blobs
        except (Corrupt, Malformed) as problem:
            self.unread.add(collection.id)
            self.report("row_batch", segment.number, entry.offset, str(problem))
            return
        live = blobs[first - entry.first_seq :]
        self.rows += len(live)
        dead = [id for id in live if id in catalogue.deleted] if len(catalogue.deleted) else []
        self.dead[collection.id] = self.dead.get(collection.id, 0) + len(dead)
        missing = [
            (seq, id) for seq, id in enumerate(live, first) if id not in self.present and id not in catalogue.deleted
        ]
        if missing:
            from_row, to_row = missing[0][0], missing[-1][0]
            rows = f"row {from_row}" if from_row == to_row else f"rows between {from_row} and {to_row}"
            text = f"{rows} of {collection.name} name blobs that no segment holds, such as {missing[0][1]}"
            self.report("row_blob", segment.number, entry.offset, text)
        if (min(blobs), max(blobs)) != (entry.first_blob, entry.last_blob):
            text = "the row directory says other blob ids of a row batch"
            self.report("row_batch", segment.number, entry.offset, text)

    def _counts(self, collection: Any) -> None:
        """Rows that are in no batch, as after a repair, are counted as deleted ones."""
        name, next_seq = collection.name, collection.first_live
        gaps: list[tuple[int, int]] = []
        for start, end in sorted(self.ranges.get(collection.id, [])):
            if start < next_seq:
                text = f"rows {start} to {min(end, next_seq) - 1} of {name} are in more than one row batch"
                self.report("rows", None, None, text)
            if start > next_seq:
                gaps.append((next_seq, start))
            next_seq = max(next_seq, end)
        if next_seq > collection.next_seq:
            text = f"row {next_seq - 1} of {name} is there, and the next one is to be {collection.next_seq}"
            self.report("rows", None, None, text)
        if next_seq < collection.next_seq:
            gaps.append((next_seq, collection.next_seq))
        missing = sum(end - start for start, end in gaps)
        counted, dead = collection.deleted_rows, self.dead.get(collection.id, 0)
        if collection.id in self.unread:
            # How many of the rows are dead is unknown.
            if missing > counted:
                self._tell_gaps(name, gaps)
        elif counted == dead and missing:
            self._tell_gaps(name, gaps)
        elif counted != dead + missing:
            text = f"{counted} rows of {name} are counted as deleted, and there are {dead + missing}"
            self.report("rows", None, None, text)

    def _tell_gaps(self, name: str, gaps: list[tuple[int, int]]) -> None:
        for start, end in gaps:
            self.report("rows", None, None, f"rows {start} to {end - 1} of {name} are in no row batch")


def check_runs(state: State, report: Report, *, quick: bool) -> int:
    """The runs that searches use, entry by entry, against the segments that they list; of a quick check, that they can
    be opened. Returns the bytes of the fingerprints that were compared."""
    context = state.context
    compared = 0
    for number in unreadable_runs(context):
        report("index_run", None, None, f"{run_name(number)} is damaged; deleting it is safe")
    for run, covered in () if quick else counting_runs(context, state.sealed):
        try:
            why = difference(state, run, covered)
        except (Corrupt, FormatTooNew, Malformed, OSError):
            # Reported with the segment.
            continue
        if why is None:
            compared += 8 * run.head.entries
        else:
            report("index_run", None, None, f"{run_name(run.head.number)} {why}; deleting it is safe")
    return compared


def unreadable_runs(context: Context) -> list[int]:
    """The numbers of the runs that cannot be opened."""
    found = []
    for number in numbered(context.directory.names("index"), 12, RUN_SUFFIX):
        try:
            Run(context, number)
        except (Malformed, OSError):
            found.append(number)
    return found


def difference(state: State, run: Run, covered: Sequence[int]) -> str | None:
    """Why a run does not list what the segments that it covers hold, as the end of a sentence about it; None when it
    does. Raises `Corrupt`, `Malformed`, `StoreIOError` when a segment cannot be read."""
    entries = {one.number: one for one in state.sealed}
    pairs = listed((state.rows_segment(entries[number]) for number in covered), run.head.fingerprint_bits)
    try:
        same = pairs == list(run.entries())
    except Malformed:
        return "is damaged"
    return None if same else "lists other blobs than the segments"
