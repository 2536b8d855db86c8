"""Frames of a group: blobs in arrival order, a page of raw bytes together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from lakebed.pure.codec import Compressor
from lakebed.pure.format.frame import DICTIONARY, MOST_RUNS, RAW, ZSTD, Frame, joined
from lakebed.pure.format.ids import Ids

__all__ = ["Payload", "encode_payload", "payloads"]


class Payload(NamedTuple):
    """The blobs of a frame to write."""

    ids: Ids
    blobs: list[bytes]
    dictionary: int | None
    stored: tuple[Frame, memoryview] | None = None
    """The frame that they were read from, and its payload as stored, which is written as it is."""


def payloads(blobs: Iterable[tuple[int, bytes, int | None]], page_bytes: int) -> Iterator[Payload]:
    """Blobs, given as (id, bytes, dictionary) in ascending order of their ids, in frames of a page.

    Blobs of one dictionary share frames. A frame ends when its blobs reach the page size, before a blob of at least that
    size, and before it would have too many runs of ids.
    """
    begun: dict[int | None, tuple[Payload, int]] = {}
    for id, data, dictionary in blobs:
        payload, size = begun.pop(dictionary, (None, 0))
        if payload is not None and (
            len(data) >= page_bytes or (len(payload.ids.starts) == MOST_RUNS and payload.ids.ends[-1] != id)
        ):
            yield payload
            payload, size = None, 0
        if payload is None:
            payload = Payload(Ids(), [], dictionary)
        payload.ids.extend(id, id + 1)
        payload.blobs.append(data)
        size += len(data)
        if size >= page_bytes:
            yield payload
        else:
            begun[dictionary] = payload, size
    yield from (payload for payload, _ in begun.values())


def encode_payload(payload: Payload, salt: int, offset: int, compressor: Callable[[int | None], Compressor]) -> bytes:
    """The frame at an offset; raw where compression does not make it smaller. `compressor` gives the one for a
    dictionary, or for none."""
    if payload.stored is not None:
        frame, stored_payload = payload.stored
        return frame.encode(stored_payload, salt, offset)
    raw = joined(payload.blobs)
    stored = compressor(payload.dictionary).compress(raw)
    if len(stored) >= len(raw):
        return Frame(RAW, len(raw), len(raw), None, payload.ids).encode(raw, salt, offset)
    encoding = ZSTD if payload.dictionary is None else DICTIONARY
    return Frame(encoding, len(stored), len(raw), payload.dictionary, payload.ids).encode(stored, salt, offset)
