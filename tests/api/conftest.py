"""What the tests of the Python API share."""

import gc
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import lakebed
from tests.backends import backend

__all__ = ["backend", "ndjson", "nothing_left_open", "path", "store"]


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """A file, a store or a map that a test forgot, or that lakebed leaks, fails the test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        gc.collect()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.lakebed"


@pytest.fixture
def store(path: Path) -> Iterator[lakebed.Store]:
    with lakebed.open(path) as store:
        yield store


@pytest.fixture
def ndjson(tmp_path: Path) -> Path:
    """A file of 1,000 lines, two of them equal."""
    lines = [json.dumps({"id": number, "name": f"name {number}", "tags": ["a", "b"]}) for number in range(999)]
    file = tmp_path / "things.ndjson"
    file.write_text("\n".join([*lines, lines[0]]) + "\n")
    return file
