"""One blob at a time: the median time of a `put` and of a `get`."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import lakebed
from bench.pages import memory

from . import prepared

number, warmup_time, repeat, rounds, timeout = 1, 0, (3, 7, 20.0), 1, 600


class Put:
    """New blobs of about 1 KB."""

    def setup(self) -> None:
        shutil.rmtree("new.lakebed", ignore_errors=True)
        self.store = lakebed.open("new.lakebed")
        self.blobs = list(itertools.islice(prepared.data.events(prepared.CALLS), prepared.CALLS))

    def teardown(self) -> None:
        self.store.close()

    def track_put(self) -> float:
        return prepared.microseconds(self.store.put, self.blobs)

    track_put.unit = "us"

    def track_put_and_commit(self) -> float:
        """Each durable before the next."""

        def put(blob: bytes) -> None:
            self.store.put(blob)
            self.store.commit()

        return prepared.microseconds(put, self.blobs[:100])

    track_put_and_commit.unit = "us"


class Get:
    """By hash, in random order."""

    setup_cache = staticmethod(prepared.records)

    def track_cached(self, made: dict) -> float:
        """The frames of all of them are decoded."""
        with lakebed.open(made["sealed"], mode="r", cache_bytes=1 << 30) as store:
            store.get_many(made["hashes"])
            return prepared.microseconds(store.get, made["hashes"])

    track_cached.unit = "us"

    def track_uncached(self, made: dict) -> float:
        """Every frame is decoded anew; the file is in memory."""
        with lakebed.open(made["sealed"], mode="r", cache_bytes=0) as store:
            store.get_many(made["hashes"])
            return prepared.microseconds(store.get, made["hashes"])

    track_uncached.unit = "us"

    def track_missing(self, made: dict) -> float:
        """Asking for what is not there."""
        others = [bytes(lakebed.Hash.of(hash)) for hash in made["hashes"]]
        with lakebed.open(made["sealed"], mode="r") as store:
            return prepared.microseconds(store.__contains__, others)

    track_missing.unit = "us"


class GetCold:
    """The store's file is not in memory. Where its pages cannot be dropped there is no figure."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: dict) -> None:
        try:
            memory.drop(Path(made["sealed"]))
        except RuntimeError as error:
            raise NotImplementedError(str(error)) from error
        self.store = lakebed.open(made["sealed"], mode="r", cache_bytes=0)

    def teardown(self, _made: dict) -> None:
        self.store.close()

    def track_get(self, made: dict) -> float:
        """Few enough that most find no neighbour's pages."""
        return prepared.microseconds(self.store.get, made["hashes"][:100])

    track_get.unit = "us"
