"""The yardstick of size: zstd -19 of the whole file. No record can be found in it."""

from __future__ import annotations

from bench.rivals.engines import ndjson_zst_engine


class Engine(ndjson_zst_engine.Engine):
    LEVEL = 19
