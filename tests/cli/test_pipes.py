"""`SELECT ... | VERB ...` in `lakebed query`."""

from __future__ import annotations

import pytest

from lakebed._cli.language.statements import Statement, split
from lakebed._cli.language.words import quote, words


def texts(text):
    return [(piece.kind, piece.sql, piece.verb, [word.text for word in piece.words]) for piece in split(text)]


class TestSplitting:
    @pytest.mark.parametrize(
        ("text", "sql", "verb", "given"),
        [
            ("FROM t | write x.csv", "FROM t", "write", ["x.csv"]),
            ("SELECT 'é|ü' FROM t|into other", "SELECT 'é|ü' FROM t", "into", ["other"]),
            ("SELECT a | b | INTO c", "SELECT a | b", "into", ["c"]),
            ("SELECT 1 |! jq -c '.a | .b; .c'", "SELECT 1", "!", ["jq", "-c", ".a | .b; .c"]),
            ("FROM t -- | write x\n| write it.csv --format json", "FROM t -- | write x", "write", ["it.csv", "--format", "json"]),
            ("FROM t | write 'it''s.csv'", "FROM t", "write", ["it's.csv"]),
            ('FROM t | write "a \\"b\\".csv"', "FROM t", "write", ['a "b".csv']),
            ("FROM t | write $$a 'b' \"c\"; d.csv$$", "FROM t", "write", ["a 'b' \"c\"; d.csv"]),
            ("SELECT $$ | write x $$ | write y.csv", "SELECT $$ | write x $$", "write", ["y.csv"]),
            ("FROM t | /* all; */ -- | into x\n write y.csv", "FROM t", "write", ["y.csv"]),
            ("PIVOT t ON a USING sum(b) | write y.csv", "PIVOT t ON a USING sum(b)", "write", ["y.csv"]),
        ],
    )  # fmt: skip
    def test_a_pipe(self, text, sql, verb, given):
        assert texts(text) == [("pipe", sql, verb, given)]

    @pytest.mark.parametrize(
        "text",
        [
            "SELECT (a | write) FROM t",
            'SELECT a | "write" FROM t',
            "SELECT a || write FROM t",
            "SELECT a | b FROM t",
            "SELECT '| write x'",
            "SELECT 1 /* | write x.csv */",
            "SELECT [1 | into, 2]",
            "SELECT a + | write x",
        ],
    )
    def test_no_pipe(self, text):
        assert texts(text) == [("sql", text, "", [])]

    def test_statements_after_a_pipe_are_found_whatever_its_words_hold(self):
        found = texts("FROM t | write a.csv --format csv; SELECT ';'; -- the end;\nFROM é | ! sed 's/;/ /'; SELECT 2")
        assert [(kind, sql) for kind, sql, _, _ in found] == [
            ("pipe", "FROM t"),
            ("sql", "SELECT ';'"),
            ("pipe", "FROM é"),
            ("sql", "SELECT 2"),
        ]

    def test_where_both_readings_are_possible_that_is_known(self):
        (pipe,) = split("SELECT a | write FROM t")
        assert (pipe.kind, pipe.ambiguous) == ("pipe", True)
        (pipe,) = split("SELECT a | write x.csv")
        assert (pipe.kind, pipe.ambiguous) == ("pipe", False)

    def test_an_operator_that_duckdb_has_not_is_no_other_reading(self):
        for text in ("SELECT 1 | ! false", "SELECT 1 |! jq ."):
            (pipe,) = split(text)
            assert (pipe.kind, pipe.ambiguous) == ("pipe", False), text

    def test_statements_end_where_they_end_however_long_they_are(self):
        for length in (*range(990, 1035), *range(2030, 2060), 5000):
            sql = f"SELECT '{'x' * length};|' /* ; */ || $a$;$a$ -- ;\n || 'é'"
            found = texts(f"{sql} | write a.csv; {sql}; SELECT 2")
            assert found == [("pipe", sql, "write", ["a.csv"]), ("sql", sql, "", []), ("sql", "SELECT 2", "", [])]

    def test_a_script_of_many_statements_is_not_tokenized_again_for_each(self, monkeypatch):
        import duckdb

        read, tokenize = 0, duckdb.tokenize

        def counting(text):
            nonlocal read
            read += len(text)
            return tokenize(text)

        monkeypatch.setattr(duckdb, "tokenize", counting)
        for text in ("INSERT INTO t VALUES (1, 'one');\n" * 2000, "stats\n" * 2000, "FROM t | write x.csv;" * 2000):
            read = 0
            assert sum(1 for _ in split(text, {"stats": ()}.get)) == 2000
            assert read < 100 * len(text)

    def test_verbs_of_the_shell_end_at_their_line_and_sql_comes_first(self):
        options = {"stats": (), "describe": ("--format",), "drop": ("--yes",), "put": ()}
        text = (
            "stats\ndescribe events; describe events --format json; drop table x; drop\nevents --yes; put it.png;SELECT 1;\n"
            ".tables x\n.mode csv; FROM t"
        )
        found = [(piece.kind, piece.text) for piece in split(text, options.get, dots=True)]
        assert found == [
            ("verb", "stats"),
            ("verb", "describe events"),
            ("verb", "describe events --format json"),
            ("sql", "drop table x"),
            ("verb", "drop\nevents --yes"),
            ("verb", "put it.png"),
            ("sql", "SELECT 1"),
            ("dot", ".tables x"),
            ("dot", ".mode csv"),
            ("sql", "FROM t"),
        ]

    def test_places_are_characters(self):
        text = "SELECT 'ééé' | write ü.csv; SELECT 2"
        pipe, last = split(text)
        assert isinstance(pipe, Statement)
        assert text[pipe.start : pipe.end] == "SELECT 'ééé' | write ü.csv"
        assert text[pipe.words[0].start : pipe.words[0].end] == "ü.csv"
        assert text[last.start :] == "SELECT 2"


@pytest.mark.parametrize("text", ["plain", "with space", "it's", "", "--option", "a;b", "$$x", 'say "x"'])
def test_a_quoted_text_is_one_word(text):
    (word,) = words(quote(text)).words
    assert (word.text, word.closed) == (text, True)


def test_an_open_quote_is_known():
    assert not words("write 'a b").closed
    assert not words("write $$a b").closed
    assert words("write 'a b' c").closed


class TestVerbs:
    def test_write_takes_the_format_from_the_ending(self, run, store, place):
        query = "SELECT type, n FROM events WHERE n < 3 ORDER BY _seq"
        done = run(
            "query", f"{query} | write a.csv; {query} | write a.json; {query} | write a.md; {query} | write a.parquet"
        )
        assert (done.code, done.out) == (0, b""), done.err
        assert "wrote 3 rows to a.csv" in done.err
        assert (place / "a.csv").read_text() == "type,n\npush,1\npull,2\npush,1\n"
        assert (place / "a.md").read_text().startswith("| type | n |\n")
        assert run("query", "SELECT n FROM 'a.parquet'").rows == run("query", "SELECT n FROM 'a.json'").rows

    def test_write_refuses_an_unknown_ending_before_the_query_runs(self, run, store, place):
        done = run("query", "SELECT 1 | write a.xyz")
        assert done.code == 2
        assert "a.xyz ends in .xyz, which is no format that is known" in done.err
        assert run("query", "SELECT 1 AS x | write a.xyz --format ndjson").code == 0
        assert (place / "a.xyz").read_text() == '{"x":1}\n'

    def test_a_failed_query_leaves_no_file(self, run, store, place):
        assert run("query", "SELECT error('no') | write a.csv").code == 1
        assert not (place / "a.csv").exists()

    def test_into_appends_rows_that_the_next_statement_sees(self, run, store):
        done = run("query", "SELECT type, n FROM events LIMIT 2 | into few; SELECT count(*) AS rows, max(n) FROM few")
        assert done.code == 0, done.err
        assert done.rows == [{"rows": 2, "max(n)": 2}]
        assert "appended 2 rows to few" in done.err

    def test_a_program_gets_the_rows_and_its_failure_is_told(self, run, store):
        done = run("query", "SELECT n FROM events WHERE n < 3 ORDER BY n | ! sed 's/n/the number/'")
        assert done.text == '{"the number":1}\n{"the number":1}\n{"the number":2}\n'
        done = run("query", "SELECT 1 | ! false")
        assert (done.code, done.err) == (1, "error: The program false ended with 1.\n")
        done = run("query", "SELECT 1 | ! nosuchprogram")
        assert done.code == 7
        assert "The program nosuchprogram cannot be run" in done.err

    def test_a_program_may_stop_reading(self, run, store):
        done = run("query", "SELECT * FROM range(1000000) | ! head -n 1")
        assert (done.code, done.text) == (0, '{"range":0}\n')

    def test_no_shell_reads_the_line(self, run, store, place):
        assert run("query", "SELECT 1 AS x | ! echo $HOME > file").text == "$HOME > file\n"
        assert not (place / "file").exists()

    def test_safe_forbids_programs_and_files(self, run, store, place):
        (place / "x.csv").write_text("a\n1\n")
        assert run("query", "--safe", "SELECT n FROM events WHERE n = 2").rows == [{"n": 2}]
        for text in (
            "SELECT 1 | ! true",
            "SELECT 1 | write a.csv",
            "FROM 'x.csv'",
            "COPY (SELECT 1) TO 'y.csv'",
            "SET enable_external_access = true",
        ):
            assert run("query", "--safe", text).code in (1, 2), text
        assert not (place / "a.csv").exists()

    def test_the_reading_that_was_taken_is_told(self, run, store):
        done = run("query", "SELECT 1 AS write, 2 | write FROM events")
        assert done.code == 2
        assert "note: `| write` was read as a pipe" in done.err
        assert run("query", 'SELECT n | "write" AS x FROM (SELECT 4 AS n, 2 AS write)').rows == [{"x": 6}]

    def test_a_pivot_is_one_query(self, run, store):
        pivot = "PIVOT (SELECT type, n FROM events WHERE n < 9) ON type USING list(n)"
        done = run("query", f"{pivot} | write p.parquet; {pivot} | ! cat; FROM 'p.parquet'")
        assert done.code == 0, done.err
        assert done.rows == [{"pull": [2], "push": [1, 3, 1]}] * 2

    def test_the_users_directory_is_where_it_is_in_sql(self, run, store, place):
        done = run("query", "SELECT 42 AS x | write ~/x.csv; FROM '~/x.csv'", HOME=str(place))
        assert (done.code, done.rows) == (0, [{"x": 42}]), done.err
        assert (place / "x.csv").read_text() == "x\n42\n"

    def test_a_misspelt_verb_is_told_the_near_one(self, run, store):
        done = run("query", "SELECT 1 | wriet x.csv")
        assert (done.code, done.err) == (2, "error: There is no verb 'wriet' to pipe to; did you mean 'write'?\n")
        # This could have been meant as the operator: what DuckDB says of that comes first.
        done = run("query", "SELECT 1 | prmpt x")
        assert done.code == 1
        assert done.err.startswith("error: Binder Error: ")
        assert done.err.endswith("There is no verb 'prmpt' to pipe to; did you mean 'prompt'?\n")
        assert "verb" not in run("query", "SELECT 1 | 2 x y").err

    def test_what_is_no_utf8_is_told(self, run, store, place):
        assert run("query", stdin=b"SELECT '\xff'").err == (
            "error: Standard input is not UTF-8 text: character 9 is the byte 0xff.\n"
        )
        done = run("query", b"SELECT '\xff'".decode(errors="surrogateescape"))
        assert (done.code, done.err) == (2, "error: The statements are not UTF-8 text: character 9 is the byte 0xff.\n")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("FROM events | write", "Missing argument 'FILE'. It is: write [OPTIONS] FILE"),
            ("SELECT 1 | write a.csv --fromat csv", "No such option '--fromat'. Did you mean '--format'?"),
            ("SELECT 1 | into 'a", "A quote after `| into` is not closed."),
            ("SELECT 1 | !", "`| !` needs a program"),
            ("CREATE TABLE t (a INT) | write a.csv", "CREATE has no rows to pipe: put a SELECT to the left of |."),
        ],
    )
    def test_wrong_words_are_told(self, run, store, text, message):
        done = run("query", text)
        assert done.code == 2
        assert done.err.startswith(f"error: {message}")
