"""How Python objects become the bytes of records."""

import json
import math
from collections import OrderedDict
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_was_written_reads_back(value):
    data = lakebed.to_json(value)
    assert json.loads(data) == value
    assert b"\n" not in data


def test_the_bytes_are_compact_utf8_in_insertion_order():
    assert lakebed.to_json({"b": 1, "a": [1.5, None, True], "é": "\U0001f600\n\x7f"}) == (
        '{"b":1,"a":[1.5,null,true],"é":"\U0001f600\\n\x7f"}'.encode()
    )
    assert lakebed.to_json(OrderedDict(z=1, y=2)) == b'{"z":1,"y":2}'
    assert lakebed.to_json({1: "a", False: "b", None: "c"}) == b'{"1":"a","false":"b","null":"c"}'
    assert lakebed.to_json(2**100) == str(2**100).encode()


def circular():
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value",
    [math.inf, {"a": [-math.inf]}, np.float32("inf"), Decimal("inf"), {1, 2}, 1j, {(1, 2): 3}, "\ud800", circular()],
)
def test_what_json_cannot_write_is_a_bad_record(value):
    with pytest.raises(lakebed.BadRecord):
        lakebed.to_json(value)


ZURICH = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2024, 2, 29, 12, 30, 0, 120_000), '"2024-02-29T12:30:00.120"'),
        (datetime(2024, 2, 29, 12, tzinfo=ZURICH), '"2024-02-29T10:00:00Z"'),
        (date(2024, 2, 29), '"2024-02-29"'),
        (time(1, 2, 3, 400_000), '"01:02:03.4"'),
        (timedelta(seconds=3, milliseconds=500), '"PT3.5S"'),
        (timedelta(days=-1), '"PT-86400S"'),
        (Decimal("12345678901234567890.120"), "12345678901234567890.120"),
        (Decimal("NaN"), "null"),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (lakebed.Hash.of(b""), f'"{lakebed.Hash.of(b"")}"'),
        (b"ab", '"YWI="'),
        (math.nan, "null"),
        (np.int64(-5), "-5"),
        (np.uint64(2**64 - 1), "18446744073709551615"),
        (np.float32(0.1), "0.1"),
        (np.float64(0.1), "0.1"),
        (np.float32(1e30), "1.e+30".replace(".e", ".0e")),
        (np.float64("nan"), "null"),
        (np.bool_(True), "true"),
        (np.str_("é"), '"é"'),
        (np.datetime64("2024-02-29"), '"2024-02-29"'),
        (np.datetime64("2024-02-29T12:30:00.000000001"), '"2024-02-29T12:30:00.000000001"'),
        (np.datetime64("NaT"), "null"),
        (np.timedelta64(1500, "ms"), '"PT1.5S"'),
        (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (np.array([0.1, np.nan], dtype=np.float32), "[0.1,null]"),
        (np.array(7), "7"),
        (pd.Timestamp("2024-02-29 12:30:00.000000001"), '"2024-02-29T12:30:00.000000001"'),
        (pd.Timestamp("2024-02-29 12:30", tz="Europe/Zurich"), '"2024-02-29T11:30:00Z"'),
        (pd.Timedelta(1500, "ms"), '"PT1.5S"'),
        (pd.NaT, "null"),
        (pd.NA, "null"),
        (MappingProxyType({"k": (1, Decimal("1.10"))}), '{"k":[1,1.10]}'),
        ({date(2024, 1, 1): 1, np.int64(2): 3, 4.5: None}, '{"2024-01-01":1,"2":3,"4.5":null}'),
    ],
)
def test_other_objects_have_one_text_each(value, text):
    assert lakebed.to_json(value).decode() == text
    assert lakebed.to_json([{"a": value}]).decode() == f'[{{"a":{text}}}]'
    json.loads(text)


def test_objects_and_tables_become_the_same_text(store):
    values: dict[str, Any] = {
        "at": [datetime(2024, 2, 29, 12, 30, 0, 120_000), None],
        "zoned": [datetime(2024, 2, 29, 12, tzinfo=ZURICH), None],
        "day": [date(2024, 2, 29), None],
        "time": [time(1, 2, 3, 400_000), None],
        "took": [timedelta(seconds=3, milliseconds=500), None],
        "price": [Decimal("1.10"), None],
        "bytes": [b"ab", None],
        "single": [np.float32(0.1), np.float32("nan")],
        "double": [0.1, math.nan],
    }
    table = pa.table({name: pa.array(column) for name, column in values.items()})
    store.append("table", table)
    store.append("objects", [{name: column[row] for name, column in values.items()} for row in range(2)])
    assert [row.data for row in store.scan("objects")] == [row.data for row in store.scan("table")]


def test_nesting_without_end_is_a_bad_record():
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(lakebed.BadRecord):
        lakebed.to_json(value)
    # Taken apart step by step: dropping it at once would recurse as deep.
    while value:
        value = value[0]
