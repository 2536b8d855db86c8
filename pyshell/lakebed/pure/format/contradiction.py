"""Whether a manifest contradicts itself: a body that can be decoded may still say what no writer says."""

from __future__ import annotations

from typing import Final

from lakebed.pure.format.header import LARGE
from lakebed.pure.format.manifest import Manifest

__all__ = ["contradiction"]

_MAX_NUMBER: Final = 1 << 62


def contradiction(manifest: Manifest) -> str | None:
    """Half a sentence that says what no writer would have written; None for a manifest that one may have written.

    What is stored beside the manifest is not looked at.
    """
    return _numbers(manifest) or _segments(manifest) or _named(manifest) or _blobs(manifest)


def _numbers(manifest: Manifest) -> str | None:
    nexts = (
        manifest.last_commit, manifest.next_blob, manifest.next_collection, manifest.next_file, manifest.next_dictionary,
        manifest.next_segment,
    )  # fmt: skip
    if max(nexts) >= _MAX_NUMBER:
        return "a next number is out of its range"
    numbers = [manifest.active, *(segment.number for segment in manifest.segments)]
    if len(set(numbers)) < len(numbers):
        return "it lists a segment twice"
    if max(numbers) >= manifest.next_segment:
        return "it lists a segment whose number was not given yet"
    return None


def _segments(manifest: Manifest) -> str | None:
    end, last_commits = 0, set()
    for segment in manifest.segments:
        if not segment.first_commit <= segment.last_commit <= manifest.last_commit:
            return "the commits of a segment are out of their range"
        if segment.layout == LARGE:
            continue
        if segment.last_commit in last_commits:
            return "two segments end in the same commit"
        last_commits.add(segment.last_commit)
        if not end <= segment.first_id <= segment.end_id <= manifest.next_blob:
            return "the blob ids of its segments overlap or were not given yet"
        if segment.blobs > segment.end_id - segment.first_id:
            return "a segment has more blobs than ids"
        end = segment.end_id
    if sum(segment.rows for segment in manifest.segments) >= _MAX_NUMBER:
        return "its segments are larger than all numbers"
    if {segment.number for segment in manifest.segments if segment.layout == LARGE} != {
        large.segment for large in manifest.large
    }:
        return "its large blobs are not those of its segments"
    return None


def _named(manifest: Manifest) -> str | None:
    for one, numbers, behind in (
        ("collection", [entry.id for entry in manifest.collections], manifest.next_collection),
        ("collection", [entry.name for entry in manifest.collections], None),
        ("dictionary", [entry.number for entry in manifest.dictionaries], manifest.next_dictionary),
        ("file", [entry.number for entry in manifest.files], manifest.next_file),
        ("large blob", [entry.blob for entry in manifest.large], manifest.next_blob),
    ):
        if len(set(numbers)) < len(numbers):
            return f"it lists a {one} twice"
        if behind is not None and any(number >= behind for number in numbers if isinstance(number, int)):
            return f"a {one} has a number that was not given yet"
    for entry in manifest.collections:
        if (
            not (entry.first_live <= entry.next_seq < _MAX_NUMBER)
            or entry.deleted_rows > entry.next_seq - entry.first_live
        ):
            return "the rows of a collection are out of their range"
    return None


def _blobs(manifest: Manifest) -> str | None:
    if any(ids.ends and ids.ends[-1] > manifest.next_blob for ids in (manifest.pinned, manifest.deleted)):
        return "a pinned or deleted blob has an id that was not given yet"
    if any(entry.blob >= manifest.next_blob for entry in manifest.dictionaries):
        return "a dictionary has a number that was not given yet"
    return None
