"""What a person is told where the engine in Rust is not installed."""

from __future__ import annotations

import os
from functools import cache

from lakebed._backend import backend
from lakebed._installed import CHOICE, HOW_TO_GET_RUST


@cache
def _unsaid() -> list[str]:
    """The sentence, until it was said in this process."""
    return [f"running without the Rust engine, several times slower; {HOW_TO_GET_RUST}"]


def missing_rust() -> str | None:
    """That the engine in Rust is not there, and how to get it: once in a process, and not where Python was chosen by
    `LAKEBED_BACKEND`. Raises `BackendMissing` where there is no engine at all."""
    if os.environ.get(CHOICE) == "python" or backend() == "rust":
        return None
    return _unsaid().pop() if _unsaid() else None
