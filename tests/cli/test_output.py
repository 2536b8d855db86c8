"""What leaves lakebed: nothing is cut without a mark, and memory does not grow with the rows."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.cli.conftest import PROGRAM

LONG = "SELECT 'begin' || repeat('x', 17000) || 'end' AS message"


def test_a_record_on_a_terminal_shows_a_long_value_whole(on_terminal, store):
    seen = re.sub(r"\x1b\[\d+m", "", on_terminal("query", LONG, "--format", "vertical").text)
    assert "begin" + "x" * 17000 + "end" in seen


def test_a_table_on_a_terminal_marks_what_it_cuts(on_terminal, store):
    seen = re.sub(r"\x1b\[\d+m", "", on_terminal("query", LONG).text)
    assert "│ beginxxx" in seen
    assert "x… │" in seen
    assert "cut to fit" in seen


def test_a_table_in_a_pipe_is_whole_however_wide(run, store):
    text = run("query", "SELECT repeat('x', 1200000) AS a, 'end' AS b", "--format", "table").text
    assert "x" * 1_200_000 + " │ end" in text
    assert text.endswith("  1 row, 2 columns\n")


def test_the_columns_of_a_long_table_are_as_wide_as_all_rows_need(run, store):
    query = "SELECT CASE WHEN range = 60000 THEN repeat('w', 50) ELSE 'n' END AS a FROM range(70000)"
    text = run("query", query, "--format", "table", "--rows", 0).text
    lines = text.splitlines()
    assert len(lines) == 70000 + 6
    assert {len(line) for line in lines[:-1]} == {54}
    assert lines[-1] == "  70,000 rows, 1 column"


@pytest.mark.parametrize("form", ["table", "vertical", "markdown", "csv", "json", "ndjson"])
def test_memory_does_not_grow_with_the_rows(place, store, form):
    # 200 MB of text.
    query = "SELECT repeat('x', 1000) AS a FROM range(200000)"
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(
            [PROGRAM, "query", query, "--format", form, "--rows", "0"], cwd=place, stdout=nowhere
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    assert usage.ru_maxrss < 220_000, f"{usage.ru_maxrss} kB"
