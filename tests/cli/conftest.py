"""What the tests of the commands share: the installed program, run as a user's shell runs it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("lakebed")


@dataclass
class Done:
    code: int
    out: bytes
    err: str

    @property
    def text(self):
        return self.out.decode()

    @property
    def rows(self):
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty directory with no settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LAKEBED_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAKEBED_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("TERM", "xterm-256color")
    return tmp_path


@pytest.fixture
def run(place):
    """Runs a command in a pipe."""

    def run(*arguments, stdin=b"", before=(), **environment):
        done = subprocess.run(
            [*before, PROGRAM, *map(str, arguments)],
            cwd=place,
            env={**os.environ, **environment},
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode(errors="surrogateescape"))

    return run


@pytest.fixture
def on_terminal(place):
    """Runs a command on a terminal of 80 columns and gives what a person sees on standard output; standard error comes
    apart."""

    def run(*arguments, typed=b"", **environment):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            cwd=place,
            env={**os.environ, "COLUMNS": "80", **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave if typed else subprocess.PIPE,
        )
        os.close(slave)
        if typed:
            os.write(master, typed)
        seen = bytearray()
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        err = process.stderr.read().decode() if process.stderr else ""
        if process.stderr:
            process.stderr.close()
        os.close(master)
        return Done(process.wait(timeout=60), bytes(seen).replace(b"\r\n", b"\n"), err)

    return run


@pytest.fixture
def events(place):
    """Five lines, two of them equal."""
    path = place / "events.ndjson"
    lines = [
        {"type": "push", "n": 1, "at": "2026-01-01T00:00:00Z", "user": {"name": "Zoë"}},
        {"type": "pull", "n": 2, "at": "2026-01-02T00:00:00Z", "user": {"name": "値"}},
        {"type": "push", "n": 3, "at": "2026-01-03T00:00:00.5Z", "user": None},
        {"type": "line\nbreak", "n": 12345678901234567890, "at": None, "user": {"name": 'a "quoted", one'}},
        {"type": "push", "n": 1, "at": "2026-01-01T00:00:00Z", "user": {"name": "Zoë"}},
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return path


@pytest.fixture
def store(run, events):
    """A store `data.lakebed` with the events."""
    done = run("ingest", events)
    assert done.code == 0, done.err
    return events
