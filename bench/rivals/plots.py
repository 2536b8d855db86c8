"""The plots of the benchmark pages: small SVG files, the same bytes for the same figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

from bench.rivals import report

# Text stays text; the file does not depend on the time.
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lakebed",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
}
OURS, OTHERS = "#0b7285", "#adb5bd"


def draw(place: Path, subjects: dict[str, report.Results]) -> None:
    """Four plots for each subject, instead of the old ones."""
    for old in place.glob("rivals-*.svg"):
        old.unlink()
    with mpl.rc_context(STYLE):
        for name, results in subjects.items():
            measures = {measure.title: measure for measure in report.measures(results)}
            tradeoff(place / f"rivals-{name}-tradeoff.svg", measures, results)
            bars(place / f"rivals-{name}-load.svg", [measures["size, MB"], measures["ingest, s"]], results)
            scans = [measures["scan, first pass, MB/s"], measures["scan, repeated, MB/s"]]
            bars(place / f"rivals-{name}-scan.svg", scans, results)
            queries = [measure for title, measure in measures.items() if title.startswith("SQL: ")]
            bars(place / f"rivals-{name}-sql.svg", queries, results)


def save(figure: Any, path: Path) -> None:
    """Writes and closes a figure."""
    figure.savefig(path, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    plt.close(figure)


def color(engine: str) -> str:
    """lakebed's, or the one of all others."""
    return OURS if engine.startswith("lakebed") else OTHERS


def bars(path: Path, chosen: list[report.Measure], results: report.Results) -> None:
    """A panel for each measure, the best on top; a logarithmic axis where the longest bar would hide the others."""
    shown = [(measure, found) for measure in chosen if (found := measure.values(results))]
    if not shown:
        return
    longest = max(len(found) for _, found in shown)
    columns, rows = min(len(shown), 2), -(-len(shown) // 2)
    high = rows * (0.6 + 0.26 * longest)
    figure, panels = plt.subplots(rows, columns, figsize=(4.6 * columns, high), squeeze=False)
    for spare in panels.flat[len(shown) :]:
        spare.axis("off")
    for panel, (measure, found) in zip(panels.flat, shown, strict=False):
        names = sorted(found, key=lambda name: found[name], reverse=measure.more)
        _, factor, _ = report.UNITS.get(measure.figure, ("", 1, 2))
        values = [found[name] * factor for name in names]
        drawn = panel.barh([report.called(name) for name in names], values, color=[color(name) for name in names])
        panel.bar_label(drawn, [report.number(measure.figure, found[name]) for name in names], padding=3, fontsize=8)
        panel.invert_yaxis()
        logarithmic = max(values) > 30 * min(values)
        if logarithmic:
            panel.set_xscale("log")
        panel.margins(x=0.18)
        panel.set_title(measure.title + (" (log scale)" if logarithmic else ""))
        panel.tick_params(axis="y", length=0)
    figure.tight_layout()
    save(figure, path)


def tradeoff(path: Path, measures: dict[str, report.Measure], results: report.Results) -> None:
    """Size against the time of a get: lower left is better."""
    sizes = measures["size, MB"].values(results)
    figure, panels = plt.subplots(1, 2, figsize=(9.2, 3.2), sharex=True)
    drawn = False
    for panel, title in zip(panels, ("get, cached, p50 us", "get, not cached, p50 us"), strict=True):
        times = measures[title].values(results)
        for number, engine in enumerate(times):
            if engine not in sizes:
                continue
            drawn = True
            below = number % 2
            panel.scatter(sizes[engine] / 1e6, times[engine], color=color(engine), s=36, zorder=3)
            panel.annotate(
                report.called(engine),
                (sizes[engine] / 1e6, times[engine]),
                (5, -11 if below else 4),
                textcoords="offset points",
                fontsize=8,
            )
        panel.set_yscale("log")
        panel.set_xscale("log")
        panel.margins(0.25)
        panel.grid(alpha=0.25, which="both")
        panel.set_xlabel("size on disk, MB")
        panel.set_title(title)
    figure.tight_layout()
    if drawn:
        save(figure, path)
    else:
        plt.close(figure)
