"""`lakebed.Hash`."""

import copy
import pickle

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebed

RAW = bytes(range(32))


def test_text_bytes_and_repr():
    hash = lakebed.Hash(RAW)
    assert str(hash) == RAW.hex()
    assert bytes(hash) == RAW
    assert repr(hash) == f"Hash('{RAW.hex()}')"
    assert f"{hash}" == RAW.hex()
    assert hash == lakebed.Hash(RAW.hex()) == lakebed.Hash(RAW.hex().upper()) == lakebed.Hash(hash)


@given(st.binary(max_size=5000))
def test_it_is_blake3_of_exactly_the_bytes(data):
    assert bytes(lakebed.Hash.of(data)) == blake3.blake3(data).digest()


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_it_compares_and_sorts_like_its_bytes(left, right):
    a, b = lakebed.Hash(left), lakebed.Hash(right)
    assert (a == b, a != b, a < b, a <= b, a > b, a >= b) == (
        left == right,
        left != right,
        left < right,
        left <= right,
        left > right,
        left >= right,
    )
    assert (hash(a) == hash(b)) == (left[:8] == right[:8])


def test_it_is_nothing_else():
    hash = lakebed.Hash(RAW)
    assert hash != RAW
    assert hash != RAW.hex()
    with pytest.raises(TypeError):
        hash < RAW  # type: ignore[operator]  # noqa: B015


def test_it_survives_pickle_and_copy():
    hash = lakebed.Hash(RAW)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(hash, protocol)) == hash
    assert copy.deepcopy(hash) == hash
    assert b"lakebed" in pickle.dumps(hash)
    assert b"_engine" not in pickle.dumps(hash)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"short", "32 bytes"),
        ("abc", "64 hex characters"),
        ("g" * 64, "hex"),
        ("é" * 32, "hex"),
        (RAW.hex() + "0", "64 hex characters"),
    ],
)
def test_what_is_no_hash_is_refused(value, words):
    with pytest.raises(lakebed.InvalidArgument, match=words):
        lakebed.Hash(value)


def test_a_hash_is_made_of_bytes_or_text():
    with pytest.raises(TypeError, match="not int"):
        lakebed.Hash(5)  # type: ignore[arg-type]
