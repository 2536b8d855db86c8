"""The backend as a parameter of tests: a `conftest.py` that imports the fixture runs its tests with each backend."""

from __future__ import annotations

import pytest

from lakebed import _backend


@pytest.fixture(autouse=True, params=_backend.installed(), ids=lambda backend: backend.name)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> _backend.Backend:
    """Runs the test with each backend that is installed."""
    chosen: _backend.Backend = request.param
    monkeypatch.setattr(_backend, "_current", chosen)
    return chosen
