"""The writer of a store object: what is pending, and its commit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lakebed.errors import (
    Corrupt,
    InvalidArgument,
    Poisoned,
    ReadOnly,
    StoreFull,
    StoreIOError,
    StoreLocked,
)
from lakebed.pure.catalogue import Collection
from lakebed.pure.context import Context, now, random_u64
from lakebed.pure.damage import io_error, operating_system
from lakebed.pure.descriptions import merged_descriptions
from lakebed.pure.files import segment_name, write_all
from lakebed.pure.format import header, large
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.header import Header
from lakebed.pure.format.ids import LIMIT, Ids
from lakebed.pure.format.records import (
    CollectionCreated,
    Deleted,
    Described,
    FileNamed,
    NextNumbers,
    Pinned,
    Record,
)
from lakebed.pure.format.tables import CommitEntry
from lakebed.pure.hash import digest, fingerprint
from lakebed.pure.json import whole_description
from lakebed.pure.opening import open_state
from lakebed.pure.parts import GroupPart
from lakebed.pure.pending import Pending, PendingRows
from lakebed.pure.state import State
from lakebed.pure.view import View
from lakebed.pure.write.batches import joined_rows, split_batch
from lakebed.pure.write.frames import payloads
from lakebed.pure.write.group import Contents, encode_group
from lakebed.pure.write.index import keep_runs
from lakebed.pure.write.large import write_large
from lakebed.pure.write.lock import WriterLock
from lakebed.pure.write.manifests import write_manifest
from lakebed.pure.write.recovery import check_writable, own_file, recover, remove_replaced
from lakebed.pure.write.seal import seal

__all__ = ["Added", "Writer"]

LARGEST_BLOB = (1 << 32) - 1
_LONGEST_NAME = 1024
_MOST_BLOBS = 1 << 20
"""Blobs at which a segment is sealed."""


class Added(NamedTuple):
    """What became of added rows."""

    rows: int
    new_blobs: int
    duplicates: int
    first_seq: int | None
    bytes: int


class Writer:
    """What a store object shows, and how it changes the store."""

    def __init__(self, context: Context, state: State) -> None:
        self.context = context
        self.state = state
        self.pending: Pending | None = None
        self._lock: WriterLock | None = None
        self._poison: str | None = None
        self._new_large: list[int] = []
        self._view = View(state)

    def move_to(self, state: State) -> None:
        """Show a newer state, without pending changes."""
        self.state = state
        self._view = View(state, self.pending)

    # --- The pending group ---

    def begin(self) -> Pending:
        """What is pending; before the first change the lock is taken, and what others committed is seen.

        Raises `ReadOnly`, `Poisoned`, `StoreLocked`, `StoreNotFound`, `Corrupt`, `StoreFull`, `StoreIOError`.
        """
        self.check_may_write()
        if self.pending is not None:
            return self.pending
        self.context.check_place()
        lock = WriterLock(self.context)
        try:
            with operating_system(f"Recovering {self.context.path}"):
                state = open_state(self.context, self.state, holding=True)
                state.check_whole()
                recover(state, lock)
                own_file(state)
                if state.hold is None:
                    # It is damaged or missing; what is committed from now on relies on it.
                    write_manifest(self.context, state.manifest_number + 1, state.manifest)
                    state = open_state(self.context, state, holding=True)
            if _moved(state):
                state = open_state(self.context, state, holding=True)
            self._follows(state)
        except BaseException:
            lock.close()
            raise
        self._lock = lock
        self.pending = Pending(state.catalogue, state.next_blob)
        self.move_to(state)
        return self.pending

    def _follows(self, state: State) -> None:
        if not state.follows(self.state):
            raise self.state.replaced_error()

    def check_may_write(self) -> None:
        """Raises `ReadOnly`, `Poisoned`; `InvalidArgument` in a child made by `fork`."""
        if self.context.process != os.getpid():
            raise InvalidArgument(
                f"A store object of before a fork cannot write in its child: open {self.context.path} again in the child process."
            )
        if self.context.options.mode == "r":
            raise ReadOnly(f"{self.context.path} was opened for reading; open it for appending to change it.")
        check_writable(self.context)
        if self._poison is not None:
            raise Poisoned(self._poison)

    def end(self) -> None:
        """Throw away what is pending, and let the lock go."""
        if self.context.process != os.getpid():
            return
        numbers, self._new_large = self._new_large, []
        for number in numbers:
            with contextlib.suppress(OSError):
                self.context.directory.unlink(segment_name(number))
        if self.pending is not None:
            for dictionary in self.pending.catalogue.dictionaries[len(self.state.catalogue.dictionaries) :]:
                self.context.forget_dictionary(dictionary.number)
        self.pending = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        self.move_to(self.state)

    @property
    def view(self) -> View:
        """What the store object shows."""
        return self._view

    @contextlib.contextmanager
    def one_change(self) -> Iterator[Pending]:
        """What is pending, for a change that may fail before it changes anything: then the lock is not kept for it."""
        pending = self.begin()
        try:
            yield pending
        except BaseException:
            if self.pending is not None and self.pending.is_empty:
                self.end()
            raise

    # --- Blobs ---

    def put(self, data: bytes) -> bytes:
        """Store a blob and pin it. Returns its hash."""
        id, hash = self.blob(data)
        self.begin().pin(id)
        self._view.forget_reach()
        return hash

    def blob(self, data: bytes) -> tuple[int, bytes]:
        """Store a blob, which something is to reach before the commit. Returns its id and its hash."""
        pending = self.begin()
        hash = digest(data)
        id = self._existing(data, fingerprint(hash))
        return self._add(pending, data, hash, None) if id is None else id, hash

    def _existing(self, data: bytes, fingerprint: int) -> int | None:
        """The id of the blob with these bytes that is not deleted."""
        assert self.pending is not None
        found = self.pending.candidates(fingerprint, fingerprint)
        # What cannot be searched or read is stored again.
        for id in found or self.state.candidates(fingerprint, fingerprint, []):
            with contextlib.suppress(Corrupt):
                if id not in self.pending.catalogue.deleted and self._view.blob(id) == data:
                    return id
        return None

    def _add(self, pending: Pending, data: bytes, hash: bytes, dictionary: int | None) -> int:
        """Add a blob. Raises `StoreFull`, `StoreIOError`."""
        if len(data) < large.SMALLEST:
            return pending.add(data, fingerprint(hash), dictionary)
        number = pending.catalogue.next_segment
        compressor = self.state.compressor(self.context.options.level, None)
        with operating_system(f"Writing a large blob into {self.context.path}"):
            record = write_large(self.context, number, pending.next_blob, data, hash, compressor)
        self._new_large.append(number)
        pending.catalogue.next_segment = number + 1
        pending.record([record])
        return pending.add_large(data, fingerprint(hash))

    def delete(self, name: object) -> int:
        """Unpin a blob and remove the rows that hold it. Returns their number. Raises `BlobNotFound`."""
        with self.one_change() as pending:
            id = self._view.found(name)[0]
            counts = []
            for collection in pending.catalogue.collections.values():
                rows = sum(1 for row in self._view.rows_of_blob(collection, id))
                if rows:
                    counts.append((collection.id, rows))
            pending.record([Deleted(id, tuple(sorted(counts)))])
        self._view.forget_reach()
        return sum(rows for _, rows in counts)

    # --- Rows ---

    def check_name(self, name: str) -> None:
        """Raises `InvalidArgument` for a name that no collection can have."""
        if not 0 < len(name.encode()) <= _LONGEST_NAME:
            raise InvalidArgument(
                f"A collection name has 1 to 1024 bytes, this one has {len(name.encode())}; choose another."
            )

    def collection(self, name: str) -> Collection:
        """The collection of this name, created if there is none. Raises `InvalidArgument`."""
        self.check_name(name)
        pending = self.begin()
        found = pending.catalogue.named(name)
        if found is None:
            pending.record([CollectionCreated(pending.catalogue.next_collection, name, now())])
            found = pending.catalogue.named(name)
            assert found is not None
        return found

    def file_number(self, name: str) -> int:
        """The number of a file name, given if it has none."""
        pending = self.begin()
        found = next((number for number, one in pending.catalogue.files.items() if one == name), None)
        if found is None:
            found = pending.catalogue.next_file
            pending.record([FileNamed(found, name)])
        return found

    def record(self, *records: Record) -> None:
        """Add catalogue records."""
        self.begin().record(records)
        self._view.forget_reach()

    def add_rows(
        self,
        collection: Collection,
        records: Sequence[bytes],
        *,
        file: int = 0,
        lines: Sequence[int] = (),
        time: int | None = None,
        description: bytes = b"",
    ) -> Added:
        """Add rows behind those of a collection, which must be the pending catalogue's.

        - `lines`: the line of each record in the file `file`, which is 0 for records without.
        - `description`: what catalogue record 3 says of the records.
        """
        pending = self.begin()
        dictionary = pending.catalogue.dictionary_of(collection.id)
        number = None if dictionary is None else dictionary.number
        reach = self._view.reach
        added: set[int] = set()
        blobs = []
        size = 0
        for data in records:
            hash = digest(data)
            size += len(data)
            id = self._existing(data, fingerprint(hash))
            if id is None:
                id = self._add(pending, data, hash, number)
                added.add(id)
            elif id < pending.first_blob and not reach.is_whole and id not in reach:
                # Its bytes are there, and nothing reached it any more.
                added.add(id)
            blobs.append(id)
        new = len(added)
        first = collection.next_seq
        if description:
            pending.record([Described(collection.id, description)])
        if blobs:
            if first + len(blobs) > LIMIT:
                raise InvalidArgument("A collection cannot have more than 2^62 rows.")
            stamp = now() if time is None else time
            pending.add_rows(PendingRows(collection.id, first, blobs, file, list(lines), stamp))
        self._view.forget_reach()
        return Added(len(blobs), new, len(blobs) - new, first if blobs else None, size)

    # --- Commit ---

    def commit(self) -> int:
        """Make what is pending durable. Returns the number of the commit that is shown then.

        Raises `StoreLocked`, `StoreNotFound`, `StoreFull`, `StoreIOError`, `Poisoned`: after each of them nothing is
        pending any more.
        """
        if self.pending is None:
            return self.state.last_commit
        self.check_may_write()
        if self.pending.is_empty:
            self.end()
            return self.state.last_commit
        try:
            self._commit(self.pending)
        except BaseException:
            self.end()
            raise
        self._new_large = []
        self.end()
        return self.state.last_commit

    def checked(self) -> None:
        """Raises `StoreNotFound`, `StoreLocked` when the files are not those that were opened."""
        assert self._lock is not None
        self.context.check_place()
        if not self._lock.is_named():
            raise StoreLocked(
                f"LOCK of {self.context.path} was removed or replaced while changes were pending: they are undone, nothing was "
                "written. Repeat them."
            )
        if _moved(self.state):
            raise self.state.replaced_error()

    def _commit(self, pending: Pending) -> None:
        state, context, lock = self.state, self.context, self._lock
        assert lock is not None
        with operating_system(f"Committing to {context.path}"):
            self.checked()
        head, offset = self._place()
        stamp = now()
        number = state.last_commit + 1
        parts = state.active.parts if state.active is not None else []
        before = [part for part in parts if isinstance(part, GroupPart)]
        group = encode_group(
            head,
            offset,
            self._contents(pending, number, stamp),
            Commit(number, stamp, 0, 0, 0, 0, 0, state.last_seal, pending.next_blob, 0),
            before,
            lambda dictionary: context.compressor(context.options.level, dictionary, self._dictionary),
            merged_descriptions,
        )
        self._write(head, offset, group.data)
        try:
            self.checked()
            lock.synced(number)
        except (OSError, StoreLocked) as problem:
            self._poison = (
                f"Whether the last commit to {context.path} is kept is unknown: {problem} This object only reads from now on; open "
                "the store again."
            )
            raise Poisoned(self._poison) from problem
        pending.catalogue.next_segment = max(pending.catalogue.next_segment, state.catalogue.next_segment)
        self.pending = None
        self.move_to(open_state(context, state, holding=True, counts=number, catalogue=pending.catalogue))
        active = self.state.active
        if active is not None and (self.state.end >= context.options.segment_bytes or active.blobs >= _MOST_BLOBS):
            try:
                self._seal()
            except (Corrupt, StoreFull, StoreIOError) as problem:
                context.warn(
                    f"The active segment of {context.path} could not be sealed: {problem} A later commit seals it."
                )

    def _dictionary(self, number: int) -> bytes:
        """The bytes of a dictionary, which may be pending."""
        return View(self.state, self.pending).dictionary(number)

    def _place(self) -> tuple[Header, int]:
        """The header of the active segment, and where its next group goes; a new segment begins behind its header."""
        state = self.state
        if state.active is not None:
            return state.active.header, state.end
        store = self.context.store_file
        head = Header(
            store.segment_format, header.ROWS, state.manifest.active, store.uuid, random_u64(), state.next_blob
        )
        return head, header.SIZE

    def _contents(self, pending: Pending, number: int, stamp: int) -> Contents:
        """What the group of the commit holds."""
        catalogue, before = pending.catalogue, self.state.catalogue
        records = [*pending.records]
        pins = sorted({id for id in pending.pins if id in catalogue.pinned})
        if pins:
            records.append(Pinned(Ids.of(pins)))
        numbers = NextNumbers(
            catalogue.next_collection, catalogue.next_file, catalogue.next_dictionary, catalogue.next_segment
        )
        if numbers != (before.next_collection, before.next_file, before.next_dictionary, before.next_segment):
            records.append(numbers)
        commit = number if self._place()[0].rows_have_commits else None
        small = ((id, blob.data, blob.dictionary) for id, blob in pending.blobs.items())
        return Contents(
            payloads(small, self.context.options.page_bytes),
            [blob.fingerprint for blob in pending.blobs.values()],
            [
                part
                for batch in joined_rows(pending.rows, pending.catalogue.collections, commit)
                for part in split_batch(batch)
            ],
            records,
            [CommitEntry(number, stamp, 0, pending.new_blobs, pending.new_rows, pending.raw_bytes)],
        )

    def _write(self, head: Header, offset: int, data: bytes) -> None:
        """Write the group and sync the file."""
        context, new = self.context, offset == header.SIZE
        name = segment_name(head.number)
        what = f"Writing {context.directory.shown(name)}"
        try:
            descriptor = context.directory.open(name, os.O_RDWR | os.O_CREAT)
        except OSError as problem:
            raise io_error(problem, what) from problem
        try:
            try:
                write_all(descriptor, head.encode() + data if new else data, 0 if new else offset)
            except OSError as problem:
                self._undo(descriptor, name, offset, new, problem)
                raise io_error(problem, what) from problem
            try:
                os.fdatasync(descriptor)
                if new:
                    context.directory.sync("segments")
            except OSError as problem:
                self._poison = (
                    f"The disk of {context.path} failed to sync a commit ({os.strerror(problem.errno or 5)}), and whether it is kept is "
                    "unknown. This object only reads from now on; open the store again to go on."
                )
                raise Poisoned(self._poison) from problem
        finally:
            os.close(descriptor)

    def _undo(self, descriptor: int, name: str, offset: int, new: bool, problem: OSError) -> None:
        """Take back what was written of a group."""
        try:
            if new:
                self.context.directory.unlink(name)
            else:
                os.ftruncate(descriptor, offset)
        except OSError:
            self._poison = (
                f"Writing to {self.context.path} failed ({os.strerror(problem.errno or 5)}) and could not be undone. This object only "
                "reads from now on; open the store again to go on."
            )

    # --- Seal ---

    def _seal(self) -> None:
        """Seal the active segment, which has a commit. Raises `Corrupt`, `StoreFull`, `StoreIOError`, `StoreNotFound`,
        `StoreLocked`."""
        context = self.context
        with operating_system(f"Sealing the active segment of {context.path}"):
            seal(self.state, whole_description, self.checked)
            self.move_to(open_state(context, self.state, holding=True))
            remove_replaced(self.state)
            keep_runs(self.state)

    def seal(self) -> None:
        """Commit what is pending, and seal the active segment."""
        self.commit()
        self.begin()
        try:
            if self.state.active is not None:
                self.pending = None
                self._seal()
        finally:
            self.end()


def _moved(state: State) -> bool:
    """Whether the name of the active segment does not lead to the file that was opened."""
    if state.active is None:
        return False
    status = state.context.directory.stat(segment_name(state.active.number))
    return status is None or (status.st_dev, status.st_ino) != state.active.file.identity
