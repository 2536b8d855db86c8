"""The backend as a parameter of tests: a `conftest.py` that imports the fixture runs its tests with each backend."""

from __future__ import annotations

import pytest

from lakebed import _backend

NEEDS_RUST: dict[str, str] = {}
"""Tests that only run with the engine, with the reason: a module (`test_arrow.py`), or a test of one
(`test_arrow.py::test_name`, without parameters)."""
RUNS_ON_BOTH = {"test_hash.py"}
"""Modules that `*` does not mean."""


def reason_for_rust(node: pytest.Item) -> str | None:
    """Why a test needs the engine; None for one that runs on each backend."""
    module = node.path.name
    name = f"{module}::{getattr(node, 'originalname', node.name)}"
    everywhere = None if module in RUNS_ON_BOTH else NEEDS_RUST.get("*")
    return NEEDS_RUST.get(name) or NEEDS_RUST.get(module) or everywhere


@pytest.fixture(autouse=True, params=_backend.installed(), ids=lambda backend: backend.name)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> _backend.Backend:
    """Runs the test with each backend that is installed."""
    chosen: _backend.Backend = request.param
    if chosen.name != "rust" and (reason := reason_for_rust(request.node)) is not None:
        pytest.skip(reason)
    monkeypatch.setattr(_backend, "_current", chosen)
    monkeypatch.setenv("LAKEBED_BACKEND", chosen.name)
    return chosen
