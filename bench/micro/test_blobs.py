"""Hashing, storing and fetching single blobs. `make bench-micro` measures; `make test` runs each benchmark once."""

from __future__ import annotations

import itertools
import random

import pytest

import lakebed


def in_turn(values: list) -> itertools.cycle:
    """The values in random order, repeated."""
    return itertools.cycle(random.Random(1).sample(values, len(values)))


@pytest.mark.parametrize("size", [64, 1024, 65536])
def test_hash(benchmark, size: int) -> None:
    blob = bytes(size)
    assert len(bytes(benchmark(lambda: lakebed.Hash.of(blob)))) == 32


def test_hash_from_hex(benchmark, hashes) -> None:
    text = str(hashes[0])
    assert benchmark(lambda: lakebed.Hash(text)) == hashes[0]


def test_hash_to_hex(benchmark, hashes) -> None:
    assert len(benchmark(lambda: str(hashes[0]))) == 64


@pytest.mark.parametrize("size", [64, 1024])
def test_put(benchmark, new, size: int) -> None:
    number = itertools.count()
    found = benchmark(lambda: new.put(next(number).to_bytes(size)))
    assert found in new


def test_put_what_is_there(benchmark, new, records) -> None:
    new.put(records[0])
    new.commit()
    assert benchmark(lambda: new.put(records[0])) in new


def test_put_and_commit(benchmark, new) -> None:
    number = itertools.count()

    def put() -> None:
        new.put(b"blob %d" % next(number))
        new.commit()

    benchmark(put)
    assert new.stats().blobs == len(new) > 0


def test_get_cached(benchmark, filled, hashes, records) -> None:
    assert filled.get_many(hashes) == records
    order = in_turn(hashes)
    assert benchmark(lambda: filled.get(next(order))) in records


def test_get_uncached(benchmark, uncached, hashes, records) -> None:
    order = in_turn(hashes)
    assert benchmark(lambda: uncached.get(next(order))) in records


def test_get_pending(benchmark, new, records) -> None:
    """A blob that is neither compressed nor committed."""
    hash = new.put(records[0])
    assert benchmark(lambda: new.get(hash)) == records[0]


def test_get_by_hex(benchmark, filled, hashes, records) -> None:
    text = str(hashes[0])
    assert benchmark(lambda: filled.get(text)) == records[0]


def test_get_by_prefix(benchmark, filled, hashes, records) -> None:
    prefix = str(hashes[0])[:12]
    assert benchmark(lambda: filled.get(prefix)) == records[0]


def test_buffer(benchmark, filled, hashes, records) -> None:
    assert bytes(benchmark(lambda: filled.buffer(hashes[0]))) == records[0]


def test_get_many(benchmark, filled, hashes, records) -> None:
    assert benchmark(lambda: filled.get_many(hashes)) == records


def test_get_many_uncached(benchmark, uncached, hashes, records) -> None:
    assert benchmark(lambda: uncached.get_many(hashes)) == records


def test_contains(benchmark, filled, hashes) -> None:
    order = in_turn(hashes)
    assert benchmark(lambda: next(order) in filled)


def test_contains_not(benchmark, filled, hashes) -> None:
    order = in_turn([lakebed.Hash.of(bytes(hash)) for hash in hashes])
    assert not benchmark(lambda: next(order) in filled)
