"""Which file of a Rust crate names an item of which other file.

Reads tokens, not types: paths (`use`, `crate::a::B`, `super::b::c()`), the tree of `mod`s, items and re-exports. A path
leads to the file that *defines* the item, through re-exports; so a parent that hands on its children's names makes no
circle with them. Code under `#[cfg(test)]` is left out. What a method call reaches through a type is not seen.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

NOISE = re.compile(
    r"""//[^\n]*
      | /\*.*?\*/
      | \bb?r(\#*)".*?"\1
      | \bb?"(?:\\.|[^"\\])*" | "(?:\\.|[^"\\])*"
      | b?'(?:\\(?:u\{\w+\}|x\w\w|.)|[^'\\])'
      | '\w+""",
    re.DOTALL | re.VERBOSE,
)
TOKEN = re.compile(r"r\#\w+|\w+|::|=>|->|\S")
ITEM = {"fn", "struct", "enum", "union", "trait", "type", "const", "static"}
CLOSING = {"(": ")", "[": "]", "{": "}"}
Names = tuple[str, ...]


@dataclass
class Module:
    """One `mod`: in a file of its own, or in its parent's."""

    name: Names
    """From the crate's name down."""
    file: Path
    children: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    uses: dict[str, Names] = field(default_factory=dict)
    """Local name -> path, as written."""
    globs: list[Names] = field(default_factory=list)
    paths: set[Names] = field(default_factory=set)
    """Every path that the code names, private `use`s included."""
    handed_on: dict[str, Names] = field(default_factory=dict)
    """`pub use`: local name -> path. Counts as named only where the module's own code has the name too."""
    words: set[str] = field(default_factory=set)
    """All identifiers of the code outside `use`."""


@dataclass
class Crates:
    """The crates of a workspace."""

    modules: dict[Names, Module] = field(default_factory=dict)
    depends: dict[str, set[str]] = field(default_factory=dict)
    """Crate -> the crates, of the workspace or not, that its Cargo.toml names outside dev-dependencies."""

    def arrows(self) -> Iterator[tuple[Path, Path, str]]:
        """(file, file it needs, the path that says so)."""
        for module in self.modules.values():
            for path in sorted(module.paths):
                target = self.resolve(module, path)
                if target and target.file != module.file:
                    yield module.file, target.file, "::".join(path)

    def externals(self) -> Iterator[tuple[Path, str]]:
        """(file, path) for each path that leads out of the workspace, such as `std::fs::File`."""
        for module in self.modules.values():
            for path in sorted(module.paths):
                full = self.expand(module, path)
                if full and (full[0],) not in self.modules:
                    yield module.file, "::".join(full)

    def expand(self, module: Module, path: Names) -> Names | None:
        """The path from a crate's name down; None for one that starts at an item of this module."""
        at = list(module.name)
        first, rest = path[0], path[1:]
        if first == "crate":
            return (at[0], *rest)
        if first in ("self", "super"):
            while path and path[0] in ("self", "super"):
                if path[0] == "super":
                    at.pop()
                path = path[1:]
            return (*at, *path) if at else None
        if first in module.children:
            return (*at, first, *rest)
        if first in module.items:
            return None
        target = module.uses.get(first)
        if target and target[0] != first:
            base = self.expand(module, target)
            return (*base, *rest) if base else None
        return path

    def resolve(self, module: Module, path: Names, seen: frozenset[tuple[Names, str]] = frozenset()) -> Module | None:
        """The module whose file defines what the path names; None for what is outside the workspace."""
        full = self.expand(module, path)
        if not full or (full[0],) not in self.modules:
            return None
        at = self.modules[full[:1]]
        for number, name in enumerate(full[1:], 1):
            child = self.modules.get((*at.name, name))
            if child:
                at = child
                continue
            if name in at.items or (at.name, name) in seen:
                return at
            seen |= {(at.name, name)}
            if name in at.uses and at.uses[name][-1:] != ("self",):
                return self.resolve(at, (*at.uses[name], *full[number + 1 :]), seen) or at
            for glob in at.globs:
                there = self.resolve(at, glob, seen)
                if there and (name in there.items or name in there.uses or (*there.name, name) in self.modules):
                    return self.resolve(there, ("self", *full[number:]), seen)
            return at
        return at


def read(root: Path) -> Crates:
    """All crates of the workspace in `root`."""
    crates = Crates()
    manifest = root / "Cargo.toml"
    if not manifest.exists():
        return crates
    for member in tomllib.loads(manifest.read_text())["workspace"]["members"]:
        place = root / member
        package = tomllib.loads((place / "Cargo.toml").read_text())
        crate = package["package"]["name"].replace("-", "_")
        # A crate under `cfg(any())`, which never holds, is named for other reasons than its code.
        tables = [package, *(given for name, given in package.get("target", {}).items() if name != "cfg(any())")]
        crates.depends[crate] = {
            dependency.replace("-", "_")
            for table in tables
            for kind in ("dependencies", "build-dependencies")
            for dependency in table.get(kind, {})
        }
        read_module(crates, (crate,), place / "src/lib.rs", place / "src")
    return crates


def read_module(crates: Crates, name: Names, file: Path, place: Path) -> None:
    """The module in a file, and those below it, whose files are in `place`."""
    tokens = TOKEN.findall(NOISE.sub(" ", file.read_text()))
    for child in Reader(crates, file).module(name, tokens):
        beside, inside = place / f"{child}.rs", place / child / "mod.rs"
        read_module(crates, (*name, child), beside if beside.exists() else inside, place / child)


class Reader:
    """Reads the modules of one file."""

    def __init__(self, crates: Crates, file: Path) -> None:
        self.crates = crates
        self.file = file

    def module(self, name: Names, tokens: list[str]) -> list[str]:
        """Adds the module, and its inline ones; returns the children that have files of their own."""
        module = Module(name, self.file)
        self.crates.modules[name] = module
        filed: list[str] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            if token == "#":
                at = attribute(tokens, at)
            elif token == "pub" and tokens[at + 1] == "(":
                at = closing(tokens, at + 1)
            elif token == "mod" and tokens[at + 2] in (";", "{"):
                child = tokens[at + 1]
                module.children.add(child)
                if tokens[at + 2] == ";":
                    filed.append(child)
                    at += 3
                else:
                    end = closing(tokens, at + 2)
                    self.module((*name, child), tokens[at + 3 : end - 1])
                    at = end
            elif token == "use":
                end = tokens.index(";", at)
                public = at > 0 and tokens[at - 1] in ("pub", ")")
                for path, local in tree(tokens[at + 1 : end], ()):
                    if local == "*":
                        module.globs.append(path)
                    else:
                        module.uses[local] = path
                    if public:
                        module.handed_on[local] = path
                    else:
                        module.paths.add(path)
                at = end + 1
            elif token in ITEM and tokens[at + 1].isidentifier():
                # Also those inside functions and `impl`s, which do no harm.
                module.items.add(tokens[at + 1])
                at += 2
            elif token == "macro_rules":
                module.items.add(tokens[at + 2])
                at += 3
            elif token.isidentifier() and tokens[at + 1 : at + 2] == ["::"] and tokens[at - 1 : at] != ["::"]:
                named = [token]
                at += 1
                while tokens[at : at + 1] == ["::"] and tokens[at + 1].isidentifier():
                    named.append(tokens[at + 1])
                    at += 2
                module.paths.add(tuple(named))
                at += tokens[at : at + 1] == ["::"]
                module.words.add(token)
            else:
                module.words.add(token)
                at += 1
        module.paths |= {path for local, path in module.handed_on.items() if local in module.words}
        return filed


def attribute(tokens: list[str], at: int) -> int:
    """The place after an attribute; after the item it stands before, where that is for tests alone."""
    start = at + 1 + (tokens[at + 1] == "!")
    if tokens[start : start + 1] != ["["]:
        return at + 1
    end = closing(tokens, start)
    inside = tokens[start + 1 : end - 1]
    if inside[:3] != ["cfg", "(", "test"] and inside[:5] != ["cfg", "(", "all", "(", "test"]:
        return end
    while tokens[end] == "#":
        end = closing(tokens, end + 1)
    while tokens[end] not in (";", "{"):
        if tokens[end] == "use":
            return tokens.index(";", end) + 1
        end = closing(tokens, end) if tokens[end] in CLOSING else end + 1
    return closing(tokens, end) if tokens[end] == "{" else end + 1


def closing(tokens: list[str], at: int) -> int:
    """The place after the bracket that closes the one at `at`."""
    opening, depth = tokens[at], 0
    while at < len(tokens):
        depth += (tokens[at] == opening) - (tokens[at] == CLOSING[opening])
        at += 1
        if not depth:
            break
    return at


def tree(tokens: list[str], before: Names) -> Iterator[tuple[Names, str]]:
    """(path, local name) of each leaf of a `use`; the name of a glob is `*`."""
    path, at = before, 0
    while at < len(tokens):
        token = tokens[at]
        if token == "{":
            part: list[str] = []
            depth = 0
            for inner in tokens[at + 1 : closing(tokens, at) - 1]:
                depth += (inner == "{") - (inner == "}")
                if inner == "," and not depth:
                    yield from tree(part, path)
                    part = []
                else:
                    part.append(inner)
            if part:
                yield from tree(part, path)
            return
        if token == "*":
            yield path, "*"
            return
        if token == "as":
            yield path, tokens[at + 1]
            return
        if token == "self" and path:
            # `a::{self}` is `a`.
            at += 1
            continue
        if token != "::":
            path = (*path, token)
        at += 1
    if path:
        yield path, path[-1]
