"""Holds the source against the table."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.rooms import python, rust
from scripts.rooms.graph import circles
from scripts.rooms.table import ANY, Table

SUFFIXES = {".rs", ".py", ".pyi", ".sh"}
ROOTS = ("engine", "pyshell", "bench", "tests", "scripts")
SKIPPED = {"target", "fixtures", "__pycache__"}


@dataclass
class Source:
    """What was read of a tree; files are named from its root."""

    lengths: dict[str, int]
    arrows: dict[str, dict[str, set[str]]]
    """File -> file that it needs -> what it names of it."""
    externals: list[tuple[str, str]]
    """(file, import or path that leads out)."""
    crates: rust.Crates

    def circles(self) -> list[list[str]]:
        """Files that need each other."""
        return circles(self.arrows)


def read(root: Path, table: Table) -> Source:
    """Reads all code under the root."""
    crates = rust.read(root)
    packages = python.read([(root / place, prefix) for place, prefix in table.python.items()])
    arrows: dict[str, dict[str, set[str]]] = {}
    for source in (crates, packages):
        for file, other, named in source.arrows():
            arrows.setdefault(name(root, file), {}).setdefault(name(root, other), set()).add(named)
    externals = [(name(root, file), path) for source in (crates, packages) for file, path in source.externals()]
    lengths = {name(root, file): file.read_text().count("\n") for file in files(root)}
    return Source(lengths, arrows, sorted(set(externals)), crates)


def name(root: Path, file: Path) -> str:
    """The file, from the root."""
    return file.relative_to(root).as_posix()


def files(root: Path) -> Iterator[Path]:
    """All code: Rust, Python, shell; also programs without a suffix that begin with `#!`."""
    for place in ROOTS:
        for file in sorted((root / place).rglob("*")):
            inner = file.relative_to(root).parts
            if SKIPPED & set(inner) or any(part.startswith(".") for part in inner) or not file.is_file():
                continue
            if file.suffix in SUFFIXES or (not file.suffix and file.read_bytes()[:2] == b"#!"):
                yield file


def complaints(source: Source, table: Table) -> Iterator[str]:
    """One sentence for each thing that the table does not allow, and for each thing that it allows for nothing."""
    yield from lengths(source, table)
    yield from arrows(source, table)
    for circle in source.circles():
        members = set(circle)
        ties = [
            f"{file} -> {other} ({', '.join(sorted(named)[:3])})"
            for file in sorted(members)
            for other, named in sorted(source.arrows[file].items())
            if other in members
        ]
        yield "these files need each other in a circle:\n    " + "\n    ".join(ties)
    yield from restricted(source, table)


def lengths(source: Source, table: Table) -> Iterator[str]:
    """Files that are too long, and exceptions that are none any more."""
    for file, lines in source.lengths.items():
        if lines > table.limit and file not in table.long:
            yield f"{file} has {lines} lines; a file has at most {table.limit}"
    for file in table.long:
        if source.lengths.get(file, 0) <= table.limit:
            yield f"{file} is listed as long and is not: take it off the list"


def arrows(source: Source, table: Table) -> Iterator[str]:
    """Arrows between rooms that the table does not allow, and allowed ones that no file needs."""
    used: set[tuple[str, str]] = set()
    for file, others in sorted(source.arrows.items()):
        room = table.room(file)
        if room is None:
            yield f"{file} is in no room"
            continue
        for other, named in sorted(others.items()):
            target = table.room(other)
            if target is None or target == room:
                continue
            used.add((room, target))
            if not {target, ANY} & table.uses[room]:
                yield f"{file} names {', '.join(sorted(named)[:3])} of {other}: {room} may not use {target}"
    for crate, depends in source.crates.depends.items():
        for other in depends & source.crates.depends.keys():
            pairs = {
                (room, target) for room in rooms_of(source, table, crate) for target in rooms_of(source, table, other)
            }
            if not pairs & used:
                yield f"the crate {crate} depends on {other}, which none of its rooms uses"
    for room, allowed in table.uses.items():
        for target in sorted(allowed - {ANY}):
            if (room, target) not in used:
                yield f"{room} may use {target} and does not: take it out of the table"


def rooms_of(source: Source, table: Table, crate: str) -> set[str]:
    """The rooms that a crate's files are in."""
    found = set()
    for module in source.crates.modules.values():
        if module.name[0] == crate:
            parts = module.file.parts
            inner = next(index for index, part in enumerate(parts) if "/".join(parts[index:]) in source.lengths)
            found.add(table.room("/".join(parts[inner:])))
    return {room for room in found if room}


def restricted(source: Source, table: Table) -> Iterator[str]:
    """Imports that only some rooms may have."""
    for file, path in source.externals:
        whole = path.replace("::", ".")
        for key, allowed in table.only.items():
            if f"{whole}.".startswith(f"{key.replace('::', '.')}.") and not {table.room(file), ANY} & allowed:
                yield f"{file} names {path}: only {', '.join(sorted(allowed))} may"
    for crate, depends in source.crates.depends.items():
        for dependency in sorted(depends & table.only.keys()):
            if not rooms_of(source, table, crate) & table.only[dependency]:
                yield f"the crate {crate} depends on {dependency}: only {', '.join(sorted(table.only[dependency]))} may"


def figures(source: Source) -> str:
    """Lengths of files, and circles."""
    lines = sorted(source.lengths.values())
    longest = max(source.lengths, key=lambda file: source.lengths[file])
    ninetieth = statistics.quantiles(lines, n=10, method="inclusive")[-1]
    return (
        f"{len(lines)} files, {sum(lines):,} lines; median {statistics.median(lines):.0f}, 90th percentile {ninetieth:.0f}, "
        f"longest {source.lengths[longest]} ({longest}); circles between files: {len(source.circles())}"
    )
