#!/usr/bin/env python3
"""Fills a real file system of 3 MiB up and goes on; needs root for `mount -t tmpfs`, and says so and ends where that does not work.
Some seconds."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from crash_lib import check, record, run, write_records

import lakebed


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="lakebed-full-") as scratch:
        disk = Path(scratch) / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            print("SKIPPED: mounting a small tmpfs needs root")
            return
        try:
            fill(disk, Path(scratch))
        finally:
            subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path, scratch: Path) -> None:
    path = disk / "full.lakebed"
    rows = 0
    try:
        with lakebed.open(path, segment_bytes=400_000) as store:
            while True:
                store.append("events", [record(n) for n in range(rows, rows + 100)])
                store.commit()
                rows += 100
    except lakebed.errors.StoreFull as full:
        print(f"full after {rows:,} rows: {full}")
    assert rows > 1000
    found = check(path, "events", rows, rows + 100)
    # From the command line: exit code 7, one sentence, the store as it was.
    source = scratch / "more.ndjson"
    write_records(source, found, found + 20_000)
    errors = run("--store", path, "ingest", "--into", "more", source, code=7).stderr.decode()
    assert "full" in errors, errors
    assert "Traceback" not in errors, errors
    assert check(path, "events", found, found) == found
    # A drop works on the full disk, by the reserve.
    filler = disk / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        except OSError:
            pass
    run("--store", path, "drop", "--yes", "events")
    with lakebed.open(path, "r") as store:
        assert [info.name for info in store.collections()] == []
        assert not store.verify().problems
    # With room again it goes on.
    filler.unlink()
    with lakebed.open(path) as store:
        store.append("events", [record(n) for n in range(200)])
    assert check(path, "events", 200, 200) == 200
    print("the drop worked on the full disk, and writing went on when there was room")


if __name__ == "__main__":
    main()
