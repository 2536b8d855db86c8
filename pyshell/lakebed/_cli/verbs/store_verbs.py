"""The verbs of the command line. The shell has most of them, too."""

from __future__ import annotations

from dataclasses import replace

from lakebed._cli.verbs.common_arguments import (
    COLLECTION,
    FORMAT,
    HOST,
    LAYOUT,
    LISTING_FORMAT,
    NULL_TEXTS,
    OUTPUT,
    PROMPT_ARGUMENTS,
    ROWS,
    SAFE,
    SET_TYPES,
)
from lakebed._cli.verbs.copy_verbs import COPY_VERBS
from lakebed._cli.verbs.verb import Argument, Verb
from lakebed._file_formats import endings

STORE_VERBS: tuple[Verb, ...] = (
    Verb(
        "ingest",
        "Read files into a collection.",
        "commands.ingest:ingest",
        (
            Argument(
                "files",
                "files, patterns, directories, http(s) addresses, or - for standard input",
                "file",
                many=True,
                metavar="FILE...",
                completes="file",
            ),
            Argument(
                "into",
                "the collection (default: the file's name without suffixes such as .ndjson, .csv, .gz)",
                options=("--into",),
                metavar="NAME",
                completes="collection",
                bare=True,
            ),
            Argument(
                "on_error",
                "what to do with a line that is not valid JSON, or too large",
                "choice",
                ("--on-error",),
                choices=("abort", "skip", "quarantine"),
                default="abort",
            ),
            Argument(
                "nan",
                "store NaN and infinities, which are not JSON, as null or as strings",
                "choice",
                ("--nan",),
                required=False,
                choices=("null", "string"),
            ),
            Argument("again", "ingest from the beginning also what was ingested before", "flag", ("--again",)),
            Argument("resume", "go on after what an earlier ingest committed, or fail", "flag", ("--resume",)),
            Argument("recursive", "take the files in directories", "flag", ("--recursive",)),
            Argument("follow", "go on with what is appended to the file, until Ctrl-C", "flag", ("--follow",)),
            Argument("dry_run", "say what would happen to each file, and write nothing", "flag", ("--dry-run",)),
            SET_TYPES,
            NULL_TEXTS,
            LAYOUT,
        ),
        "Creates the store if it does not exist. A file that was ingested completely before is skipped, and one that has "
        "grown goes on from where it was, so the same command can run every night. After Ctrl-C, committed rows stay, and "
        "the same command goes on after them. Files hold JSON (lines, an array, or values over several lines), CSV, TSV or "
        "Parquet, or are zip or tar archives; .gz, .zst, .xz and .bz2 too.",
        (
            "lakebed ingest events.ndjson.gz",
            "lakebed ingest 'logs/*.ndjson' --into logs --on-error quarantine",
            "lakebed ingest app.log --follow",
            "zcat old.gz | lakebed ingest - --into events",
        ),
        changes_store=True,
    ),
    Verb(
        "query",
        "Query the store in SQL.",
        "commands.query:query",
        (
            Argument("sql", "statements in DuckDB's SQL (default: standard input)", required=False, metavar="[SQL]"),
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
                "a DuckDB database file to open along with the store",
                "file",
                ("--database",),
                metavar="FILE",
                completes="file",
            ),
        ),
        "Every collection is a table; the tables blobs, collections, segments, dictionaries and commits describe the store itself. "
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
        "Ask a model about each row of a query, and store the replies.",
        "commands.prompt:prompt",
        (
            *PROMPT_ARGUMENTS[:2],
            Argument(
                "query", "one SELECT: the rows (default: one prompt, of no row)", options=("--from",), metavar="SQL"
            ),
            *PROMPT_ARGUMENTS[2:],
        ),
        "Replies are stored as they arrive, and the same command sends only what is missing: after Ctrl-C, a crash or a failed row, run it "
        "again. The first Ctrl-C finishes the requests in flight, the second cancels them. The exit code is 1 when rows failed, 3 when the "
        "server was lost. Creates the store if it does not exist; with --no-store nothing is stored.",
        (
            'lakebed prompt llama3.2 "Summarise: {title}" --from "SELECT title FROM issues" --into summaries -j 4',
            'lakebed prompt llama3.2 "Why is the sky blue?"',
            "git diff | lakebed prompt llama3.2 - --system 'Write a commit message.' --no-store",
        ),
        uses_server=True,
        changes_store=True,
    ),
    Verb(
        "models",
        "List the models that Ollama has.",
        "commands.ollama:models",
        (HOST, LISTING_FORMAT, ROWS),
        uses_server=True,
    ),
    Verb(
        "pull",
        "Download a model to the Ollama server.",
        "commands.ollama:pull",
        (Argument("model", "its name", metavar="MODEL"), HOST),
        examples=("lakebed pull llama3.2",),
        json=False,
        uses_server=True,
    ),
    Verb(
        "templates",
        "List the saved templates of prompts.",
        "commands.ollama:templates",
        (
            Argument("name", "list all versions of this one", required=False, metavar="[NAME]"),
            LISTING_FORMAT,
            ROWS,
        ),
        "`lakebed prompt --save NAME` saves one, and `@NAME` uses it; `@NAME:VERSION` an older version.",
        ("lakebed templates", "lakebed templates summary"),
        is_silent=True,
    ),
    Verb(
        "collections", "List the collections.", "commands.inspect:collections", (LISTING_FORMAT, ROWS), is_silent=True
    ),
    Verb(
        "describe",
        "Show a collection's columns and types.",
        "commands.inspect:describe",
        (replace(COLLECTION, completes="table"), LISTING_FORMAT, ROWS),
        is_silent=True,
    ),
    Verb(
        "files",
        "List the Parquet files of a collection, which other programs can read.",
        "commands.collection_files:files",
        (
            COLLECTION,
            Argument(
                "flush",
                "first put its records into Parquet files, as compact --layout columns does",
                "flag",
                ("--flush",),
            ),
            LISTING_FORMAT,
            ROWS,
        ),
        "A note says how many rows are in no file: the newest, repeated records, and those that share no shapes. Rows of a file that were "
        "deleted or trimmed since it was written are listed by their _seq: a program that reads the file leaves them out.",
        ("lakebed files events", "lakebed files events --flush"),
        changes_store=True,
    ),
    Verb(
        "schema",
        "Declare the types of a collection's columns, or infer them anew; set how its records are stored.",
        "commands.schema:schema",
        (
            COLLECTION,
            SET_TYPES,
            NULL_TEXTS,
            Argument(
                "inferred",
                "infer the type of this column again",
                options=("--unset",),
                many=True,
                metavar="COLUMN",
            ),
            Argument("infer", "infer all types anew, from the rows there are now", "flag", ("--infer",)),
            LAYOUT,
            LISTING_FORMAT,
            ROWS,
        ),
        "Shows the columns as they are then; without options it changes nothing. A value that does not fit its declared type is "
        "NULL and counted; its text is in _json. Declared types stay with --infer.",
        (
            "lakebed schema events --set price=DOUBLE --null '-'",
            "lakebed schema events --unset price",
            "lakebed schema events --infer",
            "lakebed schema events --layout rows",
        ),
        is_silent=True,
        changes_store=True,
    ),
    Verb("stats", "Show the contents of the store and its size on disk.", "commands.inspect:stats", is_silent=True),
    Verb(
        "get",
        "Write the bytes of a blob to standard output.",
        "commands.blobs:get",
        (Argument("hash", "64 hex characters, or a unique prefix", metavar="HASH"), OUTPUT),
        examples=("lakebed get 3f9a1c > image.png",),
        json=False,
    ),
    Verb(
        "put",
        "Store any files: images, texts, archives.",
        "commands.blobs:put",
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
            Argument("name", "the name of the file on standard input", options=("--name",), metavar="NAME"),
            Argument("media_type", "their media type (default: from the name)", options=("--type",), metavar="TYPE"),
        ),
        "Each file becomes a blob that stays until it is deleted, and a row with its name, media type, size and hash. "
        "Creates the store if it does not exist.",
        ("lakebed put photos/*.jpg --into photos", "lakebed query 'SELECT name, size, hash FROM files'"),
        is_silent=True,
        changes_store=True,
    ),
    Verb(
        "delete",
        "Remove blobs and every row that refers to them.",
        "commands.blobs:delete",
        (Argument("hashes", "64 hex characters, or a unique prefix", many=True, metavar="HASH..."),),
        is_silent=True,
        changes_store=True,
    ),
    Verb(
        "forget",
        "Remove rows, and all that prompts stored because of them.",
        "commands.forget:forget",
        (
            Argument(
                "collections",
                "where to search (default: every collection that has the columns of the condition)",
                many=True,
                required=False,
                metavar="[COLLECTION...]",
                completes="collection",
            ),
            Argument(
                "where", "the condition, in SQL", options=("--where",), required=True, metavar="CONDITION", bare=True
            ),
            Argument("dry_run", "show what would be removed and kept, and remove nothing", "flag", ("--dry-run",)),
            Argument("yes", "do not ask for confirmation", "flag", ("--yes", "-y")),
        ),
        "Removes the rows, rows with the same bytes, results that have them as sources, and the requests, replies, files "
        "and images of these. What other rows need is kept, which the report says. Asks for confirmation.",
        (
            "lakebed forget --where \"email = 'zoe@example.com'\" --dry-run",
            'lakebed forget customers orders --where "customer_id = 4711" --yes',
        ),
        is_silent=True,
    ),
    Verb(
        "drop",
        "Drop a collection.",
        "commands.manage:drop",
        (COLLECTION, Argument("yes", "do not ask for confirmation", "flag", ("--yes", "-y"))),
        "Asks for confirmation. Blobs stay if another collection or a put refers to them.",
        is_silent=True,
        changes_store=True,
    ),
    Verb(
        "trim",
        "Drop the oldest rows of a collection.",
        "commands.manage:trim",
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
        is_silent=True,
        changes_store=True,
    ),
    Verb(
        "train",
        "Train a compression dictionary on a collection.",
        "commands.manage:train",
        (
            COLLECTION,
            Argument("size", "the largest size in bytes", "integer", ("--size",), default=112640, metavar="BYTES"),
        ),
        "The dictionary is installed if it makes a sample at least 3 % smaller. The first ingest trains one automatically.",
        is_silent=True,
        changes_store=True,
    ),
    Verb(
        "seal", "Finish the segment that is being written.", "commands.manage:seal", is_silent=True, changes_store=True
    ),
    Verb(
        "compact",
        "Give back the space of what was dropped, trimmed and deleted.",
        "commands.manage:compact",
        (
            replace(
                COLLECTION,
                required=False,
                help="the collection that --layout is for (default: all)",
                metavar="[COLLECTION]",
            ),
            Argument(
                "layout",
                "store records as columns (Parquet files), as rows, or as what is smaller (default: as schema --layout says)",
                "choice",
                ("--layout",),
                choices=("columns", "rows", "auto"),
            ),
            Argument(
                "level",
                "encode everything again at this zstd level, 1 to 22, with the newest dictionaries",
                "integer",
                ("--level",),
                metavar="N",
            ),
            Argument("dry_run", "only say what would be done", "flag", ("--dry-run",)),
        ),
        "Afterwards the bytes are gone from the files. Small frames and segments become full ones. Readers go on; it may be interrupted at "
        'any time, and needs little free space. The setting `compact = "automatic"` does it when enough can go.',
        ("lakebed compact --dry-run", "lakebed compact --level 12", "lakebed compact events --layout columns"),
        changes_store=True,
    ),
    *COPY_VERBS,
    Verb(
        "export",
        "Write a collection to a file: its records byte for byte, or its columns in another format.",
        "commands.manage:export",
        (
            COLLECTION,
            Argument(
                "output",
                "write to this file (default: standard output)",
                "file",
                required=False,
                metavar="[FILE]",
                completes="file",
            ),
            replace(FORMAT, help="the format (default: that of the file's ending, else ndjson)"),
        ),
        "In ndjson and json the records are byte for byte as they were ingested; other formats have the columns without those that "
        f"lakebed adds. Endings: {endings()}.",
        examples=("lakebed export events events.ndjson.zst", "lakebed export events events.parquet"),
    ),
    Verb(
        "verify",
        "Read the whole store and check it.",
        "commands.manage:verify",
        (
            Argument("quick", "check the structures, and of records samples, others each time", "flag", ("--quick",)),
            Argument(
                "since",
                "check only what was committed after this commit (default: 0, everything)",
                "integer",
                ("--since",),
                default=0,
                metavar="COMMIT",
            ),
        ),
        "The exit code is 6 when something is damaged. As JSON the first line is the report, and each other line a problem with its kind.",
        ("lakebed verify", "lakebed verify --quick", "lakebed verify --since 1200"),
    ),
    Verb(
        "repair",
        "Make a damaged store whole again, and say what is lost.",
        "commands.repair:repair",
        (
            Argument(
                "path",
                "the store (default: that of --store)",
                "file",
                required=False,
                metavar="[STORE]",
                completes="file",
            ),
            Argument("dry_run", "only say what would be done, and what is lost", "flag", ("--dry-run",)),
        ),
        "What is whole is kept, and what is replaced is first copied to the directory aside in the store. The exit code is 6 when "
        "something was lost. End programs that have the store open first.",
        ("lakebed repair --dry-run", "lakebed repair data.lakebed"),
        in_shell=False,
        changes_store=True,
    ),
    Verb(
        "config",
        "Show the settings and where each comes from.",
        "commands.settings:config",
        (
            Argument(
                "action",
                "show: the settings; path: the settings files",
                "choice",
                required=False,
                choices=("show", "path"),
                default="show",
                metavar="[show|path]",
            ),
        ),
        "In order of precedence: flags, environment variables (LAKEBED_ROWS), lakebed.toml in this directory or above, "
        "your own settings file.",
    ),
    Verb(
        "completions",
        "Print the completion script for your shell.",
        "commands.settings:completions",
        (Argument("shell", "your shell", "choice", choices=("bash", "zsh", "fish"), metavar="bash|zsh|fish"),),
        examples=(
            'eval "$(lakebed completions bash)"',
            "lakebed completions fish > ~/.config/fish/completions/lakebed.fish",
        ),
        json=False,
        in_shell=False,
    ),
)
