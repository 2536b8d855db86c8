"""Verbs as click commands: parsing, help and completion of arguments, the same for the command line, the shell and
pipes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from lakebed._cli.language.words import Word
from lakebed._cli.verbs import Argument, Verb
from lakebed.errors import InvalidArgument

PROGRAM = "lakebed"
COMPLETION_VARIABLE = "_LAKEBED_COMPLETE"
"""The environment variable by which the system's shell asks for completions."""


class VerbCommand(click.Command):
    """A verb as a click command. Its help shows positional arguments and examples, too."""

    def __init__(
        self,
        verb: Verb,
        run: Callable[[dict[str, Any]], object] = lambda values: values,
        more: Sequence[click.Parameter] = (),
    ) -> None:
        self.verb = verb
        if verb.ends_options:
            self.allow_interspersed_args = False
        super().__init__(
            verb.name,
            callback=lambda **values: run(values),
            params=[*(_parameter(argument) for argument in verb.arguments), *more],
            help=verb.summary + ("\n\n" + verb.details if verb.details else ""),
            short_help=verb.summary,
        )

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parses words. A word that begins with a dash and cannot be an option, because it has white space, is text:
        SQL that begins with a comment."""
        left = super().parse_args(context, [_QUOTED + word if self._is_text(context, word) else word for word in args])
        context.params = {name: _unmarked(value) for name, value in context.params.items()}
        return left

    def _is_text(self, context: click.Context, word: str) -> bool:
        if not word.startswith("-") or not re.search(r"\s", word):
            return False
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        return not any(name in (*one.opts, *one.secondary_opts) for one in self.get_params(context))

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
        # The code that opens the file reports why that fails.
        "file": click.Path(allow_dash=True, readable=False),
    }.get(argument.kind, str)
    complete = {
        "file": complete_files,
        "collection": complete_collections,
        "table": complete_collections,
        "model": complete_models,
    }.get(argument.completes)
    details: dict[str, Any] = {"shell_complete": complete}
    # click takes a default of None for a value that was given.
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
        # Of a choice, click shows the choices.
        metavar=None if argument.kind == "choice" else argument.metavar or None,
        required=argument.is_required,
        multiple=argument.many,
        show_default=argument.default is not None,
        help=argument.help,
        **details,
    )


def json_option() -> click.Option:
    """The option `--json`, of every verb with a report."""
    return click.Option(["--json"], is_flag=True, help="write one JSON object a line")


# --- In the shell and in pipes --------------------------------------------------------------------------------------

_QUOTED = "\0"
"""Marks a quoted word that begins with a dash, which click would take for an option."""


def parse_words(command: VerbCommand, words: Sequence[Word]) -> dict[str, Any] | None:
    """The values of a verb's arguments by name; None after `--help`, which shows the help.

    A bare `into` is the option `--into` where the verb has it. `~` at the beginning of a file is the user's directory,
    as in DuckDB's SQL.

    Raises `InvalidArgument` for words that the verb does not take.
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
            found = dict(context.params)
    except click.exceptions.Exit:
        return None
    except click.ClickException as problem:
        raise InvalidArgument(f"{usage_problem(problem)} It is: {_usage_line(command)}") from problem
    for argument in command.verb.arguments:
        if argument.kind == "file":
            found[argument.name] = _with_home(found[argument.name])
    return found


def usage_problem(problem: click.ClickException) -> str:
    """What is wrong with a command line, with the name most similar to a wrong one."""
    similar = getattr(problem, "possibilities", None)
    message = problem.message if similar else problem.format_message()
    stop = "" if message.endswith((".", "?", "!")) else "."
    return f"{message}{stop}" + (f" Did you mean {similar[0]!r}?" if similar else "")


def word_command(verb: Verb) -> VerbCommand:
    """The command that parses the words of a verb in the shell or a pipe."""
    return VerbCommand(verb, more=[json_option()] if verb.json else [])


def _usage_line(command: VerbCommand) -> str:
    """The usage of a verb: `write [OPTIONS] FILE`."""
    pieces = command.collect_usage_pieces(click.Context(command, info_name=command.name))
    return " ".join([command.name or "", *pieces])


def help_text(verb: Verb, width: int) -> str:
    """The help of a verb of the shell or a pipe, in lines of at most `width` characters."""
    command = word_command(verb)
    return command.get_help(
        click.Context(command, info_name=command.name, max_content_width=width, terminal_width=width)
    )


def _unmarked(value: Any) -> Any:
    if isinstance(value, str):
        return value.removeprefix(_QUOTED)
    return tuple(_unmarked(one) for one in value) if isinstance(value, tuple) else value


def _with_home(file: Any) -> Any:
    if isinstance(file, str):
        return os.path.expanduser(file)  # noqa: PTH111
    return tuple(map(_with_home, file)) if isinstance(file, tuple) else file


# --- Completion in the system's shell -------------------------------------------------------------------------------


def complete_files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leaves files to the system's shell."""
    return [CompletionItem(incomplete, type="file")]


def complete_collections(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The collections of the store that the command line names; none when there is no store."""
    try:
        from lakebed._cli.environment.context import Context

        store = context.params.get("store") or context.find_root().params.get("store")
        with Context({"store": store}).open() as opened:
            found = opened.collections()
    except Exception:  # noqa: BLE001  (a failure must not disturb the line that is being typed)
        return []
    return [CompletionItem(one.name, help=f"{one.rows:,} rows") for one in found if one.name.startswith(incomplete)]


def complete_models(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The models of the server, if it replies within a second."""
    try:
        import lakebed

        host = context.params.get("host")
        with lakebed.Ollama(host=host, connect_timeout=0.5, first_timeout=1, stall_timeout=1) as ollama:
            found = ollama.models()
    except Exception:  # noqa: BLE001  (a failure must not disturb the line that is being typed)
        return []
    return [CompletionItem(one.name, help=one.parameters) for one in found if one.name.startswith(incomplete)]
