"""`lakebed_attach`: the collections of a store as tables of a DuckDB without lakebed's `connect`."""

import duckdb
import pytest

import lakebed
from tests.duck.conftest import needs_pushdown
from tests.duck.extended import extended
from tests.duck.test_parquet_views import QUERIES, RECORDS, answers, append, plan, stores, to_columns

__all__ = ["stores"]


@pytest.fixture
def attached(stores):
    """The store of columns, and a database that it is attached to. Some of its rows are in no file."""
    append(stores, RECORDS)
    to_columns(stores)
    append(stores, [{"id": 7777, "kind": "k1", "later": [1]}, RECORDS[3]])
    with extended() as con:
        con.execute(f"CALL lakebed_attach('{stores['columns'].path}')")
        yield stores, con


def test_tables_answer_as_the_views_do(attached):
    stores, con = attached
    for query in QUERIES:
        with lakebed.connect(stores["columns"]) as views:
            assert answers(con, query) == answers(views, query), query


@needs_pushdown
def test_duckdb_reads_the_files_and_their_fields(attached):
    _, con = attached
    text = plan(con, "SELECT o.x FROM events WHERE kind = 'k1'")
    assert "PARQUET" in text
    assert "kind = 'k1'" in text or "kind='k1'" in text


def test_attaching_happens_in_execution(stores):
    append(stores, RECORDS)
    path = stores["rows"].path
    with extended() as con:
        with pytest.raises(duckdb.CatalogException, match="events"):
            con.execute("FROM events")
        con.execute(f"EXPLAIN SELECT * FROM lakebed_attach('{path}')")
        con.execute(f"PREPARE later AS SELECT * FROM lakebed_attach('{path}')")
        with pytest.raises(duckdb.CatalogException, match="events"):
            con.execute("FROM events")
        assert con.execute("EXECUTE later").fetchall() == [(path, "", 1)]
        assert con.execute("SELECT count(*) FROM EVENTS AS e WHERE e.id < 50").fetchall() == [(50,)]
        with pytest.raises(duckdb.CatalogException, match="nothing"):
            con.execute("FROM nothing")


def test_each_query_sees_the_newest_commit(attached):
    stores, con = attached
    store = stores["columns"]
    count = "SELECT count(*) FROM events"
    con.execute(f"PREPARE known AS {count}")
    assert con.execute("EXECUTE known").fetchall() == con.execute(count).fetchall() == [(402,)]
    store.append("events", [{"id": 8}])
    store.trim("events", before_seq=10)
    store.commit()
    # Other connections to the database see the tables, too.
    with con.cursor() as other:
        assert other.execute(count).fetchall() == [(393,)]
    assert con.execute("EXECUTE known").fetchall() == [(393,)]
    # The files of before go, and a query that is under way keeps its own.
    result = con.execute("SELECT id, _json FROM events ORDER BY _seq")
    store.compact("events", layout="columns")
    store.compact("events", layout="rows")
    assert len(result.fetchall()) == 393
    assert con.execute("EXECUTE known").fetchall() == con.execute(count).fetchall() == [(393,)]
    # Two tables of one query are of one commit.
    [both] = con.execute(
        f"SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM lakebed_scan('{store.path}', 'events'))"
    ).fetchall()
    assert both == (393, 393)


def test_a_table_of_the_database_hides_a_collection(attached):
    _, con = attached
    con.execute("CREATE TABLE events AS SELECT 1 AS own")
    assert con.execute("FROM events").fetchall() == [(1,)]
    con.execute("DROP TABLE events")
    assert con.execute("SELECT count(*) FROM events").fetchall() == [(402,)]


def test_stores_are_told_apart_by_prefixes(attached, tmp_path):
    _, con = attached
    with lakebed.open(tmp_path / "other.lakebed") as other:
        other.append("events", [{"id": 1}])
        other.append("My Logs", [{"text": "a"}])
        other.commit()
        con.execute(f"CALL lakebed_attach('{other.path}')")
        assert con.execute('SELECT text FROM "my logs"').fetchall() == [("a",)]
        with pytest.raises(duckdb.Error, match=r"can be of .* prefix := 'other_'"):
            con.execute("FROM events")
        con.execute(f"CALL lakebed_attach('{other.path}', prefix := 'other_')")
        query = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM other_events)"
        assert con.execute(query).fetchall() == [(402, 1)]
        assert con.execute('SELECT text FROM "Other_My Logs"').fetchall() == [("a",)]
    with pytest.raises(duckdb.Error, match=r"no store|There is no"):
        con.execute(f"CALL lakebed_attach('{tmp_path}/nothing.lakebed')")


def test_settings_hold_for_attached_stores(attached):
    stores, con = attached
    path = stores["columns"].path
    con.execute(f"CALL lakebed_allow('{path}')")
    con.execute("SET enable_external_access = false")
    # What is allowed is lakebed's functions: the files are read by it from now on.
    con.execute(f"CALL lakebed_attach('{path}')")
    query = "SELECT count(*), sum(o.x), min(_json->>'kind') FROM events WHERE kind = 'k1'"
    with lakebed.connect(stores["rows"]) as rows:
        assert con.execute(query).fetchall() == rows.execute(query).fetchall()
    with pytest.raises(duckdb.Error, match="Permission"):
        con.execute(f"CALL lakebed_attach('{stores['rows'].path}', prefix := 'r_')")


def test_settings_hold_for_stores_that_were_attached_before(attached):
    _, con = attached
    con.execute("SET enable_external_access = false")
    with pytest.raises(duckdb.Error, match="Permission"):
        con.execute("SELECT count(id) FROM events")


def test_rows_that_are_gone_repeated_or_wider_are_told_right(attached):
    stores, con = attached
    store = stores["columns"]
    # A second file with wider types, between rows that are in none.
    append(stores, [{"id": 0.5, "kind": f"n{n % 2}", "o": {"x": n, "mix": [n]}, "mixed": n} for n in range(300)])
    append(stores, RECORDS[40:60])
    to_columns(stores)
    append(stores, [{"id": "text", "kind": 1}])
    for one in stores.values():
        for seq in (41, 77, 120):
            [row] = one.scan("events", start=seq, stop=seq + 1)
            assert one.delete(row.hash) > 0
        one.trim("events", before_seq=17)
        one.commit()
    with lakebed.connect(store) as views:
        for query in QUERIES:
            try:
                expected = answers(views, query)
            except duckdb.Error:
                with pytest.raises(duckdb.Error):
                    con.execute(query)
                continue
            assert answers(con, query) == expected, query


def test_duckdb_tells_only_the_last_part_of_a_name(attached):
    _, con = attached
    for name in ("main.events", "memory.main.events", "nowhere.events"):
        assert con.execute(f"SELECT count(*) FROM {name}").fetchall() == [(402,)]
