"""The body of a manifest as the difference from the one that the footer of another segment repeats whole."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed, Reader, put_varint

__all__ = ["BodyDifference", "encode_difference"]

_WINDOW: Final = 16
"""Bytes that two bodies must have in common to be found so."""


class BodyDifference(NamedTuple):
    """A difference, decoded up to its steps."""

    base: int
    """The segment whose footer repeats a body whole."""
    length: int
    """Bytes of the body."""
    checksum: int
    steps: bytes

    @classmethod
    def decode(cls, data: Bytes) -> BodyDifference | None:
        """The difference in section 9 of a footer; None when it is a whole body. Raises `Malformed`."""
        # A body begins with the number of the last commit, and before the first commit nothing is sealed.
        if not data or data[0] != 0:
            return None
        reader = Reader(data, 1)
        base, length, stored = reader.varint(), reader.varint(), reader.u64()
        return cls(base, length, stored, bytes(data[reader.at :]))

    def apply(self, base: Bytes) -> bytes:
        """The body, made from the one of the base. Raises `Malformed`."""
        if self.length > len(base) + len(self.steps):
            raise Malformed("a difference says too much of its length")
        reader, body = Reader(self.steps), bytearray()
        while reader.at < len(self.steps):
            body += reader.take(reader.varint())
            start, length = reader.varint(), reader.varint()
            if start + length > len(base) or len(body) + length > self.length:
                raise Malformed("a difference goes too far")
            body += base[start : start + length]
        if len(body) != self.length or checksum(0, 0, body) != self.checksum:
            raise Malformed("a difference is from another body")
        return bytes(body)


def encode_difference(number: int, base: bytes, body: bytes) -> bytes:
    """The difference of a body from the one that the footer of segment `number` repeats whole."""
    out = bytearray(1)
    put_varint(out, number)
    put_varint(out, len(body))
    out += struct.pack("<Q", checksum(0, 0, body))
    places: dict[bytes, int] = {}
    for start in range(0, len(base) - _WINDOW + 1, _WINDOW):
        places.setdefault(base[start : start + _WINDOW], start)

    def step(inserted: bytes, start: int, length: int) -> None:
        put_varint(out, len(inserted))
        out.extend(inserted)
        put_varint(out, start)
        put_varint(out, length)

    # What lies before `done` was put; `at` looks for what the base has, too.
    done = at = 0
    while at + _WINDOW <= len(body):
        found = places.get(body[at : at + _WINDOW])
        if found is None:
            at += 1
            continue
        before = 0
        while before < min(at - done, found) and body[at - before - 1] == base[found - before - 1]:
            before += 1
        behind = _WINDOW
        while at + behind < len(body) and found + behind < len(base) and body[at + behind] == base[found + behind]:
            behind += 1
        step(body[done : at - before], found - before, before + behind)
        at = done = at + behind
    if done < len(body):
        step(body[done:], 0, 0)
    return bytes(out)
