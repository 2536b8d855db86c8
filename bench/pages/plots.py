"""The plots of docs/pages.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

from bench.pages import report
from bench.rivals.plots import STYLE, save

COLORS = ("#0b7285", "#868e96", "#e8590c", "#2f9e44", "#9c36b5", "#1c7ed6")


def lines(path: Path, kept: report.Kept, panels: list[tuple[str, str, Callable[[int, str], float]]]) -> None:
    """A panel for each figure, with a line for each policy over the frame sizes."""
    sizes = report.frames(kept)
    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.2), squeeze=False)
    for axis, (title, unit, value) in zip(axes[0], panels, strict=True):
        for (policy, said), color in zip(report.POLICIES.items(), COLORS, strict=True):
            width = 2.5 if policy == "engine" else 1.2
            values = [value(size, policy) for size in sizes]
            axis.plot(range(len(sizes)), values, marker="o", ms=3.5, lw=width, color=color, label=said)
        axis.set_xticks(range(len(sizes)), [f"{size} KiB" for size in sizes])
        axis.set_yscale("log")
        axis.set_title(f"{title}, {unit}")
        axis.set_xlabel("frame")
        axis.grid(alpha=0.25, axis="y")
    figure.legend(
        *axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=3, bbox_to_anchor=(0.5, -0.12), frameon=False
    )
    figure.tight_layout()
    save(figure, path)


def draw(place: Path, kept: report.Kept) -> None:
    """Writes the three plots."""
    place.mkdir(parents=True, exist_ok=True)

    def found(size: int, policy: str, access: str, state: str) -> dict[str, Any]:
        return report.cell(kept, size, policy, access, state)

    def work(access: str, state: str, figure: str) -> Callable[[int, str], float]:
        return lambda size, policy: float(found(size, policy, access, state)["work"][figure])

    def scan(state: str) -> Callable[[int, str], float]:
        return lambda size, policy: report.rate(kept, found(size, policy, "scan", state))

    def read(size: int, policy: str) -> float:
        one = found(size, policy, "random", "cold")
        return float((one["work"]["read"] + one["open"]["read"]) / one["work"]["gets"] / 1e3)

    with mpl.rc_context(STYLE):
        gets = [
            ("get, cold, p50", "us", work("random", "cold", "p50_us")),
            ("read for a cold get, opening included", "KB", read),
        ]
        lines(place / "pages-gets.svg", kept, [*gets, ("get, warm, p50", "us", work("random", "warm", "p50_us"))])
        lines(
            place / "pages-scans.svg",
            kept,
            [("scan, cold", "MB/s", scan("cold")), ("scan, warm", "MB/s", scan("warm"))],
        )
        both = [
            ("mixed, cold", "s", work("mixed", "cold", "seconds")),
            ("mixed, warm", "s", work("mixed", "warm", "seconds")),
        ]
        lines(place / "pages-mixed.svg", kept, both)
