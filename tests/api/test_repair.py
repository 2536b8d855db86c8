"""repair: what is whole is kept, what is lost is named, and the store can be written again."""

import pickle
import shutil

import pytest

import lakebed

ROWS = 3000


def rows(start, stop):
    return [{"n": n, "text": f"row {n} " + "x" * (n % 50)} for n in range(start, stop)]


@pytest.fixture
def store_path(path):
    """Two sealed segments and an active one, two collections, a blob that was put, a dictionary."""
    with lakebed.open(path) as store:
        store.append("events", rows(0, ROWS))
        store.train("events", size=4096)
        store.append("events", rows(ROWS, 2 * ROWS))
        store.put(b"kept by itself")
        store.seal()
        store.append("events", rows(2 * ROWS, 3 * ROWS))
        store.append("other", [{"a": 1}])
        store.seal()
        store.append("other", [{"a": 2}])
    return path


def segments(path):
    return sorted((path / "segments").iterdir())


def flip(file, at):
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def contents(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def check(path, report):
    """What is there is whole, and exactly the rows that the report names are missing."""
    with lakebed.open(path) as store:
        assert store.verify().ok
        lost = {
            seq
            for loss in report.losses
            if loss.kind == "rows" and loss.collection == "events"
            for seq in range(loss.first_seq, loss.last_seq + 1)
        }
        found = {row.seq: row.json()["n"] for row in store.scan("events")}
        assert found == {seq: seq for seq in range(3 * ROWS) if seq not in lost}
        assert report.lost_rows == len(lost)
        store.append("events", [{"n": 3 * ROWS}])
        store.commit()
        assert store.get(lakebed.Hash.of(b"kept by itself"))
    assert lakebed.repair(path).clean
    return lost


def test_a_whole_store_needs_none(store_path):
    before = contents(store_path)
    report = lakebed.repair(store_path)
    assert report.clean
    assert report.ok
    assert report.rows == 3 * ROWS + 2
    assert {name: data for name, data in contents(store_path).items() if name != "LOCK"} == {
        name: data for name, data in before.items() if name != "LOCK"
    }


def test_rows_of_a_damaged_frame_are_named(store_path):
    flip(segments(store_path)[1], 5000)
    with lakebed.open(store_path) as store:
        problems = store.verify().problems
        assert {problem.segment for problem in problems} == {2}
        assert any("lakebed repair" in problem.message for problem in problems)
        with pytest.raises(lakebed.Corrupt, match="`lakebed repair`"):
            [row.json() for row in store.scan("events")]
    before = contents(store_path)
    foretold = lakebed.repair(store_path, dry_run=True)
    assert contents(store_path) == before
    seen: list[lakebed.Progress] = []
    report = lakebed.repair(store_path, progress=seen.append)
    assert (report.losses, report.actions) == (foretold.losses, foretold.actions)
    assert report.lost_rows > 0
    assert not report.ok
    (aside,) = (name for name in report.set_aside if "000000000002-" in name)
    assert (store_path / aside).read_bytes() == before["segments/000000000002.seg"]
    lost = check(store_path, report)
    assert min(lost) >= 2 * ROWS


def test_acknowledged_commits_are_saved_and_writing_goes_on(path):
    with lakebed.open(path) as store:
        store.append("kept", [{"keep": 1}])
        store.commit()
        store.append("saved", rows(0, 2000))
    flip(segments(path)[0], -50)
    with pytest.warns(RuntimeWarning, match="`lakebed repair`"):
        store = lakebed.open(path)
    with store, pytest.raises(lakebed.Corrupt, match="`lakebed repair`"):
        store.put(b"more")
    report = lakebed.repair(path)
    assert report.ok, report.losses
    with lakebed.open(path) as store:
        assert len(list(store.scan("saved"))) == 2000
        store.put(b"more")
        store.commit()
        assert store.verify().ok


def test_commits_of_which_nothing_is_left_are_named(path):
    with lakebed.open(path) as store:
        store.append("kept", [{"keep": 1}])
        store.commit()
        end = segments(path)[0].stat().st_size
        store.append("gone", rows(0, 2000))
        store.commit()
    with segments(path)[0].open("r+b") as file:
        file.truncate(end)
    report = lakebed.repair(path)
    (loss,) = report.losses
    assert (loss.kind, loss.first_commit, loss.last_commit) == ("commits", 2, 2)
    with lakebed.open(path) as store:
        assert store.put(b"more")
        # Its number is not given again.
        assert store.commit() == 3
        assert store.verify().ok
    assert lakebed.repair(path).clean


def test_a_store_that_does_not_open(store_path):
    (store_path / "FORMAT").unlink()
    shutil.rmtree(store_path / "manifests")
    shutil.rmtree(store_path / "index")
    (store_path / "LOCK").unlink()
    for mode in ("r", "a"):
        with pytest.raises(lakebed.NotAStore, match="`lakebed repair`"):
            lakebed.open(store_path, mode)
    report = lakebed.repair(store_path)
    assert report.ok, report.losses
    assert {action.kind for action in report.actions} == {"format", "manifest"}
    assert check(store_path, report) == set()


def test_an_older_manifest_and_damaged_footers(path, tmp_path):
    with lakebed.open(path) as store:
        store.append("c", [{"n": n} for n in range(100)])
        store.commit()
        store.seal()
    older = shutil.copytree(path / "manifests", tmp_path / "older")
    with lakebed.open(path) as store:
        for k in range(1, 6):
            store.append("c", [{"n": k * 100 + n} for n in range(100)])
            store.seal()
    shutil.rmtree(path / "manifests")
    shutil.copytree(older, path / "manifests")
    for file in segments(path)[-2:]:
        with file.open("r+b") as stream:
            stream.seek(-60, 2)
            stream.write(b"x" * 50)
    report = lakebed.repair(path)
    assert report.ok, report.losses
    with lakebed.open(path) as store:
        assert [row.json()["n"] for row in store.scan("c")] == list(range(600))
        assert store.verify().ok


def test_large_blobs(path):
    whole, broken = b"\x01" * (17 << 20), bytes(range(256)) * (17 << 12)
    with lakebed.open(path) as store:
        one, two = store.put(whole), store.put(broken)
        store.commit()
        store.seal()
    flip(segments(path)[2], 9000)
    shutil.rmtree(path / "manifests")
    report = lakebed.repair(path)
    assert [loss.kind for loss in report.losses] == ["blobs"]
    with lakebed.open(path) as store:
        assert store.get(one) == whole
        assert two not in store
        assert store.verify().ok


def test_what_is_not_a_store(tmp_path):
    for dry_run in (True, False):
        with pytest.raises(lakebed.StoreNotFound):
            lakebed.repair(tmp_path / "nothing", dry_run=dry_run)
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other/file").write_text("x")
        with pytest.raises(lakebed.NotAStore):
            lakebed.repair(tmp_path / "other", dry_run=dry_run)
    assert not (tmp_path / "nothing").exists()
    assert len(list((tmp_path / "other").iterdir())) == 1


def test_a_store_that_is_written(store_path):
    with lakebed.open(store_path) as store:
        store.put(b"pending")
        with pytest.raises(lakebed.StoreLocked):
            lakebed.repair(store_path, lock_timeout=0)
        store.rollback()


def test_the_report_is_a_value(store_path):
    flip(segments(store_path)[1], 5000)
    report = lakebed.repair(store_path, dry_run=True)
    assert pickle.loads(pickle.dumps(report)) == report
    assert lakebed.RepairReport.model_validate_json(report.model_dump_json()) == report
    assert type(report.losses[0]).__module__ == "lakebed"
