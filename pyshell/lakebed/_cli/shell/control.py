"""The verbs that only the shell has. Each gets the session and its arguments by name."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lakebed._cli import render
from lakebed._cli.commands.context import read_statements, unwritable
from lakebed._cli.parsing import VerbCommand, help_of, json_option
from lakebed._cli.pipes.split import Piece
from lakebed._cli.pipes.verbs import PIPE_VERBS
from lakebed._cli.pipes.verbs import find as find_pipe
from lakebed._cli.shell import dots, pager, statements
from lakebed._cli.shell.session import Leave, Session
from lakebed._cli.verbs import SHELL_VERBS, Verb
from lakebed.duck.interrupt import check
from lakebed.errors import InvalidArgument, error


def help_(session: Session, verb: str | None) -> None:
    """Lists the verbs, or shows one's help."""
    from lakebed._cli.shell.asking import screen

    here = screen(session)
    width = min(here.width, 100)
    if verb is None:
        lines = list(_overview(width))
    else:
        name = verb.lower().removeprefix("|").strip()
        found = statements.find(name) or find_pipe(name)
        if found is None:
            meant = statements.near(name)
            hint = f"did you mean {meant!r}?" if meant else "help; lists them."
            message = f"There is no verb {verb!r}; {hint}"
            raise InvalidArgument(message)
        more = [json_option()] if isinstance(found, Verb) and found.json else []
        lines = help_of(VerbCommand(found, more=more), width).splitlines()
    pager.show(lines, here, session.pager)


def _overview(width: int) -> list[str]:
    known: list[Verb] = list(statements.verbs().values())
    sections = [
        ("Verbs of the store, as on the command line", [verb for verb in known if verb not in SHELL_VERBS]),
        ("Verbs of the shell", [verb for verb in known if verb in SHELL_VERBS]),
    ]
    lines = [
        "SQL ends with a semicolon. Every collection is a table, and so are blobs,",
        "collections, segments, dictionaries, commits, history, and _ (the last result).",
        "help VERB shows everything about a verb.",
    ]
    room = max(len(name) for name in (*statements.verbs(), *(verb.name for verb in PIPE_VERBS)))
    for title, group in sections:
        lines += ["", f"{title}:"]
        lines += [render.cut(f"  {verb.name:<{room}}  {verb.summary}", width) for verb in group]
    lines += ["", "Pipes, SELECT ... | VERB ...:"]
    lines += [render.cut(f"  {verb.name:<{room}}  {verb.summary}", width) for verb in PIPE_VERBS]
    lines += ["", "From DuckDB: " + " ".join(f".{name}" for name in dots.DOTS)]
    lines += [
        "Keys: Tab completes, Right takes the grey text, Ctrl-R searches the history,",
        "Ctrl-X Ctrl-E opens $EDITOR, Alt-Enter begins a new line, Ctrl-C stops a query",
        "or clears the line, Ctrl-D leaves.",
    ]
    return lines


def quit_(_session: Session) -> None:
    """Leaves."""
    raise Leave


def format_(session: Session, format: str | None) -> None:
    """Chooses the format of results, or says which it is."""
    if format is not None:
        session.choose(format)
    session.narrate(f"format {session.context.chosen or session.context.settings.format}")


def timing(session: Session, state: str | None) -> None:
    """Switches the times on or off, or says which it is."""
    if state is not None:
        session.timing = state == "on"
    session.narrate(f"timing {'on' if session.timing else 'off'}")


def output(session: Session, target: tuple[str, ...]) -> None:
    """Sends results to a file or a program, or to the screen again."""
    if not target:
        session.direct(None)
        session.narrate("results go to the screen")
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
        session.direct(None)
        session.program = words
        session.narrate(f"results go to {words[0]}")
        return
    if others:
        message = "output takes one file: quote a name with spaces in it."
        raise InvalidArgument(message)
    session.context.allow_file(first)
    first = os.path.expanduser(first)  # noqa: PTH111
    try:
        session.direct(open(first, "wb"), first)  # noqa: PTH123, SIM115
    except OSError as problem:
        raise unwritable(first, problem) from problem
    session.narrate(f"results go to {first}")


def last(session: Session) -> None:
    """Shows the last result whole."""
    from lakebed._cli.shell.asking import show_last

    if session.last_query is None:
        message = "There is no result yet: ask something first."
        raise InvalidArgument(message)
    show_last(session, session.last_query)


def watch(session: Session, seconds: int) -> None:
    """Runs the last query again and again, each time on the newest commit, until Ctrl-C."""
    from lakebed._cli.shell.asking import ask

    query = session.last_query
    if query is None:
        message = "There is no query to watch yet: ask something first."
        raise InvalidArgument(message)
    if not session.interactive:
        message = "`watch` needs a terminal."
        raise InvalidArgument(message)
    if seconds < 1:
        message = f"watch {seconds} would never rest: give 1 second or more."
        raise InvalidArgument(message)
    pages, session.pager = session.pager, None
    try:
        while True:
            if os.environ.get("TERM") != "dumb":
                sys.stdout.write("\x1b[H\x1b[2J")
            session.narrate(f"{time.strftime('%H:%M:%S')}, again every {seconds} s until Ctrl-C")
            ask(session, Piece("sql", query, 0, len(query), terminated=True, sql=query))
            # A Ctrl-C in code that cannot fail, such as what frees the answer, was dropped there.
            check()
            time.sleep(seconds)
    except KeyboardInterrupt:
        # That is how it ends.
        return
    finally:
        session.pager = pages


def read(session: Session, file: str) -> int:
    """Runs the statements of a file."""
    session.context.allow_file(file)
    text = read_statements(Path(file).expanduser(), file)
    return _nested(session, text, f"{file} reads itself, through {_DEEPEST} others: it was not read again.")


_DEEPEST = 20


def _nested(session: Session, text: str, refusal: str) -> int:
    """Runs statements that a statement asks for, unless those it is among are as deep as they may be."""
    if session.depth >= _DEEPEST:
        raise InvalidArgument(refusal)
    session.depth += 1
    try:
        return session.run(text)
    finally:
        session.depth -= 1


def save(session: Session, name: str) -> None:
    """Keeps the last query."""
    if session.last_statement is None:
        message = "There is no query to save yet: ask something first."
        raise InvalidArgument(message)
    session.context.allow_file(name)
    path = session.queries.save(name, session.last_statement)
    session.narrate(f"saved in {path}; call {name}; runs it")


def call(session: Session, name: str | None) -> int | None:
    """Runs a saved query, or lists them."""
    if name is not None:
        text = session.queries.load(name)
        return _nested(session, text, f"{name} calls itself: it was not run again.")
    names = session.queries.names()
    if not names:
        session.narrate("no query is saved; save NAME; keeps the last one")
    for one in names:
        session.context.say(f"{one}: {render.cut(render.escaped(' '.join(session.queries.load(one).split())), 80)}")
    return None


def edit(session: Session) -> None:
    """Opens the last statement in the editor; what is saved there is on the next prompt."""
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
        with pager.deaf():
            try:
                code = subprocess.run([*editor, str(path)], check=False).returncode
            except OSError as problem:
                message = f"The editor {editor[0]} cannot be run: set $EDITOR."
                raise error("io", message, problem.errno) from problem
        if code == 0:
            session.next_text = path.read_text(encoding="utf-8").strip()


def history(session: Session, word: str | None) -> None:
    """Shows what was typed."""
    from lakebed._cli.shell.asking import screen

    entries = session.history.entries() if session.history is not None else []
    found = [one for one in entries if word is None or word.lower() in one.statement.lower()]
    lines = [
        line
        for one in found
        for line in (session.context.style.dim(f"-- {one.at[:19]}"), *map(render.escaped, one.statement.splitlines()))
    ]
    pager.show(lines, screen(session), session.pager)
    sys.stdout.flush()
