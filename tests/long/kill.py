#!/usr/bin/env python3
"""Kills `lakebed ingest` with SIGKILL at random times, 60 times or as often as the first argument says.

Each time: what was reported as ingested is there, the rows are a prefix, `verify` finds nothing, and the next ingest
goes on. About two minutes.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from crash_lib import CLI, check, run, write_records

FILES = 12
ROWS = 4_000


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    random.seed(times)
    with tempfile.TemporaryDirectory(prefix="lakebed-kill-") as scratch:
        directory = Path(scratch)
        files = []
        for n in range(FILES):
            files.append(directory / f"part-{n:02}.ndjson")
            write_records(files[-1], n * ROWS, (n + 1) * ROWS)
        killed = finished = 0
        while killed < times:
            store = directory / f"kill-{finished}.lakebed"
            acknowledged, wait = 0, 0.6
            for _ in range(200):
                ended, rows, took = ingest(store, files, None if killed >= times else random.uniform(0.05, wait))
                acknowledged += rows
                if ended:
                    wait = max(0.2, took)
                    break
                killed += 1
                if (store / "FORMAT").exists():
                    acknowledged = check(store, "events", acknowledged, FILES * ROWS)
                else:
                    assert acknowledged == 0
                wait *= 1.15
            assert check(store, "events", FILES * ROWS, FILES * ROWS) == FILES * ROWS
            finished += 1
            print(f"{killed} kills, {finished} stores filled in spite of them", flush=True)
        resumed(directory, files)


def ingest(store: Path, files: list[Path], seconds: float | None) -> tuple[bool, int, float]:
    """Ingests all files and kills after so many seconds; returns whether it ended before, the reported rows, the
    time."""
    began = time.monotonic()
    command = [*CLI, "--store", str(store), "ingest", "--json", "--into", "events", *map(str, files)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    timer = threading.Timer(seconds, process.kill) if seconds is not None else None
    if timer:
        timer.start()
    out, errors = process.communicate(timeout=300)
    if timer:
        timer.cancel()
    lines = [line for line in out.split(b"\n")[:-1] if line]
    rows = sum(report["rows"] for report in map(json.loads, lines) if not report["skipped"])
    assert process.returncode in (0, -9), errors.decode()
    return process.returncode == 0, rows, time.monotonic() - began


def resumed(directory: Path, files: list[Path]) -> None:
    """Ingests one file in several commits, with kills in the middle and `--resume`."""
    whole = directory / "whole.ndjson"
    copies = 1 + (200 << 20) // sum(path.stat().st_size for path in files)
    rows = FILES * ROWS * copies
    write_records(whole, 0, rows)
    store = directory / "resumed.lakebed"
    command = [*CLI, "--store", str(store), "ingest", "--resume", "--into", "events", str(whole)]
    kept, kills, longest = 0, 0, 2.5
    while kills < 5:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=random.uniform(0.3, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, -9), errors.decode()
        kept = check(store, "events", kept, rows) if (store / "FORMAT").exists() else 0
        print(f"resumed: {kept:,} of {rows:,} rows after {kills} kills", flush=True)
        if process.returncode == 0:
            # It ended before enough kills: again, with earlier kills.
            shutil.rmtree(store)
            kept, longest = 0, max(0.4, longest * 0.7)
    run("--store", store, "ingest", "--resume", "--into", "events", whole, timeout=600)
    assert check(store, "events", rows, rows) == rows


if __name__ == "__main__":
    main()
