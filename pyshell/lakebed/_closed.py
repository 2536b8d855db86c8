"""What is left of a store that was closed: its path and settings. Every call says that it is closed.

It takes the engine's place in the store object, so that the engine goes, and with it the files that it had open: a
compaction can give their space back, although a program still has the object. Snapshots, rows and buffers hold what
they need themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from lakebed.errors import Closed

if TYPE_CHECKING:
    from lakebed._backend import StoreEngine

__all__ = ["ClosedEngine"]


class ClosedEngine:
    """In the place of the engine of a store that was closed."""

    closed = True

    def __init__(self, engine: StoreEngine) -> None:
        self.path = engine.path
        self._settings = engine.settings()

    def settings(self) -> dict[str, Any]:
        """The settings the store was opened with."""
        return self._settings

    def take_warnings(self) -> list[str]:
        """None any more."""
        return []

    def __len__(self) -> int:  # noqa: PLE0303  (it raises)
        self._refuse()

    def __getattr__(self, _name: str) -> Any:
        self._refuse()

    @staticmethod
    def _refuse() -> NoReturn:
        raise Closed("The store is closed; open it again.")
