# ruff: noqa: ARG001, ARG002  (the names are the protocol's)
"""What the engine in Python does not do yet says so: one sentence, of the kind `backend_missing`."""

from __future__ import annotations

from typing import Any, NoReturn

from lakebed.errors import BackendMissing

__all__ = ["ArrowFile", "json_lines", "needs_rust"]


def needs_rust(what: str) -> NoReturn:
    """Raises `BackendMissing`; `what` is what was asked for, as in "Compacting"."""
    raise BackendMissing(
        f"{what} needs lakebed's engine in Rust: install lakebed from a wheel, or with a Rust toolchain."
    )


class ArrowFile:
    """The bytes of an Arrow file with the rows of a table."""

    def __init__(self, table: Any) -> None:
        needs_rust("Arrow")

    def __iter__(self) -> Any:
        needs_rust("Arrow")


def json_lines(table: Any, json: list[list[int]], /) -> Any:
    """A file object with one JSON object a line for each row of a table."""
    needs_rust("Arrow")
