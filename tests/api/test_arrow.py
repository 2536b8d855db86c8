"""schema, arrow, table, snapshots: typed rows for other libraries."""

import gc
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lakebed


@pytest.fixture
def rows(store):
    store.append("rows", [{"n": number, "t": f"text {number}", "d": {"x": number / 2}} for number in range(20_000)])
    store.commit()
    return store


def test_a_stream_is_read_by_every_library(rows):
    stream = rows.arrow("rows", columns=["n", "t"])
    table = pa.table(stream)
    assert table.column_names == ["n", "t"]
    assert table["n"].to_pylist() == list(range(20_000))
    assert pl.DataFrame(stream)["t"][19_999] == "text 19999"
    frames: Any = pd.DataFrame
    assert frames.from_arrow(stream)["n"].sum() == sum(range(20_000))
    with duckdb.connect() as con:
        relation = con.from_arrow(stream)
        assert relation.aggregate("sum(n)").fetchall() == [(sum(range(20_000)),)]


def test_all_columns_then_system_columns(rows):
    table = pa.table(rows.arrow("rows"))
    assert table.column_names == ["n", "t", "d", "_seq", "_hash", "_file", "_line", "_ingested_at", "_json"]
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["n"], first["d"], first["_seq"], first["_file"]) == (0, {"x": 0.0}, 0, None)
    assert rows.get(first["_hash"]).decode() == first["_json"]


def test_records_as_views_are_the_same_and_outlive_the_store(rows):
    stream = rows.arrow("rows", columns=["_json", "n"], views=True)
    assert pa.schema(stream).field("_json").type.storage_type == pa.string_view()
    with duckdb.connect() as con:
        relation = con.from_arrow(stream)
        assert relation.aggregate("sum(length(_json))").fetchall() == [
            (sum(len(row.data) for row in rows.scan("rows")),)
        ]
    wanted = [row.data.decode() for row in rows.scan("rows")]
    assert pl.DataFrame(stream)["_json"].to_list() == wanted
    table = pa.table(stream)
    del stream
    rows.close()
    gc.collect()
    assert table["_json"].to_pylist() == wanted


def test_the_schema_alone_needs_no_scan(rows):
    stream = rows.arrow("rows", columns=["t", "n"])
    assert pa.schema(stream).names == ["t", "n"]
    described = {column.name: column.type for column in rows.schema("rows").columns}
    assert described["n"] == "BIGINT"


def test_filters_and_ranges(rows):
    def numbers(**options):
        return pa.table(rows.arrow("rows", columns=["n"], **options))["n"].to_pylist()

    assert numbers(filters=[("n", ">=", 19_998)]) == [19_998, 19_999]
    assert numbers(filters=[("n", "<", 3), ("n", "!=", 1)]) == [0, 2]
    assert numbers(filters=[("t", "in", ["text 5", "text 7"])]) == [5, 7]
    assert numbers(start=10, stop=13) == [10, 11, 12]


def test_what_is_not_there_is_named(rows):
    with pytest.raises(lakebed.InvalidArgument, match="nosuch"):
        rows.arrow("rows", columns=["nosuch"])
    with pytest.raises(lakebed.InvalidArgument, match="nosuch"):
        rows.table("nosuch")


def test_a_stream_shows_the_rows_of_when_it_was_made_and_outlives_the_store(path):
    with lakebed.open(path) as store:
        store.append("rows", [{"n": 1}])
        stream = store.arrow("rows", columns=["n"])
        store.append("rows", [{"n": 2}])
        assert pa.table(store.arrow("rows", columns=["n"]))["n"].to_pylist() == [1, 2]
    gc.collect()
    assert pa.table(stream)["n"].to_pylist() == [1]


def test_a_reader_that_stops_early(rows):
    reader = pa.RecordBatchReader.from_stream(rows.arrow("rows", columns=["n"]))
    assert reader.read_next_batch()["n"][0].as_py() == 0
    reader.close()
    del reader
    gc.collect()
    assert rows.verify().ok


@pytest.mark.parametrize("table", ["blobs", "collections", "segments", "dictionaries", "commits"])
def test_what_the_store_tells_about_itself(rows, table):
    read = pa.table(rows.table(table))
    assert read.num_columns > 3
    assert read.num_rows == {"blobs": 20_000, "collections": 1, "commits": 1}.get(table, read.num_rows)


def test_typed_rows_go_into_another_collection(rows):
    rows.append("copy", rows.arrow("rows", columns=["n", "t", "d"]))
    assert [row.data for row in rows.scan("copy")] == [row.data for row in rows.scan("rows")]


class TestSnapshot:
    def test_it_stays_as_it_was(self, path):
        with lakebed.open(path) as store:
            hash = store.put(b"hello")
            store.append("rows", [b"1"])
            number = store.commit()
            snapshot = store.snapshot
            store.delete(hash)
            store.append("rows", [b"2"])
            store.commit()
            store.drop("rows")
            assert snapshot.commit == number
            assert snapshot.get(hash) == b"hello"
            assert hash in snapshot
            assert len(snapshot) == 2
            assert [row.data for row in snapshot.scan("rows")] == [b"1"]
            assert [info.rows for info in snapshot.collections()] == [1]
            assert hash not in store
            assert list(store.collections()) == []
        assert snapshot.get(hash) == b"hello"
        assert str(number) in repr(snapshot)

    def test_pending_work_is_in_it(self, store):
        hash = store.put(b"pending")
        assert store.snapshot.get(hash) == b"pending"
