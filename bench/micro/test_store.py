"""One operation at a time. `make test` runs each once; `pytest bench/micro --benchmark-enable` measures."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

import lakebed
from bench.rivals import data

COUNT = 2_000


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return list(data.events(COUNT))


@pytest.fixture
def filled(tmp_path: Path, records: list[bytes]):
    source = data.write(tmp_path / "events.ndjson", records)
    with lakebed.open(tmp_path / "filled.lakebed") as store:
        store.ingest(source, into="events")
        store.seal()
        yield store


def test_put(benchmark, tmp_path: Path) -> None:
    number = itertools.count()
    with lakebed.open(tmp_path / "new.lakebed") as store:
        found = benchmark(lambda: store.put(b"blob %d" % next(number)))
        assert found in store


def test_append(benchmark, tmp_path: Path) -> None:
    number = itertools.count()
    with lakebed.open(tmp_path / "new.lakebed") as store:

        def append() -> None:
            store.append("events", [b'{"n":%d}' % next(number) for _ in range(100)])
            store.commit()

        benchmark(append)
        assert len(store) >= 100


def test_get_cached(benchmark, filled, records: list[bytes]) -> None:
    hashes = [row.hash for row in filled.scan("events")]
    order = itertools.cycle(random.Random(1).sample(range(COUNT), 500))
    assert filled.get(hashes[0]) == records[0]
    benchmark(lambda: filled.get(hashes[next(order)]))


def test_get_many(benchmark, filled, records: list[bytes]) -> None:
    hashes = [row.hash for row in filled.scan("events")]
    assert benchmark(lambda: filled.get_many(hashes)) == records


def test_scan(benchmark, filled, records: list[bytes]) -> None:
    assert benchmark(lambda: [row.data for row in filled.scan("events")]) == records


def test_typed_group_by(benchmark, filled) -> None:
    con = lakebed.connect(filled.path)
    found = benchmark(lambda: con.execute("SELECT type, count(*) FROM events GROUP BY 1").fetchall())
    assert sum(count for _, count in found) == COUNT
    con.close()


def test_open(benchmark, filled) -> None:
    filled.commit()

    def open_and_close() -> int:
        with lakebed.open(filled.path, mode="r") as store:
            return len(store)

    assert benchmark(open_and_close) == COUNT
