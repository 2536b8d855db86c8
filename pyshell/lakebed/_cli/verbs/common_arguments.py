"""Arguments that several verbs have."""

from __future__ import annotations

from dataclasses import replace

from lakebed._cli.verbs.formats import FORMATS, LISTING_FORMATS
from lakebed._cli.verbs.verb import Argument

COLLECTION = Argument("collection", "the collection", completes="collection", metavar="COLLECTION")
FORMAT = Argument(
    "format",
    "how to write the result (default: a table on a terminal, ndjson in a pipe)",
    "choice",
    ("--format",),
    choices=FORMATS,
)
SET_TYPES = Argument(
    "types",
    "declare the type of a column, or of a field inside it: price=DOUBLE, commit.at=TIMESTAMP",
    options=("--set",),
    many=True,
    metavar="COLUMN=TYPE",
)
NULL_TEXTS = Argument(
    "nulls", "a text that means NULL in the columns of --set", options=("--null",), many=True, metavar="TEXT"
)
LAYOUT = Argument(
    "layout",
    "how records are stored from now on: as columns (Parquet files), as rows, or as columns where that pays (auto)",
    "choice",
    ("--layout",),
    required=False,
    choices=("columns", "rows", "auto"),
)
LISTING_FORMAT = replace(FORMAT, choices=LISTING_FORMATS)
ROWS = Argument("rows", "rows that a table shows; 0 shows all (default: 40)", "integer", ("--rows",), metavar="N")
SAFE = Argument("safe", "run no programs, read and write no files but the store's", "flag", ("--safe",))
OUTPUT = Argument("output", "write to this file instead of standard output", "file", ("--output", "-o"), metavar="FILE")

HOST = Argument("host", "the server (default: $OLLAMA_HOST, else this machine)", options=("--host",), metavar="URL")
PROMPT_OPTIONS: tuple[Argument, ...] = (
    Argument("jobs", "concurrent requests", "integer", ("--jobs", "-j"), default=2, metavar="N"),
    Argument("system", "the system message", options=("--system",), metavar="TEXT"),
    Argument(
        "schema",
        "a JSON schema that every reply must match; `json`: any JSON",
        "file",
        ("--schema",),
        metavar="FILE",
        completes="file",
    ),
    Argument(
        "image", "the column with images: their hashes in the store, or bytes", options=("--image",), metavar="COLUMN"
    ),
    Argument(
        "option",
        "an option of the model, as in temperature=0",
        options=("--option", "-o"),
        many=True,
        metavar="NAME=VALUE",
    ),
    Argument(
        "think",
        "whether, or how much, the model reasons before it replies",
        "choice",
        ("--think",),
        choices=("on", "off", "low", "medium", "high", "max"),
    ),
    Argument(
        "keep_alive",
        "how long the model stays loaded: as in 10m, or in seconds; -1: for ever",
        options=("--keep-alive",),
        metavar="TIME",
    ),
    Argument(
        "timeout",
        "how long a request may take, as in 90s, after which its row fails (default: 10m of silence, then 2m)",
        options=("--timeout",),
        metavar="TIME",
    ),
    Argument(
        "wait",
        "how long to wait for a server that is unreachable or overloaded",
        options=("--wait",),
        default="30m",
        metavar="TIME",
    ),
    Argument("max_errors", "stop after this many failed rows", "integer", ("--max-errors",), default=50, metavar="N"),
    Argument("fresh", "send requests again whose replies are stored already", "flag", ("--fresh",)),
    Argument("any_digest", "accept stored replies of other versions of the model", "flag", ("--any-digest",)),
    Argument("raw", "leave <think> tags, and the fence around JSON, in the text", "flag", ("--raw",)),
    Argument("allow_cloud", "allow models that run on other machines", "flag", ("--allow-cloud",)),
    Argument(
        "save", "save the template, the system text and the schema under this name", options=("--save",), metavar="NAME"
    ),
    HOST,
)

PROMPT_ARGUMENTS: tuple[Argument, ...] = (
    Argument("model", "the model, as Ollama names it", metavar="MODEL", completes="model"),
    Argument(
        "template",
        "the prompt; {column} stands for the row's value, {{ for a brace; @NAME is a saved one or else a file, - standard input",
        metavar="TEMPLATE",
    ),
    Argument(
        "into",
        "the collection of the results",
        options=("--into",),
        metavar="NAME",
        default="results",
        completes="collection",
        bare=True,
    ),
    *PROMPT_OPTIONS,
    Argument("dry_run", "report what would be sent, and send nothing", "flag", ("--dry-run",)),
    Argument("no_store", "write the replies, and store nothing", "flag", ("--no-store",)),
)
