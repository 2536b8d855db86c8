"""The verbs to the right of `SELECT ... |`. What they promise is in `lakebed._cli.pipes`."""

from __future__ import annotations

from lakebed._cli.verbs.common_arguments import PROMPT_ARGUMENTS
from lakebed._cli.verbs.formats import FORMATS, LISTING_FORMATS
from lakebed._cli.verbs.verb import Argument, Verb
from lakebed._file_formats import endings

PIPE_VERBS: tuple[Verb, ...] = (
    Verb(
        "write",
        "Write the rows to a file.",
        "pipes.functions:write",
        (
            Argument("file", "the file; its ending decides the format", "file", metavar="FILE", completes="file"),
            Argument(
                "format", "the format, where the ending does not decide it", "choice", ("--format",), choices=FORMATS
            ),
            Argument("force", "replace a file that is there", "flag", ("--force",)),
        ),
        f"The file appears under its name when it is complete. Endings: {endings()}.",
        ("FROM events | write events.parquet", "SELECT type, count(*) FROM events GROUP BY ALL | write report.md"),
        is_silent=True,
        kind="pipe",
        json=False,
    ),
    Verb(
        "into",
        "Append the rows to a collection, each as a JSON object.",
        "pipes.functions:into",
        (Argument("collection", "the collection", metavar="COLLECTION", completes="collection"),),
        "All rows are committed together, or none.",
        ("SELECT * EXCLUDE (secret) FROM events | into public_events",),
        is_silent=True,
        changes_store=True,
        kind="pipe",
        json=False,
    ),
    Verb(
        "chart",
        "Draw the rows as bars, lines or a histogram.",
        "pipes.functions:chart",
        (
            Argument(
                "kind",
                "the kind of chart; without it: what fits the columns",
                "choice",
                required=False,
                choices=("bar", "line", "histogram"),
                metavar="[bar|line|histogram]",
            ),
            Argument("height", "lines of a chart of lines", "integer", ("--height",), default=16, metavar="N"),
        ),
        "One column of numbers is a histogram, numbers over numbers or times are lines, numbers beside anything else are bars.",
        (
            "SELECT type, count(*) FROM events GROUP BY ALL | chart",
            "SELECT day, sum(n) FROM events GROUP BY ALL | chart line",
            "SELECT size FROM blobs | chart histogram",
        ),
        kind="pipe",
        json=False,
        is_silent=True,
    ),
    Verb(
        "clip",
        "Copy the rows to the clipboard of the terminal.",
        "pipes.functions:clip",
        (Argument("format", "the format (default: tab-separated)", "choice", ("--format",), choices=LISTING_FORMATS),),
        "It works where the terminal allows OSC 52, also over ssh. The default pastes into a spreadsheet.",
        ("SELECT * FROM events LIMIT 5 | clip", "FROM events LIMIT 5 | clip --format markdown"),
        kind="pipe",
        json=False,
        is_silent=True,
    ),
    Verb(
        "prompt",
        "Ask a model about each row, and store the replies.",
        "commands.prompt:pipe",
        PROMPT_ARGUMENTS,
        "Replies are stored as they arrive, and the same pipe sends only what is missing. The first Ctrl-C finishes the requests in "
        "flight, the second cancels them.",
        ('SELECT title FROM issues LIMIT 20 | prompt llama3.2 "Summarise: {title}" into summaries',),
        kind="pipe",
        json=False,
        changes_store=True,
        uses_server=True,
    ),
    Verb(
        "!",
        "Run a program with the rows as NDJSON on its standard input.",
        "pipes.functions:program",
        (Argument("words", "the program and its arguments", many=True, metavar="PROGRAM [ARGUMENT...]"),),
        "No system shell is involved: words are arguments as they are, without patterns, variables or redirection. Not with --safe.",
        ("FROM events | ! jq -c .user", "FROM events | ! sh -c 'sort | uniq -c'"),
        takes_raw_words=True,
        runs_programs=True,
        kind="pipe",
        json=False,
    ),
)
