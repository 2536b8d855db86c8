"""The functions of the verbs that only the shell has. Each gets the session and its arguments by name."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lakebed._cli import render
from lakebed._cli.environment.arguments import help_text
from lakebed._cli.environment.statement_input import read_statements
from lakebed._cli.language.parameters import parameters_of, with_values
from lakebed._cli.language.statements import sql_statement
from lakebed._cli.messages.file_errors import unwritable
from lakebed._cli.shell import pager, statements
from lakebed._cli.shell.dot_commands import DOT_COMMANDS
from lakebed._cli.shell.execute import run_text
from lakebed._cli.shell.screen import current_screen
from lakebed._cli.shell.session import Leave, Session
from lakebed._cli.shell.sql import run_sql, show_last_result
from lakebed._cli.verbs import PIPE_VERBS, find_in_shell, find_pipe, in_shell
from lakebed._file_formats import file_format
from lakebed._files import check_outside_stores
from lakebed.duck.interrupt import forget_interrupt, raise_if_interrupted
from lakebed.errors import InvalidArgument, error


def help_(session: Session, verb: str | None) -> None:
    """Lists the verbs, or shows the help of one.

    Raises `InvalidArgument` for an unknown verb.
    """
    screen = current_screen(session.context)
    width = min(screen.width, 100)
    if verb is None:
        lines = list(_overview(width))
    else:
        name = verb.lower().removeprefix("|").strip()
        found = find_in_shell(name) or find_pipe(name)
        if found is None:
            similar = statements.similar_verb(name)
            hint = f"did you mean {similar!r}?" if similar else "help; lists them."
            message = f"There is no verb {verb!r}; {hint}"
            raise InvalidArgument(message)
        lines = help_text(found, width).splitlines()
    session.show_lines(lines)


def _overview(width: int) -> list[str]:
    """The list of all verbs."""
    known = list(in_shell().values())
    sections = [
        ("Verbs of the store, as on the command line", [verb for verb in known if verb.kind == "store"]),
        ("Verbs of the shell", [verb for verb in known if verb.kind == "shell"]),
    ]
    lines = [
        "SQL ends with a semicolon. Every collection is a table, and so are blobs,",
        "collections, segments, dictionaries, commits, history, and _ (the last result).",
        "help VERB shows everything about a verb.",
    ]
    room = max(len(name) for name in (*in_shell(), *(verb.name for verb in PIPE_VERBS)))
    for title, group in sections:
        lines += ["", f"{title}:"]
        lines += [render.cut(f"  {verb.name:<{room}}  {verb.summary}", width) for verb in group]
    lines += ["", "Pipes, SELECT ... | VERB ...:"]
    lines += [render.cut(f"  {verb.name:<{room}}  {verb.summary}", width) for verb in PIPE_VERBS]
    lines += ["", "From DuckDB: " + " ".join(f".{name}" for name in DOT_COMMANDS)]
    lines += [
        "Keys: Tab completes, Right takes the grey text, Ctrl-R searches the history,",
        "Ctrl-X Ctrl-E opens $EDITOR, Alt-Enter begins a new line, Ctrl-C stops a query",
        "or clears the line, Ctrl-D leaves.",
    ]
    return lines


def quit_(_session: Session) -> None:
    """Leaves the shell."""
    raise Leave


def format_(session: Session, format: str | None) -> None:
    """Chooses the format of results, or shows which is chosen."""
    if format == "toggle":
        format = "auto" if session.context.chosen_format == "vertical" else "vertical"
    if format is not None:
        session.choose_format(format)
    session.remark(f"format {session.context.chosen_format or session.context.settings.format}")


def timing(session: Session, state: str | None) -> None:
    """Switches the display of times on or off, or shows which it is."""
    if state is not None:
        session.timing = not session.timing if state == "toggle" else state == "on"
    session.remark(f"timing {'on' if session.timing else 'off'}")


def output(session: Session, target: tuple[str, ...]) -> None:
    """Sends results to a file or a program, or to the screen again.

    Raises `InvalidArgument` for wrong words and for what `--safe` forbids, `StoreIOError` when the file cannot be
    written.
    """
    if not target:
        session.direct_to_screen()
        session.remark("results go to the screen")
        return
    first, *others = target
    if first.startswith("!"):
        words = [*([first[1:]] if first[1:] else []), *others]
        if session.safe:
            message = "`output !` runs programs, which --safe forbids."
            raise InvalidArgument(message)
        if not words:
            message = "`output !` needs a program: output ! jq ."
            raise InvalidArgument(message)
        session.direct_to_program(words)
        session.remark(f"results go to {words[0]}")
        return
    if others:
        message = "output takes one file: quote a name with spaces in it."
        raise InvalidArgument(message)
    session.context.allow_file(first)
    first = os.path.expanduser(first)  # noqa: PTH111
    check_outside_stores(Path(first))
    # Refused before the file is made.
    chosen = session.context.chosen_format
    file_format(first, chosen if chosen != "auto" else None)
    try:
        session.direct_to_file(open(first, "wb"), first)  # noqa: PTH123, SIM115
    except OSError as problem:
        raise unwritable(first, problem) from problem
    session.remark(f"results go to {first}")


def last(session: Session) -> None:
    """Shows the whole last result in the pager.

    Raises `InvalidArgument` when there is none.
    """
    if session.last_query is None:
        message = "There is no result yet: run a query first."
        raise InvalidArgument(message)
    show_last_result(session, session.last_query)


def watch(session: Session, seconds: int) -> None:
    """Runs the last query every `seconds`, each time on the newest commit, until Ctrl-C.

    Raises `InvalidArgument` when there is no query, and without a terminal.
    """
    query = session.last_query
    if query is None:
        message = "There is no query to watch yet: run a query first."
        raise InvalidArgument(message)
    if not session.interactive:
        message = "`watch` needs a terminal."
        raise InvalidArgument(message)
    if seconds < 1:
        message = f"watch {seconds} would never rest: give 1 second or more."
        raise InvalidArgument(message)
    statement = sql_statement(query)
    pager_before, session.pager = session.pager, None
    try:
        while True:
            # The old picture stays until the new one is there.
            with contextlib.redirect_stdout(io.StringIO()) as picture:
                session.remark(f"{time.strftime('%H:%M:%S')}, again every {seconds} s until Ctrl-C")
                run_sql(session, statement)
            clear = "" if os.environ.get("TERM") == "dumb" else "\x1b[H\x1b[2J"
            sys.stdout.write(clear + picture.getvalue())
            sys.stdout.flush()
            # The exception of a Ctrl-C is dropped in code that cannot raise, such as a destructor.
            raise_if_interrupted()
            time.sleep(seconds)
    except KeyboardInterrupt:
        # Ctrl-C is how it ends.
        return
    finally:
        session.pager = pager_before


def read(session: Session, file: str) -> int:
    """Runs the statements in a file; the exit code of the first that fails, else 0.

    Raises `StoreIOError` when the file cannot be read, `InvalidArgument` when files are nested too deeply.
    """
    session.context.allow_file(file)
    text = read_statements(Path(file).expanduser(), file)
    return _nested(session, text, f"{file} reads itself, through {_MOST_NESTED} others: it was not read again.")


_MOST_NESTED = 20
"""Files and saved queries that run each other at most."""


def _nested(session: Session, text: str, refusal: str) -> int:
    """Runs the statements of a file or a saved query; raises `InvalidArgument` with this message when they are nested
    too deeply."""
    if session.depth >= _MOST_NESTED:
        raise InvalidArgument(refusal)
    session.depth += 1
    try:
        return run_text(session, text)
    finally:
        session.depth -= 1


def save(session: Session, name: str) -> None:
    """Saves the last query.

    Raises `InvalidArgument` when there is none, and for a name that is not valid.
    """
    if session.last_statement is None:
        message = "There is no query to save yet: run a query first."
        raise InvalidArgument(message)
    session.context.allow_file(name)
    path = session.saved_queries.save(name, session.last_statement)
    session.remark(f"saved in {path}; call {name}; runs it")


def call(session: Session, name: str | None, values: tuple[str, ...]) -> int | None:
    """Runs a saved query with the values of its parameters, or lists the queries.

    Raises `InvalidArgument` for an unknown name, for values that do not fit, and when queries are nested too deeply.
    """
    if name is not None:
        text = session.saved_queries.load(name)
        text = with_values(text, _values(name, parameters_of(text), values))
        return _nested(session, text, f"{name} calls itself: it was not run again.")
    names = session.saved_queries.names()
    if not names:
        session.remark("no query is saved; save NAME; keeps the last one")
    for one in names:
        wanted = "".join(f" {each}=..." for each in parameters_of(session.saved_queries.load(one)))
        session.context.say(
            f"{one}{wanted}: {render.cut(render.escaped(' '.join(session.saved_queries.load(one).split())), 80)}"
        )
    return None


def _values(name: str, wanted: list[str], given: tuple[str, ...]) -> dict[str, str]:
    """The values of the parameters of a saved query, from the words `NAME=VALUE` and `VALUE` behind its name.

    Raises `InvalidArgument` unless each parameter has one value.
    """
    values: dict[str, str] = {}
    for word in given:
        key, mark, value = word.partition("=")
        if mark and key.removeprefix("$") in wanted:
            values[key.removeprefix("$")] = value
        elif mark and key.isidentifier() and wanted[:1] != ["1"]:
            has = f"it has {', '.join(wanted)}" if wanted else "it has none"
            message = f"{name} has no parameter {key!r}; {has}."
            raise InvalidArgument(message)
        else:
            free = [one for one in wanted if one not in values]
            if not free:
                message = f"{name} takes {render.count(len(wanted), 'value')}, and {word!r} is one more."
                raise InvalidArgument(message)
            values[free[0]] = word
    missing = [one for one in wanted if one not in values]
    if missing:
        message = f"{name} needs a value: call {name} {' '.join(f'{one}=VALUE' for one in missing)}"
        raise InvalidArgument(message)
    return values


def edit(session: Session) -> None:
    """Opens the last statement in the editor; the next prompt begins with what is saved there.

    Raises `InvalidArgument` without a terminal and under `--safe`, `StoreIOError` when the editor cannot be started.
    """
    if session.safe:
        message = "`edit` runs a program, which --safe forbids."
        raise InvalidArgument(message)
    if not session.interactive:
        message = "`edit` needs a terminal."
        raise InvalidArgument(message)
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "statement.sql"
        path.write_text(f"{session.last_statement};\n" if session.last_statement else "", encoding="utf-8")
        began = time.monotonic()
        with pager.ignoring_ctrl_c():
            try:
                code = subprocess.run([*editor, str(path)], check=False).returncode
            except OSError as problem:
                message = f"The editor {editor[0]} cannot be run: set $EDITOR."
                raise error("io", message, problem.errno) from problem
            finally:
                forget_interrupt()
                session.reading_seconds += time.monotonic() - began
        if code == 0:
            session.next_text = path.read_text(encoding="utf-8").strip()


def history(session: Session, word: str | None) -> None:
    """Shows the typed statements, or those that contain a word."""
    entries = session.history.entries() if session.history is not None else []
    found = [one for one in entries if word is None or word.lower() in one.statement.lower()]
    lines = [
        line
        for one in found
        for line in (session.context.style.dim(f"-- {one.at[:19]}"), *map(render.escaped, one.statement.splitlines()))
    ]
    session.show_lines(lines)
    sys.stdout.flush()
