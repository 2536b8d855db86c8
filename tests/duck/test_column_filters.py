"""Filters on columns give the rows that they give on records: a store in rows and one in columns, side by side."""

import itertools
import json
import random
from typing import Any

import pyarrow
import pytest

import lakebed

CONSTANTS: dict[str, list[Any]] = {
    "id": [-1, 0, 777, 2999, 10**6],
    "half": [-0.0, 0.0, 0.5, 1e300, -1e300, float("nan"), float("inf")],
    "wide": [0, 2**63 - 1, 2**63, 2**64 - 1],
    "huge": [0, 2**64, -(2**64), 2**100],
    "flag": [True, False],
    "text": ["", "a", "text 1", "text 9" * 40, "zz", "ü"],
    "day": [0, 19782, 19785, 40000],
    "moment": [0, 1709208000000000, 1709208007000000],
    "zoned": [1709208000000000, 1709208007000000],
    "place.city": ["city 1", "city 10", "nowhere"],
    "place.depth": [0, 3, 12],
    "grown": [0, 7, 2**70],
    "late": [1, 2],
    "only_null": [],
    "mixed": [],
    "place": [],
    "tags": [],
}
COMPARISONS = ["=", "!=", "<", "<=", ">", ">="]
SHOWN = ["_seq", "id", "text", "place", "mixed", "_line"]


def record(number, chance):
    found = {
        "id": number,
        "half": chance.choice([number / 2, -0.0, 0, 0.0, 1e300]),
        "wide": chance.choice([number, 2**64 - 1 - number, 2**63]),
        "huge": chance.choice([number, 2**64 + number, -(2**64), 2**100]),
        "flag": number % 3 == 0,
        "text": chance.choice([f"text {number % 10}", "", "ü", f"text {number % 10}" * 40]),
        "day": f"2024-02-{number % 28 + 1:02}",
        "moment": f"2024-02-29T12:00:{number % 60:02}",
        "zoned": f"2024-02-29T12:00:{number % 60:02}Z",
        "place": {"city": f"city {number // 300}", "depth": number % 13},
        "grown": number % 50,
        "mixed": [number, f"text {number}", {"n": number}, None][number % 4],
        "tags": ["a", f"t{number % 7}"][: number % 3],
        "only_null": None,
    }
    # Few patterns, since records of many shapes stay rows.
    names = [name for name in found if name != "id"]
    pattern = random.Random(number % 16)
    for name in pattern.sample(names, number % 16 // 2):
        if pattern.random() < 0.5:
            found[name] = None
        else:
            del found[name]
    if number % 97 == 0:
        found["place"] = {"city": None, "depth": None}
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Rows and columns: parts of the newest schema and of an older one, deleted and trimmed rows, repeated records, and
    an active segment."""
    place = tmp_path_factory.mktemp("filters")
    made = {}
    for layout in ("rows", "columns"):
        chance = random.Random(5)
        store = lakebed.open(place / layout)
        records = [record(number, chance) for number in range(3000)]
        for start in (0, 1000, 2000):
            store.append("events", records[start : start + 1000])
            store.commit()
            store.compact("events", layout=layout)
        store.append("events", [*records[40:60], b'{"id":3000,"grown":1180591620717411303424,"late":1}', records[5]])
        store.delete(lakebed.Hash.of(records[1500]))
        store.delete(lakebed.Hash.of(records[44]))
        store.trim("events", before_seq=3)
        store.commit()
        made[layout] = store
    assert any(segment.layout == "columns" for segment in made["columns"].segments())
    yield made
    for store in made.values():
        store.close()


def found(store, filters, columns=SHOWN, **request):
    return pyarrow.table(store.arrow("events", columns, filters=filters, **request)).to_pylist()


def comparisons_with(name):
    yield from ((name, op, None) for op in ("is_null", "is_not_null"))
    constants = CONSTANTS[name]
    if constants:
        yield from ((name, op, constant) for op in COMPARISONS for constant in constants)
        yield from ((name, "in", constants[:count]) for count in (1, 2, len(constants)))


@pytest.mark.parametrize("name", CONSTANTS)
def test_each_comparison_of_each_type(stores, name):
    matched = 0
    for test in comparisons_with(name):
        rows = found(stores["rows"], [test])
        assert found(stores["columns"], [test]) == rows, test
        matched += len(rows)
    assert matched


def test_several_filters_and_what_is_made_of_the_rows_that_pass(stores):
    tests = [
        ("id", ">=", 900),
        ("flag", "=", True),
        ("text", "!=", ""),
        ("place.city", "is_not_null", None),
        ("_seq", "<", 2500),
        ("half", "<", 1e9),
    ]
    columns = [SHOWN, ["_json", "_hash", "_seq"], ["_seq"], ["half"], ["_file", "id", "_json"]]
    for count, shown in itertools.product(range(1, len(tests) + 1), columns):
        for chosen in (tests[:count], tests[:count][::-1]):
            rows = found(stores["rows"], chosen, shown)
            assert rows
            assert found(stores["columns"], chosen, shown) == rows, (chosen, shown)


def test_ranges_of_rows(stores):
    for start, stop in ((0, 5), (990, 1010), (1499, 1502), (2995, 3015)):
        for test in (("id", "!=", 1001), ("text", "is_null", None), ("grown", ">", 1)):
            rows = found(stores["rows"], [test], start=start, stop=stop)
            assert found(stores["columns"], [test], start=start, stop=stop) == rows
