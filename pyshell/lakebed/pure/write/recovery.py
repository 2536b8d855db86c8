"""Recovery: what a writer does before its first change, with the lock in its hands."""

from __future__ import annotations

import os

from lakebed.errors import Corrupt, FormatTooNew, ReadOnly
from lakebed.pure import locks
from lakebed.pure.context import Context, now
from lakebed.pure.files import Directory, SegmentFile, manifest_name, numbered, part_of, segment_name, write_all
from lakebed.pure.format import footer, header
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.store_file import IS_BACKUP
from lakebed.pure.opening import last_commit_at
from lakebed.pure.segment import LargeSegment, commit_at, group_is_whole, parts_of_groups, read_header
from lakebed.pure.state import State
from lakebed.pure.verify import lost_commits
from lakebed.pure.write.lock import WriterLock

__all__ = ["check_writable", "free_name", "keep_copy", "own_file", "recover", "remove_manifests", "remove_replaced"]

RESERVE = "reserve"
RESERVE_BYTES = 64 << 10


def check_writable(context: Context) -> None:
    """Raises `ReadOnly` for a backup, `FormatTooNew` for a store that this lakebed cannot write."""
    features = context.store_file.read_compatible
    if features & IS_BACKUP:
        raise ReadOnly(
            f"{context.path} is a backup, which nobody writes to: make a store of it with lakebed.restore, and write to that."
        )
    if features:
        raise FormatTooNew(f"{context.path} uses features that this lakebed can read and not write: update lakebed.")


def recover(state: State, lock: WriterLock) -> None:
    """Make the store what `state`, read with the lock held, says: nothing behind the last commit, all of it on disk.

    Raises `Corrupt` when acknowledged commits are missing; `OSError`.
    """
    context = state.context
    lost = lost_commits(state)
    if lost is not None:
        raise Corrupt(
            f"{lost} Nobody writes to it: restore it from a backup, or save what is left with `lakebed repair`, after which it "
            "can be written again."
        )
    _remove_temporary(context)
    _cut(state)
    if state.active is not None and (state.synced is None or state.synced < state.last_commit):
        _write_again(state)
    if lock.text.synced != state.last_commit:
        lock.synced(state.last_commit)
    remove_replaced(state)
    _sweep(state)
    make_reserve(context)


def _remove_temporary(context: Context) -> None:
    directory = context.directory
    for place in ("", "manifests/", "segments/", "index/"):
        for name in directory.names(place or "."):
            # That of LOCK may be another writer's, who is about to wait for this one.
            if name.startswith(".") and name.endswith(".tmp") and name != ".LOCK.tmp":
                directory.unlink(place + name)


def free_name(context: Context, stem: str, extension: str) -> str:
    """`aside/STEM-TIME.EXTENSION`, a name that is free. Raises `OSError`."""
    known, time = set(context.directory.names("aside")), now()
    while f"{stem}-{time}.{extension}" in known:
        time += 1
    return f"aside/{stem}-{time}.{extension}"


def keep_copy(context: Context, name: str, data: bytes | memoryview) -> None:
    """Keep a copy in `aside/`, complete and synced, before anything is cut. Raises `OSError`."""
    directory = context.directory
    directory.make("aside")
    descriptor = directory.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        write_all(descriptor, data, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    directory.sync("aside")
    directory.sync()


def _cut(state: State) -> None:
    """Cut off what is behind the last commit of the active segment, and keep a copy unless it is a footer or zero."""
    context = state.context
    number = state.manifest.active
    name = segment_name(number)
    status = context.directory.stat(name)
    if status is None or status.st_size == state.end:
        return
    file = SegmentFile(context.directory, number, mapped=False)
    try:
        behind = file.read(state.end, status.st_size - state.end)
        if not _is_footer(file, behind):
            fate = "all of them were zero, and no copy was kept"
            if any(behind):
                copy = free_name(context, f"{number:012}-{state.end}", "bin")
                keep_copy(context, copy, behind)
                fate = f"they are kept in {copy}"
            context.warn(
                f"An earlier writer of {context.path} stopped in the middle of a commit: {len(behind)} bytes behind commit "
                f"{state.last_commit} in segment {number} belong to no commit and were cut off; {fate}."
            )
    finally:
        file.close()
    if state.end == 0:
        context.directory.unlink(name)
        context.directory.sync("segments")
        return
    own_file(state)
    descriptor = context.directory.open(name, os.O_RDWR)
    try:
        os.ftruncate(descriptor, state.end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_footer(file: SegmentFile, behind: memoryview) -> bool:
    """Whether the bytes at the end of the file are a footer: one that no manifest knows."""
    if len(behind) < footer.SIZE:
        return False
    at = file.length - footer.SIZE
    try:
        head = read_header(file, file.number, file_uuid(file))
        return footer.Trailer.decode(behind[-footer.SIZE :], at, head).block >= file.length - len(behind)
    except Malformed:
        return False


def file_uuid(file: SegmentFile) -> bytes:
    """The store that a segment says it is of."""
    return bytes(file.read(24, 16))


def own_file(state: State) -> None:
    """Give the active segment a file of its own, where it has more than one name. Raises `OSError`."""
    directory = state.context.directory
    number = state.manifest.active
    name = segment_name(number)
    status = directory.stat(name)
    if status is None or status.st_nlink <= 1:
        return
    data = directory.read(name)
    directory.write(name, data, f"segments/.{number}.tmp")


def _write_again(state: State) -> None:
    """Write the last group again and sync it: a failed sync may leave pages that look clean and are not on disk."""
    active = state.active
    assert active is not None
    own_file(state)
    context = state.context
    offset = state.last_offset
    file = SegmentFile(context.directory, active.number, mapped=False)
    try:
        if not group_is_whole(file, active.header, offset):
            raise Corrupt(
                f"Segment {active.number} of {context.path} is damaged: the group of commit {state.last_commit} is not the one that "
                "was written. What is not damaged stays readable; `lakebed verify` lists all damage, and `lakebed repair` mends it."
            )
        commit = commit_at(file, offset, active.header)
        data = file.read(commit.group, state.end - commit.group)
    finally:
        file.close()
    descriptor = context.directory.open(segment_name(active.number), os.O_RDWR)
    try:
        write_all(descriptor, data, commit.group)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    context.directory.sync("segments")


def remove_replaced(state: State) -> None:
    """Remove manifests that nobody holds, and then the segments that only they named. Raises `OSError`."""
    directory = state.context.directory
    if not remove_manifests(directory, state.manifest_number) or state.hold is None:
        return
    for number in state.replaced():
        if _is_listed(state, number):
            directory.unlink(segment_name(number))
    _remove_orphans(state)


def remove_manifests(directory: Directory, newest: int) -> bool:
    """Remove the manifests before the newest that nobody holds. Returns whether none of them is left. Raises
    `OSError`."""
    older_held = False
    for number in numbered(directory.names("manifests"), 20, ""):
        if number >= newest:
            continue
        try:
            descriptor = directory.open(manifest_name(number))
        except FileNotFoundError:
            continue
        try:
            if locks.try_exclusive(descriptor):
                directory.unlink(manifest_name(number))
            else:
                older_held = True
        finally:
            os.close(descriptor)
    return not older_held


def _remove_orphans(state: State) -> None:
    """Remove parts of segments that the manifest does not name and whose own file is not there. Raises `OSError`."""
    directory = state.context.directory
    names = directory.names("segments")
    there = {one.number for one in state.manifest.segments} | set(numbered(names, 12, ".seg"))
    for name in names:
        part = part_of(name)
        if part is not None and part[0] not in there:
            directory.unlink(f"segments/{name}")


def _is_listed(state: State, number: int) -> bool:
    """Whether sealed segments list all commits of a segment's file, or it holds a large blob that is not needed."""
    file = SegmentFile(state.context.directory, number, mapped=False)
    try:
        head = read_header(file, number, state.context.store_file.uuid)
        if head.layout == header.LARGE:
            return True
        at = last_commit_at(file, head)
        if at is None:
            return True
        parts = parts_of_groups(file, head, at, commit_at(file, at, head))
        commits = {entry.number for part in parts for entry in part.commits}
    except Malformed:
        return False
    finally:
        file.close()
    listed = {entry.number for segment in state.sealed for entry in state.rows_segment(segment).commits()}
    return commits <= listed


def _sweep(state: State) -> None:
    """Remove segments that nothing names; those that hold something are moved to `aside/`. Raises `OSError`."""
    context = state.context
    directory = context.directory
    for number in numbered(directory.names("segments"), 12, ".seg"):
        if number < state.catalogue.next_segment or number == state.manifest.active:
            continue
        name = segment_name(number)
        if _holds_something(state, number):
            directory.make("aside")
            # Before the segment's own file: parts without it belong to nobody.
            for part in directory.names("segments"):
                segment, collection = part_of(part) or (None, None)
                if segment == number:
                    target = free_name(context, f"{number:012}-{collection}", "parquet")
                    directory.rename(f"segments/{part}", target)
            target = free_name(context, f"{number:012}", "seg")
            directory.rename(name, target)
            directory.sync("aside")
            directory.sync()
            directory.sync("segments")
            context.warn(
                f"Segment {number} of {context.path} holds commits, and the newest manifest does not name it; it was moved to "
                f"{target}. If an older manifest was put back, `lakebed repair` takes it in again."
            )
        else:
            directory.unlink(name)
    _remove_orphans(state)


def _holds_something(state: State, number: int) -> bool:
    """Whether a segment has a COMMIT that is nowhere else, a whole large blob, or is of another store."""
    file = SegmentFile(state.context.directory, number, mapped=False)
    try:
        if file.length < header.SIZE:
            return False
        head = read_header(file, number, state.context.store_file.uuid)
        if head.layout == header.LARGE:
            LargeSegment(file, head, state.context.path)
            return True
        return last_commit_at(file, head) is not None and not _is_listed(state, number)
    except Malformed:
        return file.length >= header.SIZE and bytes(file.read(24, 16)) not in (
            state.context.store_file.uuid,
            bytes(16),
        )
    finally:
        file.close()


def is_nearly_full(context: Context) -> bool:
    """Whether the disk has room for little more than a reserve. Raises `OSError`."""
    free = os.fstatvfs(context.directory.descriptor)
    return free.f_bavail * free.f_frsize < 16 * RESERVE_BYTES


def make_reserve(context: Context) -> None:
    """Make the file `reserve`, which a drop on a full disk removes to make room for its commit."""
    status = context.directory.stat(RESERVE)
    if status is not None and status.st_size == RESERVE_BYTES:
        return
    if is_nearly_full(context):
        # What is left of the disk is for the work that makes room.
        return
    try:
        descriptor = context.directory.open(RESERVE, os.O_WRONLY | os.O_CREAT)
        try:
            write_all(descriptor, bytes(RESERVE_BYTES), 0)
        finally:
            os.close(descriptor)
    except OSError:
        # A full disk: there is none until there is room.
        context.directory.unlink(RESERVE)
