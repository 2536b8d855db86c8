"""All rows of a collection: as bytes, and as typed columns in SQL."""

from __future__ import annotations

import time

import lakebed

from . import prepared

number, warmup_time, repeat, rounds, timeout = 1, 0, (3, 9, 20.0), 1, 600


class Scan:
    """Bytes of all rows in order, for the first time since the store was opened."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: dict) -> None:
        self.store = lakebed.open(made["sealed"], mode="r")

    def teardown(self, _made: dict) -> None:
        self.store.close()

    def time_scan(self, made: dict) -> None:
        assert sum(len(row.data) for row in self.store.scan("records")) == made["bytes"]

    def track_rate(self, made: dict) -> float:
        start = time.perf_counter()
        self.time_scan(made)
        return made["bytes"] / 1e6 / (time.perf_counter() - start)

    track_rate.unit = "MB/s"


class Sql:
    """The questions of bench/rivals over typed columns, in a connection that has asked nothing before."""

    setup_cache = staticmethod(prepared.records)
    params = ([0] if prepared.SMOKE else [0, 1, 2],)
    param_names = ("question",)

    def setup(self, made: dict, question: int) -> None:
        questions = prepared.data.queries(made["first"])
        if question >= len(questions):
            raise NotImplementedError("There are no questions for records of this kind.")
        self.sql = questions[question].sql("typed", "records")
        self.connection = lakebed.connect(made["sealed"])
        self.connection.execute("SELECT 1").fetchall()

    def teardown(self, _made: dict, _question: int) -> None:
        if hasattr(self, "connection"):
            self.connection.close()

    def time_question(self, _made: dict, _question: int) -> None:
        assert self.connection.execute(self.sql).fetchall()
