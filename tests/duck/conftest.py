from __future__ import annotations

import duckdb
import pytest

from lakebed.duck.attachment import Catalogue
from lakebed.duck.table_scan import has_pushdown

needs_pushdown = pytest.mark.skipif(not has_pushdown(), reason="this DuckDB offers no pushdown to Python objects")


@pytest.fixture
def con():
    connection = duckdb.connect()
    yield connection
    connection.close()


@pytest.fixture
def attached(con):
    """Attaches a fake origin and gives the catalogue."""

    def attach(origin, name="data"):
        catalogue = Catalogue(name, origin)
        catalogue.install(con)
        return catalogue

    return attach
