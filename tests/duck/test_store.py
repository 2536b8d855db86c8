"""The views of a real store, on every DuckDB that has them."""

from __future__ import annotations

import json
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pandas as pd
import polars as pl
import pytest

import lakebed
from lakebed.duck.table_scan import has_pushdown

only_duckdb_2 = pytest.mark.skipif(
    duckdb.__version__.startswith("1."), reason="connections of DuckDB 1.x take no class of their own"
)
RECORDS = [
    {
        "n": n,
        "text": "x" * n,
        "mixed": [1, "two", {"n": n}],
        "nest": {"any": [n, "x"][n % 2], "lists": [[n], ["a"]]},
        "either": [n, "text"][n % 2],
    }
    for n in range(100)
]


@pytest.fixture
def con(tmp_path):
    with lakebed.open(tmp_path / "test.lakebed") as store:
        store.append("things", RECORDS)
    with lakebed.connect(tmp_path / "test.lakebed") as connection:
        yield connection


def test_json_is_read_wherever_it_is(con):
    found = con.sql("SELECT mixed, nest, either FROM things WHERE n > 97 ORDER BY n")
    assert [str(column).replace('"', "") for column in found.types] == [
        "JSON[]",
        "STRUCT(any JSON, lists JSON[][])",
        "JSON",
    ]
    assert found.fetchall() == [
        (["1", '"two"', '{"n":98}'], {"any": "98", "lists": [["98"], ['"a"']]}, "98"),
        (["1", '"two"', '{"n":99}'], {"any": '"x"', "lists": [["99"], ['"a"']]}, '"text"'),
    ]


def test_records_come_whole_beside_filters_of_other_columns(con):
    found = con.sql(
        "SELECT _json FROM things WHERE n BETWEEN 10 AND 12 AND text <> 'x' AND _json IS NOT NULL ORDER BY n"
    )
    assert [json.loads(record) for (record,) in found.fetchall()] == RECORDS[10:13]


def test_counts_and_sums(con):
    assert con.sql("SELECT count(*), sum(n), sum(length(text)), count(mixed) FROM things").fetchall() == [
        (100, 4950, 4950, 100)
    ]


@pytest.mark.filterwarnings("ignore:The DuckDB connection does not allow unsigned extensions")
def test_connecting_again_to_the_same_database_file_is_no_error(con, tmp_path):
    with lakebed.connect(tmp_path / "test.lakebed", database=tmp_path / "own.db") as first:
        first.execute("CREATE TABLE mine AS SELECT 1 AS n")
        with lakebed.open(tmp_path / "test.lakebed") as store:
            store.append("things", RECORDS[:1])
        # As in a notebook, whose cell is run once more while the connection it made is still there.
        with lakebed.connect(tmp_path / "test.lakebed", database=tmp_path / "own.db") as second:
            assert second.sql("SELECT count(*) FROM things").fetchall() == [(101,)]
        with lakebed.open(tmp_path / "other.lakebed"), pytest.raises(lakebed.InvalidArgument, match="another name"):
            lakebed.connect(tmp_path / "other.lakebed", database=tmp_path / "own.db")
        assert first.sql("SELECT count(*) FROM things JOIN mine USING (n)").fetchall() == [(1,)]


@only_duckdb_2
def test_cursors_threads_and_libraries_find_the_collections(con):
    query = "SELECT sum(n) AS total, (SELECT count(*) FROM collections) AS collections FROM things"
    expected = [(4950, 1)]
    assert isinstance(con, duckdb.DuckDBPyConnection)
    assert type(con).__name__ == "DuckDBPyConnection"
    with con.cursor() as cursor, cursor.cursor() as inner:
        assert cursor.execute(query).fetchall() == inner.sql(query).fetchall() == expected
    assert con.duplicate().execute(query).fetchall() == expected
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: con.cursor().execute(query).fetchall(), range(8))) == [expected] * 8
    with warnings.catch_warnings():
        # pandas says that it was tested with SQLAlchemy and SQLite.
        warnings.simplefilter("ignore")
        assert pd.read_sql(query, con).total.tolist() == [4950]
    assert pl.read_database(query, con)["total"].to_list() == [4950]
    relation = duckdb.sql(query, connection=con.cursor())
    assert relation is not None
    assert relation.fetchall() == expected


def test_a_cursor_of_a_detached_store_is_a_cursor(con):
    con.execute("USE memory")
    con.execute("DETACH data")
    assert con.cursor().execute("SELECT 1").fetchall() == [(1,)]


def test_cursors_see_tables_of_the_own_database_first(tmp_path, con):
    with lakebed.connect(tmp_path / "test.lakebed") as own:
        own.execute("CREATE TABLE mine AS SELECT 7 AS n")
        own.execute("CREATE TABLE things AS SELECT 8 AS n")
        assert own.cursor().execute("SELECT n FROM mine UNION ALL SELECT n FROM things").fetchall() == [(7,), (8,)]
        own.cursor().execute("CREATE TABLE more AS SELECT 9 AS n")
        assert own.execute("SELECT n FROM memory.more").fetchall() == [(9,)]


def test_a_store_that_was_replaced_is_seen_by_views_and_functions_alike(tmp_path):
    path = tmp_path / "test.lakebed"
    for place, text in ((path, "old"), (tmp_path / "new.lakebed", "new")):
        with lakebed.open(place) as store:
            store.append("notes", [{"text": text}])
    scan = f"SELECT text FROM lakebed_scan('{path}', 'notes')"
    with lakebed.connect(path) as con, lakebed.open(path, "r") as opened:
        assert con.sql("SELECT text FROM notes").fetchall() == con.sql(scan).fetchall() == [("old",)]
        path.rename(tmp_path / "away.lakebed")
        with pytest.raises(lakebed.StoreNotFound):
            lakebed.refresh(con)
        with pytest.raises(Exception, match="no store"):
            con.sql(scan).fetchall()
        (tmp_path / "new.lakebed").rename(path)
        with pytest.warns(RuntimeWarning, match="was replaced by another one"):
            assert lakebed.refresh(con) is True
        assert con.sql("SELECT text FROM notes").fetchall() == con.sql(scan).fetchall() == [("new",)]
        assert lakebed.refresh(con) is False
        # A store object stays with the store that was opened.
        assert [row.json() for row in opened.scan("notes")] == [{"text": "old"}]
        with pytest.raises(lakebed.StoreNotFound):
            opened.refresh()
        # One that was removed, and made again.
        shutil.rmtree(path)
        with pytest.raises(lakebed.StoreNotFound):
            lakebed.refresh(con)
        with lakebed.open(path) as store:
            store.append("notes", [{"text": "newest"}])
        with pytest.warns(RuntimeWarning, match="was replaced by another one"):
            assert lakebed.refresh(con) is True
        assert con.sql("SELECT text FROM notes").fetchall() == con.sql(scan).fetchall() == [("newest",)]


def test_filters_of_fields_inside_structs_reach_the_engine(tmp_path):
    path = tmp_path / "test.lakebed"
    with lakebed.open(path) as store:
        rows = [{"c": {"kind": ["a", "b", None][n % 3], "at": {"n": n}}} for n in range(30)]
        store.append("t", [*rows, {}, {"c": None}])
    with lakebed.connect(path) as con:
        for condition, count in (
            ("c.kind = 'a'", 10),
            ("c.at.n BETWEEN 3 AND 5", 3),
            ("c.kind IS NULL", 12),
            ("c.kind IN ('a', 'b') AND c.at.n < 3", 2),
            ("c.kind <> 'a'", 10),
        ):
            query = f"SELECT count(*) FROM t WHERE {condition}"
            assert con.sql(query).fetchall() == [(count,)], condition
            if has_pushdown():
                plan = con.sql(f"EXPLAIN {query}").fetchall()[0][1]
                assert "Filters" in plan, condition


@only_duckdb_2
def test_ibis_reads_results_under_their_name_of_duckdb_1(con):
    assert con.cursor().execute("SELECT n FROM data.things WHERE n < 2").fetch_arrow_table().num_rows == 2


@only_duckdb_2
def test_attach_of_a_second_store_and_a_join(con, tmp_path):
    other = tmp_path / "it's other.lakebed"
    with lakebed.open(other) as store:
        store.append("names", [{"n": 1, "name": "one"}, {"n": 2, "name": "two"}])
    path = str(other).replace("'", "''")
    con.execute(f"ATTACH '{path}' AS other")
    joined = "SELECT name FROM things JOIN other.names USING (n) ORDER BY n"
    assert con.sql(joined).fetchall() == [("one",), ("two",)]
    assert con.cursor().execute(joined).fetchall() == [("one",), ("two",)]
    con.execute(f"attach database if not exists '{path}' AS other;")
    con.cursor().execute(f"ATTACH '{path}'")
    assert con.sql("""FROM "it's other".names""").fetchall() == con.sql("FROM other.names").fetchall()
    con.sql(f"ATTACH '{tmp_path / 'own.db'}' AS own")
    con.execute("CREATE TABLE own.t AS SELECT 1 AS a; DETACH own; DETACH other")
    with pytest.raises(duckdb.Error, match="other"):
        con.sql(joined)
    con.execute("SET enable_external_access = false")
    with pytest.raises(duckdb.Error, match="Permission"):
        con.execute(f"ATTACH '{path}' AS other")
