"""Values that came from JSON text go out as that text, at any depth."""

from __future__ import annotations

import pytest

import lakebed

LINES = [
    '{"id":1,"o":{"v":12345678901234567.89,"w":[{"x":1.50}]},"g":[1.10,"a"],"m":1E400}',
    '{"id":2,"o":{"v":"n/a","w":[{"x":"?"}]},"g":[],"m":"none"}',
]
NESTED, LIST, HUGE = '{"v":12345678901234567.89,"w":[{"x":1.50}]}', '[1.10,"a"]', "1E400"


@pytest.fixture
def numbers(run, place):
    assert run("ingest", "-", "--into", "n", stdin="\n".join(LINES).encode()).code == 0
    return "SELECT o, g, m FROM n WHERE id = 1"


def test_every_format_has_them(run, numbers):
    line = f'{{"o":{NESTED},"g":{LIST},"m":{HUGE}}}\n'
    assert run("query", numbers).text == line
    assert run("query", numbers, "--format", "json").text == f"[\n {line}]\n"
    for form in ("csv", "markdown", "table", "vertical"):
        text = run("query", numbers, "--format", form).text
        assert all(digits in text for digits in ("12345678901234567.89", "1.50", "1.10", "1E400")), (form, text)


def test_a_terminal_has_them(on_terminal, numbers):
    for form in ("table", "vertical", "ndjson"):
        text = on_terminal("query", numbers, "--format", form, COLUMNS="200").text
        assert all(digits in text for digits in ("12345678901234567.89", "1.50", "1.10", "1E400")), (form, text)


def test_pipes_have_them(run, numbers, place):
    assert run("query", f"{numbers} | into copy").code == 0
    assert run("export", "copy").text == f'{{"o":{NESTED},"g":{LIST},"m":{HUGE}}}\n'
    assert run("query", f"{numbers} | ! cat").text == f'{{"o":{NESTED},"g":{LIST},"m":{HUGE}}}\n'
    assert run("query", f"{numbers} | write rows.json").code == 0
    assert NESTED in (place / "rows.json").read_text()


def test_prepared_statements_have_them(run, numbers):
    text = run("query", f"PREPARE q AS {numbers}; EXECUTE q").text
    assert text == f'{{"o":{NESTED},"g":{LIST},"m":{HUGE}}}\n'
    query = "SELECT MAP {1: '1.10'::JSON} AS m, 0.1::FLOAT AS f, [0.1::FLOAT] AS l, true AS b, '\\xAA'::BLOB AS d, 1.50 AS n"
    text = run("query", f"PREPARE q AS {query}; EXECUTE q").text
    assert text == '{"m":{"1":1.10},"f":0.1,"l":[0.1],"b":true,"d":"qg==","n":1.50}\n'


def test_maps_lists_of_lists_and_unions_have_them(run, numbers):
    query = (
        "SELECT MAP {'k': '1.10'::JSON, 'é\"': NULL} AS m, [['2.50'::JSON], NULL] AS l, "
        "union_value(n := '3.0'::JSON) AS u, row('4.00'::JSON, 1.50::DECIMAL(5, 2)) AS t, MAP {1: 1e2} AS i"
    )
    text = '{"m":{"k":1.10,"é\\"":null},"l":[[2.50],null],"u":3.0,"t":[4.00,1.50],"i":{"1":100.0}}\n'
    assert run("query", query).text == text


def test_what_json_cannot_write_is_null_and_an_infinity_is_not_stored(run, numbers):
    query = "SELECT 'nan'::DOUBLE AS a, [{'x': 'nan'::FLOAT, 'y': 'inf'::DOUBLE}] AS b"
    assert run("query", query).text == '{"a":null,"b":[{"x":null,"y":null}]}\n'
    refused = run("query", f"{query} | into copy")
    assert refused.code == 1
    assert "The column b holds inf, which JSON cannot write" in refused.err
    assert run("query", "SELECT 'nan'::DOUBLE AS a | into copy").code == 0
    assert run("export", "copy").text == '{"a":null}\n'


def test_equal_column_names_are_not_stored(run, numbers):
    refused = run("query", "SELECT 1 AS a, 2 AS a | into copy")
    assert refused.code == 2
    assert "Two columns are named 'a'" in refused.err
    assert run("query", "SELECT 1 AS a, 2 AS a").text == '{"a":1,"a_1":2}\n'


def test_prompts_have_them(run, numbers, place):
    with lakebed.open("data.lakebed", "r") as store:
        planned = lakebed.dry_run(store, "llama3.2", "{o.v} {g} {m}", numbers)
    assert planned.first_prompt == f"12345678901234567.89 {LIST} {HUGE}"
