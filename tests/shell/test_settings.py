"""Settings of a session, results that go elsewhere once, lines for the system, parameters of saved queries."""

from __future__ import annotations

from lakebed._cli.shell.execute import run_text


def test_once_sends_one_result_away(say, place):
    say("once a.csv; SELECT 1 AS x; format csv;")
    assert say("SELECT 2 AS x;").startswith("x\n2\n")
    assert (place / "a.csv").read_text() == "x\n1\n"
    say("output b.csv; .once c.csv\nSELECT 3 AS x; SELECT 4 AS x; output")
    assert ((place / "c.csv").read_text(), (place / "b.csv").read_text()) == ("x\n3\n", "x\n4\n")


def test_settings_change_for_the_session(say):
    assert "rows 2" in say("set rows 2")
    assert "first 2 shown" in say("FROM range(7);")
    say("set null '∅'")
    assert "│ ∅    │" in say("SELECT NULL AS x;")
    say(".maxrows 3\n.nullvalue -")
    assert "first 3 shown" in say("FROM range(7);")
    assert "│ -    │" in say("SELECT NULL AS x;")
    say("format csv; .headers off")
    assert say("SELECT 42 AS x;").startswith("42\n")
    assert say("set headers on; SELECT 42 AS x;").endswith("x\n42\n  1 row, 1 column\n")
    say("set format table; set timing on; \\timing")
    assert "timing off" in say("set timing")
    assert "│      42 │" in say("\\x\nSELECT 42 AS x; \\x\nSELECT 42 AS x;")
    assert "theme light" in say("set theme light")
    shown = say("set")
    assert "rows 3" in shown
    assert "keys emacs" in shown
    assert "cannot be 'many'" in say("set rows many", code=2)
    assert "2" in say("SET threads = 2; SELECT current_setting('threads') AS t;")


def test_a_line_for_the_systems_shell(session, capfd, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/sh")
    assert run_text(session, "!echo 'a b' | tr a-z A-Z\n.shell echo $((40 + 2))\n\\! false") == 0
    shown = capfd.readouterr().out
    assert "A B\n42\n" in shown
    assert "ended with 1" in shown


def test_saved_queries_take_parameters(say):
    session_text = "SELECT n, '$type' AS \"$n\" FROM events WHERE type = $type AND n >= $n ORDER BY n -- $x"
    say(session_text + ";", code=1)
    say("save big; format csv;")
    assert say("call big type=push n=2;").startswith("n,$n\n3,$type\n")
    assert say("call big push n=0").startswith("n,$n\n1,$type\n3,$type\n")
    assert say('call big "type=it\'s" n=0').startswith("n,$n\n  0 rows")
    assert "big needs a value: call big n=VALUE" in say("call big type=push", code=2)
    assert "big has no parameter 'm'" in say("call big type=push n=1 m=2", code=2)
    assert "is one more" in say("call big push 1 2", code=2)
    assert "big type=... n=..." in say("call")


def test_the_total_and_the_last_rows_are_shown_where_they_are_cheap(say):
    shown = say("FROM range(100);")
    assert "100 rows (first 11 and last 5 shown), 1 column: type last to see everything" in shown
    assert "│     10 │\n│      · │\n│     95 │" in shown
    assert shown.count("\n") <= 30
    assert "3 rows, 9 columns" in say("set rows 3; FROM events;")
    assert "63 rows (first 3 shown)" in say("FROM range(63);")
    # A transaction goes on, and a sequence is not advanced by what is only shown.
    say("CREATE SEQUENCE s; SELECT nextval('s') FROM range(9);")
    assert "│       5 │" in say("SELECT nextval('s')::INT AS n;")
    assert "first 3 rows, there are more" in say("BEGIN; FROM range(1000);")
    assert "1 row" in say("COMMIT; SELECT 1;")
