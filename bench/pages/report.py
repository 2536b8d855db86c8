"""The results of the study, and the tables of docs/pages.md."""

from __future__ import annotations

import json
import mmap
import os
import textwrap
from pathlib import Path
from typing import Any

# The default frame size, KiB; tables of a single size show this one.
SHOWN = 12
POLICIES = {
    "engine": "the engine's two mappings",
    "normal": "NORMAL for all",
    "random": "RANDOM for all",
    "sequential": "SEQUENTIAL for all",
    "willneed": "WILLNEED for all",
    "pread": "no mapping: pread",
}
FACTS = ("processor", "cores", "memory", "system", "kernel", "page", "read-ahead")
Kept = dict[str, Any]


def results_of(root: Path) -> Path:
    """The file of the results in a clone."""
    return root / "bench" / "pages" / "results.json"


def keep(root: Path, kept: Kept, *, merge: bool = False) -> None:
    """Stores results, a line for each cell. With `merge`, stored cells that were not measured now stay."""
    if merge and results_of(root).exists():
        kept = {**kept, "cells": {**json.loads(results_of(root).read_text())["cells"], **kept["cells"]}}
    cells = ",\n".join(f"  {json.dumps(name)}: {json.dumps(found)}" for name, found in sorted(kept["cells"].items()))
    head = json.dumps({name: value for name, value in kept.items() if name != "cells"}, indent=1)
    results_of(root).write_text(f'{head[:-2]},\n "cells": {{\n{cells}\n }}\n}}\n')


def system() -> dict[str, str]:
    """Facts about the system that decide how far it reads ahead."""
    facts = {"page": f"{mmap.PAGESIZE} bytes", "kernel": os.uname().release.split("-")[0]}
    for queue in Path("/sys/block").glob("[vsn]*/queue/read_ahead_kb"):
        facts["read-ahead"] = f"{queue.read_text().strip()} KiB"
        break
    return facts


def cell(kept: Kept, frame: int, policy: str, access: str, state: str, page: int = 0) -> dict[str, Any]:
    """The results of one cell."""
    found: dict[str, Any] = kept["cells"][f"{frame} {policy} {access} {state} {page}"]
    return found


def frames(kept: Kept) -> list[int]:
    """The frame sizes, KiB."""
    return [int(frame) for frame in kept["sizes"]]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def per_get(found: dict[str, Any], name: str) -> float:
    """A count of the cell, divided by its gets."""
    return float(found["work"][name] / max(found["work"]["gets"], 1))


def rate(kept: Kept, found: dict[str, Any]) -> float:
    """MB/s of records."""
    return float(kept["about"]["bytes"] / found["work"]["seconds"] / 1e6)


def gets_cold(kept: Kept) -> str:
    """Gets with a cold page cache, a row for each policy."""
    rows = []
    for policy, said in POLICIES.items():
        found = cell(kept, SHOWN, policy, "random", "cold")
        work = found["work"]
        numbers = [f"{work['p50_us']:,.0f}", f"{work['p99_us']:,.0f}", f"{per_get(found, 'seconds') * 1e6:,.0f}"]
        numbers.append(f"{per_get(found, 'read') / 1e3:,.1f}")
        numbers += [f"{per_get(found, 'major'):.2f}", f"{per_get(found, 'minor'):.2f}"]
        rows.append([said, *numbers, f"{found['open']['read'] / 1e6:.2f}"])
    return table(
        ["", "p50, us", "p99, us", "mean, us", "KB read a get", "major faults a get", "minor", "MB read by opening"],
        rows,
    )


def gets_warm(kept: Kept) -> str:
    """Gets with a warm page cache, a row for each policy."""
    rows = []
    for policy, said in POLICIES.items():
        found = cell(kept, SHOWN, policy, "random", "warm")
        work = found["work"]
        rows.append([said, f"{work['p50_us']:,.2f}", f"{work['p99_us']:,.2f}", f"{per_get(found, 'minor'):.3f}"])
    return table(["", "p50, us", "p99, us", "minor faults a get"], rows)


def scans(kept: Kept) -> str:
    """Scans, a row for each policy."""
    rows = []
    shown = [(policy, "scan", said) for policy, said in POLICIES.items()]
    if f"{SHOWN} engine rows cold 0" in kept["cells"]:
        shown.append(("engine", "rows", "the engine, row by row"))
    for policy, access, said in shown:
        cold, warm = (cell(kept, SHOWN, policy, access, state) for state in ("cold", "warm"))
        read = (cold["work"]["read"] + cold["open"]["read"]) / 1e6
        faults = [f"{cold['work'][kind]:,.0f}" for kind in ("major", "minor")]
        rows.append([said, f"{rate(kept, cold):,.0f}", f"{read:,.1f}", *faults, f"{rate(kept, warm):,.0f}"])
    return table(["", "cold, MB/s", "MB read", "major faults", "minor", "warm, MB/s"], rows)


def mixed(kept: Kept) -> str:
    """Scans with gets between, a row for each policy."""
    rows = []
    for policy, said in POLICIES.items():
        cold, warm = (cell(kept, SHOWN, policy, "mixed", state) for state in ("cold", "warm"))
        work = cold["work"]
        numbers = [
            f"{work['seconds']:.3f}",
            f"{work['p50_us']:,.0f}",
            f"{work['p99_us']:,.0f}",
            f"{work['read'] / 1e6:,.1f}",
        ]
        rows.append([said, *numbers, f"{warm['work']['seconds']:.3f}", f"{warm['work']['p50_us']:,.1f}"])
    heads = ["", "cold, s", "get p50, us", "get p99, us", "MB read", "warm, s", "get p50, us"]
    return table(heads, rows)


def by_frame(kept: Kept) -> str:
    """The engine's own policy, a row for each frame size."""
    rows = []
    for frame in frames(kept):
        warm, cold = (cell(kept, frame, "engine", "random", state) for state in ("warm", "cold"))
        scanned = [cell(kept, frame, "engine", "scan", state) for state in ("warm", "cold")]
        row = [f"{frame} KiB", f"{kept['sizes'][str(frame)] / 1e6:.2f}", f"{warm['work']['p50_us']:.1f}"]
        row += [f"{cold['work']['p50_us']:,.0f}", f"{per_get(cold, 'read') / 1e3:.1f}", f"{per_get(cold, 'major'):.2f}"]
        rows.append([*row, *(f"{rate(kept, one):,.0f}" for one in scanned)])
    heads = ["frames", "store, MB", "get warm, p50 us", "get cold, p50 us", "KB read", "major faults"]
    return table([*heads, "scan warm, MB/s", "scan cold, MB/s"], rows)


def by_page(kept: Kept) -> str:
    """What a cold get would read with larger pages, and how the engine does when it assumes them."""
    rows = []
    for frame in frames(kept):
        found = cell(kept, frame, "engine", "random", "cold")
        gets = found["work"]["gets"]
        row = [
            f"{frame} KiB",
            *(f"{found['resident'][str(page)] / gets / 1e3:,.1f}" for page in (4096, 16_384, 65_536)),
        ]
        for page in (0, 16_384, 65_536):
            assumed = cell(kept, frame, "engine", "random", "cold", page)
            row.append(f"{assumed['work']['p50_us']:,.0f} / {per_get(assumed, 'read') / 1e3:.1f}")
        rows.append(row)
    heads = ["frames", "KB a get at 4 KiB pages", "at 16 KiB", "at 64 KiB"]
    return table([*heads, "p50 us / KB read, assuming 4 KiB", "assuming 16 KiB", "assuming 64 KiB"], rows)


def about(kept: Kept) -> str:
    """The records, the machine and the rounds."""
    facts = ", ".join(f"{name} {kept['machine'][name]}" for name in FACTS if name in kept["machine"])
    given = kept["about"]
    runs: dict[str, set[str]] = {}
    for name, found in kept["cells"].items():
        runs.setdefault(f"{found['rounds']} rounds at commit {found['commit']}", set()).add(name.split()[2])
    medians = "; ".join(f"{', '.join(sorted(accesses))}: medians of {run}" for run, accesses in sorted(runs.items()))
    text = f"{given['source']}: {given['records']:,} records, {given['bytes'] / 1e6:.0f} MB; {facts}. {medians}."
    return textwrap.fill(text, 120, break_on_hyphens=False) + "\n"


PARTS = {
    "about": about,
    "gets-cold": gets_cold,
    "gets-warm": gets_warm,
    "scans": scans,
    "mixed": mixed,
    "by-frame": by_frame,
    "by-page": by_page,
}
