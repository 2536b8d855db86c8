"""From a file of records to a durable store."""

from __future__ import annotations

import shutil
import time

import lakebed

from . import prepared
from .prepared import Made, unit

number, warmup_time, repeat, rounds, timeout = 1, 0, (3, 7, 20.0), 1, 600


def ingest(path: str, file: str) -> float:
    """Ingests and closes; seconds."""
    start = time.perf_counter()
    with lakebed.open(path) as store:
        store.ingest(file, into="records")
    return time.perf_counter() - start


class New:
    """Into a new store, with training."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, _made: Made) -> None:
        shutil.rmtree("new.lakebed", ignore_errors=True)

    def time_ingest(self, made: Made) -> None:
        ingest("new.lakebed", made["file"])

    @unit("MB/s")
    def track_rate(self, made: Made) -> float:
        return float(made["bytes"] / 1e6 / ingest("new.lakebed", made["file"]))

    def peakmem_ingest(self, made: Made) -> None:
        ingest("new.lakebed", made["file"])


class DictionaryThere:
    """Into a store with a dictionary for such records, and without these."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: Made) -> None:
        prepared.copy(made["trained"], "copy.lakebed")

    def time_ingest(self, made: Made) -> None:
        ingest("copy.lakebed", made["file"])

    @unit("MB/s")
    def track_rate(self, made: Made) -> float:
        return float(made["bytes"] / 1e6 / ingest("copy.lakebed", made["file"]))


class AllThere:
    """Lines that the store has already."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: Made) -> None:
        self.store = lakebed.open(prepared.copy(made["sealed"], "copy.lakebed"))

    def teardown(self, _made: Made) -> None:
        self.store.close()

    def time_ingest(self, made: Made) -> None:
        self.store.ingest(made["file"], into="records", again=True)
