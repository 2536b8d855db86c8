"""compact: the space comes back, and nothing else changes."""

import json
import os
import random
import re
import subprocess
import sys

import pytest

import lakebed


def text(seed, size=400):
    """A JSON string that does not shrink much."""
    return json.dumps(random.Random(seed).randbytes(size).hex()).encode()


def filled(path, **options):
    """A store with a collection to keep and one to drop, mixed over several segments."""
    store = lakebed.open(path, segment_bytes=64 << 10, **options)
    for part in range(8):
        store.append("kept", [text(f"kept {part} {n}") for n in range(20)])
        store.append("dropped", [text(f"dropped {part} {n}") for n in range(180)])
        store.commit()
    return store


def size(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def in_files(path, needle):
    return [str(file) for file in path.rglob("*") if file.is_file() and needle in file.read_bytes()]


def rows(store, name):
    return [(row.seq, row.blob, row.hash, row.file, row.line, row.ingested_at) for row in store.scan(name)]


def test_space_comes_back(path):
    with filled(path) as store:
        before = rows(store, "kept")
        commits = [(commit.number, commit.time, commit.rows) for commit in store.commits()]
        assert store.compact().rewritten_segments <= 1, "only what was not sealed may be worth it"
        store.drop("dropped")
        whole = size(path)
        foreseen = store.compact(dry_run=True)
        assert foreseen.dry_run
        assert size(path) == whole
        seen: list[lakebed.Progress] = []
        report = store.compact(progress=seen.append)
        assert seen
        assert report.removed_blobs == foreseen.removed_blobs == 8 * 180
        assert 0.8 < foreseen.freed_bytes / report.freed_bytes < 1.2
        assert (report.held_bytes, report.skipped_segments, report.aside_bytes) == (0, 0, 0)
        assert size(path) < whole / 5
        assert rows(store, "kept") == before
        assert [(commit.number, commit.time, commit.rows) for commit in store.commits()] == [
            *commits,
            *((commit.number, commit.time, commit.rows) for commit in store.commits()[len(commits) :]),
        ]
        assert store.verify().ok
        again = store.compact()
        assert (again.rewritten_segments, again.freed_bytes) == (0, 0)
    with lakebed.open(path, "r") as store:
        assert rows(store, "kept") == before
        assert store.compact(dry_run=True).freed_bytes == 0
        with pytest.raises(lakebed.ReadOnly):
            store.compact()


def test_dropped_bytes_are_in_no_file(path):
    # They do not shrink, so that they lie in the files as they are.
    secret, kept = random.Random(1).randbytes(3000), random.Random(2).randbytes(3000)
    with lakebed.open(path) as store:
        store.put(kept)
        hash = store.put(secret)
        store.commit()
        store.seal()
        store.delete(hash)
        store.commit()
        assert in_files(path, secret)
        store.compact()
        assert not in_files(path, secret)
        assert in_files(path, kept)


READER = """
import sys, lakebed
with lakebed.open(sys.argv[1], "r") as store:
    snapshot = store.snapshot
    print("open", flush=True)
    sys.stdin.readline()
    print(sum(len(row.data) for row in snapshot.scan("dropped")), snapshot.commit, flush=True)
    store.refresh()
    print([collection.name for collection in store.collections()], flush=True)
"""


def test_a_reader_in_another_process_goes_on(path):
    with filled(path) as store:
        expected = sum(len(row.data) for row in store.scan("dropped"))
        commit = store.snapshot.commit
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            assert reader.stdout.readline() == "open\n"
            store.drop("dropped")
            report = store.compact()
            assert report.held_bytes > report.bytes_after
            assert store.stats().held_bytes == report.held_bytes
            reader.stdin.write("\n")
            reader.stdin.flush()
            assert reader.stdout.readline() == f"{expected} {commit}\n"
            assert reader.stdout.readline() == "['kept']\n"
        assert reader.returncode == 0
        store.append("kept", [b"1"])
        store.commit()
        store.seal()
        assert store.stats().held_bytes == 0
        assert store.verify().ok


def test_a_query_of_before_goes_on(path):
    with filled(path) as store:
        con = lakebed.connect(path)
        cursor = con.execute("SELECT _json FROM dropped")
        first = cursor.fetchone()
        store.drop("dropped")
        store.compact()
        assert first is not None
        assert len(cursor.fetchall()) == 8 * 180 - 1
        assert con.execute("SELECT count(*) FROM kept").fetchone() == (160,)
        con.close()


def test_a_level_makes_it_smaller(path):
    with lakebed.open(path, level=1) as store:
        words = ["alpha", "beta", "gamma", "delta", "epsilon"]
        chosen = random.Random(5)
        store.append("c", [{"n": n, "words": chosen.choices(words, k=20)} for n in range(5000)])
        store.seal()
        before = rows(store, "c")
        report = store.compact(level=19)
        assert report.bytes_after < report.bytes_before * 0.95
        assert rows(store, "c") == before
        assert store.verify().ok
        for level in (0, 23, 2**40):
            with pytest.raises(lakebed.InvalidArgument, match="compression level"):
                store.compact(level=level)
        with pytest.raises(lakebed.InvalidArgument):
            store.compact(level=-1)


def test_what_was_pending_is_committed_first(path):
    with filled(path) as store:
        store.drop("dropped")
        store.append("kept", [b'"pending"'])
        store.compact()
        with lakebed.open(path, "r") as other:
            assert list(other.scan("kept"))[-1].data == b'"pending"'


def fill(store):
    for part in range(1000):
        store.append("kept", [text(f"kept {part} {n}") for n in range(10)])
        store.append("dropped", [text(f"dropped {part} {n}") for n in range(90)])
        store.commit()


def fill_disk(file):
    """To the last byte."""
    with file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(512))


def test_on_a_full_disk(path):
    """A drop frees space on a disk that has room for less than a segment."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    mount = path.parent / "small"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", mount], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no tmpfs here")
    try:
        place = mount / "test.lakebed"
        with lakebed.open(place, segment_bytes=512 << 10) as store:
            with pytest.raises(lakebed.StoreFull):
                fill(store)
            store.rollback()
            before = rows(store, "kept")
            with pytest.raises(OSError, match="No space"):
                fill_disk(mount / "filler")
            store.drop("dropped")
            report = store.compact()
            assert report.skipped_segments == 0
            assert report.bytes_after < report.bytes_before / 3
            assert rows(store, "kept") == before
            assert store.verify().ok
            store.append("kept", [text(n) for n in range(100)])
            store.commit()
    finally:
        subprocess.run(["umount", "-l", mount], check=False)


def events(count):
    """Records of one kind."""
    return [json.dumps({"id": n, "name": f"user {n % 97}", "tags": ["a", str(n % 7)]}).encode() for n in range(count)]


def test_columns_are_parquet_files_that_others_read(path):
    pq = pytest.importorskip("pyarrow.parquet")
    with lakebed.open(path) as store:
        store.append("events", events(5000))
        store.append("notes", [b'"only text"', b"7"])
        store.commit()
        before = rows(store, "events")
        report = store.compact("events", layout="columns")
        assert report.stays_rows == ()
        assert rows(store, "events") == before
        assert [store.get(row[2]) for row in before[::500]] == events(5000)[::500]
        assert not store.verify().problems
        assert [segment.layout for segment in store.segments()] == ["columns"]
        (part,) = path.glob("segments/*.parquet")
        table = pq.read_table(part)
        assert table.column_names[:4] == ["id", "name", "tags", "_seq"]
        assert table["id"].to_pylist() == list(range(5000))
        assert table["tags"].to_pylist()[3] == ["a", "3"]
        assert table["_raw"].null_count == 5000

        kept = store.compact(layout="columns")
        (reason,) = kept.stays_rows
        assert re.fullmatch(r"notes stays rows in segment \d+: it has only 2 rows here\.", reason)
        store.compact(layout="rows")
        assert not list(path.glob("segments/*.parquet"))
        assert rows(store, "events") == before


def test_a_layout_that_there_is_not_is_refused(path):
    with lakebed.open(path) as store:
        store.append("events", events(3))
        with pytest.raises(lakebed.InvalidArgument, match="rows, columns or auto, not"):
            store.compact(layout="other")  # type: ignore[arg-type]
        with pytest.raises(lakebed.InvalidArgument, match="needs a layout"):
            store.compact("events")
        with pytest.raises(lakebed.CollectionNotFound):
            store.compact("event", layout="columns")


def test_the_layout_of_a_collection_is_kept_and_followed(path, tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(events(500)) + b"\n")
    with lakebed.open(path) as store:
        assert store.ingest(file).notes == ()
        assert store.schema("events").layout == "auto"
        assert {segment.layout for segment in store.segments()} == {"rows"}
        assert store.declare("events", layout="columns").layout == "columns"
        with pytest.raises(lakebed.CollectionNotFound):
            store.declare("nosuch", layout="columns")
        with pytest.raises(lakebed.InvalidArgument, match="rows, columns or auto, not"):
            store.declare("events", layout="other")  # type: ignore[arg-type]
    with lakebed.open(path) as store:
        assert store.schema("events").layout == "columns"
        store.declare("events", {"id": "DOUBLE"})
        assert store.declare("events", layout="rows").layout == "rows"
        assert store.infer("events").layout == "rows"


def test_an_ingest_straight_to_columns(path, tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(events(500)) + b"\n")
    (tmp_path / "odd.ndjson").write_bytes(b"[1, 2]\n")
    with lakebed.open(path) as store:
        report = store.ingest(file, layout="columns")
        assert report.notes == ()
        assert 0 < report.bytes_stored <= store.stats().segment_bytes
        assert [segment.layout for segment in store.segments() if segment.blobs] == ["columns"]
        (note,) = store.ingest(tmp_path / "odd.ndjson", layout="columns").notes
        assert note.endswith("it has only 1 rows here.")
        before = store.stats().commit
        store.ingest(tmp_path / "odd.ndjson", layout="columns", dry_run=True, again=True)
        assert store.stats().commit == before
        row = next(iter(store.scan("events", 7)))
        assert store.get(row.hash) == events(500)[7]


def test_rows_that_become_columns_need_no_dictionary(path, tmp_path):
    file = tmp_path / "events.ndjson"
    # Sentences that come again, far from each other.
    sentences = [" ".join(f"{n * word * 7919 % 99991:x}" for word in range(1, 40)) for n in range(1, 300)]
    records = [json.dumps({"id": n, "text": sentences[n * 97 % 299]}).encode() for n in range(3000)]
    file.write_bytes(b"\n".join(records) + b"\n")
    with lakebed.open(path) as store:
        report = store.ingest(file, layout="columns")
        assert (report.trained, report.rows, report.new_blobs) == (None, 3000, 3000)
        assert 0 < report.bytes_stored <= store.stats().segment_bytes
        assert list(store.dictionaries()) == []
        assert [row.data for row in store.scan("events")] == records
    with lakebed.open(tmp_path / "rows.lakebed") as store:
        assert store.ingest(file, layout="rows").trained is not None


def test_many_ingested_records_become_columns_by_themselves(path, tmp_path):
    file = tmp_path / "events.ndjson"
    with file.open("wb") as out:
        out.writelines(
            json.dumps({"id": n, "name": f"user {n % 97}", "text": "some words " * 40}).encode() + b"\n"
            for n in range(40_000)
        )
    assert file.stat().st_size > 16 << 20
    with lakebed.open(path) as store:
        assert store.ingest(file).rows == 40_000
        layouts = {segment.layout for segment in store.segments() if segment.blobs}
        assert layouts == {"columns"}
        kept = store.ingest(file, "kept", layout="rows")
        assert kept.rows == 40_000
        assert store.schema("kept").layout == "rows"
        assert not store.verify().problems
