"""How results look."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from lakebed._cli import render
from lakebed._cli.render import PLAIN, Column, described, laid_out, width
from lakebed._cli.results.execution import Result
from lakebed._cli.shell import pager
from lakebed._cli.shell.display import in_format, table, whole_table
from lakebed._cli.shell.screen import Screen

SCREEN = Screen(width=60, height=20, rows=40, null="NULL", style=PLAIN)


def result(columns, rows):
    return Result(columns, iter(rows), [False] * len(columns), "SELECT")


def shown(answer):
    lines = list(answer.lines)
    return lines, answer.footer()


def test_only_the_rows_that_fit_are_taken():
    taken = []

    def rows():
        for number in range(1_000_000):
            taken.append(number)
            yield [str(number)]

    lines, footer = shown(table(result([Column("n", "BIGINT")], rows()), SCREEN, records=True))
    assert footer == "the first 7 rows, there are more, 1 column: type last to see everything"
    assert len(lines) == 7 + 5
    assert len(taken) == 8


@pytest.mark.parametrize("height", range(9, 60))
def test_a_table_is_never_longer_than_the_screen(height):
    screen = replace(SCREEN, height=height)
    lines, _ = shown(table(result([Column("n", "BIGINT")], [[str(n)] for n in range(100)]), screen, records=True))
    # Its footer and the next prompt are below.
    assert 6 <= len(lines) <= height - 3


def test_a_footer_says_that_values_are_cut():
    lines, footer = shown(table(result([Column("a")], [["x" * 100]] * 2), SCREEN, records=False))
    assert footer == "2 rows, 1 column (cut to fit): type last to see everything"
    assert any("…" in line for line in lines)


def test_records_that_would_not_fit_on_the_screen_are_a_table():
    long = [Column("a"), Column("b")], [["x" * 1000, "y"]] * 2
    assert shown(table(result(*long), SCREEN, records=True))[0][0].startswith("┌")
    assert shown(table(result(*long), replace(SCREEN, height=60), records=True))[0][0].startswith("── row 1")


class TestPager:
    @pytest.fixture
    def paged(self, tmp_path, monkeypatch, capfd):
        """What the pager was told and given; nothing where there was no need for it."""
        monkeypatch.delenv("LESS", raising=False)
        program = ["sh", "-c", f"echo $LESS; cat; echo > {tmp_path}/used"]

        def paged(lines, **more):
            pager.show(lines, SCREEN, program, **more)
            sys.stdout.flush()
            was_used = (tmp_path / "used").exists()
            (tmp_path / "used").unlink(missing_ok=True)
            written = capfd.readouterr().out
            return written if was_used else ""

        return paged

    def test_it_gets_what_is_longer_than_the_screen(self, paged):
        assert not paged(["x"] * 17)
        assert paged(["x"] * 18).count("x") == 18
        # A line that is wrapped takes several.
        assert not paged(["x" * 60] * 17)
        assert paged(["x" * 61] * 10)
        assert not paged([PLAIN.bold("値") * 30] * 17)

    def test_tables_scroll_sideways_and_all_else_is_wrapped(self, paged):
        assert paged(["x"] * 100, is_wide=True).startswith("-RSX\n")
        assert paged(["x"] * 100).startswith("-RX\n")


def test_types_are_under_the_names_and_numbers_on_the_right():
    lines, footer = shown(
        table(result([Column("n", "BIGINT"), Column("text")], [["1", "a"], ["1000", None]]), SCREEN, records=True)
    )
    assert lines[1:6] == [
        "│      n │ text    │",
        "│ bigint │ varchar │",
        "├────────┼─────────┤",
        "│      1 │ a       │",
        "│   1000 │ NULL    │",
    ]
    assert footer == "2 rows, 2 columns"


def test_what_does_not_fit_as_a_table_is_shown_as_records_where_those_fit():
    columns = [Column(f"column_{number}") for number in range(12)]
    lines, _ = shown(table(result(columns, [["x" * 10] * 12]), SCREEN, records=True))
    assert lines[0].startswith("── row 1")
    assert lines[1] == " column_0  xxxxxxxxxx"
    lines, footer = shown(table(result(columns, [["x" * 10] * 12] * 3), SCREEN, records=True))
    assert lines[0].startswith("┌")
    assert "12 columns (4 shown): type last to see everything" in footer
    lines, _ = shown(table(result(columns, [["x" * 10] * 12]), SCREEN, records=False))
    assert lines[0].startswith("┌")


def test_nothing_in_the_data_can_break_the_screen():
    nasty = [
        "\x1b[31mred\x1b[0m",
        "a\tb\r\nc",
        "[bold]markup[/bold]",
        "値値値",
        "\u202egnp.exe",
        "e\u0301",
        "\x07\x00",
        "👩‍👩‍👧",
    ]
    lines, _ = shown(table(result([Column("x")], [[one] for one in nasty]), SCREEN, records=False))
    assert len({width(line) for line in lines}) == 1
    assert all(character.isprintable() or character in "\u200d\u0301" for line in lines for character in line)
    assert any("[bold]markup[/bold]" in line for line in lines)
    # Nothing but a line break begins a line.
    odd = "a\u2028b\x0bc\x1ed\x85e\nf"
    lines = list(in_format(result([Column("x")], [[odd]]), "vertical", SCREEN).lines)
    assert lines[1:] == ["x  a\\u2028b\\x0bc\\x1ed\\x85e", "   f"]
    for line in in_format(result([Column("x")], [[one] for one in nasty]), "vertical", SCREEN).lines:
        assert "\x1b" not in line
        assert "\x07" not in line


def test_the_pager_gets_everything():
    rows = [[str(number), "long " * 50] for number in range(2500)]
    lines, footer = shown(whole_table(result([Column("n", "BIGINT"), Column("text")], rows), SCREEN))
    assert sum(("long " * 50).strip() in line for line in lines) == 2500
    assert footer == "2,500 rows, 2 columns"
    lines, footer = shown(whole_table(result([Column("n")], []), SCREEN))
    assert footer == "0 rows, 1 column"
    assert lines[0] == "┌─────────┐"


def test_the_pager_shows_long_values_whole_and_pads_only_what_is_near_them():
    long = "begin" + "x" * 1_500_000 + "end"
    rows = [[str(number), long if number == 700 else "short"] for number in range(2000)]
    lines, footer = shown(whole_table(result([Column("n", "BIGINT"), Column("text")], rows), SCREEN))
    assert sum(long in line for line in lines) == 1
    assert footer == "2,000 rows, 2 columns"
    assert sum(map(len, lines)) < 20_000_000


def test_all_rows_of_a_long_table_fit_the_width():
    screen = replace(SCREEN, rows=0)
    rows = [[str(number), "long " * number] for number in range(3000)]
    lines, footer = shown(table(result([Column("n", "BIGINT"), Column("text")], rows), screen, records=True))
    assert len(lines) == 3000 + 5
    assert {width(line) for line in lines} == {60}
    assert footer == "3,000 rows, 2 columns (cut to fit): type last to see everything"


def test_a_long_value_in_a_record_is_whole():
    long = "begin" + "x" * 17_000 + "end"
    lines, _ = shown(table(result([Column("message")], [[long]]), SCREEN, records=True))
    assert lines[1] == f"message  {long}"


def test_a_cell_that_is_cut_has_its_mark_also_after_characters_without_width():
    (line,) = render.box([Column("a")], [["\u0301" * 5000 + "rest"]], 20).lines[4:5]
    assert "…" in line
    assert render.width(line) <= 20


def test_json_is_laid_out_in_records_and_keeps_its_digits():
    text = '{"a":[1,2.50,{"b":"x, {y}: \\"z\\""}],"c":{},"d":[ ],"e":12345678901234567890.10,"f":null}'
    assert laid_out(text).splitlines() == [
        "{",
        '  "a": [',
        "    1,",
        "    2.50,",
        "    {",
        '      "b": "x, {y}: \\"z\\""',
        "    }",
        "  ],",
        '  "c": {},',
        '  "d": [],',
        '  "e": 12345678901234567890.10,',
        '  "f": null',
        "}",
    ]
    assert laid_out('{"a":1}') == '{"a":1}'
    lines, _ = shown(in_format(result([Column("j", "JSON")], [[text]]), "vertical", SCREEN))
    assert lines[1:3] == ["j  {", '     "a": [']


def test_binary_data_is_described():
    assert described(20000, b"\x89PNG\r\n\x1a\n" + bytes(24)) == "PNG, 20.0 kB, \\x89PNG\\x0d\\x0a\\x1a\\x0a…"
    assert described(5, b"hello") == "text, 5 bytes, hello"
    assert described(100, '{"a":"éé'.encode()[:-1]) == 'JSON, 100 bytes, {"a":"é…'
    assert described(90, bytes(range(100, 132))).startswith("binary, 90 bytes, defghijk…")
    assert described(5, b"a\x1bbcd") == "binary, 5 bytes, a\\x1bbcd"
    assert described(2, b"\xff\x00") == "binary, 2 bytes, \\xff\\x00"


def test_a_json_array_is_one_value():
    columns = [Column("n", "BIGINT")]
    results: list[list[list[str | None]]] = [[], [["1"]], [["1"], ["2"], [None]]]
    for rows in results:
        text = "\n".join(render.json_array(columns, rows, [True]))
        assert json.loads(text) == [{"n": None if row[0] is None else int(row[0])} for row in rows]
