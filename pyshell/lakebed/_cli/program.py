"""The command line, `lakebed VERB ...`, built from the registry of verbs.

Nothing heavy is imported before a verb runs, so that `--help` and completion are fast. Exit codes are in
docs/commands.md.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from lakebed._cli.environment.arguments import (
    COMPLETION_VARIABLE,
    PROGRAM,
    VerbCommand,
    complete_files,
    json_option,
    usage_problem,
)
from lakebed._cli.environment.opened_file import is_file, is_file_name
from lakebed._cli.messages.error_output import interruption_message, print_error, report_failure
from lakebed._cli.messages.terminal import discard, shown
from lakebed._cli.verbs import STORE_VERBS, Verb

_HELP = """An embedded, content-addressed store for NDJSON: small on disk, queried in SQL.

\b
    lakebed                             the shell; lakebed STORE on another store,
                                        lakebed FILE on a file of records
    lakebed ingest events.ndjson
    lakebed query "SELECT count(*) FROM events"

The store is a directory: --store, else $LAKEBED_STORE, else ./data.lakebed.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command of `arguments` (default: those of the process); the exit code."""
    _prepare_streams()
    warnings.showwarning = _show_warning
    try:
        code = root.main(
            list(sys.argv[1:] if arguments is None else arguments),
            prog_name=PROGRAM,
            complete_var=COMPLETION_VARIABLE,
            standalone_mode=False,
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (BrokenPipeError, _OutputClosed):
        # The reader of the output has closed it, as in `lakebed query ... | head`.
        discard(sys.stdout)
        return 0
    except click.ClickException as problem:
        _flush()
        print_error(_usage_message(problem))
        return problem.exit_code
    except (KeyboardInterrupt, click.Abort) as problem:
        _flush()
        # click wraps the exception; the engine's message about an interrupted call is in its cause.
        print_error(interruption_message(problem.__cause__ or problem))
        return 130
    except _Failed as problem:
        _flush()
        return report_failure(problem.error)
    except Exception as problem:  # noqa: BLE001  (every error becomes a sentence here)
        _flush()
        return report_failure(problem)


class _OutputClosed(Exception):
    """A broken pipe. click would turn `BrokenPipeError` into exit code 1."""


class _Failed(Exception):
    """An error that is an `EOFError`, such as that of an incomplete reply. click would take it for Ctrl-D."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _usage_message(problem: click.ClickException) -> str:
    """What is wrong with the command line, and where its help is."""
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    return f"{usage_problem(problem)} See {path} --help."


def _show_warning(message: Warning | str, *_details: object, **_more: object) -> None:
    sys.stderr.write(f"note: {shown(str(message), sys.stderr)}\n")


def _prepare_streams() -> None:
    """Sets the standard streams to UTF-8, whatever the locale; file names that are not UTF-8 keep their bytes.

    A stream that is closed is opened on the null device: otherwise a file of the store could get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  (for the life of the program)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")


def _flush() -> None:
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        discard(sys.stdout)


# --- The program ----------------------------------------------------------------------------------------------------


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
    """The options of the program and of every verb."""
    options: list[click.Parameter] = [
        click.Option(
            ["--store", "-s"],
            metavar="DIR",
            type=click.Path(readable=False),
            help="the store [default: data.lakebed]",
            shell_complete=complete_files,
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            help="whether to color the output [default: auto]",
        ),
    ]
    if json:
        options.append(json_option())
    return options


def _run(verb: Verb, values: dict[str, Any]) -> int | None:
    """Calls the verb's function with the context of this command line; its exit code, if it has one."""
    from lakebed._cli.environment.context import Context

    given = click.get_current_context().find_root().params
    flags = {name: values.pop(name) for name in ("store", "color")}
    flags = {name: given.get(name) if value is None else value for name, value in flags.items()}
    context = Context(flags, json=bool(values.pop("json", False)), safe=bool(values.pop("safe", False)))
    try:
        result: int | None = verb.load()(context, **values)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise _OutputClosed from error
    except EOFError as error:
        raise _Failed(error) from error
    return result


def _command(verb: Verb) -> VerbCommand:
    return VerbCommand(verb, lambda values: _run(verb, values), _common(json=verb.json))


class _Commands(dict[str, click.Command]):
    """The command of each verb, made when it is asked for."""

    def __init__(self, verbs: Sequence[Verb]) -> None:
        super().__init__()
        self._verbs = {verb.name: verb for verb in verbs}

    def __contains__(self, name: object) -> bool:
        return name in self._verbs

    def __iter__(self) -> Iterator[str]:
        return iter(self._verbs)

    def __missing__(self, name: str) -> click.Command:
        self[name] = _command(self._verbs[name])
        return self[name]

    def __len__(self) -> int:
        return len(self._verbs)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self._verbs else default


class _Root(click.Group):
    """The verbs, in the order of the registry."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Takes `lakebed STORE` for the shell on that store."""
        first = arguments[0]
        if first not in self.commands and (_is_store(first) or is_file(first)):
            return _SHELL.name, _SHELL, arguments
        if first not in self.commands and is_file_name(first):
            message = f"There is no file {first}: check the name, and the directory you are in."
            raise click.UsageError(message)
        return super().resolve_command(context, arguments)


def _is_store(word: str) -> bool:
    return word.rstrip("/").endswith(".lakebed") or (os.sep in word and not word.startswith("-")) or Path(word).is_dir()


def _shell(**flags: Any) -> int | None:
    """Starts the shell on a terminal; else runs statements from standard input, or shows the help when there are
    none."""
    context = click.get_current_context()
    if (verb := context.invoked_subcommand) is not None:
        if verb != _SHELL.name and any(context.params[name] for name in ("command", "file")):
            message = f"-c and -f run statements, and {verb} is a verb of its own: give one of the two."
            raise click.UsageError(message)
        return None
    given = {
        **context.find_root().params,
        **{name: value for name, value in flags.items() if value not in (None, False)},
    }
    safe = bool(given.pop("safe", False))
    places: dict[str, str | None] = {"database": given.pop("database", None)}
    if is_file(str(flags.get("store") or "")):
        # `lakebed FILE`, not `--store FILE`.
        places["opened"] = given.pop("store")
    text = _script(given.pop("command"), given.pop("file"))
    if text is not None:
        if not text.strip():
            click.echo(context.find_root().get_help())
            return None
        from lakebed._cli.shell.loop import run_script

        return run_script(given, text, safe=safe, **places)
    if not sys.stdout.isatty():
        message = "The shell needs a terminal: give statements on standard input, or use lakebed query."
        raise click.UsageError(message)
    from lakebed._cli.shell.loop import run_shell

    return run_shell(given, safe=safe, **places)


def _script(command: str | None, file: str | None) -> str | None:
    """The statements to run instead of the shell: those given, or standard input when that is not a terminal."""
    from lakebed._cli.environment.statement_input import given_statements

    if command is not None and file is not None:
        message = "Give the statements once: with -c or with -f."
        raise click.UsageError(message)
    return given_statements(command, file)


def _shell_options() -> list[click.Parameter]:
    return [
        *_common(json=False),
        click.Option(["-c", "--command"], metavar="SQL", help="run these statements and verbs instead of the shell"),
        click.Option(
            ["-f", "--file"],
            metavar="FILE",
            type=click.Path(allow_dash=True),
            help="run the statements and verbs in a file; - is standard input",
            shell_complete=complete_files,
        ),
        click.Option(
            ["--database"],
            metavar="FILE",
            type=click.Path(readable=False),
            help="open this DuckDB database, too; what is created is kept there",
            shell_complete=complete_files,
        ),
        click.Option(["--safe"], is_flag=True, help="run no programs, read and write no files but the store's"),
    ]


_SHELL = click.Command("shell", callback=_shell, params=[click.Argument(["store"]), *_shell_options()[1:]], hidden=True)


root = _Root(
    PROGRAM,
    commands=_Commands(STORE_VERBS),
    callback=_shell,
    params=[
        *_shell_options(),
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
