"""The command line: `lakebed VERB ...`, made from the registry of verbs.

Nothing heavy is imported before a verb runs, so that `--help` and completion are fast. Exit codes are in docs/commands.md.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import IO, Any

import click
from click.shell_completion import CompletionItem

from lakebed.verbs import VERBS, Argument, Verb

PROGRAM = "lakebed"
COMPLETE_VARIABLE = "_LAKEBED_COMPLETE"

_HELP = """An embedded, content-addressed store for NDJSON: small on disk, queried in SQL.

\b
    lakebed ingest events.ndjson
    lakebed query "SELECT count(*) FROM events"

The store is a directory: --store, else $LAKEBED_STORE, else ./data.lakebed.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code."""
    _prepare_streams()
    warnings.showwarning = _show_warning
    try:
        code = root.main(
            list(sys.argv[1:] if arguments is None else arguments),
            prog_name=PROGRAM,
            complete_var=COMPLETE_VARIABLE,
            standalone_mode=False,
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (BrokenPipeError, _ReaderGone):
        # Whoever read our output has seen enough, as in `lakebed query ... | head`.
        _silence(sys.stdout)
        return 0
    except click.ClickException as problem:
        _flush()
        _complain(_usage(problem))
        return problem.exit_code
    except (KeyboardInterrupt, click.Abort) as problem:
        _flush()
        # click wraps it; what the engine says of an interrupted call is in the cause.
        _complain(getattr(problem.__cause__ or problem, "message", None) or "Interrupted.")
        return 130
    except Exception as problem:  # noqa: BLE001  (the last place where an error can become a sentence)
        _flush()
        return _failed(problem)


class _ReaderGone(Exception):
    """A broken pipe, under a name that click does not know: it would exit with 1."""


def _failed(problem: Exception) -> int:
    """Says what went wrong in a sentence; the exit code."""
    from lakebed.errors import LakebedError

    if isinstance(problem, LakebedError):
        _complain(problem.message)
        return problem.exit_code
    if type(problem).__name__ == "QueryFailed":
        _complain(str(problem))
        return 1
    if isinstance(problem, OSError):
        _complain(f"{problem.filename or 'The operating system refused'}: {problem.strerror or problem}.")
        return 7
    if os.environ.get("LAKEBED_DEBUG"):
        raise problem
    _complain(
        f"This is a bug in lakebed, {type(problem).__name__}: {problem}. LAKEBED_DEBUG=1 shows where; please report it."
    )
    return 1


def _usage(problem: click.ClickException) -> str:
    """What was wrong with the command line, and where its help is."""
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    message = problem.format_message()
    stop = "" if message.endswith((".", "?", "!")) else "."
    return f"{message}{stop} See {path} --help."


def _complain(message: str) -> None:
    label = "error:"
    try:
        from lakebed.commands.context import wants_color

        if wants_color("auto", sys.stderr):
            label = f"\x1b[1;31m{label}\x1b[0m"
        sys.stderr.write(f"{label} {message.rstrip()}\n")
    except BrokenPipeError:
        _silence(sys.stderr)


def _show_warning(message: Warning | str, *_details: object, **_more: object) -> None:
    sys.stderr.write(f"note: {message}\n")


def _prepare_streams() -> None:
    """UTF-8 whatever the locale says, and file names that are no UTF-8 come out as they went in."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")


def _flush() -> None:
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        _silence(sys.stdout)


def _silence(stream: IO[str]) -> None:
    """Lets what is still buffered go nowhere, so that the interpreter does not fail on it at exit."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


# --- From verbs to click --------------------------------------------------------------------------------------------------


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    import platform
    from importlib.metadata import version

    import lakebed

    click.echo(
        f"lakebed {lakebed.__version__} ({lakebed.backend()}), DuckDB {version('duckdb')}, Python {platform.python_version()}"
    )
    context.exit()


def _common(*, json: bool) -> list[click.Parameter]:
    """The options that the program and every verb have."""
    options: list[click.Parameter] = [
        click.Option(
            ["--store", "-s"],
            metavar="DIR",
            type=click.Path(),
            help="the store [default: data.lakebed]",
            shell_complete=_complete_files,
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            help="whether to color the output [default: auto]",
        ),
    ]
    if json:
        options.append(click.Option(["--json"], is_flag=True, help="write one JSON object a line"))
    return options


def _parameter(argument: Argument) -> click.Parameter:
    kind: Any = {
        "integer": int,
        "flag": None,
        "choice": click.Choice(argument.choices),
        "file": click.Path(allow_dash=True),
    }.get(argument.kind, str)
    complete = {
        "file": _complete_files,
        "collection": _complete_collections,
        "model": _complete_models,
    }.get(argument.completes)
    details: dict[str, Any] = {"shell_complete": complete}
    # To click, a default of None is a value that was given.
    if argument.default is not None:
        details["default"] = argument.default
    if not argument.options:
        return click.Argument(
            [argument.name],
            type=kind,
            nargs=-1 if argument.many else 1,
            required=argument.is_required,
            metavar=argument.metavar or None,
            **details,
        )
    if argument.kind == "flag":
        return click.Option([*argument.options, argument.name], is_flag=True, help=argument.help, **details)
    return click.Option(
        [*argument.options, argument.name],
        type=kind,
        # A choice shows what there is to choose.
        metavar=None if argument.kind == "choice" else argument.metavar or None,
        required=argument.is_required,
        multiple=argument.many,
        show_default=argument.default is not None,
        help=argument.help,
        **details,
    )


class VerbCommand(click.Command):
    """A verb as a command; its help shows its arguments and examples too."""

    def __init__(self, verb: Verb) -> None:
        self.verb = verb
        super().__init__(
            verb.name,
            callback=lambda **values: _run(verb, values),
            params=[*(_parameter(argument) for argument in verb.arguments), *_common(json=verb.json)],
            help=verb.summary + ("\n\n" + verb.details if verb.details else ""),
            short_help=verb.summary,
        )

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        words = [(one.metavar.strip("[]."), one.help) for one in self.verb.arguments if not one.options]
        if words:
            with formatter.section("Arguments"):
                formatter.write_dl(words)
        super().format_options(context, formatter)

    def format_epilog(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        if self.verb.examples:
            with formatter.section("Examples"):
                for example in self.verb.examples:
                    formatter.write_text(example)


def _run(verb: Verb, values: dict[str, Any]) -> int | None:
    """Calls the verb's function with its context."""
    from lakebed.commands import Context

    given = click.get_current_context().find_root().params
    flags = {name: values.pop(name, None) or given.get(name) for name in ("store", "color")}
    context = Context(flags, json=bool(values.pop("json", False)))
    module, _, function = verb.run.partition(":")
    try:
        result: int | None = getattr(importlib.import_module(f"lakebed.commands.{module}"), function)(context, **values)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise _ReaderGone from error
    return result


class _Root(click.Group):
    """The verbs, in the order of the registry."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)


def _show_help(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


# --- Completion -----------------------------------------------------------------------------------------------------------


def _complete_files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _complete_models(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The models of the server, if it answers at once."""
    try:
        import lakebed

        host = context.params.get("host")
        with lakebed.Ollama(host=host, connect_timeout=0.5, first_timeout=1, stall_timeout=1) as ollama:
            found = ollama.models()
    except Exception:  # noqa: BLE001  (a completion that fails must not disturb the line being typed)
        return []
    return [CompletionItem(one.name, help=one.parameters) for one in found if one.name.startswith(incomplete)]


def _complete_collections(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The collections of the store that the command line names so far; none when there is no store."""
    try:
        from lakebed.commands import Context

        store = context.params.get("store") or context.find_root().params.get("store")
        with Context({"store": store}).open() as opened:
            found = opened.collections()
    except Exception:  # noqa: BLE001  (a completion that fails must not disturb the line being typed)
        return []
    return [CompletionItem(one.name, help=f"{one.rows:,} rows") for one in found if one.name.startswith(incomplete)]


root = _Root(
    PROGRAM,
    commands={verb.name: VerbCommand(verb) for verb in VERBS},
    callback=click.pass_context(lambda context, **_flags: _show_help(context)),
    params=[
        *_common(json=False),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="show versions and exit",
        ),
    ],
    help=_HELP,
    invoke_without_command=True,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


if __name__ == "__main__":
    sys.exit(main())
