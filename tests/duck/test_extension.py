"""lakebed.duckdb_extension: what its functions give, how they fail, and what they leave alone."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

import lakebed
from tests.duck.extended import extended, rows, scan

RECORDS: list[dict[str, Any]] = [
    {
        "n": number,
        "big": 2**80 + number,
        "u": 2**63 + number,
        "x": number / 4,
        "flag": number % 3 == 0,
        "name": f"a name of some length {number}" if number % 5 else "short",
        "day": f"2024-02-{number % 28 + 1:02}",
        "moment": f"2024-02-03T04:05:{number % 60:02}.123456",
        "zoned": f"2024-02-03T04:05:{number % 60:02}+02:00",
        "tags": [f"tag {i} that is longer than twelve bytes" for i in range(number % 4)],
        "grid": [[i, None] for i in range(number % 3)],
        "nest": {"a": number if number % 2 else None, "b": {"c": f"deep value number {number}"}},
        "items": [{"k": i, "v": None if i % 2 else f"value {i}"} for i in range(number % 6)],
        "mixed": [1, "two", None, {"three": 3}][number % 4],
        **({"rare": {"only": "here"}} if number % 1000 == 7 else {}),
    }
    for number in range(5000)
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("extension") / "test.lakebed"
    with lakebed.open(path) as opened:
        opened.append("things", RECORDS)
        opened.append("others", [{"n": 1}])
    return path


@pytest.fixture
def con():
    with extended() as connection:
        yield connection


QUERIES = [
    "SELECT count(*) FROM t",
    "SELECT * FROM t ORDER BY n",
    "SELECT n, big, u, x, flag FROM t ORDER BY n",
    "SELECT flag, count(*), sum(n), max(big), min(u), avg(x) FROM t GROUP BY ALL ORDER BY ALL",
    "SELECT name, count(*) FROM t GROUP BY ALL ORDER BY ALL LIMIT 50",
    "SELECT day, moment, zoned FROM t ORDER BY n DESC LIMIT 200",
    "SELECT date_trunc('minute', moment), max(zoned) FROM t GROUP BY ALL ORDER BY ALL",
    "SELECT n, unnest(tags) AS tag FROM t ORDER BY ALL",
    "SELECT n, list_transform(tags, lambda s: upper(s)), grid FROM t ORDER BY n",
    "SELECT nest.b.c, nest.a FROM t WHERE nest.a > 4000 ORDER BY n",
    "SELECT nest FROM t WHERE nest.a IS NULL AND nest.b.c LIKE '%99%' ORDER BY n",
    "SELECT i.k, i.v, count(*) FROM (SELECT unnest(items) AS i FROM t) GROUP BY ALL ORDER BY ALL",
    "SELECT mixed, count(*) FROM t GROUP BY ALL ORDER BY ALL",
    "SELECT mixed->>'three', json_type(mixed), count(*) FROM t GROUP BY ALL ORDER BY ALL",
    "SELECT rare.only, n FROM t WHERE rare IS NOT NULL ORDER BY n",
    "SELECT a.name, b.name FROM t a JOIN t b ON a.n = b.n + 1 WHERE a.n % 100 = 0 ORDER BY a.n",
    "SELECT min(name), max(name), first(name ORDER BY n DESC), arg_max(name, n), mode(name) FROM t",
    "SELECT string_agg(name, '|' ORDER BY n), list(name ORDER BY n)[1:5] FROM t",
    "SELECT n, lag(name) OVER (ORDER BY n), last_value(name) OVER (ORDER BY n) FROM t ORDER BY n",
    "SELECT DISTINCT name FROM t ORDER BY ALL LIMIT 20 OFFSET 5",
    "SELECT name FROM t UNION SELECT nest.b.c FROM t ORDER BY ALL LIMIT 100",
    "SELECT histogram(length(name)), approx_count_distinct(day) > 20 FROM t",
    "FROM (PIVOT (SELECT flag, day, n FROM t) ON flag USING count(n) GROUP BY day) ORDER BY day",
]


@pytest.fixture(scope="module")
def exported(store, tmp_path_factory):
    """The exported file, read by DuckDB itself with the collection's types."""
    path = tmp_path_factory.mktemp("exported") / "things.ndjson"
    with lakebed.open(store, "r") as opened:
        opened.export("things", path)
        schema = opened.schema("things")
    types = ", ".join(
        f"\"{column.name}\": '{column.type}'" for column in schema.columns if not column.name.startswith("_")
    )
    return f"read_json('{path}', format='newline_delimited', columns := {{{types}}})"


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("threads", [1, 4])
def test_answers_are_those_of_read_json(con, store, exported, query, threads):
    con.execute(f"SET threads = {threads}")
    own = f"(SELECT * EXCLUDE (_seq, _hash, _file, _line, _ingested_at, _json) FROM {scan(store)})"
    con.execute(f"CREATE TEMP VIEW t AS FROM {own}")
    found = con.execute(query)
    columns, answers = [column[:2] for column in found.description], found.fetchall()
    con.execute(f"CREATE OR REPLACE TEMP VIEW t AS FROM {exported}")
    expected = con.execute(query)
    assert [column[:2] for column in expected.description] == columns
    wanted = expected.fetchall()
    assert normal(answers) == normal(wanted)


def normal(answers):
    """DuckDB's reader rewrites JSON values; ours are the exact bytes."""
    return [tuple(_loose(value) for value in row) for row in answers]


def _loose(value):
    if isinstance(value, str) and value[:1] in '{["':
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def test_answers_are_those_of_the_views(con, store):
    with lakebed.connect(store) as views:
        views.execute("SET TimeZone = 'UTC'")
        for query in QUERIES:
            own = query.replace("FROM t", f"FROM {scan(store)}").replace("JOIN t ", f"JOIN {scan(store)} ")
            theirs = query.replace("FROM t", "FROM things").replace("JOIN t ", "JOIN things ")
            if "SELECT *" not in query:
                assert rows(con, own) == rows(views, theirs), query
        mine = con.sql(f"SELECT * FROM {scan(store)}")
        view = views.sql("SELECT * FROM things")
        assert dict(zip(mine.columns, map(str, mine.types), strict=True)) == dict(
            zip(view.columns, map(str, view.types), strict=True)
        )
        assert mine.columns[0] == "_seq"
        assert [name for name in mine.columns if name != "_seq"] == [name for name in view.columns if name != "_seq"]


def test_results_that_are_copied_elsewhere(con, store, tmp_path):
    con.execute(f"CREATE TABLE copied AS FROM {scan(store)}")
    assert rows(con, f"SELECT count(*) FROM copied JOIN {scan(store)} s USING (_seq, _hash, name, nest)") == [(5000,)]
    con.execute(f"COPY (SELECT name, tags FROM {scan(store)}) TO '{tmp_path}/out.parquet'")
    assert rows(con, f"FROM '{tmp_path}/out.parquet'") == rows(con, f"SELECT name, tags FROM {scan(store)}")
    table = con.sql(f"SELECT name, nest FROM {scan(store)}").to_arrow_table()
    assert table["name"].to_pylist() == [record["name"] for record in RECORDS]
    streamed = con.execute(f"SELECT _seq, name FROM {scan(store)}")
    assert [streamed.fetchone()[1] for _ in range(5000)] == [record["name"] for record in RECORDS]


def test_system_columns(con, store):
    found = rows(con, f"SELECT _seq, _hash, _file, _line, _ingested_at IS NOT NULL, _json FROM {scan(store)} LIMIT 1")
    text = lakebed.to_json(RECORDS[0]).decode()
    assert found[0][0] == 0
    assert found[0][2:] == (None, None, True, text)
    assert rows(con, f"SELECT DISTINCT _hash = lakebed_hash(_json) FROM {scan(store)}") == [(True,)]


def test_system_tables_are_those_of_the_views(con, store):
    with lakebed.connect(store) as views:
        views.execute("SET TimeZone = 'UTC'")
        for table in ("blobs", "collections", "segments", "dictionaries", "commits"):
            assert rows(con, f"FROM lakebed_{table}('{store}')") == rows(views, f"FROM data.sys.{table}")
        assert rows(con, f"SELECT count(*), max(size) FROM lakebed_blobs('{store}')")[0][0] == 5001


def test_pruning(con, tmp_path):
    store = tmp_path / "pruned.lakebed"
    for name, values in (("a.ndjson", range(100)), ("b.ndjson", range(100, 150))):
        (tmp_path / name).write_text("".join(f'{{"n": {n}}}\n' for n in values))
    with lakebed.open(store) as opened:
        first = opened.ingest(tmp_path / "a.ndjson", into="numbers").commit
        middle = rows(con, "SELECT now()")[0][0]
        time.sleep(0.01)
        opened.ingest(tmp_path / "b.ndjson", into="numbers")

    def numbers(rest):
        return rows(con, f"SELECT count(*), min(n), max(n) FROM {scan(store, rest, 'numbers')}")[0]

    assert numbers("") == (150, 0, 149)
    assert numbers(", after_seq := 9") == (140, 10, 149)
    assert numbers(", before_seq := 10") == (10, 0, 9)
    assert numbers(", after_seq := 9, before_seq := 12") == (2, 10, 11)
    assert numbers(", after_seq := 12, before_seq := 9") == (0, None, None)
    assert (
        numbers(", file := 'b.ndjson'")[0]
        == rows(con, f"SELECT count(*) FROM {scan(store, '', 'numbers')} WHERE _file = 'b.ndjson'")[0][0]
    )
    file = rows(con, f"SELECT max(_file) FROM {scan(store, '', 'numbers')}")[0][0]
    assert numbers(f", file := '{file}'") == (50, 100, 149)
    assert numbers(f", since := '{middle.isoformat()}'") == (50, 100, 149)
    assert numbers(f", snapshot := {first}") == (100, 0, 99)
    assert numbers(", snapshot := 0, file := NULL") == (0, None, None)
    for rest in (", after_seq := -1", ", snapshot := 99"):
        with pytest.raises(duckdb.Error, match=r"from 0|has no commit 99; its newest is \d"):
            numbers(rest)


def test_types_that_are_asked_for(con, store):
    given = "{n: 'VARCHAR', nest: 'JSON', mixed: 'VARCHAR', later: 'BIGINT[]', tags: 'JSON'}"
    found = con.sql(f"SELECT n, nest, mixed, later, tags FROM {scan(store, f', columns := {given}')} ORDER BY _seq")
    assert list(map(str, found.types)) == ["VARCHAR", "JSON", "VARCHAR", "BIGINT[]", "JSON"]
    assert found.fetchall()[1:4] == [
        ("1", '{"a":1,"b":{"c":"deep value number 1"}}', "two", None, '["tag 0 that is longer than twelve bytes"]'),
        (
            "2",
            '{"a":null,"b":{"c":"deep value number 2"}}',
            None,
            None,
            rows(con, f"SELECT tags::JSON FROM {scan(store)} WHERE n = 2")[0][0],
        ),
        (
            "3",
            '{"a":3,"b":{"c":"deep value number 3"}}',
            '{"three":3}',
            None,
            rows(con, f"SELECT tags::JSON FROM {scan(store)} WHERE n = 3")[0][0],
        ),
    ]
    narrow = "{nest: 'STRUCT(b STRUCT(c VARCHAR))'}"
    assert rows(con, f"SELECT nest FROM {scan(store, f', columns := {narrow}')} LIMIT 1") == [
        ({"b": {"c": "deep value number 0"}},)
    ]
    for given, reason in [
        ("{name: 'BIGINT'}", '"name" of collection things has a value that BIGINT cannot hold'),
        ("{name: 'INTEGER'}", '"INTEGER" is none of'),
        ("{_seq: 'VARCHAR'}", '"_seq" has a type of its own'),
        ("'BIGINT'", "it is a list of columns, .* or a STRUCT of types"),
    ]:
        with pytest.raises(duckdb.Error, match=reason):
            rows(con, f"SELECT count(name) FROM {scan(store, f', columns := {given}')}")


def test_get_and_hash(con, store):
    with lakebed.open(store, "r") as opened:
        blob = next(iter(opened.scan("things"))).hash
    text = lakebed.to_json(RECORDS[0])
    assert rows(con, f"SELECT lakebed_get('{store}', '{blob}')") == [(text,)]
    assert rows(con, f"SELECT lakebed_get('{store}', '{str(blob)[:12]}'), lakebed_get('{store}', NULL)") == [
        (text, None)
    ]
    joined = f"SELECT count(*) FROM {scan(store)} WHERE lakebed_get('{store}', _hash) = _json::BLOB"
    assert rows(con, joined) == [(5000,)]
    assert rows(con, r"SELECT lakebed_hash('\x41'), lakebed_hash('\x41'::BLOB), lakebed_hash(NULL)") == [
        (rows(con, r"SELECT lakebed_hash('\x5Cx41'::BLOB)")[0][0], rows(con, "SELECT lakebed_hash('A')")[0][0], None)
    ]
    with pytest.raises(duckdb.Error, match="no blob"):
        rows(con, f"SELECT lakebed_get('{store}', '{'0' * 64}')")
    assert rows(con, f"SELECT TRY(lakebed_get('{store}', '{'0' * 64}'))") == [(None,)]


def test_names_in_errors(con, store, tmp_path):
    for query, message in [
        (scan(store, "", "thing"), f'The store {store} has no collection "thing"; did you mean "things"'),
        (scan(tmp_path / "no.lakebed"), f"There is no store at {tmp_path}/no.lakebed"),
        (scan(tmp_path), "store"),
        (scan(""), "is no path of a store"),
        ("lakebed_scan(NULL, 'things')", "needs the path of a store"),
        (f"lakebed_train('{store}', 'thinks')", 'did you mean "things"'),
        (f"lakebed_train('{store}', 'things', size := 1)", "1 bytes cannot be trained"),
        (f"lakebed_ingest('{store}', '{tmp_path}/no.ndjson')", "no.ndjson"),
        (f"lakebed_ingest('{store}', 'x.ndjson', on_error := 'ignore')", "'abort', 'skip' or 'quarantine'"),
    ]:
        with pytest.raises(duckdb.Error) as caught:
            rows(con, f"FROM {query}")
        assert message in str(caught.value)


def test_ingest_and_train_act_once_and_only_when_executed(con, tmp_path):
    store, file = tmp_path / "made.lakebed", tmp_path / "lines.ndjson.gz"
    random = Random(1)
    words = [f"{random.getrandbits(40):x}" for _ in range(500)]
    plain = "".join(f'{{"id": {n}, "text": "{random.choices(words, k=12)}"}}\n' for n in range(20000))
    file.write_bytes(gzip.compress(plain.encode()))
    call = f"lakebed_ingest('{store}', '{file}', train := false)"
    for harmless in (f"EXPLAIN FROM {call}", f"DESCRIBE FROM {call}", f"PREPARE p AS FROM {call}"):
        rows(con, harmless)
        assert not store.exists()
    assert rows(con, f"SELECT collection, skipped, rows, trained FROM {call}") == [("lines", False, 20000, False)]
    assert rows(con, f"SELECT skipped FROM {call}") == [(True,)]
    assert rows(con, f"SELECT count(*) FROM {scan(store, '', 'lines')}") == [(20000,)]
    train = f"lakebed_train('{store}', 'lines', size := 20000)"
    rows(con, f"EXPLAIN FROM {train}")
    assert rows(con, f"FROM lakebed_dictionaries('{store}')") == []
    assert rows(con, f"SELECT collection, installed, generation FROM {train}") == [("lines", True, 1)]
    assert rows(con, f"SELECT collection, generation FROM lakebed_dictionaries('{store}')") == [("lines", 1)]
    assert rows(con, f"SELECT count(*) FROM {call}, range(2)") == [(2,)]
    assert rows(con, f"SELECT count(*) FROM {scan(store, '', 'lines')}") == [(20000,)]


def test_an_ingest_declares_types(con, tmp_path):
    store, file = tmp_path / "made.lakebed", tmp_path / "prices.ndjson"
    file.write_text('{"price": "1.5", "o": {"n": 1}}\n{"price": "-", "o": {"n": "x"}}\n')
    given = "types := {price: 'DOUBLE', o: 'STRUCT(n BIGINT)'}, nulls := ['-']"
    rows(con, f"SELECT rows FROM lakebed_ingest('{store}', '{file}', {given}, dry_run := true)")
    assert rows(con, f"SELECT rows FROM lakebed_ingest('{store}', '{file}', {given})") == [(2,)]
    found = con.sql(f"SELECT price, o FROM {scan(store, '', 'prices')} ORDER BY _seq")
    assert list(map(str, found.types)) == ["DOUBLE", "STRUCT(n BIGINT)"]
    assert found.fetchall() == [(1.5, {"n": 1}), (None, {"n": None})]
    for wrong, reason in [
        ("types := ['price']", "types is a STRUCT"),
        ("types := {price: 'MONEY'}", "MONEY"),
        ("nulls := ['-']", "belongs to a declared type"),
        ("types := {price: 'DOUBLE'}, nulls := {a: 'b'}", "nulls is a list of texts"),
    ]:
        with pytest.raises(duckdb.Error, match=reason):
            rows(con, f"FROM lakebed_ingest('{tmp_path / 'other.lakebed'}', '{file}', {wrong})")
    assert not (tmp_path / "other.lakebed").exists()


def test_an_ingest_with_a_wrong_path_makes_nothing(con, tmp_path):
    file = tmp_path / "lines.ndjson"
    file.write_text('{"a": 1}\n')
    for store, name, message in (
        (tmp_path / "made.lakebed", tmp_path / "nosuch.ndjson", "There is no file .*nosuch.ndjson"),
        (tmp_path / "no" / "made.lakebed", file, "There is no directory .*no to make the store in"),
    ):
        with pytest.raises(duckdb.Error, match=message):
            rows(con, f"FROM lakebed_ingest('{store}', '{name}')")
    assert [path.name for path in tmp_path.iterdir()] == ["lines.ndjson"]


def test_a_writer_who_does_not_let_go_is_named(con, tmp_path):
    store = tmp_path / "held.lakebed"
    (tmp_path / "x.ndjson").write_text('{"a": 1}\n')
    code = f"""
import lakebed, sys
with lakebed.open({str(store)!r}) as store:
    store.put(b"held")
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(duckdb.Error, match=str(other.pid)):
            rows(con, f"FROM lakebed_ingest('{store}', '{tmp_path}/x.ndjson')")
        other.communicate("")


def test_a_store_that_goes_away(con, store, tmp_path):
    copy = tmp_path / "copy.lakebed"
    shutil.copytree(store, copy)
    reading = con.execute(f"SELECT name FROM {scan(copy)}")
    assert reading.fetchone() is not None
    shutil.rmtree(copy)
    with pytest.raises(duckdb.Error, match=r"no store at .*copy.lakebed"):
        rows(con, f"FROM {scan(copy)}")
    with lakebed.open(copy) as opened:
        opened.append("things", [{"new": "store"}])
    assert rows(con, f"SELECT new FROM {scan(copy)}") == [("store",)]


def test_memory_for_decoded_frames_is_set_by_the_environment(con, store, tmp_path, monkeypatch):
    for number, text in enumerate(["0", "100000", " 5000000 "]):
        copy = tmp_path / f"{number}.lakebed"
        shutil.copytree(store, copy)
        monkeypatch.setenv("LAKEBED_CACHE_BYTES", text)
        for _ in range(2):
            assert rows(con, f"SELECT count(*), count(DISTINCT name) FROM {scan(copy)}") == [(5000, 4001)]
    shutil.copytree(store, tmp_path / "other.lakebed")
    monkeypatch.setenv("LAKEBED_CACHE_BYTES", "plenty")
    with pytest.raises(duckdb.Error, match=r"LAKEBED_CACHE_BYTES is .plenty., which is no number of bytes; set it to"):
        rows(con, f"FROM {scan(tmp_path / 'other.lakebed')}")


def test_interrupt_ends_a_scan(con, tmp_path):
    path = tmp_path / "large.lakebed"
    with lakebed.open(path) as store:
        store.append("large", ({"n": n, "text": str(n) * 40} for n in range(200_000)))
    for threads in (1, 4):
        con.execute(f"SET threads = {threads}")
        timer = threading.Timer(0.3, con.interrupt)
        timer.start()
        began = time.monotonic()
        with pytest.raises(duckdb.InterruptException):
            rows(
                con,
                " UNION ALL ".join(
                    f"SELECT max(_hash) FROM {scan(path, f', after_seq := {n}', 'large')}" for n in range(30)
                ),
            )
        assert time.monotonic() - began < 0.3 + 5 * 0.5
        timer.join()


def test_interrupt_of_an_ingest_takes_effect_when_it_is_done_and_keeps_it(con, tmp_path):
    store, pipe = tmp_path / "kept.lakebed", tmp_path / "lines"
    os.mkfifo(pipe)

    def feed():
        with open(pipe, "w") as lines:
            lines.write('{"n": 1}\n')
            lines.flush()
            con.interrupt()
            lines.write('{"n": 2}\n')

    feeder = threading.Thread(target=feed)
    feeder.start()
    with pytest.raises(duckdb.InterruptException):
        rows(con, f"FROM lakebed_ingest('{store}', '{pipe}')")
    feeder.join()
    assert rows(con, f"SELECT n FROM {scan(store, '', 'lines')}") == [(1,), (2,)]


def outcome(con, query):
    """The message of the error, or the rows."""
    try:
        return "", rows(con, query)
    except duckdb.Error as error:
        return str(error), None


def test_hostile_stores_are_errors(con, store, tmp_path):
    """Bytes changed anywhere: an error or the right rows, and the host lives."""
    whole = sum(RECORDS[n]["n"] for n in range(5000))
    files = [file for file in sorted(Path(store).rglob("*")) if file.is_file() and file.stat().st_size > 0]
    for number in range(60):
        broken = tmp_path / f"broken{number}"
        shutil.copytree(store, broken)
        target = broken / files[number % len(files)].relative_to(store)
        data = bytearray(target.read_bytes())
        for place in range(number * 7919 % len(data), len(data), max(1, len(data) // 3)):
            data[place] ^= 0x55
        target.write_bytes(data[: len(data) - number % 2 * (len(data) // 2)])
        for query in (
            f"SELECT sum(n) FROM {scan(broken)}",
            f"SELECT count(DISTINCT hash), sum(octet_length(data)) FROM lakebed_blobs('{broken}')",
        ):
            message, found = outcome(con, query)
            assert "panicked" not in message
            assert not query.startswith("SELECT sum") or message or found[0][0] in (whole, None)
    assert rows(con, "SELECT 1") == [(1,)]


def test_loading_twice_and_on_two_connections(con, store):
    con.execute(f"LOAD '{lakebed.extension_path()}'")
    with duckdb.connect(config={"allow_unsigned_extensions": True}) as second:
        second.load_extension(str(lakebed.extension_path()))
        assert rows(second, f"SELECT count(*) FROM {scan(store)}") == [(5000,)]
    assert rows(con, f"SELECT count(*) FROM {scan(store)}") == [(5000,)]
    with con.cursor() as cursor:
        assert rows(cursor, f"SELECT count(*) FROM {scan(store)}") == [(5000,)]


def test_connect_has_the_functions(store):
    with lakebed.connect(store) as con:
        assert rows(con, f"SELECT count(*) FROM {scan(store)}") == rows(con, "SELECT count(*) FROM things")


def test_attach_says_once_why_there_are_no_functions(store, monkeypatch):
    from lakebed.duck import functions

    monkeypatch.setattr(functions, "_warned", threading.Event())
    with duckdb.connect() as plain, warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        lakebed.attach(plain, store)
        lakebed.attach(plain, store, name="again")
        assert rows(plain, "SELECT count(*) FROM data.things") == [(5000,)]
        with pytest.raises(duckdb.CatalogException):
            rows(plain, f"FROM {scan(store)}")
    assert [str(one.message).partition(",")[0] for one in messages] == [
        "The DuckDB connection does not allow unsigned extensions"
    ]
    assert messages[0].filename == __file__
    with duckdb.connect(config={"allow_unsigned_extensions": True}) as allowing:
        lakebed.attach(allowing, store)
        assert rows(allowing, f"SELECT count(*) FROM {scan(store)}") == [(5000,)]
