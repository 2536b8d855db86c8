"""What there is of a store: its identity, the newest catalogue that some file tells whole, and its segment files."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import NamedTuple

from lakebed.errors import FormatTooNew, NotAStore
from lakebed.pure.context import FORMAT, Context, Options, now, read_store_file
from lakebed.pure.files import Directory, SegmentFile, manifest_name, numbered, part_of
from lakebed.pure.footers import inspect, is_written
from lakebed.pure.format import header
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.contradiction import contradiction
from lakebed.pure.format.header import PACKED, Header
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.format.store_file import NEWEST_FEATURES, SEGMENTS_OF_FORMAT_2, StoreFile, TooNew
from lakebed.pure.repair.report import Report

__all__ = ["AsideFile", "Survey"]


class AsideFile(NamedTuple):
    """A segment file outside of its place."""

    name: str
    """Its name in the store."""
    header: Header
    file: SegmentFile


@dataclass
class Survey:
    """What was found."""

    context: Context
    format_lost: bool
    """Whether FORMAT must be written."""
    synced: int | None
    """The last acknowledged commit, if LOCK tells it."""
    manifests: list[int]
    """Numbers of the manifests, whole or not."""
    damaged_manifests: list[int]
    base: Manifest
    """The newest catalogue."""
    has_manifest: bool
    """Whether the newest manifest says the same."""
    segments: list[int]
    """Segments in their place."""
    parts: list[tuple[int, int]]
    """Parts in their place."""
    aside: list[AsideFile]

    def has_files(self, number: int) -> bool:
        """Whether a segment has a file in its place."""
        return number in self.segments or any(of == number for of, _ in self.parts)

    def file_of(self, number: int) -> SegmentFile | None:
        """The file of a segment in its place; None when it is not there. Raises `OSError`."""
        try:
            return SegmentFile(self.context.directory, number, mapped=False)
        except FileNotFoundError:
            return None


def survey(directory: Directory, options: Options, report: Report) -> Survey:
    """Look at every file. Raises `NotAStore`, `FormatTooNew`, `StoreIOError`."""
    store_file, format_lost = _identity(directory, report)
    context = Context(directory, options, store_file)
    manifests, bodies, damaged = _manifests(directory, store_file.uuid)
    for number in damaged:
        report.problem("manifest", None, None, f"{manifest_name(number)} is damaged")
    names = directory.names("segments")
    segments = numbered(names, 12, ".seg")
    newest = bodies[-1] if bodies else None
    named = {one.number for one in newest.segments} if newest is not None else set()
    found: list[tuple[Manifest, bool]] = []
    for number in segments:
        if number in named:
            continue
        file = SegmentFile(directory, number, mapped=False)
        body = inspect(directory, file, store_file.uuid)
        if isinstance(body, Manifest) and (newest is None or body.last_commit > newest.last_commit):
            found.append((body, is_written(file, store_file.uuid)))
    found.sort(key=lambda one: (one[0].last_commit, one[0].next_segment))
    found.reverse()
    if newest is not None:
        found.append((newest, True))
    best = _best(found, set(segments))
    return Survey(
        context,
        format_lost,
        context.lock_text().synced,
        manifests,
        damaged,
        best or Manifest(),
        best is not None and best == newest and not damaged,
        segments,
        [part for part in map(part_of, names) if part is not None],
        _aside(directory, store_file.uuid),
    )


def _best(found: list[tuple[Manifest, bool]], present: set[int]) -> Manifest | None:
    """The newest catalogue, of the newest first; of a segment that was not written to its end only when the segments of
    every other one are gone."""
    for body, whole in found:
        if whole and all(one.number in present for one in body.segments):
            return body
    return found[0][0] if found else None


def _identity(directory: Directory, report: Report) -> tuple[StoreFile, bool]:
    """What FORMAT says, or what it must have said, and whether it is to be written again."""
    try:
        return read_store_file(directory), False
    except NotAStore as problem:
        error = problem
    votes: dict[bytes, tuple[int, int]] = {}
    for uuid, format in _witnesses(directory):
        count, highest = votes.get(uuid, (0, 1))
        votes[uuid] = count + 1, max(highest, format)
    if not votes:
        raise error
    uuid, (_, format) = max(sorted(votes.items(), reverse=True), key=lambda one: one[1][0])
    made = StoreFile(uuid, NEWEST_FEATURES, 0, now())
    if format == 1 and (directory.stat("segments") is None or directory.names("segments")):
        made = made._replace(minor=0, incompatible=0)
    elif 1 < format < PACKED:
        made = made._replace(minor=4, incompatible=SEGMENTS_OF_FORMAT_2)
    report.problem("format", None, None, "FORMAT is missing or damaged")
    report.act(
        "format",
        FORMAT,
        "FORMAT is written again with the store's identity, which its segments and manifests repeat; when the store was made is "
        "not known any more.",
    )
    return made, True


def _witnesses(directory: Directory) -> list[tuple[bytes, int]]:
    """The uuids that manifests and segments repeat, with the format of the segment."""
    found = []
    for number in numbered(directory.names("manifests"), 20, ""):
        with contextlib.suppress(Malformed, TooNew, OSError):
            data = directory.read(manifest_name(number))
            uuid = data[16:32]
            Manifest.decode(data, int.from_bytes(data[8:16], "little"), uuid)
            found.append((uuid, 1))
    for number in numbered(directory.names("segments"), 12, ".seg"):
        with contextlib.suppress(Malformed, TooNew, OSError):
            head = Header.decode(SegmentFile(directory, number, mapped=False).read(0, header.SIZE))
            found.append((head.uuid, head.format))
    return found


def _manifests(directory: Directory, uuid: bytes) -> tuple[list[int], list[Manifest], list[int]]:
    """The numbers of all manifests, what the whole ones of this store say, and the numbers of the damaged ones;
    ascending."""
    numbers = numbered(directory.names("manifests"), 20, "")
    bodies: list[Manifest] = []
    damaged: list[int] = []
    for number in numbers:
        try:
            body = Manifest.decode(directory.read(manifest_name(number)), number, uuid)
        except Malformed:
            damaged.append(number)
        except TooNew as problem:
            raise FormatTooNew(
                f"{manifest_name(number)} was written by a newer lakebed ({problem}); upgrade lakebed to repair the store."
            ) from problem
        else:
            if contradiction(body) is None:
                bodies.append(body)
            else:
                damaged.append(number)
    return numbers, bodies, damaged


def _aside(directory: Directory, uuid: bytes) -> list[AsideFile]:
    """The segment files of this store with a whole header that writers moved to `aside/`."""
    found = []
    for name in directory.names("aside"):
        if not name.endswith(".seg"):
            continue
        file = SegmentFile(directory, 0, mapped=False, name=f"aside/{name}")
        with contextlib.suppress(Malformed, TooNew):
            head = Header.decode(file.read(0, header.SIZE))
            if head.uuid == uuid:
                found.append(AsideFile(file.name, head, file))
    return found
