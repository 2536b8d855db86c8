"""DuckDB views over a collection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import lakebed


@pytest.fixture
def connection(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = lakebed.connect(path)
    yield con
    con.close()


def test_connect(benchmark, path) -> None:
    benchmark(lambda: lakebed.connect(path).close())


def test_nothing_of_ours(benchmark, connection) -> None:
    """DuckDB's own cost of a query, which is part of the others."""
    assert benchmark(lambda: connection.execute("SELECT 1").fetchall()) == [(1,)]


def test_one_row(benchmark, connection) -> None:
    """The least cost of a query over a view."""
    assert benchmark(lambda: connection.execute("SELECT n FROM one").fetchall()) == [(1,)]


def test_count(benchmark, connection, records) -> None:
    assert benchmark(lambda: connection.execute("SELECT count(*) FROM events").fetchall()) == [(len(records),)]


def test_typed_group_by(benchmark, connection, records) -> None:
    found = benchmark(lambda: connection.execute("SELECT type, count(*) FROM events GROUP BY 1").fetchall())
    assert sum(count for _, count in found) == len(records)


def test_nested_group_by(benchmark, connection, records) -> None:
    found = benchmark(lambda: connection.execute("SELECT repo.name, count(*) FROM events GROUP BY 1").fetchall())
    assert sum(count for _, count in found) == len(records)


def test_all_bytes(benchmark, connection, records) -> None:
    (total,) = benchmark(lambda: connection.execute("SELECT sum(strlen(_json)) FROM events").fetchone())
    assert total == sum(map(len, records))


def test_attach(benchmark, path) -> None:
    def attach() -> list:
        with duckdb.connect() as con:
            lakebed.attach(con, path, name="data")
            return con.execute("SELECT n FROM data.one").fetchall()

    assert benchmark(attach) == [(1,)]


def test_system_table(benchmark, connection) -> None:
    assert benchmark(lambda: connection.execute("SELECT count(*) FROM sys.collections").fetchall()) == [(2,)]
