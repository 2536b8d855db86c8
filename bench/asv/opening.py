"""Opening a store, as it grows."""

from __future__ import annotations

import lakebed

from . import prepared

number, warmup_time, repeat, rounds, timeout = 1, 0.05, (5, 20, 10.0), 1, 600


def open_and_count(path: str) -> int:
    with lakebed.open(path, mode="r") as store:
        return len(store)


class ManyRows:
    """By the number of rows."""

    setup_cache = staticmethod(prepared.by_rows)
    params = prepared.ROWS
    param_names = ("rows",)

    def time_open(self, made: dict, rows: int) -> None:
        assert open_and_count(made[rows]) == rows

    def peakmem_open(self, made: dict, rows: int) -> None:
        """Of the whole process: Python and the library are the same for any number of rows."""
        assert open_and_count(made[rows]) == rows


class ManySegments:
    """By the number of segments that hold the same rows."""

    setup_cache = staticmethod(prepared.by_segments)
    params = prepared.SEGMENTS
    param_names = ("segments",)

    def time_open(self, made: dict, segments: int) -> None:
        assert open_and_count(made[segments]["path"])

    def track_get(self, made: dict, segments: int) -> float:
        """Of a blob in any of them, frames decoded."""
        with lakebed.open(made[segments]["path"], mode="r") as store:
            store.get_many(made[segments]["hashes"])
            return prepared.microseconds(store.get, made[segments]["hashes"])

    track_get.unit = "us"
