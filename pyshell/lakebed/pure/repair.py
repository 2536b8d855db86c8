"""Repair, which this engine leaves to the one in Rust."""

from __future__ import annotations

from typing import Any

from lakebed.errors import BackendMissing

__all__ = ["repair_store"]


def repair_store(path: str, /, *, dry_run: bool, lock_timeout: float, command: str, progress: Any) -> dict[str, Any]:
    """Raises `BackendMissing`."""
    del dry_run, lock_timeout, command, progress
    raise BackendMissing(
        f"{path} cannot be repaired here: repair needs lakebed's engine in Rust, which is not installed or not chosen "
        "(LAKEBED_BACKEND). Copy the store to a machine that has it; nothing was changed."
    )
