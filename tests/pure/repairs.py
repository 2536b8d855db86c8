"""A damaged store repaired by each engine: the reports and what is there afterwards, to compare."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lakebed
from lakebed import _backend
from tests.pure.twins import described, opened

BACKENDS: dict[str, _backend.Backend] = {backend.name: backend for backend in _backend.installed()}

Damage = Callable[[Path], object]
"""Does something to a store in a directory."""


def rows(start: int, stop: int) -> list[dict[str, object]]:
    """Records that compress."""
    return [{"n": n, "text": f"row {n} " + "x" * (n % 50)} for n in range(start, stop)]


def written(path: Path, kind: str) -> Path:
    """A store with two sealed segments (`rows`), or what compaction makes of them (`compacted`, `columns`), and an
    active one of three commits; a dictionary, a blob that was put, a dropped collection."""
    with opened(BACKENDS["rust"], path, segment_bytes=1 << 20, page_bytes=1024) as store:
        store.append("events", rows(0, 300))
        store.commit()
        store.train("events", size=1024)
        store.append("events", rows(300, 340))
        store.append("other", [{"a": 1}])
        store.put(b"pinned " * 60)
        store.seal()
        store.append("dropped", [1, 2, 3])
        store.append("events", rows(340, 370))
        store.drop("dropped")
        store.seal()
        if kind != "rows":
            store.compact(layout="columns" if kind == "columns" else None)
        for part in range(3):
            store.append("events", rows(370 + part * 10, 380 + part * 10))
            store.append(f"new {part}", [{"z": part}])
            store.put(b"put %d" % part)
            store.commit()
    return path


def repaired(engine: str, path: Path, *, dry_run: bool = False) -> Any:
    """The report of a repair, or the kind of its error."""
    try:
        return BACKENDS[engine].repair_store(
            str(path), dry_run=dry_run, lock_timeout=1.0, command="test", progress=None
        )
    except lakebed.LakebedError as problem:
        return problem.kind


def told(report: Any) -> Any:
    """A report without what depends on the moment and on how much an engine reads, and without how it says what is
    wrong."""
    if isinstance(report, str):
        return report
    kept = {name: report[name] for name in ("actions", "losses", "commit", "segments", "blobs", "rows", "lost_rows")}
    kept["set_aside"] = sorted(report["set_aside"])
    kept["notes"] = report["notes"]
    kept["problems"] = sorted({one["segment"] or 0 for one in report["problems"]})
    return json.loads(re.sub(r"-\d{10,}\.|(\S*/)?[^\s/]*\.lakebed", "", json.dumps(kept)))


def left(path: Path) -> Any:
    """What a reader finds in a store, and whether it is whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with opened(BACKENDS["rust"], path, "r") as store:
                return described(store), store.verify().problems
        except lakebed.LakebedError as problem:
            return problem.kind


def compare(whole: Path, place: Path, damage: Damage, what: object) -> None:
    """Damage copies of a store, repair each by one engine, and compare everything."""
    reports, contents, foretold = {}, {}, {}
    damaged = place / "damaged"
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(whole, damaged)
    damage(damaged)
    for engine in BACKENDS:
        path = place / f"{engine}.lakebed"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(damaged, path)
        before = files(path)
        foretold[engine] = told(repaired(engine, path, dry_run=True))
        assert files(path) == before, (what, engine)
        reports[engine] = told(repaired(engine, path))
        contents[engine] = left(path)
    assert reports["python"] == reports["rust"], what
    assert contents["python"] == contents["rust"], what
    assert foretold["python"] == foretold["rust"], what
    if not isinstance(reports["rust"], str):
        for engine, other in (("rust", "python"), ("python", "rust")):
            again = repaired(other, place / f"{engine}.lakebed")
            lost = [one for one in again["losses"] if one["kind"] != "history"]
            assert [*again["actions"], *lost, *again["problems"]] == [], (what, engine)


def files(path: Path) -> dict[str, bytes]:
    """The files of a store and their bytes."""
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


def flipped(name: str, at: int, bit: int = 0) -> Damage:
    """A bit of a file."""

    def damage(path: Path) -> None:
        data = bytearray((path / name).read_bytes())
        data[at] ^= 1 << bit
        (path / name).write_bytes(data)

    return damage


def cut(name: str, size: int) -> Damage:
    """A file that is cut, or made longer with zeros."""

    def damage(path: Path) -> None:
        with (path / name).open("r+b") as file:
            file.truncate(size)

    return damage


def removed(name: str) -> Damage:
    """A file that is gone."""
    return lambda path: (path / name).unlink()


def exchanged(name: str, other: str) -> Damage:
    """Two files with each other's names."""

    def damage(path: Path) -> None:
        (path / name).rename(path / "x")
        (path / other).rename(path / name)
        (path / "x").rename(path / other)

    return damage


def damages(whole: Path, step: int, first: int = 0) -> Iterator[tuple[tuple[object, ...], Damage]]:
    """Each file damaged: a bit of each `step`-th byte, cut, longer, gone, exchanged. With what was done."""
    names = [name for name in files(whole) if name != "reserve"]
    for name in names:
        size = (whole / name).stat().st_size
        for at in range(first, size, step):
            yield (name, "flip", at), flipped(name, at, at % 8)
        for end in (0, size // 3, size // 2, size - 1, size + 100, size + 40000):
            yield (name, "cut", end), cut(name, end)
        yield (name, "gone"), removed(name)
    segments = [name for name in names if name.startswith("segments/")]
    for at, name in enumerate(segments):
        for other in segments[at + 1 :]:
            yield (name, "exchanged", other), exchanged(name, other)
