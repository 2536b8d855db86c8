"""A snapshot: the store as of one commit, for as long as it exists."""

from __future__ import annotations

import os

from lakebed.errors import InvalidArgument
from lakebed.pure.scan.methods import TypedReads
from lakebed.pure.view import View
from lakebed.pure.writes import NeedsRust

__all__ = ["SnapshotEngine"]


class SnapshotEngine(TypedReads, NeedsRust):
    """What `StoreEngine.snapshot` returns."""

    def __init__(self, view: View) -> None:
        self._shown = view
        self._process = os.getpid()

    def _view(self) -> View:
        self._check_process()
        return self._shown

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise InvalidArgument(
                "This snapshot or iterator was made before this process was forked: make another one in the child process."
            )
