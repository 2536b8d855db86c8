"""The extension's scans beside DuckDB's own readers of the same records: medians, and their ratio to the extension's.

    python -m bench.duckdb packages.ndjson.zst [--runs 7] [--threads 2]

Four queries: the length of all text, a group-by on one field, a filter on two nested fields, the number of records.
Every reader gets the same hints: `columns` with the fields that the query needs.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import duckdb

import lakebed
from bench import records

NARROW = "{nested: 'STRUCT(Section VARCHAR, Size BIGINT)'}"


def prepare(source: Path, place: Path) -> dict[str, Path]:
    """Writes the records, each with a copy of itself in the field `nested`, to a file, a compressed file and a
    store."""
    files = {"raw": place / "records.ndjson", "zst": place / "records.ndjson.zst", "store": place / "records.lakebed"}
    records.write(files["raw"], (line[:-1] + b',"nested":' + line + b"}" for line in records.read(source)))
    subprocess.run(["zstd", "-q", "-3", str(files["raw"]), "-o", str(files["zst"])], check=True)
    with lakebed.open(files["store"]) as store:
        store.ingest(files["raw"], into="records")
        store.seal()
    return files


def questions(files: dict[str, Path], rows: int) -> dict[str, dict[str, str]]:
    """For each query, its SQL for each reader."""

    def scan(rest: str = "") -> str:
        return f"lakebed_scan('{files['store']}', 'records'{rest})"

    def read(kind: str, columns: str) -> str:
        return f"read_ndjson('{files[kind]}', columns := {columns})"

    section = "{Section: 'VARCHAR'}"
    where = "nested.Section = 'libs' AND nested.Size > 1000000"
    ways: dict[str, dict[str, str]] = {
        "sum(length(_json))": {
            "lakebed_scan": f"SELECT sum(length(_json)) FROM {scan()}",
            "lakebed views": "SELECT sum(length(_json)) FROM records",
            "read_ndjson": f"SELECT sum(length(json)) FROM read_ndjson_objects('{files['raw']}')",
            "read_ndjson .zst": f"SELECT sum(length(json)) FROM read_ndjson_objects('{files['zst']}')",
            "JSON column": "SELECT sum(length(record)) FROM own.as_json",
            "VARIANT": "SELECT sum(length(record::JSON::VARCHAR)) FROM own.as_variant",
        },
        "group by one field": {
            "lakebed_scan": f"SELECT Section, count(*) FROM {scan()} GROUP BY ALL",
            "lakebed views": "SELECT Section, count(*) FROM records GROUP BY ALL",
            "read_ndjson": f"SELECT Section, count(*) FROM {read('raw', section)} GROUP BY ALL",
            "read_ndjson .zst": f"SELECT Section, count(*) FROM {read('zst', section)} GROUP BY ALL",
            "JSON column": "SELECT record->>'$.Section' AS s, count(*) FROM own.as_json GROUP BY ALL",
            "VARIANT": "SELECT record.Section::VARCHAR AS s, count(*) FROM own.as_variant GROUP BY ALL",
        },
        "filter on two nested fields": {
            "lakebed_scan": f"SELECT count(*) FROM {scan(', columns := ' + NARROW)} WHERE {where}",
            "lakebed_scan, whole": f"SELECT count(*) FROM {scan()} WHERE {where}",
            "lakebed views": f"SELECT count(*) FROM records WHERE {where}",
            "read_ndjson": f"SELECT count(*) FROM {read('raw', NARROW)} WHERE {where}",
            "read_ndjson .zst": f"SELECT count(*) FROM {read('zst', NARROW)} WHERE {where}",
            "JSON column": "SELECT count(*) FROM own.as_json WHERE record->>'$.nested.Section' = 'libs' "
            "AND (record->>'$.nested.Size')::BIGINT > 1000000",
            "VARIANT": "SELECT count(*) FROM own.as_variant WHERE record.nested.Section::VARCHAR = 'libs' "
            "AND record.nested.Size::BIGINT > 1000000",
        },
        "count(*)": {
            "lakebed_scan": f"SELECT count(*) FROM {scan()}",
            "lakebed views": "SELECT count(*) FROM records",
            "read_ndjson": f"SELECT count(*) FROM {read('raw', section)}",
            "read_ndjson .zst": f"SELECT count(*) FROM {read('zst', section)}",
            "JSON column": "SELECT count(*) FROM own.as_json",
            "VARIANT": "SELECT count(*) FROM own.as_variant",
            # The least that a table function takes.
            "range()": f"SELECT count(*) FROM range({rows})",
        },
    }
    return ways


def measure(con: duckdb.DuckDBPyConnection, queries: dict[str, str], runs: int) -> dict[str, float]:
    """Median seconds of each. Every round runs all of them, so that other load meets all, in another order each time:
    the query before leaves the processor's caches full or empty, which matters to one that takes less than a
    millisecond.
    """
    order = random.Random(1)
    taken: dict[str, list[float]] = {name: [] for name in queries}
    answers = {name: sorted(map(str, con.execute(query).fetchall())) for name, query in queries.items()}
    texts = {name: answer for name, answer in answers.items() if name != "VARIANT"}
    if len({json.dumps(answer) for answer in texts.values()}) != 1:
        message = f"The answers differ: { {name: answer[:3] for name, answer in texts.items()} }"
        raise SystemExit(message)
    for _ in range(runs):
        for name in order.sample(list(queries), len(queries)):
            query = queries[name]
            began = time.perf_counter()
            con.execute(query).fetchall()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="lakebed-bench-"))
    try:
        files = prepare(given.source, place)
        con = lakebed.connect(files["store"])
        con.execute(f"SET threads = {given.threads}")
        con.execute(f"ATTACH '{place}/own.duckdb' AS own (STORAGE_VERSION 'latest')")
        con.execute(f"CREATE TABLE own.as_json AS SELECT json AS record FROM read_ndjson_objects('{files['raw']}')")
        con.execute("CREATE TABLE own.as_variant AS SELECT record::VARIANT AS record FROM own.as_json")
        con.execute("CHECKPOINT own")
        print(
            f"DuckDB {duckdb.__version__}, {given.threads} threads, medians of {given.runs}, {files['raw'].stat().st_size:,} bytes"
        )
        (rows,) = con.execute("SELECT count(*) FROM records").fetchone() or (0,)
        for question, queries in questions(files, rows).items():
            medians = measure(con, queries, given.runs)
            own = medians["lakebed_scan"]
            print(f"\n{question}")
            for name, seconds in medians.items():
                print(f"  {name:22} {seconds * 1000:9.1f} ms  {seconds / own:7.2f}x")
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
