"""Samples of an input for its first dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakebed.pure.ingest.lines import Parsed
from lakebed.pure.training import DEFAULT_SIZE, INGEST_SHARE, Samples, fitting_size, ranges

__all__ = ["samples_of_chunks", "samples_of_file"]

_BEYOND = 8 << 10
"""Bytes read beyond a range, so that the last line that begins in it is complete unless it is long."""


def samples_of_file(path: str, start: int, length: int, page_bytes: int) -> Samples:
    """Samples of a plain file of `length` bytes, from `start` on. A file that cannot be read has none: who reads it
    next says so."""
    samples = Samples()
    size = fitting_size(DEFAULT_SIZE, length - start)
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            for run in ranges(length - start, size, INGEST_SHARE, page_bytes):
                begin = start + run.offset
                # The byte before the range shows whether a line begins with the range.
                before = max(0, begin - 1)
                file.seek(before)
                data = file.read(begin - before + run.bytes + _BEYOND)
                at_end = before + len(data) >= length
                samples.add(run, _lines(data, run.bytes, at_start=begin == before, at_end=at_end))
    except OSError:
        return Samples()
    return samples


def _lines(data: bytes, within: int, *, at_start: bool, at_end: bool) -> Iterator[bytes]:
    """The lines that begin in the first `within` bytes after the first byte, or from the first byte on if a line begins
    there. A line that is not complete is left out if another one precedes it, and cut if not; at the end of the file
    the last line is complete."""
    at = 0 if at_start else data.find(b"\n") + 1
    if at == 0 and not at_start:
        return
    limit = within if at_start else within + 1
    is_first = True
    while at < limit and at < len(data):
        end = data.find(b"\n", at)
        if end < 0:
            if at_end or is_first:
                yield data[at:].removesuffix(b"\r")
            return
        yield data[at:end].removesuffix(b"\r")
        at, is_first = end + 1, False


def samples_of_chunks(chunks: Sequence[Parsed], expected_bytes: int, page_bytes: int) -> Samples:
    """Samples of consecutive chunks."""
    samples = Samples()
    base = chunks[0].chunk.offset
    size = fitting_size(DEFAULT_SIZE, expected_bytes)
    records = [(start - base, data) for one in chunks for start, data in zip(one.starts, one.records, strict=True)]
    at = 0
    for run in ranges(chunks[-1].chunk.end.content - base, size, INGEST_SHARE, page_bytes):
        while at < len(records) and records[at][0] < run.offset:
            at += 1
        found = []
        while at < len(records) and records[at][0] < run.offset + run.bytes:
            found.append(records[at][1])
            at += 1
        samples.add(run, found)
    return samples
