"""Markdown tables of the figures: a row an engine, the best in bold, and a list of what lakebed is behind in."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.rivals import engines

Results = dict[str, dict[str, dict[str, Any]]]
UNITS = {
    "seconds": ("s", 1, 3),
    "cpu": ("CPU s", 1, 3),
    "bytes": ("MB", 1e-6, 3),
    "peak_rss": ("peak RSS, MB", 1e-6, 0),
    "p50_us": ("p50, us", 1, 2),
    "p99_us": ("p99, us", 1, 2),
    "mb_per_s": ("MB/s", 1, 1),
    "rows_per_s": ("rows/s", 1, 0),
    "ms": ("open, ms", 1, 2),
    "rss": ("memory, MB", 1e-6, 1),
    "first_get_ms": ("first get, ms", 1, 2),
    "rss_after_get": ("memory after it, MB", 1e-6, 1),
    "rows": ("rows", 1, 0),
    "segments": ("segments", 1, 0),
}


def machine() -> dict[str, str]:
    """Facts about the machine that figures depend on; nothing that identifies it."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    facts = {"processor": model, "cores": str(os.cpu_count()), "system": f"{platform.system()} {platform.machine()}"}
    if hasattr(os, "sysconf"):
        facts["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    facts["python"] = platform.python_version()
    for package in ("lakebed", "rocksdict", "lmdb", "duckdb", "pyarrow", "zstandard"):
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    import sqlite3

    facts["sqlite"] = sqlite3.sqlite_version
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True
    ).stdout.strip()
    return {**facts, "commit": commit} if commit else facts


def called(engine: str) -> str:
    """The engine's name in reports."""
    return engines.TITLES.get(engine, engine)


def order(names: Iterable[str]) -> list[str]:
    """In the order of the titles; names that are not engines come last."""
    known = list(engines.TITLES)
    return sorted(names, key=lambda name: known.index(name) if name in known else len(known))


def number(name: str, value: Any) -> str:
    """A figure in the unit of its name; empty for one that is missing."""
    _, factor, digits = UNITS.get(name, ("", 1, 2))
    return "" if value is None or value != value else f"{value * factor:,.{digits}f}"  # noqa: PLR0124  NaN


def table(found: dict[str, dict[str, Any]]) -> list[str]:
    """One table of a subject, a row an engine."""
    names: list[str] = []
    for figures in found.values():
        names += [n for n in figures if n not in names and n != "error" and not n.startswith("answer: ")]
    heads = [UNITS[n][0] if n in UNITS else f"{n}, ms" for n in names]
    page = ["| | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for engine in order(found):
        figures = found[engine]
        if "error" in figures:
            page.append(f"| {called(engine)} | {figures['error'].replace('|', '/')} |" + " |" * (len(heads) - 1))
        else:
            page.append(f"| {called(engine)} | " + " | ".join(number(n, figures.get(n)) for n in names) + " |")
    return [*page, ""]


@dataclass(frozen=True)
class Measure:
    """A column of the summaries."""

    title: str
    table: str
    figure: str
    more: bool = False
    """Whether more is better."""
    why: Mapping[str, str] = field(default_factory=dict)
    """Engine -> why it can be better than lakebed."""

    def values(self, results: Results) -> dict[str, float]:
        """The figure of each engine that has one."""
        found = results.get(self.table, {})
        return {name: found[name][self.figure] for name in order(found) if self.figure in found[name]}

    def better(self, value: float, than: float) -> bool:
        """Whether one figure is better than the other."""
        return value > than if self.more else value < than


PLAIN = "stores records uncompressed: nothing is decoded"
BLOCKS = "compresses many records in one large block: a single record cannot be read quickly"
COLUMNS = "stores values, not the original bytes; columns are made while loading"
WHOLE = "one stream for the whole file: reading a record means decoding all before it"
NO_WORK = "neither compresses nor validates, and infers no columns"
JUST = "does not validate, deduplicate or hash, and infers no columns"
BATCHES = dict.fromkeys(
    ("lakebed_arrow", "lakebed_export"), "the same store, read in batches: no Python object for each row"
)
LOADED = {"duckdb_variant": COLUMNS, "duckdb_typed": COLUMNS, "parquet_typed": COLUMNS}
OWN_COLUMNS = {"lakebed_columns": "the same records as columns"}
MEASURES = (
    Measure(
        "size, MB",
        "ingest",
        "bytes",
        why={
            **dict.fromkeys(("duckdb", "duckdb_key", "duckdb_json", "parquet"), BLOCKS),
            **dict.fromkeys(("ndjson_zst", "zstd19"), WHOLE),
            **LOADED,
            **OWN_COLUMNS,
            "rocksdb": "its blocks are sorted by hash and have no rows, lines or columns",
        },
    ),
    Measure(
        "ingest, s",
        "ingest",
        "seconds",
        why={
            **dict.fromkeys(("lmdb", "sqlite"), NO_WORK),
            **dict.fromkeys(("rocksdb", "ndjson_zst", "duckdb", "duckdb_json", "duckdb_key", "parquet"), JUST),
            **dict.fromkeys(LOADED, "does not validate, deduplicate or hash"),
        },
    ),
    Measure(
        "get, cached, p50 us",
        "get, cached",
        "p50_us",
        why={
            "lmdb": PLAIN,
            "sqlite": PLAIN,
        },
    ),
    Measure(
        "get, not cached, p50 us",
        "get, not cached",
        "p50_us",
        why={
            "lmdb": PLAIN,
            "sqlite": PLAIN,
        },
    ),
    Measure(
        "scan, first pass, MB/s",
        "scan, first pass",
        "mb_per_s",
        more=True,
        why={
            **dict.fromkeys(("lmdb", "sqlite", "duckdb_json"), PLAIN),
            **dict.fromkeys(("duckdb", "parquet"), "decodes large blocks and returns batches"),
            "rocksdb": "returns plain bytes, without the row's number, file and line",
            **BATCHES,
            "ndjson_zst": "decodes one long stream",
        },
    ),
    Measure(
        "scan, repeated, MB/s",
        "scan, repeated",
        "mb_per_s",
        more=True,
        why={
            **dict.fromkeys(("lmdb", "sqlite"), PLAIN),
            **dict.fromkeys(("duckdb", "duckdb_json", "parquet"), "returns batches: no Python object for each row"),
            "rocksdb": "returns plain bytes, without the row's number, file and line",
            **BATCHES,
        },
    ),
)


def measures(results: Results) -> list[Measure]:
    """The fixed measures, and one for each question in SQL."""
    queried = results.get("query, threads 1", {})
    names = next((list(f) for f in queried.values() if "error" not in f), [])
    questions = [n for n in names if not n.startswith("answer: ") and not n.endswith(", first")]
    why = {**LOADED, **OWN_COLUMNS, "duckdb_json": "reads its JSON column uncompressed from its buffers"}
    first = [f"{name}, first" for name in questions[:1]]
    return [
        *MEASURES,
        *(Measure(f"SQL: {name}, ms", "query, threads 1", name, why=why) for name in [*first, *questions]),
    ]


def summary(results: Results, chosen: Sequence[Measure]) -> list[str]:
    """A table with a row an engine and a column a measure, the best in bold."""
    values = {measure.title: measure.values(results) for measure in chosen}
    shown = [measure for measure in chosen if values[measure.title]]
    rows = order({engine for found in values.values() for engine in found})
    page = ["| | " + " | ".join(measure.title for measure in shown) + " |", "|---|" + "---:|" * len(shown)]
    for engine in rows:
        cells = []
        for measure in shown:
            found = values[measure.title]
            text = number(measure.figure, found.get(engine))
            best = (max if measure.more else min)(found.values())
            cells.append(f"**{text}**" if found.get(engine) == best and len(found) > 1 else text)
        page.append(f"| {called(engine)} | " + " | ".join(cells) + " |")
    return [*page, ""]


def losses(results: Results) -> list[str]:
    """A table of the measures in which another engine is better than lakebed, with the reason."""
    page = ["| measure | lakebed | better | |", "|---|---:|---|---|"]
    for measure in measures(results):
        found = measure.values(results)
        own = found.get("lakebed")
        if own is None:
            continue
        reasons: dict[str, list[str]] = {}
        for engine, value in found.items():
            if engine != "lakebed" and measure.better(value, own):
                said = f"{called(engine)} {number(measure.figure, value)}"
                reasons.setdefault(measure.why.get(engine, ""), []).append(said)
        for reason, those in reasons.items():
            page.append(f"| {measure.title} | {number(measure.figure, own)} | {'; '.join(those)} | {reason} |")
    return [*page, ""] if len(page) > 2 else ["None.", ""]


def trained(results: Results) -> str:
    """A sentence: the time of an ingest into a store with a dictionary, beside DuckDB's load of the same file."""
    own = results.get("ingest, dictionary there", {}).get("lakebed", {}).get("seconds")
    loads = results.get("ingest", {})
    others = [
        f"{called(name)} {loads[name]['seconds'] / own:.2f} times as long"
        for name in ("duckdb", "duckdb_key")
        if own and "seconds" in loads.get(name, {})
    ]
    return f"Into a store with a dictionary lakebed takes {own:.3f} s; {', '.join(others)}." if others else ""
