"""What the tests of attached stores share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import duckdb
import pytest

from lakebed.duck.attachment import Attachment
from lakebed.duck.table_scan import has_pushdown
from tests.backends import backend
from tests.duck.fake import FakeStore

__all__ = ["attached", "backend", "con", "needs_pushdown"]

needs_pushdown = pytest.mark.skipif(not has_pushdown(), reason="this DuckDB offers no pushdown to Python objects")

Attach: TypeAlias = Callable[..., Attachment]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    yield connection
    connection.close()


@pytest.fixture
def attached(con: duckdb.DuckDBPyConnection) -> Attach:
    """Attaches a fake store and returns the attachment."""

    def attach(store: FakeStore, name: str = "data") -> Attachment:
        attachment = Attachment(name, store)
        attachment.install(con)
        return attachment

    return attach
