#!/usr/bin/env python3
"""Makes system calls of a real process fail or kill it, one after the other (`strace -e inject`).

SKIPPED without strace. Two minutes, or the seconds that the first argument gives.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crash_lib import check, record

WORK = """
import sys, lakebed
sys.path.insert(0, {here!r})
from crash_lib import record
with lakebed.open({path!r}, segment_bytes=40_000, threads=1) as store:
    start = next((info.next_seq for info in store.collections()), 0)
    for n in range(start, start + 3 * {rows}, {rows}):
        store.append("events", [record(m) for m in range(n, n + {rows})])
        store.commit()
        print(n + {rows}, flush=True)
    store.seal()
"""
ROWS = 40
# The caller retries.
HARMLESS = "error=EINTR"
CALLS = {
    "pread64": ("error=EIO", HARMLESS),
    "pwrite64": ("error=EIO", "error=ENOSPC", HARMLESS, "signal=KILL"),
    "fdatasync": ("error=EIO", "signal=KILL"),
    "fsync": ("error=EIO", "signal=KILL"),
    "rename,renameat,renameat2": ("error=EIO", "signal=KILL"),
    "unlink,unlinkat": ("error=EIO", "signal=KILL"),
    "ftruncate": ("error=EIO", "signal=KILL"),
    "flock,fcntl": ("error=EIO", "signal=KILL"),
    "fstat,newfstatat,statx": ("error=EIO", "signal=KILL"),
}


def main() -> None:
    strace = shutil.which("strace")
    if strace is None:
        print("SKIPPED: strace is not installed")
        return
    here = str(Path(__file__).parent)
    end = time.monotonic() + (float(sys.argv[1]) if len(sys.argv) > 1 else 120)
    cases = [(call, fault) for call, faults in CALLS.items() for fault in faults]
    exhausted: set[tuple[str, str]] = set()
    runs = 0
    with tempfile.TemporaryDirectory(prefix="lakebed-syscalls-") as scratch:
        for when in range(1, 1000):
            for case in cases:
                if case in exhausted or time.monotonic() > end:
                    continue
                call, fault = case
                path = Path(scratch) / f"{runs}.lakebed"
                program = WORK.format(here=here, path=str(path), rows=ROWS)
                inject = ["-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={when}"]
                # Only calls on the store's files, not the interpreter's own.
                names = [str(path), *(str(path / name) for name in ("LOCK", "FORMAT", ".FORMAT.tmp", "reserve"))]
                names += [str(path / "segments" / f"{n:012}.seg") for n in range(1, 9)]
                names += [str(path / "manifests" / name) for n in range(1, 9) for name in (f"{n:020}", f".{n:020}.tmp")]
                names += [str(path / name) for name in ("segments", "manifests", "index")]
                only = [word for name in names for word in ("-P", name)]
                command = [
                    strace,
                    "-f",
                    "-qq",
                    "-o",
                    str(Path(scratch) / "trace"),
                    *inject,
                    *only,
                    sys.executable,
                    "-c",
                    program,
                ]
                done = subprocess.run(command, capture_output=True, timeout=120, check=False)
                runs += 1
                injected = "INJECTED" in (Path(scratch) / "trace").read_text() or done.returncode in (-9, 137)
                if not injected:
                    exhausted.add(case)
                if not injected or fault == HARMLESS:
                    assert done.returncode == 0, done.stderr.decode()
                    assert not done.stderr, done.stderr.decode()
                acknowledged = max([0, *map(int, done.stdout.split())])
                what = f"{call} {fault} the {when}. time"
                try:
                    found = check(path, "events", acknowledged, 3 * ROWS) if (path / "FORMAT").exists() else 0
                    assert found >= acknowledged
                    again = subprocess.run(
                        [sys.executable, "-c", program], capture_output=True, timeout=120, check=False
                    )
                    assert again.returncode == 0, again.stderr.decode()
                    check(path, "events", found + 3 * ROWS, found + 3 * ROWS)
                except Exception as error:
                    error.add_note(f"{what}; it ended with {done.returncode}:\n{done.stderr.decode()}")
                    raise
                shutil.rmtree(path)
            if len(exhausted) == len(cases) or time.monotonic() > end:
                break
    left = "all there are" if len(exhausted) == len(cases) else f"each up to the {when}. call, until time was up"
    print(f"{runs} runs with a system call that fails or kills: {left}")


if __name__ == "__main__":
    assert record(0)
    main()
