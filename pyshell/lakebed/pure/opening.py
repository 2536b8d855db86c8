"""Opening: the newest manifest, the last COMMIT that counts, and the state of the store as of it."""

from __future__ import annotations

import os
from typing import NamedTuple

from lakebed.errors import Corrupt, FormatTooNew
from lakebed.pure import locks
from lakebed.pure.catalogue import Catalogue
from lakebed.pure.context import LOCK, Context
from lakebed.pure.damage import named, operating_system
from lakebed.pure.files import SegmentFile, manifest_name, numbered, segment_name
from lakebed.pure.format import block as blocks
from lakebed.pure.format import commit as commits
from lakebed.pure.format import footer, header
from lakebed.pure.format.block import Block
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.header import Header
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.format.store_file import TooNew
from lakebed.pure.repeated import repeated
from lakebed.pure.segment import RowsSegment, commit_at, parts_of_groups, read_header
from lakebed.pure.state import Hold, State

__all__ = ["FoundCommit", "group_is_whole", "last_commit", "open_state"]

_LOOKS = 4
"""How often a reader looks at the text of LOCK again, which may be about to change."""


class FoundCommit(NamedTuple):
    """The last COMMIT of the active segment that counts."""

    file: SegmentFile
    header: Header
    commit: Commit
    offset: int

    @property
    def end(self) -> int:
        return self.offset + commits.SIZE


def open_state(
    context: Context,
    previous: State | None = None,
    *,
    holding: bool = False,
    counts: int = 0,
    catalogue: Catalogue | None = None,
) -> State:
    """The newest state of the store.

    - `previous`: an older state, the parts of which are used again.
    - `holding`: whether the caller holds the writer's lock.
    - `counts`: the number of a commit that counts whatever LOCK says: one's own.
    - `catalogue`: the catalogue as of that commit, if it is known.

    Raises `Corrupt`, `FormatTooNew`, `StoreIOError`.
    """
    with operating_system(f"Opening {context.path}"):
        number, manifest, hold = _manifest(context, previous)
        same = previous is not None and previous.manifest_number == number
        found = last_commit(context, manifest, holding, counts)
        state = State(context, number, manifest, hold, previous if previous is not None else None)
        if found is not None:
            known = previous.known_parts(found.file, found.header) if previous is not None and same else None
            try:
                with named(f"Segment {manifest.active} of {context.path}"):
                    parts = parts_of_groups(found.file, found.header, found.offset, found.commit, known)
                    for read in parts:
                        read.frames, read.ids, read.batches, read.commits, read.records  # noqa: B018  (damage shows here)
                state.active = RowsSegment(found.file, found.header, [*parts], context.path)
            except Corrupt as problem:
                # What the sealed segments hold stays readable.
                state.damage = problem
            state.end = found.end
            state.last_commit, state.last_seal = found.commit.number, found.commit.seal
            state.last_offset = found.offset
            state.next_blob = found.commit.next_blob
        if catalogue is not None:
            state.catalogue = catalogue
        elif previous is not None and same and previous.last_seal == state.last_seal:
            state.catalogue = previous.catalogue
        else:
            state.catalogue = Catalogue.of(manifest)
            with named(f"Segment {manifest.active} of {context.path}"):
                for part in state.active.parts if state.active is not None else ():
                    state.catalogue.apply(part.records)
                    state.catalogue.add_rows(part.batches)
        state.synced = context.lock_text().synced
        return state


def _manifest(context: Context, previous: State | None) -> tuple[int, Manifest, Hold | None]:
    """The highest manifest, held by a shared lock; or what the footer of the highest sealed segment says instead."""
    directory, uuid = context.directory, context.store_file.uuid
    while True:
        numbers = numbered(directory.names("manifests"), 20, "")
        if not numbers:
            return _from_footer(context, "its manifest is missing")
        number = numbers[-1]
        if previous is not None and previous.manifest_number == number and previous.hold is not None:
            return number, previous.manifest, previous.hold
        try:
            hold = Hold(directory.open(manifest_name(number)))
        except FileNotFoundError:
            continue
        locks.lock_shared(hold.descriptor)
        if (
            directory.stat(manifest_name(number)) is None
            or numbered(directory.names("manifests"), 20, "")[-1] != number
        ):
            # It was replaced while it was not held yet.
            continue
        try:
            return number, Manifest.decode(hold.read(), number, uuid), hold
        except TooNew as problem:
            raise _not_for_this_engine(context, problem) from problem
        except Malformed as problem:
            return _from_footer(context, f"manifest {number} is damaged: {problem}")


def _not_for_this_engine(context: Context, problem: TooNew) -> FormatTooNew:
    return FormatTooNew(
        f"{context.path} has parts that the engine in Python does not read: {problem}. Use the compiled engine, or a newer lakebed."
    )


def _from_footer(context: Context, problem: str) -> tuple[int, Manifest, Hold | None]:
    """The manifest that the footer of the highest sealed segment repeats. Raises `Corrupt`."""
    directory = context.directory
    found: tuple[int, Manifest] | None = None
    open_ones = []
    for number in reversed(numbered(directory.names("segments"), 12, ".seg")):
        file = SegmentFile(directory, number, mapped=False)
        try:
            head = read_header(file, number, context.store_file.uuid)
            if head.layout == header.LARGE:
                continue
            at = file.length - footer.SIZE
            trailer = footer.Trailer.decode(file.read(at, footer.SIZE), at, head)
            block = Block.decode(file.exactly(trailer.block, trailer.length), head.salt, trailer.block)
            body = block.section(blocks.MANIFEST)
            if found is None and body:
                whole = repeated(directory, context.store_file.uuid, number, body).body
                manifest = Manifest.of_body(whole).with_length(number, file.length)
                found = number, manifest
        except TooNew as newer:
            raise _not_for_this_engine(context, newer) from newer
        except Malformed:
            open_ones.append(number)
        finally:
            file.close()
    if found is not None and all(number == found[1].active for number in open_ones):
        # No number of a manifest: the next one is above those there are.
        numbers = numbered(directory.names("manifests"), 20, "")
        return numbers[-1] if numbers else 0, found[1], None
    raise Corrupt(
        f"{context.path} cannot be opened: {problem}, and the footers of its segments do not repeat it. `lakebed repair` "
        "makes it again from the segments."
    )


def last_commit(context: Context, manifest: Manifest, holding: bool = False, counts: int = 0) -> FoundCommit | None:
    """The last COMMIT of the active segment that counts; None when the store is as the manifest says.

    `holding` and `counts` are as for `open_state`. Raises `FormatTooNew`, `OSError`.
    """
    if context.directory.stat(segment_name(manifest.active)) is None:
        return None
    file = SegmentFile(context.directory, manifest.active, mapped=False)
    try:
        with named(f"Segment {manifest.active} of {context.path}"):
            head = _header(file, manifest.active, context.store_file.uuid)
        at = last_commit_at(file, head) if head is not None else None
        if head is None or at is None:
            file.close()
            return None
        offset: int | None = at
        if not _counts(context, file, head, at, holding, counts):
            offset = _before(file, head, at)
        if offset is None:
            file.close()
            return None
        return FoundCommit(file, head, commit_at(file, offset, head), offset)
    except BaseException:
        file.close()
        raise


def _header(file: SegmentFile, number: int, uuid: bytes) -> Header | None:
    try:
        return read_header(file, number, uuid)
    except Malformed:
        # A segment that was being made, or one that is lost; LOCK knows which commits were acknowledged.
        return None


def last_commit_at(file: SegmentFile, head: Header) -> int | None:
    """The offset of the last valid COMMIT."""
    size = file.length
    if size < header.SIZE + commits.SIZE:
        return None
    at = size - commits.SIZE
    if at % 8 == 0 and _is_commit(file, head, at):
        return at
    try:
        place = size - footer.SIZE
        at = footer.Trailer.decode(file.read(place, footer.SIZE), place, head).last_commit
        if _is_commit(file, head, at):
            return at
    except Malformed:
        pass
    data = bytes(file.read(0, size))
    at = len(data)
    while (at := data.rfind(commits.MAGIC, 0, at)) >= 0:
        if at % 8 == 0 and _is_commit(file, head, at):
            return at
    return None


def _is_commit(file: SegmentFile, head: Header, offset: int) -> bool:
    try:
        commit_at(file, offset, head)
    except Malformed:
        return False
    return True


def _before(file: SegmentFile, head: Header, offset: int) -> int | None:
    """The offset of the COMMIT before the one at `offset`; None when it is the first of the segment."""
    commit = commit_at(file, offset, head)
    return None if commit.group == header.SIZE else commit.group - commits.SIZE


def group_is_whole(file: SegmentFile, head: Header, offset: int) -> bool:
    """Whether the group before the COMMIT at `offset` is the one that was written."""
    from xxhash import xxh3_64_intdigest

    commit = commit_at(file, offset, head)
    data = file.read(commit.group, offset - commit.group)
    return len(data) == offset - commit.group and xxh3_64_intdigest(data, head.salt) == commit.digest


def _counts(context: Context, file: SegmentFile, head: Header, offset: int, holding: bool, counts: int) -> bool:
    """Whether the last COMMIT counts, or a writer is still waiting for its sync."""
    commit = commit_at(file, offset, head)
    if commit.number <= counts:
        return True
    for _ in range(_LOOKS):
        text = context.lock_text()
        if text.synced is not None and commit.number <= text.synced:
            return True
        if holding or not _is_written_to(context) or (text.since is not None and commit.time < text.since):
            # An earlier writer left it.
            return group_is_whole(file, head, offset)
    return False


def _is_written_to(context: Context) -> bool:
    """Whether a writer holds the lock."""
    try:
        descriptor = context.directory.open(LOCK)
    except OSError:
        return False
    try:
        return locks.holder(descriptor) == "writer"
    finally:
        os.close(descriptor)
