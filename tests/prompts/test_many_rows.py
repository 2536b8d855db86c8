"""Runs over many rows: how large the store is afterwards, and what a repeated run needs."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from bench.prompts.resuming import BODY, QUERY, TEMPLATE
from bench.records import titles, write
from tests.prompts.runs import ask, rows

ROWS = 2000


@pytest.fixture
def finished(server, store, tmp_path):
    """A store with a result for each of its rows, and the size of the rows in bytes."""
    server.remember = False
    lines = write(tmp_path / "issues.ndjson", (json.dumps(row).encode() for row in titles(ROWS, BODY)))
    store.ingest(lines)
    _, report = ask(store, "instant", TEMPLATE, QUERY, jobs=4)
    assert report.new == ROWS
    return store, lines.stat().st_size


def test_a_store_is_less_than_three_times_its_rows(finished):
    store, size = finished
    stats = store.stats()
    # A commit takes two and a half kilobytes besides its rows. How many rows it has depends on the speed of the
    # machine: count as if there were thirty, as a fast server leads to.
    assert stats.disk_bytes + 2500 * (ROWS / 30 - stats.commit) < 3 * size


def test_finished_rows_are_found_without_their_replies_and_in_little_memory(finished, monkeypatch):
    store, _ = finished

    def read(*_args, **_named):
        raise AssertionError("a reply was read")

    monkeypatch.setattr("lakebed.prompts.run_plan.ReplyIndex", read)
    ask(store, "instant", TEMPLATE, f"{QUERY} LIMIT 1")
    tracemalloc.start()
    try:
        results, report = ask(store, "instant", TEMPLATE, QUERY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (results, report.present, report.asked) == ([], ROWS, 0)
    assert len(rows(store, "results")) == ROWS
    # Parsed, the results alone would take more than two kilobytes each.
    assert peak < 1024 * ROWS
