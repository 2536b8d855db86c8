"""Keys typed into the line editor: what comes out of it."""

from __future__ import annotations

import threading
import time

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from lakebed._cli.shell.completion_catalog import Column, CompletionCatalog, Table
from lakebed._cli.shell.history import History
from lakebed._cli.shell.line_editor import LineEditor

EVENTS = Table("events", "data.main", (Column("type", "VARCHAR"), Column("number_of_things", "BIGINT")))
CATALOG = CompletionCatalog(
    {"events": EVENTS, "main.events": EVENTS},
    functions=("count",),
    keywords=("select", "from"),
    reserved=frozenset(("select",)),
    collections=("events",),
)

CTRL_C, CTRL_D, CTRL_R, TAB, ENTER, UP, RIGHT, ESCAPE = "\x03", "\x04", "\x12", "\t", "\r", "\x1b[A", "\x1b[C", "\x1b"


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "history.ndjson", "data.lakebed")
    yield history
    history.close()


@pytest.fixture
def typed(history):
    """What the prompt gives for keys, one text for each Enter that finishes a statement."""

    def typed(*keys, times=1, output=None, **settings):
        with create_pipe_input() as pipe, create_app_session(input=pipe, output=output or DummyOutput()):
            editor = LineEditor("data", lambda: CATALOG, history, **settings)

            def press():
                for key in keys:
                    time.sleep(0.2)
                    # A key may also be something to wait for.
                    until = time.monotonic() + 30
                    while callable(key) and not key() and time.monotonic() < until:
                        time.sleep(0.05)
                    if not callable(key):
                        pipe.send_text(key)

            typist = threading.Thread(target=press)
            typist.start()
            try:
                found = [editor.read() for _ in range(times)]
            finally:
                typist.join()
        return found[0] if times == 1 else found

    return typed


def test_enter_runs_a_finished_statement_and_goes_on_with_another(typed):
    assert typed("SELECT 1;", ENTER) == "SELECT 1;"
    assert typed("SELECT 1", ENTER, "+ 2;", ENTER) == "SELECT 1\n+ 2;"
    assert typed("stats", ENTER) == "stats"
    assert typed("SELECT 'é", ENTER, "値';", ENTER) == "SELECT 'é\n値';"


def test_alt_enter_begins_a_line_anyway(typed):
    assert typed("stats", ESCAPE, ENTER, ";", ENTER) == "stats\n;"


def test_tab_completes_and_enter_takes_a_completion_without_running(typed):
    assert typed("SELECT number_of", TAB, " FROM events;", ENTER).startswith("SELECT number_of") is True
    assert typed("FROM even", TAB, ";", ENTER) in ("FROM events;", "FROM even;")


def test_ctrl_c_and_ctrl_d(typed):
    with pytest.raises(KeyboardInterrupt):
        typed("SELECT", CTRL_C)
    with pytest.raises(EOFError):
        typed(CTRL_D)


def test_up_brings_back_the_whole_statement(typed, history):
    assert typed("SELECT 1", ENTER, "+ 2;", ENTER, UP, ENTER, times=2) == ["SELECT 1\n+ 2;"] * 2
    assert [one.statement for one in history.entries()] == ["SELECT 1\n+ 2;"]


def test_ctrl_r_finds_a_whole_statement_of_an_earlier_shell(typed, history):
    history.add("SELECT needle\nFROM events;")
    history.add("SELECT other;")
    assert typed(CTRL_R, "needle", ENTER, ENTER) == "SELECT needle\nFROM events;"


def test_a_leading_space_keeps_a_line_out(typed, history):
    assert typed(" SELECT 'secret';", ENTER, "SELECT 1;", ENTER, times=2) == [" SELECT 'secret';", "SELECT 1;"]
    assert [one.statement for one in history.entries()] == ["SELECT 1;"]


def test_right_takes_the_rest_of_an_earlier_statement(typed, history):
    history.add("SELECT needle FROM events;")
    assert typed("SELECT nee", RIGHT, ENTER) == "SELECT needle FROM events;"
    # The newest comes first, and what nothing began with stays as it is.
    history.add("SELECT neon FROM events;")
    assert typed("SELECT ne", RIGHT, ENTER) == "SELECT neon FROM events;"
    assert typed("SELECT x;", RIGHT, ENTER) == "SELECT x;"


def test_an_earlier_statement_is_shown_in_grey_and_not_taken_unasked(typed, history):
    history.add("SELECT needle FROM events;")
    text = drawn(typed, "SELECT needle", ";", ENTER)
    assert "\x1b[0;90m FROM events;" in text
    assert typed("SELECT needle", ";", ENTER) == "SELECT needle;"


def test_vi_keys(typed):
    assert typed("SELECT 1;", ESCAPE, "0iX", ESCAPE, "x", ENTER, keys="vi") == "SELECT 1;"


class Screen:
    """Takes what is drawn."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    encoding = "utf-8"

    def isatty(self):
        return True


class Output(Vt100_Output):
    """Knows that there is room for a menu; a terminal is asked."""

    def get_rows_below_cursor_position(self):
        return 20


def drawn(typed, *keys, screen=None, **settings):
    screen = screen or Screen()
    output = Output(screen, lambda: Size(20, 70), term="xterm-256color", enable_cpr=False)
    typed(*keys, output=output, **settings)
    return screen.text


def test_keywords_are_green_and_an_open_quote_is_red(typed):
    text = drawn(typed, "SELECT 'x", ENTER, "';", ENTER)
    assert "\x1b[0;32mSELECT" in text or "\x1b[0;32mS" in text
    assert "\x1b[0;31m'" in text


def test_completions_come_up_while_typing(typed):
    screen = Screen()
    # The name and, in the menu, its type: nobody asked with Tab.
    text = drawn(typed, "SELECT number_of_th", lambda: "bigint" in screen.text, ESCAPE, "ings;", ENTER, screen=screen)
    assert "number_of_things" in text
    assert "bigint" in text


def test_without_color_there_is_none(typed):
    text = drawn(typed, "SELECT 'x';", ENTER, color=False)
    assert "\x1b[0;32m" not in text
    assert "\x1b[0;33m" not in text
