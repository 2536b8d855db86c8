"""lakebed, as lakebed_engine.py, with its records as columns at the end of the ingest."""

from __future__ import annotations

from bench.rivals.engines import lakebed_engine


class Engine(lakebed_engine.Engine):
    LAYOUT = "columns"
