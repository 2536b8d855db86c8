#!/usr/bin/env python3
"""Kills `lakebed compact` with SIGKILL at random times, 60 times or as often as the first argument says.

Each time: no row that is kept is lost or changed, `verify` finds nothing, and the next compaction goes on. At the end
the dropped bytes are in no file. About two minutes.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crash_lib import CLI, check, record, run

import lakebed

ROWS = 20_000
PARTS = 20


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    random.seed(times)
    with tempfile.TemporaryDirectory(prefix="lakebed-kill-") as scratch:
        whole = Path(scratch) / "whole.lakebed"
        secret = fill(whole)
        assert holding(whole, secret)
        killed = finished = 0
        while killed < times:
            store = Path(scratch) / f"kill-{finished}.lakebed"
            shutil.copytree(whole, store)
            wait = 0.6
            for level in range(200):
                # With another level everything is written again.
                command = ["--store", str(store), "compact", *(["--level", str(level % 5 + 1)] if level % 3 else [])]
                began = time.monotonic()
                process = subprocess.Popen([*CLI, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    code = process.wait(None if killed >= times else random.uniform(0.05, wait))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    killed += 1
                    wait *= 1.15
                    assert check(store, "kept", ROWS, ROWS) == ROWS
                    continue
                assert code == 0, command
                wait = max(0.2, time.monotonic() - began)
                if level % 3 == 0:
                    break
            run("--store", store, "compact")
            assert check(store, "kept", ROWS, ROWS) == ROWS
            left = holding(store, secret)
            assert not left, f"dropped bytes are in {left}"
            shutil.rmtree(store)
            finished += 1
            print(f"{killed} kills, {finished} stores compacted in spite of them", flush=True)


def fill(path: Path) -> bytes:
    """A store of which most was dropped, in many segments; the bytes of a dropped blob that do not shrink."""
    secret = random.randbytes(5000)
    with lakebed.open(path, segment_bytes=256 << 10) as store:
        for part in range(PARTS):
            numbers = range(part * ROWS // PARTS, (part + 1) * ROWS // PARTS)
            store.append("kept", [record(n) for n in numbers])
            store.append("dropped", [b'{"other":%d,' % n + record(n)[1:] for n in numbers for _ in range(2)])
            store.put(secret if part == 7 else b"blob %d" % part)
            store.commit()
        store.drop("dropped")
        store.delete(lakebed.Hash.of(secret))
        store.commit()
    return secret


def holding(path: Path, secret: bytes) -> list[str]:
    """The files that hold a piece of these bytes."""
    return [str(file) for file in path.rglob("*") if file.is_file() and secret[:64] in file.read_bytes()]


if __name__ == "__main__":
    main()
