"""`python -m bench.pages` reads stores of several frame sizes with every memory advice, warm and cold.

Each cell of the study is a process of its own, the program `engine/core/examples/pages.rs`, which `make bench-pages`
builds. Results are stored in bench/pages/results.json; docs/pages.md has their tables and plots. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lakebed
from bench import records
from bench.pages import memory, page, report
from bench.rivals.report import machine

POLICIES = ("engine", "normal", "random", "sequential", "willneed", "pread")
ACCESSES = ("random", "scan", "mixed")


@dataclass(frozen=True)
class Sizes:
    """How much is measured; frames in KiB."""

    rounds: int = 3
    frames: tuple[int, ...] = (4, 8, 12, 16, 64)
    copies: int = 4
    events: int = 200_000
    warm_gets: int = 20_000
    cold_gets: int = 200


SMOKE = Sizes(rounds=1, frames=(4, 64), copies=1, events=1_000, warm_gets=50, cold_gets=20)


@dataclass(frozen=True)
class Cell:
    """One measurement: a frame size in KiB, advice, access, and whether the page cache is cold."""

    frame: int
    policy: str
    access: str
    cold: bool
    page: int = 0
    """The page size that the engine assumes, in bytes; 0 for the system's."""

    @property
    def name(self) -> str:
        """Its key in the results."""
        state = "cold" if self.cold else "warm"
        return f"{self.frame} {self.policy} {self.access} {state} {self.page}"


def cells(sizes: Sizes) -> Iterator[Cell]:
    """All cells of the study."""
    for frame in sizes.frames:
        for cold in (False, True):
            for access in ACCESSES:
                yield from (Cell(frame, policy, access, cold) for policy in POLICIES)
            yield Cell(frame, "engine", "rows", cold)
            for size in (16_384, 65_536):
                yield from (Cell(frame, "engine", access, cold, size) for access in ("random", "scan"))


def source_lines(given: Path | None, sizes: Sizes) -> Iterator[bytes]:
    """Changed copies of the file's records, or generated events."""
    if given is None:
        yield from records.events(sizes.events)
        return
    lines = list(records.read(given))
    for seed in range(sizes.copies):
        yield from records.changed(lines, seed)


def make(place: Path, source: Path, frame: int) -> tuple[Path, int]:
    """Makes a sealed store with frames of so many KiB; returns it and its size."""
    path = place / f"frames-{frame}"
    with lakebed.open(path, page_bytes=frame << 10) as store:
        store.ingest(source, into="records")
        store.seal()
    return path, sum(file.stat().st_size for file in memory.files(path))


def measure(program: list[str], store: Path, cell: Cell, hashes: list[str]) -> dict[str, Any]:
    """Runs the program for one cell, after filling or emptying the page cache."""
    if cell.cold:
        memory.drop(store)
    else:
        memory.fill(store)
    command = [*program, str(store), "records", cell.policy, str(cell.page), cell.access]
    done = subprocess.run(command, input="\n".join(hashes), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} failed: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    found["resident"] = {str(page): memory.resident_bytes(store, page) for page in (4096, 16_384, 65_536)}
    return found


def median(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each number of the rounds."""
    first = found[0]
    return {
        key: median([one[key] for one in found])
        if isinstance(value, dict)
        else None
        if value is None
        else statistics.median(one[key] for one in found)
        for key, value in first.items()
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--data", type=Path, help="NDJSON, plain or .zst (default: $LAKEBED_BENCH_DATA, else events)")
    parser.add_argument("--program", type=Path, default=Path("target/release/examples/pages"), help="the built example")
    parser.add_argument("--under", default="", help="a command to run each measurement with, such as 'chrt -r 10'")
    parser.add_argument(
        "--accesses",
        nargs="+",
        choices=[*ACCESSES, "rows"],
        help="measure only these; stored results of the others stay",
    )
    parser.add_argument("--rounds", type=int, help="measurements of each cell (default 3); the median counts")
    parser.add_argument("--work", type=Path, help="directory for the stores, not in memory (default: a temporary one)")
    parser.add_argument("--root", type=Path, default=Path(), help="clone whose results, page and plots are written")
    parser.add_argument(
        "--pages-only", action="store_true", help="measure nothing; write tables and plots from the stored results"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="tiny sizes, nothing stored: checks that every measurement works"
    )
    args = parser.parse_args()
    if args.pages_only:
        page.write(args.root)
        return 0
    if not args.program.exists():
        print(f"{args.program} is not there: cargo build --release --example pages makes it.", file=sys.stderr)
        return 2
    sizes = SMOKE if args.smoke else Sizes()
    given = args.data or (Path(os.environ["LAKEBED_BENCH_DATA"]) if os.environ.get("LAKEBED_BENCH_DATA") else None)
    given = None if args.smoke else given
    program = [*shlex.split(args.under), str(args.program)]

    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="lakebed-pages-", dir=args.work) as work:
        place = Path(work)
        source = records.write(place / "source.ndjson", source_lines(given, sizes))
        lines = list(records.read(source))
        chosen = [str(lakebed.Hash.of(line)) for line in random.Random(1).choices(lines, k=sizes.warm_gets)]
        about = {
            "records": len(lines),
            "bytes": source.stat().st_size,
            "source": given.name if given else "generated events",
        }
        del lines
        stores = {frame: make(place, source, frame) for frame in sizes.frames}
        source.unlink()
        everything = [cell for cell in cells(sizes) if not args.accesses or cell.access in args.accesses]
        for number in range(args.rounds or sizes.rounds):
            # A disk and its host cache too: another order in each round, so that no cell always gains from that.
            for cell in random.Random(number).sample(everything, len(everything)):
                gets = sizes.cold_gets if cell.cold or cell.access == "mixed" else sizes.warm_gets
                hashes = [] if cell.access in ("scan", "rows") else chosen[:gets]
                found.setdefault(cell.name, []).append(measure(program, stores[cell.frame][0], cell, hashes))
            if not args.smoke:
                facts = {**machine(), **report.system()}
                of = {"rounds": number + 1, "commit": facts.pop("commit", "")}
                kept = {
                    "machine": facts,
                    "about": about,
                    "sizes": {str(frame): size for frame, (_, size) in stores.items()},
                    "cells": {name: {**median(rounds), **of} for name, rounds in found.items()},
                }
                report.keep(args.root, kept, merge=bool(args.accesses))
                print(f"round {number + 1} stored", file=sys.stderr, flush=True)
    if args.smoke:
        print(f"Smoke run of the study of pages: {len(found)} cells measured.")
        return 0
    page.write(args.root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
