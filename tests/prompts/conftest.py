"""What the tests of prompts share: a fake server, and no settings of whoever runs the tests."""

from __future__ import annotations

import os

import pytest

from tests.prompts.server import FakeOllama


@pytest.fixture
def server(monkeypatch):
    """A fake Ollama, and OLLAMA_HOST naming it."""
    for name in [
        name for name in os.environ if name.startswith(("OLLAMA_", "LAKEBED_")) or name.lower().endswith("_proxy")
    ]:
        monkeypatch.delenv(name)
    fake = FakeOllama().start()
    monkeypatch.setenv("OLLAMA_HOST", fake.url)
    yield fake
    fake.stop()
