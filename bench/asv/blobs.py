"""Single blobs: the median time of a `put` and of a `get`."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import lakebed
from bench.pages import memory
from bench.records import events

from . import prepared
from .prepared import Made, unit

number, warmup_time, repeat, rounds, timeout = 1, 0, (3, 7, 20.0), 1, 600


class Put:
    """New blobs of about 1 KB."""

    def setup(self) -> None:
        shutil.rmtree("new.lakebed", ignore_errors=True)
        self.store = lakebed.open("new.lakebed")
        self.blobs = list(itertools.islice(events(prepared.CALLS), prepared.CALLS))

    def teardown(self) -> None:
        self.store.close()

    @unit("us")
    def track_put(self) -> float:
        return prepared.microseconds(self.store.put, self.blobs)

    @unit("us")
    def track_put_and_commit(self) -> float:
        """Each durable before the next."""

        def put(blob: bytes) -> None:
            self.store.put(blob)
            self.store.commit()

        return prepared.microseconds(put, self.blobs[:100])


class Get:
    """By hash, in random order."""

    setup_cache = staticmethod(prepared.records)

    @unit("us")
    def track_cached(self, made: Made) -> float:
        """Every frame is in the cache."""
        with lakebed.open(made["sealed"], mode="r", cache_bytes=1 << 30) as store:
            store.get_many(made["hashes"])
            return prepared.microseconds(store.get, made["hashes"])

    @unit("us")
    def track_uncached(self, made: Made) -> float:
        """No frame is in the cache; the file is in the page cache."""
        with lakebed.open(made["sealed"], mode="r", cache_bytes=0) as store:
            store.get_many(made["hashes"])
            return prepared.microseconds(store.get, made["hashes"])

    @unit("us")
    def track_missing(self, made: Made) -> float:
        """Hashes that the store does not have."""
        others = [bytes(lakebed.Hash.of(hash)) for hash in made["hashes"]]
        with lakebed.open(made["sealed"], mode="r") as store:
            return prepared.microseconds(store.__contains__, others)


class GetCold:
    """The store's file is not in the page cache. No figure on file systems that keep pages."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: Made) -> None:
        try:
            memory.drop(Path(made["sealed"]))
        except RuntimeError as error:
            raise NotImplementedError(str(error)) from error
        self.store = lakebed.open(made["sealed"], mode="r", cache_bytes=0)

    def teardown(self, _made: Made) -> None:
        self.store.close()

    @unit("us")
    def track_get(self, made: Made) -> float:
        """So few that most need pages that no other has read."""
        return prepared.microseconds(self.store.get, made["hashes"][:100])
