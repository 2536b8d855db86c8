"""Names in SQL: the view of each collection.

Collections and columns may have any name; SQL identifiers are compared without case. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class ViewName(NamedTuple):
    """The name of a view in the database of an attached store."""

    schema: str
    name: str


def view_names(collections: Iterable[str]) -> dict[str, str]:
    """The name of the view of each collection. `collections` are the names of the collections, oldest first.

    A view has its collection's name. Where two names differ only in case, which SQL does not distinguish, the view of
    the later collection gets the first free number as a suffix: `Events`, `events_2`.
    """
    names = list(collections)
    taken = {name.casefold() for name in names}
    given: set[str] = set()
    views: dict[str, str] = {}
    for name in names:
        view, number = name, 1
        while view.casefold() in given or (number > 1 and view.casefold() in taken):
            number += 1
            view = f"{name}_{number}"
        given.add(view.casefold())
        views[name] = view
    return views
