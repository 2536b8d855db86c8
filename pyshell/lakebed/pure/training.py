"""Training of dictionaries: which records are samples, and whether a dictionary pays."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import zstandard

from lakebed.pure.codec import Compressor, stored_dictionary
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.frame import joined

__all__ = [
    "DEFAULT_SIZE",
    "INGEST_SHARE",
    "INGEST_WINDOWS",
    "LARGEST_SIZE",
    "LEAST_SIZE",
    "TRAIN_SHARE",
    "TRAIN_WINDOWS",
    "Request",
    "SampleRange",
    "Samples",
    "Trained",
    "fitting_size",
    "ranges",
    "train",
]

DEFAULT_SIZE = 112_640
"""The default size of a dictionary in bytes."""
LEAST_SIZE, LARGEST_SIZE = 1024, 1 << 20
INGEST_SHARE, TRAIN_SHARE = 25, 100
"""Bytes of samples for each byte of dictionary."""
INGEST_WINDOWS, TRAIN_WINDOWS = (400,), (200, 400, 1000)
"""The windows that are tried, in bytes; the best dictionary is taken."""

_LEAST_GAIN = 0.03
_INPUT_SHARE = 50
"""Bytes of input for each byte of dictionary; with less input the dictionary is smaller."""
_LARGEST_SAMPLE = 16 << 10
_RANGE_BYTES = 1 << 10
_HELD_OUT_RANGES = 16


def fitting_size(wanted: int, expected_bytes: int) -> int:
    """The size of a dictionary, `wanted` at most, when so many bytes will be compressed with it."""
    return max(LEAST_SIZE, min(wanted, expected_bytes // _INPUT_SHARE, LARGEST_SIZE))


class SampleRange(NamedTuple):
    """A range of the input: all records that start in it, whole, so that no record is in two ranges."""

    offset: int
    bytes: int
    held_out: bool
    """Whether it is kept out of the training."""


def ranges(length: int, size: int, share: int, page_bytes: int) -> list[SampleRange]:
    """The ranges to sample in an input of `length` bytes, for a dictionary of `size` bytes trained on at most `share`
    times as much: ascending and disjoint; in a small input, together all of it."""
    training, page = size * share, max(1, min(page_bytes, 1 << 20))
    if length <= training + _HELD_OUT_RANGES * page:
        # All of it; a tenth of the pages is held out.
        return [
            SampleRange(offset, min(page, length - offset), number % 10 == 9 or (number == 0 and length < 10 * page))
            for number, offset in enumerate(range(0, length, page))
        ]
    count = max(1, training // _RANGE_BYTES)
    every = max(1, count // _HELD_OUT_RANGES)
    found: list[SampleRange] = []
    end = 0
    for number in range(count):
        offset = length * number // count
        if offset < end:
            # The held-out page before reaches beyond this offset.
            continue
        held_out = number % every == every // 2
        taken = min(page if held_out else _RANGE_BYTES, length - offset)
        end = offset + taken
        found.append(SampleRange(offset, taken, held_out))
    return found


@dataclass
class Samples:
    """The sampled records."""

    training: list[bytes] = field(default_factory=list)
    held_out: list[list[bytes]] = field(default_factory=list)
    """Range by range."""

    @property
    def size(self) -> int:
        """Bytes to train on."""
        return sum(map(len, self.training))

    def add(self, range: SampleRange, records: Iterable[bytes]) -> None:
        """Adds the records of a range; empty ones are skipped."""
        kept = [record for record in records if record]
        if not range.held_out:
            self.training += (record[:_LARGEST_SAMPLE] for record in kept)
        elif kept:
            self.held_out.append(kept)


class Request(NamedTuple):
    """What is trained."""

    size: int
    windows: Sequence[int]
    level: int
    """Of the frames that will use it."""
    page_bytes: int
    expected_bytes: int
    """An estimate of the bytes that will be compressed with it."""
    current: bytes | None = None
    """The dictionary in use."""


class Trained(NamedTuple):
    """A dictionary and its effect on held-out pages."""

    dictionary: bytes
    pays: bool
    sample_bytes: int
    held_out_before: int
    held_out_after: int
    seconds: float


def train(samples: Samples, request: Request) -> Trained | None:
    """Trains a dictionary and measures its effect. None when the samples give none."""
    began = time.monotonic()
    size = fitting_size(request.size, request.expected_bytes)
    sample_bytes = samples.size
    if len(samples.training) < 8 or sample_bytes < LEAST_SIZE or not samples.held_out:
        return None
    pages = [page for run in samples.held_out for page in _pages(run, request.page_bytes)]
    raw = sum(map(len, pages))
    plain = Compressor(request.level)
    current = plain if request.current is None else Compressor(request.level, stored_dictionary(request.current))
    before = _stored(current, pages)
    best: tuple[int, bytes] | None = None
    for window in request.windows:
        found = _fast_cover(samples.training, size, window)
        if found is None:
            continue
        after = _stored(Compressor(request.level, stored_dictionary(found)), pages)
        if best is None or after < best[0]:
            best = after, found
    if best is None:
        return None
    after, dictionary = best
    if request.current is not None:
        pays = after <= before * (1.0 - _LEAST_GAIN)
    else:
        # The dictionary itself is stored as a blob, compressed.
        saved_part = max(0, before - after) / max(raw, 1)
        pays = saved_part * request.expected_bytes > _stored(plain, [dictionary])
    return Trained(dictionary, pays, sample_bytes, before, after, time.monotonic() - began)


def _fast_cover(samples: list[bytes], size: int, window: int) -> bytes | None:
    """A dictionary of at most `size` bytes, of segments of about `window` bytes; None when zstd finds none: too few,
    too small or too similar samples."""
    try:
        found = zstandard.train_dictionary(size, list(samples), k=window, d=8, f=20, split_point=1.0, accel=5)
        data = found.as_bytes()
        stored_dictionary(data)
    except (zstandard.ZstdError, Malformed):
        return None
    return data or None


def _pages(records: list[bytes], page_bytes: int) -> list[bytes]:
    """The payloads of the frames that would store these consecutive records."""
    found: list[bytes] = []
    page: list[bytes] = []
    size = 0
    for record in records:
        page.append(record)
        size += len(record)
        if size >= page_bytes:
            found.append(joined(page))
            page, size = [], 0
    if page:
        found.append(joined(page))
    return found


def _stored(compressor: Compressor, payloads: Iterable[bytes]) -> int:
    """The stored bytes of payloads."""
    return sum(min(len(payload), len(compressor.compress(payload))) for payload in payloads)
