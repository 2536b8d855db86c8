"""What is a statement, and when it is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lakebed
from lakebed._cli.language.statements import SQL_KEYWORDS, parse
from lakebed._cli.shell import dot_commands, statements
from lakebed._cli.verbs import PIPE_VERBS, in_shell


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
        "drop events",
        "describe events",
        "delete 3f9a",
        "export events x.ndjson",
        "call daily",
        "set rows 50",
        "set",
        "SET ",
        "call",
        "drop",
        "delete",
        "describe",
        "tables",
        "ls",
        "list tables",
        "\\q",
        "\\d events",
        "?",
        "!ls -l | wc 'a",
        "SELECT * form events",
        "SELECT * FROM events x y n = 1",
        "SELECT FROM WHERE",
        "SELECT * FROM x )",
        "update x where",
        "",
        "   ",
    ],
)
def test_enter_runs_what_is_finished(text):
    assert statements.is_complete(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT ';",
        "SELECT 1 -- ;",
        "delete from events",
        "drop table",
        "set threads",
        "SELECT (",
        "SELECT rank() OVER",
        "ingest 'a file",
        "FROM t | write a.csv",
        "stats; SELECT 1",
        "WITH x AS (SELECT 1)",
    ],
)
def test_enter_goes_on_with_what_is_not(text):
    assert not statements.is_complete(text)


def test_what_duckdb_parses_stays_sql():
    kinds = {
        text: next(statements.split_text(text)).kind
        for text in (
            "describe select 1",
            "describe",
            "drop table x",
            "DROP VIEW x",
            "export database 'x'",
            "call f()",
            "call f (1)",
            "delete from events",
            "set threads = 2",
        )
    }
    assert set(kinds.values()) == {"sql"}
    for text in (
        "drop events;",
        "export events x.ndjson;",
        "call daily;",
        "delete 3f9a;",
        "describe events --json;",
        "describe events",
        'describe "My Events";',
        "set rows 5",
        "set null = x",
    ):
        assert next(statements.split_text(text)).kind == "verb", text


def test_no_verb_but_those_is_the_beginning_of_sql():
    for name in in_shell():
        for text in (name, f"{name} x", f"{name} x y", f"{name} 'x'", f"{name} x = 1", f"{name}(x)"):
            assert name in SQL_KEYWORDS or not parse(text), text


def test_a_misspelt_verb_is_told_the_near_one():
    assert "did you mean 'quit'?" in statements.unknown_verb_message("quti;")
    assert "did you mean 'select'?" in statements.unknown_verb_message("selec 1")
    assert "help; lists the verbs" in statements.unknown_verb_message("xyzzy")
    assert "did you mean .schema?" in dot_commands.unknown_command_message(".schma")


@pytest.mark.parametrize(
    ("name", "words", "means"),
    [
        (".mode", ["line"], "format vertical"),
        (".mod", ["csv"], "format csv"),
        (".timer", ["on"], "timing on"),
        (".q", [], "quit"),
        (".read", ["a b.sql"], "read 'a b.sql'"),
        (".schema", ["My Events"], "describe 'My Events'"),
        (".schema", [], "tables --columns"),
        (".help", ["ingest"], "help ingest"),
        (".once", ["a.csv"], "once a.csv"),
        (".headers", ["off"], "set headers off"),
        (".nullvalue", ["∅"], "set null ∅"),
        (".maxrows", ["50"], "set rows 50"),
        (".shell", ["ls -l | wc"], "shell 'ls -l | wc'"),
        (".e", [], None),
        (".nosuch", [], None),
        ("\\q", [], "quit"),
        ("\\d", [], "tables"),
        ("\\d", ["events"], "describe events"),
        ("\\dt", ["ev%"], "tables ev%"),
        ("\\x", [], "format toggle"),
        ("\\timing", [], "timing toggle"),
        ("\\i", ["a.sql"], "read a.sql"),
        ("\\o", ["a.csv"], "output a.csv"),
        ("\\e", [], "edit"),
        ("\\?", [], "help"),
        ("\\nosuch", [], None),
        ("?", [], "help"),
        ("!", ["ls"], "shell ls"),
    ],
)
def test_commands_of_other_shells_are_said_in_the_shells_words(name, words, means):
    command = dot_commands.found(name)
    assert (command.translate(words) if command is not None else None) == means


def test_only_the_line_editor_imports_prompt_toolkit():
    root = Path(lakebed.__file__).parent
    imports = re.compile(r"^\s*(?:from|import) prompt_toolkit\b", re.MULTILINE)
    found = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if imports.search(path.read_text())}
    assert found == {"_cli/shell/line_editor.py"}


def test_every_verb_has_a_function():
    for verb in (*in_shell().values(), *PIPE_VERBS):
        assert callable(verb.load()), verb.name
