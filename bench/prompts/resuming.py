"""Finishes rows of a collection, and resumes them: each has its result, which is to be found."""

from __future__ import annotations

import json
import resource
import threading
import time
from pathlib import Path
from typing import Any

from bench.records import titles, write

BODY = "some words of a body " * 4
QUERY = "SELECT title, body FROM issues"
TEMPLATE = "Summarise: {title}\\n{body}"


def memory() -> float:
    """Resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def fill(place: Path, rows: int, jobs: int) -> dict[str, Any]:
    """Finishes `rows` rows in a new store. Returns its size, that of the rows, and how long it took."""
    import lakebed

    lines = write(place / "issues.ndjson", (json.dumps(row).encode() for row in titles(rows, BODY)))
    start = time.perf_counter()
    with lakebed.open(place / "bench.lakebed") as store:
        store.ingest(lines)
        for result in lakebed.prompt(store, "instant", TEMPLATE, QUERY, jobs=jobs):
            assert result.error is None
        stats = store.stats()
    return {
        "bytes": stats.disk_bytes,
        "rows_bytes": lines.stat().st_size,
        "commits": stats.commit,
        "seconds": time.perf_counter() - start,
    }


def resume(place: Path, rows: int) -> dict[str, Any]:
    """Runs the same again, and samples the memory after a tenth of the rows and at most."""
    import lakebed

    store = lakebed.open(place / "bench.lakebed")
    samples: list[tuple[int, float]] = []
    ended = threading.Event()
    start, used = time.perf_counter(), time.process_time()
    run = lakebed.prompt(store, "instant", TEMPLATE, QUERY)

    def sample() -> None:
        while not ended.wait(0.01):
            samples.append((run.status.rows, memory()))

    thread = threading.Thread(target=sample)
    thread.start()
    assert list(run) == []
    seconds, used = time.perf_counter() - start, time.process_time() - used
    ended.set()
    thread.join()
    assert run.report.present == rows, run.report
    store.close()
    early = next((used_then for done, used_then in samples if done >= rows // 10), memory())
    return {"seconds": seconds, "cpu": used, "memory": [early, max([memory(), *(one for _, one in samples)])]}
