"""Rows from the engine to Python, and back."""

from __future__ import annotations

import itertools
import json

import lakebed


def test_scan_rows(benchmark, filled, records) -> None:
    """Rows without their bytes."""
    assert benchmark(lambda: sum(1 for _ in filled.scan("events"))) == len(records)


def test_scan_data(benchmark, filled, records) -> None:
    assert benchmark(lambda: [row.data for row in filled.scan("events")]) == records


def test_scan_data_uncached(benchmark, uncached, records) -> None:
    assert benchmark(lambda: [row.data for row in uncached.scan("events")]) == records


def test_scan_hashes(benchmark, filled, hashes) -> None:
    assert benchmark(lambda: [row.hash for row in filled.scan("events")]) == hashes


def test_scan_one_row(benchmark, filled) -> None:
    """The cost of starting a scan."""
    assert benchmark(lambda: next(iter(filled.scan("one"))).data) == b'{"n":1}'


def test_json_of_a_row(benchmark, filled, records) -> None:
    row = next(iter(filled.scan("events")))
    assert benchmark(row.json) == json.loads(records[0])


def test_row_from_python(benchmark, records) -> None:
    """The serialisation that `append` uses for objects."""
    value = json.loads(records[0])
    assert json.loads(benchmark(lambda: lakebed.to_json(value))) == value


def test_append_bytes(benchmark, new) -> None:
    number = itertools.count()

    def append() -> None:
        new.append("events", [b'{"n":%d}' % next(number) for _ in range(100)])
        new.commit()

    benchmark(append)
    assert len(new) >= 100


def test_append_objects(benchmark, new) -> None:
    number = itertools.count()

    def append() -> None:
        new.append("events", [{"n": next(number)} for _ in range(100)])
        new.commit()

    benchmark(append)
    assert len(new) >= 100


def test_arrow(benchmark, filled, records) -> None:
    import pyarrow

    table = benchmark(lambda: pyarrow.table(filled.arrow("events", columns=["type", "created_at"])))
    assert table.num_rows == len(records)


def test_open(benchmark, path, records) -> None:
    def open_and_close() -> int:
        with lakebed.open(path, mode="r") as store:
            return len(store)

    assert benchmark(open_and_close) > len(records)


def test_snapshot(benchmark, filled) -> None:
    assert benchmark(lambda: filled.snapshot.commit) > 0


def test_refresh_without_news(benchmark, filled) -> None:
    assert not benchmark(filled.refresh)


def test_stats(benchmark, filled, records) -> None:
    assert benchmark(filled.stats).rows == len(records) + 1
