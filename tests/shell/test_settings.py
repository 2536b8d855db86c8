"""Settings of a session, results that go elsewhere once, lines for the system, parameters of saved queries."""

from __future__ import annotations

from lakebed._cli.shell.execute import run_text
from lakebed._cli.shell.progress_line import progress_text


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
    assert "│ ∅       │" in say("SELECT NULL::VARCHAR AS x;")
    say(".maxrows 3\n.nullvalue -")
    assert "first 3 shown" in say("FROM range(7);")
    assert "│ -       │" in say("SELECT NULL::VARCHAR AS x;")
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


def test_the_total_and_the_last_rows_are_shown_where_they_are_cheap(say, monkeypatch):
    shown = say("FROM range(100);")
    assert "100 rows (first 11 and last 5 shown), 1 column: type last to see everything" in shown
    assert "│     10 │\n│      · │\n│     95 │" in shown
    assert shown.count("\n") <= 30
    monkeypatch.setenv("LINES", "24")
    assert "100 rows (first 5 and last 5 shown)" in say("FROM range(100);")
    assert "3 rows, 9 columns" in say("set rows 3; FROM events;")
    assert "63 rows (first 3 shown)" in say("FROM range(63);")
    # A transaction goes on, and a sequence is not advanced by what is only shown.
    say("CREATE SEQUENCE s; SELECT nextval('s') FROM range(9);")
    assert "│       5 │" in say("SELECT nextval('s')::INT AS n;")
    assert "first 3 rows, there are more" in say("BEGIN; FROM range(1000);")
    assert "1 row" in say("COMMIT; SELECT 1;")


def test_charts_and_a_program_that_is_no_verb(say):
    assert "push │████" in say("SELECT type, count(*) AS n FROM events GROUP BY ALL ORDER BY ALL | chart;").replace(
        "  ", " "
    )
    assert "pull │" in say("format chart; SELECT type, n FROM events;")
    assert "A chart needs a column of numbers" in say("SELECT type FROM events;", code=2)
    assert "`| ! sort` runs the program sort" in say("FROM events | sort -r;", code=2)
    assert "`| ! sed` runs the program sed" in say("FROM events | sed s/a/b/;", code=2)


def test_clip_needs_a_terminal(say, monkeypatch):
    monkeypatch.setattr("builtins.open", _no_terminal)
    assert "`| clip` needs a terminal" in say("SELECT 1 AS x | clip;", code=2)
    assert "copy fewer rows" in say("SELECT repeat('x', 100000) AS x | clip;", code=2)


def _no_terminal(file, *arguments, real=open, **more):
    if file == "/dev/tty":
        raise OSError(6, "No such device")
    return real(file, *arguments, **more)


def test_the_line_below_the_prompt_tells_the_state(session, say):
    assert session.status() == ["data.lakebed"]
    say("FROM events;")
    assert session.status() == ["data.lakebed, commit 1"]
    say("BEGIN; output a.csv;")
    assert session.status() == ["data.lakebed, commit 1", "in a transaction", "results go to a.csv"]
    say("COMMIT; output")
    assert session.status() == ["data.lakebed, commit 1"]


def test_the_line_of_a_query_tells_progress_time_left_and_memory():
    shown = progress_text(25, 10.0, 1_200_000_000)
    assert shown == "  ━━━━━─────────────── 25 %, 10.0 s, about 30 s left, 1.2 GB of memory (Ctrl-C stops it)"
    assert progress_text(-1, 0.61, 0) == "  0.6 s (Ctrl-C stops it)"
    assert (
        progress_text(25, 10.0, 1_200_000_000, 79)
        == "  25 %, 10.0 s, about 30 s left, 1.2 GB of memory (Ctrl-C stops it)"
    )
    assert progress_text(25, 10.0, 1_200_000_000, 60) == "  25 %, 10.0 s, about 30 s left (Ctrl-C stops it)"
    assert progress_text(25, 10.0, 1_200_000_000, 39) == "  25 %, 10.0 s (Ctrl-C stops it)"


def test_times_follow_the_time_zone(say):
    assert "+00 │" in say("collections")
    say("SET TimeZone = 'Asia/Kolkata'; FROM events;")
    assert "+05:30 │" in say("collections")
