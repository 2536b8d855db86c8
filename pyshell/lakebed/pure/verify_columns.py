"""Checking the parts of a segment of the columns layout: every byte of their files, and every record."""

from __future__ import annotations

from itertools import islice

from lakebed.errors import Corrupt
from lakebed.pure.columns.part import ColumnsPart, recent_pages
from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.findings import Findings
from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Malformed
from lakebed.pure.hash import digest, fingerprint
from lakebed.pure.walk import damaged_at

__all__ = ["check_columns"]

_SAMPLE = 64
"""Of how many records of a part a quick check reads one."""


def check_columns(check: Findings, segment: ColumnsSegment) -> None:
    """Check the parts; of a sample of records only those. What a damaged page hides is reported once, as that page."""
    number = segment.number
    known: dict[int, int] | None
    try:
        known = segment.fingerprints()
    except Corrupt:
        # Reported with the tables; the records have nothing to be compared with.
        known = None
    for entry in segment.part_entries():
        try:
            part = segment.part(entry, check.state.decompressor)
        except Corrupt as problem:
            check.problem("part", number, None, str(problem))
            continue
        is_whole = True
        if not check.quick:
            data = part.file.read(0, entry.length)
            check.counts["bytes"] += len(data)
            is_whole = checksum(part.salt, 0, data) == entry.checksum
        if not is_whole and not _pages(check, part, number):
            text = f"in its file {part.file.name} bytes outside the pages are not what was written"
            check.problem("part", number, None, damaged_at(number, 0, text))
        _records(check, part, segment, known, is_whole)


def _records(
    check: Findings, part: ColumnsPart, segment: ColumnsSegment, known: dict[int, int] | None, is_whole: bool
) -> None:
    """The records of a part, rebuilt, against the fingerprints of their blobs, if those are known."""
    number, stored = segment.number, segment.header.stored_fingerprint
    kept = recent_pages(part.table)
    for row, id in islice(enumerate(part.ids), 0, None, _SAMPLE if check.quick else 1):
        try:
            record = part.record(row, kept)
        except Malformed as problem:
            if is_whole:
                check.problem("part", number, None, damaged_at(number, 0, str(problem)))
            continue
        check.counts["blobs"] += 1
        if known is not None and stored(fingerprint(digest(record))) != known.get(id):
            text = f"in its file {part.file.name} blob {id} does not have the hash it was stored under"
            check.problem("blob", number, None, damaged_at(number, 0, text))
        check.tick()


def _pages(check: Findings, part: ColumnsPart, number: int) -> int:
    """Reports the pages of a part that are damaged. Returns their number."""
    found = 0
    for at in part.data_pages():
        try:
            part.decoded(at, lambda _, decode: decode())
        except Malformed as problem:
            found += 1
            check.problem("part", number, at.page.offset, damaged_at(number, at.page.offset, str(problem)))
    return found
