"""What is a statement, and when it is finished."""

from __future__ import annotations

import pytest

from lakebed._cli.shell import dots, statements


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;",
        "SELECT 1; ",
        "SELECT 1; -- done",
        "stats",
        "ingest 'a file.ndjson'",
        "drop events;",
        "quit",
        "exit",
        ".tables",
        ".mode csv",
        "quti",
        "hlep ingest",
        "FROM t | write a.csv;",
        "",
        "   ",
    ],
)
def test_enter_runs_what_is_finished(text):
    assert statements.is_finished(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT ';",
        "SELECT 1 -- ;",
        "drop events",
        "delete",
        "describe events",
        "ingest 'a file",
        "FROM t | write a.csv",
        "stats; SELECT 1",
        "WITH x AS (SELECT 1)",
    ],
)
def test_enter_goes_on_with_what_is_not(text):
    assert not statements.is_finished(text)


def test_what_duckdb_parses_stays_sql():
    kinds = {
        text: next(statements.pieces(text)).kind
        for text in ("describe events", "drop table x", "export database 'x'", "call f()")
    }
    assert set(kinds.values()) == {"sql"}
    for text in ("drop events;", "export events x.ndjson;", "call daily;", "delete 3f9a;", "describe events --json;"):
        assert next(statements.pieces(text)).kind == "verb", text


def test_no_verb_but_those_is_the_beginning_of_sql():
    from lakebed._cli.pipes.split import STARTERS, parses

    for name in statements.verbs():
        for text in (name, f"{name} x", f"{name} x y", f"{name} 'x'", f"{name} x = 1", f"{name}(x)"):
            assert name in STARTERS or not parses(text), text


def test_a_misspelt_verb_is_told_the_near_one():
    assert "did you mean 'quit'?" in statements.no_such_verb("quti;")
    assert "did you mean 'select'?" in statements.no_such_verb("selec 1")
    assert "help; lists the verbs" in statements.no_such_verb("xyzzy")
    assert "did you mean .schema?" in statements.no_such_dot("schma")


@pytest.mark.parametrize(
    ("name", "words", "means"),
    [
        ("mode", ["line"], "format vertical"),
        ("mod", ["csv"], "format csv"),
        ("timer", ["on"], "timing on"),
        ("q", [], "quit"),
        ("read", ["a b.sql"], "read 'a b.sql'"),
        ("schema", ["My Events"], 'DESCRIBE "My Events"'),
        ("help", ["ingest"], "help ingest"),
        ("e", [], None),
        ("nosuch", [], None),
    ],
)
def test_dot_commands_are_said_in_the_shells_words(name, words, means):
    assert dots.statement(name, words) == means


def test_only_the_line_editor_imports_prompt_toolkit():
    from pathlib import Path

    import lakebed

    root = Path(lakebed.__file__).parent
    found = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if "prompt_toolkit" in path.read_text()}
    assert found == {"shell/prompt.py"}


def test_every_verb_has_a_function():
    import importlib

    from lakebed._cli.pipes.verbs import PIPE_VERBS

    for verb in (*statements.verbs().values(), *PIPE_VERBS):
        module, _, function = verb.run.partition(":")
        found = importlib.import_module(module if module.startswith("lakebed.") else f"lakebed._cli.commands.{module}")
        assert callable(getattr(found, function)), verb.name
