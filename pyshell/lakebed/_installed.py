"""Which backends are installed, and which one runs."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Final

from lakebed.errors import BackendMissing, InvalidArgument, LakebedError

__all__ = ["BACKENDS", "CHOICE", "HOW_TO_GET_RUST", "all_backends", "missing_backend"]

CHOICE: Final = "LAKEBED_BACKEND"
"""The environment variable that chooses: `rust`, `python`, or `auto`, which is the fastest that is installed."""

# pip keeps the pure wheels that it builds: without --no-cache-dir it would install the same one again.
HOW_TO_GET_RUST: Final = (
    "`pip install --force-reinstall --no-cache-dir lakebed` installs it, from a wheel or, with a Rust toolchain, "
    "from source"
)
"""How to get the engine in Rust, as the second half of a sentence."""

_MODULES: Final = {
    "rust": ("lakebed._rust", ("lakebed._engine",)),
    "python": ("lakebed.pure", ("blake3", "xxhash", "zstandard")),
}
"""The module of each backend, fastest first, and the modules that are there where it is installed."""


def _load(name: str) -> ModuleType | None:
    module, needed = _MODULES[name]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as problem:
        # Anything else that is missing, or an engine that does not load, is an error of the installation and says so
        # itself.
        if problem.name not in needed:
            raise
        return None


def _chosen() -> tuple[ModuleType, ...]:
    """The backend that runs: the first one that is installed of those that may."""
    choice = os.environ.get(CHOICE) or "auto"
    names = list(_MODULES) if choice == "auto" else [choice] if choice in _MODULES else []
    found = (_load(name) for name in names)
    return tuple(one for one in (next((one for one in found if one is not None), None),) if one is not None)


BACKENDS: tuple[ModuleType, ...] = _chosen()
"""The backend that runs, alone; nothing when none is installed. It has the names of the protocol
`lakebed._backend.Backend`."""


def all_backends() -> tuple[ModuleType, ...]:
    """The backends that are installed, fastest first."""
    return tuple(found for found in map(_load, _MODULES) if found is not None)


def missing_backend() -> LakebedError:
    """The error of a call that needs a backend where the one that was chosen is not installed."""
    choice = os.environ.get(CHOICE) or "auto"
    if choice not in ("auto", *_MODULES):
        return InvalidArgument(
            f"{CHOICE} is rust, python or auto, not {choice!r}: set it to one of these, or unset it."
        )
    if choice == "python":
        return BackendMissing(
            f"{CHOICE} is python, and the packages that lakebed needs without its engine are not installed: pip install "
            "blake3 xxhash zstandard."
        )
    without = (
        f"{CHOICE} is rust, and lakebed's engine, lakebed._engine, is not installed"
        if choice == "rust"
        else "lakebed has no backend here: its engine, lakebed._engine, is not installed, nor are blake3, xxhash and zstandard, "
        "with which it runs without"
    )
    return BackendMissing(f"{without}; {HOW_TO_GET_RUST}.")
