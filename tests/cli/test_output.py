"""What leaves lakebed: nothing is cut without a mark, and memory does not grow with the rows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.cli.conftest import PROGRAM

LONG = "SELECT 'begin' || repeat('x', 17000) || 'end' AS message"


def test_a_record_on_a_terminal_shows_a_long_value_whole(on_terminal, store):
    seen = re.sub(r"\x1b\[\d+m", "", on_terminal("query", LONG, "--format", "vertical").text)
    assert "begin" + "x" * 17000 + "end" in seen


def test_a_table_on_a_terminal_marks_what_it_cuts(on_terminal, store):
    seen = re.sub(r"\x1b\[\d+m", "", on_terminal("query", LONG).text)
    assert "│ beginxxx" in seen
    assert "x… │" in seen
    assert "cut to fit" in seen


def test_a_table_in_a_pipe_is_whole_however_wide(run, store):
    text = run("query", "SELECT repeat('x', 1200000) AS a, 'end' AS b", "--format", "table").text
    assert "x" * 1_200_000 + " │ end" in text
    assert text.endswith("  1 row, 2 columns\n")


def test_the_columns_of_a_long_table_are_as_wide_as_all_rows_need(run, store):
    query = "SELECT CASE WHEN range = 60000 THEN repeat('w', 50) ELSE 'n' END AS a FROM range(70000)"
    text = run("query", query, "--format", "table", "--rows", 0).text
    lines = text.splitlines()
    assert len(lines) == 70000 + 6
    assert {len(line) for line in lines[:-1]} == {54}
    assert lines[-1] == "  70,000 rows, 1 column"


NASTY = "a\x1b[31mb\x1b]0;title\x07c\rd\x7f\u009b2J\u202egnp"
"""A color, a window title, a bell, a carriage return, and a control and a mark that reorders text beyond ASCII."""
DANGER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FORMS = ["table", "vertical", "markdown", "csv", "json", "ndjson"]


def without_colors(text):
    return re.sub(r"\x1b\[[012](;31)?m", "", text)


@pytest.fixture
def nasty(run, store, place):
    """A query whose names and values would all reach the terminal."""
    (place / "nasty.ndjson").write_text(json.dumps({"text": NASTY, NASTY: 1}) + "\n")
    assert run("ingest", "nasty.ndjson").code == 0
    # A JSON column has its own bytes.
    line = '{"raw":"\u009b2J\u202e\x7f","more":[1,"\u009b"]}'
    assert run("ingest", "-", "--into", "raw", stdin=f"{line}\n".encode()).code == 0
    return "SELECT nasty.* EXCLUDE (_file, _ingested_at), raw.* FROM nasty, raw"


@pytest.mark.parametrize("form", [*FORMS, "tsv", "html"])
def test_a_terminal_shows_escape_sequences_and_does_not_obey_them(on_terminal, nasty, form):
    seen = on_terminal("query", f"SELECT text, {json.dumps(NASTY)} AS other FROM nasty", "--format", form, NO_COLOR="1")
    assert seen.code == 1, "text in double quotes is a name"
    seen = on_terminal("query", nasty, "--format", form, COLUMNS="2000", NO_COLOR="1")
    assert seen.code == 0
    assert not DANGER.findall(seen.text)
    assert "u001b" in seen.text or "x1b" in seen.text
    if form in ("json", "ndjson"):
        rows = json.loads(seen.text) if form == "json" else [json.loads(line) for line in seen.text.splitlines()]
        assert rows[0]["text"] == NASTY
        assert rows[0]["raw"] == "\u009b2J\u202e\x7f"


def test_the_colors_of_a_chart_reach_the_terminal_and_those_of_its_data_do_not(on_terminal, nasty):
    query = f"SELECT '{NASTY}' AS name, 3 AS n"
    for arguments in ((query, "--format", "chart"), (f"{query} | chart",), ("SELECT n FROM range(9) t(n) | chart",)):
        seen = on_terminal("query", *arguments)
        assert seen.code == 0, seen
        assert "\x1b[2m" in seen.text
        assert r"\x1b[2m" not in seen.text
        assert not DANGER.findall(without_colors(seen.text).replace("\r\n", "\n")), arguments


@pytest.mark.parametrize("form", FORMS)
def test_a_pipe_and_a_file_get_the_bytes_as_they_are(run, nasty, place, form):
    text = "a\x1b[31mb\x07c\x7f\u009b2J\u202egnp"
    query = f"SELECT '{text}' AS text"
    out = run("query", query, "--format", form).text
    run("query", query, "--format", form, "-o", "out.txt")
    assert (place / "out.txt").read_text() == out
    assert ("\x7f\u009b2J\u202egnp" if form in ("json", "ndjson") else text) in out


def test_records_blobs_and_explanations_are_shown_too(on_terminal, run, nasty):
    for arguments in (
        ("export", "raw"),
        ("query", f"EXPLAIN SELECT '{NASTY}' AS x"),
        ("query", "SELECT NULL::ENUM('\x1b[31m', '\u202e') AS kind"),
        ("describe", "nasty"),
        ("collections",),
    ):
        seen = on_terminal(*arguments, NO_COLOR="1")
        assert seen.code == 0, seen
        assert not DANGER.findall(seen.text), arguments
    hash = run("query", "SELECT _hash FROM raw").rows[0]["_hash"]
    assert not DANGER.findall(on_terminal("get", hash).text)
    assert "\u009b" in run("get", hash).text
    assert "\u009b" in run("export", "raw").text


def test_errors_notes_and_file_names_are_shown_too(on_terminal, run, nasty, place):
    name = "n\x1b]0;x\x07\u202e\u009b.ndjson"
    (place / name).write_text('{"a":1}\n{bad\n')
    for arguments in (
        ("ingest", "no" + name),
        ("ingest", name),
        ("ingest", name, "--on-error", "skip"),
        ("ingest", name),
        ("query", f'SELECT 1 FROM "{NASTY}"'),
        ("query", f"SELECT error('{NASTY}')"),
        ("query", f"SELECT 1 | write '{name}.csv'"),
        (f"--{NASTY}",),
        ("put", name),
        ("drop", NASTY),
        ("-s", NASTY, "stats"),
        ("-c", f"SELECT '{NASTY}' AS x; verb\x1b[31m;"),
    ):
        # Standard error is the terminal, too; nothing is asked.
        seen = on_terminal(*arguments, typed=b"\n", NO_COLOR="1")
        assert not DANGER.findall(re.sub(r"\x1b\[(\?25[lh]|2K|1A|[0-9;]*m(?=\D))|\r", "", seen.text)), (arguments, seen)
    assert name in run("put", "no" + name).err


MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.parametrize("form", ["table", "vertical", "markdown", "csv", "json", "ndjson"])
def test_memory_does_not_grow_with_the_rows(place, store, form):
    # 200 MB of text.
    query = "SELECT repeat('x', 1000) AS a FROM range(200000)"
    with open(os.devnull, "wb") as nowhere:
        # A process begins with the peak of the one that it was forked from: here that of a small one.
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, PROGRAM, "query", query, "--format", form, "--rows", "0"],
            cwd=place,
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    kilobytes = int(done.stderr)
    assert kilobytes < 220_000, f"{kilobytes} kB"
