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
from lakebed.pure.footers import inspect
from lakebed.pure.format import commit as commits
from lakebed.pure.format import footer, header
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.contradiction import contradiction
from lakebed.pure.format.header import Header
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.format.store_file import TooNew
from lakebed.pure.segment import RowsSegment, commit_at, commit_behind, group_is_whole, is_commit
from lakebed.pure.state import Hold, State
from lakebed.pure.walk import DamagedPlace, Walk, damaged_at, walk_back

__all__ = ["FoundCommit", "following", "last_commit", "last_commit_at", "open_state"]

_LOOKS = 4
"""How often a reader looks at the text of LOCK again, which may be about to change."""


class FoundCommit(NamedTuple):
    """The last COMMIT of the active segment that counts."""

    file: SegmentFile
    header: Header
    commit: Commit
    offset: int
    damage: list[DamagedPlace]
    """That of the header."""

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
        # Before the commits are looked for: a writer may acknowledge more of them meanwhile.
        synced = context.lock_text().synced
        number, manifest, hold = _manifest(context, previous)
        same = previous is not None and previous.manifest_number == number
        found = last_commit(context, manifest, holding, counts)
        state = State(context, number, manifest, hold, previous if previous is not None else None)
        if found is not None:
            known = previous.known_parts(found.file, found.header) if previous is not None and same else None
            walk = walk_back(found.file, found.header, found.offset, found.commit, known)
            # What is not damaged stays readable.
            state.active = RowsSegment(found.file, found.header, [*walk.parts], context.path)
            others = following(found, walk, manifest)
            state.damage = sorted([*found.damage, *walk.damage, *others], key=lambda one: one.offset or 0)
            state.end = found.end
            state.last_commit, state.last_seal = found.commit.number, found.commit.seal
            state.last_offset = found.offset
            state.next_blob = found.commit.next_blob
        if catalogue is not None:
            state.catalogue = catalogue
        elif previous is not None and same and previous.last_seal == state.last_seal:
            state.catalogue = previous.catalogue
            state.damage = previous.damage
        else:
            state.catalogue = Catalogue.of(manifest)
            for part in state.active.parts if state.active is not None else ():
                misfit = state.catalogue.apply_what_fits(part.records)
                if misfit is not None:
                    # With a hole before it, a record may well name what is missing.
                    state.damage.append(DamagedPlace(manifest.active, part.block.offset, "index", misfit))
                state.catalogue.add_rows(part.batches)
        state.synced = synced
        return state


def following(found: FoundCommit, walk: Walk, manifest: Manifest) -> list[DamagedPlace]:
    """Where the active segment does not follow the manifest, as no writer writes it."""
    number, places = found.header.number, []
    if not found.damage and found.header.first_id != manifest.next_blob:
        text = "its blobs do not follow those of the manifest"
        places.append(DamagedPlace(number, 0, "segment", text))
    if found.commit.number <= manifest.last_commit:
        text = "its commits do not follow those of the manifest"
        places.append(DamagedPlace(number, found.offset, "commit", text))
    behind = manifest.next_blob
    for part in walk.parts:
        ids = part.ids
        if ids.starts and (ids.starts[0] < behind or ids.ends[-1] > found.commit.next_blob):
            text = "an index block lists blob ids that are not its own"
            places.append(DamagedPlace(number, part.block.offset, "index", text))
        behind = max([behind, *ids.ends[-1:]])
    return places


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
            manifest = Manifest.decode(hold.read(), number, uuid)
        except TooNew as problem:
            raise _not_for_this_engine(context, problem) from problem
        except Malformed as problem:
            return _from_footer(context, f"manifest {number} is damaged: {problem}")
        wrong = contradiction(manifest)
        if wrong is not None:
            return _from_footer(context, f"manifest {number} contradicts itself: {wrong}")
        return number, manifest, hold


def _not_for_this_engine(context: Context, problem: TooNew) -> FormatTooNew:
    return FormatTooNew(
        f"{context.path} has parts that the engine in Python does not read: {problem}. Use the compiled engine, or a newer lakebed."
    )


def _from_footer(context: Context, problem: str) -> tuple[int, Manifest, Hold | None]:
    """The manifest that the footer of the highest sealed segment repeats. Raises `Corrupt`."""
    directory, uuid = context.directory, context.store_file.uuid
    # Segments without a footer: only the active one may be among them.
    open_ones: list[int] = []
    body = Manifest()
    for number in reversed(numbered(directory.names("segments"), 12, ".seg")):
        file = SegmentFile(directory, number, mapped=False)
        found = inspect(directory, file, uuid)
        file.close()
        if isinstance(found, Manifest):
            body = found
            break
        if found == "open":
            open_ones.append(number)
    if all(number == body.active for number in open_ones):
        # Every manifest gives a segment number at least.
        context.warn(
            f"The newest manifest of {context.path} is damaged or missing; the footers of its segments say the same. The next writer "
            "makes a new one."
        )
        numbers = numbered(directory.names("manifests"), 20, "")
        return max([*numbers[-1:], body.next_segment]), body, None
    raise Corrupt(
        f"{context.path} cannot be opened: {problem}, and the footers of its segments do not tell for certain what it said. "
        "`lakebed repair` makes one from the segments."
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
            found = _last_commit(context, file, manifest.active, holding, counts)
    except BaseException:
        file.close()
        raise
    if found is None:
        file.close()
    return found


def _last_commit(context: Context, file: SegmentFile, number: int, holding: bool, counts: int) -> FoundCommit | None:
    if file.length < header.SIZE + commits.SIZE:
        return None
    damage: list[DamagedPlace] = []
    try:
        head = Header.decode(file.read(0, header.SIZE))
    except Malformed as problem:
        damage.append(DamagedPlace(number, 0, "segment", str(problem)))
        told = _told_header(context, file, number)
        if told is None:
            return None
        head = told
    if (head.uuid, head.number, head.layout) != (context.store_file.uuid, number, header.ROWS):
        raise Corrupt(damaged_at(number, 0, "the file is another segment's or another store's"))
    at = last_commit_at(file, head)
    if at is None:
        return None
    offset: int | None = at
    if not _counts(context, file, head, at, holding, counts, headless=bool(damage)):
        offset = _before(file, head, at)
    if offset is None:
        return None
    return FoundCommit(file, head, commit_at(file, offset, head), offset, damage)


def _told_header(context: Context, file: SegmentFile, number: int) -> Header | None:
    """What a COMMIT at the end of the file tells of a damaged header: the salt. FORMAT says the format. So a damaged
    header loses nothing."""
    at = file.length - commits.SIZE
    salt = int.from_bytes(file.exactly(at + commits.SALT_AT, 8), "little")
    head = Header(context.store_file.segment_format, header.ROWS, number, context.store_file.uuid, salt, 0)
    return head if is_commit(file, head, at) else None


def last_commit_at(file: SegmentFile, head: Header) -> int | None:
    """The offset of the last valid COMMIT."""
    size = file.length
    if size < header.SIZE + commits.SIZE:
        return None
    at = size - commits.SIZE
    if at % 8 == 0 and is_commit(file, head, at):
        return at
    try:
        place = size - footer.SIZE
        at = footer.Trailer.decode(file.read(place, footer.SIZE), place, head).last_commit
        if is_commit(file, head, at):
            return at
    except Malformed:
        pass
    # Behind what is stored there are only zeros; a hole may begin within a COMMIT.
    return commit_behind(file, head, min(size, file.data_end() + commits.SIZE))


def _before(file: SegmentFile, head: Header, offset: int) -> int | None:
    """The offset of the COMMIT before the one at `offset`; None when it is the first of the segment."""
    commit = commit_at(file, offset, head)
    return None if commit.group == header.SIZE else commit.group - commits.SIZE


def _counts(
    context: Context, file: SegmentFile, head: Header, offset: int, holding: bool, counts: int, *, headless: bool
) -> bool:
    """Whether the last COMMIT counts, or a writer is still waiting for its sync. `headless`: the header is damaged."""
    commit = commit_at(file, offset, head)
    if commit.number <= counts:
        return True
    for _ in range(_LOOKS):
        text = context.lock_text()
        if text.synced is not None and commit.number <= text.synced:
            return True
        if holding or not _is_written_to(context) or (text.since is not None and commit.time < text.since):
            # An earlier writer left it. The header is written with the first group, and on disk when that one is.
            torn = headless and commit.group == header.SIZE
            return not torn and group_is_whole(file, head, offset)
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
