"""Files: each ending has its format, whatever writes the file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from typing import Any
from xml.etree import ElementTree

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pytest
import zstandard

QUERY = 'SELECT type, n, "at" FROM events ORDER BY _seq'
NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def plain(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data).decode()
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data).decode()
    return data.decode()


def sheet(path):
    """The cells of a workbook: numbers as floats, text, booleans, None; and its styles."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        root = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))
        for name in file.namelist():
            ElementTree.fromstring(file.read(name))
    rows = []
    for row in root.iter(f"{NS}row"):
        cells: list[Any] = []
        for cell in row.iter(f"{NS}c"):
            value, text = cell.find(f"{NS}v"), cell.find(f"{NS}is/{NS}t")
            if text is not None:
                cells.append(text.text or "")
            elif value is None:
                cells.append(None)
            else:
                cells.append(value.text == "1" if cell.get("t") == "b" else float(value.text or ""))
        rows.append(cells)
    return rows


WRITERS = {
    "-o": lambda run, name: run("query", QUERY, "-o", name),
    "write": lambda run, name: run("query", f"{QUERY} | write {name}"),
    "output": lambda run, name: run("-c", f"output {name}; {QUERY};"),
    "export": lambda run, name: run("export", "events", name),
}


@pytest.mark.parametrize(("way", "compression"), [("-o", ""), ("write", ".zst"), ("output", ".gz"), ("export", ".zst")])
def test_text_has_the_format_and_the_compression_of_the_ending(run, store, place, way, compression):
    texts = {}
    for ending in ("ndjson", "jsonl", "json", "csv", "tsv", "md", "html", "txt"):
        name = f"q.{ending}{compression}"
        done = WRITERS[way](run, name)
        assert done.code == 0, done.err
        texts[ending] = plain(place / name)
    records = [json.loads(line) for line in texts["ndjson"].splitlines()]
    assert len(records) == 5
    assert records[3]["n"] == 12345678901234567890
    assert texts["jsonl"] == texts["ndjson"]
    assert json.loads(texts["json"]) == records
    for ending, comma in (("csv", ","), ("tsv", "\t")):
        rows = list(csv.DictReader(io.StringIO(texts[ending]), delimiter=comma))
        assert [row["type"] for row in rows] == [record["type"] for record in records]
    assert texts["md"].startswith("| type | n | at |")
    assert texts["html"].startswith('<!DOCTYPE html>\n<meta charset="utf-8">\n<table>\n<thead><tr><th>type</th>')
    assert texts["txt"].startswith("┌")


@pytest.mark.parametrize("way", WRITERS)
def test_binary_formats_are_what_their_endings_say(run, store, place, way):
    for ending in ("parquet", "pq", "arrow", "feather"):
        done = WRITERS[way](run, f"q.{ending}")
        assert done.code == 0, done.err
        assert (place / f"q.{ending}").stat().st_size
    numbers = [1, 2, 3, 12345678901234567890, 1]
    for ending in ("parquet", "pq"):
        with duckdb.connect() as con:
            found = con.execute(f"SELECT n FROM read_parquet('{place}/q.{ending}')").fetchall()
        assert [n for (n,) in found] == numbers
    for ending in ("arrow", "feather"):
        with pa.memory_map(str(place / f"q.{ending}")) as file:
            table = pa.ipc.open_file(file).read_all()
        assert table.column("n").to_pylist() == numbers
        assert table.column_names[:2] == ["type", "n"]


def test_export_writes_the_records_in_json_and_the_columns_elsewhere(run, store, place):
    run("export", "events", "e.ndjson.zst")
    assert plain(place / "e.ndjson.zst") == store.read_text()
    run("export", "events", "e.json")
    lines = (place / "e.json").read_text().splitlines()
    assert [line.strip().removesuffix(",") for line in lines[1:-1]] == store.read_text().splitlines()
    run("export", "events", "e.csv")
    assert (place / "e.csv").read_text().splitlines()[0] == "type,n,at,user"
    assert run("export", "events", "--format", "csv").text == (place / "e.csv").read_text()
    assert run("export", "nosuch", "e.csv").code == 5


@pytest.mark.parametrize(
    ("way", "name"),
    [
        ("-o", "q.xyz"),
        ("write", "q.csv.bz2"),
        ("output", "q.yaml.gz"),
        ("export", "q.parquet.gz"),
        ("-o", "q.xlsx.zst"),
    ],
)
def test_an_unknown_ending_is_an_error_that_lists_those_there_are(run, store, place, way, name):
    done = WRITERS[way](run, name)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert name in done.err
    if "parquet" not in name and "xlsx" not in name:
        assert ".ndjson .jsonl .json .csv .tsv" in done.err
        assert ".parquet" in done.err
    assert not (place / name).exists()


def test_a_format_may_be_named_and_a_name_without_ending_says_none(run, store, place):
    assert run("query", "SELECT 1 AS a", "-o", "q.xyz", "--format", "csv").code == 0
    assert (place / "q.xyz").read_text() == "a\n1\n"
    assert run("query", "SELECT 1 AS a", "-o", "plain").code == 0
    assert (place / "plain").read_text() == '{"a":1}\n'
    assert run("query", "SELECT 1 AS a", "-o", "/dev/null").code == 0
    assert run("query", "SELECT 1 AS a | write plain2").code == 2
    assert run("query", "SELECT 1 AS a | write plain2 --format tsv").code == 0


def test_bytes_of_a_blob_are_never_compressed(run, store, place):
    hash = run("query", "SELECT _hash FROM events LIMIT 1").rows[0]["_hash"]
    assert run("get", hash, "-o", "record.gz").code == 0
    assert (place / "record.gz").read_bytes() == store.read_bytes().splitlines()[0]


def test_write_replaces_a_file_only_when_it_is_told_to(run, on_terminal, store, place):
    (place / "w.csv").write_text("old")
    refused = run("query", "SELECT 1 AS a | write w.csv")
    assert (refused.code, (place / "w.csv").read_text()) == (2, "old")
    assert "w.csv is there already: give --force to replace it" in refused.err
    assert on_terminal("query", "SELECT 1 AS a | write w.csv", typed=b"n\n").code == 1
    assert (place / "w.csv").read_text() == "old"
    assert on_terminal("query", "SELECT 1 AS a | write w.csv", typed=b"y\n").code == 0
    assert (place / "w.csv").read_text() == "a\n1\n"
    assert run("query", "SELECT 2 AS a | write w.csv --force").code == 0
    assert (place / "w.csv").read_text() == "a\n2\n"


WIDE = 10**38 - 1


def test_huge_integers_are_exact_in_parquet_and_arrow(run, store, place):
    query = f"SELECT '{WIDE}'::HUGEINT AS h, [{{'u': '-5'::HUGEINT}}] AS n, 7::UHUGEINT AS u"
    for ending in ("parquet", "arrow"):
        assert run("query", query, "-o", f"h.{ending}").code == 0
    with duckdb.connect() as con:
        found = con.execute(f"FROM '{place}/h.parquet'")
        assert [str(kind) for _, kind, *_ in found.description or ()][::2] == ["DECIMAL(38,0)", "DECIMAL(38,0)"]
        assert found.fetchall() == [(WIDE, [{"u": -5}], 7)]
    with pa.memory_map(str(place / "h.arrow")) as file:
        assert pa.ipc.open_file(file).read_all().to_pylist() == [{"h": WIDE, "n": [{"u": -5}], "u": 7}]


@pytest.mark.parametrize(
    ("ending", "value", "what"),
    [
        ("parquet", "'100000000000000000000000000000000000000'::HUGEINT", "holds 1000000000000"),
        ("parquet", "['100000000000000000000000000000000000000'::HUGEINT]", "holds [1000000000000"),
        ("parquet", "'340282366920938463463374607431768211455'::UHUGEINT", "holds 3402823669"),
        ("parquet", "'10:00:00+02'::TIMETZ", "holds the type TIME WITH TIME ZONE"),
        ("parquet", "INTERVAL '1 microsecond'", "holds 00:00:00.000001"),
        ("arrow", "'340282366920938463463374607431768211455'::UHUGEINT", "holds 3402823669"),
        ("arrow", "{'t': '10:00:00+02'::TIMETZ}", "holds the type STRUCT"),
        ("xlsx", "9007199254740993", "holds the number 9007199254740993"),
        ("xlsx", "1234567890.123456789::DECIMAL(38, 9)", "holds the number 1234567890.123456789"),
    ],
)
def test_what_a_format_cannot_hold_exactly_names_column_and_cast(run, store, place, ending, value, what):
    done = run("query", f'SELECT {value} AS "odd name"', "-o", f"x.{ending}")
    assert done.code in (1, 2)
    assert "The column odd name" in done.err
    assert what in done.err
    assert 'CAST("odd name" AS VARCHAR)' in done.err
    assert done.err.count("\n") == 1
    assert not (place / f"x.{ending}").exists()


def test_a_workbook_is_written_every_way(run, store, place):
    query = "SELECT * EXCLUDE (n) FROM events WHERE _seq < 2 ORDER BY _seq"
    ways = [
        ("query", query, "-o", "w0.xlsx"),
        ("query", f"{query} | write w1.xlsx"),
        ("-c", f"output w2.xlsx; {query};"),
    ]
    for number, way in enumerate(ways):
        done = run(*way)
        assert done.code == 0, done.err
        assert sheet(place / f"w{number}.xlsx")[1][0] == "push"
    run("query", "SELECT type FROM events ORDER BY _seq | into types")
    assert run("export", "types", "w.xlsx").code == 0
    assert sheet(place / "w.xlsx") == [["type"], ["push"], ["pull"], ["push"], ["line\nbreak"], ["push"]]


def test_a_workbook_holds_numbers_dates_and_text_exactly(run, store, place):
    query = (
        "SELECT 9007199254740992 AS i, 0.1::DOUBLE + 0.2::DOUBLE AS d, 1.10::DECIMAL(5, 2) AS m, true AS b, "
        "DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 12:30:00.000001' AS at, E'<&\\x1b\\r\\n_x001B_' AS text, "
        "NULL AS nothing, 'nan'::DOUBLE AS nan, [1.10] AS list, '1.10'::JSON AS json"
    )
    assert run("query", query, "-o", "w.xlsx").code == 0
    heading, row = sheet(place / "w.xlsx")
    assert heading == ["i", "d", "m", "b", "day", "at", "text", "nothing", "nan", "list", "json"]
    assert row[:5] == [9007199254740992, 0.30000000000000004, 1.1, True, 45351]
    assert row[5:] == ["2024-02-29 12:30:00.000001", "<&_x001B__x000D_\n_x005F_x001B_", None, None, "[1.10]", "1.10"]
    done = run("query", "SELECT repeat('x', 32768) AS long", "-o", "l.xlsx")
    assert done.code == 2
    assert "The column long holds a text of 32,768 characters" in done.err


def test_binary_formats_do_not_go_to_a_terminal_and_hold_one_result(run, on_terminal, store):
    for form, title in (("parquet", "A Parquet file"), ("arrow", "An Arrow file"), ("xlsx", "An Excel file")):
        assert f"{title} is binary: give -o FILE, or a pipe" in on_terminal("query", "SELECT 1", "--format", form).err
        assert run("query", "SELECT 1", "--format", form).out
        assert f"{title} holds one result" in run("query", "SELECT 1; SELECT 2", "-o", f"two.{form}").err


def test_html_and_tsv_quote_what_they_must(run, store):
    query = 'SELECT \'<b>&"\' AS "a<b", 1 AS n, NULL AS z'
    assert run("query", query, "--format", "html").text.splitlines()[3:6] == [
        "<thead><tr><th>a&lt;b</th><th>n</th><th>z</th></tr></thead>",
        "<tbody>",
        '<tr><td>&lt;b&gt;&amp;"</td><td align="right">1</td><td><i>NULL</i></td></tr>',
    ]
    assert run("query", "SELECT E'a\\tb' AS a, 'c,d' AS b", "--format", "tsv").text == 'a\tb\n"a\tb"\tc,d\n'
