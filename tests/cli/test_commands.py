"""The commands as a user's shell runs them: what goes where, and what it ends with."""

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


def test_help_is_shown_without_arguments_and_names_every_verb(run):
    done = run()
    assert done.code == 0
    assert done.text == run("--help").text
    for verb in ("ingest", "query", "export", "verify", "completions"):
        assert re.search(rf"^  {verb} +[A-Z]", done.text, re.MULTILINE)
    assert b"\x1b" not in done.out


def test_help_imports_nothing_heavy(place):
    script = (
        "import sys; from lakebed._cli.main import main; code = main(['--help'])\n"
        "heavy = {'duckdb', 'prompt_toolkit', 'pydantic', 'rich', 'pyarrow', 'pandas'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, heavy"
    )
    done = subprocess.run([PROGRAM.with_name("python"), "-c", script], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["ingest", "query", "put", "config"])
def test_every_verb_has_help(run, verb):
    done = run(verb, "--help")
    assert done.code == 0
    assert "Options:" in done.text


def test_version_names_what_runs(run):
    assert re.fullmatch(r"lakebed \S+ \(rust\), DuckDB \S+, Python \S+\n", run("--version").text)


def test_module_is_the_program(run, place):
    done = subprocess.run([PROGRAM.with_name("python"), "-m", "lakebed", "--version"], capture_output=True, check=True)
    assert done.stdout == run("--version").out


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["ingst"], "No such command 'ingst'. Did you mean 'ingest'? See lakebed --help."),
            (
                ["query", "--fromat", "csv"],
                "No such option '--fromat'. Did you mean '--format'? See lakebed query --help.",
            ),
            (["get"], "Missing argument 'HASH'. See lakebed get --help."),
            (["trim", "x"], "Missing option '--before-seq'. See lakebed trim --help."),
            (["query", "--format", "xml", "SELECT 1"], "Invalid value for '--format': 'xml' is not one of"),
            (["trim", "x", "--before-seq", "-1"], "Invalid value for '--before-seq': -1 is not in the range"),
            (["ingest", "a.ndjson", "b.ndjson"], "There is no file a.ndjson"),
            (["query", "-c", "SELECT 1", "SELECT 2"], "Give the statements once"),
            (["put", "-"], "What comes from standard input needs a name: --name report.pdf."),
        ],
    )
    def test_a_wrong_command_line_is_told_in_one_line(self, run, store, arguments, message):
        done = run(*arguments)
        assert done.code == (7 if "no file" in message else 2)
        assert done.err.startswith(f"error: {message}")
        assert done.err.count("\n") == 1
        assert done.out == b""

    def test_several_files_need_a_collection(self, run, store, place):
        (place / "more.ndjson").write_text("{}\n")
        done = run("ingest", "events.ndjson", "more.ndjson")
        assert (done.code, done.err) == (
            2,
            "error: Several files, and standard input, need a collection: --into NAME.\n",
        )
        assert run("ingest", "-", stdin=b"{}").code == 2


class TestStore:
    def test_only_ingest_and_put_make_one(self, run, place, events):
        for arguments in (["query", "SELECT 1"], ["stats"], ["collections"], ["drop", "x"], ["seal"], ["delete", "00"]):
            done = run(*arguments)
            assert done.code == 5, arguments
            assert f"There is no store at {place}/data.lakebed: name one with --store or $LAKEBED_STORE" in done.err
        assert not (place / "data.lakebed").exists()
        assert run("put", events, "--store", "other.lakebed").code == 0
        assert (place / "other.lakebed").is_dir()

    def test_a_refused_ingest_makes_none(self, run, place):
        for arguments in (["nosuch.ndjson"], [place], ["*.json"], ["-"]):
            assert run("ingest", *arguments).code in (2, 7)
        assert list(place.iterdir()) == []

    def test_flag_before_variable_before_default(self, run, place, events):
        assert run("ingest", events, "--store", "one.lakebed").code == 0
        assert run("query", "SELECT count(*) AS n FROM events", LAKEBED_STORE="one.lakebed").rows == [{"n": 5}]
        assert run("--store", "one.lakebed", "query", "SELECT count(*) AS n FROM events").rows == [{"n": 5}]
        done = run("query", "SELECT 1", "--store", "two.lakebed", LAKEBED_STORE="one.lakebed")
        assert done.code == 5
        assert "two.lakebed" in done.err


class TestIngest:
    def test_the_collection_is_named_after_the_file_and_the_report_is_data(self, run, events):
        done = run("ingest", "events.ndjson")
        (report,) = done.rows
        assert (report["collection"], report["rows"], report["new_blobs"], report["duplicates"]) == ("events", 5, 4, 1)
        assert done.err == ""

    def test_a_file_that_was_ingested_before_is_skipped_and_said_so(self, run, store):
        done = run("ingest", "events.ndjson")
        assert (done.code, done.rows[0]["skipped"]) == (0, True)
        assert done.err == "note: events.ndjson was ingested into events before: skipped (--again ingests it anew)\n"
        assert run("ingest", "events.ndjson", "--again").rows[0]["rows"] == 5
        assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 10}]

    def test_patterns_several_files_and_standard_input(self, run, place):
        for number in range(3):
            (place / f"log{number}.ndjson").write_text(f'{{"n":{number}}}\n')
        assert len(run("ingest", "log*.ndjson", "--into", "logs").rows) == 3
        assert run("ingest", "-", "--into", "logs", stdin=b'{"n":3}\n').rows[0]["rows"] == 1
        assert run("query", "SELECT n FROM logs ORDER BY 1").rows == [{"n": n} for n in range(4)]

    def test_bad_lines(self, run, place):
        (place / "bad.ndjson").write_bytes(b'{"n":1}\n{"n":}\n\n{"n":2}\n')
        done = run("ingest", "bad.ndjson")
        assert done.code == 1
        assert re.match(r"error: .*bad\.ndjson.*line 2", done.err, re.DOTALL)
        assert done.out == b""
        done = run("ingest", "bad.ndjson", "--on-error", "skip")
        assert done.code == 0
        assert done.rows[0]["bad_lines"] == 1
        assert "note: 1 bad line of bad.ndjson skipped\n  line 2, column 6: " in done.err
        done = run("ingest", "bad.ndjson", "--on-error", "quarantine", "--again", "--into", "kept")
        assert done.rows[0]["quarantine"] in run("collections").text

    def test_a_person_sees_sentences(self, on_terminal, events):
        seen = on_terminal("ingest", "events.ndjson").text
        assert "events.ndjson -> events: 5 rows, 1 of them known before" in seen
        assert "{" not in seen


class TestBadInput:
    """One clear sentence each, its exit code, and the store unharmed."""

    @pytest.fixture
    def healthy(self, run, store):
        yield
        done = run("verify")
        assert done.code == 0, done.err
        assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 5}]

    def refused(self, done, code, *texts):
        assert done.code == code, done.err
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 1, done.err
        assert "Traceback" not in done.err
        for text in texts:
            assert text in done.err

    def test_a_missing_file(self, run, healthy):
        self.refused(run("ingest", "nosuch.ndjson"), 7, "There is no file nosuch.ndjson")
        self.refused(run("put", "nosuch.png"), 7, "nosuch.png cannot be read: No such file or directory.")
        self.refused(run("query", "-f", "nosuch.sql"), 7, "nosuch.sql cannot be read")

    def test_a_directory(self, run, place, healthy):
        self.refused(run("ingest", place), 7, "is a directory: name the files in it")
        self.refused(run("put", place), 7, "is a directory: name the files in it")

    def test_a_pattern_that_matches_nothing(self, run, healthy):
        self.refused(run("ingest", "*.gz"), 7, "No file matches the pattern '*.gz'")

    def test_no_store(self, run, place, healthy):
        self.refused(run("stats", "--store", "nosuch"), 5, f"There is no store at {place}/nosuch")
        (place / "plain").mkdir()
        (place / "plain" / "file").write_text("x")
        self.refused(run("stats", "--store", "plain"), 6, "plain")
        self.refused(run("ingest", "events.ndjson", "--store", "events.ndjson"), 6, "events.ndjson")

    def test_a_newer_format(self, run, place, healthy):
        import xxhash

        run("ingest", "events.ndjson", "--store", "new.lakebed")
        header = bytearray((place / "new.lakebed/FORMAT").read_bytes())
        header[8:10] = (99).to_bytes(2, "little")
        header[56:64] = xxhash.xxh3_64_intdigest(bytes(header[:56])).to_bytes(8, "little")
        (place / "new.lakebed/FORMAT").write_bytes(header)
        self.refused(run("query", "SELECT 1", "--store", "new.lakebed"), 6, "99")

    def test_a_taken_lock(self, run, place, healthy):
        script = (
            "import lakebed, sys\n"
            "store = lakebed.open('data.lakebed'); store.put(b'held'); print('held', flush=True); sys.stdin.read()"
        )
        holder = subprocess.Popen(
            [PROGRAM.with_name("python"), "-c", script], cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert holder.stdout.readline() == b"held\n"
            done = run("ingest", "events.ndjson", "--again", LAKEBED_LOCK_TIMEOUT="0.2")
            self.refused(done, 4, str(holder.pid))
            assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 5}], "readers do not wait"
        finally:
            holder.kill()
            holder.communicate()

    def test_a_collection_that_is_not_there(self, run, healthy):
        for arguments in (["export", "evnts"], ["describe", "evnts"], ["train", "evnts"], ["drop", "evnts", "--yes"]):
            self.refused(run(*arguments), 5, "evnts", "events")

    def test_hashes(self, run, healthy):
        self.refused(run("get", "0" * 64), 5, "The store has no blob")
        self.refused(run("get", "xyz"), 2, "xyz", "hex")
        self.refused(run("delete", "0" * 64), 5)

    def test_settings(self, run, place, healthy):
        (place / "lakebed.toml").write_text("colour = 'never'")
        self.refused(run("stats"), 2, "lakebed.toml: there is no setting 'colour'; did you mean 'color'?")
        (place / "lakebed.toml").unlink()
        self.refused(run("stats", "--store", ""), 2, "--store: the setting 'store' cannot be ''")
        self.refused(run("stats", LAKEBED_ROWS="many"), 2, "$LAKEBED_ROWS: the setting 'rows' cannot be 'many'")

    def test_somewhere_to_write_that_is_not_there(self, run, healthy):
        self.refused(run("query", "FROM events", "-o", "no/such/out.csv"), 7, "no/such/out.csv cannot be written")
        self.refused(run("export", "events", "no/such/out.ndjson"), 7, "no/such")


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
        assert "the first 40 rows; there are more (--rows 0 shows all)" in seen
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


class TestBlobs:
    def test_put_lists_files_and_get_gives_their_bytes(self, run, place):
        picture = bytes(range(256)) * 4
        (place / "a.png").write_bytes(picture)
        (place / "b.txt").write_text("text")
        rows = run("put", "a.png", "b.txt", "--into", "photos").rows
        assert [(row["name"], row["media_type"], row["size"]) for row in rows] == [
            ("a.png", "image/png", 1024),
            ("b.txt", "text/plain", 4),
        ]
        assert run("query", "SELECT name, media_type, size, hash FROM photos ORDER BY _seq").rows == rows
        assert run("get", rows[0]["hash"]).out == picture
        assert run("get", rows[0]["hash"][:12], "-o", "copy.png").out == b""
        assert (place / "copy.png").read_bytes() == picture
        assert run("query", f"SELECT octet_length(data) AS n FROM blobs WHERE hash = '{rows[0]['hash']}'").rows == [
            {"n": 1024}
        ]

    def test_put_from_standard_input(self, run):
        (row,) = run("put", "-", "--name", "x.bin", "--type", "a/b", stdin=b"\0\1").rows
        assert (row["name"], row["media_type"], row["size"]) == ("x.bin", "a/b", 2)
        assert run("get", row["hash"]).out == b"\0\1"

    def test_put_stores_all_files_or_none(self, run, place):
        (place / "a.txt").write_text("a")
        assert run("put", "a.txt", "nosuch.txt").code == 7
        assert not (place / "data.lakebed").exists()

    def test_a_put_survives_the_drop_of_its_list(self, run, place):
        (place / "a.txt").write_text("a")
        (row,) = run("put", "a.txt").rows
        assert run("drop", "files", "--yes").rows == [{"collection": "files", "rows": 1}]
        assert run("get", row["hash"]).out == b"a"

    def test_binary_is_kept_from_the_terminal(self, run, on_terminal, place):
        (place / "a.bin").write_bytes(b"\0\1\2")
        (place / "a.txt").write_text("text\n")
        binary, text = run("put", "a.bin", "a.txt").rows
        done = on_terminal("get", binary["hash"])
        assert (done.code, done.out) == (2, b"")
        assert "3 bytes of binary data" in done.err
        assert on_terminal("get", text["hash"]).text == "text\n"

    def test_delete_removes_the_rows_that_are_the_blob(self, run, store):
        hash = run("query", "SELECT _hash FROM events LIMIT 1").rows[0]["_hash"]
        assert run("delete", hash[:16]).rows == [{"hash": hash, "rows": 2}]
        assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 3}]
        assert run("get", hash).code == 5

    def test_delete_removes_all_or_none(self, run, store):
        hash = run("query", "SELECT _hash FROM events LIMIT 1").rows[0]["_hash"]
        assert run("delete", hash, "0" * 64).code == 5
        assert run("get", hash).code == 0


class TestUpkeep:
    def test_export_gives_back_the_very_bytes(self, run, store, place):
        assert run("export", "events").out == store.read_bytes()
        done = run("export", "events", "copy.ndjson")
        assert (place / "copy.ndjson").read_bytes() == store.read_bytes()
        assert (done.rows[0]["rows"], done.rows[0]["bytes"]) == (5, len(store.read_bytes()))

    def test_drop_asks_on_a_terminal(self, run, on_terminal, store):
        done = run("drop", "events")
        assert (done.code, done.err) == (
            2,
            "error: Dropping 'events' and its 5 rows needs --yes when nobody is there to ask.\n",
        )
        assert on_terminal("drop", "events", typed=b"n\n").code == 1
        assert len(run("collections").rows) == 1
        done = on_terminal("drop", "events", typed=b"y\n")
        assert "Drop 'events' and its 5 rows? [y/N]" in done.text
        assert run("collections").rows == []

    def test_trim(self, run, store):
        assert run("trim", "events", "--before-seq", "2").rows == [{"collection": "events", "rows": 2}]
        assert run("query", "SELECT min(_seq) AS n FROM events").rows == [{"n": 2}]

    def test_seal_and_verify(self, run, store, on_terminal):
        assert run("seal").rows == [{"segments": 1}]
        (report,) = run("verify").rows
        assert (report["ok"], report["rows"]) == (True, 5)
        assert on_terminal("verify").text.startswith("whole: ")

    def test_verify_ends_with_6_when_something_is_damaged(self, run, store, place):
        run("seal")
        (segment,) = (place / "data.lakebed/segments").iterdir()
        data = bytearray(segment.read_bytes())
        data[100] ^= 1
        segment.write_bytes(data)
        done = run("verify")
        assert done.code == 6
        assert done.rows[0]["problems"]

    def test_train(self, run, place):
        lines = b"".join(b'{"id":%d,"text":"the quick brown fox %d jumps"}\n' % (n, n * 7919) for n in range(20000))
        run("ingest", "-", "--into", "foxes", stdin=lines)
        (report,) = run("train", "foxes", "--size", "16384").rows
        assert report["collection"] == "foxes"
        assert report["size"] <= 16384

    def test_stats_describe_collections(self, run, on_terminal, store):
        (report,) = run("stats").rows
        assert (report["rows"], report["collections"]) == (5, 1)
        described = {row["name"]: row["type"] for row in run("describe", "events").rows}
        assert described["at"] == "TIMESTAMP WITH TIME ZONE"
        assert described["n"] == "UBIGINT"
        assert described["_seq"] == "BIGINT"
        assert run("query", "DESCRIBE events").code == 0
        assert "5 rows in 1 collection" in on_terminal("stats").text
        assert "│ events" in on_terminal("collections").text
        assert run("collections", "--format", "csv").text.startswith("name,rows,")

    def test_types_are_the_same_in_describe_and_in_sql(self, run, store):
        described = {row["name"]: row["type"] for row in run("describe", "events").rows}
        sql = {row["column_name"]: row["column_type"] for row in run("query", "DESCRIBE events").rows}
        assert {name: kind.replace('"', "") for name, kind in described.items()} == {
            name: kind.replace('"', "") for name, kind in sql.items()
        }


class TestSettings:
    def test_config_shows_where_a_value_comes_from(self, run, place):
        (place / "lakebed.toml").write_text("rows = 7\nstore = 'mine.lakebed'\n")
        found = {row["name"]: (row["value"], row["origin"]) for row in run("config", LAKEBED_COLOR="never").rows}
        assert found["rows"] == (7, f"{place}/lakebed.toml")
        assert found["store"] == (f"{place}/mine.lakebed", f"{place}/lakebed.toml")
        assert found["color"] == ("never", "$LAKEBED_COLOR")
        assert found["null"] == ("NULL", "default")
        assert run("config", "show", "--store", "x").rows[0]["origin"] == "flag"
        assert [row["path"] for row in run("config", "path").rows] == [f"{place}/none.toml", f"{place}/lakebed.toml"]

    def test_settings_hold(self, run, store, place):
        (place / "lakebed.toml").write_text("format = 'table'\nrows = 2\nnull = '-'\n")
        text = run("query", "SELECT NULL AS a FROM range(3)").text
        assert re.search(r"│ +- +│", text)
        assert "the first 2 rows; there are more" in text
        assert run("query", "SELECT 1 AS a", "--json").rows == [{"a": 1}]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion_scripts(self, run, shell):
        done = run("completions", shell)
        assert done.code == 0
        assert "_LAKEBED_COMPLETE" in done.text

    def test_completion_knows_verbs_options_and_collections(self, run, store):
        def complete(words, at):
            environment = {"_LAKEBED_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
            return [line.partition(",")[2] for line in run(**environment).text.split()]

        assert complete("lakebed in", 1) == ["ingest"]
        assert "--on-error" in complete("lakebed ingest --", 2)
        assert complete("lakebed describe ev", 2) == ["events"]
        assert complete("lakebed --store nosuch describe ev", 4) == []


def test_the_page_of_commands_tells_of_every_verb_and_option():
    from pathlib import Path

    from lakebed._cli.verbs import STORE_VERBS

    page = (Path(__file__).parents[2] / "docs/commands.md").read_text()
    for verb in STORE_VERBS:
        section = re.search(rf"^## {verb.name}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert section, verb.name
        for argument in verb.arguments:
            for option in argument.options[-1:]:
                assert option in section[1], (verb.name, option)
