"""What a manifest says that contradicts itself, although its checksum is right."""

from __future__ import annotations

from typing import Final

from lakebed.pure.format.header import LARGE
from lakebed.pure.format.ids import LIMIT
from lakebed.pure.format.manifest import Manifest

__all__ = ["contradiction"]

_LARGEST_BLOB: Final = (1 << 32) - 1
_LARGEST_SUM: Final = (1 << 64) - 1


def contradiction(body: Manifest) -> str | None:
    """What is wrong, as half a sentence; None when no two parts of it contradict each other."""
    return _numbers(body) or _sealed(body) or _large(body) or _named(body) or _blobs(body)


def _numbers(body: Manifest) -> str | None:
    given = (body.last_commit, body.next_blob, body.next_collection, body.next_file, body.next_dictionary)
    if max(*given, body.next_segment) >= LIMIT:
        return "a next number is out of its range"
    numbers = [body.active, *(one.number for one in body.segments)]
    if len(set(numbers)) < len(numbers):
        return "it lists a segment twice"
    if max(numbers) >= body.next_segment:
        return "it lists a segment whose number was not given yet"
    return None


def _sealed(body: Manifest) -> str | None:
    end, ends = 0, set()
    for one in body.segments:
        if not one.first_commit <= one.last_commit <= body.last_commit:
            return "the commits of a segment are out of their range"
        if one.layout == LARGE:
            continue
        if one.last_commit in ends:
            return "two segments end in the same commit"
        ends.add(one.last_commit)
        if one.first_id < end or one.end_id > body.next_blob:
            return "the blob ids of its segments overlap or were not given yet"
        if one.blobs > one.end_id - one.first_id:
            return "a segment has more blobs than ids"
        end = one.end_id
    sums = [sum(one[field] for one in body.segments) for field in (2, 6, 9)]
    if max(sums) >= _LARGEST_SUM or sums[1] >= LIMIT:
        return "its segments are larger than all numbers"
    return None


def _large(body: Manifest) -> str | None:
    for one in body.large:
        if one.blob >= body.next_blob or one.segment >= body.next_segment:
            return "a large blob has a number that was not given yet"
        if max(one.length, one.stored) > _LARGEST_BLOB:
            return "a large blob is longer than any"
    segments = {one.segment for one in body.large}
    if len({one.blob for one in body.large}) < len(body.large) or len(segments) < len(body.large):
        return "it lists a large blob twice"
    if segments != {one.number for one in body.segments if one.layout == LARGE}:
        return "its large blobs are not those of its segments"
    return None


def _named(body: Manifest) -> str | None:
    ids, names = {one.id for one in body.collections}, {one.name for one in body.collections}
    if min(len(ids), len(names)) < len(body.collections):
        return "it lists a collection twice"
    for one in body.collections:
        if one.id >= body.next_collection:
            return "a collection has an id that was not given yet"
        if not (one.first_live <= one.next_seq < LIMIT and one.deleted_rows <= one.next_seq - one.first_live):
            return "the rows of a collection are out of their range"
    if len({one.number for one in body.dictionaries}) < len(body.dictionaries):
        return "it lists a dictionary twice"
    if any(one.number >= body.next_dictionary or one.blob >= body.next_blob for one in body.dictionaries):
        return "a dictionary has a number that was not given yet"
    if len({one.number for one in body.files}) < len(body.files):
        return "it lists a file twice"
    if any(one.number >= body.next_file for one in body.files):
        return "a file has a number that was not given yet"
    return None


def _blobs(body: Manifest) -> str | None:
    if any(end > body.next_blob for ids in (body.pinned, body.deleted) for end in ids.ends[-1:]):
        return "a pinned or deleted blob has an id that was not given yet"
    return None
