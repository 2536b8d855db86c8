"""What the benchmarks work on: records, stores of many sizes, and how one call is timed.

| variable | effect |
|---|---|
| `LAKEBED_BENCH_DATA` | records of this NDJSON file (`.zst` or plain) instead of generated ones |
| `LAKEBED_BENCH_LARGE=1` | also opens stores of ten million rows, which takes minutes to prepare |
| `LAKEBED_BENCH_SMOKE=1` | tiny sizes: whether every benchmark works, and no figure worth keeping |

Each function here is the `setup_cache` of benchmarks: asv calls it once a commit, in a directory that stays until they are done.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import lakebed
from bench.rivals import data

SMOKE = os.environ.get("LAKEBED_BENCH_SMOKE") == "1"
LARGE = os.environ.get("LAKEBED_BENCH_LARGE") == "1"

RECORDS = 200 if SMOKE else 20_000
"""Generated ones, of about 1 KB."""
CALLS = 50 if SMOKE else 2_000
"""How many calls of a microsecond's kind the median is of."""
ROWS = [1_000] if SMOKE else [10_000, 100_000, 1_000_000] + [10_000_000] * LARGE
SEGMENTS = [3] if SMOKE else [1, 30, 300]
LONGEST = 3600
"""Seconds that a preparation may take."""


def source() -> Iterator[bytes]:
    """The records: of the file that the environment names, else generated."""
    named = os.environ.get("LAKEBED_BENCH_DATA")
    return data.read(Path(named)) if named else data.events(RECORDS)


def records() -> dict[str, Any]:
    """A file of records; a store of others like them, with a dictionary; a sealed store of the file; hashes to ask for."""
    lines = list(source())
    file = data.write(Path("records.ndjson").absolute(), lines)
    others = data.write(Path("others.ndjson"), data.changed(lines[::4], seed=1))
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


records.timeout = LONGEST


def by_rows() -> dict[int, str]:
    """Stores of so many rows of about 80 bytes, sealed."""
    made = {}
    for rows in ROWS:
        lines = data.write(Path("small.ndjson"), data.small(rows))
        path = Path(f"{rows}.lakebed").absolute()
        with lakebed.open(path) as store:
            store.ingest(lines, into="small")
            store.seal()
        lines.unlink()
        made[rows] = str(path)
    return made


by_rows.timeout = LONGEST


def by_segments() -> dict[int, dict[str, Any]]:
    """Stores of so many segments, of the same rows: the more segments, the fewer rows in each."""
    rows = 20 * SEGMENTS[-1]
    lines = list(data.small(rows))
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


by_segments.timeout = LONGEST


def copy(store: str, to: str) -> str:
    """A store to change, in place of an earlier copy."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(store, to)
    return to


def microseconds(call: Callable[[Any], object], arguments: Iterable[Any]) -> float:
    """The median time of one call; the clock's own 0.05-0.1 us are in it."""
    times = []
    for argument in arguments:
        start = time.perf_counter_ns()
        call(argument)
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1e3
