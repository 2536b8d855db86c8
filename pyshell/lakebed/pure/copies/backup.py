"""Backups: a series of directories with the segments, the manifest and the LOCK of a store."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, InvalidArgument
from lakebed.pure.context import FORMAT, Context
from lakebed.pure.copies.unfinished import Copied, copy_file, counting, finished, is_unfinished, made
from lakebed.pure.damage import interruptible, named, operating_system
from lakebed.pure.files import Directory, SegmentFile, part_name, segment_name, sync_names
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.columns import PartEntry
from lakebed.pure.format.header import SIZE as HEADER_SIZE
from lakebed.pure.format.store_file import IS_BACKUP, StoreFile
from lakebed.pure.state import State
from lakebed.pure.verify import lost_commits
from lakebed.pure.view import View

__all__ = ["backup", "backups_in", "copy_parts", "manifest_of", "segments_to_copy"]

SUFFIX = ".lakebed"


def backups_in(place: Path) -> list[Path]:
    """The finished backups in a directory, oldest first."""
    return sorted(entry for entry in place.iterdir() if entry.name.endswith(SUFFIX) and (entry / FORMAT).is_file())


class ToCopy(NamedTuple):
    """A segment to copy."""

    length: int
    """Bytes of its own file that belong to it."""
    parts: list[PartEntry]

    @property
    def bytes(self) -> int:
        """Those of all its files."""
        return self.length + sum(part.length for part in self.parts)


def segments_to_copy(state: State) -> dict[int, ToCopy]:
    """The segments of a state by number. Raises `Corrupt`."""
    state.check_whole()
    found = {one.number: ToCopy(one.length, state.parts_of(one)) for one in state.manifest.segments}
    for one in state.catalogue.large.values():
        if one.segment not in found:
            found[one.segment] = ToCopy(state.large_segment(one.segment).file.length, [])
    if state.active is not None:
        found[state.active.number] = ToCopy(state.end, [])
    return found


def copy_parts(context: Context, directory: Directory, number: int, parts: list[PartEntry], copied: Copied) -> None:
    """Copy the parts of a segment. Raises `Corrupt`, `OSError`."""
    for part in parts:
        with named(f"Segment {number} of {context.path}"):
            file = SegmentFile(context.directory, number, part.collection, mapped=False, length=part.length)
            try:
                copy_file(file.exactly, part.length, directory, file.name, copied)
            finally:
                file.close()


def manifest_of(state: State, uuid: bytes) -> bytes:
    """The manifest of a state as the file of a store with this uuid."""
    return state.manifest.encode(state.manifest_number, uuid, int.from_bytes(os.urandom(8), "little"))


def backup(view: View, dest: str, keep: int | None, progress: EngineProgress | None) -> dict[str, Any]:
    """Add a backup to the series in `dest`. Returns the fields of `lakebed.BackupReport`.

    Raises `InvalidArgument`, `Corrupt`, `StoreFull`, `StoreIOError`, `Interrupted`.
    """
    begun = time.monotonic()
    state = view.state
    context = state.context
    if keep is not None and keep < 1:
        raise InvalidArgument("At least one backup is kept: keep is 1 or more.")
    place = Path(dest)
    _check_place(context, place)
    lost = lost_commits(state)
    if lost is not None:
        raise Corrupt(f"{lost} A backup of it would not be whole; those there are stay.")
    with operating_system(f"Making the backup directory {place.absolute()}"):
        place.mkdir(parents=True, exist_ok=True)
    with operating_system(f"Making a backup in {place.absolute()}"):
        before = backups_in(place)
        for one in before:
            if StoreFile.decode((one / FORMAT).read_bytes()).uuid != context.store_file.uuid:
                raise InvalidArgument(
                    f"{place} has backups of another store, such as {one.name}: name another directory."
                )
        target = _begin(place)
        segments = segments_to_copy(state)
        total, linked, copied = sum(one.bytes for one in segments.values()), set(), 0
        tick = counting(progress, total, begun)

        with (
            interruptible(
                f"The backup in {target} was interrupted and is not finished; the next backup goes on with it."
            ),
            made(target) as directory,
        ):
            wanted = {name for number, segment in segments.items() for name in _names(number, segment)}
            for name in directory.names("segments"):
                if f"segments/{name}" not in wanted:
                    directory.unlink(f"segments/{name}")
            for number, segment in segments.items():
                if before and _link(before[-1], directory, state, number, segment):
                    linked.add(number)
                    tick(segment.bytes)
                    continue
                file = SegmentFile(context.directory, number, mapped=False)
                try:
                    copy_file(file.exactly, segment.length, directory, segment_name(number), tick)
                except Malformed as problem:
                    raise Corrupt(f"Segment {number} of {context.path} is damaged: {problem}.") from problem
                finally:
                    file.close()
                copy_parts(context, directory, number, segment.parts, tick)
                copied += segment.bytes
            store_file = context.store_file._replace(read_compatible=IS_BACKUP)
            data = manifest_of(state, store_file.uuid)
            finished(directory, context, store_file, (state.manifest_number, data), state.last_commit, linked)
        sync_names(place)
        removed = []
        for one in [*before, target][: -keep if keep is not None else 0]:
            removed.append(one.name)
            (one / FORMAT).unlink()
            shutil.rmtree(one)
    return {
        "path": str(target.absolute()),
        "commit": state.last_commit,
        "segments": len(segments),
        "linked_segments": len(linked),
        "bytes": total,
        "copied_bytes": copied,
        "removed": removed,
        "seconds": time.monotonic() - begun,
    }


def _check_place(context: Context, place: Path) -> None:
    inside = Path(context.path).resolve()
    if place.resolve().is_relative_to(inside):
        raise InvalidArgument(f"{place} is inside the store; keep its backups elsewhere, best on another disk.")
    if (place / FORMAT).exists():
        raise InvalidArgument(f"{place} is itself a store or a backup: name the directory that backups go into.")


def _begin(place: Path) -> Path:
    """The directory of the new backup: one that was not finished, under the new name, or a new one."""
    now = datetime.now(UTC)
    target = place / f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z{SUFFIX}"
    while target.exists():
        time.sleep(0.001)
        now = datetime.now(UTC)
        target = place / f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z{SUFFIX}"
    for entry in sorted(place.iterdir()):
        if entry.name.endswith(SUFFIX) and entry.is_dir() and is_unfinished(entry):
            entry.rename(target)
            break
    return target


def _names(number: int, segment: ToCopy) -> dict[str, int]:
    """The names of the files of a segment, with their lengths; its own is the first."""
    return {segment_name(number): segment.length} | {
        part_name(number, part.collection): part.length for part in segment.parts
    }


def _link(before: Path, directory: Directory, state: State, number: int, segment: ToCopy) -> bool:
    """Link a segment that an earlier backup has; whether that is done."""
    names = _names(number, segment)
    theirs = before / segment_name(number)
    try:
        if any((before / name).stat().st_size != length for name, length in names.items()):
            return False
        with theirs.open("rb") as file:
            head = file.read(HEADER_SIZE)
            own = SegmentFile(state.context.directory, number, mapped=False)
            try:
                if bytes(own.read(0, HEADER_SIZE)) != head:
                    return False
                if state.active is not None and number == state.active.number:
                    file.seek(0)
                    if file.read() != bytes(own.read(0, segment.length)):
                        return False
            finally:
                own.close()
        for name in names:
            directory.unlink(name)
            os.link(before / name, name, dst_dir_fd=directory.descriptor)
    except OSError:
        return False
    return True
