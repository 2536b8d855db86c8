"""What the tests of prompts share: a fake server, both clients, a store, and no settings of the environment."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import lakebed
from lakebed._backend import installed
from tests.backends import backend
from tests.prompts.server import FakeOllama

__all__ = ["backend", "client_name", "eventually", "issues", "path", "server", "store"]

CLIENTS = ["httpx", *(["rust"] if lakebed.has_rust_backend() else [])]

ON_EACH_BACKEND = {
    "test_forget.py",
    "test_kills.py",
    "test_many_rows.py",
    "test_pure.py",
    "test_runs.py",
    "test_views.py",
}
"""What stores and finds. The rest is about servers and replies, and runs on each backend with LAKEBED_LONG=1."""


def pytest_collection_modifyitems(config, items):
    if os.environ.get("LAKEBED_LONG"):
        return
    left_out = [item for item in items if _is_repeated(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_repeated(item):
    if item.path.parent != Path(__file__).parent or item.path.name in ON_EACH_BACKEND:
        return False
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return "backend" in params and params["backend"] is not installed()[0]


def eventually(condition, seconds=10.0):
    """Waits for something that happens in another thread or process."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def server(monkeypatch):
    """A fake Ollama, and OLLAMA_HOST naming it."""
    for name in list(os.environ):
        if name.startswith(("OLLAMA_", "LAKEBED_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    fake = FakeOllama().start()
    monkeypatch.setenv("OLLAMA_HOST", fake.url)
    yield fake
    fake.stop()


@pytest.fixture(params=CLIENTS)
def client_name(request, monkeypatch, server):
    """Runs the test on each client."""
    monkeypatch.setenv("LAKEBED_OLLAMA_CLIENT", request.param)
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.lakebed"


@pytest.fixture
def store(path):
    with lakebed.open(path) as store:
        yield store


@pytest.fixture
def issues(store, tmp_path):
    """A store with a collection of 12 rows from a file, two titles of which are equal."""
    lines = [f'{{"id":{i},"title":"title {min(i, 10)}","user":{{"name":"Zoë {i}"}},"price":1.50}}' for i in range(12)]
    file = tmp_path / "issues.ndjson"
    file.write_text("\n".join(lines) + "\n")
    store.ingest(file)
    return store
