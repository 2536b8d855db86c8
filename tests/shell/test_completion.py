"""Completion: text in, suggestions out."""

from __future__ import annotations

import pytest

from lakebed._cli.shell.completion import suggest
from lakebed._cli.shell.completion_catalog import Column, CompletionCatalog, Table
from lakebed.duck.struct_types import struct_fields

EVENTS = Table(
    "events",
    "data.main",
    (
        Column("type", "VARCHAR"),
        Column("n", "BIGINT"),
        Column("user", 'STRUCT("name" VARCHAR, age BIGINT, home STRUCT(city VARCHAR))'),
        Column("_seq", "BIGINT"),
        Column("Static-Built-Using", "VARCHAR"),
        Column("Section", "VARCHAR"),
        Column("tags", "STRUCT(label VARCHAR, at STRUCT(day DATE))[]"),
        Column("by", "MAP(VARCHAR, STRUCT(hits BIGINT))"),
    ),
)
ODD = Table("My Events", "data.main", (Column("two words", "VARCHAR"), Column("order", "BIGINT")))
BLOBS = Table("blobs", "data.sys", (Column("id", "BIGINT"), Column("kind", "VARCHAR")))
CATALOG = CompletionCatalog(
    {"events": EVENTS, "my events": ODD, "blobs": BLOBS, "main.events": EVENTS, "sys.blobs": BLOBS},
    functions=("count", "count_if", "typeof"),
    signatures={"count_if": "(arg)"},
    settings={"threads": "2", "TimeZone": "UTC"},
    pragmas=("table_info",),
    keywords=("select", "from", "order", "count", "table", "type", "where", "group", "join", "offset"),
    reserved=frozenset(("select", "from", "order", "table", "user", "where", "group", "offset")),
    collections=("events", "My Events"),
    queries=("daily", "weekly"),
    models=("llama3:8b",),
)


def offered(text, *, requested=False):
    """What is suggested where | stands."""
    cursor = text.index("¦")
    return [one.text for one in suggest(text.replace("¦", ""), cursor, CATALOG, requested=requested)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("SELECT * FROM ¦", ["events", '"My Events"', "blobs"]),
        ("SELECT * FROM ev¦", ["events"]),
        ("SELECT * FROM events, b¦", ["blobs"]),
        ("FROM events JOIN bl¦", ["blobs"]),
        ("DESCRIBE my¦", ["'My Events'"]),
        ("describe b¦", ["blobs"]),
        (".schema e¦", ["events"]),
        (".mode ¦", ["auto", "table"]),
        (".mode c¦", ["csv"]),
        (".read a¦", []),
        ("\\d e¦", ["events"]),
        ("\\ti¦", ["\\timing"]),
        ("set row¦", ["rows"]),
        ("SUMMARIZE e¦", ["events"]),
        ("WITH x AS (SELECT 1) FROM x¦", ["x"]),
        ("SELECT ty¦ FROM events", ["type", "typeof"]),
        ("SELECT e.¦ FROM events e", ["type", "n", '"user"', "_seq"]),
        ("SELECT e.t¦ FROM events AS e JOIN blobs b", ["type"]),
        ("SELECT b.k¦ FROM events AS e JOIN blobs b ON true", ["kind"]),
        ("SELECT user.¦ FROM events", ["name", "age", "home"]),
        ("SELECT user.home.c¦ FROM events", ["city"]),
        ("SELECT e.user.a¦ FROM events e", ["age"]),
        ("SELECT 'é', ki¦ FROM blobs", ["kind"]),
        ("FROM sys.¦", ["blobs"]),
        ("FROM data.¦", ["events", '"My Events"']),
        ('SELECT tw¦ FROM "My Events"', ['"two words"']),
        ("SELECT CO¦ FROM events", ["count", "count_if"]),
        ("SELECT type, tw¦", ['"two words"']),
        ("SELECT sctn¦ FROM events", ["Section"]),
        ("FROM evts¦", ["events"]),
        ("SELECT e.sct¦ FROM events e", ["Section"]),
        ("WITH x AS (SELECT type AS kind, n, count(*) AS c FROM events) SELECT ki¦ FROM x", ["kind"]),
        ("WITH x AS (SELECT type AS kind, n, count(*) AS c FROM events) SELECT x.¦ FROM x", ["kind", "n", "c"]),
        ("WITH x AS (SELECT type AS kind FROM events) SELECT ki¦", ["kind"]),
        ("WITH x AS (FROM events), y AS (SELECT n AS m FROM x) SELECT y.¦ FROM y", ["m"]),
        ("WITH x(p, q) AS (SELECT 1, 2) SELECT x.¦ FROM x", ["p", "q"]),
        ("SELECT s.¦ FROM (SELECT type, n + 1 AS more FROM events) s", ["type", "more"]),
        ("SELECT s.¦ FROM (SELECT e.* FROM events e) AS s", ["type", "n"]),
        ("SELECT * FROM events e JOIN (SELECT type, 1 AS one FROM events) o ON ¦", ["e.type = o.type"]),
        ("SELECT tags[1].¦ FROM events", ["label", "at"]),
        ("SELECT tags[1].at.d¦ FROM events", ["day"]),
        ("SELECT e.tags[-1].l¦ FROM events e", ["label"]),
        ("SELECT by['x'].¦ FROM events", ["hits"]),
        ("SET thread¦", ["threads"]),
        ("SET ¦", ["rows", "null"]),
        ("SET GLOBAL time¦", ["TimeZone"]),
        ("PRAGMA ta¦", ["table_info"]),
        ("FROM events wh¦", ["where"]),
        ("FROM events o¦", ["order", "offset"]),
        ("SELECT n FROM events GR¦", ["GROUP"]),
        ("sel¦", ["select"]),
        ("SEL¦", ["SELECT"]),
        ("ing¦", ["ingest"]),
        ("SELECT 1; hel¦", ["help"]),
        (".mo¦", [".mode"]),
        ("ingest x --on¦", ["--on-error"]),
        ("ingest x --on-error s¦", ["skip"]),
        ("ingest x in¦", ["into"]),
        ("ingest x into e¦", ["events"]),
        ("drop ¦", ["events", "'My Events'"]),
        ("help ing¦", ["ingest"]),
        ("format v¦", ["vertical"]),
        ("call d¦", ["daily"]),
        ("stats --j¦", ["--json"]),
        ("FROM events | wr¦", ["write"]),
        ("FROM events |¦", ["write", "into", "chart", "clip", "prompt", "!"]),
        ("FROM events | into e¦", ["events"]),
        ("FROM events | prompt ll¦", ["llama3:8b"]),
        ("FROM events | write x.csv --format p¦", ["parquet"]),
    ],
)
def test_what_is_offered(text, first):
    assert offered(text)[: len(first)] == first


@pytest.mark.parametrize(
    "text", ["SELECT ¦ FROM events", "SELECT 'ev¦", "SELECT 1 -- ev¦", "¦", "SELECT 1; ¦", "FROM events | ! l¦"]
)
def test_nothing_is_offered_unasked(text):
    assert offered(text) == []


def test_when_asked_columns_and_beginnings_are_offered():
    assert offered("SELECT ¦ FROM events", requested=True)[:2] == ["type", "n"]
    assert "ingest" in offered("¦", requested=True)


def test_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.ndjson").touch()
    (tmp_path / "abc.csv").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.json").touch()
    assert offered("ingest a¦") == ["'a b.ndjson'", "abc.csv"]
    assert offered("ingest s¦") == ["sub/"]
    assert offered("read sub/¦") == ["sub/x.json"]
    assert offered("FROM 'ab¦") == ["abc.csv"]
    assert offered("FROM events | write sub/x¦") == ["sub/x.json"]


def test_the_fields_of_a_struct():
    assert [
        one.name
        for one in struct_fields(
            'STRUCT("a, b" STRUCT(x BIGINT, y DECIMAL(3,1)), "q""t" VARCHAR[], n MAP(VARCHAR, BIGINT))'
        )
    ] == ["a, b", 'q"t', "n"]
    assert struct_fields("VARCHAR") == []
