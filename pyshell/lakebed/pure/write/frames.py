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

    A frame ends when its blobs reach the page size, before a blob of at least that size or with another dictionary, and
    before it would have too many runs of ids.
    """
    payload: Payload | None = None
    size = 0
    for id, data, dictionary in blobs:
        if payload is not None and (
            size >= page_bytes
            or len(data) >= page_bytes
            or dictionary != payload.dictionary
            or (len(payload.ids.starts) == MOST_RUNS and payload.ids.ends[-1] != id)
        ):
            yield payload
            payload = None
        if payload is None:
            payload, size = Payload(Ids(), [], dictionary), 0
        payload.ids.extend(id, id + 1)
        payload.blobs.append(data)
        size += len(data)
    if payload is not None:
        yield payload


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
