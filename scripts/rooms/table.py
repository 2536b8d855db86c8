"""The table of rooms: which files each has, which others it may use, and what only some may name."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from scripts.rooms.graph import circles

ANY = "*"


class Unreadable(Exception):
    """The table contradicts itself; the message says where."""


@dataclass(frozen=True)
class Table:
    """`rooms.toml`, read and checked."""

    limit: int
    """Lines that a file may have."""
    long: dict[str, str]
    """File -> why it may have more."""
    python: dict[str, str]
    """Directory -> the package that it is; "" for a directory of packages."""
    places: dict[str, str]
    """File or directory -> room; the longest that fits a file counts."""
    uses: dict[str, frozenset[str]]
    only: dict[str, frozenset[str]]
    """Import or path -> the rooms that may name it."""

    def room(self, file: str) -> str | None:
        """The room that a file, given from the root, is in."""
        parts = file.split("/")
        for length in range(len(parts), 0, -1):
            if found := self.places.get("/".join(parts[:length])):
                return found
        return None


def read(file: Path) -> Table:
    """The table in the file."""
    given = tomllib.loads(file.read_text())
    rooms = given["rooms"]
    places: dict[str, str] = {}
    for room, row in rooms.items():
        for place in row["at"].split():
            if place in places:
                raise Unreadable(f"{place} is in two rooms, {places[place]} and {room}")
            if not (file.parent / place).exists():
                raise Unreadable(f"the room {room} is at {place}, which does not exist")
            places[place] = room
    uses = {room: frozenset(row["uses"].split()) for room, row in rooms.items()}
    only = {name: frozenset(allowed.split()) for name, allowed in given.get("only", {}).items()}
    for what, named in [*uses.items(), *only.items()]:
        if unknown := named - rooms.keys() - {ANY}:
            raise Unreadable(f"{what} names {', '.join(sorted(unknown))}, which is not a room")
    for circle in circles({room: sorted(named - {ANY}) for room, named in uses.items()}):
        raise Unreadable(f"the rooms {', '.join(circle)} may use each other in a circle")
    return Table(given["lines"], given.get("long", {}), given.get("python", {}), places, uses, only)
