"""Stores with so many collections that views are made when statements name them: what users see stays."""

import duckdb
import pytest

import lakebed
from lakebed.duck import connection as connections
from tests.duck.conftest import needs_pushdown

NAMES = [
    "plain",
    "Mixed",
    'with "quotes"',
    "with space",
    "dots.in.it",
    "primary",
    "later",
    "other",
    "ünïcode",
    "unused",
]

pytestmark = needs_pushdown


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "_MOST_VIEWS", 3)
    with lakebed.open(tmp_path / "many.lakebed") as store:
        for number, name in enumerate(NAMES):
            store.append(name, [{"id": number, "name": name}])
        store.commit()
    return tmp_path / "many.lakebed"


@pytest.fixture
def con(path):
    with lakebed.connect(path) as connection:
        yield connection


def made(con):
    """The collections whose views are there."""
    cursor = duckdb.DuckDBPyConnection.cursor(con)
    query = "SELECT view_name FROM duckdb_views() WHERE database_name = 'data' AND schema_name = 'main'"
    return {name for (name,) in cursor.execute(query).fetchall() if not name.startswith("_")}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def test_a_view_is_made_when_it_is_named(con):
    assert made(con) == set()
    assert con.sql("SELECT id FROM plain").fetchall() == [(0,)]
    assert made(con) == {"plain"}
    for number, name in enumerate(NAMES[:-1]):
        for table in (quoted(name), f"data.main.{quoted(name)}", quoted(name).replace("a", "A")):
            assert con.execute(f"SELECT id, name FROM {table} -- it's here").fetchall() == [(number, name)]
    assert made(con) == set(NAMES[:-1])


@pytest.mark.parametrize(
    "door",
    [
        lambda con: con.execute("SELECT id FROM later"),
        lambda con: con.sql("SELECT id FROM later"),
        lambda con: con.query("SELECT 1; SELECT id FROM later"),
        lambda con: con.from_query("FROM later SELECT id"),
        lambda con: con.execute("SELECT id FROM later WHERE id = ?", [6]),
        lambda con: con.cursor().execute("SELECT id FROM later"),
        lambda con: con.cursor().cursor().sql("SELECT id FROM LATER"),
        lambda con: con.table("later").project("id"),
        lambda con: con.view("later").project("id"),
        lambda con: con.table("data.later").project("id"),
        lambda con: con.table_function("query_table", ["later"]).project("id"),
        lambda con: con.sql("SELECT 6 AS n").query("six", "SELECT id FROM later, six WHERE id = n"),
        lambda con: con.sql("SELECT 6 AS n").project("(SELECT max(id) FROM later)"),
        lambda con: con.sql("SELECT 6 AS id").filter("id IN (SELECT id FROM later)"),
        lambda con: con.execute(con.extract_statements("SELECT id FROM later")[0]),
        lambda con: con.execute("SELECT * FROM query('SELECT id FROM later')"),
        lambda con: con.execute("PREPARE six AS SELECT id FROM later").execute("EXECUTE six"),
    ],
)
def test_every_door_of_a_connection(con, door):
    later = duckdb.sql("SELECT 'a variable of Python' AS id")
    assert door(con).fetchall() == [(6,)]
    del later


@pytest.mark.parametrize(
    "listing",
    [
        "SELECT name FROM (SHOW TABLES)",
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'data' AND table_schema = 'main'",
        "SELECT view_name FROM duckdb_views() WHERE database_name = 'data' AND schema_name = 'main'",
        "SELECT relname FROM pg_catalog.pg_class WHERE relname NOT LIKE 'lakebed%'",
    ],
)
def test_lists_of_tables_are_whole(con, listing):
    found = {name for (name,) in con.execute(listing).fetchall()}
    assert set(NAMES) <= found


def test_show_and_describe(con):
    assert con.execute("SHOW later").fetchall() == con.execute("DESCRIBE later").fetchall()
    assert made(con) == {"later"}
    shown = {row[0] for row in con.execute("SHOW TABLES").fetchall()}
    assert set(NAMES) <= shown
    assert made(con) == set(NAMES)


def test_a_view_shows_the_commit_that_the_connection_is_at(path, con):
    assert con.execute("SELECT count(*) FROM plain").fetchall() == [(1,)]
    with lakebed.open(path) as store:
        store.append("later", [{"id": 99}])
        store.append("newest", [{"id": 1}])
        store.commit()
    assert con.execute("SELECT count(*) FROM later").fetchall() == [(1,)]
    with pytest.raises(duckdb.CatalogException, match="newest"):
        con.execute("SELECT count(*) FROM newest")
    assert lakebed.refresh(con)
    assert con.execute("SELECT count(*) FROM later").fetchall() == [(2,)]
    assert con.execute("SELECT count(*) FROM newest").fetchall() == [(1,)]
    assert not lakebed.refresh(con)


@pytest.mark.parametrize(
    "begin", [lambda con: con.begin(), lambda con: con.execute("BEGIN"), lambda con: con.sql("begin")]
)
def test_a_transaction_finds_all_tables_as_of_its_first_query(path, con, begin):
    begin(con)
    assert con.execute("SELECT count(*) FROM plain").fetchall() == [(1,)]
    with lakebed.open(path) as store:
        store.append("later", [{"id": 99}])
        store.commit()
    lakebed.refresh(con.cursor())
    assert con.execute("SELECT count(*) FROM later").fetchall() == [(1,)]
    con.commit()
    assert con.execute("SELECT count(*) FROM later").fetchall() == [(2,)]


def test_tables_of_the_user_hide_collections(path, tmp_path):
    own = tmp_path / "own.db"
    with lakebed.connect(path, own, {"allow_unsigned_extensions": True}) as con:
        con.execute("CREATE TABLE later AS SELECT 'own' AS id")
        con.execute("CREATE VIEW joined AS SELECT o.name FROM data.main.other AS o")
        assert con.sql("SELECT id FROM later").fetchall() == [("own",)]
        assert con.sql("SELECT id FROM data.later").fetchall() == [(6,)]
    with lakebed.connect(path, own, {"allow_unsigned_extensions": True}) as con:
        # The statement does not name the collection.
        assert con.sql("SELECT * FROM joined").fetchall() == [("other",)]
    with lakebed.connect(path, own, {"allow_unsigned_extensions": True}) as con:
        assert con.execute("SELECT * FROM joined").fetchall() == [("other",)]


def test_without_access_to_files(path):
    with lakebed.connect(path, config={"enable_external_access": False}) as con:
        assert con.execute("SELECT id FROM later").fetchall() == [(6,)]
        assert con.execute("SELECT count(*) FROM collections").fetchall() == [(len(NAMES),)]


def test_further_stores_are_on_demand_too(path, con, tmp_path):
    lakebed.attach(con, path, "again")
    con.execute(f"ATTACH '{path}' AS third")
    for name in ("again", "third"):
        assert con.execute(f"SELECT id FROM {name}.later").fetchall() == [(6,)]
    con.execute("DETACH again")
    with pytest.raises(duckdb.Error, match="again"):
        con.execute("SELECT id FROM again.later")
    with duckdb.connect() as plain:
        lakebed.attach(plain, path)
        assert made(plain) == set(NAMES)


def test_a_failing_script_runs_once(con):
    with pytest.raises(duckdb.CatalogException):
        con.execute("CREATE TABLE counted AS SELECT 1 AS n; INSERT INTO counted VALUES (2); FROM missing")
    assert con.execute("SELECT count(*) FROM counted").fetchall() == [(2,)]
