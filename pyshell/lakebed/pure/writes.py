# ruff: noqa: ARG002  (the names are the protocol's)
"""What the engine in Python does not do yet says so: one sentence, of the kind `backend_missing`."""

from __future__ import annotations

from typing import Any, NoReturn

from lakebed.errors import BackendMissing

__all__ = ["NeedsRust", "needs_rust"]


def needs_rust(what: str) -> NoReturn:
    """Raises `BackendMissing`; `what` is what was asked for, as in "Compacting"."""
    raise BackendMissing(
        f"{what} needs lakebed's engine in Rust: install lakebed from a wheel, or with a Rust toolchain."
    )


class NeedsRust:
    """Methods of the protocols `StoreEngine` and `SnapshotEngine`."""

    def compact(self, level: int | None, dry_run: bool, progress: Any, /) -> dict[str, Any]:
        needs_rust("Compacting")
