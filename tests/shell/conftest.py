"""What the tests of the shell share: a store with a few events, sessions on it, and a terminal of our own."""

from __future__ import annotations

import json
import os

import pytest

import lakebed
from lakebed._cli.shell.execute import run_text
from lakebed._cli.shell.session import Session

EVENTS = [
    {"type": "push", "n": 1, "user": {"name": "Zoë", "age": 3}},
    {"type": "pull", "n": 2, "user": {"name": "値", "age": 4}},
    {"type": "push", "n": 3, "user": None},
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with a store of events, and settings of nobody."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LAKEBED_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("LAKEBED_CONFIG", str(tmp_path / "settings" / "config.toml"))
    monkeypatch.setenv("LAKEBED_HISTORY", str(tmp_path / "state" / "history.ndjson"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "30")
    monkeypatch.setenv("PAGER", "cat")
    with lakebed.open("data.lakebed") as store:
        store.append("events", EVENTS)
    (tmp_path / "more.ndjson").write_text("".join(json.dumps({"type": "late", "n": n}) + "\n" for n in range(3)))
    return tmp_path


@pytest.fixture
def session(place):
    """A shell as a person has it."""
    session = Session({}, interactive=True)
    session.timing = False
    session.pager = None
    yield session
    session.close()


@pytest.fixture
def say(session, capsys):
    """Runs a text in the shell; what it wrote. A failure is `error: ...` in it."""

    def say(text, code=0):
        assert run_text(session, text) == code, capsys.readouterr()
        written = capsys.readouterr()
        return written.out + written.err

    return say
