"""Views of collections whose rows are in Parquet files: the same answers as of rows, read by DuckDB itself."""

import json
import warnings

import duckdb
import pytest

import lakebed
from tests.duck.conftest import needs_pushdown

RECORDS = [
    {"id": n, "kind": f"k{n % 3}", "o": {"x": n / 2, "mix": n if n % 2 else "odd", "in": {"y": n}}, "mixed": n % 5 or "zero",
     "tags": ["a"] * (n % 3), "moment": f"2024-02-{n % 28 + 1:02}T12:00:00Z", "big": 2**64 + n}
    for n in range(400)
]  # fmt: skip
QUERIES = [
    "SELECT * FROM events ORDER BY _seq",
    "DESCRIBE events",
    "SELECT kind, count(*), sum(o.x), max(o.in.y) FROM events WHERE id BETWEEN 10 AND 350 GROUP BY kind ORDER BY ALL",
    "SELECT _hash, _json, _line, _file FROM events WHERE kind = 'k1' ORDER BY _seq",
    "SELECT count(*) FROM events",
    "SELECT mixed, o.mix, big, moment FROM events WHERE mixed = '3' OR o.mix IS NULL ORDER BY _seq",
    "SELECT id FROM events WHERE moment > TIMESTAMPTZ '2024-02-20' ORDER BY id LIMIT 5",
    "SELECT _json->>'kind' FROM events WHERE id = 7",
]


@pytest.fixture
def stores(tmp_path):
    """The same rows as rows, and as columns."""
    found = {}
    for layout in ("rows", "columns"):
        found[layout] = lakebed.open(tmp_path / f"{layout}.lakebed")
    yield found
    for store in found.values():
        store.close()


def append(stores, records):
    for store in stores.values():
        store.append("events", records)
        store.commit()


def to_columns(stores):
    report = stores["columns"].compact("events", layout="columns")
    assert report.stays_rows == ()


def plan(con, query):
    return con.sql(f"EXPLAIN {query}").fetchall()[0][1]


def without_times(rows, columns):
    """Rows of a query without `_ingested_at`, which differs between the stores."""
    kept = [place for place, column in enumerate(columns) if column[0] != "_ingested_at"]
    return [tuple(row[place] for place in kept) for row in rows]


def answers(con, query):
    result = con.execute(query)
    return without_times(result.fetchall(), result.description)


def compare(stores, queries=QUERIES):
    with lakebed.connect(stores["rows"]) as rows, lakebed.connect(stores["columns"]) as columns:
        for query in queries:
            assert answers(columns, query) == answers(rows, query), query


@needs_pushdown
def test_duckdb_reads_the_files_and_filters_in_them(stores):
    append(stores, RECORDS)
    to_columns(stores)
    compare(stores)
    with lakebed.connect(stores["columns"]) as con:
        text = plan(con, "SELECT o.x FROM events WHERE kind = 'k1'")
        assert "PARQUET" in text
        assert "kind = 'k1'" in text or "kind='k1'" in text
        assert "ARROW" not in text


@needs_pushdown
def test_the_newest_rows_and_repeated_ones_come_from_a_scan(stores):
    append(stores, RECORDS)
    to_columns(stores)
    append(stores, [{"id": 7777, "kind": "k1", "later": [1]}, RECORDS[3], RECORDS[3]])
    compare(stores)
    to_columns_again = stores["columns"].compact("events", layout="columns")
    assert to_columns_again is not None
    compare(stores)


@needs_pushdown
def test_files_of_an_older_schema_are_cast_where_that_is_exact(stores):
    append(stores, [{"n": n, "u": n, "o": {"a": n}, "text": f"t{n}", "list": [n]} for n in range(100)])
    to_columns(stores)
    append(
        stores,
        [{"n": n + 0.5, "u": 2**63 + n, "o": {"a": n, "b": f"b{n}"}, "more": n, "list": [n + 0.5]} for n in range(100)],
    )
    queries = [
        "SELECT * FROM events ORDER BY _seq",
        "DESCRIBE events",
        "SELECT o.b, count(*), sum(n), sum(u) FROM events GROUP BY ALL ORDER BY ALL",
    ]
    compare(stores, queries)
    with lakebed.connect(stores["columns"]) as con:
        assert "PARQUET" in plan(con, "SELECT n FROM events")
    to_columns(stores)
    compare(stores, queries)
    # Text that is JSON from now on is read from the records.
    append(stores, [{"n": 1, "text": 5, "o": {"a": "x"}}])
    compare(stores, queries)


@needs_pushdown
def test_minus_zero_among_integers_stays_minus_zero_among_doubles(stores):
    append(stores, [json.dumps({"n": n}).replace("50", "-0") for n in range(100)])
    to_columns(stores)
    append(stores, [{"n": 0.5}])
    compare(stores, ["SELECT n::VARCHAR FROM events ORDER BY _seq"])


@needs_pushdown
def test_rows_that_are_gone_are_left_out(stores):
    append(stores, RECORDS)
    to_columns(stores)
    for store in stores.values():
        for seq in (5, 6, 7, 100):
            store.delete(next(iter(store.scan("events", seq))).hash)
        store.trim("events", before_seq=2)
        store.commit()
    compare(stores)


@needs_pushdown
def test_views_move_and_keep_the_files_that_a_transaction_sees(stores):
    append(stores, RECORDS)
    to_columns(stores)
    store = stores["columns"]
    with lakebed.connect(store.path) as con:
        reader = con.cursor()
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM events").fetchall() == [(400,)]
        store.trim("events", before_seq=100)
        store.compact()
        store.append("events", [{"id": 9}])
        store.commit()
        assert lakebed.refresh(con) is True
        assert con.execute("SELECT count(*) FROM events").fetchall() == [(301,)]
        assert reader.execute("SELECT count(*), min(_seq), max(length(_json)) > 50 FROM events").fetchall() == [
            (400, 0, True)
        ]
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM events").fetchall() == [(301,)]
        reader.close()


@needs_pushdown
@pytest.mark.parametrize("when", ["before", "after", "refreshed"])
def test_without_access_to_files_the_views_scan(stores, when):
    append(stores, RECORDS)
    to_columns(stores)
    path = stores["columns"].path
    off = "SET enable_external_access = false"
    if when == "refreshed":
        con = duckdb.connect()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            lakebed.attach(con, path)
        con.execute(off)
        lakebed.refresh(con)
    else:
        con = lakebed.connect(path, config={"enable_external_access": False} if when == "before" else None)
        con.execute(off if when == "after" else "SELECT 1")
    with con:
        assert con.execute("SELECT count(*), sum(o.x) FROM data.events").fetchall() == [(400, 39900.0)]
        assert "PARQUET" not in plan(con, "SELECT id FROM data.events")


def test_arrow_streams_are_the_same_of_rows_and_columns(stores):
    append(stores, RECORDS)
    to_columns(stores)
    append(stores, [{"id": 7777, "kind": "k1", "later": [1]}, RECORDS[3]])
    for columns in (None, ["o", "_seq"], ["o.in.y", "mixed", "big", "_line"], ["later", "tags", "moment"]):
        read = {}
        for layout, store in stores.items():
            shown = [name for name in store.column_types("events") if name != "_ingested_at"]
            with duckdb.connect() as con:
                stream = store.arrow("events", columns or shown)
                read[layout] = (stream.columns, con.from_arrow(stream).fetchall())
        assert read["columns"] == read["rows"]
