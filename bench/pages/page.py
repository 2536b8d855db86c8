"""Writes the tables and plots of docs/pages.md."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from bench.pages import report

BLOCK = re.compile(r"(<!-- pages: begin ([\w-]+)[^>]*-->\n).*?(<!-- pages: end -->)", re.DOTALL)


def write(root: Path) -> None:
    """Writes the tables between the marks of docs/pages.md, and the plots."""
    kept = json.loads(report.results_of(root).read_text())
    page = root / "docs" / "pages.md"
    page.write_text(BLOCK.sub(lambda mark: f"{mark[1]}\n{report.PARTS[mark[2]](kept)}\n{mark[3]}", page.read_text()))
    try:
        from bench.pages import plots
    except ModuleNotFoundError as missing:
        print(f"SKIPPED plots: not installed: {missing.name}. `make bench-pages` installs all.", file=sys.stderr)
        return
    plots.draw(root / "docs" / "plots", kept)
