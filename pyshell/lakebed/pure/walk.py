"""The chain of COMMITs of the active segment, walked back as far as its index blocks reach.

Damage before the last commit is listed beside what could be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lakebed.errors import Corrupt
from lakebed.pure.files import SegmentFile
from lakebed.pure.format import commit as commits
from lakebed.pure.format import header
from lakebed.pure.format.block import Block
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.header import Header
from lakebed.pure.parts import GroupPart
from lakebed.pure.segment import commit_at, commit_behind

__all__ = ["DamagedPlace", "Walk", "walk_back"]


class DamagedPlace(NamedTuple):
    """A part of a segment that cannot be read."""

    segment: int
    offset: int | None
    kind: str
    """What `verify` calls it."""
    message: str

    def error(self) -> Corrupt:
        """The error of a call that needs what is damaged."""
        return Corrupt(damaged_at(self.segment, self.offset or 0, self.message))


def damaged_at(segment: int, offset: int, detail: str) -> str:
    """The sentence about damage; `detail` is half a sentence about what is wrong there."""
    return (
        f"Segment {segment} is damaged at byte {offset}: {detail}; everything undamaged stays readable, `lakebed verify` lists all "
        "damage, and `lakebed repair` makes the store whole again without it."
    )


class Walk(NamedTuple):
    """What was found."""

    parts: list[GroupPart]
    """In the order of the file."""
    damage: list[DamagedPlace]


def walk_back(
    file: SegmentFile, head: Header, offset: int, commit: Commit, known: Mapping[int, GroupPart] | None = None
) -> Walk:
    """The parts of a segment up to the COMMIT at `offset`.

    Goes from a COMMIT to its index block, and from what that covers to the COMMIT before. Where one of these is
    damaged, it goes on at the whole COMMIT before. `known` are parts by the offset of their block, which are not read
    again. Raises `StoreIOError`.
    """
    parts: list[GroupPart] = []
    damage: list[DamagedPlace] = []
    at: int | None = offset
    while at is not None:
        part = (known or {}).get(commit.block)
        first = commit.group
        try:
            if part is None:
                part = _read(file, head, commit)
            first = part.block.first_group
            if not (first == header.SIZE or header.SIZE < first <= commit.group):
                raise Malformed("an index block covers what is not before it")
            parts.append(part)
        except Malformed as problem:
            first = commit.group
            damage.append(DamagedPlace(head.number, commit.block, "index", str(problem)))
        if first == header.SIZE:
            break
        at = first - commits.SIZE
        try:
            commit = commit_at(file, at, head)
        except Malformed as problem:
            damage.append(DamagedPlace(head.number, at, "commit", str(problem)))
            at = commit_behind(file, head, first - 8)
            if at is not None:
                commit = commit_at(file, at, head)
    return Walk(parts[::-1], sorted(damage, key=lambda one: one.offset or 0))


def _read(file: SegmentFile, head: Header, commit: Commit) -> GroupPart:
    """The part that a COMMIT closes; what an open store needs of it is checked. Raises `Malformed`."""
    data = file.exactly(commit.block, commit.block_length)
    part = GroupPart(Block.decode(data, head.salt, commit.block), head, file)
    part.frames, part.ids, part.batches, part.records  # noqa: B018  (damage shows here)
    return part
