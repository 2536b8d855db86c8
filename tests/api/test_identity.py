"""An open store and its files: the working directory changes, files and directories are removed, replaced, restored and
hard-linked, and other programs lock them."""

import fcntl
import os
import shutil
import subprocess
import sys

import pytest

import lakebed
from tests.backends import needs_functions


def put(store, data):
    hash = store.put(data)
    store.commit()
    return hash


def in_another_process(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import lakebed, sys\n{code}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


WRITE = """
with lakebed.open(sys.argv[1], lock_timeout=1) as store:
    store.put(sys.argv[2].encode())
"""


def whole(path, count):
    with lakebed.open(path, "r") as store:
        report = store.verify()
        assert report.ok, report.problems
        assert len(store) == count


def test_a_relative_path_is_that_of_the_moment_of_opening(tmp_path, monkeypatch):
    one, two = tmp_path / "one", tmp_path / "two"
    for place in (one, two):
        place.mkdir()
        monkeypatch.chdir(place)
        with lakebed.open("data.lakebed") as store:
            put(store, place.name.encode())
    monkeypatch.chdir(one)
    with lakebed.open("data.lakebed") as store:
        monkeypatch.chdir(two)
        hash = put(store, b"after the change of directory")
        store.seal()
        put(store, b"and more")
        assert not store.refresh()
        assert store.get(lakebed.Hash.of(b"one")) == b"one"
    whole(one / "data.lakebed", 3)
    whole(two / "data.lakebed", 1)
    assert [entry.name for entry in two.iterdir()] == ["data.lakebed"]
    with lakebed.open(one / "data.lakebed", "r") as store:
        assert hash in store


def test_a_writer_whose_lock_file_was_removed_commits_nothing(path):
    store = lakebed.open(path)
    put(store, b"before")
    store.append("rows", [{"n": n} for n in range(5)])
    (path / "LOCK").unlink()
    in_another_process(WRITE, path, "another writer's")
    with pytest.raises(lakebed.StoreLocked, match=r"LOCK of .* was removed or replaced"):
        store.commit()
    whole(path, 2)
    put(store, b"again")
    store.close()
    whole(path, 3)


@pytest.mark.parametrize("moved", [False, True])
def test_a_store_that_another_one_replaced_says_so(path, tmp_path, moved):
    store = lakebed.open(path)
    old = put(store, b"old")
    reader = lakebed.open(path, "r")
    if moved:
        path.rename(tmp_path / "moved")
    else:
        shutil.rmtree(path)
    in_another_process(WRITE, path, "new")
    for call in (lambda: store.put(b"x"), store.refresh, reader.refresh):
        with pytest.raises(lakebed.StoreNotFound, match="This store was replaced"):
            call()
    assert reader.get(old) == b"old"
    reader.close()
    store.close()
    whole(path, 1)


def test_a_restore_in_place_ends_open_readers(path, tmp_path):
    with lakebed.open(path) as store:
        put(store, b"old")
        shutil.copytree(path, tmp_path / "backup")
        put(store, b"new")
    reader = lakebed.open(path, "r")
    shutil.copytree(tmp_path / "backup", path, dirs_exist_ok=True)
    with pytest.raises(lakebed.StoreNotFound, match="as after a restore from a backup"):
        reader.refresh()
    reader.close()
    whole(path, 1)


@needs_functions
def test_queries_of_the_extension_go_on_with_the_store_that_is_there(path):
    with lakebed.open(path) as store:
        store.append("rows", [{"n": 1}])
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.load_extension(str(lakebed.extension_path()))
    query = f"SELECT count(*) FROM lakebed_scan('{path}', 'rows')"
    assert connection.sql(query).fetchall() == [(1,)]
    backup = path.with_name("backup")
    shutil.copytree(path, backup)
    with lakebed.open(path) as store:
        store.append("rows", [{"n": 2}])
    assert connection.sql(query).fetchall() == [(2,)]
    shutil.rmtree(path)
    backup.rename(path)
    assert connection.sql(query).fetchall() == [(1,)]
    with lakebed.open(path) as store:
        store.append("rows", [{"n": n} for n in range(5)])
    assert connection.sql(query).fetchall() == [(6,)]
    connection.close()


def test_an_attached_store_object_whose_store_was_replaced_says_so_at_refresh(path):
    with lakebed.open(path) as store:
        store.append("rows", [{"n": 1}])
    with lakebed.open(path, "r") as reader, lakebed.connect(reader) as connection:
        shutil.rmtree(path)
        in_another_process(WRITE, path, "new")
        assert connection.sql("SELECT n FROM rows").fetchall() == [(1,)]
        with pytest.raises(lakebed.StoreNotFound, match="This store was replaced"):
            lakebed.refresh(connection)


def test_a_hard_linked_copy_is_a_store_of_its_own(path, tmp_path):
    copy = tmp_path / "copy"
    store = lakebed.open(path)
    put(store, b"old")
    shutil.copytree(path, copy, copy_function=os.link)
    put(store, b"new")
    store.seal()
    put(store, b"newer")
    whole(copy, 1)
    with lakebed.open(copy) as other:
        put(other, b"in the copy")
        other.seal()
    whole(copy, 2)
    put(store, b"newest")
    store.close()
    whole(path, 4)


@pytest.mark.skipif(sys.platform != "linux", reason="locks of readers are in the way elsewhere")
def test_locks_that_readers_can_take_are_not_in_the_way(path):
    with lakebed.open(path) as store:
        put(store, b"old")
    with (path / "LOCK").open("rb") as file:
        for kind in (fcntl.LOCK_SH, fcntl.LOCK_EX):
            fcntl.flock(file, kind)
            with lakebed.open(path, lock_timeout=0) as store:
                put(store, b"new %d" % kind)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the lock is flock's")
def test_a_program_that_only_reads_cannot_keep_writers_away(path):
    with lakebed.open(path) as store:
        put(store, b"old")
    code = """
import fcntl
file = open(sys.argv[1] + "/LOCK", "rb")
fcntl.lockf(file, fcntl.LOCK_SH)
print("held", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", f"import sys\n{code}", str(path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with lakebed.open(path, lock_timeout=0) as store:
        put(store, b"new")
        put(store, b"newer")
        # Other writers still wait for this one.
        store.put(b"pending")
        with lakebed.open(path, lock_timeout=0) as other, pytest.raises(lakebed.StoreLocked, match="this same process"):
            other.put(b"other")
    holder.communicate(timeout=30)
    whole(path, 4)
    assert not (path / ".LOCK.tmp").exists()
