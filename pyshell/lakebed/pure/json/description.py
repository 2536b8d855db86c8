"""What a store keeps of a collection's values: a summary, and what is fixed whatever the values are.

A store keeps descriptions in the order of its commits. Their sum is the description of the collection: summaries merge,
settings take the place of those before, and a description that *replaces* starts the summary anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lakebed.pure.json.columns import Schema, columns_of
from lakebed.pure.json.encoding import Input, NewerSummary, bad, decode_body, encode_body, needs_second_version
from lakebed.pure.json.settings import Settings
from lakebed.pure.json.summary import Summary

__all__ = ["Description"]

_ALONE, _WITH_FLAGS = 1, 2
_REPLACES, _SETTINGS = 1, 2


@dataclass
class Description:
    """A summary of values, and settings."""

    summary: Summary = field(default_factory=Summary)
    settings: Settings | None = None
    """What is fixed from now on; None where nothing changes."""
    replaces: bool = False
    """Whether the summary takes the place of those before, instead of being merged with them."""

    def add(self, later: Description) -> None:
        """Adds a later one."""
        if later.replaces:
            self.summary = later.summary.copy()
            self.replaces = True
        else:
            self.summary.merge(later.summary)
        if later.settings is not None:
            self.settings = later.settings

    def columns(self) -> Schema:
        """The typed columns of the values."""
        return columns_of(self.summary, self.settings or Settings())

    def encode(self) -> bytes:
        """Its bytes: docs/types.md, "Bytes of a description"."""
        flags = (_REPLACES if self.replaces else 0) | (_SETTINGS if self.settings is not None else 0)
        out = bytearray()
        if not flags and not needs_second_version(self.summary):
            out.append(_ALONE)
        else:
            out += bytes((_WITH_FLAGS, flags))
        if self.settings is not None:
            self.settings.encode(out)
        encode_body(self.summary, out)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes) -> Description:
        """Reads the bytes that `encode` wrote. Raises `BadSummary`."""
        source = Input(data)
        found = cls()
        version = source.byte()
        flags = 0
        if version == _WITH_FLAGS:
            flags = source.byte()
        elif version != _ALONE:
            raise NewerSummary("has a version this program does not know; use a newer one")
        if flags & ~(_REPLACES | _SETTINGS):
            bad("has unknown flags")
        found.replaces = bool(flags & _REPLACES)
        if flags & _SETTINGS:
            found.settings = Settings.decode(source)
        found.summary = decode_body(source)
        if (version == _WITH_FLAGS) != bool(flags or needs_second_version(found.summary)):
            bad("has the wrong version")
        return found
