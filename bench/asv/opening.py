"""Opening stores of several sizes."""

from __future__ import annotations

import lakebed

from . import prepared
from .prepared import Made, unit

number, warmup_time, repeat, rounds, timeout = 1, 0.05, (5, 20, 10.0), 1, 600


def open_and_count(path: str) -> int:
    """Opens a store; returns its number of blobs."""
    with lakebed.open(path, mode="r") as store:
        return len(store)


class ManyRows:
    """By the number of rows."""

    setup_cache = staticmethod(prepared.by_rows)
    params = prepared.ROWS
    param_names = ("rows",)

    def time_open(self, made: dict[int, str], rows: int) -> None:
        assert open_and_count(made[rows]) == rows

    def peakmem_open(self, made: dict[int, str], rows: int) -> None:
        """Of the whole process; the share of Python and the library is constant."""
        assert open_and_count(made[rows]) == rows


class ManySegments:
    """By the number of segments that hold the same rows."""

    setup_cache = staticmethod(prepared.by_segments)
    params = prepared.SEGMENTS
    param_names = ("segments",)

    def time_open(self, made: dict[int, Made], segments: int) -> None:
        assert open_and_count(made[segments]["path"])

    @unit("us")
    def track_get(self, made: dict[int, Made], segments: int) -> float:
        """Of blobs in all segments, frames in the cache."""
        with lakebed.open(made[segments]["path"], mode="r") as store:
            store.get_many(made[segments]["hashes"])
            return prepared.microseconds(store.get, made[segments]["hashes"])
