"""A page of a leaf, row by row."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from lakebed.pure.columns.encodings import PLAIN, hybrid, values
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.columns import LeafEntry, Page, take_u32

__all__ = ["DecodedPage", "Entries", "decode_dictionary", "decode_page", "page_of"]


class DecodedPage:
    """The values of the rows from `first` to `end` of a part, this not included."""

    def __init__(
        self,
        first: int,
        end: int,
        leaf: LeafEntry,
        repetition: list[int] | None,
        definition: list[int] | None,
        found: Any,
    ) -> None:
        """Raises `Malformed`."""
        self.first = first
        self.end = end
        self._leaf = leaf
        self._values: list[Any] = found
        self._definition = definition
        self._repetition = repetition
        if repetition is None:
            self._rows: list[int] | range = range(len(definition if definition is not None else found) + 1)
        else:
            self._rows = [at for at, level in enumerate(repetition) if not level]
            self._rows.append(len(repetition))
            if repetition and repetition[0]:
                raise Malformed("a page does not begin with a row")
        if len(self._rows) - 1 != end - first:
            raise Malformed("a page has another number of rows than its place")
        # How many values lie before each entry.
        self._before: list[int] | None = None
        if definition is not None:
            before, full = [0], leaf.definition
            for level in definition:
                before.append(before[-1] + (level == full))
            self._before = before

    def of(self, row: int) -> list[Any]:
        """The values of a row that are not NULL."""
        place = row - self.first
        start, end = self._rows[place], self._rows[place + 1]
        if self._before is not None:
            start, end = self._before[start], self._before[end]
        return self._values[start:end]

    def lengths(self, row: int, depth: int) -> list[int]:
        """The lengths of the lists of a row that lie in `depth` lists, themselves included, and have elements."""
        assert self._repetition is not None
        assert self._definition is not None
        place = row - self.first
        element = self._leaf.elements[depth - 1]
        found: list[int] = []
        for at in range(self._rows[place], self._rows[place + 1]):
            if self._definition[at] < element or self._repetition[at] > depth:
                continue
            if self._repetition[at] == depth and found:
                found[-1] += 1
            else:
                found.append(1)
        return found

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return 64 * (len(self._values) + self.end - self.first) + sum(
            len(value) for value in self._values if isinstance(value, bytes)
        )


def decode_page(body: bytes, page: Page, end: int, leaf: LeafEntry, dictionary: Callable[[], list[Any]]) -> DecodedPage:
    """The page with this body, whose last row is before row `end` of the part. Raises `Malformed`."""
    at = 0
    levels: list[list[int] | None] = []
    for highest in (len(leaf.elements), leaf.definition):
        if not highest:
            levels.append(None)
            continue
        length = take_u32(body, at)
        if at + 4 + length > len(body):
            raise Malformed("a page is cut")
        found = hybrid(body[at + 4 : at + 4 + length], highest.bit_length(), page.values)
        if found and max(found) > highest:
            raise Malformed("a level is too high")
        levels.append(found)
        at += 4 + length
    repetition, definition = levels
    count = page.values if definition is None else definition.count(leaf.definition)
    return DecodedPage(
        page.first_row,
        end,
        leaf,
        repetition,
        definition,
        values(body[at:], leaf.type, page.encoding, count, dictionary),
    )


class Entries(list[Any]):
    """The entries of a dictionary page."""

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return sum(64 + (len(value) if isinstance(value, bytes) else 0) for value in self)


def decode_dictionary(body: bytes, page: Page, leaf: LeafEntry) -> Entries:
    """The entries of a dictionary page. Raises `Malformed`."""
    return Entries(values(body, leaf.type, PLAIN, page.values, list))


def page_of(pages: list[Page], row: int) -> int:
    """The place of the page that holds a row of their row group."""
    return bisect_left(pages, row + 1, key=lambda page: page.first_row) - 1
