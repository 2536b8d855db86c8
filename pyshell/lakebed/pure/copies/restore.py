"""A store made of a backup."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, InvalidArgument, NotAStore
from lakebed.pure.context import FORMAT, Context, Options
from lakebed.pure.copies.backup import backups_in, copy_parts, manifest_of, segments_to_copy
from lakebed.pure.copies.unfinished import copy_file, counting, finished, is_unfinished, made
from lakebed.pure.damage import interruptible, named, operating_system
from lakebed.pure.files import Directory, SegmentFile, no_store, segment_name, sync_names
from lakebed.pure.format import header
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.header import Header
from lakebed.pure.opening import open_state
from lakebed.pure.verify import lost_commits
from lakebed.pure.write.recovery import make_reserve

__all__ = ["restore"]

_OPTIONS = Options("r", 10.0, 16 << 20, 64 << 20, 12 << 10, 3, 1, "restore")


def restore(
    backup: str | os.PathLike[str], path: str | os.PathLike[str], progress: EngineProgress | None, /
) -> dict[str, Any]:
    """Make a store in the directory `path` of a backup, or of the newest in the directory `backup`.

    Returns the fields of `lakebed.RestoreReport`. Raises `InvalidArgument`, `StoreNotFound`, `NotAStore`, `Corrupt`,
    `StoreFull`, `StoreIOError`, `Interrupted`.
    """
    begun = time.monotonic()
    source, target = _newest(Path(backup)), Path(path)
    with operating_system(f"Restoring {source}"):
        if os.path.lexists(target):
            empty = target.is_dir() and not any(target.iterdir())
            if not (empty or (target.is_dir() and is_unfinished(target))):
                raise InvalidArgument(
                    f"There is something at {target.absolute()} already, and a restore replaces nothing: restore to another path, or move "
                    "that directory away first."
                )
            shutil.rmtree(target)
        context = Context(Directory(str(source)), _OPTIONS)
        state = open_state(context)
        lost = lost_commits(state)
        if lost is not None:
            raise Corrupt(f"{lost} It is not a whole backup.")
        store_file = context.store_file._replace(uuid=os.urandom(16), read_compatible=0)
        segments = segments_to_copy(state)
        total = sum(one.bytes for one in segments.values())
        tick = counting(progress, total, begun)

        with (
            interruptible(f"The restore to {target} was interrupted, and {target} is no store: call it again."),
            made(target) as directory,
        ):
            for number, one in segments.items():
                file = SegmentFile(context.directory, number, mapped=False)
                try:
                    with named(f"Segment {number} of {source}"):
                        head = Header.decode(file.read(0, header.SIZE))._replace(uuid=store_file.uuid).encode()
                        copy_file(_with_head(file, head), one.length, directory, segment_name(number), tick)
                finally:
                    file.close()
                copy_parts(context, directory, number, one.parts, tick)
            data = manifest_of(state, store_file.uuid)
            made_context = Context(directory, _OPTIONS, store_file)
            make_reserve(made_context)
            finished(directory, context, store_file, (state.manifest_number, data), state.last_commit, set())
        sync_names(target.absolute().parent)
    return {
        "path": str(target.absolute()),
        "backup": str(source.absolute()),
        "commit": state.last_commit,
        "segments": len(segments),
        "bytes": total,
        "seconds": time.monotonic() - begun,
    }


def _with_head(file: SegmentFile, head: bytes) -> Callable[[int, int], memoryview]:
    """The bytes of a segment's file with another header."""

    def read(offset: int, length: int) -> memoryview:
        data = file.exactly(offset, length)
        if offset:
            return data
        if length < header.SIZE:
            raise Malformed("the header is cut")
        return memoryview(head + bytes(data[header.SIZE :]))

    return read


def _newest(place: Path) -> Path:
    """The backup itself, or the newest in a directory."""
    if not place.is_dir():
        raise no_store(str(place))
    if (place / FORMAT).exists():
        return place
    found = backups_in(place)
    if not found:
        raise NotAStore(f"{place.absolute()} is neither a backup nor a directory of finished backups.")
    return found[-1]
