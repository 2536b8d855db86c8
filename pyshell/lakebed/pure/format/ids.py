"""Runs of ids: ascending blob ids in few numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from lakebed.pure.format.coding import Malformed, Reader, put_varint

__all__ = ["LIMIT", "Ids"]

LIMIT = 1 << 62
"""Ids, sequence numbers and line numbers lie below it."""


class Ids:
    """A set of blob ids as runs. The *ordinal* of an id is its place, from 0, in ascending order."""

    __slots__ = ("_ordinals", "count", "ends", "starts")

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        """From runs as (first id, end), ascending and not touching."""
        self.starts: list[int] = []
        self.ends: list[int] = []
        self._ordinals: list[int] = []
        self.count = 0
        for start, end in runs:
            self.extend(start, end)

    @classmethod
    def of(cls, ids: Iterable[int]) -> Ids:
        """Of single ids, in ascending order."""
        made = cls()
        for id in ids:
            made.extend(id, id + 1)
        return made

    @classmethod
    def merged(cls, runs: Iterable[tuple[int, int]]) -> Ids:
        """Of runs in any order, which may touch and overlap."""
        made = cls()
        for start, end in sorted(runs):
            if made.ends and start <= made.ends[-1]:
                if end > made.ends[-1]:
                    made.extend(made.ends[-1], end)
            else:
                made.extend(start, end)
        return made

    def extend(self, start: int, end: int) -> None:
        """Add the ids from `start` to below `end`, all of them above those that are there."""
        if self.ends and self.ends[-1] == start:
            self.ends[-1] = end
        else:
            self.starts.append(start)
            self.ends.append(end)
            self._ordinals.append(self.count)
        self.count += end - start

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        for start, end in self.runs():
            yield from range(start, end)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and self.starts == other.starts and self.ends == other.ends

    __hash__ = None  # type: ignore[assignment]

    def runs(self) -> Iterator[tuple[int, int]]:
        """The runs as (first id, end)."""
        return zip(self.starts, self.ends, strict=True)

    def ordinal(self, id: int) -> int | None:
        """The ordinal of an id; None when it is not there."""
        run = bisect_right(self.starts, id) - 1
        if run < 0 or id >= self.ends[run]:
            return None
        return self._ordinals[run] + id - self.starts[run]

    def rank(self, id: int) -> int:
        """How many ids are below this one."""
        run = bisect_right(self.starts, id) - 1
        return 0 if run < 0 else self._ordinals[run] + min(id, self.ends[run]) - self.starts[run]

    def __contains__(self, id: object) -> bool:
        return isinstance(id, int) and self.ordinal(id) is not None

    def at(self, ordinal: int) -> int:
        """The id of an ordinal."""
        run = bisect_right(self._ordinals, ordinal) - 1
        return self.starts[run] + ordinal - self._ordinals[run]

    def put(self, out: bytearray) -> None:
        """Append the runs."""
        before = 0
        for start, end in self.runs():
            put_varint(out, start - before)
            put_varint(out, end - start)
            before = end

    def encoded(self) -> bytes:
        """The bytes of the runs."""
        out = bytearray()
        self.put(out)
        return bytes(out)

    @classmethod
    def read(cls, reader: Reader, *, blobs: int | None = None, runs: int | None = None) -> Ids:
        """Runs with as many ids as there are blobs, or a number of runs; neither: to the end of the reader."""
        made = cls()
        end = 0
        while made.count < blobs if blobs is not None else len(made.starts) < runs if runs is not None else reader.more:
            gap, count = reader.varint(), reader.varint()
            if count == 0 or (gap == 0 and made.starts):
                raise Malformed("a run of ids is empty or touches the one before")
            start = end + gap
            end = start + count
            if end > LIMIT:
                raise Malformed("a blob id is too large")
            made.extend(start, end)
        if blobs is not None and made.count != blobs:
            raise Malformed("the runs of ids do not have as many ids as there are blobs")
        return made
