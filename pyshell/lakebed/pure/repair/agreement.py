"""Whether segments that are whole by themselves agree with each other: a row is in one batch, a batch names what there
is, commits follow each other."""

from __future__ import annotations

from bisect import bisect_left, insort

from lakebed.pure.format.ids import LIMIT
from lakebed.pure.format.tables import BatchEntry
from lakebed.pure.repair.plan import Plan, PlannedState
from lakebed.pure.repair.report import Report
from lakebed.pure.verify import check_links
from lakebed.pure.verify_segment import Ends

__all__ = ["Claims", "disagreeing", "is_sound"]


class Claims:
    """The rows that batches hold, by collection: first, and behind the last."""

    def __init__(self) -> None:
        self._rows: dict[int, list[tuple[int, int]]] = {}

    def take(self, entry: BatchEntry) -> bool:
        """Take the rows of a batch; False when another batch holds one of them."""
        known = self._rows.setdefault(entry.collection, [])
        at = bisect_left(known, (entry.end_seq,))
        if at and known[at - 1][1] > entry.first_seq:
            return False
        insort(known, (entry.first_seq, entry.end_seq))
        return True

    def give_back(self, entry: BatchEntry) -> None:
        """Let the rows of a batch go."""
        self._rows[entry.collection].remove((entry.first_seq, entry.end_seq))


def is_sound(entry: BatchEntry, next_blob: int) -> bool:
    """Whether a batch may be one of a store whose next blob id this is: what it names is there or was."""
    return entry.last_blob < next_blob and max(entry.collection, entry.file) < LIMIT - 1


def disagreeing(
    plan: Plan,
    state: PlannedState,
    damaged: set[int],
    ends: dict[int, Ends],
    claims: Claims,
    report: Report,
) -> set[int]:
    """The segments, of those that are whole by themselves, that do not agree with earlier ones. The others' rows are
    claimed. `ends`: the first and the last COMMIT of each. Raises `StoreIOError`."""
    links = check_links(state, ends)
    report.problems += links
    found = {problem["segment"] for problem in links}
    entries = sorted((one for one in plan.whole if one.number not in damaged), key=lambda one: one.last_commit)
    segments = [state.rows_segment(entry) for entry in entries]
    for segment in segments if state.active is None else [*segments, state.active]:
        own: list[BatchEntry] = []
        for entry in segment.all_batches():
            if entry.collection >= plan.catalogue.next_collection or not is_sound(entry, plan.next_blob):
                what = "names a collection or blobs that there never were"
            elif not claims.take(entry):
                what = "holds rows that another one holds"
            else:
                own.append(entry)
                continue
            report.problem("rows", segment.number, entry.offset, f"a row batch {what}")
            found.add(segment.number)
            for one in own:
                claims.give_back(one)
            break
    return found
