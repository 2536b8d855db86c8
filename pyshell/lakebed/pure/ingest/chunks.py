"""Content in chunks of whole lines, and its running hash."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from blake3 import blake3

from lakebed.pure.ingest.compression import Raw, decompressed
from lakebed.pure.ingest.inputs import Input
from lakebed.pure.ingest.messages import changed, compressed_follow
from lakebed.pure.ingest.readers import FollowedFile, Reader
from lakebed.pure.ingest.splitter import Values
from lakebed.pure.json.syntax import MAX_LENGTH

__all__ = ["KEPT_OF_OVERLONG_LINE", "Chunk", "Content", "Position", "Prefix"]

_CHUNK = 1 << 20
"""About the bytes of a chunk."""
_BLOCK = 1 << 20
KEPT_OF_OVERLONG_LINE = 64 << 10
_PATIENCE = 0.25
"""Seconds for which lines that a stream gave wait for more of them."""
_NOTHING = blake3(b"").digest()


class Position(NamedTuple):
    """A position in the content, always at the end of a line."""

    content: int = 0
    """Bytes of content."""
    digest: bytes = _NOTHING
    """The hash of these bytes."""
    raw: int = 0
    """Bytes of the input before decompression that were read for it; the decompressor may have read ahead."""


class Prefix(NamedTuple):
    """The part of the content that an earlier ingest committed."""

    length: int
    digest: bytes


@dataclass
class Chunk:
    """Whole lines, in order; only the last line of the input may lack a line end."""

    lines: bytes
    offset: int
    """Of the chunk in the content."""
    end: Position
    unterminated: bool
    """Whether it is the end of the content, and lacks a line end."""
    overlong: int | None = None
    """Where it is one line longer than the limit, of which `lines` is the beginning: the bytes of the line."""
    begins: int = 0
    """Bytes before `lines` that belong to no line: a byte-order mark, or the end of a line that was ingested before."""


class Content:
    """The content of an input, from the first byte on."""

    def __init__(self, input: Input) -> None:
        """Raises `BadRecord`, `StoreIOError`, `InvalidArgument`."""
        self._name = input.name
        reader = input.open()
        self._raw = Raw(input.name, reader)
        self._values: Values | None = None
        try:
            self._begin(input, reader)
        except BaseException:
            reader.close()
            raise

    def _begin(self, input: Input, reader: Reader) -> None:
        is_plain, unpacked = decompressed(self._raw)
        self.is_plain_file = False
        """Whether it is a plain file of lines, the last of which may be half written."""
        if input.kind == "followed":
            # A file that is written to line by line.
            if not is_plain:
                raise compressed_follow(input.name)
            self._raw.is_content()
            self._reader: Reader = unpacked
            self.is_plain_file = True
            self._followed = reader if isinstance(reader, FollowedFile) else None
        else:
            self._values = Values(input.name, unpacked)
            is_content = self._values.look() == "lines" and is_plain
            if is_content:
                self._raw.is_content()
            self._reader = self._values
            self.is_plain_file = is_content and input.kind == "file"
            self._followed = None
        self._is_direct = input.kind in ("file", "made")
        self._hasher = blake3()
        self.offset = 0
        self._carry = b""
        self._ended = False
        self._done = False
        self._last_byte = b""
        """The last byte up to `offset`, while only parts that were ingested before are read."""
        self._line_end = 0
        """Bytes at the beginning of the next chunk that are the end of a line ingested before."""

    def close(self) -> None:
        """Closes the input."""
        self._reader.close()

    @property
    def minified(self) -> int:
        """Values that were stored without the blanks between their parts."""
        return 0 if self._values is None else self._values.minified

    @property
    def raw_bytes(self) -> int:
        """Bytes of the input that were read, before decompression."""
        return self._raw.bytes

    def raw_digest(self) -> bytes:
        """The hash of the whole input before decompression; valid at the end."""
        return self._raw.digest() or self._hasher.digest()

    def follow(self) -> None:
        """From now on the end of a followed file is waited at."""
        if self._followed is not None:
            self._followed.waits = True
            self._ended = False

    # --- What was ingested before ---

    def longest_prefix(self, prefixes: Sequence[Prefix], tick: Callable[[int], None]) -> int | None:
        """Reads the parts of the content that may have been ingested before, in ascending order; the index of the
        longest one that is there. It stops at the end of the last one that the content is long enough for."""
        longest = None
        for index, prefix in enumerate(prefixes):
            if not self._read_to(prefix.length, tick):
                break
            if self._hasher.digest() == prefix.digest:
                longest = index
        return longest

    def skip_prefix(self, prefix: Prefix, tick: Callable[[int], None]) -> None:
        """Reads the part that was ingested before. Raises `SourceChanged` where it has changed."""
        if not self._read_to(prefix.length, tick):
            raise changed(self._name, f"it ends after {self.offset} bytes, of which {prefix.length} were ingested")
        if self._hasher.digest() != prefix.digest:
            raise changed(self._name, "its beginning has changed")
        self.skip_line_end(tick)

    def skip_line_end(self, tick: Callable[[int], None]) -> None:
        """Skips the end of the last line of a part that was ingested before, if it had none then. Raises
        `SourceChanged` when the line went on."""
        if self._last_byte in (b"", b"\n"):
            return
        while self._fill(2):
            tick(self.raw_bytes)
        if not self._carry:
            self._line_end = 0
        elif self._carry.startswith(b"\n") or self._carry == b"\r":
            self._line_end = 1
        elif self._carry.startswith(b"\r\n"):
            self._line_end = 2
        else:
            raise changed(self._name, "its last line went on after it was ingested")

    def is_over(self) -> bool:
        """Whether everything was read, and is part of the chunks so far. It reads ahead for the answer."""
        self._fill(self._line_end + 1)
        return self._ended and len(self._carry) == self._line_end

    def _read_to(self, end: int, tick: Callable[[int], None]) -> bool:
        """Reads the content up to this offset without keeping it; False if it ends before."""
        while self.offset < end:
            tick(self.raw_bytes)
            found = self._reader.read(min(end - self.offset, _BLOCK))
            if found is None:
                continue
            if not found:
                self._ended = True
                return False
            self._hasher.update(found)
            self.offset += len(found)
            self._last_byte = found[-1:]
        return True

    # --- Chunks ---

    def next(self) -> Chunk | Literal[False] | None:
        """The next chunk; None after the last; False when there is none for the moment. An empty input has one chunk,
        which is empty."""
        if self._done:
            return None
        target = _CHUNK
        searched = 0
        while True:
            lull = self._fill(target)
            at = self._carry.rfind(b"\n", searched)
            if at >= 0:
                return self._cut(at + 1)
            if self._ended:
                return self._cut(len(self._carry))
            searched = len(self._carry)
            if searched > MAX_LENGTH:
                return self._overlong_line()
            if lull:
                return False
            target = searched * 2

    def _cut(self, end: int) -> Chunk:
        data, self._carry = self._carry[:end], self._carry[end:]
        offset, begins = self.offset, self._before_lines(self._carry if end == 0 else data)
        self._hasher.update(data)
        self.offset += len(data)
        self._done = self._ended and not self._carry
        unterminated = self._done and bool(data) and not data.endswith(b"\n")
        return Chunk(data[begins:], offset, self._position(), unterminated, begins=begins)

    def _overlong_line(self) -> Chunk:
        """Reads a line that is longer than the limit, and keeps its beginning."""
        offset = self.offset
        kept = self._carry[:KEPT_OF_OVERLONG_LINE]
        begins = self._before_lines(kept)
        while True:
            at = self._carry.find(b"\n") + 1
            taken, self._carry = (self._carry[:at], self._carry[at:]) if at else (self._carry, b"")
            self._hasher.update(taken)
            self.offset += len(taken)
            if at or self._ended:
                break
            self._fill(_BLOCK)
        self._done = self._ended and not self._carry
        return Chunk(
            kept[begins:],
            offset,
            self._position(),
            unterminated=False,
            overlong=self.offset - offset,
            begins=begins,
        )

    def _fill(self, target: int) -> bool:
        """Reads until so many bytes are there or the input ends. True when neither is so, and no more comes for the
        moment."""
        if self._ended or len(self._carry) >= target:
            return False
        began = time.monotonic()
        parts = [self._carry]
        size = len(self._carry)
        lull = False
        while size < target:
            found = self._reader.read(target - size)
            if found is None:
                lull = True
                break
            if not found:
                self._ended = True
                break
            parts.append(found)
            size += len(found)
            if not self._is_direct and time.monotonic() - began >= _PATIENCE:
                lull = size < target
                break
        self._carry = b"".join(parts)
        return lull

    def _before_lines(self, data: bytes) -> int:
        """The bytes of the next chunk before its first line."""
        if self.offset == 0 and data.startswith(b"\xef\xbb\xbf"):
            return 3
        found, self._line_end = self._line_end, 0
        return found

    def _position(self) -> Position:
        return Position(self.offset, self._hasher.digest(), self.raw_bytes)
