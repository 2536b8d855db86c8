"""Makes the fixture of a format version: a small store that contains each structure of the format, and what a reader
must answer about it.

    python -m tests.fixture tests/fixtures/store-1.0

writes `store.lakebed/` (the store) and `answers.json` into that directory. A fixture is made once, by the first lakebed
that writes its version, and never again; `tests/api/test_fixtures.py` reads all of them with the lakebed at hand.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import lakebed

NOTES = {"columns": {"__all__": {"notes"}}}
"""Fields of a schema that are words for people, and may be put otherwise."""
LARGE = (16 << 20) + 1
"""Bytes of the large blob: one more than still fits a segment of the rows layout."""


def answers(path: Path) -> dict[str, Any]:
    """All that a reader can observe of the store at `path`, as plain JSON. The store is not changed."""
    with lakebed.open(path, mode="r") as store:
        names = [collection.name for collection in store.collections()]
        found = {
            "stats": store.stats().model_dump(
                mode="json", exclude={"path", "cache_bytes", "cache_misses", "cache_hits", "backend"}
            ),
            "collections": [collection.model_dump(mode="json") for collection in store.collections()],
            "segments": [segment.model_dump(mode="json") for segment in store.segments()],
            "dictionaries": [dictionary.model_dump(mode="json") for dictionary in store.dictionaries()],
            "commits": [commit.model_dump(mode="json") for commit in store.commits()],
            "schemas": {name: store.schema(name).model_dump(mode="json", exclude=NOTES) for name in names},
            "rows": {name: [row(item) for item in store.scan(name)] for name in names},
            "exports": {name: export(store, name) for name in names},
        }
        commits = [0, *(commit.number for commit in store.commits())]
    connection = lakebed.connect(path)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        found["blobs"] = query(
            connection,
            "SELECT id, hash, kind, size, stored_size, encoding, dictionary, segment, frame FROM lakebed_blobs(?) ORDER BY id",
            path,
        )
        found["values"] = {
            name: query(connection, "SELECT * EXCLUDE _hash FROM lakebed_scan(?, ?) ORDER BY _seq LIMIT 16", path, name)
            for name in names
        }
        found["as_of"] = {
            name: {
                commit: query(
                    connection,
                    f"SELECT count(*), min(_seq), max(_seq), sum(_seq) FROM lakebed_scan(?, ?, snapshot := {commit})",
                    path,
                    name,
                )[0]
                for commit in map(str, commits)
            }
            for name in names
        }
    finally:
        connection.close()
    return found


def row(item: lakebed.Row) -> list[Any]:
    """A row: sequence number, blob id, hash, file, line, time."""
    return [item.seq, item.blob, str(item.hash), item.file, item.line, item.ingested_at.isoformat()]


def export(store: lakebed.Store, name: str) -> dict[str, Any]:
    """Length and hash of a collection's exported bytes."""
    out = io.BytesIO()
    store.export(name, out)
    return {"bytes": len(out.getvalue()), "hash": str(lakebed.Hash.of(out.getvalue()))}


def query(connection: Any, sql: str, *parameters: Any) -> list[list[Any]]:
    """The rows of an answer; what JSON lacks is text."""
    rows = connection.execute(sql, [str(parameter) for parameter in parameters]).fetchall()
    return [[value if isinstance(value, int | str | None) else str(value) for value in row] for row in rows]


def thing(number: int) -> bytes:
    """A record with a value of each JSON type and of each column type but MAP."""
    record: dict[str, Any] = {
        "id": number,
        "name": f"name {number}",
        "ratio": number / 8,
        "whole_or_not": number if number % 2 else number + 0.5,
        "huge": 2**80 + number,
        "flag": number % 3 == 0,
        "nothing": None,
        "sometimes": number if number % 5 else None,
        "day": f"2024-02-{number % 28 + 1:02}",
        "at": f"2024-02-29T12:{number % 60:02}:00Z",
        "local": f"2024-02-29 12:{number % 60:02}:00",
        "uuid": f"6ba7b810-9dad-11d1-80b4-{number:012x}",
        "tags": ["a", f"tag {number % 7}"][: number % 3],
        "place": {"city": f"city {number % 11}", "position": [number / 4, -number / 4]},
        "mixed": [number, f"text {number}", {"n": number}, [number]][number % 4],
        "text": 'é 😀 "quoted" \\ \n',
        "_seq": number * 2,
    }
    if number % 10 == 0:
        record["Name"] = "a key that differs in case"
    if number % 13 == 0:
        del record["name"]
    return json.dumps(
        record, ensure_ascii=number % 2 == 0, separators=(", ", ": ") if number % 4 else (",", ":")
    ).encode()


def lines(start: int, stop: int) -> bytes:
    """Records as NDJSON, with an equal line twice and an empty one."""
    records = [thing(number) for number in range(start, stop)]
    return b"\n".join([*records[:10], b"", records[3], *records[10:]]) + b"\n"


def wide(number: int) -> bytes:
    """A record that is stored as columns: its shape repeats, and now and then values are spelled in other ways."""
    record = json.loads(thing(number))
    record["name"] = f"wide {number}"
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    if number % 50 == 7:
        text = text.replace('"ratio":', '"ratio": ')
    return b'{"wide":1e2}' if number % 80 == 9 else text.encode()


def make_columns(path: Path) -> None:
    """Makes the store with a segment of columns: parts of two collections, and blobs in frames."""
    with lakebed.open(path, threads=1) as store:
        store.append("wide", [wide(number) for number in range(400)])
        store.append("narrow", [{"n": number, "text": f"text {number}"} for number in range(100)])
        # Rows that repeat records of this collection and of another.
        store.append("wide", [wide(3), b'{"n":4,"text":"text 4"}'])
        store.append("few", [{"few": number} for number in range(3)])
        store.put(random.Random(12).randbytes(3000))
        store.commit()
        store.delete(lakebed.Hash.of(wide(30)))
        store.commit()
        report = store.compact(layout="columns")
        if not any(segment.layout == "columns" for segment in store.segments()):
            sys.exit(f"Nothing became columns: {report}")
        store.delete(lakebed.Hash.of(wide(31)))
        store.trim("narrow", before_seq=10)
        store.commit()


def tear(path: Path) -> None:
    """Leaves the beginning of a group behind the last commit, as a writer does that is killed."""
    active = max((path / "segments").glob("*.seg"))
    bytes_of = active.read_bytes()
    with active.open("ab") as file:
        file.write(bytes_of[64 : 64 + 333])


def make(path: Path) -> None:
    """Makes the store, which must not exist. The working directory receives the files that are ingested."""
    make_columns(path)
    noise = random.Random(11)
    with lakebed.open(path, segment_bytes=8 << 10, page_bytes=2 << 10, threads=1) as store:
        Path("things.ndjson").write_bytes(lines(0, 120))
        store.ingest("things.ndjson", train=False)
        store.train("things", size=4096)
        # A segment each: enough of them for a run under index/.
        for part in range(1, 10):
            name = f"part-{part}.ndjson"
            Path(name).write_bytes(lines(part * 120, part * 120 + 40))
            store.ingest(name, into="things", train=False)
            store.seal()
        # So many groups that the footer has a table of fingerprints of its own.
        for number in range(6):
            store.put(b"one of six groups: %d" % number)
            store.commit()
        store.seal()
        # Rows without file, of a collection without dictionary, and values that are not objects.
        store.append(
            "values", [b"1", b"-2.50", b'"text"', b"null", b"true", b"[1, [2, {}]]", b'{"a":1,"a":2}', b" {} "]
        )
        store.commit()
        bad = io.BytesIO(b'{"ok": 1}\n{"broken": \n[]\n')
        bad.name = "stream.ndjson"
        store.ingest(bad, into="tolerant", on_error="quarantine", train=False)
        # Blobs that do not shrink, one alone in its frame, and equal ones that are pinned or not.
        store.put(noise.randbytes(3000))
        store.put(thing(5))
        lost = store.put(noise.randbytes(100))
        small = [store.put(f"blob {number}".encode()) for number in range(40)]
        store.put(bytes(LARGE - 1) + b"\x01")
        store.commit()
        store.delete(lost)
        store.delete(small[7])
        store.delete(lakebed.Hash.of(thing(17)))
        store.delete(lakebed.Hash.of(thing(130)))
        store.commit()
        # A collection that is dropped and made again, and one that is trimmed.
        store.append("again", [{"first": number} for number in range(30)])
        store.commit()
        store.drop("again")
        store.append("again", [{"second": str(number)} for number in range(5)])
        store.append("trimmed", [{"n": number} for number in range(50)])
        store.commit()
        store.trim("trimmed", before_seq=20)
        # A row's blob that is pinned too, one that was trimmed and is pinned, and a deleted one.
        store.put(b'{"n":30}')
        store.put(b'{"n":7}')
        store.delete(lakebed.Hash.of(b'{"n":31}'))
        store.commit()
    # Sealed segments and an active one of many small commits, the index blocks of which cover several groups.
    with lakebed.open(path, threads=1) as store:
        for number in range(20):
            store.append("small", [{"commit": number}, {"commit": number, "again": number % 4}])
            store.commit()
        store.seal()
        # So many varying keys that the column is a MAP.
        store.append(
            "maps", [{"counts": {f"key {number * 3 + step}": step for step in range(3)}} for number in range(100)]
        )
        for number in range(20, 40):
            store.append("small", [{"commit": number}])
            store.append("things", [thing(5000 + number), thing(3)])
            if number % 5 == 0:
                store.put(f"blob {number} of the active segment".encode())
            if number == 30:
                store.delete(lakebed.Hash.of(b'{"commit":25}'))
            store.commit()
    tear(path)


def main(target: Path) -> None:
    """Makes the fixture in the directory `target`."""
    target = target.absolute()
    store = target / "store.lakebed"
    if store.exists():
        sys.exit(f"{store} exists: the fixture of a released version is never made again.")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as work, contextlib.chdir(work):
        make(Path("store.lakebed"))
        Path("store.lakebed").rename(store)
    text = json.dumps(answers(store), ensure_ascii=False, separators=(",", ":")).replace("],[", "],\n[")
    (target / "answers.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
