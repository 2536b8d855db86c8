"""Sealing a segment, and training a dictionary."""

from __future__ import annotations

import shutil

import lakebed

from . import prepared
from .prepared import Made

number, warmup_time, repeat, rounds, timeout = 1, 0, (3, 7, 20.0), 1, 600


class Seal:
    """The active segment, which holds all records."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: Made) -> None:
        shutil.rmtree("new.lakebed", ignore_errors=True)
        self.store = lakebed.open("new.lakebed")
        self.store.ingest(made["file"], into="records")

    def teardown(self, _made: Made) -> None:
        self.store.close()

    def time_seal(self, _made: Made) -> None:
        self.store.seal()


class Train:
    """A dictionary on all records, sampled as `lakebed train` does."""

    setup_cache = staticmethod(prepared.records)

    def setup(self, made: Made) -> None:
        self.store = lakebed.open(prepared.copy(made["sealed"], "copy.lakebed"))

    def teardown(self, _made: Made) -> None:
        self.store.close()

    def time_train(self, _made: Made) -> None:
        self.store.train("records")
