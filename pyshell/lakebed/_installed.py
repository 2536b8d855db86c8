"""Which backends are installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from lakebed.errors import BackendMissing

__all__ = ["BACKENDS", "missing_backend"]

_NEEDS = {"lakebed._rust": "lakebed._engine"}
"""The module of each backend, fastest first, and the module that is there where it is installed."""


def _load(module: str, needed: str) -> ModuleType | None:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as problem:
        # Anything else that is missing, or an engine that does not load, is an error of the installation and says so
        # itself.
        if problem.name != needed:
            raise
        return None


BACKENDS: tuple[ModuleType, ...] = tuple(
    found for module, needed in _NEEDS.items() if (found := _load(module, needed)) is not None
)
"""The backends that are installed, fastest first. Each has the names of the protocol `lakebed._backend.Backend`."""


def missing_backend() -> BackendMissing:
    """The error of a call that needs a backend where none is installed."""
    return BackendMissing(
        "lakebed has no backend here: its engine, lakebed._engine, is not installed; `pip install --force-reinstall lakebed` installs "
        "it, from a wheel or, with a Rust toolchain, from source."
    )
