"""Compaction: which segments are written again, what of them is kept, and the steps: a new segment and a new manifest
each."""

from __future__ import annotations

from lakebed.pure.compact.steps import compact

__all__ = ["compact"]
