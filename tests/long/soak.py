#!/usr/bin/env python3
"""One writer and two readers as processes, for three minutes or the seconds that the first argument gives: no reader
ever sees half a commit.

The writer appends to two collections and puts a blob in each commit, deletes rows of both at once, ingests a file into
a third, trims, seals, compacts, rolls back, drops, and is killed and replaced every few seconds. One reader keeps its
store object and refreshes it, and sometimes runs SQL; the other opens the store for each check.
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
"""Rows that a commit adds to each of the two collections."""
LINES = 300
"""Rows that one ingest adds to the third."""
WINDOW = 40 * ROWS
"""A check reads this many of the newest rows."""


def row(n: int) -> bytes:
    return b'{"n":%d,"text":"%s"}' % (n, b"%020d" % (n * 2654435761 % 2**64))


def mirrored(seq: int) -> int:
    """The row of `right` with the same record: a commit's rows are there in reverse order."""
    return seq - seq % ROWS + ROWS - 1 - seq % ROWS


def write(path: Path, done: Event) -> None:
    """Commits until `done` is set, or it is killed. The number of rows decides what comes next."""
    file = path.with_name("lines.ndjson")
    with lakebed.open(path, lock_timeout=60, segment_bytes=200_000) as store:
        names = {info.name: info for info in store.collections()}
        round_ = names["left"].next_seq // ROWS if "left" in names else 0
        while not done.is_set():
            rows = [row(n) for n in range(round_ * ROWS, (round_ + 1) * ROWS)]
            store.append("left", rows)
            store.put(b"blob %d" % round_)
            store.append("right", rows[::-1])
            if round_ % 7 == 3:
                # A row of the commit before, from both collections at once.
                store.delete(lakebed.Hash.of(row((round_ - 1) * ROWS + round_ % ROWS)))
            store.commit()
            round_ += 1
            if round_ % 97 == 0:
                store.seal()
            if round_ % 31 == 0:
                store.append("left", [b"null"])
                store.rollback()
            if round_ % 43 == 0:
                file.write_bytes(b"".join(b'{"round":%d,"line":%d}\n' % (round_, n) for n in range(LINES)))
                store.ingest(file, into="files")
            if round_ % 211 == 0 and any(info.name == "files" for info in store.collections()):
                store.drop("files")
            if round_ % 301 == 0:
                store.compact()
            if round_ % 500 == 0:
                store.trim("left", before_seq=(round_ - 50) * ROWS)
                # Another commit than the trim before: readers compare only rows that both have.
                store.trim("right", before_seq=(round_ - 50) * ROWS)


def refreshing(path: Path, done: Event, looks: object) -> None:
    """Checks with one store object and one connection, which it refreshes."""
    with lakebed.open(path, "r") as store, lakebed.connect(path) as connection:
        seen = (0, 0)
        while not done.is_set():
            store.refresh()
            seen = look(store.snapshot, seen)
            count(looks)
            if random.random() < 0.05:
                ask(connection)


def opening(path: Path, done: Event, looks: object) -> None:
    """Checks with a new store object each time."""
    seen = (0, 0)
    while not done.is_set():
        with lakebed.open(path, "r") as store:
            seen = look(store.snapshot, seen)
        count(looks)


def count(looks: object) -> None:
    with looks.get_lock():  # type: ignore[attr-defined]
        looks.value += 1  # type: ignore[attr-defined]


def look(snapshot: lakebed.Snapshot, seen: tuple[int, int]) -> tuple[int, int]:
    """Checks a snapshot against (commit, rows) of an earlier one; returns its own."""
    infos = {info.name: info for info in snapshot.collections()}
    assert ("left" in infos) == ("right" in infos)
    if "left" not in infos:
        assert seen == (0, 0), "everything is gone"
        return seen
    left, right = infos["left"], infos["right"]
    assert left.next_seq == right.next_seq, f"half a commit: {left.next_seq} and {right.next_seq} rows"
    assert left.next_seq % ROWS == 0, f"half a commit: {left.next_seq} rows"
    now = (snapshot.commit, left.next_seq)
    assert now >= seen, f"back from {seen} to {now}"
    last = left.next_seq // ROWS - 1
    assert snapshot.get(lakebed.Hash.of(b"blob %d" % last)) == b"blob %d" % last
    assert lakebed.Hash.of(b"blob %d" % (last + 1)) not in snapshot
    start = max(left.first_seq, right.first_seq, left.next_seq - WINDOW)
    start += -start % ROWS
    rows = {found.seq: found for found in snapshot.scan("left", start, left.next_seq)}
    for seq, found in rows.items():
        assert found.data == row(seq), f"row {seq} of left"
        assert found.hash == lakebed.Hash.of(row(seq))
    # A record deleted from one is deleted from the other.
    mirror = {mirrored(found.seq): found.data for found in snapshot.scan("right", start, right.next_seq)}
    assert mirror == {seq: found.data for seq, found in rows.items()}, "half a delete"
    gone = set(range(start, left.next_seq)) - rows.keys()
    assert all(seq // ROWS % 7 == 2 for seq in gone), f"rows {gone} are gone"
    files = infos.get("files")
    if files:
        assert files.next_seq % LINES == 0, f"half an ingest: {files.next_seq} rows"
        lines = [
            found.json()["line"] for found in snapshot.scan("files", max(0, files.next_seq - LINES), files.next_seq)
        ]
        assert lines == list(range(LINES)), "half an ingest"
    return now


def ask(connection: object) -> None:
    """Checks that a query sees a single commit."""
    lakebed.refresh(connection)  # type: ignore[arg-type]
    sql = """
        WITH l AS (SELECT max(_seq) AS last, max(n) AS n FROM "left" WHERE n >= 0), r AS (SELECT max(_seq) AS last FROM "right")
        SELECT l.last, l.n, r.last FROM l, r
    """
    left, number, right = connection.execute(sql).fetchall()[0]  # type: ignore[attr-defined]
    assert left == number
    assert left // ROWS == right // ROWS, f"half a commit in SQL: {left} and {right}"


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 180.0
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="lakebed-soak-") as scratch:
        path = Path(scratch) / "soak.lakebed"
        with lakebed.open(path) as store:
            store.append("left", [row(n) for n in range(ROWS)])
            store.append("right", [row(n) for n in reversed(range(ROWS))])
            store.put(b"blob 0")
        done, looks = context.Event(), [context.Value("Q", 0), context.Value("Q", 0)]
        readers = [
            context.Process(target=refreshing, args=(path, done, looks[0]), name="the refreshing reader"),
            context.Process(target=opening, args=(path, done, looks[1]), name="the opening reader"),
        ]
        for reader in readers:
            reader.start()
        end, kills = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            writer = context.Process(target=write, args=(path, done), name="the writer")
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
        for process in (*readers, writer):
            process.join()
        failed = [process.name for process in (*readers, writer) if process.exitcode != 0]
        assert not failed, f"{' and '.join(failed)} failed"
        with lakebed.open(path, "r") as store:
            assert store.verify().ok
            commit, rows = look(store.snapshot, (0, 0))
        print(f"{commit:,} commits, {rows:,} rows, {kills} writers killed")
        print(
            f"{looks[0].value:,} looks by the refreshing reader, {looks[1].value:,} by the opening one: never half a commit"
        )


if __name__ == "__main__":
    main()
