"""The installed program on a terminal: what signals, sizes and other programs do to it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("lakebed")
LONG = "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3;"
PATIENCE = 60


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, *arguments, **environ):
        self.master, self.slave = pty.openpty()
        self.resize(30, 80)
        self.before = termios.tcgetattr(self.slave)
        # Nobody answers questions about the cursor here.
        environ = {**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1", **environ}
        environ.pop("COLUMNS", None)
        environ.pop("LINES", None)
        self.process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environ,
            preexec_fn=self._lead,  # noqa: PLW1509
        )
        self.seen = ""

    def _lead(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def resize(self, lines, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def send(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, text, times=1):
        """Reads until the text has been seen since the last call; what was seen."""
        until = time.monotonic() + PATIENCE
        while self.plain.count(text) < times:
            left = until - time.monotonic()
            ready = select.select([self.master], [], [], max(left, 0))[0]
            assert ready, f"{text!r} did not come: {self.plain[-2000:]!r}"
            with contextlib.suppress(OSError):
                piece = os.read(self.master, 65536)
                self.seen += piece.decode(errors="replace")
                continue
            raise AssertionError(f"the shell ended before {text!r}: {self.plain[-2000:]!r}")
        found, self.seen = self.plain, ""
        return found

    @property
    def plain(self):
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]", "", self.seen)

    def ask(self, text, answer):
        self.send(text + "\r")
        return self.wait_for(answer)

    def leave(self):
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            self.wait_quiet()
            # One that comes before the prompt has taken the terminal over is lost.
            self.send("\x04")
            self._read_on(5)
        return self.process.wait(timeout=1)

    def wait_quiet(self):
        while select.select([self.master], [], [], 0.5)[0]:
            with contextlib.suppress(OSError):
                self.seen += os.read(self.master, 65536).decode(errors="replace")
                continue
            return

    def ended(self):
        self._read_on(PATIENCE)
        return self.process.wait(timeout=1)

    def _read_on(self, seconds):
        """Reads until the shell has ended, this long at most."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            if select.select([self.master], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.master, 65536).decode(errors="replace")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(place):
    """Starts a shell and waits for its prompt."""
    started = []

    def start(*arguments, prompt="data>", **environ):
        one = Terminal(*arguments, **environ)
        started.append(one)
        one.wait_for(prompt)
        return one

    yield start
    for one in started:
        one.close()


def test_ctrl_c_stops_a_query_and_keeps_the_shell(terminal):
    shell = terminal()
    shell.ask(LONG, "Ctrl-C stops it")
    began = time.monotonic()
    shell.send("\x03")
    shell.wait_for("Interrupted.")
    # A second, with slack for a busy machine.
    assert time.monotonic() - began < 5
    shell.ask(LONG, "Ctrl-C stops it")
    shell.send("\x03\x03\x03")
    shell.wait_for("Interrupted.")
    shell.ask("SELECT 40 + 2 AS x;", "42")
    assert shell.leave() == 0


def test_ctrl_c_at_the_prompt_clears_the_line(terminal):
    shell = terminal()
    shell.send("SELECT 13")
    shell.wait_for("13")
    shell.send("\x03")
    shell.wait_for("data>")
    shell.ask("SELECT 40 + 2 AS x;", "42")
    assert termios.tcgetattr(shell.slave) is not None
    assert shell.leave() == 0
    assert termios.tcgetattr(shell.slave) == shell.before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was(terminal, number):
    shell = terminal()
    shell.wait_quiet()
    assert termios.tcgetattr(shell.slave) != shell.before
    shell.process.send_signal(number)
    assert shell.ended() == 128 + number
    assert termios.tcgetattr(shell.slave) == shell.before


def test_a_table_fits_the_terminal_as_it_is_now(terminal):
    shell = terminal()
    wide = f"SELECT {', '.join(f'repeat(chr(97), 30) AS c{n}' for n in range(4))} FROM range(2);"
    narrow = shell.ask(wide, "2 rows, 4 columns")
    shell.resize(40, 150)
    shell.process.send_signal(signal.SIGWINCH)
    broad = shell.ask(wide, "2 rows, 4 columns")
    assert "a" * 30 not in narrow.split("─┐")[-1] or "row 1" in narrow
    assert "┌" + "─" * 32 + "┬" in broad


def test_the_pager_may_be_left_at_any_time(terminal, tmp_path):
    counted = tmp_path / "pager.sh"
    counted.write_text("#!/bin/sh\nhead -n 5\necho PAGER ENDED\n")
    counted.chmod(0o755)
    shell = terminal(PAGER=str(counted))
    shell.ask("FROM range(1000000000);", "there are more")
    seen = shell.ask("last", "PAGER ENDED")
    assert "int64" in seen or "bigint" in seen
    shell.ask("SELECT 40 + 2 AS x;", "42")
    assert shell.leave() == 0


def test_ctrl_c_belongs_to_the_pager_and_stops_its_query(terminal, tmp_path):
    reading = tmp_path / "pager.sh"
    reading.write_text(
        "#!/bin/sh\ntrap : INT\nhead -n 3\necho READING\nwhile read -r line; do :; done\necho PAGER ENDED\n"
    )
    reading.chmod(0o755)
    shell = terminal(PAGER=str(reading))
    shell.ask("SELECT * FROM range(1000000000000);", "there are more")
    shell.ask("last", "READING")
    shell.send("\x03")
    shell.wait_for("PAGER ENDED")
    shell.ask("SELECT 40 + 2 AS x;", "42")
    assert shell.leave() == 0


def test_the_history_is_kept_for_the_next_shell(terminal, place):
    shell = terminal()
    shell.ask("SELECT 4 * 10\r + 2 AS x;", "42")
    shell.ask(" SELECT 'sec' || 'ret' AS y;", "secret")
    assert shell.leave() == 0
    lines = [json.loads(line) for line in (place / "state/history.ndjson").read_text().splitlines()]
    assert [line["statement"].split() for line in lines] == ["SELECT 4 * 10 + 2 AS x;".split()]
    assert (place / "state/history.ndjson").stat().st_mode & 0o777 == 0o600
    again = terminal()
    again.send("\x1b[A")
    again.wait_for("+ 2 AS x;")
    again.send("\r")
    again.wait_for("42")
    assert again.leave() == 0


def test_the_editor_edits_the_last_statement(terminal, tmp_path):
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i s/13/42/ "$1"\n')
    editor.chmod(0o755)
    shell = terminal(EDITOR=str(editor))
    shell.ask("SELECT 13 AS x;", "13")
    shell.wait_for("data>")
    shell.ask("edit", "SELECT 42 AS x;")
    shell.send("\r")
    shell.wait_for("1 row")
    assert shell.leave() == 0


def test_ctrl_x_ctrl_e_edits_the_line_and_runs_it(terminal, tmp_path):
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i s/13/42/ "$1"\n')
    editor.chmod(0o755)
    shell = terminal(EDITOR=str(editor))
    shell.send("SELECT 13 AS x;")
    shell.wait_for("13")
    shell.send("\x18\x05")
    assert "42 │" in shell.wait_for("1 row, 1 column")
    assert shell.leave() == 0


def test_safe_shells_open_no_editor(terminal, tmp_path):
    editor = tmp_path / "editor.sh"
    editor.write_text(f'#!/bin/sh\ntouch {tmp_path}/ran\nsed -i s/13/42/ "$1"\n')
    editor.chmod(0o755)
    shell = terminal("--safe", EDITOR=str(editor))
    shell.send("SELECT 13 AS x;")
    shell.wait_for("13")
    shell.send("\x18\x05\r")
    assert "13 │" in shell.wait_for("1 row, 1 column")
    assert not (tmp_path / "ran").exists()
    assert shell.leave() == 0


def test_the_store_may_be_named(terminal, place):
    (place / "data.lakebed").rename(place / "other.lakebed")
    shell = terminal("other.lakebed", prompt="other>")
    shell.ask("SELECT count(*) + 39 AS c FROM events;", "42")
    assert shell.leave() == 0


class TestWithoutATerminal:
    def run(self, *arguments, text):
        return subprocess.run(
            [PROGRAM, *arguments], input=text, capture_output=True, text=True, check=False, timeout=120
        )

    def test_statements_come_from_standard_input(self, place):
        done = self.run(
            text="SELECT n FROM events ORDER BY n LIMIT 1; ingest more.ndjson\nSELECT count(*) AS c FROM more;"
        )
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert (lines[0], lines[1]["rows"], lines[2]) == ({"n": 1}, 3, {"c": 3})
        assert "\x1b" not in done.stdout + done.stderr
        assert not (place / "state").exists()

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("SELECT nosuch;", 1),
            ("quti", 2),
            ("ingest nosuch.ndjson", 7),
            ("drop nosuch --yes;", 5),
            ("quit", 0),
            ("SELECT 1", 0),
        ],
    )
    def test_it_ends_with_the_code_of_the_first_error(self, place, text, code):
        done = self.run(text=f"{text}; SELECT 42 AS x;" if code else text)
        assert done.returncode == code, done.stderr
        assert "42" not in done.stdout

    def test_a_missing_store_is_told(self, place):
        done = self.run("nosuch.lakebed", text="SELECT 1;")
        assert done.returncode == 5
        assert "There is no store at" in done.stderr
