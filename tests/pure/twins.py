"""Two stores that get the same calls: one written by the engine in Rust, one by the engine in Python.

At `swap` each engine goes on with the store that the other one wrote. Both must answer the same, all the time.
"""

from __future__ import annotations

import contextlib
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


class Twins:
    """The two stores."""

    def __init__(self, place: Path) -> None:
        self.rust, self.python = _backend.installed()
        self.paths = (place / "first.lakebed", place / "second.lakebed")
        self.engines = [self.rust, self.python]
        self.stores = [opened(engine, path) for engine, path in zip(self.engines, self.paths, strict=True)]
        self.compared = 0
        self.moves = 0

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
        self.stores = [opened(engine, path) for engine, path in zip(self.engines, self.paths, strict=True)]

    def lay(self) -> None:
        """Compact: with the engine in Rust to columns, with the one in Python, which writes none, to rows."""
        found = [
            outcome(lambda store=store, layout=layout: store.compact(layout=layout).removed_blobs)  # type: ignore[misc]
            for store, layout in zip(
                self.stores, ["columns" if engine is self.rust else "rows" for engine in self.engines], strict=True
            )
        ]
        assert found[0] == found[1], (self.names(), found)
        self.compared += 1

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
        self.stores = [opened(engine, path) for engine, path in zip(self.engines, self.paths, strict=True)]
        self.compared += 1

    def close(self) -> None:
        for store in self.stores:
            with contextlib.suppress(lakebed.LakebedError):
                store.close()
