"""Sums of descriptions, and the description of records that are added: what the catalogue's record 3 says."""

from __future__ import annotations

import threading
from collections import OrderedDict

from lakebed.pure.json.columns import Schema, keep_names
from lakebed.pure.json.description import Description
from lakebed.pure.json.encoding import BadSummary
from lakebed.pure.json.names import is_plain
from lakebed.pure.json.node import MAX_COLUMNS
from lakebed.pure.json.observe import observe
from lakebed.pure.json.settings import NON_OBJECT, REST, Settings, named_key
from lakebed.pure.json.summary import Summary
from lakebed.pure.json.values import Record, record

__all__ = ["Observer", "described", "merged_descriptions", "schema_of", "whole_description"]

_KEPT = 16
"""Sums that are kept."""


class _Sum:
    """The sum of some descriptions. It is never changed."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self._schema: Schema | None = None

    @property
    def schema(self) -> Schema:
        """The typed columns."""
        if self._schema is None:
            self._schema = self.description.columns()
        return self._schema


_sums: OrderedDict[tuple[bytes, ...], _Sum] = OrderedDict()
_lock = threading.Lock()


def _sum_of(descriptions: tuple[bytes, ...]) -> _Sum:
    """The sum of descriptions in their order. Raises `BadSummary`."""
    with _lock:
        found = _sums.get(descriptions)
        if found is not None:
            _sums.move_to_end(descriptions)
            return found
        before = _sums.get(descriptions[:-1]) if len(descriptions) > 1 else None
    total = Description()
    if before is not None:
        known = before.description
        total = Description(known.summary.copy(), known.settings, known.replaces)
    for one in descriptions if before is None else descriptions[-1:]:
        total.add(Description.decode(one))
    made = _Sum(total)
    _remember(descriptions, made)
    return made


def _remember(descriptions: tuple[bytes, ...], made: _Sum) -> None:
    with _lock:
        _sums[descriptions] = made
        while len(_sums) > _KEPT:
            _sums.popitem(last=False)


def described(descriptions: tuple[bytes, ...]) -> Description:
    """The description of a collection: the sum of its descriptions, not to be changed. Raises `BadSummary`."""
    return _sum_of(descriptions).description


def schema_of(descriptions: tuple[bytes, ...]) -> Schema:
    """The typed columns of a collection, not to be changed. Raises `BadSummary`."""
    return _sum_of(descriptions).schema


def merged_descriptions(descriptions: tuple[bytes, ...]) -> bytes:
    """The bytes of the sum of descriptions that others precede; none of none. Raises `BadSummary`."""
    if len(descriptions) < 2:
        return b"".join(descriptions)
    return described(descriptions).encode()


def whole_description(descriptions: tuple[bytes, ...]) -> bytes:
    """The bytes of the sum of all descriptions of a collection, for a manifest; none of none. Raises `BadSummary`."""
    if not descriptions:
        return b""
    try:
        found = described(descriptions)
    except BadSummary:
        if len(descriptions) > 1:
            raise
        # One that a newer version wrote is kept as it is.
        return descriptions[0]
    return Description(found.summary, found.settings).encode()


class Observer:
    """Checks records that are added to a collection, and describes them."""

    def __init__(self, known: tuple[bytes, ...]) -> None:
        """`known` are the descriptions that the collection has. Raises `BadSummary`."""
        self._known = known
        self._summary = described(known).summary.expecting() if known else Summary()

    def observe(self, data: bytes) -> Record:
        """Checks a record, and adds it. Raises `JsonError`; nothing is added then."""
        found = record(data)
        self.add(found)
        return found

    def add(self, found: Record) -> None:
        """Adds a record that was checked."""
        observe(found, self._summary)

    def description(self) -> bytes:
        """The description of what was added; none of nothing. Nothing is to be added afterwards."""
        new = self._summary
        if not new.rows:
            return b""
        before = _sum_of(self._known)
        known = before.description
        after = Description(known.summary.copy(), known.settings, known.replaces)
        after.summary.merge(new)
        found = Description(new)
        if not _names_follow(before.schema, new):
            fixed = (known.settings or Settings()).copy()
            keep_names(fixed, before.schema, after.summary)
            if fixed != (known.settings or Settings()):
                found.settings = after.settings = fixed
        data = found.encode()
        _remember((*self._known, data), _Sum(after))
        return data


def _names_follow(before: Schema, new: Summary) -> bool:
    """Whether the names of all columns follow from the keys as they did before: new keys alone, that are plain names
    and like no other."""
    held = {column.named for column in before.columns}
    if new.non_objects and NON_OBJECT not in held:
        return False
    if REST in held:
        # A key that gets a column of its own now is in at least one of a hundred rows.
        return new.rows * 100 < before.rows + new.rows
    if new.is_wide:
        return False
    names = {column.name.casefold() for column in before.columns}
    for key in new.top_keys():
        if named_key(key) in held:
            continue
        if not is_plain(key) or key.startswith("_") or key.casefold() in names:
            return False
        names.add(key.casefold())
    return len(names) <= MAX_COLUMNS
