"""An index from 64-bit keys to sequence numbers of rows, with 16 bytes a row: small enough for all replies of a store.

Keys are the first bytes of hashes, so a row that is found is a candidate, and the caller compares it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator

_OVERLAY = 1 << 14
"""Rows that are added before they are merged into the sorted arrays, at least; a row takes ten times as much until
then."""


class SeqIndex:
    """Sequence numbers by key. Several rows may have the same key."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._seqs = array("Q")
        self._new: dict[int, list[int]] = {}
        self._pending = 0

    def add(self, key: int, seq: int) -> None:
        """Adds a row."""
        self._new.setdefault(key, []).append(seq)
        self._pending += 1
        if self._pending >= max(_OVERLAY, len(self._keys) >> 4):
            self._merge()

    def find(self, key: int) -> Iterator[int]:
        """The sequence numbers of a key, newest first."""
        yield from reversed(self._new.get(key, ()))
        index = bisect_left(self._keys, key)
        found = []
        while index < len(self._keys) and self._keys[index] == key:
            found.append(self._seqs[index])
            index += 1
        yield from sorted(found, reverse=True)

    def __len__(self) -> int:
        return len(self._keys) + self._pending

    def _merge(self) -> None:
        pairs = sorted((key, seq) for key, seqs in self._new.items() for seq in seqs)
        keys, seqs = array("Q"), array("Q")
        start = 0
        for key, seq in pairs:
            stop = bisect_left(self._keys, key, start)
            keys += self._keys[start:stop]
            seqs += self._seqs[start:stop]
            keys.append(key)
            seqs.append(seq)
            start = stop
        keys += self._keys[start:]
        seqs += self._seqs[start:]
        self._keys, self._seqs, self._new, self._pending = keys, seqs, {}, 0


def key_of(digest: bytes) -> int:
    """The key of a hash of 32 bytes."""
    return int.from_bytes(digest[:8], "little")
