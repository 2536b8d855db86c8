#!/usr/bin/env python3
"""Fills the disk of a store, and goes on. Half a minute.

Once with a real file system of 3 MiB (root, for `mount -t tmpfs`; SKIPPED where that fails), and often with files that
may not grow (RLIMIT_FSIZE: the kernel writes what fits and then refuses, so writes are short too).
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
import warnings
from pathlib import Path

from crash_lib import check, record, run, write_records

import lakebed


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="lakebed-full-") as scratch:
        limited(Path(scratch))
        disk = Path(scratch) / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            print("SKIPPED the full disk: mounting a small tmpfs needs root")
            return
        try:
            full(disk, Path(scratch))
        finally:
            # Lazy: after a failure a file may still be open.
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(path: Path) -> tuple[int, lakebed.LakebedError]:
    """Appends and commits until that fails; returns the acknowledged rows and the error."""
    rows = 0
    with warnings.catch_warnings():
        # When a full segment cannot be sealed, commits go on for a while with warnings.
        warnings.simplefilter("ignore")
        try:
            with lakebed.open(path, segment_bytes=400_000) as store:
                while True:
                    store.append("events", [record(n) for n in range(rows, rows + 100)])
                    store.commit()
                    rows += 100
        except lakebed.LakebedError as error:
            return rows, error


def full(disk: Path, scratch: Path) -> None:
    path = disk / "full.lakebed"
    rows, error = fill(path)
    print(f"full after {rows:,} rows: {error}")
    assert isinstance(error, lakebed.StoreFull), repr(error)
    assert rows > 1000
    found = check(path, "events", rows, rows + 100)
    # The command: exit code 7, one sentence, an unchanged store.
    source = scratch / "more.ndjson"
    write_records(source, found, found + 20_000)
    errors = run("--store", path, "ingest", "--into", "more", source, code=7).stderr.decode()
    assert "full" in errors, errors
    assert "Traceback" not in errors, errors
    assert check(path, "events", found, found) == found
    # A drop works on the full disk, with the room of the file `reserve`.
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    assert os.statvfs(disk).f_bavail == 0
    run("--store", path, "drop", "--yes", "events")
    with lakebed.open(path, "r") as store:
        assert [info.name for info in store.collections()] == []
        assert store.verify().ok
    # With room again, writing goes on.
    filler.unlink(missing_ok=True)
    with lakebed.open(path) as store:
        store.append("events", [record(n) for n in range(20)])
    assert check(path, "events", 20, 20) == 20
    print("the drop worked on the full disk, and writing went on when there was room")


def limited(scratch: Path) -> None:
    """No file may grow beyond a limit, which falls inside groups, footers and manifests."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    for number, limit in enumerate(range(2_000, 300_000, 17_011)):
        path = scratch / f"limited-{number}.lakebed"
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, usual[1]))
        try:
            rows, error = fill(path)
            found = check(path, "events", rows, rows + 100) if (path / "FORMAT").exists() else 0
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert error.exit_code == 7, repr(error)
        with lakebed.open(path) as store:
            store.append("events", [record(n) for n in range(found, found + 200)])
        assert check(path, "events", found + 200, found + 200) == found + 200
    print(f"{number + 1} stores whose files could not grow: {error}")


if __name__ == "__main__":
    main()
