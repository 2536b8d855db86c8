"""How results look."""

from __future__ import annotations

from lakebed import render
from lakebed.render import PLAIN, Column, described, laid_out, width
from lakebed.results import Result
from lakebed.shell.answers import Screen, table, whole_table, written

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
    assert footer == "the first 8 rows, there are more, 1 column: type last to see everything"
    assert len(lines) == 8 + 5
    assert len(taken) == 9


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
    assert "12 columns (6 shown, cut to fit): type last to see everything" in footer
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
    for line in written(result([Column("x")], [[one] for one in nasty]), "vertical", SCREEN).lines:
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
    lines, _ = shown(written(result([Column("j", "JSON")], [[text]]), "vertical", SCREEN))
    assert lines[1:3] == ["j  {", '     "a": [']


def test_binary_data_is_described():
    assert described(20000, b"\x89PNG\r\n\x1a\n" + bytes(24)) == "PNG, 20.0 kB, \\x89PNG\\x0d\\x0a\\x1a\\x0a…"
    assert described(5, b"hello") == "text, 5 bytes, hello"
    assert described(100, '{"a":"éé'.encode()[:-1]) == 'JSON, 100 bytes, {"a":"é…'
    assert described(90, bytes(range(100, 132))).startswith("binary, 90 bytes, defghijk…")
    assert described(5, b"a\x1bbcd") == "binary, 5 bytes, a\\x1bbcd"
    assert described(2, b"\xff\x00") == "binary, 2 bytes, \\xff\\x00"


def test_a_json_array_is_one_value():
    import json

    columns = [Column("n", "BIGINT")]
    for rows in ([], [["1"]], [["1"], ["2"], [None]]):
        text = "\n".join(render.json_array(columns, rows, [True]))
        assert json.loads(text) == [{"n": None if row[0] is None else int(row[0])} for row in rows]
