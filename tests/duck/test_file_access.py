"""What the extension's functions may open: DuckDB's settings for its own readers hold for them too."""

from __future__ import annotations

import os

import duckdb
import pytest

import lakebed
from tests.duck.extended import extended, rows

tells_settings = pytest.mark.skipif(
    tuple(int(part) for part in duckdb.__version__.split(".")[:3] if part.isdigit()) < (1, 5, 5),
    reason="DuckDB before 1.5.5 does not tell extensions the settings of a connection",
)
pytestmark = tells_settings

DENIED = "Permission denied: the settings of this connection do not allow lakebed to {} .*enable_external_access is off"


@pytest.fixture
def places(tmp_path):
    """A directory that will be allowed, with a store and a file, and another one with the same."""
    for name in ("inside", "outside"):
        place = tmp_path / name
        place.mkdir()
        (place / "more.ndjson").write_text('{"n":2}\n')
        with lakebed.open(place / "x.lakebed") as store:
            store.append("c", [{"n": 1}])
            store.put(b"bytes")
    return tmp_path / "inside", tmp_path / "outside"


@pytest.fixture
def con():
    with extended() as connection:
        yield connection


def sandbox(con, *directories, paths=()):
    con.execute(f"SET allowed_directories = {[str(one) for one in directories]}")
    con.execute(f"SET allowed_paths = {[str(one) for one in paths]}")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def reads(store):
    """A query for each function that reads a store."""
    tables = ("blobs", "collections", "segments", "dictionaries", "commits")
    return [
        f"SELECT n FROM lakebed_scan('{store}', 'c')",
        *(f"SELECT count(*) FROM lakebed_{table}('{store}')" for table in tables),
        f"SELECT lakebed_get('{store}', lakebed_hash('bytes'))",
        f"SELECT lakebed_get(s, h) FROM (VALUES ('{store}', lakebed_hash('bytes'))) AS t(s, h)",
        f"CALL lakebed_allow('{store}')",
    ]


def changes(store, file):
    """A query for each function that changes a store."""
    return [
        f"SELECT rows FROM lakebed_ingest('{store}', '{file}', collection := 'new')",
        f"SELECT installed FROM lakebed_train('{store}', 'c')",
    ]


def test_every_function_is_refused_outside_and_works_inside(con, places):
    inside, outside = places
    sandbox(con, inside)
    for query in [*reads(inside / "x.lakebed"), *changes(inside / "x.lakebed", inside / "more.ndjson")]:
        con.execute(query).fetchall()
    for query in reads(outside / "x.lakebed"):
        with pytest.raises(duckdb.Error, match=DENIED.format("read the store")):
            con.execute(query).fetchall()
    for query in changes(outside / "x.lakebed", inside / "more.ndjson"):
        with pytest.raises(duckdb.Error, match=DENIED.format("(change|read) the store")):
            con.execute(query).fetchall()
    with pytest.raises(duckdb.Error, match=DENIED.format("read the file")):
        con.execute(changes(inside / "x.lakebed", outside / "more.ndjson")[0]).fetchall()
    made = outside / "made.lakebed"
    with pytest.raises(duckdb.Error, match=DENIED.format("change the store")):
        con.execute(changes(made, inside / "more.ndjson")[0]).fetchall()
    assert not made.exists()
    assert rows(con, "SELECT lakebed_hash('x') IS NOT NULL") == [(True,)]


def test_nothing_is_allowed_without_a_list_and_a_path_may_be(con, places):
    inside, outside = places
    sandbox(con, paths=[inside / "x.lakebed"])
    assert rows(con, reads(inside / "x.lakebed")[0]) == [(1,)]
    with pytest.raises(duckdb.Error, match=DENIED.format("read the store")):
        rows(con, reads(outside / "x.lakebed")[0])


def test_paths_are_compared_in_canonical_form(con, places, monkeypatch):
    inside, outside = places
    (inside / "link").symlink_to(outside)
    (outside / "link").symlink_to(inside)
    (inside / "dangling").symlink_to(outside / "none.lakebed")
    monkeypatch.chdir(inside)
    sandbox(con, inside)
    allowed = [
        "x.lakebed",
        "./x.lakebed",
        f"../{inside.name}/x.lakebed",
        f"{outside}/../{inside.name}/x.lakebed",
        f"{outside}/link/x.lakebed",
        f"file://{inside}/x.lakebed",
        f"file://localhost{inside}/x.lakebed",
    ]
    for path in allowed:
        assert rows(con, f"SELECT n FROM lakebed_scan('{path}', 'c')") == [(1,)], path
    refused = [
        "../outside/x.lakebed",
        f"{inside}/../outside/x.lakebed",
        f"{inside}/link/x.lakebed",
        f"{inside}/none/../../outside/x.lakebed",
        f"file://{outside}/x.lakebed",
        f"file:{outside}/x.lakebed",
        f"{inside}side/x.lakebed",
    ]
    for path in refused:
        with pytest.raises(duckdb.Error, match=DENIED.format("read the store")):
            rows(con, f"SELECT n FROM lakebed_scan('{path}', 'c')")
    with pytest.raises(duckdb.Error, match=DENIED.format("change the store")):
        rows(con, changes("dangling", "more.ndjson")[0])
    assert not (outside / "none.lakebed").exists()


def test_a_plan_from_before_is_refused(con, places):
    inside, outside = places
    for number, query in enumerate(
        [*reads(outside / "x.lakebed"), *changes(outside / "x.lakebed", inside / "more.ndjson")]
    ):
        if query.startswith("SELECT"):
            con.execute(f"PREPARE p{number} AS {query}")
    con.execute(f"CREATE VIEW v AS FROM lakebed_scan('{outside / 'x.lakebed'}', 'c')")
    assert rows(con, "EXECUTE p0") == [(1,)]
    sandbox(con, inside)
    for query in ("EXECUTE p0", "EXECUTE p3", "EXECUTE p7", "EXECUTE p9", "EXECUTE p10", "FROM v"):
        with pytest.raises(duckdb.Error, match=DENIED.format("(read|change) the store")):
            rows(con, query)


def test_settings_are_those_of_the_database_that_asks(con, places):
    inside, _ = places
    with extended() as other:
        sandbox(other)
        assert rows(con, reads(inside / "x.lakebed")[0]) == [(1,)]
        with pytest.raises(duckdb.Error, match=DENIED.format("read the store")):
            rows(other, reads(inside / "x.lakebed")[0])
        with pytest.raises(duckdb.Error, match=DENIED.format("read the store")):
            rows(other.cursor(), reads(inside / "x.lakebed")[0])


def test_an_allowed_store_can_be_read_and_not_changed(con, places):
    inside, outside = places
    assert rows(con, f"CALL lakebed_allow('{inside}/../inside/x.lakebed')") == [
        (os.path.realpath(inside / "x.lakebed"),)
    ]
    rows(con, f"EXPLAIN CALL lakebed_allow('{outside / 'x.lakebed'}')")
    sandbox(con)
    for query in reads(inside / "x.lakebed"):
        con.execute(query).fetchall()
    for query in changes(inside / "x.lakebed", inside / "more.ndjson"):
        with pytest.raises(duckdb.Error, match=DENIED.format("change the store")):
            con.execute(query).fetchall()
    with pytest.raises(duckdb.Error, match=DENIED.format("read the store")):
        con.execute(reads(outside / "x.lakebed")[0]).fetchall()


@pytest.mark.parametrize("when", ["config", "afterwards"])
def test_connect_keeps_its_own_store_readable(places, when):
    inside, outside = places
    own = inside / "x.lakebed"
    config = {"enable_external_access": False, "lock_configuration": True} if when == "config" else None
    with lakebed.connect(own, config=config) as con:
        if when == "afterwards":
            sandbox(con)
        assert rows(con, "SELECT n FROM c") == [(1,)]
        assert rows(con.cursor(), f"SELECT c.n, t.n FROM data.c, lakebed_scan('{own}', 'c') AS t") == [(1, 1)]
        assert rows(con, f"SELECT lakebed_get('{own}', _hash) = _json::BLOB FROM c") == [(True,)]
        with lakebed.open(own) as store:
            store.append("c", [{"n": 5}])
            store.append("later", [{"m": 1}])
        assert lakebed.refresh(con)
        assert rows(con, "SELECT sum(n) FROM c") == [(6,)]
        assert rows(con.cursor(), "SELECT m FROM data.later") == [(1,)]
        for query in reads(outside / "x.lakebed"):
            with pytest.raises(duckdb.Error, match=DENIED.format("read the store")):
                con.execute(query).fetchall()
        for query in changes(own, inside / "more.ndjson"):
            with pytest.raises(duckdb.Error, match=DENIED.format("change the store")):
                con.execute(query).fetchall()
        with pytest.raises(duckdb.Error, match=r"disabled|locked"):
            con.execute("SET enable_external_access = true")


def test_attach_keeps_its_own_store_readable(con, places):
    inside, outside = places
    lakebed.attach(con, inside / "x.lakebed", name="mine")
    sandbox(con)
    assert rows(con, "SELECT n FROM mine.c") == [(1,)]
    assert rows(con, reads(inside / "x.lakebed")[0]) == [(1,)]
    with pytest.raises(duckdb.Error, match=DENIED.format("read the store")):
        rows(con, reads(outside / "x.lakebed")[0])


def test_connect_leaves_unsigned_extensions_as_they_were(places):
    inside, _ = places
    for config, expected in ((None, False), ({"allow_unsigned_extensions": True}, True)):
        with lakebed.connect(inside / "x.lakebed", config=config) as con:
            assert rows(con, "SELECT current_setting('allow_unsigned_extensions')") == [(expected,)]
            assert rows(con, reads(inside / "x.lakebed")[0]) == [(1,)]
