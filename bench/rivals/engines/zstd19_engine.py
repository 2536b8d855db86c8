"""The smallest size to compare with: zstd -19 of the whole file. Without keys."""

from __future__ import annotations

from bench.rivals.engines import ndjson_zst_engine


class Engine(ndjson_zst_engine.Engine):
    LEVEL = 19
