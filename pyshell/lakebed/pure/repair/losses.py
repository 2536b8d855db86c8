"""Which rows, blobs and dictionaries are not there any more, by what the catalogue and the row batches name."""

from __future__ import annotations

from dataclasses import dataclass, field

from lakebed.errors import Corrupt
from lakebed.pure.catalogue import Collection
from lakebed.pure.files import SegmentFile, segment_name
from lakebed.pure.format import header
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.header import Header
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.records import LargeBlob
from lakebed.pure.format.store_file import TooNew
from lakebed.pure.hash import digest, fingerprint
from lakebed.pure.repair.plan import Plan
from lakebed.pure.repair.report import Meter, Report
from lakebed.pure.segment import LargeSegment

__all__ = ["find_losses"]


@dataclass
class _Rows:
    """The rows of one collection."""

    missing: list[list[int]] = field(default_factory=list)
    """Live ones whose blobs are missing: first, behind the last, and the segment of the batch."""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Sequence numbers of live rows that are in no batch: first, behind the last."""
    dead: int = 0
    """Rows whose blobs were deleted."""
    end: int = 0
    """Behind the last row of all batches."""


@dataclass
class _Named:
    """What the row batches name."""

    rows: dict[int, _Rows]
    """By collection."""
    lost: set[int]
    """The blobs that live rows name and that are missing."""
    marks: bytearray
    """A byte for each id: 1 where a live row names it."""


def find_losses(plan: Plan, report: Report, meter: Meter) -> None:
    """Find what is lost, and note it in the catalogue. Raises `StoreIOError`."""
    present = plan.present()
    found = _named(plan, present, meter)
    pins = {id for id in plan.catalogue.pinned if id not in present and id not in plan.catalogue.deleted}
    recovered = _recover_large(plan, found.lost, pins, report)
    if recovered:
        present = Ids.merged([*present.runs(), *((id, id + 1) for id in recovered)])
        found = _named(plan, present, meter)
    for collection in list(plan.catalogue.collections.values()):
        _lose_rows(plan, collection, found.rows[collection.id], report)
    pins -= recovered
    lost = found.lost | pins
    if pins:
        report.lose("blobs", f"{len(pins)} blobs that were put are lost.", count=len(pins))
    _lose_dictionaries(plan, report)
    plan.amended |= bool(lost)
    plan.catalogue.lose_blobs(sorted(lost))
    _keep_orphans(plan, present, found.marks, report)


def _named(plan: Plan, present: Ids, meter: Meter) -> _Named:
    """What the row batches name. Raises `Corrupt`, `StoreIOError`."""
    catalogue = plan.catalogue
    found = _Named({id: _Rows() for id in sorted(catalogue.collections)}, set(), bytearray(plan.next_blob))
    following = {one.id: one.first_live for one in catalogue.collections.values()}
    batches = [(entry, segment) for segment in plan.state().all_rows() for entry in segment.all_batches()]
    for entry, segment in sorted(batches, key=lambda one: one[0][:2]):
        rows, at = found.rows.get(entry.collection), following.get(entry.collection, 0)
        if rows is None or entry.end_seq <= at:
            continue
        if entry.first_seq > at:
            rows.gaps.append((at, entry.first_seq))
        meter.advance(entry.length)
        skip = max(at - entry.first_seq, 0)
        for seq, id in enumerate(segment.batch(entry).blobs[skip:], entry.first_seq + skip):
            if id < len(found.marks):
                found.marks[id] = 1
            if id in catalogue.deleted:
                rows.dead += 1
            elif id not in present:
                found.lost.add(id)
                if rows.missing and rows.missing[-1][1:] == [seq, segment.number]:
                    rows.missing[-1][1] += 1
                else:
                    rows.missing.append([seq, seq + 1, segment.number])
        following[entry.collection] = entry.end_seq
    for one in catalogue.collections.values():
        found.rows[one.id].end = following[one.id]
        if following[one.id] < one.next_seq:
            found.rows[one.id].gaps.append((following[one.id], one.next_seq))
    return found


def _lose_rows(plan: Plan, collection: Collection, rows: _Rows, report: Report) -> None:
    if rows.end > collection.next_seq:
        name = collection.name
        report.act(
            "counts",
            name,
            f"Row {rows.end - 1} of {name} is there, and the next one was to be {collection.next_seq}: the number is corrected.",
        )
        collection.next_seq = rows.end
        plan.amended = True
    gaps = sum(end - first for first, end in rows.gaps)
    missing = sum(end - first for first, end, _ in rows.missing)
    # Gaps of an earlier repair are counted as deleted rows.
    known_gaps = max(collection.deleted_rows - rows.dead, 0)
    deleted = rows.dead + gaps + missing
    for first, end, segment in rows.missing:
        _lose(report, collection.name, first, end, segment, "their records cannot be read")
    if gaps > known_gaps:
        for first, end in rows.gaps:
            _lose(report, collection.name, first, end, None, "the table that lists them cannot be read")
    new = missing + max(gaps - known_gaps, 0)
    report.lost_rows += new
    if deleted == collection.deleted_rows:
        return
    if new == 0:
        report.act(
            "counts",
            collection.name,
            f"{collection.deleted_rows} deleted rows are counted of {collection.name}, and there are {deleted}: the count is "
            "corrected.",
        )
    plan.amended = True
    collection.deleted_rows = deleted


def _lose(report: Report, name: str, first: int, end: int, segment: int | None, why: str) -> None:
    place = "" if segment is None else f" in segment {segment}"
    if first == end - 1:
        text = f"Row {first} of {name}{place} is lost: {why}."
    else:
        text = f"Rows {first} to {end - 1} of {name}{place} are lost: {why}."
    report.lose("rows", text, collection=name, rows=(first, end - 1), segment=segment, count=end - first)


def _recover_large(plan: Plan, lost: set[int], pins: set[int], report: Report) -> set[int]:
    """Take in segments of large blobs that something names and no record does. Returns their blobs. Raises
    `StoreIOError`."""
    recovered: set[int] = set()
    if not (lost or pins or plan.unpinned):
        return recovered
    survey, catalogue = plan.survey, plan.catalogue
    places = {one.header.number: one.name for one in survey.aside if one.header.layout == header.LARGE}
    places |= {number: segment_name(number) for number in survey.segments}
    for number in sorted(places):
        segment = _large_segment(plan, number, places[number])
        if segment is None:
            continue
        blob = segment.trailer.blob
        wanted = blob in lost or blob in pins
        new = bool(plan.unpinned) and blob >= survey.base.next_blob
        known = blob in catalogue.large or blob in catalogue.deleted or number in plan.gone
        if known or not (wanted or new):
            continue
        try:
            data = segment.data(plan.state().decompressor)
        except Corrupt:
            continue
        stored = sum(one.stored for one in segment.blocks)
        report.act(
            "large", segment_name(number), f"The large blob in segment {number}, whose record is lost, is taken in."
        )
        catalogue.large[blob] = LargeBlob(number, blob, len(data), stored, fingerprint(digest(data)))
        if new and not wanted:
            catalogue.pinned.add(blob, blob + 1)
        plan.bring_back(number, report)
        recovered.add(blob)
        plan.amended = True
    return recovered


def _large_segment(plan: Plan, number: int, name: str) -> LargeSegment | None:
    """The segment of a large blob of this store; None when a file is none, or its structure is damaged."""
    context = plan.survey.context
    file = SegmentFile(context.directory, number, mapped=False, name=name)
    try:
        head = Header.decode(file.read(0, header.SIZE))
        if (head.uuid, head.number, head.layout) != (context.store_file.uuid, number, header.LARGE):
            return None
        return LargeSegment(file, head, context.path)
    except (Malformed, TooNew):
        return None


def _lose_dictionaries(plan: Plan, report: Report) -> None:
    catalogue, state = plan.catalogue, plan.state()
    lost = []
    for one in sorted(catalogue.dictionaries):
        try:
            state.decompressor(one.number)
        except (Malformed, Corrupt):
            lost.append(one)
    for one in lost:
        owner = catalogue.collections.get(one.collection)
        of = "" if owner is None else f" of {owner.name}"
        report.lose(
            "dictionary",
            f"Dictionary {one.number}{of} is lost, and with it what was compressed with it.",
            count=1,
        )
    plan.amended |= bool(lost)
    catalogue.dictionaries = [one for one in catalogue.dictionaries if one not in lost]


def _keep_orphans(plan: Plan, present: Ids, marks: bytearray, report: Report) -> None:
    """Blobs whose rows or pins are lost are kept as if they had been put. Where collections were dropped or trimmed,
    and all records can be read, a blob that nothing names is one of theirs."""
    catalogue = plan.catalogue
    if plan.active is not None or not plan.amended:
        return
    among = present
    if not catalogue.is_whole:
        runs = [run for segment in plan.unpinned for part in segment.parts for run in part.ids.runs()]
        among = Ids.merged(runs)
    dictionaries = {one.blob for one in catalogue.dictionaries}
    orphans = [
        id
        for id in among
        if not (id < len(marks) and marks[id])
        and id not in catalogue.pinned
        and id not in catalogue.deleted
        and id not in dictionaries
    ]
    if not orphans:
        return
    report.act("pin", "", f"{len(orphans)} blobs whose rows are lost are kept, as if they had been put.")
    for id in orphans:
        catalogue.pinned.add(id, id + 1)
