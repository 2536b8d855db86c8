#!/usr/bin/env python3
"""Kills the installed program with SIGKILL at random times, 60 times in each of six works, or as often in all of them
together as the first argument says; further arguments name works (ingest, resume, compact, convert, backup, prompts).

After each kill: what was reported is there, nothing is half there, `verify` finds nothing, and the next call goes on.
About ten minutes.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from crash_lib import CLI, check, figures, record, run, write_records

sys.path.insert(0, str(Path(__file__).parents[2]))

import lakebed
from tests.prompts.kills import kill_and_resume

ROWS = 20_000
PARTS = 20


class Killer:
    """Runs commands and kills them at random times, until so many were killed; then lets them end."""

    def __init__(self, times: int) -> None:
        self.killed = 0
        self.left = times
        # No kill before the program has begun with its work: that would show nothing.
        self._begins = 0.8 * min(self._took(["--version"]) for _ in range(3))
        self._longest = self._begins + 0.4

    @staticmethod
    def _took(words: list[str]) -> float:
        began = time.monotonic()
        run(*words)
        return time.monotonic() - began

    def run(self, *words: object) -> tuple[bool, bytes]:
        """Whether the command ended by itself, and what it printed.

        Raises:
            AssertionError: It ended with an error.
        """
        began = time.monotonic()
        command = [*CLI, *map(str, words)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        timer = threading.Timer(random.uniform(self._begins, self._longest), process.kill)
        if self.left > 0:
            timer.start()
        out, errors = process.communicate(timeout=600)
        timer.cancel()
        assert process.returncode in (0, -9), errors.decode()
        if process.returncode == 0:
            self._longest = max(self._begins + 0.1, time.monotonic() - began)
            return True, out
        self._longest *= 1.15
        self.killed += 1
        self.left -= 1
        return False, out


def ingest(place: Path, killer: Killer) -> None:
    """The rows are a prefix with all that was reported."""
    files, each = [], 4000
    for n in range(12):
        files.append(place / f"part-{n:02}.ndjson")
        write_records(files[-1], n * each, (n + 1) * each)
    rows = each * len(files)
    for layout in itertools.cycle(["columns", "rows"]):
        if killer.left <= 0:
            break
        store, acknowledged, ended = place / "killed.lakebed", 0, False
        while not ended:
            words = ["--layout", layout, "--into", "events", *files]
            ended, out = killer.run("--store", store, "ingest", "--json", *words)
            reports = map(json.loads, filter(None, out.split(b"\n")[:-1]))
            acknowledged += sum(report["rows"] for report in reports if not report["skipped"])
            if (store / "FORMAT").exists():
                acknowledged = check(store, "events", acknowledged, rows)
            else:
                assert acknowledged == 0
        assert acknowledged == rows
        shutil.rmtree(store)


def resume(place: Path, killer: Killer) -> None:
    """One file in several commits: with `--resume` it goes on where it was."""
    whole, store = place / "whole.ndjson", place / "resumed.lakebed"
    rows = 200_000
    write_records(whole, 0, rows, padding=1000)
    command = ["--store", store, "ingest", "--resume", "--into", "events", whole]
    while killer.left > 0:
        kept, ended = 0, False
        while not ended:
            ended, _ = killer.run(*command)
            kept = check(store, "events", kept, rows, padding=1000) if (store / "FORMAT").exists() else 0
        assert kept == rows
        shutil.rmtree(store)


def compact(place: Path, killer: Killer) -> None:
    """No row that is kept is lost or changed; at the end the dropped bytes are in no file."""
    whole = place / "whole.lakebed"
    secret = fill(whole)
    assert holding(whole, secret)
    while killer.left > 0:
        store = place / "killed.lakebed"
        shutil.copytree(whole, store)
        for level in itertools.count():
            # With another level everything is written again.
            words = ["--level", level % 5 + 1] if level % 3 else []
            ended, _ = killer.run("--store", store, "compact", *words)
            assert check(store, "kept", ROWS, ROWS) == ROWS
            if ended and not words:
                break
        left = holding(store, secret)
        assert not left, f"dropped bytes are in {left}"
        shutil.rmtree(store)


def convert(place: Path, killer: Killer) -> None:
    """Rows become columns and rows again, and stay the same to the byte."""
    store = place / "killed.lakebed"
    fill(store)
    for layout in itertools.cycle(["columns", "rows"]):
        if killer.left <= 0:
            break
        ended = False
        while not ended:
            ended, _ = killer.run("--store", store, "compact", "--layout", layout)
            assert check(store, "kept", ROWS, ROWS) == ROWS
        with lakebed.open(store) as writer:
            # The next conversion has rows of both layouts before it.
            writer.delete(writer.put(b"%d" % killer.killed))
            writer.commit()


def backup(place: Path, killer: Killer) -> None:
    """There is always a whole backup, with all rows as of some commit; and a restore is a store or nothing."""
    store, series, rows = place / "whole.lakebed", place / "backups", 0
    restored = place / "restored.lakebed"
    while killer.left > 0:
        with lakebed.open(store, segment_bytes=256 << 10) as writer:
            writer.append("events", [record(n) for n in range(rows, rows + 4000)])
        before, rows, ended = rows, rows + 4000, False
        while not ended:
            ended, _ = killer.run("backup", store, series, "--keep", 2)
            whole = [check(path, "events", 0, rows) for path in series.glob("*.lakebed") if (path / "FORMAT").exists()]
            assert whole or not before, "no whole backup is left"
            assert all(found % 4000 == 0 for found in whole), whole
            assert max(whole, default=0) >= (rows if ended else before), whole
        while not (restored / "FORMAT").exists():
            killer.run("restore", series, restored)
        assert check(restored, "events", rows, rows) == rows
        shutil.rmtree(restored)
        if rows >= 40_000:
            shutil.rmtree(store)
            shutil.rmtree(series)
            rows = 0


def prompts(place: Path, killer: Killer) -> None:
    """Each request has one stored reply and one result; none is sent again whose reply was stored."""
    while killer.left > 0:
        times = min(50, killer.left)
        inside = place / str(killer.left)
        inside.mkdir()
        kill_and_resume(inside, times=times, rows=times * 12, seed=killer.left)
        killer.killed += times
        killer.left -= times


def fill(path: Path) -> bytes:
    """A store of which most was dropped, in many segments; the bytes of a dropped blob that do not shrink."""
    # More than a frame, so that it lies in one of its own, as it is.
    secret = random.randbytes(200_000)
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
    return [str(file) for file in path.rglob("*") if file.is_file() and secret[100_000:100_064] in file.read_bytes()]


# Each with its share of the kills.
WORKS: dict[str, tuple[Callable[[Path, Killer], None], float]] = {
    "ingest": (ingest, 0.25),
    "resume": (resume, 0.05),
    "compact": (compact, 0.2),
    "convert": (convert, 0.2),
    "backup": (backup, 0.2),
    "prompts": (prompts, 0.1),
}


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 360
    names = sys.argv[2:] or list(WORKS)
    total = sum(WORKS[name][1] for name in names)
    for name in names:
        work, share = WORKS[name]
        with (
            tempfile.TemporaryDirectory(prefix=f"lakebed-kill-{name}-") as scratch,
            figures(f"kills: {name}") as counts,
        ):
            killer = Killer(max(1, round(times * share / total)))
            try:
                work(Path(scratch), killer)
            finally:
                counts["kills"] = killer.killed
        print(f"{name}: killed {killer.killed} times, nothing lost", flush=True)


if __name__ == "__main__":
    main()
