"""What SQL may change, and what else a shell can open: tables of one's own, other stores, files."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

import lakebed
from lakebed._cli.shell.execute import run_text
from lakebed._cli.shell.session import Session
from lakebed.duck.connection import attach_on_demand
from tests.shell.conftest import EVENTS

PROGRAM = Path(sys.executable).with_name("lakebed")


class TestTheStoreIsOnlyRead:
    @pytest.mark.parametrize(
        ("statement", "instead"),
        [
            ("DROP VIEW events", "`drop events` removes the collection"),
            ("DROP TABLE IF EXISTS Events", "`drop events` removes the collection"),
            ("INSERT INTO events VALUES (1)", "SELECT ... | into events appends rows to it"),
            ("insert into data.events select 1", "SELECT ... | into events appends rows to it"),
            ("COPY events FROM 'x.csv'", "SELECT ... | into events appends rows to it"),
            ("DELETE FROM data.main.events", "`delete HASH` removes a record and its rows"),
            ("TRUNCATE events", "`delete HASH` removes a record and its rows"),
            ('UPDATE "events" SET n = 1', "records do not change"),
            ("ALTER TABLE events ADD COLUMN x INT", "its columns follow its records"),
            ("DROP VIEW blobs", "blobs is a table about the store"),
            ("DROP SCHEMA data.sys", "sys belongs to the store"),
            ("DETACH data", "data belongs to the store"),
            ("CREATE TABLE data.foo AS SELECT 1 AS x", "CREATE TABLE foo without data. one of your own"),
            ("CREATE OR REPLACE VIEW data.events AS SELECT 1", "CREATE VIEW events without data. one of your own"),
        ],
    )
    def test_sql_changes_nothing_and_says_what_does(self, say, statement, instead):
        shown = say(f"{statement};", code=2)
        assert shown.startswith("error: ")
        assert instead in shown
        assert "│      3 │" in say("SELECT count(*) AS c FROM events;")
        assert "sys" in say("SELECT DISTINCT schema_name AS s FROM duckdb_schemas() WHERE database_name = 'data';")

    def test_tables_of_ones_own_change_as_ever(self, say):
        say("CREATE TABLE events AS SELECT 1 AS n; INSERT INTO events VALUES (41); format csv;")
        assert say("SELECT sum(n) AS s FROM events;").startswith("s\n42\n")
        say(
            "UPDATE events SET n = 7; DELETE FROM events WHERE n = 8; ALTER TABLE events RENAME n TO m; DROP TABLE events;"
        )
        assert say("SELECT count(*) AS c FROM events;").startswith("c\n3\n")

    def test_the_shell_says_once_that_they_do_not_last(self, say):
        assert "`lakebed --database FILE` keeps" in say("CREATE TABLE a (x INT);")
        assert "--database" not in say("CREATE TABLE b (x INT);")

    def test_a_database_keeps_them(self, place, capsys):
        for text in (
            "CREATE TABLE kept AS SELECT 42 AS x; CREATE VIEW seen AS FROM events;",
            "FROM kept; SELECT max(n) FROM seen;",
        ):
            session = Session({}, interactive=True, database="own.duckdb")
            try:
                assert run_text(session, text) == 0
            finally:
                session.close()
        shown = capsys.readouterr().out
        assert "│      42 │" in shown
        assert "│      3 │" in shown
        assert "--database" not in shown


class TestOtherStores:
    @pytest.fixture
    def other(self, place):
        with lakebed.open("other.lakebed") as store:
            store.append("names", [{"n": 1, "name": "one"}, {"n": 2, "name": "two"}])
        return place

    def test_a_second_store_is_attached_and_joined(self, say, other):
        say("ATTACH 'other.lakebed' AS o; format csv;")
        assert "push,one\npull,two\n" in say("SELECT type, name FROM events JOIN o.names USING (n) ORDER BY n;")
        with lakebed.open("other.lakebed") as store:
            store.append("names", [{"n": 3, "name": "three"}])
        assert "c\n3\n" in say("SELECT count(*) AS c FROM o.names;")
        assert "names is a collection of the store" in say("DROP VIEW o.names;", code=2)
        say("DETACH o;")
        assert "error" in say("FROM o.names;", code=1)

    def test_none_is_attached_without_external_access(self, say, other):
        assert "Permission" in say("SET enable_external_access = false; ATTACH 'other.lakebed' AS o;", code=1)

    def test_its_name_is_that_of_its_directory(self, say, other):
        say("ATTACH 'other.lakebed'; ATTACH IF NOT EXISTS 'other.lakebed' AS other; format csv;")
        assert "c\n2\n" in say("SELECT count(*) AS c FROM other.names;")

    def test_what_cannot_be_attached_is_told(self, say, other):
        assert "nosuch.lakebed; check the path" in say("ATTACH 'nosuch.lakebed' AS n;", code=5)
        assert "takes no options" in say("ATTACH 'other.lakebed' AS n (READ_ONLY);", code=2)
        say("ATTACH ':memory:' AS m; CREATE TABLE m.t AS SELECT 42 AS x; FROM m.t;")

    def test_safe_attaches_none(self, other, capsys):
        session = Session({}, safe=True, interactive=True)
        try:
            assert run_text(session, "ATTACH 'other.lakebed' AS o;") == 2
        finally:
            session.close()
        assert "--safe forbids" in capsys.readouterr().err


class TestFiles:
    def run(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stderr
        return done.stdout or done.stderr

    def test_a_file_is_a_table_and_no_store_is_written(self, place):
        text = "".join(json.dumps(one) + "\n" for one in EVENTS)
        (place / "fresh.ndjson").write_text(text)
        (place / "packed.ndjson.gz").write_bytes(gzip.compress(text.encode()))
        (place / "comma.csv").write_text("n\n1\n2\n3\n")
        before = sorted(place.iterdir())
        for file in ("fresh.ndjson", "packed.ndjson.gz", "comma.csv", "./comma.csv"):
            name = Path(file).name.partition(".")[0]
            assert self.run(file, "-c", f"SELECT sum(n) AS s FROM {name}") == '{"s":6}\n'
        assert self.run("fresh.ndjson", "-c", "SELECT count(*) AS c FROM fresh JOIN events USING (n)") == '{"c":3}\n'
        assert sorted(place.iterdir()) == before
        parquet = "COPY (SELECT 42 AS x) TO 'p.parquet'; FROM read_parquet('p.parquet')"
        assert self.run("-c", parquet) == self.run("-c", "SELECT 42 AS x")
        assert self.run("p.parquet", "-c", "FROM p") == '{"x":42}\n'

    def test_what_cannot_be_opened_is_told(self, place):
        (place / "bad.parquet").write_text("x")
        assert "bad.parquet cannot be opened as a table" in self.run("bad.parquet", "-c", "FROM bad", code=2)
        assert "There is no file nosuch.ndjson" in self.run("nosuch.ndjson", code=2)
        (place / "comma.csv").write_text("n\n1\n")
        assert "--safe forbids" in self.run("comma.csv", "--safe", "-c", "FROM comma", code=2)


class TestViewsOnDemand:
    def test_only_what_is_named_is_made(self, place):
        import duckdb

        with lakebed.open("data.lakebed") as store:
            for number in range(20):
                store.append(f"c{number}", [{"n": number}])
        with duckdb.connect() as connection:
            attached = attach_on_demand(connection, "data.lakebed", "data", functions=False)

            def made():
                found = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
                return {name for (name,) in found}

            assert made() == set()
            assert attached.show(connection, {"c7", "x", "select"})
            assert made() == {"c7"}
            assert not attached.show(connection, {"c7"})
            with lakebed.open("data.lakebed") as writer:
                writer.append("c7", [{"n": 8}])
                writer.append("c8", [{"n": 9}])
            attached.refresh(connection)
            assert made() == {"c7"}
            assert connection.execute("SELECT count(*) FROM data.c7").fetchall() == [(2,)]
            attached.show(connection, None)
            assert {"events", "c0", "c19", "blobs", "runs"} <= made()

    @pytest.mark.parametrize(
        "query",
        [
            "FROM Events",
            'FROM data.main."events"',
            "FROM (SHOW ALL TABLES) WHERE name = 'events'",
            "SELECT * FROM query_table('events')",
            "SELECT 1 FROM duckdb_views() WHERE view_name = 'events'",
            "FROM information_schema.tables WHERE table_name = 'events'",
            "FROM lakebed_scan('data.lakebed', 'events')",
            "SELECT * FROM seen",
            "SELECT * FROM again()",
            "FROM runs UNION ALL FROM runs LIMIT 0",
            "WITH events AS (SELECT 1) FROM events, data.events LIMIT 1",
        ],
    )
    def test_whatever_may_name_a_collection_finds_it(self, place, query):
        own = "CREATE VIEW seen AS FROM events; CREATE MACRO again() AS TABLE FROM events"
        subprocess.run([PROGRAM, "query", own, "--database", "own.duckdb"], check=True, timeout=120)
        done = subprocess.run(
            [PROGRAM, "query", query, "--database", "own.duckdb"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert (done.stdout != "") == ("LIMIT 0" not in query)

    def test_lists_of_tables_hold_no_internals(self, say):
        say("FROM blobs; format csv; set rows 0")
        for query in ("SHOW ALL TABLES;", "SHOW TABLES;", "FROM (SHOW ALL TABLES);"):
            shown = say(query)
            assert "events" in shown
            assert "glance" not in shown
            assert "lakebed" not in shown.replace("data.lakebed", "")


class TestLists:
    def test_tables_and_their_columns(self, say):
        say("CREATE TABLE mine (a INT); format csv;")
        (events,) = say(".tables ev%").splitlines()[1:2]
        name, kind, rows, size, columns = events.split(",")
        assert (name, kind, rows, columns) == ("events", "collection", "3", "9")
        assert 0 < int(size) < 1000
        tables = say("tables").splitlines()
        assert {"mine,table,0,,1", events, "blobs,system,,,10"} <= set(tables)
        assert not [line for line in tables if "glance" in line or "behind" in line]
        assert "the store: 3 rows, " in say("\\dt")
        columns = say(".schema").splitlines()
        assert {"events,n,BIGINT", "mine,a,INTEGER", "segments,state,VARCHAR"} <= set(columns)

    def test_describe_shows_what_the_store_knows_and_of_other_tables_what_duckdb_does(self, say):
        say('CREATE TABLE mine (a INT); CREATE TABLE "odd one" (b INT); format csv;')
        for text in ("describe events", "describe Events;", "\\d events", ".schema events"):
            assert "n,BIGINT,3,0,0,1,3," in say(text), text
            assert "type,VARCHAR,3,0,0,pull,push," in say(text), text
            assert 'user,"STRUCT(' in say(text), text
        assert "a,INTEGER," in say("describe mine;")
        assert "b,INTEGER," in say('describe "odd one"')
        assert "id,BIGINT," in say("describe blobs;")
        assert "n,BIGINT," in say("describe data.events;")
        assert "x,INTEGER," in say("describe SELECT 1 AS x;")
        assert "nosuch" in say("describe nosuch;", code=5)

    def test_a_listing_is_shown_whole_and_marks_what_it_cuts(self, say):
        with lakebed.open("data.lakebed") as store:
            store.append("wide", [{f"k{n}": "x" * 30 for n in range(50)}])
        shown = say("describe wide")
        assert "│ k49 " in shown
        assert "56 rows, 8 columns" in shown
        assert "last" not in shown, "a hint at the last result, which a listing is not"
        assert f"k0,VARCHAR,1,0,0,{'x' * 23}…," in say("format csv; describe wide")
        assert ",1,0,0,0,0," in say("describe wide").split("_seq,BIGINT")[1].splitlines()[0]
