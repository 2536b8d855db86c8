"""Backups, restores, rows copied between stores, and copies made by other programs: each way that docs/copies.md
names."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lakebed


def rows(place, collection="things"):
    with lakebed.open(place, "r") as store:
        return [row.data for row in store.scan(collection)]


def whole(place):
    with lakebed.open(place, "r") as store:
        assert store.verify().problems == ()


def fill(store, start, count=100):
    store.append("things", [{"id": number, "text": f"text {number % 7}"} for number in range(start, start + count)])
    store.commit()


def test_backups_are_incremental_and_old_ones_go(store, tmp_path):
    place = tmp_path / "backups"
    fill(store, 0)
    store.seal()
    fill(store, 100)
    first = store.backup(place)
    assert (first.segments, first.linked_segments, first.removed) == (2, 0, ())
    assert Path(first.path).parent == place
    fill(store, 200)
    store.append("things", [{"pending": True}])
    seen: list[lakebed.Progress] = []
    second = store.backup(str(place), keep=1, progress=seen.append)
    assert second.linked_segments == 1
    assert second.commit == store.commit() == first.commit + 2
    assert second.removed == (Path(first.path).name,)
    assert [entry.name for entry in place.iterdir()] == [Path(second.path).name]
    assert seen[-1].bytes == seen[-1].total_bytes == second.bytes
    assert json.loads(second.model_dump_json())["removed"] == [Path(first.path).name]
    assert rows(second.path) == rows(store.path)
    whole(second.path)


def test_backups_and_restores_count_all_files_of_columns(store, tmp_path):
    fill(store, 0, 2000)
    store.compact("things", layout="columns")
    files = [file for file in (Path(store.path) / "segments").iterdir() if file.stat().st_size]
    assert {file.suffix for file in files} == {".seg", ".parquet"}
    seen: list[lakebed.Progress] = []
    made = store.backup(tmp_path / "backups", progress=seen.append)
    size = sum(file.stat().st_size for file in files)
    assert (made.bytes, made.copied_bytes) == (size, size)
    assert seen[-1].bytes == seen[-1].total_bytes == size
    assert lakebed.restore(made.path, tmp_path / "again").bytes == size
    again = store.backup(tmp_path / "backups")
    assert (again.bytes, again.copied_bytes) == (size, 0)


def test_a_backup_is_read_and_not_written(store, tmp_path):
    fill(store, 0)
    made = store.backup(tmp_path / "backups").path
    with lakebed.open(made) as opened:
        assert sum(1 for _ in opened.scan("things")) == 100
        with pytest.raises(lakebed.ReadOnly, match=r"is a backup.*lakebed\.restore"):
            opened.put(b"more")
    con = lakebed.connect(made)
    assert con.sql("SELECT count(*) FROM things").fetchall() == [(100,)]
    con.close()


def test_a_restored_store_has_its_own_uuid(store, tmp_path):
    place, target = tmp_path / "backups", tmp_path / "restored.lakebed"
    fill(store, 0)
    store.seal()
    fill(store, 100)
    store.backup(place)
    fill(store, 200)
    newest = store.backup(place)
    report = lakebed.restore(place, target)
    assert (report.backup, report.commit) == (newest.path, newest.commit)
    with lakebed.open(target) as restored:
        assert restored.stats().uuid != store.stats().uuid
        fill(restored, 300)
    assert len(rows(target)) == 400
    whole(target)
    with pytest.raises(lakebed.InvalidArgument, match="replaces nothing"):
        lakebed.restore(place, target)
    with pytest.raises(lakebed.StoreNotFound):
        lakebed.restore(tmp_path / "nothing", tmp_path / "to")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_what_is_interrupted_is_not_whole_and_is_made_again(store, tmp_path, what):
    place, target = tmp_path / "backups", tmp_path / "restored.lakebed"
    noise = os.urandom(6 << 20)
    for part in range(3):
        store.put(noise + bytes([part]))
    store.seal()
    made = store.backup(place) if what == "restore" else None

    def stop(_):
        raise KeyboardInterrupt

    begin = (
        (lambda: store.backup(place, progress=stop))
        if what == "backup"
        else (lambda: lakebed.restore(place, target, progress=stop))
    )
    with pytest.raises(KeyboardInterrupt):
        begin()
    half = next(place.iterdir()) if what == "backup" else target
    for mode in ("r", "a"):
        with pytest.raises(lakebed.NotAStore, match="not finished"):
            lakebed.open(half, mode)
    if what == "backup":
        made = store.backup(place)
        assert [str(entry) for entry in place.iterdir()] == [made.path]
        whole(made.path)
    else:
        lakebed.restore(place, target)
        whole(target)


def test_arguments_that_are_none(store, tmp_path):
    fill(store, 0)
    for keep in (0, -1):
        with pytest.raises(lakebed.InvalidArgument):
            store.backup(tmp_path / "backups", keep=keep)
    with pytest.raises(lakebed.InvalidArgument, match="inside the store"):
        store.backup(Path(store.path) / "backups")
    with pytest.raises(lakebed.InvalidArgument, match="itself a store"):
        store.backup(store.backup(tmp_path / "backups").path)
    with pytest.raises(lakebed.InvalidArgument, match="empty"):
        store.backup("")
    with lakebed.open(tmp_path / "other.lakebed") as other:
        fill(other, 0)
        with pytest.raises(lakebed.InvalidArgument, match="another store"):
            other.backup(tmp_path / "backups")
        with pytest.raises(lakebed.InvalidArgument, match="None copies all"):
            store.copy_to(other, [])
        with pytest.raises(TypeError):
            store.copy_to("other.lakebed")
        with pytest.raises(lakebed.CollectionNotFound):
            store.copy_to(other, "nothing")
    with pytest.raises(lakebed.InvalidArgument, match="the same one"):
        store.copy_to(store)


def test_rows_are_copied_with_their_origin(store, ndjson, tmp_path):
    store.ingest(ndjson)
    store.append("notes", [{"a": 1}])
    hash = store.put(b"a blob")
    with lakebed.open(tmp_path / "other.lakebed") as other:
        fill(other, 0)
        report = store.copy_to(other)
        assert (report.rows, report.pinned) == (1001, 1)
        assert {one.name: one.rows for one in report.collections} == {"notes": 1, "things": 1000}
        assert other.get(hash) == b"a blob"
        copied = list(other.scan("things"))[100:]
        original = list(store.scan("things"))
        for attribute in ("file", "line", "ingested_at", "hash"):
            assert [getattr(row, attribute) for row in copied] == [getattr(row, attribute) for row in original]
        assert other.ingest(ndjson).skipped
        store.append("things", [{"id": "later"}])
        again = store.copy_to(other, "things")
        assert (again.rows, again.collections[0].copied_before) == (1, 1000)
        assert other.verify().ok


def test_a_copy_of_a_store_that_nobody_writes(store, path, tmp_path):
    fill(store, 0)
    store.seal()
    fill(store, 100)
    store.close()
    for number, command in enumerate((["cp", "-r"], ["cp", "-al"], ["rsync", "-a"])):
        if not shutil.which(command[0]):
            continue
        copy = tmp_path / f"copy-{number}.lakebed"
        subprocess.run([*command, f"{path}/" if command[0] == "rsync" else path, copy], check=True)
        with lakebed.open(copy) as opened:
            fill(opened, 200)
        with lakebed.open(path) as original:
            assert sum(1 for _ in original.scan("things")) == 200
        assert len(rows(copy)) == 300
        whole(copy)
    whole(path)


@pytest.mark.parametrize("first", ["segments", "manifests"])
def test_a_copy_made_while_a_writer_worked_says_what_it_lacks(store, path, tmp_path, first):
    """The orders in which `cp -r` may read the directories, with a seal in between."""
    copy = tmp_path / "copy.lakebed"
    fill(store, 0)
    copy.mkdir()
    shutil.copytree(path / first, copy / first)
    store.seal()
    fill(store, 100)
    store.seal()
    fill(store, 200)
    for entry in path.iterdir():
        if entry.name == first:
            continue
        (shutil.copytree if entry.is_dir() else shutil.copy)(entry, copy / entry.name)
    with pytest.warns(RuntimeWarning, match="has lost"):
        opened = lakebed.open(copy)
    with opened:
        try:
            found = len(list(opened.scan("things")))
        except lakebed.Corrupt:
            # A segment that the older manifest names is not among the copied files.
            assert first == "segments"
            found = 0
        assert found < 300
        with pytest.raises(lakebed.Corrupt, match="has lost"):
            opened.put(b"more")


def test_backups_that_were_synced_elsewhere_are_backups(store, tmp_path):
    place, elsewhere = tmp_path / "backups", tmp_path / "elsewhere"
    for start in (0, 100):
        fill(store, start)
        store.seal()
        store.backup(place)
    shutil.copytree(place, elsewhere)
    lakebed.restore(elsewhere, tmp_path / "restored.lakebed")
    assert len(rows(tmp_path / "restored.lakebed")) == 200
    # The series goes on there, too.
    report = store.backup(elsewhere, keep=1)
    assert (report.linked_segments, len(report.removed)) == (2, 2)


KILLED = """
import lakebed, sys
lakebed.open(sys.argv[1], "r").backup(sys.argv[2], keep=1, progress=lambda _: print("on", flush=True))
"""


def test_a_killed_backup_leaves_the_one_before(store, tmp_path):
    place = tmp_path / "backups"
    fill(store, 0)
    before = store.backup(place).path
    for part in range(8):
        store.put(os.urandom(6 << 20) + bytes([part]))
    store.commit()
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, store.path, str(place)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"on\n"
        killed.kill()
    assert rows(before) == rows(store.path)
    assert len(list(place.iterdir())) == 2
    report = store.backup(place, keep=1)
    assert [str(entry) for entry in place.iterdir()] == [report.path]
    whole(report.path)
