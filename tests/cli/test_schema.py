"""`lakebed schema`, `ingest --set`, records with very many keys, and transactions of SQL."""

from __future__ import annotations

import json

import pytest

PRICES = b'{"price": 1.5}\n{"price": "-"}\n{"price": "n/a"}\n'


def column(done, name):
    assert done.code == 0, done.err
    return next(row for row in done.rows if row["name"] == name)


class TestSchema:
    def test_a_type_is_declared_and_inferred_again(self, run):
        run("ingest", "-", "--into", "offers", stdin=PRICES)
        declared = column(run("schema", "offers", "--set", "price=DOUBLE", "--null", "-"), "price")
        assert (declared["type"], declared["values"], declared["nulls"], declared["misfits"]) == ("DOUBLE", 1, 1, 1)
        assert column(run("describe", "offers"), "price") == declared
        assert run("query", "SELECT sum(price) AS sum FROM offers").rows == [{"sum": 1.5}]
        table = run("describe", "offers", "--format", "table").text
        assert "1 value does not fit" in table
        again = column(run("schema", "offers", "--unset", "price"), "price")
        assert (again["type"], again["declared"]) == ("JSON", False)

    def test_types_are_inferred_anew(self, run):
        run("ingest", "-", "--into", "offers", stdin=b'{"price": "-"}\n{"price": 2}\n')
        run("trim", "offers", "--before-seq", "1")
        assert column(run("describe", "offers"), "price")["values"] == 1
        assert column(run("schema", "offers", "--infer"), "price")["type"] == "BIGINT"

    def test_without_options_it_shows_and_changes_nothing(self, run, place):
        run("ingest", "-", "--into", "offers", stdin=PRICES)
        before = run("stats").rows[0]["commit"]
        assert run("schema", "offers").out == run("describe", "offers").out
        assert run("stats").rows[0]["commit"] == before

    def test_ingest_takes_the_same(self, run):
        done = run("ingest", "-", "--into", "offers", "--set", "price=DOUBLE", "--null", "-", stdin=PRICES)
        assert done.rows[0]["misfits"] == 1
        assert "note: 1 value does not fit its declared type in offers" in done.err

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--set", "price"), "as in price=DOUBLE"),
            (("--set", "prices=DOUBLE"), 'did you mean "price"'),
            (("--set", "price=MONEY"), '"MONEY" is none of'),
            (("--null", "-"), "belongs to a declared type"),
        ],
    )
    def test_what_cannot_be_is_one_sentence(self, run, arguments, words):
        run("ingest", "-", "--into", "offers", stdin=PRICES)
        done = run("schema", "offers", *arguments)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert words in done.err


def test_very_many_keys_are_said_by_ingest_and_describe(run):
    lines = [json.dumps({"id": number, "level": "info"}) for number in range(1000)]
    lines.append(json.dumps({f"s{number}": 1 for number in range(4097)}))
    done = run("ingest", "-", "--into", "logs", stdin="\n".join(lines).encode())
    assert "note: logs: column other_keys holds the 4097 keys that have no column of their own" in done.err
    assert run("query", "SELECT level FROM logs LIMIT 1").rows == [{"level": "info"}]
    assert "4097 keys" in run("describe", "logs", "--format", "table").text


class TestTransactions:
    SETUP = "CREATE TABLE k (i INTEGER PRIMARY KEY); "

    def test_into_is_refused_while_a_transaction_is_open(self, run):
        run("ingest", "-", "--into", "t", stdin=b'{"a": 1}\n')
        done = run("query", "BEGIN; FROM t | into copy; ROLLBACK")
        assert done.code == 2
        assert "`| into` writes to the store, which a ROLLBACK would not undo" in done.err
        assert run("collections").rows[0]["name"] == "t"
        assert len(run("collections").rows) == 1
        assert run("query", "BEGIN; FROM t; COMMIT; FROM t | into copy").code == 0

    def test_functions_that_write_to_a_store_are_refused_too(self, run, place):
        (place / "a.ndjson").write_text('{"a": 1}\n')
        run("ingest", "-", "--into", "t", stdin=b'{"a": 1}\n')
        for call in ("lakebed_ingest('data.lakebed', 'a.ndjson')", "lakebed_train('data.lakebed', 't')"):
            done = run("query", f"BEGIN; FROM {call}; ROLLBACK")
            assert done.code == 2
            assert f"{call.partition('(')[0]}() writes to the store, which a ROLLBACK would not undo" in done.err
        assert [one["name"] for one in run("collections").rows] == ["t"]
        assert run("query", "BEGIN; EXPLAIN FROM lakebed_ingest('data.lakebed', 'a.ndjson'); ROLLBACK").code == 0
        assert run("query", "FROM lakebed_ingest('data.lakebed', 'a.ndjson')").code == 0

    def test_the_shell_refuses_its_verbs_too(self, run):
        run("ingest", "-", "--into", "t", stdin=b'{"a": 1}\n')
        done = run("-c", "BEGIN; drop t --yes; ROLLBACK")
        assert "`drop` writes to the store" in done.err
        assert run("query", "SELECT count(*) AS n FROM t").rows == [{"n": 1}]
        done = run("-c", "BEGIN; SELECT 1/0 FROM nosuch; ")
        assert done.code == 1

    def test_a_commit_that_was_a_rollback_says_so(self, run, place):
        run("ingest", "-", "--into", "t", stdin=b'{"a": 1}\n')
        (place / "s.sql").write_text(self.SETUP)
        # A failed statement ends `query`; in the shell on a terminal the transaction goes on.
        from lakebed._cli.results import transactions
        from lakebed._cli.results.execution import QueryFailed

        duckdb = pytest.importorskip("duckdb")
        con = duckdb.connect()
        con.execute(self.SETUP)
        assert not transactions.in_transaction(con)
        con.execute("BEGIN")
        assert transactions.in_transaction(con)
        with pytest.raises(duckdb.Error):
            con.execute("INSERT INTO k VALUES (1), (1)")
        assert transactions.in_transaction(con)
        (commit,) = con.extract_statements("COMMIT")
        with pytest.raises(QueryFailed, match="rolled back, not committed"):
            transactions.run_without_rows(con, commit)
        assert not transactions.in_transaction(con)
        for text in ("BEGIN", "INSERT INTO k VALUES (1)", "COMMIT"):
            (statement,) = con.extract_statements(text)
            transactions.run_without_rows(con, statement)
        assert con.execute("FROM k").fetchall() == [(1,)]


def test_schema_says_how_records_are_stored(run):
    lines = b"".join(b'{"id": %d, "name": "n"}\n' % number for number in range(2000))
    run("ingest", "-", "--into", "t", stdin=lines)
    assert run("schema", "t").err == "layout auto: 0 of 2,000 rows in 0 Parquet files\n"
    assert run("schema", "t", "--layout", "columns").err == "layout columns: 0 of 2,000 rows in 0 Parquet files\n"
    run("compact")
    assert run("schema", "t").err == "layout columns: 2,000 of 2,000 rows in 1 Parquet file\n"
