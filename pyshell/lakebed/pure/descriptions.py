"""The sum of the descriptions of a collection."""

from __future__ import annotations

from lakebed.pure.json import merged_descriptions as merged

__all__ = ["merged_descriptions"]


def merged_descriptions(descriptions: tuple[bytes, ...]) -> bytes:
    """The sum of descriptions, in the order in which they were added; nothing for none."""
    if len(descriptions) <= 1:
        return descriptions[0] if descriptions else b""
    return merged(descriptions)
