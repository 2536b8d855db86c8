"""Two stores that get the same calls: one written by the engine in Rust, one by the engine in Python.

At `swap` each engine goes on with the store that the other one wrote. Both must answer the same, all the time.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lakebed
from lakebed import _backend

OPTIONS: dict[str, Any] = {"segment_bytes": 4096, "page_bytes": 256, "lock_timeout": 5.0, "threads": 1}


def opened(backend: _backend.Backend, path: Path, mode: str = "a", **options: Any) -> lakebed.Store:
    """A store of one backend, whichever runs."""
    settings = {"mmap": True, "cache_bytes": 1 << 20, "level": 3, **OPTIONS, **options}
    return lakebed.Store(backend.open_store(str(path), mode=mode, create=True, command="test", **settings))  # type: ignore[arg-type]


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the kind of its error."""
    try:
        return call()
    except lakebed.LakebedError as problem:
        return problem.kind


def described(store: Any) -> dict[str, Any]:
    """What a reader can observe of a store, but for times and what depends on chance."""
    collections = [one.model_dump(exclude={"created"}) for one in store.collections()]
    names = [one["name"] for one in collections]
    return {
        "commit": getattr(store, "snapshot", store).commit,
        "len": len(store),
        "collections": collections,
        "rows": {
            name: [(row.seq, row.blob, row.data, row.file, row.line) for row in store.scan(name)] for name in names
        },
        "schemas": {name: store.schema(name).model_dump() for name in names},
        "dictionaries": [one.model_dump() for one in store.dictionaries()],
        "commits": [(one.number, one.blobs, one.rows) for one in store.commits()],
    }


def segments(store: Any) -> list[dict[str, Any]]:
    """The segments, with their sizes."""
    return [one.model_dump() for one in store.segments()]


COUNTS = ("removed_blobs", "stays_rows", "segments_before", "segments_after", "rewritten_segments", "skipped_segments")
"""What the reports of both engines on a compaction have in common; the first alone where their segments differ."""


def unnumbered(value: Any) -> Any:
    """Sentences in any order and without the numbers of segments; anything else as it is."""
    if not isinstance(value, tuple):
        return value
    return sorted(re.sub(r"segment \d+( to \d+)?", "segment", sentence) for sentence in value)


class Twins:
    """The two stores."""

    def __init__(self, place: Path, **options: Any) -> None:
        self.options = options
        self.rust, self.python = _backend.installed()
        self.paths = (place / "first.lakebed", place / "second.lakebed")
        self.engines = [self.rust, self.python]
        self.stores = [opened(engine, path, **options) for engine, path in zip(self.engines, self.paths, strict=True)]
        self.compared = 0
        self.moves = 0

    def opened(self, engine: _backend.Backend, path: Path) -> lakebed.Store:
        return opened(engine, path, **self.options)

    def both(
        self, call: Callable[[lakebed.Store], Any], *, compared: Callable[[Any], Any] = lambda found: found
    ) -> Any:
        """What a call to both stores returns, which must be the same, or the kind of the error of both."""
        first, second = (outcome(lambda store=store: call(store)) for store in self.stores)  # type: ignore[misc]
        assert compared(first) == compared(second), (self.names(), first, second)
        self.compared += 1
        return first

    def names(self) -> str:
        return " / ".join(engine.name for engine in self.engines)

    def check(self) -> None:
        """Compare everything."""
        first, second = (described(store) for store in self.stores)
        for part, found in first.items():
            assert found == second[part], (self.names(), part)
            self.compared += 1

    def check_files(self) -> None:
        """Read each store with the engine that does not write it, as others see it."""
        for engine, path in zip(reversed(self.engines), self.paths, strict=True):
            with opened(engine, path, "r") as reader, opened(self.rust, path, "r") as rust:
                found, expected = described(reader), described(rust)
                assert found == expected, (engine.name, path.name)
                self.compared += len(found)
                reports = [store.verify() for store in (reader, rust)]
                assert [report.problems for report in reports] == [(), ()], engine.name
                counts = [report.model_dump(exclude={"seconds"}) for report in reports]
                assert counts[0] == counts[1], (engine.name, counts)
        self.compared += 1

    def swap(self) -> None:
        """Close both, and let each engine go on with the store of the other."""
        for store in self.stores:
            store.close()
        self.engines.reverse()
        self.stores = [self.opened(engine, path) for engine, path in zip(self.engines, self.paths, strict=True)]

    def alike(self) -> bool:
        """Whether both stores have the same segments, but for their sizes, and the numbers that follow from them: the
        emptiest are compacted first."""
        first, second = (
            sorted(
                (one.first_id, one.end_id, one.model_dump_json(exclude={"number", "file_bytes"}))
                for one in store.segments()
            )
            for store in self.stores
        )
        return first == second

    def compact(self, collection: str | None = None, **how: Any) -> None:
        """Compact both. What is done is the same where the segments were, but for what sizes decide."""
        alike = self.alike()
        kept = COUNTS if alike else COUNTS[:1]

        def counts(found: Any) -> Any:
            return found if isinstance(found, str) else {name: unnumbered(getattr(found, name)) for name in kept}

        self.both(lambda store: store.compact(collection, **how), compared=counts)
        if alike and how.get("layout") != "auto":
            first, second = (store.segments() for store in self.stores)
            assert self.alike(), (self.names(), how, first, second)

    def ingest(self, name: str, records: list[bytes], layout: Any) -> None:
        """Ingest a file of records into both."""
        file = self.paths[0].with_name("records.ndjson")
        file.write_bytes(b"".join(record + b"\n" for record in records))
        alike = self.alike()

        def said(found: Any) -> Any:
            if isinstance(found, str):
                return found
            left_out = {"seconds", "bytes_stored", "trained", "ratio", "mb_per_second", "notes"}
            return found.model_dump(exclude=left_out), unnumbered(found.notes) if alike else ()

        self.both(lambda store: store.ingest(file, into=name, layout=layout, again=True), compared=said)

    def files(self, name: str) -> None:
        """What the Parquet files of a collection hold."""
        alike = self.alike()

        def held(found: Any) -> Any:
            if isinstance(found, str) or not alike:
                return found if isinstance(found, str) else found.rows
            return found.rows_elsewhere, [one.model_dump(exclude={"path", "name", "bytes"}) for one in found.files]

        self.both(lambda store: store.files(name), compared=held)

    def move(self) -> None:
        """Go on with stores that the other engine restored from backups."""
        self.moves += 1
        backups = [
            store.backup(path.parent / f"backups of {path.name}")
            for store, path in zip(self.stores, self.paths, strict=True)
        ]
        commits = [one.commit for one in backups]
        assert commits[0] == commits[1], (self.names(), commits)
        for store in self.stores:
            store.close()
        self.paths = tuple(path.with_name(f"{self.moves} {path.name.split()[-1]}") for path in self.paths)  # type: ignore[assignment]
        for engine, backup, path in zip(reversed(self.engines), backups, self.paths, strict=True):
            engine.restore(backup.path, path, None)
        self.stores = [self.opened(engine, path) for engine, path in zip(self.engines, self.paths, strict=True)]
        self.compared += 1

    def close(self) -> None:
        for store in self.stores:
            with contextlib.suppress(lakebed.LakebedError):
                store.close()
