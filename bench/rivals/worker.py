"""One measurement, in its own process: `python -m bench.rivals.worker TASK '{"engine": ..., ...}'` prints figures as
JSON.

Times are seconds unless a name says otherwise. Each task checks its work: the number of records and bytes, or the
answer.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import records
from bench.rivals import engines, questions

Figures = dict[str, Any]
TASKS: dict[str, Callable[[dict[str, Any]], Figures]] = {}


def task(function: Callable[[dict[str, Any]], Figures]) -> Callable[[dict[str, Any]], Figures]:
    """Makes a function a TASK of the command line."""
    TASKS[function.__name__] = function
    return function


def size_on_disk(store: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


def resident() -> int:
    """Resident bytes of this process, pages of mapped files included."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def keys_of(spec: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """(key, line) of lines chosen from the source with a fixed seed."""
    import hashlib

    from blake3 import blake3

    digest = hashlib.sha256 if spec["engine"] == "duckdb_key" else blake3
    lines = list(records.read(Path(spec["source"])))
    chosen = random.Random(1).choices(lines, k=spec["gets"])
    return [(digest(line).digest(), line) for line in chosen]


def one_core() -> None:
    """Pins this process to one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@task
def ingest(spec: dict[str, Any]) -> Figures:
    """Ingests the file into a new store."""
    engine = engines.load(spec["engine"])
    store = Path(spec["store"])
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    engine.ingest(Path(spec["source"]), store)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, "bytes": size_on_disk(store), "peak_rss": after.ru_maxrss * 1024}


@task
def pieces(spec: dict[str, Any]) -> Figures:
    """lakebed alone: ingests files one by one into a store, new or not; `seal` after "each" file, the "last", or
    "no"."""
    import lakebed
    import lakebed.models  # imported here so that its import is not measured

    seconds = []
    with lakebed.open(spec["store"]) as store:
        for source in spec["sources"]:
            start = time.perf_counter()
            store.ingest(Path(source), into="records", again=True, layout="rows")
            seconds.append(time.perf_counter() - start)
            if spec["seal"] == "each":
                store.seal()
        if spec["seal"] == "last":
            store.seal()
        segments = len(store.segments())
    return {"seconds": seconds, "bytes": size_on_disk(Path(spec["store"])), "segments": segments}


@task
def get(spec: dict[str, Any]) -> Figures:
    """Latency of single gets in random order, with `cache` bytes for decoded blocks; a first pass warms the page cache.

    With `proven`, the time includes a check of the bytes against the hash, for engines that do not check by themselves.
    """
    pairs = keys_of(spec)
    reader = engines.load(spec["engine"]).open(Path(spec["store"]), spec["cache"])
    found = reader.get
    for key, line in pairs:
        assert found(reader.key(key)) == line, "the engine returned other bytes"
    keys = [reader.key(key) for key, _ in pairs]
    if spec.get("proven") and not spec["engine"].startswith("lakebed"):
        found = proving(reader.get)
    clock = time.perf_counter_ns
    p50, p99 = [], []
    gc.disable()
    for _ in range(2):
        times = []
        for key in keys:
            start = clock()
            found(key)
            times.append(clock() - start)
        times.sort()
        p50.append(times[len(times) // 2] / 1000)
        p99.append(times[len(times) * 99 // 100] / 1000)
    reader.close()
    return {"p50_us": statistics.median(p50), "p99_us": statistics.median(p99)}


def proving(get: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """`get` with a check of the bytes against the key."""
    from blake3 import blake3

    def found(key: bytes) -> bytes:
        value = get(key)
        if blake3(value).digest() != key:
            raise ValueError("damaged")
        return value

    return found


@task
def scan(spec: dict[str, Any]) -> Figures:
    """Reads all bytes of all records on one core: first pass, or the median of three after one that fills the cache."""
    one_core()
    store = Path(spec["store"])
    in_memory(store)
    reader = engines.load(spec["engine"]).open(store, spec["cache"])
    times = []
    for _ in range(4 if spec["repeated"] else 1):
        start = time.perf_counter()
        total = reader.scan()
        times.append(time.perf_counter() - start)
        assert total == spec["total"], f"scanned {total} bytes of {spec['total']}"
    reader.close()
    return {"mb_per_s": total / statistics.median(times[1:] or times) / 1e6}


def in_memory(store: Path) -> None:
    """Reads every file once, into the page cache."""
    for path in store.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


@task
def query(spec: dict[str, Any]) -> Figures:
    """The SQL questions in DuckDB: over lakebed's typed columns, or over the table of the other engine."""
    known = questions.queries(next(records.read(Path(spec["source"]))))
    store = Path(spec["store"])
    in_memory(store)
    con, table, dialect = engines.load(spec["engine"]).sql(store)
    con.execute(f"SET threads = {spec['threads']}")
    con.execute("SET memory_limit = '512MiB'")
    figures: Figures = {}
    for question in known:
        text = question.sql(dialect, table)
        times = []
        for _ in range(4):
            start = time.perf_counter()
            rows = con.execute(text).fetchall()
            times.append(time.perf_counter() - start)
        figures[question.name] = statistics.median(times[1:]) * 1000
        figures[f"{question.name}, first"] = times[0] * 1000
        figures[f"answer: {question.name}"] = hash_of(rows)
    con.close()
    return figures


def hash_of(rows: list[tuple[Any, ...]]) -> str:
    """A short hash of an answer, whatever the order of its rows."""
    import hashlib

    text = "\n".join(sorted("\t".join("" if cell is None else str(cell) for cell in row) for row in rows))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@task
def opening(spec: dict[str, Any]) -> Figures:
    """Time and memory of opening a store in a fresh process; the engine's code is loaded before."""
    engine = engines.load(spec["engine"])
    key, line = keys_of(spec)[0]
    gc.collect()
    # Free memory in malloc's pools would hide the memory that opening takes.
    try:
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        pass
    before = resident()
    start = time.perf_counter()
    reader = engine.open(Path(spec["store"]), spec["cache"])
    seconds = time.perf_counter() - start
    opened = resident() - before
    if hasattr(reader, "get"):
        start = time.perf_counter()
        assert reader.get(reader.key(key)) == line
        first = time.perf_counter() - start
    else:
        first = float("nan")
    with_get = resident() - before
    reader.close()
    return {"ms": seconds * 1000, "rss": opened, "first_get_ms": first * 1000, "rss_after_get": with_get}


if __name__ == "__main__":
    name, text = sys.argv[1:]
    spec = json.loads(text)
    # Writes of earlier measurements must not slow this one down.
    if spec["settle"]:
        os.sync()
    print(json.dumps(TASKS[name](spec)))
