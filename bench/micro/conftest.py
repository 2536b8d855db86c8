"""Fixtures: 2,000 records of about 1 KB, and a sealed store of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lakebed
from bench import records as source

COUNT = 2_000


@pytest.fixture(scope="session")
def records() -> list[bytes]:
    return list(source.events(COUNT))


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> Path:
    """A sealed store with the records as `events`, and `one`, a collection of one row. Read only."""
    place = tmp_path_factory.mktemp("micro")
    file = source.write(place / "events.ndjson", records)
    with lakebed.open(place / "filled.lakebed") as store:
        store.ingest(file, into="events")
        store.append("one", [b'{"n":1}'])
        store.seal()
    return place / "filled.lakebed"


@pytest.fixture(scope="session")
def hashes(records: list[bytes]) -> list[lakebed.Hash]:
    return [lakebed.Hash.of(record) for record in records]


@pytest.fixture
def filled(path: Path) -> Iterator[lakebed.Store]:
    """The store, with a cache for all decoded frames."""
    with lakebed.open(path, mode="r") as store:
        yield store


@pytest.fixture
def uncached(path: Path) -> Iterator[lakebed.Store]:
    """The store, without a cache of decoded frames."""
    with lakebed.open(path, mode="r", cache_bytes=0) as store:
        yield store


@pytest.fixture
def new(tmp_path: Path) -> Iterator[lakebed.Store]:
    """An empty store."""
    with lakebed.open(tmp_path / "new.lakebed") as store:
        yield store
