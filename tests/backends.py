"""The backend as a parameter of tests: a `conftest.py` that imports the fixture runs its tests with each backend."""

from __future__ import annotations

import pytest

from lakebed import _backend
from lakebed._extension import has_extension

HAS_FUNCTIONS = has_extension()
"""Whether SQL has `lakebed_scan` and the other functions: they are those of DuckDB's extension, which a wheel without
the engine in Rust has not."""

needs_functions = pytest.mark.skipif(not HAS_FUNCTIONS, reason="SQL has no functions of lakebed without its extension")

NEEDS_RUST: dict[str, str] = {
    "test_blobs.py::test_raw_blobs_of_sealed_segments_are_not_copied": "before Python 3.12 a class shows no memory but its own",
    "test_parquet_views.py": "views of the engine in Python scan all rows",
    "test_lakebed_attach.py": "the extension for DuckDB belongs to the engine in Rust",
    "test_process_limits.py": "the engine in Python keeps descriptors and a mapping for each segment",
    "test_read_errors.py": "Python cannot turn a fault under a mapping into an error",
    "test_many_rows.py::test_finished_rows_are_found_without_their_replies_and_in_little_memory": "its cache is measured, too",
    "test_column_filters.py": "the engine in Python reads the records of all rows for a filter",
    "test_concurrency.py::test_during_a_training_nothing_is_installed": "zstd's Python package trains while it holds the interpreter",
}
"""Tests that only run with the engine in Rust, with the reason: a module (`test_x.py`), or a test of one
(`test_x.py::test_name`, without parameters)."""


NEEDS_FUNCTIONS = {"test_fixtures.py": "it asks the functions of DuckDB's extension, too"}
"""Modules that only run where the extension is, with the reason."""


def reason_for_rust(node: pytest.Item) -> str | None:
    """Why a test needs the engine in Rust, or its extension; None for one that runs on each backend."""
    module = node.path.name
    if not HAS_FUNCTIONS and module in NEEDS_FUNCTIONS:
        return NEEDS_FUNCTIONS[module]
    return NEEDS_RUST.get(f"{module}::{getattr(node, 'originalname', node.name)}") or NEEDS_RUST.get(module)


@pytest.fixture(autouse=True, params=_backend.installed(), ids=lambda backend: backend.name)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> _backend.Backend:
    """Runs the test with each backend that is installed."""
    chosen: _backend.Backend = request.param
    if chosen.name != "rust" and (reason := reason_for_rust(request.node)) is not None:
        pytest.skip(reason)
    monkeypatch.setattr(_backend, "_current", chosen)
    monkeypatch.setenv("LAKEBED_BACKEND", chosen.name)
    return chosen
