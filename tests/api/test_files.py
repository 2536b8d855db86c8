"""`Store.files`: the Parquet files of a collection, as other programs read them."""

import json

import duckdb
import polars
import pyarrow.parquet
import pytest

import lakebed

RECORDS = [
    {"id": n, "name": f"n{n}", "tags": ["a"] * (n % 3), "o": {"x": n / 2, "any": n if n % 2 else "odd"}, "any": n % 5 or "zero"}
    for n in range(300)
]  # fmt: skip


@pytest.fixture
def events(path):
    with lakebed.open(path) as store:
        store.append("events", RECORDS)
        store.compact("events", layout="columns")
        yield store


def exported(store):
    """Of each row its `_seq`, and its record as JSON."""
    return {row.seq: row.json() for row in store.scan("events")}


def records(rows):
    """Rows of a file as records: JSON is text in them."""
    found = {}
    for row in rows:
        o = dict(row["o"], any=json.loads(row["o"]["any"]))
        found[row["_seq"]] = {
            "id": row["id"],
            "name": row["name"],
            "tags": row["tags"],
            "o": o,
            "any": json.loads(row["any"]),
        }
    return found


def readers(paths):
    with duckdb.connect() as con:
        result = con.execute("FROM read_parquet(?)", [paths])
        names = [column[0] for column in result.description]
        yield "DuckDB", [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    yield "pyarrow", [row for path in paths for row in pyarrow.parquet.read_table(path).to_pylist()]
    yield "Polars", polars.read_parquet(paths).to_dicts()


def test_other_programs_read_the_files_in_place(events, path):
    found = events.files("events")
    assert (found.collection, found.rows, found.rows_elsewhere) == ("events", 300, 0)
    [file] = found.files
    assert (file.rows, file.live_rows, file.first_seq, file.last_seq, file.gone) == (300, 300, 0, 299, ())
    assert file.path == f"{path}/{file.name}"
    assert file.bytes == (path / file.name).stat().st_size
    for reader, rows in readers(found.paths):
        assert records(rows) == exported(events), reader


def test_rows_that_are_in_no_file_are_counted_and_scanned(events):
    events.append("events", [*RECORDS[:2], {"id": 1000, "new": True}])
    found = events.files("events")
    assert (found.rows, found.rows_elsewhere) == (303, 3)
    without = [int(segment.number) for segment in events.segments() if segment.layout == "columns"]
    rest = pyarrow.table(events.arrow("events", ["_seq"], without=without))
    assert rest.to_pydict() == {"_seq": [300, 301, 302]}


def test_a_file_says_which_of_its_rows_are_gone(events):
    for row in list(events.scan("events", 10, 12)):
        events.delete(row.hash)
    events.delete(next(iter(events.scan("events", 299))).hash)
    events.trim("events", before_seq=3)
    found = events.files("events")
    [file] = found.files
    assert file.gone == ((0, 3), (10, 12), (299, 300))
    assert (file.rows, file.live_rows, found.rows, found.rows_elsewhere) == (300, 294, 294, 0)
    for reader, rows in readers(found.paths):
        kept = [row for row in rows if not any(first <= row["_seq"] < end for first, end in file.gone)]
        assert records(kept) == exported(events), reader
    events.compact()
    [file] = events.files("events").files
    assert (file.rows, file.gone) == (294, ())


def test_a_snapshot_keeps_its_files(events):
    snapshot = events.snapshot
    events.trim("events", before_seq=100)
    events.compact()
    [before] = snapshot.files("events").files
    [now] = events.files("events").files
    assert pyarrow.parquet.read_metadata(before.path).num_rows == 300
    assert pyarrow.parquet.read_metadata(now.path).num_rows == 200


def test_a_collection_of_rows_has_no_files(store):
    store.append("events", RECORDS)
    found = store.files("events")
    assert (found.paths, found.rows, found.rows_elsewhere) == ([], 300, 300)
    store.drop("events")
    with pytest.raises(lakebed.CollectionNotFound):
        store.files("events")
