"""Stores results, one file a subject, and writes the pages and plots of all stored results."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from bench.rivals import report

RECORDS = ("records", "events", "small", "x8")
# Subjects with a summary; those of RECORDS have plots, too.
SUMMARISED = (*RECORDS, "jsonbench")
HEADS = {
    "records": "Real records",
    "events": "Nested events",
    "small": "Tiny rows",
    "x8": "Eight times the records",
    "jsonbench": "JSONBench's documents",
    "segments": "Many segments",
    "opening": "Opening",
    "rate": "Growing",
    "duplicates": "Duplicates",
}
PLOTS = {
    "tradeoff": "size and the time of a get",
    "load": "size and ingest",
    "scan": "scans",
    "sql": "questions in SQL",
}
BLOCK = re.compile(r"(<!-- rivals: begin[^>]*-->\n).*?(<!-- rivals: end -->)", re.DOTALL)


def results_of(root: Path) -> Path:
    """The directory of the results in a clone."""
    return root / "bench" / "rivals" / "results"


def keep(
    root: Path, subject: str, description: str, rounds: int, results: report.Results, *, merge: bool = False
) -> None:
    """Stores a subject's figures instead of earlier ones; with `merge`, only those of the engines measured now."""
    path = results_of(root) / f"{subject}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if merge and path.exists():
        before: report.Results = json.loads(path.read_text())["results"]
        for table, found in results.items():
            before.setdefault(table, {}).update(found)
        results = before
    kept = {"records": description, "rounds": rounds, "machine": report.machine(), "results": results}
    path.write_text(json.dumps(kept, indent=1) + "\n")


def write(root: Path) -> None:
    """docs/benchmarks.md, its plots, and the short table in README.md."""
    kept = {
        name: json.loads(path.read_text()) for name in HEADS if (path := results_of(root) / f"{name}.json").exists()
    }
    docs = root / "docs"
    (docs / "plots").mkdir(parents=True, exist_ok=True)
    try:
        from bench.rivals import plots

        plots.draw(docs / "plots", {name: kept[name]["results"] for name in RECORDS if name in kept})
    except ModuleNotFoundError as missing:
        print(f"SKIPPED plots: not installed: {missing.name}. `make bench-rivals` installs all.", file=sys.stderr)
    (docs / "benchmarks.md").write_text(page(kept, docs / "plots"))
    readme = root / "README.md"
    first = next((name for name in RECORDS if name in kept), None)
    if first and readme.exists():
        text = readme.read_text()
        block = "\n".join(short(kept[first]))
        readme.write_text(BLOCK.sub(lambda found: f"{found[1]}{block}{found[2]}", text))


def facts(one: dict[str, Any]) -> str:
    """The machine of a subject's results."""
    return ", ".join(f"{name} {value}" for name, value in one["machine"].items())


def processor(one: dict[str, Any]) -> str:
    """The machine in short."""
    machine = one["machine"]
    return ", ".join(
        [machine["processor"], f"{machine['cores']} cores", *[machine[k] for k in ("memory",) if k in machine]]
    )


def input_of(one: dict[str, Any]) -> str:
    """The records of a subject, and the number of rounds."""
    given = one["results"].get("input", {}).get("input", {})
    if "rows" not in given:
        return f"{one['records']}, {rounds(one)}"
    return f"{one['records']}: {given['rows']:,} records, {given['bytes'] / 1e6:.1f} MB; {rounds(one)}"


def rounds(one: dict[str, Any]) -> str:
    """The number of rounds, in words."""
    return "one round" if one["rounds"] == 1 else f"medians of {one['rounds']} rounds"


SHORT = (
    "size, MB",
    "ingest, s",
    "get, cached, p50 us",
    "get, not cached, p50 us",
    "scan, first pass, MB/s",
    "scan, repeated, MB/s",
)


def short(one: dict[str, Any]) -> list[str]:
    """The table of the README: the fixed measures, and the first question, cold and repeated."""
    all_ = report.measures(one["results"])
    chosen = [m for m in all_ if m.title in SHORT] + [m for m in all_ if m.title.startswith("SQL: ")][:2]
    return [
        *wrapped(f"{input_of(one)}, on {processor(one)}. The best in bold."),
        "",
        *report.summary(one["results"], chosen),
    ]


def wrapped(text: str) -> list[str]:
    """Lines of at most 120 columns; those of a list's item are indented."""
    return textwrap.wrap(text, 120, subsequent_indent="  " * text.startswith("- "), break_on_hyphens=False)


def page(kept: dict[str, dict[str, Any]], plots: Path) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "lakebed beside other stores and file formats, on the same records. `make bench-rivals` measures and writes this page;",
        "[the method](../bench/rivals/README.md) and the configuration of each engine have a page of their own.",
        "",
        "Each figure is the median of fresh processes that take turns. All files are in the page cache; no disk is cold.",
        "*First pass* is the first scan of a process, without a cache of decoded blocks; *repeated* is a later one, with",
        "512 MiB of cache for each engine that has one. *Not cached* includes checking the bytes against their hash, for",
        "every engine. `lakebed` stores rows; [columns](columns.md) are an engine of their own.",
        "",
    ]
    for name, one in kept.items():
        lines += [f"## {HEADS[name]}", "", f"{input_of(one)}.", ""]
        if name in SUMMARISED:
            lines += report.summary(one["results"], report.measures(one["results"]))
            for plot, shows in PLOTS.items():
                if (plots / f"rivals-{name}-{plot}.svg").exists():
                    lines += [f"![{HEADS[name]}: {shows}](plots/rivals-{name}-{plot}.svg)", ""]
            lines += wrapped(report.trained(one["results"]))
            lines += ["Where lakebed is behind:", "", *report.losses(one["results"])]
            lines += ["<details><summary>All figures</summary>", ""]
        for table, found in one["results"].items():
            if table != "input":
                lines += [f"### {HEADS[name]}: {table}", "", *report.table(found)]
        if name in SUMMARISED:
            lines += ["</details>", ""]
    if kept:
        lines += [
            "## Machine",
            "",
            *(line for name, one in kept.items() for line in wrapped(f"- {HEADS[name]}: {facts(one)}.")),
            "",
        ]
    return "\n".join(lines)
