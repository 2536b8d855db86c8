"""Bytes on disk, page faults and memory."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import lakebed
from bench.pages import memory

from . import prepared

timeout = 600


def bytes_of(store: str) -> int:
    """Of all files."""
    return sum(path.stat().st_size for path in Path(store).rglob("*") if path.is_file())


def faults(act: Callable[[], object]) -> tuple[int, int]:
    """Minor and major page faults of this process while it acts."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    act()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt


class Stored:
    """The records, as ingested and sealed."""

    setup_cache = staticmethod(prepared.records)

    def track_stored(self, made: dict) -> float:
        return bytes_of(made["sealed"])

    track_stored.unit = "bytes"

    def track_ratio(self, made: dict) -> float:
        return made["bytes"] / bytes_of(made["sealed"])

    track_ratio.unit = "bytes in for each stored"

    def track_metadata_of_a_row(self, made: dict) -> float:
        """All that is not a compressed blob or a dictionary."""
        con = lakebed.connect(made["sealed"])
        (blobs,) = con.execute("SELECT sum(stored_size) FROM sys.blobs").fetchone()
        con.close()
        return (bytes_of(made["sealed"]) - int(blobs)) / made["rows"]

    track_metadata_of_a_row.unit = "bytes"


class Faults:
    """Page faults of gets and of a scan just after opening: with the file in memory, and without it."""

    setup_cache = staticmethod(prepared.records)
    params = (["in memory", "on disk"],)
    param_names = ("file",)

    def setup(self, made: dict, file: str) -> None:
        place = Path(made["sealed"])
        try:
            if file == "on disk":
                memory.drop(place)
            else:
                memory.fill(place)
        except RuntimeError as error:
            raise NotImplementedError(str(error)) from error
        self.store = lakebed.open(made["sealed"], mode="r", threads=1)

    def teardown(self, _made: dict, _file: str) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def get(self, made: dict) -> None:
        for hash in made["hashes"][:100]:
            self.store.get(hash)

    def track_minor_of_a_get(self, made: dict, _file: str) -> float:
        return faults(lambda: self.get(made))[0] / len(made["hashes"][:100])

    def track_major_of_a_get(self, made: dict, _file: str) -> float:
        return faults(lambda: self.get(made))[1] / len(made["hashes"][:100])

    def scan(self) -> None:
        for row in self.store.scan("records"):
            row.data  # noqa: B018

    def track_minor_of_a_scan(self, _made: dict, _file: str) -> float:
        return faults(self.scan)[0]

    def track_major_of_a_scan(self, _made: dict, _file: str) -> float:
        return faults(self.scan)[1]

    for track in (track_minor_of_a_get, track_major_of_a_get, track_minor_of_a_scan, track_major_of_a_scan):
        track.unit = "faults"
    del track


class Memory:
    """Of a process that reads everything once; the cache of decoded frames keeps to its budget."""

    setup_cache = staticmethod(prepared.records)

    def peakmem_scan(self, made: dict) -> None:
        with lakebed.open(made["sealed"], mode="r") as store:
            for row in store.scan("records"):
                row.data  # noqa: B018

    def peakmem_sql(self, made: dict) -> None:
        con = lakebed.connect(made["sealed"])
        con.execute("SELECT count(DISTINCT _json) FROM records").fetchall()
        con.close()
