"""Rows copied to another store, which records how far the copy is."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, InvalidArgument
from lakebed.pure.catalogue import Collection
from lakebed.pure.format.records import Described, Ingested
from lakebed.pure.hash import digest
from lakebed.pure.json import JsonError, Observer
from lakebed.pure.json.description import Description
from lakebed.pure.json.quoting import quoted
from lakebed.pure.view import LiveRow, View
from lakebed.pure.write.dictionaries import install_dictionary
from lakebed.pure.write.writer import Writer

__all__ = ["copy_to"]

_GROUP = 64 << 20
"""Bytes of records that make a commit."""
_POSITION = re.compile("lakebed:[0-9a-f]{32}/[0-9]+")
"""The names of files under which positions are recorded."""


def copy_to(view: View, writer: Writer, collections: list[str], progress: EngineProgress | None) -> dict[str, Any]:
    """Add rows of these collections to another store; of all, and the blobs of `put`, when the list is empty.

    `view` shows the store to copy from; `writer` is the other one's, with nothing pending. Returns the fields of
    `lakebed.CopyReport`. Raises `CollectionNotFound`, `InvalidArgument`, `Corrupt`.
    """
    names = sorted(set(collections)) or sorted(one.name for one in view.catalogue.collections.values())
    for name in names:
        _check_other(view, writer, view.collection(name))
    run = _Transfer(view, writer, progress)
    for name in names:
        run.collection(view.collection(name))
    if not collections:
        run.pinned()
    return {**run.report, "seconds": time.monotonic() - run.begun}


def _check_other(view: View, writer: Writer, collection: Collection) -> None:
    """Refuses to add the rows of a collection to itself, through a copy of the store too."""
    here, there = view.state.context, writer.context
    if here.store_file.uuid != there.store_file.uuid or collection.id not in writer.view.catalogue.collections:
        return
    raise InvalidArgument(
        f"{here.path} and {there.path} are one store and its copy, or the same one, and {quoted(collection.name)} is a collection of "
        "both: its rows would be there twice. Restore the copy to a store of its own, or drop the collection first."
    )


class _Transfer:
    def __init__(self, view: View, writer: Writer, progress: EngineProgress | None) -> None:
        self.view = view
        self.writer = writer
        self.progress = progress
        self.begun = time.monotonic()
        self.report: dict[str, Any] = {
            "collections": [], "rows": 0, "new_blobs": 0, "duplicates": 0, "pinned": 0, "bytes": 0,
        }  # fmt: skip

    def collection(self, source: Collection) -> None:
        """The rows of a collection, in commits of their own."""
        rows = 0
        copied_before = None
        while True:
            target, file = self.place(source)
            position = self.position(target.id, file)
            copied_before = position if copied_before is None else copied_before
            added, end = self.group(source, target, position)
            if not added:
                break
            self.writer.record(Ingested(target.id, file, False, 0, None, 0, end, digest(b"")))
            self.writer.commit()
            rows += added
            self.report["rows"] += added
            self.tick()
        self.ingests(source, target)
        self.writer.commit()
        self.report["collections"].append({"name": source.name, "rows": rows, "copied_before": copied_before})

    def place(self, source: Collection) -> tuple[Collection, int]:
        """The collection, made if it is not there with the declared types and the dictionary of the other one; and the
        file in whose name it is recorded how far the copy is."""
        writer, view = self.writer, self.view
        is_new = writer.begin().catalogue.named(source.name) is None
        target = writer.collection(source.name)
        if is_new:
            settings = None
            for one in source.descriptions:
                settings = Description.decode(one).settings or settings
            if settings is not None and settings != type(settings)():
                writer.record(Described(target.id, Description(settings=settings).encode()))
            dictionary = view.catalogue.dictionary_of(source.id)
            data = None if dictionary is None else view.blob(dictionary.blob)
            if dictionary is not None and data is not None and digest(data) == dictionary.hash:
                install_dictionary(writer, target, data)
        name = f"lakebed:{view.state.context.store_file.uuid.hex()}/{source.id}"
        return target, writer.file_number(name)

    def position(self, collection: int, file: int) -> int:
        """The sequence number up to which the collection was copied."""
        found = [one.lines for one in self.writer.begin().catalogue.ingests if one[:2] == (collection, file)]
        return found[-1] if found else 0

    def group(self, source: Collection, target: Collection, start: int) -> tuple[int, int]:
        """Add as many rows from `start` on as make a commit. Returns how many, and the number after the last."""
        observer = Observer(target.descriptions)
        count = size = 0
        end = start
        batch: list[tuple[LiveRow, bytes]] = []
        for row, data in self.rows(source, start):
            if batch and (batch[-1][0].file, batch[-1][0].time) != (row.file, row.time):
                self.add(target, batch)
                batch = []
            try:
                observer.observe(data)
            except JsonError as problem:
                raise Corrupt(f"A row of {quoted(source.name)} is not a JSON record ({problem}).") from None
            batch.append((row, data))
            count += 1
            size += len(data)
            end = row.seq + 1
            if size >= _GROUP:
                break
        if batch:
            self.add(target, batch)
        if count:
            self.report["bytes"] += size
            self.writer.record(Described(target.id, observer.description()))
        return count, end

    def rows(self, source: Collection, start: int) -> Iterator[tuple[LiveRow, bytes]]:
        for row in self.view.rows(source, start):
            data = self.view.blob(row.blob)
            if data is None:
                raise Corrupt(
                    f"{self.view.state.context.path} is damaged: a row names blob {row.blob}, which no segment holds."
                )
            yield row, data

    def add(self, target: Collection, batch: list[tuple[LiveRow, bytes]]) -> None:
        """Add rows with one file and one time."""
        first = batch[0][0]
        name = self.view.catalogue.files.get(first.file)
        added = self.writer.add_rows(
            target,
            [data for _, data in batch],
            file=0 if name is None else self.writer.file_number(name),
            lines=[row.line for row, _ in batch] if name is not None else (),
            time=first.time,
        )
        self.report["new_blobs"] += added.new_blobs
        self.report["duplicates"] += added.duplicates

    def ingests(self, source: Collection, target: Collection) -> None:
        """What the other store recorded of files, so that they are known here, too: those of which this store does not
        know more."""
        catalogue = self.view.catalogue
        for one in catalogue.ingests:
            name = catalogue.files.get(one.file)
            if name is None or one.collection != source.id or _POSITION.fullmatch(name):
                continue
            own = one._replace(collection=target.id, file=self.writer.file_number(name))
            known = (there for there in self.writer.begin().catalogue.ingests if there[:2] == own[:2])
            if not any(there.lines >= own.lines or there.complete for there in known):
                self.writer.record(own)

    def pinned(self) -> None:
        """Pin the blobs that the other store has pinned."""
        size = 0
        for id in self.view.catalogue.pinned:
            data = self.view.blob(id)
            if data is None:
                continue
            before = self.writer.begin().new_blobs
            self.writer.put(data)
            new = self.writer.begin().new_blobs - before
            self.report["new_blobs"] += new
            self.report["duplicates"] += 1 - new
            self.report["pinned"] += 1
            self.report["bytes"] += len(data)
            size += len(data)
            if size >= _GROUP:
                self.writer.commit()
                size = 0
        self.writer.commit()
        self.tick()

    def tick(self) -> None:
        if self.progress is not None:
            self.progress(self.report["bytes"], None, self.report["rows"], time.monotonic() - self.begun)
