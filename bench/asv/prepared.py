"""Records and stores for the benchmarks, and the timing of single calls.

| variable | effect |
|---|---|
| `LAKEBED_BENCH_DATA` | records of this NDJSON file (`.zst` or plain) instead of generated ones |
| `LAKEBED_BENCH_LARGE=1` | also opens stores of ten million rows, which takes minutes to prepare |
| `LAKEBED_BENCH_SMOKE=1` | tiny sizes: checks that every benchmark works |

A function that makes stores is the `setup_cache` of benchmarks: asv calls it once a commit, in a directory that it
keeps until they end.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import lakebed
from bench.records import changed, events, read, small, write

Made = dict[str, Any]
"""What `records` returns."""
Call = TypeVar("Call", bound=Callable[..., Any])

SMOKE = os.environ.get("LAKEBED_BENCH_SMOKE") == "1"
LARGE = os.environ.get("LAKEBED_BENCH_LARGE") == "1"

RECORDS = 200 if SMOKE else 20_000
"""Number of generated records of about 1 KB."""
CALLS = 50 if SMOKE else 2_000
"""Calls that a median of microseconds is taken of."""
ROWS = [1_000] if SMOKE else [10_000, 100_000, 1_000_000] + [10_000_000] * LARGE
SEGMENTS = [3] if SMOKE else [1, 30, 300]
LONGEST = 3600
"""Seconds that a preparation may take."""


def source() -> Iterator[bytes]:
    """The records of the file that the environment names, else generated ones."""
    named = os.environ.get("LAKEBED_BENCH_DATA")
    return read(Path(named)) if named else events(RECORDS)


def records() -> Made:
    """A file of records, a sealed store of it, a store of similar records with a dictionary, and hashes to get."""
    lines = list(source())
    file = write(Path("records.ndjson").absolute(), lines)
    others = write(Path("others.ndjson"), changed(lines[::4], seed=1))
    with lakebed.open("trained.lakebed") as store:
        store.ingest(others, into="records")
    others.unlink()
    with lakebed.open("sealed.lakebed") as store:
        store.ingest(file, into="records")
        store.seal()
    some = random.Random(1).sample(lines, min(CALLS, len(lines)))
    return {
        "file": str(file),
        "bytes": sum(map(len, lines)),
        "rows": len(lines),
        "first": lines[0],
        "trained": str(Path("trained.lakebed").absolute()),
        "sealed": str(Path("sealed.lakebed").absolute()),
        "hashes": [bytes(lakebed.Hash.of(line)) for line in some],
    }


vars(records)["timeout"] = LONGEST


def by_rows() -> dict[int, str]:
    """Sealed stores by their number of rows of about 80 bytes."""
    made = {}
    for rows in ROWS:
        lines = write(Path("small.ndjson"), small(rows))
        path = Path(f"{rows}.lakebed").absolute()
        with lakebed.open(path) as store:
            store.ingest(lines, into="small")
            store.seal()
        lines.unlink()
        made[rows] = str(path)
    return made


vars(by_rows)["timeout"] = LONGEST


def by_segments() -> dict[int, dict[str, Any]]:
    """Stores of the same rows by their number of segments."""
    rows = 20 * SEGMENTS[-1]
    lines = list(small(rows))
    some = [bytes(lakebed.Hash.of(line)) for line in random.Random(1).sample(lines, min(CALLS, rows))]
    made = {}
    for segments in SEGMENTS:
        path = Path(f"{segments}.lakebed").absolute()
        with lakebed.open(path) as store:
            for first in range(0, rows, rows // segments):
                store.append("small", lines[first : first + rows // segments])
                store.seal()
        made[segments] = {"path": str(path), "hashes": some}
    return made


vars(by_segments)["timeout"] = LONGEST


def copy(store: str, to: str) -> str:
    """Copies a store, over an earlier copy; returns the copy's path."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(store, to)
    return to


def microseconds(call: Callable[[Any], object], arguments: Iterable[Any]) -> float:
    """The median time of one call, the clock's own 0.05-0.1 us included."""
    times = []
    for argument in arguments:
        start = time.perf_counter_ns()
        call(argument)
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1e3


def unit(name: str) -> Callable[[Call], Call]:
    """Gives a `track_` benchmark the unit that asv shows."""

    def mark(benchmark: Call) -> Call:
        vars(benchmark)["unit"] = name
        return benchmark

    return mark
