"""From results to a page of Markdown: one table a subject, engines as rows, losses as they are."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
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
    """What a reader needs to place the figures; nothing that names the machine."""
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
    for package in ("lakebed", "rocksdict", "lmdb", "duckdb"):
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
    return engines.TITLES.get(engine, engine)


def markdown(facts: dict[str, str], source: str, results: Results) -> str:
    page = [
        "# lakebed beside others",
        "",
        f"Records: {source}. " + ", ".join(f"{k} {v}" for k, v in facts.items()) + ".",
        "",
    ]
    page += summary(results)
    for subject, found in results.items():
        names: list[str] = []
        for figures in found.values():
            names += [n for n in figures if n not in names and n != "error" and not n.startswith("answer: ")]
        heads = [UNITS[n][0] if n in UNITS else f"{n}, ms" for n in names]
        page += [f"## {subject}", "", "| | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
        for engine, figures in found.items():
            if "error" in figures:
                page.append(f"| {called(engine)} | {figures['error'].replace('|', '/')} |" + " |" * (len(heads) - 1))
                continue
            cells = []
            for name in names:
                _, factor, digits = UNITS.get(name, ("", 1, 2))
                value = figures.get(name)
                cells.append("" if value is None or value != value else f"{value * factor:,.{digits}f}")  # noqa: PLR0124  NaN
            page.append(f"| {called(engine)} | " + " | ".join(cells) + " |")
        page.append("")
    return "\n".join(page)


# The page's first table: (row, subject, figure, whether more is better).
SUMMARY = (
    ("size on disk, MB", "ingest", "bytes", False),
    ("ingest, s", "ingest", "seconds", False),
    ("ingest, dictionary there, s", "ingest, dictionary there", "seconds", False),
    ("get, cached, p50 us", "get, cached", "p50_us", False),
    ("get, cached, p99 us", "get, cached", "p99_us", False),
    ("get, not cached, p50 us", "get, not cached", "p50_us", False),
    ("scan on one core, MB/s", "scan, one core", "mb_per_s", True),
)


def summary(results: Results) -> list[str]:
    """One column an engine, the best of each row in bold, so that a loss is seen as one."""
    columns = [name for name in engines.TITLES if name in results.get("ingest", {})]
    rows = [(title, subject, figure, more) for title, subject, figure, more in SUMMARY if subject in results]
    for subject in results:
        if subject == "query, 1 threads" or subject.startswith("open at"):
            names = next((f for f in results[subject].values() if "error" not in f), {})
            chosen = ("ms", "rss") if subject.startswith("open") else [n for n in names if not n.startswith("answer: ")]
            for name in chosen:
                title = f"{subject}, {UNITS[name][0]}" if name in UNITS else f"SQL, {name}, one thread, ms"
                rows.append((title, subject, name, False))
    page = ["| | " + " | ".join(map(called, columns)) + " |", "|---|" + "---:|" * len(columns)]
    for title, subject, figure, more in rows:
        values = {engine: results[subject].get(engine, {}).get(figure) for engine in columns}
        known = [value for value in values.values() if value is not None]
        if not known:
            continue
        best = max(known) if more else min(known)
        _, factor, digits = UNITS.get(figure, ("", 1, 2))
        cells = []
        for value in values.values():
            text = "" if value is None else f"{value * factor:,.{digits}f}"
            cells.append(f"**{text}**" if value == best and len(known) > 1 else text)
        page.append(f"| {title} | " + " | ".join(cells) + " |")
    return [*page, ""]
