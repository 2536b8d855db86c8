"""`lakebed_attach`: the collections of a store as tables of a DuckDB without lakebed's `connect`."""

import duckdb
import pytest

import lakebed
from tests.duck.extended import extended


@pytest.fixture
def store(tmp_path):
    with lakebed.open(tmp_path / "s.lakebed") as store:
        store.append("events", [{"id": n, "o": {"x": n}} for n in range(100)])
        store.append("My Logs", [{"text": "a"}])
        store.commit()
        store.compact("events", layout="columns")
        yield store


def test_collections_are_tables_from_then_on(store):
    with extended() as con:
        with pytest.raises(duckdb.CatalogException, match="events"):
            con.execute("FROM events")
        con.execute(f"EXPLAIN SELECT * FROM lakebed_attach('{store.path}')")
        with pytest.raises(duckdb.CatalogException, match="events"):
            con.execute("FROM events")
        assert con.execute(f"CALL lakebed_attach('{store.path}')").fetchall() == [(store.path, "data", 2)]
        for name in ("events", "EVENTS", "data.events", "data.main.events"):
            assert con.execute(f"SELECT count(*), sum(o.x) FROM {name} WHERE id < 50").fetchall() == [(50, 1225)]
        assert con.execute('SELECT text FROM "My Logs"').fetchall() == [("a",)]
        assert con.execute("SELECT count(*) FROM blobs").fetchall() == [(len(store),)]
        assert con.execute("SELECT count(*) FROM data.sys.collections").fetchall() == [(2,)]
        with pytest.raises(duckdb.CatalogException, match="nothing"):
            con.execute("FROM nothing")
        # Other connections to the database see them, too, and each query the newest commit.
        store.append("events", [{"id": 7, "later": True}])
        store.commit()
        with con.cursor() as other:
            assert other.execute("SELECT count(*), count(later) FROM events").fetchall() == [(101, 1)]
        con.execute("CREATE TABLE events AS SELECT 1 AS own")
        assert con.execute("FROM events").fetchall() == [(1,)]
        assert con.execute("SELECT count(*) FROM data.events").fetchall() == [(101,)]


def test_each_store_has_a_name(store, tmp_path):
    with lakebed.open(tmp_path / "other.lakebed") as other:
        other.append("events", [{"id": 1}])
        other.commit()
        with extended() as con:
            con.execute(f"CALL lakebed_attach('{store.path}')")
            con.execute(f"CALL lakebed_attach('{store.path}')")
            with pytest.raises(duckdb.Error, match="stands for the store"):
                con.execute(f"CALL lakebed_attach('{other.path}')")
            con.execute(f"CALL lakebed_attach('{other.path}', name := 'other')")
            query = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM other.events)"
            assert con.execute(query).fetchall() == [(100, 1)]
            with pytest.raises(duckdb.Error, match="without dots"):
                con.execute(f"CALL lakebed_attach('{other.path}', name := 'a.b')")
        with extended() as con, pytest.raises(duckdb.Error, match="no store|not a store|There is no"):
            con.execute(f"CALL lakebed_attach('{tmp_path}/nothing.lakebed')")


def test_settings_hold_for_attached_stores(store):
    with extended() as con:
        con.execute(f"CALL lakebed_attach('{store.path}')")
        con.execute("SET enable_external_access = false")
        with pytest.raises(duckdb.Error, match="Permission denied"):
            con.execute("SELECT count(*) FROM events")
        with pytest.raises(duckdb.Error, match="Permission denied"):
            con.execute(f"CALL lakebed_attach('{store.path}', name := 'again')")
