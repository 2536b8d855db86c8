"""The measurements and their order. Each figure comes from a fresh process; engines take turns within a round."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import records
from bench.rivals import engines

# Seconds that a measurement may take; a slower one is reported as failed. The task `pieces` gets five times as much.
TIMEOUT = 180
Figures = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rounds: int = 3
    gets: int = 50_000
    slow_gets: int = 100
    events: int = 50_000
    small: int = 500_000
    documents: int = 1_000_000
    cache: int = 512 << 20
    segments: int = 300
    rows: int = 1_000_000
    steps: int = 10
    active: int = 60 << 20


SHORT = Sizes(
    rounds=1,
    gets=20_000,
    slow_gets=20,
    events=30_000,
    small=100_000,
    documents=100_000,
    segments=100,
    rows=200_000,
    steps=3,
)
SMOKE = Sizes(
    rounds=1,
    gets=200,
    slow_gets=20,
    events=300,
    small=1_000,
    documents=2_000,
    cache=8 << 20,
    segments=5,
    rows=1_000,
    steps=3,
    active=1 << 20,
)
# So slow that one round must do.
ONCE = ("zstd19",)


@dataclass
class Bench:
    """A run: its engines, sizes and results."""

    engines: list[str]
    sizes: Sizes
    work: Path
    under: list[str] = field(default_factory=list)
    """A command to run each measurement with, such as `chrt -r 10`."""
    results: dict[str, dict[str, Figures]] = field(default_factory=dict)

    def run(self, task: str, engine: str, **spec: Any) -> Figures:
        """One measurement; the result of one that fails is its error."""
        spec = {"engine": engine, "cache": self.sizes.cache, "settle": self.sizes is not SMOKE, **spec}
        command = [*self.under, sys.executable, "-m", "bench.rivals.worker", task, json.dumps(spec, default=str)]
        timeout = TIMEOUT * 5 if task == "pieces" else TIMEOUT
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            return {"error": f"not done after {timeout} s"}
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["no message"]
            return {"error": next((line for line in reversed(said) if "Error" in line), said[-1])}
        found: Figures = json.loads(done.stdout.splitlines()[-1])
        return found

    def keep(self, subject: str, engine: str, figures: Figures) -> None:
        """Adds and prints the figures of an engine."""
        self.results.setdefault(subject, {})[engine] = figures
        shown = ", ".join(f"{name} {value:,.4g}" for name, value in figures.items() if isinstance(value, int | float))
        print(f"{subject:34} {engine:12} {figures.get('error') or shown}", file=sys.stderr, flush=True)

    def store(self, name: str) -> Path:
        """A path for a new store; one of an earlier round is deleted."""
        place = self.work / name
        shutil.rmtree(place, ignore_errors=True)
        return place

    def turns(
        self,
        subject: str,
        task: str,
        engines_: Iterable[str],
        each_round: Callable[[], None] = lambda: None,
        **spec: Any,
    ) -> None:
        """Measures every engine once a round, and calls `each_round` after each; the median over the rounds counts."""
        rounds: dict[str, list[Figures]] = {engine: [] for engine in engines_}
        for number in range(self.sizes.rounds):
            for engine, found in rounds.items():
                if number and (engine in ONCE or "error" in found[-1]):
                    continue
                name = f"{spec['name']}-{engines.STORES.get(engine, engine)}"
                place = self.store(name) if task == "ingest" else self.work / name
                found.append(self.run(task, engine, store=place, **spec))
            each_round()
        for engine, found in rounds.items():
            self.keep(subject, engine, median(found))

    def having(self, *names: str) -> list[str]:
        """Those of the engines that take part."""
        return [engine for engine in self.engines if engine in names]

    # --- Subjects ---------------------------------------------------------------------------------------------------

    def records(self, source: Path) -> None:
        """Size, ingest, gets, scan and queries over the records of a file."""
        sizes = self.sizes
        lines = list(records.read(source))
        total = sum(map(len, lines))
        self.keep("input", "input", {"rows": len(lines), "bytes": total + len(lines)})
        del lines
        keyed = self.having("lakebed", "lakebed_columns", "rocksdb", "lmdb", "sqlite")
        slow = self.having("duckdb_key")
        common: dict[str, Any] = {"source": source, "name": "records"}
        self.ingests(**common)
        self.turns("get, cached", "get", keyed, gets=sizes.gets, **common)
        self.turns("get, cached", "get", slow, gets=sizes.slow_gets, **common)
        bare = {**common, "cache": 0}
        self.turns("get, not cached", "get", keyed, gets=sizes.gets, proven=True, **bare)
        self.turns("get, not cached", "get", slow, gets=sizes.slow_gets, **bare)
        scanned = self.having(
            "lakebed",
            "lakebed_columns",
            "lakebed_arrow",
            "lakebed_export",
            "rocksdb",
            "lmdb",
            "sqlite",
            "duckdb",
            "duckdb_json",
            "parquet",
            "ndjson_zst",
        )
        self.turns("scan, first pass", "scan", scanned, total=total, repeated=False, **bare)
        self.turns("scan, repeated", "scan", scanned, total=total, repeated=True, **common)
        self.questions(
            "lakebed",
            "lakebed_columns",
            "duckdb",
            "duckdb_json",
            "duckdb_variant",
            "duckdb_typed",
            "parquet",
            "parquet_typed",
            "ndjson_zst",
            **common,
        )

    def questions(self, *names: str, **common: Any) -> None:
        """The questions in SQL, at one and two threads."""
        for threads in (1, 2):
            self.turns(f"query, threads {threads}", "query", self.having(*names), threads=threads, **common)
        self.same_answers("query, threads 1")

    def documents(self, source: Path) -> None:
        """Size, ingest, gets and JSONBench's questions, of engines that have columns or JSON."""
        with source.open("rb") as file:
            rows = sum(1 for _ in file)
        self.keep("input", "input", {"rows": rows, "bytes": source.stat().st_size})
        common: dict[str, Any] = {"source": source, "name": "documents"}
        stored = ("lakebed", "lakebed_columns", "duckdb_json", "duckdb_variant", "duckdb_typed", "parquet_typed")
        self.turns("ingest", "ingest", self.having(*stored, "ndjson_zst"), **common)
        keyed = self.having("lakebed", "lakebed_columns")
        self.turns("get, not cached", "get", keyed, gets=self.sizes.gets, proven=True, **{**common, "cache": 0})
        self.questions(*stored, **common)

    def ingests(self, source: Path, name: str) -> None:
        """Ingests into new stores and, in the same rounds, into one with a dictionary, trained on a changed quarter."""
        writers = [name for name in self.engines if name not in engines.STORES]
        if "lakebed" not in self.engines:
            self.turns("ingest", "ingest", writers, source=source, name=name)
            return
        lines = list(records.read(source))
        before = records.write(self.work / "before.ndjson", records.changed(lines[::4], seed=99))
        base = self.store("trained-base")
        self.run("ingest", "lakebed", source=before, store=base)
        found: list[Figures] = []

        def trained() -> None:
            place = self.store("trained")
            shutil.copytree(base, place)
            figures = self.run("pieces", "lakebed", sources=[source], seal="no", store=place)
            found.append({**figures, "seconds": figures["seconds"][0]} if "seconds" in figures else figures)

        self.turns("ingest", "ingest", writers, each_round=trained, source=source, name=name)
        self.keep("ingest, dictionary there", "lakebed", median(found))

    def same_answers(self, subject: str) -> None:
        """Stops the run when engines give different answers."""
        answers: dict[str, set[str]] = {}
        for figures in self.results.get(subject, {}).values():
            for name, value in figures.items():
                if name.startswith("answer: "):
                    answers.setdefault(name, set()).add(value)
        different = [name for name, values in answers.items() if len(values) > 1]
        if different:
            raise SystemExit(f"The engines disagree about {', '.join(different)}: their figures cannot be compared.")

    def segments(self, source: Path) -> None:
        """Gets from one segment and from many, of the same records in the same pieces. The first is a quarter, to train
        on."""
        lines = list(records.read(source))
        count = min(self.sizes.segments, len(lines) // 2)
        quarter, rest = lines[::4], [line for n, line in enumerate(lines) if n % 4]
        pieces = [quarter, *(rest[n :: count - 1] for n in range(count - 1))]
        parts = [records.write(self.work / f"part-{n}.ndjson", piece) for n, piece in enumerate(pieces)]
        for name, seal in (("1 segment", "last"), (f"{count} segments", "each")):
            store = self.store(f"at-{seal}")
            figures = self.run("pieces", "lakebed", sources=parts, seal=seal, store=store)
            if "error" in figures:
                self.keep(f"get at {name}", "lakebed", figures)
                continue
            for kind, cache in (("cached", self.sizes.cache), ("not cached", 0)):
                found = [
                    self.run("get", "lakebed", source=source, gets=self.sizes.gets, store=store, cache=cache)
                    for _ in range(self.sizes.rounds)
                ]
                self.keep(f"get at {name}, {kind}", "lakebed", {**median(found), "segments": figures["segments"]})
        for part in parts:
            part.unlink()

    def opening(self) -> None:
        """Opening a store of many small rows; lakebed's also has a full active segment."""
        rows = self.sizes.rows
        small = records.write(self.work / "small.ndjson", records.small(rows))
        noise = records.write(self.work / "noise.ndjson", records.noise(self.sizes.active))
        rivals = self.having("rocksdb", "lmdb", "sqlite")
        for engine in rivals:
            self.run("ingest", engine, source=small, store=self.store(f"open-{engine}"))
        if "lakebed" in self.engines:
            place = self.store("open-lakebed")
            self.run("pieces", "lakebed", sources=[small], seal="last", store=place)
            self.run("pieces", "lakebed", sources=[noise], seal="no", store=place)
        self.turns(
            f"open at {rows:,} rows", "opening", self.having("lakebed", *rivals), source=small, gets=1, name="open"
        )

    def rate(self) -> None:
        """Small rows in steps into one store: rows a second of each step, and opening at the end."""
        rows, steps = self.sizes.rows, self.sizes.steps
        sources = [records.write(self.work / f"step-{n}.ndjson", records.small(rows, n * rows)) for n in range(steps)]
        place = self.store("rate")
        figures = self.run("pieces", "lakebed", sources=sources, seal="no", store=place)
        if "error" in figures:
            self.keep("small rows", "lakebed", figures)
            return
        for number, (source, seconds) in enumerate(zip(sources, figures["seconds"], strict=True), 1):
            self.keep(
                "small rows",
                f"step {number}",
                {"rows_per_s": rows / seconds, "mb_per_s": source.stat().st_size / seconds / 1e6},
            )
        self.keep(
            "small rows", "all", {"bytes": figures["bytes"], "segments": figures["segments"], "rows": rows * steps}
        )
        found = [
            self.run("opening", "lakebed", source=sources[0], gets=1, store=place, cache=64 << 20)
            for _ in range(self.sizes.rounds)
        ]
        self.keep(f"open at {rows * steps:,} rows", "lakebed", median(found))
        for source in sources:
            source.unlink()

    def duplicates(self, source: Path) -> None:
        """Files with nine lines in ten that are in the store already, in order and shuffled, beside a file of new
        lines."""
        lines = list(records.read(source))
        base = self.store("known")
        self.run("ingest", "lakebed", source=source, store=base)
        fresh = list(records.changed(lines, seed=5))
        mixed = [fresh[n] if n % 10 == 0 else line for n, line in enumerate(lines)]
        files = {
            "new lines": fresh,
            "9 of 10 known, in order": mixed,
            "9 of 10 known, shuffled": random.Random(3).sample(mixed, len(mixed)),
        }
        paths = {name: records.write(self.work / f"{n}.ndjson", kept) for n, (name, kept) in enumerate(files.items())}
        rounds: dict[str, list[Figures]] = {name: [] for name in paths}
        for _ in range(self.sizes.rounds):
            for name, path in paths.items():
                place = self.store("again")
                shutil.copytree(base, place)
                figures = self.run("pieces", "lakebed", sources=[path], seal="no", store=place)
                if "seconds" in figures:
                    seconds = figures["seconds"][0]
                    figures = {"seconds": seconds, "mb_per_s": path.stat().st_size / seconds / 1e6}
                rounds[name].append(figures)
        for name, found in rounds.items():
            self.keep("duplicates", name, median(found))


def median(found: list[Figures]) -> Figures:
    """The median of each number; errors and other values as in the first round that has them."""
    failed = next((figures for figures in found if "error" in figures), None)
    if failed or not found:
        return failed or {"error": "not measured"}
    return {
        name: statistics.median(figures[name] for figures in found) if isinstance(value, int | float) else value
        for name, value in found[0].items()
    }
