"""`python -m bench.backends [FILE]`: every operation of a store with the engine in Rust and the one in Python, from one
run; writes the table in docs/backends.md. `make bench-backends` builds the release engine first.

Each engine runs in a process of its own, as often as there are rounds, one after the other; a figure is the median of
processor time. So what Rust spreads over the cores counts in full. `--smoke`: one short round, and nothing is written.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lakebed
from bench import records

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/backends.md"
BLOCK = re.compile(r"(<!-- backends: begin[^>]*-->\n).*?(<!-- backends: end -->)", re.DOTALL)
SAMPLE = ROOT / "docs/sample/packages.ndjson.zst"

OPERATIONS = {
    "put": ("put of a blob, with its part of the commit", "us"),
    "ingest": ("ingest", "MB/s"),
    "get": ("get by hash, frame not decoded", "us"),
    "get_again": ("get by hash, frame decoded", "us"),
    "scan": ("scan of all rows as bytes", "MB/s"),
    "arrow": ("all columns as Arrow", "MB/s"),
    "export": ("export as NDJSON", "MB/s"),
    "seal": ("seal", "ms"),
    "verify": ("verify", "MB/s"),
    "compact": ("compact, a tenth of the rows trimmed", "MB/s"),
    "open": ("open and close", "ms"),
}
"""The name of each operation in the table, and its unit."""


def worker(file: Path, count: int) -> dict[str, float]:
    """The figures of the engine that this process runs: seconds of processor time. MB are those of the records."""
    lines = list(records.read(file))
    size = sum(map(len, lines)) / 1e6
    found: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any], scale: float = 1, per: float | None = None) -> Any:
        """`scale`: the unit in a second, divided by the number of calls. `per`: MB, for MB in a second."""
        began = time.process_time()
        result = call()
        spent = max(time.process_time() - began, 1e-9)
        found[name] = spent * scale if per is None else per / spent
        return result

    with tempfile.TemporaryDirectory(prefix="lakebed-bench-") as directory:
        place = Path(directory)
        ndjson = records.write(place / "packages.ndjson", lines)
        path = place / "bench.lakebed"
        with lakebed.open(path) as store:
            timed("ingest", lambda: store.ingest(ndjson, "packages", layout="rows"), per=size)
            timed("seal", store.seal, 1e3)
        with lakebed.open(path) as store:
            hashes = [row.hash for row in store.scan("packages")]
        rng = random.Random(7)
        some = rng.sample(hashes, min(count, len(hashes)))
        with lakebed.open(path, cache_bytes=0) as store:
            store.get(hashes[0])
            timed("get", lambda: [store.get(hash) for hash in some], 1e6 / len(some))
        with lakebed.open(path, cache_bytes=1 << 30) as store:
            for hash in some:
                store.get(hash)
            timed("get_again", lambda: [store.get(hash) for hash in some], 1e6 / len(some))
            timed("scan", lambda: sum(len(row.data) for row in store.scan("packages")), per=size)
            timed("arrow", lambda: _consume(store), per=size)
            timed("export", lambda: store.export("packages", place / "out.ndjson"), per=size)
            timed("verify", store.verify, per=size)
            fresh = [b"%d" % number + line for number, line in enumerate(lines[:count])]
            timed("put", lambda: ([store.put(line) for line in fresh], store.commit()), 1e6 / len(fresh))
            store.trim("packages", before_seq=len(lines) // 10)
            store.commit()
            timed("compact", lambda: store.compact("packages", layout="rows"), per=size)
        opens = 20
        timed("open", lambda: [_open_and_close(path) for _ in range(opens)], 1e3 / opens)
    return found


def _open_and_close(path: Path) -> bool:
    with lakebed.open(path, mode="r") as store:
        return store.closed


def _consume(store: lakebed.Store) -> int:
    import pyarrow

    reader = pyarrow.RecordBatchReader.from_stream(store.arrow("packages"))
    return sum(batch.num_rows for batch in reader)


def measured(backend: str, file: Path, count: int) -> dict[str, float]:
    """The figures of one round in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.backends", str(file), "--worker", str(count)],
        cwd=ROOT,
        env=os.environ | {"LAKEBED_BACKEND": backend},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def table(rust: dict[str, float], python: dict[str, float]) -> str:
    """The lines of the table; a ratio says how many times as long Python takes."""
    lines = ["| | Rust | Python | ratio |", "|---|---:|---:|---:|"]
    for name, (title, unit) in OPERATIONS.items():
        fast, slow = rust[name], python[name]
        ratio = fast / slow if unit == "MB/s" else slow / fast
        lines.append(f"| {title}, {unit} | {_digits(fast)} | {_digits(slow)} | {_digits(ratio)} |")
    return "\n".join(lines)


def _digits(value: float) -> str:
    """Two digits, or the whole number."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}" if value >= 0.095 else f"{value:.2f}"


def main() -> None:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.backends", description=__doc__)
    parser.add_argument(
        "file", nargs="?", type=Path, default=SAMPLE, help="NDJSON, plain or .zst [default: the sample]"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="one short round; nothing is written")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    file = asked.file.resolve()
    if asked.worker is not None:
        print(json.dumps(worker(file, asked.worker)))
        return
    rounds, count = (1, 50) if asked.smoke else (asked.rounds, 5000)
    found: dict[str, list[dict[str, float]]] = {"rust": [], "python": []}
    for _ in range(rounds):
        for backend, figures in found.items():
            figures.append(measured(backend, file, count))
    rust, python = (
        {name: statistics.median(figures[name] for figures in found[backend]) for name in OPERATIONS}
        for backend in ("rust", "python")
    )
    shown = table(rust, python)
    print(shown)
    if asked.smoke:
        return
    lines = list(records.read(file))
    head = (
        f"{file.name}: {len(lines):,} records, {sum(map(len, lines)) / 1e6:.1f} MB; medians of {rounds} rounds, "
        "processor time."
    )
    page, replaced = BLOCK.subn(lambda match: f"{match[1]}{head}\n\n{shown}\n{match[2]}", PAGE.read_text())
    if replaced != 1:
        raise SystemExit(f"{PAGE} has no place for the table.")
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
