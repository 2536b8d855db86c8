"""A snapshot: the store as of one commit, for as long as it exists."""

from __future__ import annotations

import os

from lakebed.pure.scan.methods import TypedReads
from lakebed.pure.values import check_process
from lakebed.pure.view import View

__all__ = ["SnapshotEngine"]


class SnapshotEngine(TypedReads):
    """What `StoreEngine.snapshot` returns."""

    def __init__(self, view: View) -> None:
        self._shown = view
        self._process = os.getpid()

    def _view(self) -> View:
        check_process(self._process)
        return self._shown
