"""The verbs that only the shell has."""

from __future__ import annotations

from lakebed._cli.verbs.formats import FORMATS, SESSION_SETTINGS
from lakebed._cli.verbs.verb import Argument, Verb

SHELL_VERBS: tuple[Verb, ...] = (
    Verb(
        "help",
        "List the verbs, or show everything about one.",
        "shell.verbs:help_",
        (Argument("verb", "the verb", required=False, metavar="[VERB]", completes="verb"),),
        kind="shell",
        json=False,
    ),
    Verb(
        "format",
        "Choose the format of results; auto is a table, or records where they fit better; toggle changes between both.",
        "shell.verbs:format_",
        (
            Argument(
                "format",
                "the format",
                "choice",
                required=False,
                choices=("auto", *FORMATS, "toggle"),
                metavar="[FORMAT]",
            ),
        ),
        kind="shell",
        json=False,
    ),
    Verb(
        "output",
        "Send results to a file or a program from now on; without an argument: to the screen again.",
        "shell.verbs:output",
        (
            Argument(
                "target",
                "a file, or ! PROGRAM ARGUMENT...",
                many=True,
                required=False,
                metavar="[FILE]",
                completes="file",
            ),
        ),
        "The ending of the file decides the format, until another is chosen. A program is started for each result and reads it from its "
        "standard input, as NDJSON unless another format is chosen.",
        ("output report.csv", "output ! jq -c .", "output"),
        kind="shell",
        json=False,
        ends_options=True,
    ),
    Verb(
        "once",
        "Send the next result to a file or a program, and those after it where they went before.",
        "shell.settings:once",
        (Argument("target", "a file, or ! PROGRAM ARGUMENT...", many=True, metavar="FILE", completes="file"),),
        examples=("once report.csv", "once ! jq -c ."),
        kind="shell",
        json=False,
        ends_options=True,
    ),
    Verb(
        "tables",
        "List the tables: collections with their rows and sizes, tables about the store, and your own.",
        "shell.tables:tables",
        (
            Argument("pattern", "only names like this; % stands for any text", required=False, metavar="[PATTERN]"),
            Argument("columns", "with the columns and types of each", "flag", ("--columns",)),
        ),
        kind="shell",
        json=False,
        is_silent=True,
    ),
    Verb(
        "last",
        "Show the last result whole, in the pager.",
        "shell.verbs:last",
        details="In SQL, the last result is the table _, which is computed when it is first used.",
        kind="shell",
        json=False,
    ),
    Verb(
        "watch",
        "Run the last query again and again, until Ctrl-C.",
        "shell.verbs:watch",
        (Argument("seconds", "seconds between two runs", "integer", required=False, default=2, metavar="[SECONDS]"),),
        "Each run sees the newest commit, rows that another process ingests included.",
        kind="shell",
        json=False,
    ),
    Verb(
        "read",
        "Run the statements in a file.",
        "shell.verbs:read",
        (Argument("file", "the file", "file", metavar="FILE", completes="file"),),
        kind="shell",
        json=False,
    ),
    Verb(
        "save",
        "Save the last query under a name.",
        "shell.verbs:save",
        (Argument("name", "letters, digits, - and _", metavar="NAME", completes="query"),),
        "Saved queries are files in your own settings directory, never in a store.",
        kind="shell",
        json=False,
    ),
    Verb(
        "call",
        "Run a saved query; without an argument: list them.",
        "shell.verbs:call",
        (
            Argument("name", "the query", required=False, metavar="[NAME]", completes="query"),
            Argument(
                "values", "a value of a parameter, $NAME in the query", many=True, required=False, metavar="NAME=VALUE"
            ),
        ),
        "A query with $section in it is run by: call big section=libs. $1 and $2 are the values without a name, in order.",
        ("call daily", "call big section=libs"),
        kind="shell",
        json=False,
    ),
    Verb(
        "edit",
        "Edit the last statement in $EDITOR.",
        "shell.verbs:edit",
        kind="shell",
        json=False,
    ),
    Verb(
        "history",
        "Show the statements that were typed, newest last; in SQL, the table history.",
        "shell.verbs:history",
        (Argument("word", "show only statements that contain this word", required=False, metavar="[WORD]"),),
        kind="shell",
        json=False,
    ),
    Verb(
        "timing",
        "Show how long each statement took, or stop showing it.",
        "shell.verbs:timing",
        (
            Argument(
                "state", "on or off", "choice", required=False, choices=("on", "off", "toggle"), metavar="[on|off]"
            ),
        ),
        kind="shell",
        json=False,
    ),
    Verb(
        "set",
        "Change a setting for this session; without arguments: show them.",
        "shell.settings:set_",
        (
            Argument(
                "name",
                "the setting; others are DuckDB's, SET NAME = VALUE;",
                "choice",
                required=False,
                choices=SESSION_SETTINGS,
                metavar="[NAME]",
            ),
            Argument("value", "the value", many=True, required=False, metavar="[VALUE]"),
        ),
        "The same settings in a settings file last (lakebed config).",
        ("set rows 50", "set null '∅'", "set theme light"),
        kind="shell",
        json=False,
    ),
    Verb(
        "shell",
        "Run a line in the system's shell.",
        "shell.settings:shell",
        (Argument("line", "the line, as it is after !", many=True, metavar="LINE"),),
        "`!` does the same and takes the line as it is: ! ls *.ndjson | wc -l. Not with --safe.",
        ("! ls -l *.ndjson",),
        kind="shell",
        json=False,
        ends_options=True,
        runs_programs=True,
    ),
    Verb("quit", "Leave the shell.", "shell.verbs:quit_", aliases=("exit",), kind="shell", json=False),
)
