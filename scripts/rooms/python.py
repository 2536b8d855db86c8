"""Which Python file imports a name of which other file.

Every import counts: at the top of a file, inside a function, and under TYPE_CHECKING. An import that runs late, or only
for the type checker, still ties one file to the other, and a reader follows it the same way. An import of a name that a
package's `__init__.py` hands on leads to the file that defines it. Names that are looked up in strings at run time are
not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Module:
    """One file."""

    name: str
    file: Path
    package: str
    imports: list[tuple[str, str]] = field(default_factory=list)
    """(module, name in it); the name is empty for a plain `import`."""
    hands_on: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Local name -> what was imported under it."""


@dataclass
class Packages:
    """All modules under some roots."""

    modules: dict[str, Module] = field(default_factory=dict)

    def arrows(self) -> Iterator[tuple[Path, Path, str]]:
        """(file, file it needs, the import that says so)."""
        for module in self.modules.values():
            for source, name in module.imports:
                target = self.resolve(source, name)
                if target and target.file != module.file:
                    yield module.file, target.file, f"{source}.{name}" if name else source

    def externals(self) -> Iterator[tuple[Path, str]]:
        """(file, import) for each import that leads out of these modules."""
        for module in self.modules.values():
            for source, name in module.imports:
                if not self.resolve(source, name):
                    yield module.file, f"{source}.{name}" if name else source

    def resolve(self, source: str, name: str, seen: frozenset[str] = frozenset()) -> Module | None:
        """The module that defines the name, or the imported module itself."""
        if name and f"{source}.{name}" in self.modules:
            return self.modules[f"{source}.{name}"]
        found = self.modules.get(source)
        while not found and "." in source and not name:
            source = source.rpartition(".")[0]
            found = self.modules.get(source)
        if found and found.file.name == "__init__.py" and name in found.hands_on and source not in seen:
            return self.resolve(*found.hands_on[name], seen | {source}) or found
        return found


def read(roots: list[tuple[Path, str]]) -> Packages:
    """The files under each root; the second of each pair is the package that the root's directory is, or "" for
    none."""
    packages = Packages()
    for root, prefix in roots:
        for file in sorted(root.rglob("*.py")):
            parts = [*prefix.split(".") * bool(prefix), *file.relative_to(root).with_suffix("").parts]
            package = parts[:-1]
            if parts[-1] == "__init__":
                parts = package
            module = Module(".".join(parts), file, ".".join(package))
            collect(module, ast.parse(file.read_text(), str(file)))
            packages.modules[module.name] = module
    return packages


def collect(module: Module, tree: ast.Module) -> None:
    """Every import of the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            module.imports += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = module.package.split(".")
                above = above[: len(above) - node.level + 1]
                source = ".".join([*above, *source.split(".") * bool(source)])
            for alias in node.names:
                module.imports.append((source, alias.name))
                module.hands_on[alias.asname or alias.name] = (source, alias.name)
