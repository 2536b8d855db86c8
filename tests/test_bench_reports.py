"""Reports of the benchmarks: tables, losses and stored results; and generated records."""

from __future__ import annotations

import json
from pathlib import Path

from bench import records
from bench.pages import report as pages_report
from bench.rivals import pages, report

FIGURES: report.Results = {
    "input": {"input": {"rows": 10, "bytes": 5_000_000}},
    "ingest": {
        "lakebed": {"seconds": 0.5, "bytes": 2_000_000},
        "lmdb": {"seconds": 0.25, "bytes": 9_000_000},
        "rocksdb": {"error": "no space"},
    },
}


def test_the_best_figure_is_bold() -> None:
    page = "\n".join(report.summary(FIGURES, report.measures(FIGURES)))
    assert "| lakebed | **2.000** | 0.500 |" in page
    assert "| LMDB | 9.000 | **0.250** |" in page


def test_every_loss_is_listed_with_its_reason() -> None:
    page = "\n".join(report.losses(FIGURES))
    assert "| ingest, s | 0.500 | LMDB 0.250 | neither compresses" in page
    assert "size" not in page


def test_results_are_stored_and_written_subject_by_subject(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- rivals: begin, said -->\nstale figures\n<!-- rivals: end -->\nafter\n")
    pages.keep(tmp_path, "records", "some.ndjson", 3, FIGURES)
    slower: report.Results = {"ingest": {"lakebed": {"seconds": 0.75, "bytes": 2_000_000}}}
    pages.keep(tmp_path, "records", "some.ndjson", 3, slower, merge=True)
    pages.keep(tmp_path, "duplicates", "some.ndjson", 1, {"duplicates": {"new lines": {"seconds": 1.5}}})
    pages.write(tmp_path)
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "stale" not in text
    assert "| lakebed | **2.000** | 0.750 |" in text
    assert "| LMDB | 9.000 | **0.250** |" in text
    page = (tmp_path / "docs/benchmarks.md").read_text()
    assert "10 records, 5.0 MB; medians of 3 rounds" in page
    assert "no space" in page
    assert "| new lines | 1.500 |" in page


def test_generated_events_are_nested_and_reproducible_and_have_a_kilobyte() -> None:
    lines = list(records.events(2000))
    assert lines == list(records.events(2000))
    assert lines != list(records.events(2000, seed=8))
    assert 950 < sum(map(len, lines)) / len(lines) < 1150
    first = json.loads(lines[0])
    assert first["payload"]["commits"][0]["author"]["login"].startswith("user")


def test_the_page_of_the_pages_study_has_the_stored_results() -> None:
    root = Path(__file__).parent.parent
    kept = json.loads(pages_report.results_of(root).read_text())
    page = (root / "docs/pages.md").read_text()
    for name, part in pages_report.PARTS.items():
        assert f"pages: begin {name}" in page
        assert part(kept) in page
