"""Compaction: which layout records are to have, which segments are written again, what of them is kept, and the steps:
a new segment and a new manifest each."""

from __future__ import annotations

from lakebed.pure.compact.steps import apply_layout, compact
from lakebed.pure.compact.wanted import Wanted

__all__ = ["Wanted", "apply_layout", "compact"]
