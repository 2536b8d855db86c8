"""Columns and rows give the same answers through every door: two copies of a store, one in each layout."""

import io
import json
import random
import shutil
from pathlib import Path
from typing import Any, Literal

import pyarrow
import pytest

import lakebed
from tests.backends import HAS_FUNCTIONS

TIMES = "2024-02-29T12:{:02}:00Z"


def event(number):
    """A record; every now and then one that is spelled in another way, or of another shape."""
    record = {
        "id": number,
        "at": TIMES.format(number % 60),
        "ratio": number / 8,
        "tags": ["a", f"t{number % 7}"][: number % 3],
        "place": {"city": f"city {number % 11}", "position": [number, -number]},
        "mixed": [number, f"text {number}", {"n": number}][number % 3],
    }
    if number % 60 == 17:
        return f'{{"id": {number}, "ratio":1e2, "id":{number} }}'.encode()
    return json.dumps(record, separators=(",", ":") if number % 50 else (", ", " : ")).encode()


@pytest.fixture
def pair(path, tmp_path):
    """The same store in rows and in columns: two collections that become columns and share records, one that stays
    rows, blobs that were put, deleted and trimmed rows, and an active segment."""
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(event(number) + b"\n" for number in range(300)))
    with lakebed.open(path) as store:
        store.ingest(file, into="events", train=False)
        store.append("others", [event(number) for number in range(250, 400)])
        store.append("few", [{"few": number} for number in range(5)])
        store.put(random.Random(1).randbytes(5000))
        store.put(event(3))
        store.commit()
        store.delete(lakebed.Hash.of(event(40)))
        store.trim("others", before_seq=20)
        store.commit()
        store.seal()
    columns = tmp_path / "columns.lakebed"
    shutil.copytree(path, columns)
    layouts: list[tuple[Path, Literal["rows", "columns"]]] = [(path, "rows"), (columns, "columns")]
    for store_path, layout in layouts:
        with lakebed.open(store_path) as store:
            store.compact(layout=layout)
            assert {segment.layout for segment in store.segments()} == {layout}
            # Behind it a segment of rows that repeats records of the columns.
            store.append("events", [event(5), event(999), event(260)])
            store.commit()
    return path, columns


def everything(path):
    """What each door of a store says, without what tells the layout and the moment."""
    said: dict[str, Any] = {}
    with lakebed.open(path, mode="r") as store:
        names = sorted(collection.name for collection in store.collections())
        hashes = []
        for name in names:
            rows = [(row.seq, row.blob, row.hash, row.file, row.line, bytes(row.data)) for row in store.scan(name)]
            hashes += [row[2] for row in rows]
            out = io.BytesIO()
            store.export(name, out)
            table = pyarrow.table(store.arrow(name))
            said[name] = {
                "rows": rows,
                "from the middle": [bytes(row.data) for row in store.scan(name, start=3, stop=9)],
                "export": out.getvalue(),
                "arrow": table.drop_columns(["_ingested_at"]).to_pylist(),
                "schema": store.schema(name).model_dump(exclude={"columns": {"__all__": {"notes"}}}),
            }
        gone = [lakebed.Hash.of(event(40)), lakebed.Hash.of(b"never there"), lakebed.Hash.of(event(253))]
        said["get"] = [store.get(hash) for hash in hashes]
        said["get_many"] = store.get_many([*hashes[::-1], *gone])
        said["contains"] = [hash in store for hash in [*hashes, *gone]]
        said["resolve"] = [store.resolve(str(hash)[:12]) for hash in hashes]
        said["commits"] = [(commit.number, commit.blobs, commit.rows) for commit in store.commits()]
        said["verify"] = store.verify().problems
    connection = lakebed.connect(path)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name in names:
            view = f'SELECT _json, _hash, * FROM "{name}" ORDER BY _seq'
            said[f"{name} as a view"] = without_time(connection.execute(view))
            if not HAS_FUNCTIONS:
                continue
            scan = "SELECT * FROM lakebed_scan(?, ?) ORDER BY _seq"
            said[f"{name} in SQL"] = without_time(connection.execute(scan, [str(path), name]))
            said[f"{name} as of"] = [
                connection.execute(
                    f"SELECT count(*), sum(_seq) FROM lakebed_scan(?, ?, snapshot := {number})", [str(path), name]
                ).fetchall()
                for number, *_ in said["commits"]
            ]
        said["blobs"] = connection.execute("SELECT id, hash, kind, size FROM blobs ORDER BY id").fetchall()
        said["filtered"] = connection.execute(
            "SELECT id, place.city, _line FROM events WHERE ratio > 10 AND ratio < 12 ORDER BY _seq"
        ).fetchall()
    finally:
        connection.close()
    return said


def without_time(cursor):
    """The rows of an answer, without the time of ingest: each store has its own for what came later."""
    kept = [number for number, column in enumerate(cursor.description) if column[0] != "_ingested_at"]
    return [[row[number] for number in kept] for row in cursor.fetchall()]


def assert_same(pair):
    rows, columns = (everything(path) for path in pair)
    for door, answer in rows.items():
        assert columns[door] == answer, door
    assert rows["verify"] == ()


def on_both(pair, change):
    """The same change to both stores says the same."""
    said = []
    for path in pair:
        with lakebed.open(path) as store:
            said.append(change(store))
    assert said[0] == said[1]
    assert_same(pair)
    return said[0]


def test_every_door_gives_the_same(pair):
    assert_same(pair)


def test_what_comes_again_is_known(pair, tmp_path):
    file = tmp_path / "again.ndjson"
    file.write_bytes(b"".join(event(number) + b"\n" for number in range(290, 310)))

    def ingest(store):
        report = store.ingest(file, into="events", train=False)
        return report.rows, report.new_blobs, report.duplicates

    # 300 to 309 are records of the other collection.
    assert on_both(pair, ingest) == (20, 0, 20)

    def append(store):
        report = store.append("others", [event(1), event(5000), event(40)])
        store.commit()
        return report.rows, report.duplicates

    # The third was deleted, and is new.
    assert on_both(pair, append) == (3, 1)


def test_trim_delete_and_drop(pair):
    assert on_both(pair, lambda store: store.trim("events", before_seq=100)) == 99

    def delete(store):
        rows = store.delete(lakebed.Hash.of(event(280)))
        store.commit()
        return rows

    # A row of each collection.
    assert on_both(pair, delete) == 2
    on_both(pair, lambda store: [one.rows for one in lakebed.forget(store, "id = 270").rows])
    on_both(pair, lambda store: store.drop("others"))
    on_both(pair, lambda store: store.compact().removed_blobs)


def test_copies_of_it(pair, tmp_path):
    copies = []
    for number, path in enumerate(pair):
        with lakebed.open(path) as store:
            store.backup(tmp_path / f"backups-{number}")
            with lakebed.open(tmp_path / f"copy-{number}.lakebed") as other:
                store.copy_to(other)
        (backup,) = (one for one in (tmp_path / f"backups-{number}").iterdir() if one.is_dir())
        lakebed.restore(backup, tmp_path / f"restored-{number}.lakebed")
        copies.append([backup, tmp_path / f"copy-{number}.lakebed", tmp_path / f"restored-{number}.lakebed"])
    for both in zip(*copies, strict=True):
        assert_same(both)
