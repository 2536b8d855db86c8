"""What nothing holds any more is found through no door; what something holds is found through all."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import lakebed
from tests.backends import HAS_FUNCTIONS

PROGRAM = Path(sys.executable).with_name("lakebed")

SECRET = b'{"secret": "the text that was dropped"}'
SHARED = b'{"also": "a row of another collection"}'
PINNED = b'{"also": "put by itself"}'


def in_python(store, hash):
    """What each way of Python says about a blob."""
    yield "in", hash in store
    yield "in, by a prefix", str(hash)[:12] in store
    yield "get_many", store.get_many([hash])[0] is not None
    for name in (hash, bytes(hash), str(hash), str(hash)[:12]):
        for call in (store.get, store.buffer, store.resolve):
            try:
                call(name)
            except lakebed.BlobNotFound:
                yield f"{call.__name__}({name!r})", False
            else:
                yield f"{call.__name__}({name!r})", True


def in_sql(path, hash):
    """What each way of SQL says about a blob."""
    con = lakebed.connect(path)
    place = str(path).replace("'", "''")

    def count(sql):
        return con.execute(sql).fetchall()[0][0]

    yield "blobs", count(f"SELECT count(*) FROM blobs WHERE hash = '{hash}'") > 0
    if not HAS_FUNCTIONS:
        return
    yield "lakebed_blobs", count(f"SELECT count(*) FROM lakebed_blobs('{place}') WHERE hash = '{hash}'") > 0
    yield (
        "data of blobs",
        count(f"SELECT count(*) FROM lakebed_blobs('{place}') WHERE data = '{decoded(hash)}'::BLOB") > 0,
    )
    try:
        yield "lakebed_get", con.execute(f"SELECT lakebed_get('{place}', '{hash}')").fetchall()[0][0] is not None
    except duckdb.Error:
        yield "lakebed_get", False


def decoded(hash):
    return next(text for text in (SECRET, SHARED, PINNED) if lakebed.Hash.of(text) == hash).decode()


def on_the_command_line(path, hash):
    """What `lakebed get` and the table of blobs say about a blob."""

    def run(*arguments):
        command = [PROGRAM, "--store", str(path), *arguments]
        return subprocess.run(command, capture_output=True, timeout=120, check=False)

    done = run("get", str(hash)[:12])
    assert (done.returncode == 0) == (done.stdout == decoded(hash).encode())
    yield "lakebed get", done.returncode == 0
    get = f"; SELECT lakebed_get('{path}', '{hash}') AS data" if HAS_FUNCTIONS else ""
    done = run("query", f"SELECT hash FROM blobs{get}", "--format", "json")
    found = str(hash).encode() in done.stdout
    yield "lakebed query", found
    assert (done.returncode == 0) == (found or not HAS_FUNCTIONS), done


def everywhere(path, text):
    """Whether a blob is found; all doors must agree."""
    hash = lakebed.Hash.of(text)
    doors: dict[str, bool] = {}
    with lakebed.open(path, "r") as store:
        doors |= dict(in_python(store, hash))
        doors |= {f"snapshot: {door}": found for door, found in in_python(store.snapshot, hash)}
    doors |= dict(in_sql(path, hash))
    doors |= dict(on_the_command_line(path, hash))
    assert len(set(doors.values())) == 1, doors
    return next(iter(doors.values()))


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("release", ["drop", "trim", "delete"])
def test_every_door(path, release, sealed, monkeypatch):
    for name in [name for name in os.environ if name.startswith("LAKEBED_")]:
        monkeypatch.delenv(name)
    with lakebed.open(path) as store:
        store.append("private", [SECRET, SHARED, PINNED])
        store.append("other", [SHARED])
        store.put(PINNED)
        store.commit()
        if sealed:
            store.seal()
        for text in (SECRET, SHARED, PINNED):
            assert everywhere(path, text)
        before = store.snapshot
        count = len(store)
        if release == "drop":
            store.drop("private")
        elif release == "trim":
            store.trim("private", before_seq=3)
        else:
            store.delete(lakebed.Hash.of(SECRET))
            store.commit()
        assert len(store) == count - 1
        assert store.stats().blobs == count - 1
        assert not everywhere(path, SECRET)
        assert everywhere(path, SHARED)
        assert everywhere(path, PINNED)
        with pytest.raises(lakebed.BlobNotFound):
            store.delete(lakebed.Hash.of(SECRET))
        # A snapshot of before still shows it.
        assert before.get(lakebed.Hash.of(SECRET)) == SECRET
        assert all(found for _, found in in_python(before, lakebed.Hash.of(SECRET)))
        del before
        report = store.append("again", [SECRET, SECRET])
        assert (report.new_blobs, report.duplicates) == (1, 1)
        store.commit()
        assert everywhere(path, SECRET)
        assert store.verify().ok
