"""Decoded frames, and the memory that keeps them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from lakebed.pure.codec import Decompressor
from lakebed.pure.files import SegmentFile
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.frame import RAW, Frame, split

__all__ = ["DecodedFrame", "FrameCache", "decode_frame", "read_frame"]

_HEAD = 512
"""Bytes that are read first of a frame: nearly every header fits."""
_RECENT = 4
"""Parts that keep the pages of their last records."""


class DecodedFrame:
    """The blobs of a frame."""

    __slots__ = ("data", "frame", "offset", "places", "proven")

    def __init__(self, frame: Frame, offset: int, data: bytes) -> None:
        """Raises `Malformed`."""
        self.frame = frame
        self.offset = offset
        self.data = data
        self.places = split(data, len(frame.ids))
        self.proven: dict[int, bytes] = {}
        """The hash of each blob that was hashed, by its place in the frame."""

    def blob(self, place: int) -> bytes:
        """The bytes of a blob by its place in the frame."""
        return self.data[self.places[place] : self.places[place + 1]]

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.data) + 48 * len(self.places)


def read_frame(file: SegmentFile, offset: int, salt: int) -> tuple[Frame, memoryview]:
    """A frame and its payload as stored, checked. Raises `Malformed`, `StoreIOError`."""
    try:
        head = file.read(offset, _HEAD)
        if len(head) < 12:
            raise Malformed("a frame is cut")
        header_length = int.from_bytes(head[8:10], "little")
        if header_length > len(head):
            head = file.exactly(offset, header_length)
        frame = Frame.decode(head)
        whole = file.exactly(offset, frame.length)
        frame.check(whole, salt, offset)
        return frame, whole[frame.header_length :]
    except Malformed as problem:
        raise Malformed(f"{problem}, at offset {offset}") from problem


def decode_frame(
    file: SegmentFile, offset: int, salt: int, decompressor: Callable[[int | None], Decompressor]
) -> DecodedFrame:
    """The blobs of a frame. `decompressor` gives the one for a dictionary, or for none.

    Raises `Malformed`, `StoreIOError`.
    """
    frame, payload = read_frame(file, offset, salt)
    try:
        if frame.encoding == RAW:
            return DecodedFrame(frame, offset, bytes(payload))
        return DecodedFrame(frame, offset, decompressor(frame.dictionary).decompress(payload, frame.raw))
    except Malformed as problem:
        raise Malformed(f"{problem}, at offset {offset}") from problem


class _Sized(Protocol):
    @property
    def size(self) -> int: ...


Cached = TypeVar("Cached", bound=_Sized)


class FrameCache:
    """Decoded frames, the latest used ones, up to a number of bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self._frames: OrderedDict[tuple[int, int | tuple[int, int]], Any] = OrderedDict()
        self._recent: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, segment: int, offset: int | tuple[int, int], decode: Callable[[], Cached]) -> Cached:
        """The frame at an offset of a segment, or what is at an offset of its part of a collection; decoded when it is
        not there."""
        key = (segment, offset)
        with self._lock:
            found: Cached | None = self._frames.get(key)
            if found is not None:
                self.hits += 1
                self._frames.move_to_end(key)
                return found
            self.misses += 1
        found = decode()
        with self._lock:
            if key not in self._frames:
                self._frames[key] = found
                self.bytes += found.size
            while self.bytes > self.capacity and self._frames:
                _, gone = self._frames.popitem(last=False)
                self.bytes -= gone.size
        return found

    def recent(self, part: tuple[int, int], make: Callable[[], Any]) -> Any:
        """What belongs to one of the parts read last, by segment and collection; made when it is not there."""
        with self._lock:
            found = self._recent.get(part)
            if found is None:
                found = self._recent[part] = make()
            self._recent.move_to_end(part)
            while len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
            return found

    def forget(self, segment: int) -> None:
        """Let the frames of a segment go: its file was cut or is gone."""
        with self._lock:
            for key in [key for key in self._frames if key[0] == segment]:
                self.bytes -= self._frames.pop(key).size
            for part in [part for part in self._recent if part[0] == segment]:
                del self._recent[part]
