"""open, close, commit, rollback, refresh, context managers, read-only stores, and paths that are no stores."""

import os
import pickle
import stat
from pathlib import Path
from typing import Literal

import pytest

import lakebed


def test_a_store_is_made_and_found_again(path):
    with lakebed.open(path) as store:
        assert store.path == str(path)
        hash = store.put(b"hello")
    assert (path / "FORMAT").is_file()
    with lakebed.open(str(path)) as store:
        assert store.get(hash) == b"hello"


def test_pending_work_is_seen_here_and_by_others_after_commit(path):
    with lakebed.open(path) as writer, lakebed.open(path, "r") as reader:
        hash = writer.put(b"hello")
        writer.append("rows", [b"1"])
        assert hash in writer
        assert not reader.refresh()
        assert hash not in reader
        number = writer.commit()
        assert hash not in reader
        assert reader.refresh()
        assert not reader.refresh()
        assert reader.get(hash) == b"hello"
        assert reader.snapshot.commit == writer.snapshot.commit == number


def test_commits_are_numbered_and_listed(store):
    numbers = []
    for number in range(3):
        store.put(str(number).encode())
        numbers.append(store.commit())
    assert numbers == sorted(set(numbers))
    assert store.commit() == numbers[-1]
    commits = store.commits()
    assert [commit.number for commit in commits] == numbers
    assert [commit.blobs for commit in commits] == [1, 1, 1]
    assert commits[0].time.tzinfo is not None


def test_rollback_forgets_pending_work(store):
    kept = store.put(b"kept")
    store.commit()
    gone = store.put(b"gone")
    store.append("rows", [b"1"])
    store.delete(kept)
    store.rollback()
    assert gone not in store
    assert store.get(kept) == b"kept"
    assert list(store.collections()) == []
    assert store.get(store.put(b"gone")) == b"gone"


def test_the_context_manager_commits_at_the_end(path):
    with lakebed.open(path) as store:
        hash = store.put(b"hello")
    assert store.closed
    with lakebed.open(path, "r") as store:
        assert store.get(hash) == b"hello"


def test_the_context_manager_rolls_back_after_an_exception(path):
    with pytest.raises(ZeroDivisionError), lakebed.open(path) as store:  # noqa: PT012 (the block is what is tested)
        kept = store.put(b"kept")
        store.commit()
        gone = store.put(b"gone")
        1 / 0  # noqa: B018
    assert store.closed
    with lakebed.open(path, "r") as store:
        assert kept in store
        assert gone not in store


def test_close_commits_and_may_be_called_twice(path):
    store = lakebed.open(path)
    hash = store.put(b"hello")
    store.close()
    store.close()
    with lakebed.open(path) as store:
        assert store.get(hash) == b"hello"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_dropped_object_commits_nothing(path):
    store = lakebed.open(path)
    store.commit()
    hash = store.put(b"hello")
    del store
    with lakebed.open(path) as store:
        assert hash not in store


CALLS = {
    "put": lambda store: store.put(b"x"),
    "get": lambda store: store.get("00" * 32),
    "get_many": lambda store: store.get_many(["00" * 32]),
    "buffer": lambda store: store.buffer("00" * 32),
    "contains": lambda store: "00" * 32 in store,
    "len": len,
    "delete": lambda store: store.delete("00" * 32),
    "commit": lambda store: store.commit(),
    "rollback": lambda store: store.rollback(),
    "refresh": lambda store: store.refresh(),
    "snapshot": lambda store: store.snapshot,
    "append": lambda store: store.append("rows", [b"1"]),
    "ingest": lambda store: store.ingest(__file__, into="rows"),
    "scan": lambda store: store.scan("rows"),
    "arrow": lambda store: store.arrow("rows"),
    "train": lambda store: store.train("rows"),
    "drop": lambda store: store.drop("rows"),
    "trim": lambda store: store.trim("rows", before_seq=1),
    "seal": lambda store: store.seal(),
    "export": lambda store: store.export("rows", os.devnull),
    "collections": lambda store: store.collections(),
    "schema": lambda store: store.schema("rows"),
    "segments": lambda store: store.segments(),
    "dictionaries": lambda store: store.dictionaries(),
    "commits": lambda store: store.commits(),
    "stats": lambda store: store.stats(),
    "verify": lambda store: store.verify(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_call_on_a_closed_store_says_so(path, call):
    store = lakebed.open(path)
    store.append("rows", [b"1"])
    store.close()
    with pytest.raises(lakebed.Closed, match="closed"):
        call(store)
    with pytest.raises(ValueError, match="closed"):
        call(store)
    assert "closed" in repr(store)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed by Linux")
def test_a_closed_store_holds_no_file_of_the_store(path):
    def opened():
        links = (os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd"))
        return [link for link in links if link.startswith(os.path.realpath(path))]

    with lakebed.open(path) as store:
        store.append("rows", [b"1"] * 9)
        store.commit()
        store.seal()
        assert opened()
    assert opened() == []
    assert store.closed
    assert store.path == os.fspath(path)
    assert store.settings.mode == "a"
    with lakebed.open(path) as other:
        with pytest.raises(lakebed.Closed):
            other.copy_to(store)
        other.drop("rows")
        other.compact()
        assert other.stats().held_bytes == 0


CHANGES = ["put", "append", "ingest", "train", "drop", "trim", "seal"]


@pytest.mark.parametrize("call", [CALLS[name] for name in CHANGES], ids=CHANGES)
def test_a_store_opened_for_reading_refuses_changes(path, call):
    with lakebed.open(path) as store:
        store.append("rows", [b"1", b"2"])
    with lakebed.open(path, "r") as store:
        with pytest.raises(lakebed.ReadOnly):
            call(store)
        assert [row.data for row in store.scan("rows")] == [b"1", b"2"]


def test_reading_a_read_only_directory(path):
    with lakebed.open(path) as store:
        hash = store.put(b"hello")
        store.commit()
        store.seal()
    modes = {}
    for place in [path, *path.rglob("*")]:
        modes[place] = place.stat().st_mode
        place.chmod(modes[place] & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        with lakebed.open(path, "r") as store:
            assert store.get(hash) == b"hello"
    finally:
        for place, mode in modes.items():
            place.chmod(mode)


def test_reading_what_is_not_there(path):
    cases: list[tuple[Literal["r", "a"], bool]] = [("r", True), ("a", False)]
    for mode, create in cases:
        with pytest.raises(lakebed.StoreNotFound, match=r"test\.lakebed"):
            lakebed.open(path, mode, create=create)
        with pytest.raises(FileNotFoundError):
            lakebed.open(path, mode, create=create)
    assert not path.exists()


def test_what_is_no_store_is_refused(path):
    path.mkdir()
    (path / "somebody's file").write_text("hello")
    for mode in ("r", "a"):
        with pytest.raises(lakebed.NotAStore, match=r"test\.lakebed"):
            lakebed.open(path, mode)
    assert [file.name for file in path.iterdir()] == ["somebody's file"]


def test_a_file_is_no_store(path):
    path.write_text("hello")
    for mode in ("r", "a"):
        with pytest.raises((lakebed.NotAStore, lakebed.StoreIOError)):
            lakebed.open(path, mode)
    assert path.read_text() == "hello"


def test_a_newer_format_is_refused(path):
    import xxhash

    with lakebed.open(path) as store:
        store.put(b"hello")
    file = path / "FORMAT"
    head = bytearray(file.read_bytes())
    head[8] = 99
    head[56:64] = xxhash.xxh3_64_intdigest(head[:56], seed=0).to_bytes(8, "little")
    file.write_bytes(head)
    for mode in ("r", "a"):
        with pytest.raises(lakebed.FormatTooNew, match="newer"):
            lakebed.open(path, mode)


def test_damage_is_named(path):
    with lakebed.open(path) as store:
        hash = store.put(os.urandom(1000))
        store.commit()
        store.put(b"after")
    segment = next((path / "segments").iterdir())
    data = bytearray(segment.read_bytes())
    data[400] ^= 1
    segment.write_bytes(data)
    with lakebed.open(path, "r") as store:
        with pytest.raises(lakebed.Corrupt, match="egment"):
            store.get(hash)
        report = store.verify()
        assert not report.ok
        assert report.problems[0].segment == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "w"},
        {"lock_timeout": -1},
        {"lock_timeout": float("nan")},
        {"level": 99},
        {"page_bytes": 0},
        {"segment_bytes": 1},
    ],
)
def test_settings_outside_their_domain_are_refused(path, wrong):
    with pytest.raises(lakebed.InvalidArgument):
        lakebed.open(path, **wrong)


def test_settings_are_kept(path):
    with lakebed.open(
        path, lock_timeout=1.5, cache_bytes=1 << 20, segment_bytes=1 << 20, page_bytes=4096, level=9
    ) as store:
        settings = store.settings
        assert settings.mode == "a"
        assert settings.lock_timeout == 1.5
        assert (settings.cache_bytes, settings.segment_bytes, settings.page_bytes, settings.level) == (
            1 << 20,
            1 << 20,
            4096,
            9,
        )
        assert settings.threads >= 1


def test_a_store_is_not_pickled(store):
    with pytest.raises(TypeError, match="open its path"):
        pickle.dumps(store)


def test_a_subclass_may_have_its_own_get(path):
    class Mine(lakebed.Store):
        def get(self, hash, /):
            return super().get(hash).upper()

    with lakebed.open(path) as plain:
        mine = Mine(plain._engine)
        assert mine.get(plain.put(b"hello")) == b"HELLO"
