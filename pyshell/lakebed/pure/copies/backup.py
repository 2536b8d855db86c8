"""Backups: a series of directories with the segments, the manifest and the LOCK of a store."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, InvalidArgument
from lakebed.pure.context import FORMAT, Context
from lakebed.pure.copies.unfinished import copy_file, counting, finished, is_unfinished, made
from lakebed.pure.damage import interruptible, operating_system
from lakebed.pure.files import Directory, SegmentFile, segment_name
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.header import SIZE as HEADER_SIZE
from lakebed.pure.format.store_file import IS_BACKUP, StoreFile
from lakebed.pure.state import State
from lakebed.pure.verify import lost_commits
from lakebed.pure.view import View

__all__ = ["backup", "backups_in", "manifest_of", "parts_to_copy"]

SUFFIX = ".lakebed"


def backups_in(place: Path) -> list[Path]:
    """The finished backups in a directory, oldest first."""
    return sorted(entry for entry in place.iterdir() if entry.name.endswith(SUFFIX) and (entry / FORMAT).is_file())


def parts_to_copy(state: State) -> dict[int, int]:
    """The segments of a state by number, with the bytes of each that belong to it. Raises `Corrupt`."""
    if state.damage is not None:
        raise state.damage
    found = {one.number: one.length for one in state.manifest.segments}
    for one in state.catalogue.large.values():
        if one.segment not in found:
            found[one.segment] = state.large_segment(one.segment).file.length
    if state.active is not None:
        found[state.active.number] = state.end
    return found


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
        raise InvalidArgument(f"keep is a number of backups from 1 on, not {keep}: the new one is always kept.")
    place = Path(dest)
    _check_place(context, place)
    lost = lost_commits(state)
    if lost is not None:
        raise Corrupt(f"{lost} A backup of it would not be whole; those there are stay.")
    with operating_system(f"Making a backup in {place}"):
        place.mkdir(parents=True, exist_ok=True)
        before = backups_in(place)
        for one in before:
            if StoreFile.decode((one / FORMAT).read_bytes()).uuid != context.store_file.uuid:
                raise InvalidArgument(
                    f"{place} has backups of another store, such as {one.name}: name another directory."
                )
        target = _begin(place)
        parts = parts_to_copy(state)
        total, linked, copied = sum(parts.values()), set(), 0
        tick = counting(progress, total, begun)

        with (
            interruptible(
                f"The backup in {target} was interrupted and is not finished; the next backup goes on with it."
            ),
            made(target) as directory,
        ):
            for name in set(directory.names("segments")) - {segment_name(number).partition("/")[2] for number in parts}:
                directory.unlink(f"segments/{name}")
            for number, length in parts.items():
                if before and _link(before[-1], directory, state, number, length):
                    linked.add(number)
                    tick(length)
                    continue
                file = SegmentFile(context.directory, number, mapped=False)
                try:
                    copy_file(file.exactly, length, directory, segment_name(number), tick)
                except Malformed as problem:
                    raise Corrupt(f"Segment {number} of {context.path} is damaged: {problem}.") from problem
                finally:
                    file.close()
                copied += length
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
        "path": str(target),
        "commit": state.last_commit,
        "segments": len(parts),
        "linked_segments": len(linked),
        "bytes": total,
        "copied_bytes": copied,
        "removed": removed,
        "seconds": time.monotonic() - begun,
    }


def _check_place(context: Context, place: Path) -> None:
    inside = Path(context.directory.absolute).resolve()
    if place.resolve().is_relative_to(inside):
        raise InvalidArgument(f"{place} is inside the store: a backup that shares its directory protects nothing.")
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


def _link(before: Path, directory: Directory, state: State, number: int, length: int) -> bool:
    """Link a segment that an earlier backup has; whether that is done."""
    name = segment_name(number)
    theirs = before / name
    try:
        if theirs.stat().st_size != length:
            return False
        with theirs.open("rb") as file:
            head = file.read(HEADER_SIZE)
            own = SegmentFile(state.context.directory, number, mapped=False)
            try:
                if bytes(own.read(0, HEADER_SIZE)) != head:
                    return False
                if state.active is not None and number == state.active.number:
                    file.seek(0)
                    if file.read() != bytes(own.read(0, length)):
                        return False
            finally:
                own.close()
        directory.unlink(name)
        os.link(theirs, name, dst_dir_fd=directory.descriptor)
    except OSError:
        return False
    return True


def sync_names(place: Path) -> None:
    """Make the names in a directory durable. Raises `OSError`."""
    directory = Directory(str(place))
    directory.sync()
    directory.close()
