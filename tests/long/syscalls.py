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

from crash_lib import check, figures, record

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
INTERRUPTED = "error=EINTR"
# They are done again. The others are not, which is an error like any other: nothing is known of what happened.
RETRIED = ("pread64", "pwrite64")
CALLS = {
    "pread64": ("error=EIO", INTERRUPTED),
    "pwrite64": ("error=EIO", "error=ENOSPC", INTERRUPTED, "signal=KILL"),
    "fdatasync": ("error=EIO", INTERRUPTED, "signal=KILL"),
    "fsync": ("error=EIO", INTERRUPTED, "signal=KILL"),
    "rename,renameat,renameat2": ("error=EIO", INTERRUPTED, "signal=KILL"),
    "unlink,unlinkat": ("error=EIO", INTERRUPTED, "signal=KILL"),
    "ftruncate": ("error=EIO", INTERRUPTED, "signal=KILL"),
    "flock,fcntl": ("error=EIO", INTERRUPTED, "signal=KILL"),
    "fstat,newfstatat,statx": ("error=EIO", INTERRUPTED, "signal=KILL"),
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
    with (
        tempfile.TemporaryDirectory(prefix="lakebed-syscalls-") as scratch,
        figures("system calls of a process") as counts,
    ):
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
                else:
                    what = "kills" if "KILL" in fault else "faults"
                    counts[what] = counts.get(what, 0) + 1
                if not injected or (fault == INTERRUPTED and call in RETRIED):
                    assert done.returncode == 0, done.stderr.decode()
                    assert not done.stderr, done.stderr.decode()
                acknowledged = max([0, *map(int, done.stdout.split())])
                which = f"{call} {fault} the {when}. time"
                try:
                    found = check(path, "events", acknowledged, 3 * ROWS) if (path / "FORMAT").exists() else 0
                    assert found >= acknowledged
                    again = subprocess.run(
                        [sys.executable, "-c", program], capture_output=True, timeout=120, check=False
                    )
                    assert again.returncode == 0, again.stderr.decode()
                    check(path, "events", found + 3 * ROWS, found + 3 * ROWS)
                except Exception as error:
                    error.add_note(f"{which}; it ended with {done.returncode}:\n{done.stderr.decode()}")
                    raise
                shutil.rmtree(path)
            if len(exhausted) == len(cases) or time.monotonic() > end:
                break
    left = "all there are" if len(exhausted) == len(cases) else f"each up to the {when}. call, until time was up"
    print(f"{runs} runs with a system call that fails or kills: {left}")


if __name__ == "__main__":
    assert record(0)
    main()
