"""Manifests whose checksum is right and that contradict themselves: no engine goes by them."""

from dataclasses import replace
from typing import Any

import pytest

import lakebed
from lakebed import _backend
from lakebed.pure.catalogue import Catalogue
from lakebed.pure.format.contradiction import contradiction
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.json import whole_description
from lakebed.pure.write.manifests import with_catalogue
from tests.pure.twins import opened

ENGINES = _backend.installed()

CHANGES = {
    "ids that are given again": lambda it: replace(it, next_blob=1),
    "a segment twice": lambda it: replace(it, segments=(*it.segments, it.segments[-1])),
    "a segment number that is given again": lambda it: replace(it, next_segment=it.segments[-1].number),
    "a blob that is deleted before it is there": lambda it: replace(it, deleted=Ids.of([it.next_blob])),
    "rows without numbers": lambda it: replace(it, collections=(it.collections[0]._replace(next_seq=0, first_live=3),)),
    "a collection twice": lambda it: replace(it, collections=it.collections * 2),
}


@pytest.mark.filterwarnings("ignore:The newest manifest of .* is damaged or missing:RuntimeWarning")
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_manifest_that_contradicts_itself_counts_as_damaged(tmp_path, engine, change):
    path = tmp_path / "test.lakebed"
    with opened(engine, path) as store:
        for part in range(3):
            store.append("events", [{"part": part, "row": row} for row in range(5)])
            store.commit()
            store.seal()
    file = max((path / "manifests").iterdir())
    uuid = file.read_bytes()[16:32]
    number = int(file.name)
    manifest = Manifest.decode(file.read_bytes(), number, uuid)
    assert contradiction(manifest) is None
    forged = change(manifest)
    assert contradiction(forged)
    file.write_bytes(forged.encode(number, uuid, 7))

    # The footer of the last segment says what the manifest said.
    with opened(engine, path, "r") as store:
        assert [row.json()["row"] for row in store.scan("events")] == [*range(5)] * 3
        assert store.verify().problems
    with opened(engine, path) as store:
        hash = store.put(b"written on")
        store.commit()
        store.seal()
    with opened(engine, path, "r") as store:
        assert store.get(hash) == b"written on"
        assert len(list(store.scan("events"))) == 15
        assert store.verify().problems == ()
    assert isinstance(hash, lakebed.Hash)


@pytest.mark.parametrize("what", [what for what in CHANGES if what != "a collection twice"])
def test_no_manifest_is_made_that_contradicts_itself(tmp_path, what):
    """A catalogue in memory cannot have a collection twice."""
    path = tmp_path / "test.lakebed"
    python = next(engine for engine in ENGINES if engine.name == "python")
    with opened(python, path) as store:
        store.append("events", [{"row": row} for row in range(5)])
        store.seal()
        engine: Any = store._engine
        changed = CHANGES[what](engine._view().state.manifest)
        with pytest.raises(lakebed.Corrupt, match="no manifest is made of it"):
            with_catalogue(changed, Catalogue.of(changed), whole_description)
