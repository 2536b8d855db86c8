"""What a verb is: plain data that describes a command of lakebed, for parsing, help, completion and highlighting."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

ArgumentKind = Literal["text", "file", "integer", "choice", "flag"]
Completion = Literal["", "file", "collection", "table", "verb", "query", "model"]
"""What completes the value of an argument: names of files, collections, tables, verbs, saved queries or models; "" for
nothing."""


@dataclass(frozen=True)
class Argument:
    """An argument of a verb: positional, or an option."""

    name: str
    help: str
    kind: ArgumentKind = "text"
    options: tuple[str, ...] = ()
    """The spellings of an option, such as `--into`, `-o`; empty for a positional argument."""
    many: bool = False
    """Whether it may be given several times."""
    required: bool | None = None
    """None: a positional argument is required, an option is not."""
    default: object = None
    choices: tuple[str, ...] = ()
    metavar: str = ""
    """What stands for the value in the help."""
    completes: Completion = ""
    bare: bool = False
    """Whether the shell takes the option without its dashes, too: `ingest FILE into NAME`."""

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return not self.options if self.required is None else self.required


@dataclass(frozen=True)
class Verb:
    """A command of lakebed.

    `kind` says where it exists and how its function is called:

    - `store`: on the command line and, with `in_shell`, in the shell: `function(context, **arguments)`.
    - `shell`: in the shell alone: `function(session, **arguments)`.
    - `pipe`: to the right of `SELECT ... |`: `function(context, rows, **arguments)` (see `lakebed._cli.pipes`).

    A function returns None, or an exit code.
    """

    name: str
    summary: str
    """One line."""
    run: str
    """The function, `MODULE:FUNCTION` below `lakebed._cli`. It is imported when the verb runs."""
    arguments: tuple[Argument, ...] = ()
    details: str = ""
    """Paragraphs for the help."""
    examples: tuple[str, ...] = ()
    kind: Literal["store", "shell", "pipe"] = "store"
    aliases: tuple[str, ...] = ()
    json: bool = True
    """Whether it has the option `--json`."""
    in_shell: bool = True
    """Whether the shell has a verb of kind `store`, too."""
    is_silent: bool = False
    """Whether it shows nothing before its end, no progress either: then the shell shows that it runs."""
    changes_store: bool = False
    """Whether it writes to the store, in commits of its own: then it is refused while a transaction is open."""
    uses_server: bool = False
    """Whether it contacts a model server."""
    ends_options: bool = False
    """Whether options end at the first word, because a program with options of its own may follow."""
    takes_raw_words: bool = False
    """Whether its words are not parsed: the function gets them as the argument `words`."""
    runs_programs: bool = False
    """Whether it always runs a program, which `--safe` forbids."""

    @property
    def options(self) -> tuple[str, ...]:
        """All option spellings, those that every verb has included."""
        own = tuple(option for argument in self.arguments for option in argument.options)
        return (*own, "--json", "--help") if self.json else (*own, "--help")

    def load(self) -> Callable[..., Any]:
        """The function, imported."""
        module, _, function = self.run.partition(":")
        loaded: Callable[..., Any] = getattr(importlib.import_module(f"lakebed._cli.{module}"), function)
        return loaded
