"""Repair by each engine: the same report, and the same store afterwards."""

from __future__ import annotations

import os
import shutil
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.files import part_name
from lakebed.pure.format.header import LARGE
from tests.pure.repairs import BACKENDS, compare, cut, damages, exchanged, flipped, removed, repaired, written
from tests.pure.twins import opened

STEP = int(os.environ.get("LAKEBED_TEST_REPAIR_STEP", "0"))
"""Every how many bytes a bit is flipped; 0 for few damages."""


@pytest.fixture(params=["rows", "compacted", "columns"])
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A store of one of the kinds of `written`."""
    return written(tmp_path / "whole.lakebed", request.param)


def test_each_damage_is_repaired_alike(whole, tmp_path):
    if STEP:
        chosen = damages(whole, STEP)
    else:
        found = list(damages(whole, 1291, 7))
        chosen = islice(found, 0, None, len(found) // 7)
    for what, damage in chosen:
        compare(whole, tmp_path, damage, what)


def test_several_files_are_damaged(whole, tmp_path):
    segments = sorted(path.name for path in (whole / "segments").iterdir() if path.suffix == ".seg")
    manifest = max(path.name for path in (whole / "manifests").iterdir())
    active = f"segments/{segments[-1]}"
    size = (whole / active).stat().st_size

    def damage(path: Path) -> None:
        for one in (removed("FORMAT"), removed("LOCK"), flipped(f"manifests/{manifest}", 60), cut(active, size - 40)):
            one(path)
        for name in segments:
            flipped(f"segments/{name}", 300)(path)

    compare(whole, tmp_path, damage, "several")


def test_a_segment_of_another_history_stays_aside(tmp_path):
    """An older manifest, put back, after which a writer goes on."""
    path = tmp_path / "whole.lakebed"
    with opened(BACKENDS["rust"], path) as store:
        store.append("c", [{"n": n} for n in range(50)])
        store.seal()
    shutil.copytree(path / "manifests", tmp_path / "older")
    with opened(BACKENDS["rust"], path) as store:
        for part in range(1, 4):
            store.append("c", [{"n": part * 50 + n} for n in range(50)])
            store.seal()
    shutil.rmtree(path / "manifests")
    shutil.copytree(tmp_path / "older", path / "manifests")
    (path / "LOCK").unlink()
    # Taken in, before a writer has touched it.
    compare(path, tmp_path, lambda _: None, "older manifest")
    for engine in BACKENDS:
        compare(path, tmp_path, partial(_append, engine=engine), f"a writer of {engine} went on")


def _append(path: Path, engine: str) -> None:
    with pytest.warns(RuntimeWarning, match="moved to aside"), opened(BACKENDS[engine], path) as store:
        store.append("c", [{"other": True}])


def test_large_blobs(tmp_path):
    path = tmp_path / "whole.lakebed"
    with opened(BACKENDS["rust"], path, segment_bytes=1 << 26) as store:
        store.put(b"\x01" * (17 << 20))
        store.commit()
        store.seal()
        store.put(b"\x02" * (17 << 20))
    large = [one.name for one in (path / "segments").iterdir() if one.read_bytes()[12] == LARGE]
    assert len(large) == 2
    for name in large:
        compare(path, tmp_path, flipped(f"segments/{name}", 4200), name)
    compare(path, tmp_path, removed("manifests/" + max(os.listdir(path / "manifests"))), "without its manifest")


def test_exchanged_segments(whole, tmp_path):
    names = sorted(f"segments/{path.name}" for path in (whole / "segments").iterdir() if path.suffix == ".seg")
    compare(whole, tmp_path, exchanged(names[0], names[-1]), "exchanged")


def test_what_is_no_store(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("x")
    for engine in BACKENDS:
        for dry_run in (True, False):
            assert repaired(engine, tmp_path / "nothing", dry_run=dry_run) == "store_not_found"
            assert repaired(engine, tmp_path / "other", dry_run=dry_run) == "not_a_store"
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert len(list((tmp_path / "other").iterdir())) == 1


def test_a_store_that_is_written(whole):
    for writing in BACKENDS.values():
        with opened(writing, whole) as store:
            store.put(b"pending")
            for engine in BACKENDS:
                assert repaired(engine, whole, dry_run=True) == "store_locked"
            store.rollback()


def test_nothing_is_changed_without_room_for_the_copies(whole, tmp_path, monkeypatch):
    """Nothing is replaced before its copy is whole."""
    name = min(path.name for path in (whole / "segments").iterdir() if path.suffix == ".seg")
    flipped(f"segments/{name}", 300)(whole)
    before = {path: path.read_bytes() for path in (whole / "segments").iterdir()}

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lakebed.pure.write.recovery.write_all", full)
    assert repaired("python", whole) == "store_full"
    assert {path: path.read_bytes() for path in (whole / "segments").iterdir()} == before
    assert not list((whole / "aside").iterdir())
    monkeypatch.undo()
    assert repaired("python", whole)["actions"]
    with opened(BACKENDS["rust"], whole) as store:
        assert store.verify().problems == ()


@pytest.mark.parametrize("whole", ["columns"], indirect=True)
def test_a_damaged_dictionary_without_values_loses_nothing(whole, tmp_path):
    with opened(BACKENDS["python"], whole, "r") as store:
        engine: Any = store._engine
        state = engine._view().state
        [segment] = (one for one in state.all_rows() if isinstance(one, ColumnsSegment) and one.part_entries())
        [entry, *_] = segment.part_entries()
        chunks = [chunk for leaf in segment.part(entry, state.decompressor).table.chunks for chunk in leaf]
    empty = [one.dictionary for one in chunks if one.dictionary is not None and one.dictionary.values == 0]
    name = part_name(segment.number, entry.collection)
    for page in empty[:1]:
        compare(whole, tmp_path, flipped(name, page.offset + page.header + 2), name)
        flipped(name, page.offset + page.header + 2)(whole)
        report = repaired("rust", whole)
        assert (list(report["losses"]), report["lost_rows"]) == ([], 0)
        assert list(report["problems"]) != []
    assert empty
