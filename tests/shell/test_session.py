"""Statements run in a shell: what they show, and that nothing ends it."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import stat
import time

import pytest

import lakebed
from lakebed._cli.shell import statements
from lakebed._cli.shell.completion_catalog import CompletionCatalog, read_catalog
from lakebed._cli.shell.execute import run, run_text
from lakebed._cli.shell.session import Leave, Session
from lakebed._duckdb import duckdb


@pytest.fixture
def large(place):
    """A blob of 20 MiB, stored as it is, with damage in its middle: only who reads that far finds it."""
    with lakebed.open("data.lakebed") as store:
        store.put(b"\x00\x01" + random.Random(5).randbytes((20 << 20) - 2))
    file = max((place / "data.lakebed/segments").iterdir(), key=lambda path: path.stat().st_size)
    with file.open("r+b") as stream:
        stream.seek(10 << 20)
        stream.write(b"damage")


class TestAnswers:
    def test_a_query_is_a_table_with_a_footer(self, say):
        shown = say("SELECT type, n FROM events ORDER BY n LIMIT 2;")
        assert "│ push    │      1 │" in shown
        assert shown.endswith("  2 rows, 2 columns\n")

    def test_more_rows_than_fit_are_said(self, say):
        shown = say("FROM range(1000000000000);")
        assert "the first 17 rows, there are more" in shown
        assert shown.count("\n") <= 30

    @pytest.mark.parametrize(
        ("form", "begins"),
        [
            ("csv", "type,n\npush,1\n"),
            ("ndjson", '{"type":"push","n":1}\n'),
            ("json", '[\n {"type":"push","n":1},\n'),
            ("markdown", "| type | n |\n"),
            ("vertical", "── row 1 "),
            ("table", "┌"),
        ],
    )
    def test_formats(self, say, form, begins):
        say(f"format {form};")
        assert say("SELECT type, n FROM events ORDER BY n;").startswith(begins)

    def test_parquet_goes_to_a_file_and_to_a_program_and_not_to_a_terminal(self, session, say, place):
        assert "A Parquet file is binary" in say("format parquet; SELECT 1 AS x;", code=2)
        assert "written to a.parquet" in say("output a.parquet; SELECT 42 AS x;")
        assert "a.parquet has one: output another file." in say("SELECT 43 AS x;", code=2)
        say(
            "output ! tee b.parquet; format auto; output ! sh -c 'cat > b.parquet'; format parquet; SELECT 43 AS x; output"
        )
        assert "│      85 │" in say(
            "format auto; SELECT sum(x)::INT AS x FROM read_parquet(['a.parquet', 'b.parquet']);"
        )

    def test_the_last_result_is_a_table(self, say):
        say("format ndjson; SELECT n, n * 2 AS twice FROM events;")
        assert '{"s":12}' in say("SELECT sum(twice) AS s FROM _;")
        assert '{"s":13}' in say("SELECT s + 1 AS s FROM _;")

    def test_the_last_result_is_the_one_that_was_shown(self, say, place):
        say("format ndjson; SELECT count(*) AS c FROM events;")
        with lakebed.open("data.lakebed") as store:
            store.append("events", [{"n": 9}])
        assert '{"c":3}' in say("FROM _;")
        assert '{"c":4}' in say("SELECT count(*) AS c FROM events;")

    def test_last_shows_all(self, say):
        say("FROM range(100);")
        shown = say("last")
        assert "│     99 │" in shown
        assert "100 rows, 1 column" in shown

    def test_binary_data_is_described(self, say):
        with lakebed.open("data.lakebed") as store:
            store.put(b"\x89PNG\r\n\x1a\n" + bytes(100_000))
        assert "PNG, 100.0 kB, \\x89PNG" in say("SELECT data FROM blobs ORDER BY id DESC LIMIT 1;")

    def test_large_blobs_are_shown_without_reading_them(self, say, large):
        shown = say("FROM blobs ORDER BY id DESC LIMIT 2;")
        assert "binary, 21.0 MB, \\x00\\x01" in say("SELECT data, size FROM blobs ORDER BY id DESC LIMIT 1;")
        assert "20971520" in shown
        assert "corrupt" not in shown
        # What it takes to be shown is not what it is: whatever else is asked needs all bytes, of which one is damaged.
        for sql in (
            "SELECT octet_length(data) AS n FROM blobs",
            "SELECT id, data FROM blobs WHERE data IS NOT NULL",
            "SELECT data FROM blobs ORDER BY data",
            "SELECT data FROM blobs ORDER BY 1",
            "SELECT DISTINCT data FROM blobs",
            "SELECT data, count(*) FROM blobs GROUP BY ALL",
            "SELECT data FROM blobs UNION ALL SELECT data FROM blobs",
            "SELECT data AS size FROM blobs ORDER BY size",
            "SELECT * FROM (FROM blobs) AS t WHERE hash > ''",
            "SELECT b FROM blobs b",
            "SELECT data[1:4] AS start FROM blobs",
            "SELECT * REPLACE (data[1:4] AS data) FROM blobs",
            "WITH b AS (FROM blobs) SELECT data FROM b WHERE data IS NOT NULL",
            "CREATE TABLE kept AS FROM blobs",
        ):
            assert "segment" in say(sql + ";", code=1).lower(), sql

    def test_formats_for_programs_hold_all_bytes(self, say, place):
        with lakebed.open("data.lakebed") as store:
            hash = store.put(bytes(range(256)) * 4)
        say("format ndjson")
        whole = base64.b64encode(bytes(range(256)) * 4).decode()
        found = say(f"SELECT data, hash FROM blobs WHERE hash = '{hash}';").splitlines()[0]
        assert json.loads(found) == {"data": whole, "hash": str(hash)}
        assert whole in say("SELECT data, size FROM blobs ORDER BY id DESC LIMIT 1;")

    def test_a_table_of_ones_own_is_not_taken_for_the_blobs_of_the_store(self, say, large):
        say("CREATE TABLE blobs AS SELECT 7 AS id, 'x' AS hash, repeat('q', 50)::BLOB AS data;")
        assert "text, 50 bytes, qqqq" in say("FROM blobs;")
        assert "corrupt" not in say("DROP TABLE blobs; SELECT id, data FROM blobs;")

    def test_structs_are_laid_out_as_json(self, say):
        say("format vertical;")
        assert 'user  {"name":"Zoë","age":3}' in say('SELECT "user" FROM events LIMIT 1;')

    def test_statements_without_rows_say_they_are_done(self, session, say):
        session.timing = True
        assert "done, " in say("CREATE TABLE t (a INT);")

    def test_times_are_told_or_not(self, say):
        assert "timing on" in say("timing on")
        assert re.search(r"1 row, 1 column, [\d,.]+ (ms|s)\n", say("SELECT 1;"))
        assert "timing off" in say(".timer off")
        assert say("SELECT 1;").endswith("1 row, 1 column\n")

    def test_a_line_below_an_answer_fits_the_screen(self, say, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        shown = say("SELECT repeat('x', 100) AS a, repeat('y', 100) AS b FROM range(100);")
        assert shown.endswith(
            "  100 rows (first 11 and last 5 shown),\n  2 columns (cut to fit): type last to\n  see everything\n"
        )

    def test_a_pivot_is_a_result_like_any_other(self, say):
        say("format ndjson; PIVOT (SELECT type, n FROM events) ON type USING list(n);")
        assert '{"pull":[2],"push":[1,3]}' in say("FROM _;")

    def test_explain_is_text(self, say):
        assert "projection" in say("EXPLAIN SELECT 1;").lower()


class TestVerbs:
    def test_verbs_of_the_command_line(self, say):
        assert "more.ndjson -> late: 3 rows" in say("ingest more.ndjson into late;")
        assert "│ late " in say("collections")
        assert json.loads(say("stats --json"))["collections"] == 2
        assert "dropped late: 3 rows" in say("drop late --yes;")

    def test_a_statement_sees_the_newest_commit(self, say):
        say("format csv;")
        with lakebed.open("data.lakebed") as store:
            store.append("fresh", [{"x": 1}])
        assert say("SELECT count(*) AS c FROM fresh;").startswith("c\n1\n")

    def test_pipes(self, say, place):
        assert "wrote 3 rows to a.csv" in say("SELECT n FROM events ORDER BY n | write a.csv;")
        assert (place / "a.csv").read_text() == "n\n1\n2\n3\n"
        say("SELECT n FROM events | into copies; format csv;")
        assert say("SELECT count(*) AS c FROM copies;").startswith("c\n3\n")

    def test_output_goes_to_a_file_and_back(self, say, place):
        shown = say("output out.csv; SELECT n FROM events ORDER BY n LIMIT 1; output; SELECT 42 AS x;")
        assert (place / "out.csv").read_text() == "n\n1\n"
        assert "written to out.csv" in shown
        assert "│      42 │" in shown

    def test_output_goes_to_a_program(self, session, capfd):
        assert run_text(session, "output ! sed s/push/PUSH/; SELECT type FROM events LIMIT 1; output") == 0
        assert '{"type":"PUSH"}' in capfd.readouterr().out

    @pytest.mark.parametrize(
        ("form", "lines"),
        [
            ("auto", ['{"n":1,"type":"push"}']),
            ("csv", ["n,type", "1,push"]),
            ("json", ["[", ' {"n":1,"type":"push"}', "]"]),
            ("markdown", ["| n | type |", "| ---: | --- |", "| 1 | push |"]),
            ("vertical", ["── row 1 ───────", "   n  1", "type  push"]),
        ],
    )
    def test_a_program_gets_the_format_that_was_chosen_and_its_options(self, session, place, form, lines):
        text = f"format {form}; output ! sh -c 'cat > got.txt' --help; SELECT n, type FROM events ORDER BY n LIMIT 1; output"
        assert run_text(session, text) == 0
        assert (place / "got.txt").read_text().splitlines() == lines

    def test_the_ending_of_a_file_says_the_format_until_another_is_chosen(self, say, place):
        say("format csv; output out.json; SELECT 1 AS x; format ndjson; SELECT 2 AS x; output")
        assert (place / "out.json").read_text() == '[\n {"x":1}\n]\n{"x":2}\n'
        assert "results go to a.txt" in say("output a.txt; SELECT 3 AS x;")
        assert (place / "a.txt").read_text() == '{"x":3}\n'
        assert "results go to the screen" in say("output")

    def test_a_file_in_the_users_directory(self, say, place, monkeypatch):
        monkeypatch.setenv("HOME", str(place))
        say("output ~/out.csv; SELECT 1 AS x; output")
        assert (place / "out.csv").read_text() == "x\n1\n"
        assert "more.ndjson -> more: 3 rows" in say("ingest ~/more.ndjson")

    def test_read_and_its_end(self, say, place):
        (place / "a.sql").write_text("-- both\nSELECT 1 AS one;\nformat csv\nSELECT 2 AS two;")
        shown = say("read a.sql")
        assert "one" in shown
        assert "two\n2\n" in shown
        (place / "loop.sql").write_text("read loop.sql;")
        assert "loop.sql reads itself" in say("read loop.sql;", code=2)
        assert "nosuch.sql cannot be read" in say("read nosuch.sql;", code=7)

    def test_saved_queries_are_files_of_the_user(self, say, place):
        say("SELECT count(*) AS c FROM events; save daily;")
        assert (place / "settings/queries/daily.sql").read_text() == "SELECT count(*) AS c FROM events;\n"
        assert "│      3 │" in say("call daily;")
        assert "daily: SELECT count(*) AS c FROM events;" in say("call;")
        assert "There is no saved query 'dayly'; did you mean 'daily'?" in say("call dayly;", code=2)
        assert "cannot be named '../x'" in say("save ../x;", code=2)

    def test_dot_commands(self, say):
        assert "events" in say(".tables")
        assert "BIGINT" in say(".schema events").upper()
        say(".mode csv")
        assert say("SELECT 1 AS x;").startswith("x\n1\n")
        assert "There is no command .nosuch" in say(".nosuch", code=2)
        assert ".e is the beginning of .edit and .exit" in say(".e", code=2)
        assert say(".mode json; SELECT 1 AS x;").endswith('[\n {"x":1}\n]\n  1 row, 1 column\n')

    def test_help_lists_every_verb_and_shows_one(self, say):
        from lakebed._cli.verbs import PIPE_VERBS, in_shell

        shown = say("help;")
        for name in (*in_shell(), *(verb.name for verb in PIPE_VERBS)):
            assert f"  {name} " in shown
        assert "--on-error" in say("help ingest;")
        assert "Write the rows to a file." in say("help write;")
        assert "did you mean 'ingest'?" in say("help ingst;", code=2)

    @pytest.mark.parametrize("text", ["quit", "exit;", ".quit", ".exit", ".q"])
    def test_leaving(self, session, text):
        with pytest.raises(Leave):
            run_text(session, text)

    def test_config_tells_origins(self, say, monkeypatch):
        assert "default" in say("config show --json")
        monkeypatch.setenv("LAKEBED_KEYS", "vi")
        fresh = Session({}, interactive=True)
        assert fresh.context.settings.keys == "vi"
        fresh.close()


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("SELECT type, n FROM events WHERE n > 1;", 0),
        ("describe select 1;", 0),
        # What is to the left of the pipe, and whether the whole is SQL, too.
        ("SELECT n FROM events | into copies;", 2),
    ],
)
def test_a_typed_statement_is_tokenized_once_and_parsed_once(session, monkeypatch, text, parsed):
    session.remember("SELECT 1")
    # What this version's tokenizer can do is tried out once in a process.
    statements.typed("SELECT 0")
    statements.typed.cache_clear()
    with monkeypatch.context() as patched:
        tokenized, parses = counted(patched, "tokenize"), counted(patched, "extract_statements")
        # Enter asks whether the text is complete; the shell then runs it.
        assert statements.is_complete(text)
        assert run(session, statements.typed(text)) == 0
        assert tokenized == [text]
        assert len(parses) == parsed


def counted(monkeypatch, function):
    """The texts that a function of DuckDB's module is called with."""
    texts: list[str] = []
    original = getattr(duckdb, function)

    def counting(text):
        texts.append(text)
        return original(text)

    monkeypatch.setattr(duckdb, function, counting)
    return texts


def test_whatever_is_silent_for_long_tells_that_it_goes_on(say, monkeypatch):
    monkeypatch.setattr("lakebed._cli.shell.progress_line._FIRST_SECONDS", 0.01)

    def slow(context):
        time.sleep(0.5)
        context.say("done at last")

    monkeypatch.setattr("lakebed._cli.commands.inspect.stats", slow)
    shown = say("stats")
    assert "0.0 s (Ctrl-C stops it)" in shown
    assert "done at last\n" in shown


def test_there_is_nothing_to_watch_yet(say):
    assert "There is no query to watch yet" in say("watch", code=2)
    assert "give 1 second or more" in say("SELECT 1; watch 0", code=2)


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "code", "message"),
        [
            ("SELECT nosuch FROM events;", 1, 'Referenced column "nosuch" not found'),
            ("SELECT 1 FRM events x y;", 1, "syntax error"),
            ("quti", 2, "There is no verb 'quti', and no SQL statement begins with that word; did you mean 'quit'?"),
            ("ingest nosuch.ndjson", 7, "There is no file nosuch.ndjson"),
            ("ingest x --on-eror skip", 2, "No such option '--on-eror'. Did you mean '--on-error'?"),
            ("put 'a", 2, "A quote after 'put' is not closed."),
            ("drop nosuch --yes;", 5, "nosuch"),
        ],
    )
    def test_an_error_is_a_sentence_and_the_shell_goes_on(self, say, text, code, message):
        shown = say(text, code=code)
        assert shown.startswith("error: ")
        assert message in shown
        assert "Traceback" not in shown
        assert ("LINE 1: SELECT nosuch FROM events" in shown) == ("nosuch FROM" in text)
        assert bool(re.search(r"\n {15}\^+\n", shown)) == ("nosuch FROM" in text)
        assert "42" in say("SELECT 42;")

    @pytest.mark.parametrize(
        "crash", [ZeroDivisionError("x"), MemoryError(), RecursionError(), BaseException("a panic")]
    )
    def test_a_crash_of_one_statement_is_not_the_end(self, say, monkeypatch, crash):
        def fails(*_arguments, **_more):
            raise crash

        monkeypatch.setattr("lakebed._cli.commands.inspect.stats", fails)
        assert "This is a bug in lakebed" in say("stats", code=1)
        assert "42" in say("SELECT 42;")

    def test_an_error_ends_the_text_it_is_in(self, say):
        assert "42" not in say("SELECT nosuch; SELECT 42;", code=1)


class TestStore:
    def test_a_shell_without_a_store_sees_it_when_there_is_one(self, place, capsys):
        session = Session({"store": "later.lakebed"}, interactive=True)
        try:
            assert run_text(session, "SELECT 42 AS x;") == 0
            assert run_text(session, "ingest more.ndjson;") == 0
            assert run_text(session, "SELECT max(n) AS m FROM more;") == 0
            assert "│      2 │" in capsys.readouterr().out
        finally:
            session.close()

    def test_a_store_that_was_made_again_is_noticed(self, session, say, place):
        say("format csv; CREATE TABLE mine AS SELECT 1 AS x; FROM events;")
        shutil.rmtree("data.lakebed")
        shown = say("SELECT 42 AS x;")
        assert "42" in shown
        assert "data.lakebed is not the same store as before: the old one was removed." in shown
        assert "events does not exist" in say("FROM events;", code=1)
        with lakebed.open("data.lakebed") as store:
            store.append("events", [{"n": 77}])
        shown = say("SELECT n FROM events;")
        assert shown == "n\n77\n  1 row, 1 column\n"
        shutil.rmtree("data.lakebed")
        with lakebed.open("data.lakebed") as store:
            store.append("events", [{"n": 78}])
        assert "n\n78\n" in say("SELECT n FROM events;")

    def test_the_lock_is_only_held_while_a_verb_writes(self, session, say):
        say("SELECT count(*) FROM events;")
        with lakebed.open("data.lakebed", lock_timeout=0) as store:
            store.append("events", [{"n": 1}])
        say("ingest more.ndjson;")
        with lakebed.open("data.lakebed", lock_timeout=0) as store:
            store.append("events", [{"n": 1}])

    def test_nothing_stored_is_executed(self, say, place):
        with lakebed.open("data.lakebed") as store:
            store.append(
                "traps", [{"a": "$(touch bad)"}, {"a": "'; COPY (SELECT 1) TO 'bad'; --"}, {"a": "| ! touch bad"}]
            )
            store.append("x; drop", [{"a": 1}])
        say('FROM traps; SELECT a FROM traps | ! cat; SELECT a FROM traps | into "other traps"; FROM "x; drop";')
        assert not (place / "bad").exists()


class TestSafe:
    def test_safe_is_the_store_alone(self, place, capsys):
        (place / "x.csv").write_text("a\n1\n")
        session = Session({}, safe=True, interactive=True)
        try:
            assert run_text(session, "SELECT count(*) FROM events;") == 0
            for text in (
                "SELECT 1 | ! touch bad",
                "!touch bad",
                ".shell touch bad",
                "output ! touch bad",
                "edit",
                "FROM events | write bad",
                "output bad",
                "COPY events TO 'bad';",
                "FROM 'x.csv';",
                "read x.csv",
                "ingest more.ndjson",
                "put x.csv",
                "export events bad;",
                "SET enable_external_access = true;",
                "SELECT * FROM lakebed_scan('data.lakebed', 'events');",
            ):
                assert run_text(session, text) in (1, 2), text
            assert not (place / "bad").exists()
        finally:
            session.close()


class TestHistory:
    def test_only_its_owner_reads_it(self, session, place):
        session.history.add("SELECT 1;")
        path = place / "state/history.ndjson"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
        Session({}, interactive=True).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_sql_sees_it_and_lines_with_a_space_are_kept_out(self, session, say):
        session.history.add("SELECT 'Zoë'\nFROM events;")
        session.history.add(" SELECT 'secret';")
        say("format ndjson")
        shown = say("SELECT store, statement FROM history;")
        assert shown.startswith('{"store":"data.lakebed","statement":"SELECT \'Zoë\'\\nFROM events;"}\n')
        assert "secret" not in shown
        assert "FROM events;" in say("history zoë")

    def test_a_damaged_line_is_passed_over(self, session, place):
        with open("state/history.ndjson", "a") as file:
            file.write('{"at": 1\n{"at": "x", "store": "y", "statement": "SELECT 2;"}\n[]\n')
        assert [one.statement for one in session.history.entries()] == ["SELECT 2;"]

    def test_sql_passes_over_a_damaged_line_too(self, session, say, place):
        session.history.add("SELECT 1;")
        with open("state/history.ndjson", "a") as file:
            file.write('{"at": 1\n')
        session.history.add("SELECT 2;")
        say("format csv")
        assert say("SELECT statement FROM history;").startswith("statement\nSELECT 1;\nSELECT 2;\n")

    def test_it_is_there_without_a_store(self, place, capsys):
        session = Session({"store": "later.lakebed"}, interactive=True)
        assert session.history is not None
        session.history.add("SELECT 1;")
        try:
            for text in ("FROM history;", "ingest more.ndjson; FROM history;"):
                assert run_text(session, text) == 0
                assert "SELECT 1;" in capsys.readouterr().out
        finally:
            session.close()

    def test_a_shell_without_a_place_for_it_is_a_shell(self, place, monkeypatch, capsys):
        monkeypatch.setenv("LAKEBED_HISTORY", "/dev/null/nothing")
        session = Session({}, interactive=True)
        assert session.history is not None
        session.history.add("SELECT 1;")
        assert run_text(session, "SELECT 1;") == 0
        session.close()


def test_the_catalogue_has_tables_columns_functions(session, place):
    session.refresh()
    cursor = session.connection.cursor()
    found = read_catalog(cursor, CompletionCatalog(), ("daily",), session.store)
    cursor.close()
    assert {"events", "blobs", "main.events", "sys.blobs"} <= found.tables.keys()
    assert [column.name for column in found.tables["events"].columns][:3] == ["type", "n", "user"]
    assert found.collections == ("events",)
    assert "count" in found.functions
    assert "select" in found.reserved
