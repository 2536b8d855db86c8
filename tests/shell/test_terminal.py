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

import lakebed
from tests.prompts.server import FakeOllama

PROGRAM = Path(sys.executable).with_name("lakebed")
LONG = "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3;"
PATIENCE = 15


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

    def wait_quiet(self, seconds=10):
        """Reads until nothing more comes, this long at most."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and select.select([self.master], [], [], 0.5)[0]:
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
@pytest.mark.parametrize("busy", [None, LONG, "SELECT 1 | ! sleep 100;"])
def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was(terminal, number, busy):
    shell = terminal()
    shell.wait_quiet()
    assert termios.tcgetattr(shell.slave) != shell.before
    if busy:
        shell.send(busy + "\r")
        shell.wait_for(busy)
        shell.wait_quiet(2)
    shell.process.send_signal(number)
    assert shell.ended() == 128 + number
    assert termios.tcgetattr(shell.slave) == shell.before


def test_ctrl_c_ends_a_program_that_does_not_listen_to_it(terminal):
    shell = terminal()
    for rows in ("SELECT 1", "FROM range(100000000)"):
        shell.ask(f"{rows} | ! sh -c 'trap : INT TERM; echo READY; while :; do sleep 0.1; done';", "READY\r")
        began = time.monotonic()
        shell.send("\x03")
        shell.wait_for("Interrupted.")
        assert time.monotonic() - began < 5
        shell.wait_quiet()
    shell.ask("SELECT 40 + 2 AS x;", "42")
    assert shell.leave() == 0


def test_ctrl_z_is_no_character(terminal):
    shell = terminal()
    # It suspends the shell, where there is another one to go back to.
    shell.send("SELECT 40 \x1a+ 2 AS x;\r")
    assert "42 │" in shell.wait_for("1 row")
    assert shell.leave() == 0


def test_a_table_fits_the_terminal_as_it_is_now(terminal):
    shell = terminal()
    wide = f"SELECT {', '.join(f'repeat(chr(97), 30) AS c{n}' for n in range(4))} FROM range(20);"
    narrow = shell.ask(wide, "20 rows (first 11 and last 5 shown), 4 columns (cut to fit)")
    assert {len(line) for line in narrow.splitlines() if line.startswith("│")} == {80}
    shell.resize(40, 150)
    broad = shell.ask(wide, "20 rows, 4 columns")
    assert "┌" + "─" * 32 + "┬" in broad
    assert "cut to fit" not in broad


def test_the_terminal_may_change_while_somebody_types_and_while_a_query_runs(terminal):
    shell = terminal()
    shell.send("SELECT 'abc' AS typed, ")
    shell.wait_for("typed,")
    shell.resize(12, 40)
    shell.wait_quiet()
    assert "42 │" in shell.ask("42 AS x;", "1 row")
    # 12 lines: no more than fit, and no pager.
    lines = shell.ask("FROM range(100);", "100 rows (first 4 shown)").splitlines()
    assert len([line for line in lines if line.startswith(("│", "┌", "├", "└"))]) == 9
    shell.ask(LONG, "Ctrl-C stops it")
    shell.resize(30, 120)
    shell.wait_for("Ctrl-C stops it")
    shell.send("\x03")
    shell.wait_for("Interrupted.")
    assert "│ " + "x" * 100 + " │" in shell.ask("SELECT repeat('x', 100) AS x;", "1 row, 1 column")
    assert shell.leave() == 0


def test_the_pager_hears_of_another_size(terminal, tmp_path):
    sized = tmp_path / "pager.py"
    sized.write_text(
        f"#!{sys.executable}\nimport os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])\n"
        "print(os.get_terminal_size(1), flush=True)\nsignal.sigtimedwait([signal.SIGWINCH], 60)\n"
        "print('NOW', os.get_terminal_size(1))\n"
    )
    sized.chmod(0o755)
    shell = terminal(PAGER=str(sized))
    shell.ask("FROM range(100);", "100 rows (first 11")
    shell.ask("last", "os.terminal_size(columns=80, lines=30)")
    shell.resize(20, 60)
    shell.wait_for("NOW os.terminal_size(columns=60, lines=20)")
    shell.ask("SELECT 40 + 2 AS x;", "42")
    assert shell.leave() == 0


def test_watch_sees_what_others_add_until_ctrl_c(terminal):
    shell = terminal()
    shell.ask("SELECT 'rows: ' || count(*) AS c FROM events;", "rows: 3")
    shell.ask("watch 1", "rows: 3")
    with lakebed.open("data.lakebed") as store:
        store.append("events", [{"n": 4}])
    shell.wait_for("rows: 4")
    shell.send("\x03")
    shell.wait_quiet()
    shell.ask("SELECT 40 + 2 AS x;", "42")
    assert shell.leave() == 0


def test_models_are_completed_once_the_server_is_known_and_not_asked_before(terminal, monkeypatch):
    server = FakeOllama().start()
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    try:
        shell = terminal()
        shell.ask("SELECT 40 + 2 AS x;", "42")
        shell.send("prompt lla")
        shell.wait_quiet()
        assert server.connections == 0
        shell.send("\x03")
        shell.ask("models", "8 columns")
        shell.wait_quiet()
        shell.send("prompt lla")
        shell.wait_for("llama3.2:latest  model")
        shell.send("\x03")
        assert shell.leave() == 0
    finally:
        server.stop()


def test_the_pager_may_be_left_at_any_time(terminal, tmp_path):
    counted = tmp_path / "pager.sh"
    counted.write_text("#!/bin/sh\nhead -n 5\necho PAGER ENDED\n")
    counted.chmod(0o755)
    shell = terminal(PAGER=str(counted))
    shell.ask("FROM range(1000000000000);", "there are more")
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


def test_ctrl_c_in_the_pager_does_not_reach_the_next_statement(terminal, tmp_path):
    reading = tmp_path / "pager.sh"
    reading.write_text("#!/bin/sh\ntrap 'echo HEARD' INT\necho READING\nwhile read -r line; do :; done\nsleep 0.2\n")
    reading.chmod(0o755)
    shell = terminal(PAGER=str(reading))
    for rows in ("range(100)", "range(1000000000000)", "events, range(100000)"):
        shell.ask("format csv", "format csv")
        shell.ask(f"FROM {rows};", "READING")
        shell.send("\x03")
        shell.wait_for("data>")
        assert "Interrupted" not in shell.ask("SELECT 40 + 2 AS x FROM events LIMIT 1;", "1 row")
    assert shell.leave() == 0


def test_the_time_in_the_pager_is_not_the_statements(terminal, tmp_path):
    slow = tmp_path / "pager.sh"
    slow.write_text("#!/bin/sh\ncat > /dev/null\nsleep 3\necho PAGER ENDED\n")
    slow.chmod(0o755)
    shell = terminal(PAGER=str(slow))
    shell.ask("format csv", "format csv")
    shell.ask("FROM range(100);", "PAGER ENDED")
    seconds = re.search(r"100 rows, 1 column, ([\d.]+) (ms|s)", shell.wait_for("data>"))
    assert seconds is not None
    assert seconds[2] == "ms" or float(seconds[1]) < 3
    assert shell.leave() == 0


def test_a_dumb_terminal_has_no_pager_and_no_color(terminal, monkeypatch):
    monkeypatch.delenv("NO_COLOR")
    shell = terminal(TERM="dumb", PAGER="false")
    shell.send("format csv\r")
    shell.send("FROM range(100);\r")
    shell.wait_for("100 rows, 1 column")
    assert "\x1b[2m" not in shell.seen
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


def test_nothing_heavy_is_imported_before_the_prompt(place):
    text = (
        "import sys, lakebed._cli.shell.line_editor, lakebed._cli.shell.loop; "
        "print({'duckdb', 'pyarrow', 'httpx', 'rich', 'pandas', 'asyncssh'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


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

    def test_statements_may_be_given_or_stand_in_a_file(self, place):
        (place / "a.sql").write_text("SELECT 2 AS x;\ncollections --format csv\n")
        assert self.run("-c", "SELECT 1 AS x; format csv; SELECT 42 AS x", text="").stdout == '{"x":1}\nx\n42\n'
        done = self.run("-f", "a.sql", text="SELECT 9 AS x;")
        assert done.stdout.startswith('{"x":2}\nname,rows,')
        assert self.run("-f", "-", text="SELECT 3 AS x;").stdout == '{"x":3}\n'
        assert self.run("data.lakebed", "-c", "SELECT 4 AS x", text="").stdout == '{"x":4}\n'
        assert self.run("-c", "SELECT 5 AS x", "data.lakebed", text="").stdout == '{"x":5}\n'
        for arguments, code in (
            (("-c", "SELECT 1", "-f", "a.sql"), 2),
            (("-c", "SELECT 1", "stats"), 2),
            (("-f", "nosuch.sql"), 7),
            (("--safe", "-c", "SELECT 1 | ! true"), 2),
        ):
            done = self.run(*arguments, text="")
            assert (done.returncode, done.stdout) == (code, ""), done.stderr

    def test_a_table_says_what_it_leaves_out_here_too(self, place, monkeypatch):
        monkeypatch.setenv("LAKEBED_FORMAT", "table")
        monkeypatch.setenv("LAKEBED_ROWS", "2")
        assert self.run(text="FROM range(5);").stdout.endswith(
            "  5 rows (first 2 shown), 1 column: format vertical shows everything\n"
        )

    def test_what_is_no_text_is_told(self, place):
        done = subprocess.run([PROGRAM], input=b"SELECT '\xff';", capture_output=True, check=False, timeout=120)
        assert done.returncode == 2
        assert done.stderr == b"error: Standard input is not UTF-8 text: character 9 is the byte 0xff.\n"

    def test_a_missing_store_is_told(self, place):
        done = self.run("nosuch.lakebed", text="SELECT 1;")
        assert done.returncode == 5
        assert "There is no store at" in done.stderr
