"""The registry of verbs: one description of each, for the command line, the shell, pipes, help and completion. Cheap to
import."""

from __future__ import annotations

from functools import cache

from lakebed._cli.verbs.pipe_verbs import PIPE_VERBS
from lakebed._cli.verbs.shell_verbs import SHELL_VERBS
from lakebed._cli.verbs.store_verbs import STORE_VERBS
from lakebed._cli.verbs.verb import Argument, Verb

__all__ = ["PIPE_VERBS", "SHELL_VERBS", "STORE_VERBS", "Argument", "Verb", "find_in_shell", "find_pipe", "in_shell"]


@cache
def in_shell() -> dict[str, Verb]:
    """The verbs of the shell by name, without aliases."""
    return {verb.name: verb for verb in (*STORE_VERBS, *SHELL_VERBS) if verb.in_shell}


@cache
def _shell_names() -> dict[str, Verb]:
    return in_shell() | {alias: verb for verb in in_shell().values() for alias in verb.aliases}


def find_in_shell(name: str) -> Verb | None:
    """The verb of the shell with this name or alias."""
    return _shell_names().get(name)


def find_pipe(name: str) -> Verb | None:
    """The verb with this name to the right of a pipe, whatever its case."""
    return next((verb for verb in PIPE_VERBS if verb.name == name.lower()), None)
