"""Tables in Rust and in Python: system tables, filters, and rows of Arrow tables as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest

import lakebed
from lakebed import _backend
from lakebed.pure.arrow.arrays import Array, Field, int64s
from lakebed.pure.arrow.stream import ArrowStream
from tests.pure.test_json import PYTHON, RUST, answer, opened

if len(_backend.installed()) < 2:
    pytest.skip("both engines are needed", allow_module_level=True)

ROWS = [
    {
        "b": number % 3 == 0,
        "i": None if number % 7 == 0 else number - 20,
        "h": 2**70 if number % 2 else -1,
        "d": number / 4,
        "s": ["a", "é", "", None][number % 4],
        "day": f"2024-01-{number % 28 + 1:02}",
        "at": f"2024-01-01T00:00:{number % 60:02}+02:00",
        "o": {"x": number % 3, "y": {"q": "pr"[number % 2]}},
        "l": [number] * (number % 3),
    }
    for number in range(60)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store that the engine in Rust wrote."""
    path = tmp_path / "rust.lakebed"
    with opened(path, RUST) as store:
        store.append("t", ROWS)
        store.put(b"bytes")
        store.commit()
        store.append("other", [1, [2]])
        store.put(bytes(17 << 20))
        store.commit()
        store.seal()
        store.append("t", [ROWS[0]])
        store.delete(lakebed.Hash.of(b"1"))
    return path


@pytest.mark.parametrize("table", ["blobs", "collections", "segments", "dictionaries", "commits", "glances"])
def test_tables_about_the_store_are_the_same(path: Path, table: str) -> None:
    found = []
    for backend in (RUST, PYTHON):
        with opened(path, backend, "r") as store:
            whole = pyarrow.table(store.table(table))
            found.append((str(whole.schema), whole.to_pylist()))
    assert found[0] == found[1]


FILTERS: list[tuple[str, list[Any]]] = [
    ("b", [True]),
    ("i", [0, -5, 2**70]),
    ("h", [2**70, 0]),
    ("d", [1.5, -0.0, float("nan"), float("inf"), 1]),
    ("s", ["a", "é", "", 5]),
    ("day", [19_730]),
    ("at", [1_704_060_010_000_000]),
    ("o.x", [1]),
    ("o.y.q", ["p"]),
    ("_seq", [5, 1000]),
    ("_hash", ["8"]),
    ("_ingested_at", [0]),
    ("l", [1]),
    ("nosuch", [1]),
]


@pytest.mark.parametrize(("column", "constants"), FILTERS)
def test_filters_pass_the_same_rows(path: Path, column: str, constants: list[Any]) -> None:
    tests = [(column, operator, one) for operator in ("=", "!=", "<", "<=", ">", ">=", "~") for one in constants]
    tests += [(column, "in", constants), (column, "in", []), (column, "is_null", None), (column, "is_not_null", None)]
    found = []
    for backend in (RUST, PYTHON):
        with opened(path, backend, "r") as store:

            def rows(test: Any, store: lakebed.Store = store) -> Any:
                return pyarrow.table(store.arrow("t", columns=["_seq"], filters=[test])).column(0).to_pylist()

            answers = [answer(lambda test=test: rows(test)) for test in tests]
            found.append([one[0] if isinstance(one, tuple) else one for one in answers])
    assert found[0] == found[1]


def tables() -> dict[str, pyarrow.Table]:
    """Tables of many types, whole and in parts."""
    number = pyarrow.array
    numbers = pyarrow.table(
        {
            "i8": number([1, None, -3], pyarrow.int8()),
            "u64": number([1, 2, 2**64 - 1], pyarrow.uint64()),
            "f16": number([1.5, 0.1, None], pyarrow.float16()),
            "f32": number([0.1, 1e20, 3.4e38], pyarrow.float32()),
            "f64": [0.1, 1e16, 1.5e-7],
            "nan": [float("nan"), -0.0, 1e-5],
            "b": number([True, None, False]),
            "d": number([Decimal("1.23"), Decimal("-0.05"), None]),
            "d256": number([Decimal("1.5"), Decimal(-5), None], pyarrow.decimal256(50, 3)),
            "null": pyarrow.nulls(3),
        }
    )
    texts = pyarrow.table(
        {
            "s": ['a"\\\n\x01é', None, "😀"],
            "large": number(["x", "", "\x7f"], pyarrow.large_string()),
            "view": number(["short", None, "long" * 10], pyarrow.string_view()),
            "bytes": [b"\0\xff", b"a", None],
            "fixed": number([b"abc", None, b"xyz"], pyarrow.binary(3)),
            "dictionary": number(["a", None, "a"]).dictionary_encode(),
            "json": number(['{"a": 1}', "[1,\n2]", None], pyarrow.json_()),
            "uuid": number([b"0123456789abcdef", None, b"0123456789abcdef"], pyarrow.uuid()),
        }
    )
    times = pyarrow.table(
        {
            "date": [dt.date(2024, 2, 29), None, dt.date(1, 1, 1)],
            "time": number([1, 1000, 86_399_999_999], pyarrow.time64("us")),
            **{
                f"at {unit}": number([0, -1, 1_234_567_890], pyarrow.timestamp(unit))
                for unit in ("s", "ms", "us", "ns")
            },
            "zoned": number([0, -1, 1_500_000], pyarrow.timestamp("us", "Europe/Berlin")),
            "length": number([0, -1, 1_234_567_890], pyarrow.duration("ms")),
            "interval": number([(1, 2, 3), (0, 0, 0), (-1, 0, -1_500_000_000)], pyarrow.month_day_nano_interval()),
        }
    )
    nested = pyarrow.table(
        {
            "list": [[1, None], None, []],
            "deep": [[["a"]], [], [None, ["b", "c"]]],
            "pairs": number([[1, 2], None, [3, 4]], pyarrow.list_(pyarrow.int32(), 2)),
            "views": number([[1], [2, 3], []], pyarrow.list_view(pyarrow.int64())),
            "struct": [{"a": 1, "b": {"c": "x"}}, None, {"a": None, "b": None}],
            "map": number([[(1, 1)], None, [(2, None), (3, 4)]], pyarrow.map_(pyarrow.int64(), pyarrow.int64())),
            "nothing": number([{}, {}, None], pyarrow.struct([])),
        }
    )
    runs = pyarrow.table({"runs": pyarrow.RunEndEncodedArray.from_arrays([2, 5, 9], ["x", None, "y"]).slice(1, 6)})
    whole = {"numbers": numbers, "texts": texts, "times": times, "nested": nested, "runs": runs}
    parts = {
        f"part of {name}": pyarrow.concat_tables([one, one]).combine_chunks().slice(1, 4) for name, one in whole.items()
    }
    refused = {
        "infinity": pyarrow.table({"x": [float("inf")]}),
        "two names": pyarrow.table([[1], [2]], names=["a", "a"]),
        "not JSON": pyarrow.table({"x": number(['{"a": 1'], pyarrow.json_())}),
        "far away": pyarrow.table({"x": number([2**30], pyarrow.date32())}),
    }
    return whole | {name: one for name, one in parts.items() if name != "part of runs"} | refused


@pytest.mark.parametrize("name", tables())
def test_rows_of_tables_are_the_same_records(name: str) -> None:
    table = tables()[name]

    def read(backend: _backend.Backend) -> bytes:
        file = backend.json_lines(table, [])
        return b"".join(iter(lambda: file.read1(1 << 20), b""))

    assert answer(lambda: read(PYTHON)) == answer(lambda: read(RUST))


def test_an_error_in_a_stream_is_an_error_of_its_reader() -> None:
    def batches() -> Iterator[list[Array]]:
        yield [int64s([1])]
        raise ValueError("Segment 7 is damaged")

    stream = ArrowStream([Field("a", "l")], batches)
    for _ in range(3):
        with pytest.raises(pyarrow.ArrowInvalid, match="Segment 7 is damaged"):
            pyarrow.table(stream)
