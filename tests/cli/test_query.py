"""`lakebed query`: results, formats, files, closed pipes and interruption."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.conftest import PROGRAM


class TestQuery:
    def test_ndjson_in_a_pipe_keeps_values_and_types(self, run, store):
        rows = run("query", "SELECT * EXCLUDE (_json, _ingested_at, _hash) FROM events ORDER BY _seq LIMIT 4").rows
        assert rows[0] == {
            "type": "push",
            "n": 1,
            "at": "2026-01-01 00:00:00+00",
            "user": {"name": "Zoë"},
            "_seq": 0,
            "_file": rows[0]["_file"],
            "_line": 1,
        }
        assert rows[3]["type"] == "line\nbreak"
        assert rows[3]["n"] == 12345678901234567890
        assert rows[2]["user"] is None

    def test_json_columns_are_json_with_their_own_bytes(self, run, store):
        line = run("query", "SELECT _json FROM events LIMIT 1").text
        assert line == '{"_json":' + store.read_text().splitlines()[0] + "}\n"

    @pytest.mark.parametrize("comment", ["-- daily", "--", "--daily=1", "--é", "--format csv", "/* a */ --"])
    def test_text_may_begin_with_a_comment(self, run, store, comment):
        for before in ([], ["-c"], ["--"]):
            done = run("query", *before, f"{comment}\nSELECT 1 AS x")
            assert (done.code, done.rows) == (0, [{"x": 1}]), done.err
        assert run("-c", f"{comment}\nSELECT 1 AS x").rows == [{"x": 1}]
        assert run("query", stdin=f"{comment}\nSELECT 1 AS x".encode()).rows == [{"x": 1}]

    def test_a_comment_alone_is_no_statement_and_a_misspelt_option_is_one(self, run, store):
        assert "There is no statement" in run("query", "-- nothing here").err
        assert "Did you mean '--format'?" in run("query", "--fromat", "csv", "SELECT 1").err
        assert run("query", "--format=csv", "-cSELECT 1 AS x").text == "x\n1\n"

    def test_one_array(self, run, store):
        assert json.loads(run("query", "SELECT n FROM events", "--format", "json").text)[0] == {"n": 1}
        assert json.loads(run("query", "SELECT n FROM events WHERE false", "--format", "json").text) == []

    def test_csv_is_read_back(self, run, store):
        text = run("query", "SELECT type, user.name AS name, n FROM events ORDER BY _seq", "--format", "csv").text
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["name"] for row in rows] == ["Zoë", "値", "", 'a "quoted", one', "Zoë"]
        assert rows[3]["type"] == "line\nbreak"

    def test_a_table_on_a_terminal_fits_it_and_says_what_it_leaves_out(self, on_terminal, store):
        seen = on_terminal("query", "SELECT _hash, _json, * FROM events").text
        plain = re.sub(r"\x1b\[\d+m", "", seen)
        assert all(len(line) <= 80 for line in plain.splitlines() if line[0] in "┌└")
        assert "--format vertical shows everything" in plain
        assert "\x1b[1m" in seen

    def test_a_table_says_when_there_are_more_rows(self, on_terminal, store):
        seen = on_terminal("query", "FROM range(100) SELECT range AS n").text
        assert "100 rows (the first 40 shown; --rows 0 shows all)" in seen
        assert "100 rows" in on_terminal("query", "FROM range(100) SELECT range AS n", "--rows", "0").text

    @pytest.mark.parametrize(
        ("environment", "colored"),
        [({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({}, True), ({"LAKEBED_COLOR": "never"}, False)],
    )
    def test_color_on_a_terminal(self, on_terminal, store, environment, colored):
        assert (b"\x1b[" in on_terminal("query", "SELECT 1 AS a", **environment).out) is colored

    def test_color_in_a_pipe(self, run, store):
        assert b"\x1b[" not in run("query", "SELECT 1 AS a", "--format", "table").out
        assert b"\x1b[" in run("query", "SELECT 1 AS a", "--format", "table", FORCE_COLOR="1").out
        assert b"\x1b[" in run("query", "SELECT 1 AS a", "--format", "table", "--color", "always").out

    def test_statements_from_files_and_standard_input(self, run, store, place):
        (place / "q.sql").write_text("SELECT 1 AS a; -- one\nSELECT 2 AS a -- two;\n;")
        assert run("query", "-f", "q.sql").rows == [{"a": 1}, {"a": 2}]
        assert run("query", stdin=b"SELECT 'e; \xc3\xa9' AS a;").rows == [{"a": "e; é"}]
        assert run("query", "-f", "-", stdin=b"SELECT 3 AS a").rows == [{"a": 3}]
        assert run("query", "-c", "CREATE TEMP TABLE t AS SELECT 4 AS a; FROM t").rows == [{"a": 4}]
        assert run("query", "").code == 2

    @pytest.mark.parametrize(
        "sql",
        [
            "PIVOT (SELECT type, n FROM events) ON type USING count(*)",
            "DESCRIBE events",
            "SHOW TABLES",
            "SUMMARIZE SELECT n FROM events",
            "VALUES (1)",
            "PREPARE p AS SELECT 1 AS a; EXECUTE p",
            "WITH t AS (SELECT 1 AS a) FROM t",
            "CALL pragma_version()",
            "SELECT 1 AS a, 2 AS a",
        ],
    )
    def test_any_statement_with_rows_shows_them(self, run, store, sql):
        done = run("query", sql)
        assert done.code == 0, done.err
        assert len(done.rows) >= 1
        assert run("query", sql, "--format", "table").code == 0

    def test_explain_is_shown_as_it_is(self, run, store):
        text = run("query", "EXPLAIN SELECT n FROM events WHERE type = 'push'", "--format", "table").text
        assert "\\n" not in text
        assert "│" in text

    def test_errors_point_at_the_place(self, run, store):
        done = run("query", "SELECT 1;\nSELECT nosuch\nFROM events")
        assert done.code == 1
        assert done.err.startswith('error: Binder Error: Referenced column "nosuch" not found')
        done = run("query", "SELECT n,\n  CAST(type AS INTEGER)\nFROM events")
        assert done.code == 1
        assert "Could not convert string 'push' to INT32" in done.err
        # DuckDB 1.x does not know the place. It names none rather than one in a statement that nobody typed.
        assert ("LINE" in done.err) == ("LINE 2:   CAST(type AS INTEGER)" in done.err)
        assert run("query", "SELEC 1").err.startswith("error: Parser Error")

    def test_parquet_and_other_files_by_their_names(self, run, store, place):
        assert run("query", "SELECT type, n FROM events", "-o", "out.parquet").code == 0
        assert run("query", "SELECT count(*) AS n FROM 'out.parquet'").rows == [{"n": 5}]
        assert run("query", "SELECT 1 AS a", "-o", "out.csv").out == b""
        assert (place / "out.csv").read_text() == "a\n1\n"
        assert run("query", "SELECT 1 AS a", "--format", "parquet").out[:4] == b"PAR1"
        assert run("query", "SELECT nosuch", "-o", "none.csv").code == 1
        assert not (place / "none.csv").exists()

    def test_a_database_of_ones_own(self, run, store):
        assert run("query", "CREATE TABLE kept AS SELECT n FROM events", "--database", "own.db").code == 0
        assert run("query", "SELECT count(*) AS n FROM kept", "--database", "own.db").rows == [{"n": 5}]

    def test_system_tables(self, run, store):
        assert run("query", "SELECT count(*) AS n FROM blobs WHERE kind = 'record'").rows == [{"n": 4}]
        assert run("query", "SELECT name, rows FROM collections").rows == [{"name": "events", "rows": 5}]

    def test_a_terminal_shows_large_blobs_without_holding_them(self, run, store, place, on_terminal):
        with (place / "large.bin").open("wb") as file:
            file.write(b"\x89PNG")
            file.truncate(200_000_000)
        assert run("put", "large.bin").code == 0
        # What a query takes at most, in KiB, as the system counts it.
        script = (
            "import pty, resource, sys; code = pty.spawn(sys.argv[1:]); "
            "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
        )

        def peak(sql):
            done = subprocess.run(
                [sys.executable, "-c", script, PROGRAM, "query", sql, "--format", "vertical"],
                capture_output=True,
                text=True,
                check=True,
                timeout=120,
                stdin=subprocess.DEVNULL,
            )
            shown, _, kib = done.stdout.rpartition("peak ")
            return shown, int(kib)

        shown, most = peak("FROM blobs")
        assert "PNG, 200.0 MB, \\x89PNG\\x00\\x00\\x00\\x00" in shown
        assert most - peak("SELECT id FROM blobs")[1] < 60_000

    def test_variables_of_the_program_are_no_tables(self, run, store):
        assert run("query", "SELECT * FROM statements").code == 1


class TestPipes:
    def test_head_ends_it_quietly(self, place, run, store):
        command = f"{PROGRAM} query 'SELECT range AS n FROM range(1000000)' | head -2; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], cwd=place, capture_output=True, check=False, timeout=60)
        assert done.stdout == b'{"n":0}\n{"n":1}\n0\n'
        assert done.stderr == b""

    def test_export_into_a_closed_pipe(self, place, run, store):
        big = b"".join(b'{"n":%d,"text":"%s"}\n' % (n, b"x" * 500) for n in range(5000))
        assert run("ingest", "-", "--into", "big", stdin=big).code == 0
        command = f"{PROGRAM} export big | head -c 10; echo; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], cwd=place, capture_output=True, check=False, timeout=60)
        assert done.stdout == b'{"n":0,"te\n0\n'
        assert done.stderr == b""

    def test_utf8_whatever_the_locale(self, run, store):
        done = run("query", "SELECT user.name AS name FROM events LIMIT 2", LC_ALL="C", LANG="C", PYTHONUTF8="0")
        assert [row["name"] for row in done.rows] == ["Zoë", "値"]

    def test_interrupt_stops_a_query_and_says_so(self, place, run, store):
        process = subprocess.Popen(
            [PROGRAM, "query", "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3"],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A test run in the background inherits that Ctrl-C is ignored; the tests have no threads.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        with process:
            time.sleep(3)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            try:
                out, err = process.communicate(timeout=30)
            finally:
                process.kill()
        assert (process.returncode, out, err.strip()) == (130, b"", b"error: Interrupted.")
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("condition", ["v > 1", "v = 'n/a'", "v + 1 > 2", "v::INT = 1", "o.a = 1", "l[1] > 1"])
def test_an_error_of_a_mixed_column_leads_to_the_recipes(run, place, condition):
    rows = '{"v":1,"o":{"a":1},"l":[1]}\n{"v":"n/a","o":{"a":"x"},"l":["x",2]}\n{"v":{"k":1},"o":null,"l":null}\n'
    run("ingest", "-", "--into", "mixed", stdin=rows.encode())
    done = run("query", f"SELECT count(*) AS n FROM mixed WHERE {condition}")
    assert done.code == 1
    assert "TRY_CAST(v->>'$' AS DOUBLE)" in done.err
    assert "docs/recipes.md" in done.err
    done = run("query", "SELECT count(*) AS n FROM mixed WHERE TRY_CAST(v->>'$' AS DOUBLE) >= 1")
    assert done.rows == [{"n": 1}]
    assert "hint" not in run("query", "SELECT nosuch FROM mixed").err
