"""Which segments are written again, and which neighbours become one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from lakebed.pure.catalogue import Catalogue
from lakebed.pure.format.coding import aligned
from lakebed.pure.format.footer import UNIT
from lakebed.pure.format.manifest import SealedSegment
from lakebed.pure.frames import read_frame
from lakebed.pure.reach import Reach
from lakebed.pure.segment import RowsSegment
from lakebed.pure.state import State

__all__ = ["Examined", "Goals", "Group", "dictionaries_of", "is_dead", "kept_ids", "plan"]

_LARGE: Final = 2
"""A segment of more than the segment size divided by it, with which all is well, is not joined with a neighbour."""
_SMALL_FRAMES: Final = 3
"""Frames that are on average smaller than a page divided by it are gathered into full ones."""
_FEW_FRAMES: Final = 4
"""So few frames are never too small: most segments end with a short one."""
_MOST_BLOBS: Final = 1 << 20


class Goals(NamedTuple):
    """What is asked for."""

    everything: bool
    """All frames are written again."""
    differs: Callable[[RowsSegment], bool]
    """Whether a segment is to be written again for its layout."""
    only_layout: bool
    """Segments are written again for their layout alone, one by one."""
    settled: frozenset[int]
    """Segments whose layout and frames are not looked at any more."""


class Examined(NamedTuple):
    """A segment, and what is kept of it."""

    segment: RowsSegment
    entry: SealedSegment | None
    """What the manifest says of it; None for the active one."""
    kept: set[int]
    """The ids of its blobs that are kept."""
    estimate: int
    """Bytes of a segment with what is kept."""
    has_dead: bool
    """Whether blobs are left out."""
    is_due: bool
    """Whether it is worth writing again, whatever its neighbours are."""
    only_layout: bool
    """Whether nothing but its layout makes it due."""
    file_bytes: int
    """Bytes of its files."""
    raw_bytes: int
    """Bytes of its blobs."""
    blobs: int

    @classmethod
    def all_of(cls, segment: RowsSegment, entry: SealedSegment, ids: set[int]) -> Examined:
        """A segment that a repair writes again, with all of its blobs."""
        return cls(
            segment,
            entry,
            ids,
            0,
            has_dead=False,
            is_due=True,
            only_layout=False,
            file_bytes=0,
            raw_bytes=0,
            blobs=len(ids),
        )


class Group(NamedTuple):
    """Neighbouring segments that one new segment takes the place of."""

    segments: list[Examined]

    @property
    def estimate(self) -> int:
        return max(aligned(sum(one.estimate for one in self.segments), UNIT), UNIT)

    @property
    def file_bytes(self) -> int:
        """Bytes of the files of its segments."""
        return sum(one.file_bytes for one in self.segments)

    @property
    def kept_blobs(self) -> int:
        return sum(len(one.kept) for one in self.segments)

    @property
    def removed(self) -> int:
        """Blobs that are left out."""
        return sum(one.blobs - len(one.kept) for one in self.segments)

    @property
    def emptiness(self) -> float:
        """The share of the bytes that goes."""
        return 1 - self.estimate / max(self.file_bytes, 1)

    @property
    def only_layout(self) -> bool:
        """Whether nothing is gained but another layout."""
        return len(self.segments) == 1 and self.segments[0].only_layout

    @property
    def entries(self) -> list[SealedSegment]:
        """What the manifest says of its segments, which are sealed."""
        return [one.entry for one in self.segments if one.entry is not None]


def kept_ids(state: State, reach: Reach) -> set[int]:
    """The dictionaries that frames need although no collection has them any more. Raises `Corrupt`."""
    catalogue = state.catalogue
    loose = {one.number: one.blob for one in catalogue.dictionaries if one.blob not in reach}
    if not loose:
        return set()
    used = {number for segment in state.all_rows() for number in dictionaries_of(segment)}
    return {blob for number, blob in loose.items() if number in used}


def dictionaries_of(segment: RowsSegment) -> set[int]:
    """The numbers of the dictionaries that frames of a segment are compressed with. Raises `Malformed`,
    `StoreIOError`."""
    found = set()
    for part in segment.parts:
        for entry in part.frames:
            frame, _ = read_frame(segment.file, entry.offset, segment.header.salt)
            if frame.dictionary is not None:
                found.add(frame.dictionary)
    return found


def plan(state: State, reach: Reach, goals: Goals) -> list[Group]:
    """The groups to write again, the emptiest first. Of the active segment it says what there is to do once that is
    sealed. Raises `Corrupt`, `StoreIOError`."""
    segment_bytes = state.context.options.segment_bytes
    needed = kept_ids(state, reach)
    groups: list[Group] = []
    for one in _all(state, reach, needed, goals):
        if goals.only_layout:
            groups += [Group([one])] if one.only_layout else []
            continue
        before = groups[-1] if groups else Group([])
        fits = (
            bool(before.segments)
            and before.estimate + one.estimate <= segment_bytes
            and before.kept_blobs + len(one.kept) <= _MOST_BLOBS
            and not any(_is_heavy(other, segment_bytes) for other in (one, *before.segments))
        )
        if fits:
            before.segments.append(one)
        else:
            groups.append(Group([one]))
    if goals.only_layout:
        return groups
    chosen = [group for group in groups if len(group.segments) > 1 or group.segments[0].is_due]
    return sorted(chosen, key=lambda group: -group.emptiness)


def _is_heavy(one: Examined, segment_bytes: int) -> bool:
    """Whether a small neighbour would not make it better."""
    return not one.is_due and one.estimate > segment_bytes // _LARGE


def _all(state: State, reach: Reach, needed: set[int], goals: Goals) -> list[Examined]:
    found = [
        _examined(state, state.rows_segment(entry), entry, state.file_bytes(entry), reach, needed, goals)
        for entry in state.sealed
    ]
    if state.active is not None:
        found.append(_examined(state, state.active, None, state.end, reach, needed, goals))
    return found


def _examined(
    state: State,
    segment: RowsSegment,
    entry: SealedSegment | None,
    size: int,
    reach: Reach,
    needed: set[int],
    goals: Goals,
) -> Examined:
    ids = [id for part in segment.parts for id in part.ids]
    kept = {id for id in ids if id in reach or id in needed}
    raw = entry.raw_bytes if entry is not None else sum(one.raw_bytes for one in segment.commits())
    has_dead = len(kept) < len(ids)
    is_settled = segment.number in goals.settled
    differs = not is_settled and goals.differs(segment)
    frames = sum(len(part.frames) for part in segment.parts)
    page_bytes = state.context.options.page_bytes
    small_frames = not is_settled and frames > _FEW_FRAMES and raw // frames < page_bytes // _SMALL_FRAMES
    is_due = has_dead or small_frames or goals.everything
    share = len(kept) / len(ids) if ids else 0.0
    fixed = min(size, UNIT)
    estimate = size if not has_dead else int((size - fixed) * share) + fixed
    only_layout = differs and (goals.only_layout or not is_due)
    return Examined(segment, entry, kept, estimate, has_dead, is_due or differs, only_layout, size, raw, len(ids))


def is_dead(catalogue: Catalogue, collection: int, seq: int) -> bool:
    """Whether a row is gone because its collection is, or was trimmed."""
    found = catalogue.collections.get(collection)
    return found is None or seq < found.first_live
