"""How Python objects become the bytes of records."""

import json
import math
from collections import OrderedDict
from decimal import Decimal
from typing import Any

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
    [math.nan, math.inf, {"a": [-math.inf]}, {1, 2}, Decimal(1), b"", {"a": b""}, {(1, 2): 3}, "\ud800", circular()],
)
def test_what_json_cannot_write_is_a_bad_record(value):
    with pytest.raises(lakebed.BadRecord):
        lakebed.to_json(value)


def test_nesting_without_end_is_a_bad_record():
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(lakebed.BadRecord):
        lakebed.to_json(value)
    # Taken apart step by step: dropping it at once would recurse as deep.
    while value:
        value = value[0]
