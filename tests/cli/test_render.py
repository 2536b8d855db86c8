"""Results as text: what a person, a spreadsheet and a program see."""

from __future__ import annotations

import json

import pytest

from lakebed._cli import render
from lakebed._cli.render import Column, Row

A, N = Column("a"), Column("n", "BIGINT")


def drawn(columns, rows, places=80, **options):
    return render.box(columns, rows, places, **options).lines


def test_a_box_has_types_under_names_and_numbers_on_the_right():
    assert drawn([A, N], [["x", "1"], [None, "23"]]) == [
        "┌─────────┬────────┐",
        "│ a       │      n │",
        "│ varchar │ bigint │",
        "├─────────┼────────┤",
        "│ x       │      1 │",
        "│ NULL    │     23 │",
        "└─────────┴────────┘",
    ]


def test_without_rows_there_are_names_and_types():
    assert len(drawn([A], [])) == 5


@pytest.mark.parametrize("places", [20, 40, 79, 80, 200])
@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_no_line_is_wider_than_the_terminal(count, places):
    columns = [Column(f"column {number}", "VARCHAR" if number % 2 else "DOUBLE") for number in range(count)]
    rows = [["値" * number + "x" * (number * 7) for number in range(count)] for _ in range(3)]
    box = render.box(columns, rows, places)
    widths = {render.width(line) for line in box.lines}
    assert len(widths) == 1
    assert widths.pop() <= places


def test_narrow_columns_are_left_whole_and_the_widest_is_cut():
    box = render.box([A, Column("long")], [["abc", "y" * 100]], 40)
    assert "│ abc     │" in box.lines[4]
    assert "…" in box.lines[4]
    assert (box.has_cut, box.hidden_columns) == (True, 0)


def test_columns_in_the_middle_go_first_and_the_footer_says_so():
    columns = [Column(f"c{number}") for number in range(20)]
    box = render.box(columns, [[str(number) * 5 for number in range(20)]], 60)
    assert "c0" in box.lines[1]
    assert "c19" in box.lines[1]
    assert "c10" not in box.lines[1]
    assert box.hidden_columns > 0
    text = render.footer(1, 20, box, more=False)
    assert f"20 columns ({20 - box.hidden_columns} shown, cut to fit)" in text
    assert "--format vertical shows everything" in text


def test_system_columns_go_first_then_those_in_the_middle():
    names = [*(f"c{number}" for number in range(6)), "_seq", "_hash", "_file", "_line", "_ingested_at", "_json"]
    columns = [render.Column(name) for name in names]
    row = ["x" * 12] * len(names)
    heading = render.box(columns, [row], 72).lines[1]
    assert [name for name in names if name in heading] == ["c0", "c1", "c2", "c3", "c4", "c5"]
    heading = render.box(columns, [row], 50).lines[1]
    assert [name for name in names if name in heading] == ["c0", "c1", "c4", "c5"] or "c3" not in heading
    assert "_" not in heading


def test_names_and_numbers_are_whole_in_a_narrow_table():
    columns = [
        render.Column("description_of_it"), render.Column("identification", "BIGINT"),
        render.Column("at", "TIMESTAMP"), render.Column("x"),
    ]  # fmt: skip
    box = render.box(columns, [["long " * 40, "1234567890123456", "2026-11-29 17:00:00", "y"]], 80)
    assert "description_of_it" in box.lines[1]
    assert "1234567890123456" in box.lines[4]
    assert "2026-11-29 17:00:00" in box.lines[4]
    assert box.has_cut
    assert {len(line) for line in box.lines} == {80}


def test_names_that_begin_alike_can_be_told_apart():
    columns = [render.Column(f"column_with_a_long_common_beginning_{number}") for number in range(5)]
    heading = render.box(columns, [["x"] * 5], 120).lines[1]
    assert "_0 " in heading
    assert "_4 " in heading
    assert heading.count("…") >= 2


class TestCharts:
    def test_what_is_drawn_follows_from_the_columns(self):
        name, count = render.Column("name"), render.Column("n", "BIGINT")
        bars = list(render.chart([name, count], [["one", "4"], ["two", "8"], ["none", None]], 40, 8))
        assert bars[0].startswith("one  │████")
        assert bars[1].count("█") == 2 * bars[0].count("█")
        assert bars[2].split() == ["none", "│", "NULL"]
        assert all(len(line) <= 40 for line in bars)
        lines = list(
            render.chart([count, render.Column("y", "DOUBLE")], [[str(x), str(x * x)] for x in range(9)], 40, 8)
        )
        assert lines[0].startswith("64 ┤")
        assert lines[7].startswith(" 0 ┤")
        assert lines[-1] == "  y over n, 9 points"
        times = [["2026-01-01", "1"], ["2026-02-01", "3"]]
        assert "2026-02-01" in list(render.chart([render.Column("d", "DATE"), count], times, 40, 6))[-2]
        histogram = list(render.chart([count], [[str(x % 3)] for x in range(9)] + [[None]], 40, 8))
        assert [line.split()[-1] for line in histogram[1:4]] == ["3", "3", "3"]
        assert histogram[-1] == "  9 values, 1 row without one"

    def test_negative_values_go_to_the_left(self):
        bars = list(render.chart([render.Column("k"), render.Column("v", "INTEGER")], [["a", "-5"], ["b", "5"]], 40, 8))
        assert bars[0].index("█") < bars[1].index("█")

    def test_without_numbers_there_is_none(self):
        with pytest.raises(render.NoChart, match="column of numbers"):
            list(render.chart([render.Column("a")], [["x"]], 40, 8))

    def test_nothing_in_a_label_can_move_the_cursor(self):
        lines = render.chart([render.Column("k"), render.Column("v", "INTEGER")], [["a\x1b[2J", "5"]], 60, 8)
        assert "\x1b" not in "".join(lines)


def test_the_footer_says_when_there_are_more_rows():
    box = render.box([A], [["x"]] * 3, 80)
    assert render.footer(3, 1, box, more=False) == "  3 rows, 1 column"
    assert render.footer(3, 1, box, more=True) == "  the first 3 rows; there are more (--rows 0 shows all), 1 column"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\x00b", "a\\x00b"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x85", "\\x85"),
        ("\udc80", "\\x80"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
        ("naïve 値 👩‍👩‍👧", "naïve 値 👩‍👩‍👧"),
    ],
)
def test_nothing_in_a_value_can_move_the_cursor(text, shown):
    assert render.escaped(text) == shown


def test_wide_characters_take_two_places():
    lines = drawn([A], [["値値"], ["abcd"], ["é"]])
    assert len({render.width(line) for line in lines}) == 1
    assert render.cut("値値値値", 5) == "値値…"


def test_a_joiner_joins_emoji_and_nothing_else():
    assert render.width("x\u200dyz") == 3
    assert render.width("値\u200d値") == 4
    assert render.width("👩\u200d👩\u200d👧") == 2
    # What is cut before a joiner must not join the mark that says so.
    assert render.cut("👩\u200d👩\u200d👧 and more", 5) in ("👩\u200d👩…", "👩\u200d👩\u200d👧…")


def test_vertical_shows_everything():
    lines = list(render.vertical([A, N], [["x" * 500, None], ["two\nlines", "1"]]))
    assert lines[1] == "a  " + "x" * 500
    assert lines[2] == "n  NULL"
    assert lines[4:6] == ["a  two", "   lines"]


def test_markdown_keeps_its_table_whatever_the_values():
    assert list(render.markdown([Column("a|b"), N], [["x|y\nz", "1"], [None, None]])) == [
        "| a\\|b | n |",
        "| --- | ---: |",
        "| x\\|y<br>z | 1 |",
        "| NULL | NULL |",
    ]


def test_csv_tells_null_from_empty_and_quotes_where_needed():
    rows: list[Row] = [["", None], ['say "hi"', "1"], ["a,b\nc", " x "]]
    assert list(render.csv([A, N], rows)) == ["a,n", '"",', '"say ""hi""",1', '"a,b\nc"," x "']


def test_json_lines_have_each_key_once_and_values_of_their_type():
    columns = [Column("a"), Column("a", "BIGINT"), Column("a_1", "JSON"), Column("d", "DOUBLE"), Column("e")]
    rows = [['x\n"\x00', "12345678901234567890", '{"k":\n 1e2}', "inf", None]]
    (line,) = render.json_objects(columns, rows, [False, True, True, True, False])
    assert line == '{"a":"x\\n\\"\\u0000","a_2":12345678901234567890,"a_1":{"k":  1e2},"d":null,"e":null}'
    assert list(json.loads(line)) == ["a", "a_2", "a_1", "d", "e"]


def test_color_is_only_around_cells():
    style = render.Style(color=True)
    plain, colored = drawn([A], [[None]]), drawn([A], [[None]], style=style)
    assert plain != colored
    assert [line.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "") for line in colored] == plain


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (13_400_000, "13.4 MB"), (999_960, "1.0 MB"), (5e15, "5,000.0 TB")],
)
def test_sizes_for_people(number, text):
    assert render.size(number) == text
