"""Errors as sentences on standard error, and as exit codes (docs/commands.md)."""

from __future__ import annotations

import os
import re
import sys
from functools import cache

from lakebed._cli.messages.terminal import discard, shown, wants_color
from lakebed._cli.verbs import STORE_VERBS


class CommandFailed(Exception):
    """A failure whose message is complete as it is: that of DuckDB, or of a program. Its exit code is 1."""


def report_failure(problem: BaseException) -> int:
    """Writes one sentence about an exception; the exit code.

    Raises the exception itself when it is a bug and `LAKEBED_DEBUG` is set.
    """
    from lakebed.errors import LakebedError

    if isinstance(problem, LakebedError):
        print_error(_with_option_names(problem.message))
        return problem.exit_code
    if isinstance(problem, ModuleNotFoundError):
        from lakebed._packages import missing_package

        if (missing := missing_package(problem)) is not None:
            return report_failure(missing)
    if isinstance(problem, CommandFailed):
        print_error(str(problem))
        return 1
    if isinstance(problem, OSError):
        print_error(f"{problem.filename or 'The operating system refused'}: {problem.strerror or problem}.")
        return 7
    if os.environ.get("LAKEBED_DEBUG"):
        raise problem
    print_error(
        f"This is a bug in lakebed, {type(problem).__name__}: {problem}. LAKEBED_DEBUG=1 shows where; please report it."
    )
    return 1


def interruption_message(problem: BaseException) -> str:
    """The sentence for a Ctrl-C."""
    return _with_option_names(getattr(problem, "message", None) or "Interrupted.")


def print_error(message: str) -> None:
    """Writes an error to standard error."""
    label = "error:"
    try:
        if wants_color("auto", sys.stderr):
            label = f"\x1b[1;31m{label}\x1b[0m"
        sys.stderr.write(f"{label} {shown(message.rstrip(), sys.stderr)}\n")
    except BrokenPipeError:
        discard(sys.stderr)


def _with_option_names(message: str) -> str:
    """The message with options as they are typed: the engine names arguments in backquotes, such as `on_error`."""
    return re.sub(r"`([a-z_]+)`", lambda found: _options().get(found[1], found[0]), message)


@cache
def _options() -> dict[str, str]:
    return {
        argument.name: max(argument.options, key=len)
        for verb in STORE_VERBS
        for argument in verb.arguments
        if argument.options
    }
