"""All rows of a collection, as bytes and as typed columns in SQL."""

from __future__ import annotations

import time

import lakebed
from bench.rivals import questions

from . import prepared
from .prepared import Made, unit

number, warmup_time, repeat, rounds, timeout = 1, 0, (3, 9, 20.0), 1, 600


class Scan:
    """Bytes of all rows in order, the first time after opening the store."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: Made) -> None:
        self.store = lakebed.open(made["sealed"], mode="r")

    def teardown(self, _made: Made) -> None:
        self.store.close()

    def time_scan(self, made: Made) -> None:
        assert sum(len(row.data) for row in self.store.scan("records")) == made["bytes"]

    @unit("MB/s")
    def track_rate(self, made: Made) -> float:
        start = time.perf_counter()
        self.time_scan(made)
        return float(made["bytes"] / 1e6 / (time.perf_counter() - start))


class Sql:
    """The questions of bench/rivals over typed columns, in a new connection."""

    setup_cache = staticmethod(prepared.records)
    params = ([0] if prepared.SMOKE else [0, 1, 2],)
    param_names = ("question",)

    def setup(self, made: Made, question: int) -> None:
        known = questions.queries(made["first"])
        if question >= len(known):
            raise NotImplementedError("There are no questions for records of this kind.")
        self.sql = known[question].sql("typed", "records")
        self.connection = lakebed.connect(made["sealed"])
        self.connection.execute("SELECT 1").fetchall()

    def teardown(self, _made: Made, _question: int) -> None:
        if hasattr(self, "connection"):
            self.connection.close()

    def time_question(self, _made: Made, _question: int) -> None:
        assert self.connection.execute(self.sql).fetchall()
