"""From a file of records to a durable store."""

from __future__ import annotations

import shutil
import time

import lakebed

from . import prepared

number, warmup_time, repeat, rounds, timeout = 1, 0, (3, 7, 20.0), 1, 600


def ingest(path: str, file: str) -> float:
    """Ingests and closes; seconds."""
    start = time.perf_counter()
    with lakebed.open(path) as store:
        store.ingest(file, into="records")
    return time.perf_counter() - start


class New:
    """Into a new store: a dictionary is trained on the way."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, _made: dict) -> None:
        shutil.rmtree("new.lakebed", ignore_errors=True)

    def time_ingest(self, made: dict) -> None:
        ingest("new.lakebed", made["file"])

    def track_rate(self, made: dict) -> float:
        return made["bytes"] / 1e6 / ingest("new.lakebed", made["file"])

    track_rate.unit = "MB/s"

    def peakmem_ingest(self, made: dict) -> None:
        ingest("new.lakebed", made["file"])


class DictionaryThere:
    """Into a store that has a dictionary for such records, and none of these."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: dict) -> None:
        prepared.copy(made["trained"], "copy.lakebed")

    def time_ingest(self, made: dict) -> None:
        ingest("copy.lakebed", made["file"])

    def track_rate(self, made: dict) -> float:
        return made["bytes"] / 1e6 / ingest("copy.lakebed", made["file"])

    track_rate.unit = "MB/s"


class AllThere:
    """Lines that are all in the store."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: dict) -> None:
        self.store = lakebed.open(prepared.copy(made["sealed"], "copy.lakebed"))

    def teardown(self, _made: dict) -> None:
        self.store.close()

    def time_ingest(self, made: dict) -> None:
        self.store.ingest(made["file"], into="records", again=True)
