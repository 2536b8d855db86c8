"""From words to a verb's arguments, by click: the same for the command line, the shell and pipes, with the same help and completion."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from lakebed._cli.pipes.words import Word
from lakebed._cli.verbs import Argument, Described, Verb
from lakebed.errors import InvalidArgument


class VerbCommand(click.Command):
    """A verb as a command; its help shows its arguments and examples too."""

    def __init__(
        self,
        verb: Described,
        run: Callable[[dict[str, Any]], object] = lambda values: values,
        more: Sequence[click.Parameter] = (),
    ) -> None:
        self.verb = verb
        if isinstance(verb, Verb) and verb.takes_program:
            self.allow_interspersed_args = False
        super().__init__(
            verb.name,
            callback=lambda **values: run(values),
            params=[*(_parameter(argument) for argument in verb.arguments), *more],
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


def _parameter(argument: Argument) -> click.Parameter:
    kind: Any = {
        "integer": click.IntRange(min=0),
        "flag": None,
        "choice": click.Choice(argument.choices),
        # Whoever opens it says why that fails.
        "file": click.Path(allow_dash=True, readable=False),
    }.get(argument.kind, str)
    complete = {"file": complete_files, "collection": complete_collections, "model": complete_models}.get(
        argument.completes
    )
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


def json_option() -> click.Option:
    """The option of every verb that reports something."""
    return click.Option(["--json"], is_flag=True, help="write one JSON object a line")


# --- In the shell and in pipes ----------------------------------------------------------------------------------------------

_QUOTED = "\0"
"""In front of a quoted word that begins with a dash, for click not to take it as an option."""


def parse(command: VerbCommand, words: Sequence[Word]) -> dict[str, Any] | None:
    """The verb's arguments by name, or None when it was asked for its help, which is then shown.

    A bare `into` is the option `--into` where the verb says so. `~` before a file is the user's directory, as in DuckDB's SQL: no
    system's shell has read the words.
    """
    bare = {option.removeprefix("--"): option for one in command.verb.arguments if one.bare for option in one.options}
    given = [
        (_QUOTED if word.quoted and word.text.startswith("-") else "") + word.text
        if word.quoted
        else bare.get(word.text.lower(), word.text)
        for word in words
    ]
    try:
        with command.make_context(command.name, given) as context:
            found = {name: _unmarked(value) for name, value in context.params.items()}
    except click.exceptions.Exit:
        return None
    except click.ClickException as problem:
        raise InvalidArgument(f"{told(problem)} It is: {usage(command)}") from problem
    for argument in command.verb.arguments:
        if argument.kind == "file":
            found[argument.name] = _at_home(found[argument.name])
    return found


def told(problem: click.ClickException) -> str:
    """What was wrong with the words, and the name that comes nearest to a wrong one."""
    near = getattr(problem, "possibilities", None)
    message = problem.message if near else problem.format_message()
    stop = "" if message.endswith((".", "?", "!")) else "."
    return f"{message}{stop}" + (f" Did you mean {near[0]!r}?" if near else "")


def usage(command: VerbCommand) -> str:
    """How the verb is used, in a line: `write [OPTIONS] FILE`."""
    pieces = command.collect_usage_pieces(click.Context(command, info_name=command.name))
    return " ".join([command.name or "", *pieces])


def help_of(command: VerbCommand, width: int) -> str:
    """The verb's help."""
    return command.get_help(
        click.Context(command, info_name=command.name, max_content_width=width, terminal_width=width)
    )


def _unmarked(value: Any) -> Any:
    if isinstance(value, str):
        return value.removeprefix(_QUOTED)
    return tuple(_unmarked(one) for one in value) if isinstance(value, tuple) else value


def _at_home(file: Any) -> Any:
    if isinstance(file, str):
        return os.path.expanduser(file)  # noqa: PTH111
    return tuple(map(_at_home, file)) if isinstance(file, tuple) else file


# --- Completion -------------------------------------------------------------------------------------------------------------


def complete_files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The system's shell knows how to complete files."""
    return [CompletionItem(incomplete, type="file")]


def complete_collections(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The collections of the store that the command line names so far; none when there is no store."""
    try:
        from lakebed._cli.commands import Context

        store = context.params.get("store") or context.find_root().params.get("store")
        with Context({"store": store}).open() as opened:
            found = opened.collections()
    except Exception:  # noqa: BLE001  (a completion that fails must not disturb the line being typed)
        return []
    return [CompletionItem(one.name, help=f"{one.rows:,} rows") for one in found if one.name.startswith(incomplete)]


def complete_models(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The models of the server, if it answers at once."""
    try:
        import lakebed

        host = context.params.get("host")
        with lakebed.Ollama(host=host, connect_timeout=0.5, first_timeout=1, stall_timeout=1) as ollama:
            found = ollama.models()
    except Exception:  # noqa: BLE001  (a completion that fails must not disturb the line being typed)
        return []
    return [CompletionItem(one.name, help=one.parameters) for one in found if one.name.startswith(incomplete)]
