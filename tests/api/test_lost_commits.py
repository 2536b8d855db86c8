"""A store that lost acknowledged commits is read and not written; what a writer cuts off or removes is kept whole."""

import os
import shutil
import warnings

import pytest

import lakebed

ROWS = 2000


@pytest.fixture
def damaged(path):
    """Two commits in one segment, and one bit of the second one's last record flipped."""
    with lakebed.open(path) as store:
        store.append("kept", [{"keep": 1}])
        store.commit()
        store.append("lost", [{"n": n, "text": "x" * 50} for n in range(ROWS)])
    flip(segment(path))
    return path


def segment(path, number=1):
    return path / "segments" / f"{number:012}.seg"


def flip(file):
    data = bytearray(file.read_bytes())
    data[-50] ^= 1
    file.write_bytes(data)


def aside(path):
    return sorted((path / "aside").iterdir()) if (path / "aside").exists() else []


def test_reading_goes_on_and_every_way_to_write_refuses(damaged):
    before = segment(damaged).read_bytes()
    for mode in ("r", "a"):
        with pytest.warns(RuntimeWarning, match="has lost commit 2: the last commit that can be read is 1"):
            store = lakebed.open(damaged, mode)
        with store:
            assert [info.name for info in store.collections()] == ["kept"]
            assert "acknowledged" in store.verify().problems[0].message
    calls = [
        lambda store: store.put(b"more"),
        lambda store: store.append("kept", [{"n": 1}]),
        lambda store: store.drop("kept"),
        lambda store: store.trim("kept", before_seq=1),
        lambda store: store.seal(),
        lambda store: store.train("kept"),
    ]
    with pytest.warns(RuntimeWarning):
        store = lakebed.open(damaged)
    with store:
        for call in calls:
            with pytest.raises(lakebed.Corrupt, match=r"has lost commit 2: .*`lakebed repair`"):
                call(store)
        assert len(list(store.scan("kept"))) == 1
    assert segment(damaged).read_bytes() == before
    assert aside(damaged) == []


def test_without_the_file_lock_writing_goes_on_and_keeps_the_rest(damaged):
    before = segment(damaged).read_bytes()
    (damaged / "LOCK").unlink()
    with lakebed.open(damaged) as store:
        with pytest.warns(RuntimeWarning, match="are kept in aside/"):
            store.append("kept", [{"keep": 2}])
        store.commit()
        assert store.verify().ok
    (kept,) = aside(damaged)
    assert before.endswith(kept.read_bytes())
    assert kept.stat().st_size > ROWS


def test_segments_that_an_older_manifest_does_not_name_are_kept(path, tmp_path):
    older = tmp_path / "backup"
    with lakebed.open(path) as store:
        store.append("rows", [{"n": 0}])
        store.seal()
    shutil.copytree(path, older)
    with lakebed.open(path) as store:
        for n in range(1, 5):
            store.append("rows", [{"n": n}])
            store.seal()
    whole = {file.read_bytes() for file in (path / "segments").iterdir()}
    shutil.rmtree(path / "manifests")
    shutil.copytree(older / "manifests", path / "manifests")
    with pytest.warns(RuntimeWarning, match="has lost commits 3 to 5"):
        store = lakebed.open(path)
    with store, pytest.raises(lakebed.Corrupt, match="has lost commits 3 to 5"):
        store.put(b"more")
    assert {file.read_bytes() for file in (path / "segments").iterdir()} == whole

    os.unlink(path / "LOCK")
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with lakebed.open(path) as store:
            store.put(b"more")
            store.commit()
            assert store.verify().ok
    texts = [str(one.message) for one in shown]
    assert all("was moved to aside/" in text for text in texts)
    kept = aside(path)
    assert len(kept) == len(texts) == 3
    assert {file.read_bytes() for file in kept} <= whole


def test_warnings_name_the_line_that_called(damaged):
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always", RuntimeWarning)
        lakebed.open(damaged).close()
    (warning,) = [one for one in shown if one.category is RuntimeWarning]
    assert warning.filename == __file__
