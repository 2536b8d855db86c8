"""The registry of pipe verbs: what may stand to the right of `SELECT ... |`. Plain data; the contract is in `lakebed._cli.pipes`."""

from __future__ import annotations

from dataclasses import dataclass

from lakebed._cli.verbs import FORMATS, PROMPT_ARGUMENTS, Argument, Described


@dataclass(frozen=True)
class PipeVerb(Described):
    """Something that the rows of a query can be piped to. Its function is called as `function(context, rows, **arguments)`."""

    raw: bool = False
    """Whether its words are not for lakebed to read: the function gets them as they are, as `words`."""
    runs_programs: bool = False
    """Whether it runs a program, which --safe forbids."""


PIPE_VERBS: tuple[PipeVerb, ...] = (
    PipeVerb(
        "write",
        "Write the rows to a file.",
        "lakebed._cli.pipes.sinks:write",
        (
            Argument("file", "the file; its ending says the format", "file", metavar="FILE", completes="file"),
            Argument(
                "format", "the format, where the ending does not say it", "choice", ("--format",), choices=FORMATS
            ),
        ),
        "The file appears under its name when it is complete. Endings: .json .ndjson .jsonl .csv .md .parquet .pq .txt.",
        ("FROM events | write events.parquet", "SELECT type, count(*) FROM events GROUP BY ALL | write report.md"),
        is_quiet=True,
    ),
    PipeVerb(
        "into",
        "Append the rows to a collection, each as a JSON object.",
        "lakebed._cli.pipes.sinks:into",
        (Argument("collection", "the collection", metavar="COLLECTION", completes="collection"),),
        "All rows are committed together, or none.",
        ("SELECT * EXCLUDE (secret) FROM events | into public_events",),
        is_quiet=True,
    ),
    PipeVerb(
        "prompt",
        "Ask a model about each row, and store what it says.",
        "lakebed._cli.commands.prompt:pipe",
        PROMPT_ARGUMENTS,
        "Replies are stored as they arrive, and the same pipe asks only what is missing. Ctrl-C once finishes what is under way, "
        "twice stops it.",
        ('SELECT title FROM issues LIMIT 20 | prompt llama3.2 "Summarise: {title}" into summaries',),
    ),
    PipeVerb(
        "!",
        "Run a program and hand it the rows as NDJSON on its standard input.",
        "lakebed._cli.pipes.sinks:program",
        (Argument("words", "the program and its arguments", many=True, metavar="PROGRAM [ARGUMENT...]"),),
        "No shell reads the line: words are arguments as they stand, without patterns, variables or redirection. Not with --safe.",
        ("FROM events | ! jq -c .user", "FROM events | ! sh -c 'sort | uniq -c'"),
        raw=True,
        runs_programs=True,
    ),
)


def find(name: str) -> PipeVerb | None:
    """The pipe verb of this name."""
    return next((verb for verb in PIPE_VERBS if verb.name == name.lower()), None)
