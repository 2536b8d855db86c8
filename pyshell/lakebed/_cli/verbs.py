"""The registry of verbs: one description of everything lakebed can be told to do, for the command line, its help and its completion.

Plain data, cheap to import. A verb's function is named, not imported: `lakebed._cli.commands.MODULE:FUNCTION`. It is called with a
`lakebed._cli.commands.Context` and the arguments by name, and returns nothing or an exit code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

Kind = Literal["text", "file", "integer", "choice", "flag"]
Completes = Literal["", "file", "collection", "verb", "query", "model"]

LISTING_FORMATS = ("table", "vertical", "json", "ndjson", "csv", "markdown")
FORMATS = (*LISTING_FORMATS, "parquet")


@dataclass(frozen=True)
class Argument:
    """What a verb is given: a word in its place, or an option."""

    name: str
    help: str
    kind: Kind = "text"
    options: tuple[str, ...] = ()
    """`--into`, `-o`; nothing for a word in its place."""
    many: bool = False
    required: bool | None = None
    """None: a word in its place is, an option is not."""
    default: object = None
    choices: tuple[str, ...] = ()
    metavar: str = ""
    completes: Completes = ""
    bare: bool = False
    """Whether the shell takes the option without its dashes too: `ingest FILE into NAME`."""

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return not self.options if self.required is None else self.required


@dataclass(frozen=True)
class Described:
    """What every verb has, those of pipes too."""

    name: str
    summary: str
    """One line."""
    run: str
    """`MODULE:FUNCTION`, which is imported when the verb runs."""
    arguments: tuple[Argument, ...] = ()
    details: str = ""
    """Paragraphs for its help."""
    examples: tuple[str, ...] = ()
    is_quiet: bool = False
    """Whether it writes nothing to the screen before its end, not even how far it is: then the shell tells that something goes on."""


@dataclass(frozen=True)
class Verb(Described):
    """Something lakebed can be told to do. Its module is under `lakebed._cli.commands`, unless only the shell has it."""

    json: bool = True
    """Whether it reports something, which `--json` makes one JSON object a line."""
    in_shell: bool = True
    """Whether the shell has it too."""
    takes_program: bool = False
    """Whether what follows its first word may be a program's: options there are not its own."""


COLLECTION = Argument("collection", "the collection", completes="collection", metavar="COLLECTION")
FORMAT = Argument(
    "format",
    "how to write the result (default: a table on a terminal, ndjson in a pipe)",
    "choice",
    ("--format",),
    choices=FORMATS,
)
LISTING_FORMAT = replace(FORMAT, choices=LISTING_FORMATS)
ROWS = Argument("rows", "rows that a table shows; 0 shows all (default: 40)", "integer", ("--rows",), metavar="N")
SAFE = Argument("safe", "run no programs, read and write no files but the store's", "flag", ("--safe",))
OUTPUT = Argument("output", "write to this file instead of standard output", "file", ("--output", "-o"), metavar="FILE")

HOST = Argument("host", "the server (default: $OLLAMA_HOST, else this machine)", options=("--host",), metavar="URL")
PROMPT_OPTIONS: tuple[Argument, ...] = (
    Argument("jobs", "requests at a time", "integer", ("--jobs", "-j"), default=2, metavar="N"),
    Argument("system", "what the model is told first", options=("--system",), metavar="TEXT"),
    Argument(
        "schema",
        "a JSON schema that replies must fit, which is checked; `json`: any JSON",
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
        "whether and how much the model thinks",
        "choice",
        ("--think",),
        choices=("on", "off", "low", "medium", "high", "max"),
    ),
    Argument("keep_alive", "how long the model stays loaded, as in 10m", options=("--keep-alive",), metavar="TIME"),
    Argument("wait", "how long a server in trouble is waited for", options=("--wait",), default="30m", metavar="TIME"),
    Argument("max_errors", "stop after this many rows failed", "integer", ("--max-errors",), default=50, metavar="N"),
    Argument("fresh", "ask again what is answered already", "flag", ("--fresh",)),
    Argument("any_digest", "accept replies of other versions of the model", "flag", ("--any-digest",)),
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
        "the prompt; {column} stands for the row's value, {{ for a brace; @NAME is a saved one",
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
    Argument("dry_run", "say what would be asked, and ask nothing", "flag", ("--dry-run",)),
)

VERBS: tuple[Verb, ...] = (
    Verb(
        "ingest",
        "Read NDJSON files into a collection.",
        "ingest:ingest",
        (
            Argument(
                "files",
                "files, patterns, or - for standard input; .gz and .zst too",
                "file",
                many=True,
                metavar="FILE...",
                completes="file",
            ),
            Argument(
                "into",
                "the collection (default: the file's name without .ndjson, .jsonl, .json, .gz, .zst)",
                options=("--into",),
                metavar="NAME",
                completes="collection",
                bare=True,
            ),
            Argument(
                "on_error",
                "what to do with a line that is no acceptable JSON",
                "choice",
                ("--on-error",),
                choices=("abort", "skip", "quarantine"),
                default="abort",
            ),
            Argument("again", "ingest a file anew that was ingested in full before", "flag", ("--again",)),
            Argument("resume", "go on where an interrupted ingest of the same file stopped", "flag", ("--resume",)),
        ),
        "Creates the store when it is not there. A file that was ingested in full before is skipped, so the same command "
        "can run every night. After Ctrl-C what was committed stays; --resume goes on from there.",
        (
            "lakebed ingest events.ndjson.gz",
            "lakebed ingest 'logs/*.ndjson' --into logs --on-error quarantine",
            "zcat old.gz | lakebed ingest - --into events",
        ),
    ),
    Verb(
        "query",
        "Ask the store in SQL.",
        "query:query",
        (
            Argument(
                "sql", "statements in DuckDB's SQL (standard input when there is none)", required=False, metavar="[SQL]"
            ),
            Argument("command", "the statements, as an option", options=("-c", "--command"), metavar="SQL"),
            Argument(
                "file",
                "read the statements from a file; - is standard input",
                "file",
                ("-f", "--file"),
                metavar="FILE",
                completes="file",
            ),
            FORMAT,
            OUTPUT,
            ROWS,
            SAFE,
            Argument(
                "database",
                "a DuckDB database file to open beside the store",
                "file",
                ("--database",),
                metavar="FILE",
                completes="file",
            ),
        ),
        "Every collection is a table; what the store itself consists of is in blobs, collections, segments, dictionaries and commits. "
        "Times with a zone are shown in UTC. `SELECT ... | VERB ...` pipes the rows to a verb: write FILE, into COLLECTION, "
        "! PROGRAM ARGUMENT...",
        (
            "lakebed query 'SELECT type, count(*) FROM events GROUP BY ALL'",
            "lakebed query -f report.sql --format markdown",
            "lakebed query 'FROM events' -o events.parquet",
            "lakebed query 'FROM events | into copies'",
        ),
        in_shell=False,
    ),
    Verb(
        "prompt",
        "Ask a model about each row of a query, and store what it says.",
        "prompt:prompt",
        (
            *PROMPT_ARGUMENTS[:2],
            Argument(
                "query", "one SELECT: the rows (default: one prompt, of no row)", options=("--from",), metavar="SQL"
            ),
            *PROMPT_ARGUMENTS[2:],
        ),
        "Replies are stored as they arrive, and the same command asks only what is missing: after Ctrl-C, a crash or a failed row, run it "
        "again. Ctrl-C once finishes what is under way, twice stops it. Ends with 1 when rows failed, 3 when the server was lost.",
        (
            'lakebed prompt llama3.2 "Summarise: {title}" --from "SELECT title FROM issues" --into summaries -j 4',
            'lakebed prompt llama3.2 "Why is the sky blue?"',
        ),
    ),
    Verb("models", "List the models that Ollama has.", "ollama:models", (HOST, LISTING_FORMAT, ROWS)),
    Verb(
        "pull",
        "Have Ollama fetch a model.",
        "ollama:pull",
        (Argument("model", "its name", metavar="MODEL"), HOST),
        examples=("lakebed pull llama3.2",),
        json=False,
    ),
    Verb("collections", "List the collections.", "inspect:collections", (LISTING_FORMAT, ROWS), is_quiet=True),
    Verb(
        "describe",
        "Show a collection's columns and types.",
        "inspect:describe",
        (COLLECTION, LISTING_FORMAT, ROWS),
        is_quiet=True,
    ),
    Verb("stats", "Show what the store holds and how small it is.", "inspect:stats", is_quiet=True),
    Verb(
        "get",
        "Write the bytes of a blob to standard output.",
        "blobs:get",
        (Argument("hash", "64 hex characters, or the beginning of them", metavar="HASH"), OUTPUT),
        examples=("lakebed get 3f9a1c > image.png",),
        json=False,
    ),
    Verb(
        "put",
        "Store any files: images, texts, archives.",
        "blobs:put",
        (
            Argument("files", "files, or - for standard input", "file", many=True, metavar="FILE...", completes="file"),
            Argument(
                "into",
                "the collection that lists them",
                options=("--into",),
                metavar="NAME",
                default="files",
                completes="collection",
                bare=True,
            ),
            Argument("name", "the name of what comes from standard input", options=("--name",), metavar="NAME"),
            Argument("media_type", "their media type (default: from the name)", options=("--type",), metavar="TYPE"),
        ),
        "Each file becomes a blob that stays until it is deleted, and a row with its name, media type, size and hash. "
        "Creates the store when it is not there.",
        ("lakebed put photos/*.jpg --into photos", "lakebed query 'SELECT name, size, hash FROM files'"),
        is_quiet=True,
    ),
    Verb(
        "delete",
        "Remove blobs and every row that is one of them.",
        "blobs:delete",
        (Argument("hashes", "64 hex characters, or the beginning of them", many=True, metavar="HASH..."),),
        is_quiet=True,
    ),
    Verb(
        "drop",
        "Drop a collection.",
        "manage:drop",
        (COLLECTION, Argument("yes", "do not ask", "flag", ("--yes", "-y"))),
        "Asks first. Blobs stay where other collections or a put hold them.",
        is_quiet=True,
    ),
    Verb(
        "trim",
        "Drop the oldest rows of a collection.",
        "manage:trim",
        (
            COLLECTION,
            Argument(
                "before_seq",
                "drop the rows whose _seq is below this",
                "integer",
                ("--before-seq",),
                metavar="N",
                required=True,
            ),
        ),
        is_quiet=True,
    ),
    Verb(
        "train",
        "Train a compression dictionary on a collection.",
        "manage:train",
        (
            COLLECTION,
            Argument("size", "its size in bytes at most", "integer", ("--size",), default=112640, metavar="BYTES"),
        ),
        "It is used from now on if it makes a sample smaller by 3 % or more. Ingesting trains a first one by itself.",
        is_quiet=True,
    ),
    Verb("seal", "Finish the segment that is being written.", "manage:seal", is_quiet=True),
    Verb(
        "export",
        "Write a collection's records, byte by byte as they came.",
        "manage:export",
        (
            COLLECTION,
            Argument(
                "output",
                "write to this file; - or nothing is standard output",
                "file",
                required=False,
                metavar="[FILE]",
                completes="file",
            ),
        ),
        examples=("lakebed export events events.ndjson", "lakebed export events | zstd > events.ndjson.zst"),
    ),
    Verb("verify", "Read everything and check it.", "manage:verify", details="Ends with 6 when something is damaged."),
    Verb(
        "config",
        "Show the settings and where each comes from.",
        "settings:config",
        (
            Argument(
                "action",
                "show: the settings; path: the files that are looked for",
                "choice",
                required=False,
                choices=("show", "path"),
                default="show",
                metavar="[show|path]",
            ),
        ),
        "A flag goes before an environment variable (LAKEBED_ROWS), that before lakebed.toml in this directory or above, "
        "that before your own file.",
    ),
    Verb(
        "completions",
        "Print the script that completes commands in your shell.",
        "settings:completions",
        (Argument("shell", "your shell", "choice", choices=("bash", "zsh", "fish"), metavar="bash|zsh|fish"),),
        examples=(
            'eval "$(lakebed completions bash)"',
            "lakebed completions fish > ~/.config/fish/completions/lakebed.fish",
        ),
        json=False,
        in_shell=False,
    ),
)

# What only the shell has. These functions are called with the shell's session in place of a context.
SHELL_VERBS: tuple[Verb, ...] = (
    Verb(
        "help",
        "List the verbs, or show everything about one.",
        "lakebed._cli.shell.control:help_",
        (Argument("verb", "the verb", required=False, metavar="[VERB]", completes="verb"),),
        json=False,
    ),
    Verb(
        "format",
        "Choose how results are written; auto is a table, or records where they fit better.",
        "lakebed._cli.shell.control:format_",
        (Argument("format", "the format", "choice", required=False, choices=("auto", *FORMATS), metavar="[FORMAT]"),),
        json=False,
    ),
    Verb(
        "output",
        "Write results to a file or a program from now on; alone: to the screen again.",
        "lakebed._cli.shell.control:output",
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
        "The ending of the file says the format, until another is chosen. A program is run for each result, which it gets on its standard "
        "input, as NDJSON unless another format is chosen.",
        ("output report.csv", "output ! jq -c .", "output"),
        json=False,
        takes_program=True,
    ),
    Verb(
        "last",
        "Show the last result whole, in the pager.",
        "lakebed._cli.shell.control:last",
        details="In SQL, the last result is the table _: it is computed when it is first used.",
        json=False,
    ),
    Verb(
        "watch",
        "Run the last query again and again, until Ctrl-C.",
        "lakebed._cli.shell.control:watch",
        (Argument("seconds", "how long it rests between", "integer", required=False, default=2, metavar="[SECONDS]"),),
        "Each time it sees the newest commit: what an ingest elsewhere adds comes up.",
        json=False,
    ),
    Verb(
        "read",
        "Run the statements in a file.",
        "lakebed._cli.shell.control:read",
        (Argument("file", "the file", "file", metavar="FILE", completes="file"),),
        json=False,
    ),
    Verb(
        "save",
        "Keep the last query under a name.",
        "lakebed._cli.shell.control:save",
        (Argument("name", "letters, digits, - and _", metavar="NAME", completes="query"),),
        "Queries are files in your own directory of settings, never in a store.",
        json=False,
    ),
    Verb(
        "call",
        "Run a query that was saved; alone: list them.",
        "lakebed._cli.shell.control:call",
        (Argument("name", "the query", required=False, metavar="[NAME]", completes="query"),),
        json=False,
    ),
    Verb(
        "edit",
        "Edit the last statement in $EDITOR.",
        "lakebed._cli.shell.control:edit",
        json=False,
    ),
    Verb(
        "history",
        "Show the statements that were typed, newest last; in SQL they are the table history.",
        "lakebed._cli.shell.control:history",
        (Argument("word", "only those with this in them", required=False, metavar="[WORD]"),),
        json=False,
    ),
    Verb(
        "timing",
        "Say how long each statement took, or do not.",
        "lakebed._cli.shell.control:timing",
        (Argument("state", "on or off", "choice", required=False, choices=("on", "off"), metavar="[on|off]"),),
        json=False,
    ),
    Verb("quit", "Leave the shell.", "lakebed._cli.shell.control:quit_", json=False),
)


def spelt(message: str) -> str:
    """The message of an error with options as they are typed: the engine names them in backquotes, as in `on_error`."""
    return re.sub(r"`([a-z_]+)`", lambda found: _options().get(found[1], found[0]), message)


@cache
def _options() -> dict[str, str]:
    return {
        argument.name: max(argument.options, key=len)
        for verb in VERBS
        for argument in verb.arguments
        if argument.options
    }
