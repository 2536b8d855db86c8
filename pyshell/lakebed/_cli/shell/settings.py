"""The verbs `set`, `once` and `shell`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from lakebed._cli import render
from lakebed._cli.environment import config
from lakebed._cli.shell import pager
from lakebed._cli.shell.session import Session
from lakebed._cli.shell.verbs import output
from lakebed._cli.verbs.formats import FORMATS, SESSION_SETTINGS
from lakebed.duck.interrupt import forget_interrupt
from lakebed.errors import InvalidArgument


def set_(session: Session, name: str | None, value: tuple[str, ...]) -> None:
    """Changes a setting for the session, or shows one or all.

    Raises `InvalidArgument` for a value that the setting cannot have.
    """
    words = [word for word in value if word not in ("=", "to", "TO")]
    if name is not None and words:
        _change(session, name, " ".join(words))
    for one in SESSION_SETTINGS if name is None else (name,):
        session.remark(f"{one} {render.escaped(_value(session, one))}")


def _change(session: Session, name: str, text: str) -> None:
    if name == "format":
        if text not in ("auto", *FORMATS):
            message = f"There is no format {text!r}: there are auto, {', '.join(FORMATS)}."
            raise InvalidArgument(message)
        session.choose_format(text)
    elif name == "headers":
        if text.lower() not in ("on", "off"):
            message = f"headers cannot be {text!r}: say on or off."
            raise InvalidArgument(message)
        session.context.has_headers = text.lower() == "on"
    else:
        session.context.change_setting(name, config.checked(name, text))
        session.apply_settings(name)


def _value(session: Session, name: str) -> str:
    if name == "format":
        return session.context.chosen_format or session.context.settings.format
    value = (
        session.timing
        if name == "timing"
        else session.context.has_headers
        if name == "headers"
        else getattr(session.context.settings, name)
    )
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def once(session: Session, target: tuple[str, ...]) -> None:
    """Sends the next result to a file or a program.

    Raises as `output` does.
    """
    before, session.target.then = session.target.then or session.target.kept(), None
    output(session, target)
    session.target.then = before


def shell(session: Session, line: tuple[str, ...]) -> int | None:
    """Runs a line in the system's shell; its exit code if it failed.

    Raises `InvalidArgument` under `--safe`.
    """
    if session.safe:
        message = "`!` runs programs, which --safe forbids."
        raise InvalidArgument(message)
    sys.stdout.flush()
    command = line[0] if len(line) == 1 else shlex.join(line)
    with pager.ignoring_ctrl_c():
        try:
            code = subprocess.run(command, shell=True, executable=_shell(), check=False).returncode
        finally:
            forget_interrupt()
    if code and session.interactive:
        session.remark(f"ended with {code}" if code > 0 else f"ended by signal {-code}")
    return None if session.interactive else code or None


def _shell() -> str | None:
    return os.environ.get("SHELL") or None
