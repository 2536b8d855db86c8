#!/usr/bin/env python3
"""One writer and two readers, processes of their own, for 60 seconds unless told (the first argument): no reader sees half a commit.

Each commit appends to two collections and puts a blob; now and then the writer seals, rolls back, trims, or is killed and replaced.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import lakebed

ROWS = 5


def row(n: int) -> bytes:
    return b'{"n":%d,"text":"%s"}' % (n, b"%020d" % (n * 2654435761 % 2**64))


def write(path: Path, done: Event) -> None:
    """Commits until it is told to end, or killed. Each commit says how many it is the successor of."""
    with lakebed.open(path, lock_timeout=60, segment_bytes=200_000) as store:
        names = {info.name: info.next_seq for info in store.collections()}
        round_ = names.get("left", 0) // ROWS
        assert names.get("right", 0) == names.get("left", 0)
        while not done.is_set():
            rows = [row(n) for n in range(round_ * ROWS, (round_ + 1) * ROWS)]
            store.append("left", rows)
            store.put(b"blob %d" % round_)
            store.append("right", rows[::-1])
            store.commit()
            round_ += 1
            if round_ % 97 == 0:
                store.seal()
            if round_ % 31 == 0:
                store.append("left", [b"null"])
                store.rollback()
            if round_ % 500 == 0:
                store.trim("left", before_seq=(round_ - 50) * ROWS)
                # Not one commit with the trim before: readers compare only where both have rows.
                store.trim("right", before_seq=(round_ - 50) * ROWS)


def read(path: Path, done: Event, looks: object) -> None:
    """Looks at one snapshot after the other."""
    while not (path / "FORMAT").exists():
        time.sleep(0.01)
    seen = 0
    while not done.is_set():
        # Now and then opened anew.
        with lakebed.open(path, "r") as store:
            for _ in range(random.randrange(1, 60)):
                store.refresh()
                seen = max(seen, look(store, seen))
                with looks.get_lock():  # type: ignore[attr-defined]
                    looks.value += 1  # type: ignore[attr-defined]
                if done.is_set():
                    return


def look(store: lakebed.Store, seen: int) -> int:
    snapshot = store.snapshot
    infos = {info.name: info for info in snapshot.collections()}
    if not infos:
        return 0
    left, right = infos["left"], infos["right"]
    assert left.next_seq == right.next_seq, f"half a commit: {left.next_seq} and {right.next_seq} rows"
    assert left.next_seq % ROWS == 0
    assert left.next_seq >= seen, f"back from {seen} to {left.next_seq}"
    last = left.next_seq // ROWS - 1
    assert snapshot.get(lakebed.Hash.of(b"blob %d" % last)) == b"blob %d" % last
    start = max(left.first_seq, right.first_seq, left.next_seq - 40 * ROWS)
    for name in ("left", "right"):
        rows = list(snapshot.scan(name, start, left.next_seq))
        assert [found.seq for found in rows] == list(range(start, left.next_seq))
        for found in rows:
            group = found.seq // ROWS
            wanted = found.seq if name == "left" else group * ROWS + ROWS - 1 - found.seq % ROWS
            assert found.data == row(wanted), f"row {found.seq} of {name}"
    return left.next_seq


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="lakebed-soak-") as scratch:
        path = Path(scratch) / "soak.lakebed"
        done, looks = context.Event(), context.Value("Q", 0)
        readers = [context.Process(target=read, args=(path, done, looks)) for _ in range(2)]
        for reader in readers:
            reader.start()
        end, kills = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            writer = context.Process(target=write, args=(path, done))
            writer.start()
            until = min(end, time.monotonic() + random.uniform(3, 12))
            while time.monotonic() < until and writer.is_alive() and all(reader.is_alive() for reader in readers):
                time.sleep(0.05)
            if not writer.is_alive() or not all(reader.is_alive() for reader in readers):
                break
            if time.monotonic() < end:
                writer.kill()
                kills += 1
                writer.join()
        done.set()
        writer.join()
        for process in (*readers, writer):
            process.join()
        failed = [process.name for process in (*readers, writer) if process.exitcode != 0]
        assert not failed, f"{failed} failed"
        with lakebed.open(path, "r") as store:
            assert not store.verify().problems
            print(f"{look(store, 0) // ROWS:,} commits, {kills} writers killed, {looks.value:,} looks by two readers")


if __name__ == "__main__":
    main()
