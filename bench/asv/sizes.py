"""Bytes on disk, page faults and memory."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import lakebed
from bench.pages import memory

from . import prepared
from .prepared import Made, unit

timeout = 600


def bytes_of(store: str) -> int:
    """The size of all files."""
    return sum(path.stat().st_size for path in Path(store).rglob("*") if path.is_file())


def faults(act: Callable[[], object]) -> tuple[int, int]:
    """Minor and major page faults of this process during a call."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    act()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt


class Stored:
    """The sealed store."""

    setup_cache = staticmethod(prepared.records)

    @unit("bytes")
    def track_stored(self, made: Made) -> float:
        return bytes_of(made["sealed"])

    @unit("bytes for each stored byte")
    def track_ratio(self, made: Made) -> float:
        return float(made["bytes"]) / bytes_of(made["sealed"])

    @unit("bytes")
    def track_metadata_of_a_row(self, made: Made) -> float:
        """Everything but compressed blobs and dictionaries."""
        con = lakebed.connect(made["sealed"])
        ((blobs,),) = con.execute("SELECT sum(stored_size) FROM sys.blobs").fetchall()
        con.close()
        return (bytes_of(made["sealed"]) - int(blobs)) / int(made["rows"])


class Faults:
    """Page faults of gets and of a scan just after opening, with the file in the page cache and without."""

    setup_cache = staticmethod(prepared.records)
    params = (["in memory", "on disk"],)
    param_names = ("file",)

    def setup(self, made: Made, file: str) -> None:
        place = Path(made["sealed"])
        try:
            if file == "on disk":
                memory.drop(place)
            else:
                memory.fill(place)
        except RuntimeError as error:
            raise NotImplementedError(str(error)) from error
        self.store = lakebed.open(made["sealed"], mode="r", threads=1)

    def teardown(self, _made: Made, _file: str) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def get(self, made: Made) -> None:
        """A hundred gets."""
        for hash in made["hashes"][:100]:
            self.store.get(hash)

    @unit("faults")
    def track_minor_of_a_get(self, made: Made, _file: str) -> float:
        return faults(lambda: self.get(made))[0] / len(made["hashes"][:100])

    @unit("faults")
    def track_major_of_a_get(self, made: Made, _file: str) -> float:
        return faults(lambda: self.get(made))[1] / len(made["hashes"][:100])

    def scan(self) -> None:
        """Bytes of all rows."""
        for row in self.store.scan("records"):
            row.data  # noqa: B018

    @unit("faults")
    def track_minor_of_a_scan(self, _made: Made, _file: str) -> float:
        return faults(self.scan)[0]

    @unit("faults")
    def track_major_of_a_scan(self, _made: Made, _file: str) -> float:
        return faults(self.scan)[1]


class Memory:
    """Peak memory of a process that reads everything once: the cache of decoded frames has a limit."""

    setup_cache = staticmethod(prepared.records)

    def peakmem_scan(self, made: Made) -> None:
        with lakebed.open(made["sealed"], mode="r") as store:
            for row in store.scan("records"):
                row.data  # noqa: B018

    def peakmem_sql(self, made: Made) -> None:
        con = lakebed.connect(made["sealed"])
        con.execute("SELECT count(DISTINCT _json) FROM records").fetchall()
        con.close()
