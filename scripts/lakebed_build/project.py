"""The metadata of the package, from pyproject.toml, as maturin writes it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Project"]

_KNOWN = frozenset(
    """name version description readme requires-python license license-files dependencies classifiers scripts""".split()
)


@dataclass(frozen=True)
class Project:
    """The project whose pyproject.toml lies in `root`."""

    root: Path
    table: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        if sys.version_info < (3, 11):  # noqa: UP036  (pip asks for the metadata before it looks at the version)
            raise SystemExit(f"lakebed needs Python 3.11 or newer, and this is {sys.version.split()[0]}.")
        import tomllib

        table = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        unknown = sorted(table.keys() - _KNOWN)
        if unknown:
            raise SystemExit(f"scripts/lakebed_build does not know what is [project] in pyproject.toml: {unknown}.")
        object.__setattr__(self, "table", table)

    @property
    def release(self) -> str:
        """Name and version, as file names begin with them."""
        return f"{self.table['name'].replace('-', '_')}-{self.table['version']}"

    @property
    def dist_info_name(self) -> str:
        """The name of the directory of metadata."""
        return f"{self.release}.dist-info"

    @property
    def readme(self) -> str:
        """The name of the file with the long description."""
        name: str = self.table["readme"]
        return name

    @property
    def licences(self) -> list[str]:
        """The names of the licence files."""
        names: list[str] = self.table["license-files"]
        return names

    def metadata(self) -> bytes:
        """The contents of METADATA and of PKG-INFO."""
        table = self.table
        fields = [("Metadata-Version", "2.4"), ("Name", table["name"]), ("Version", table["version"])]
        fields += [("Classifier", classifier) for classifier in table["classifiers"]]
        fields += [("Requires-Dist", requirement) for requirement in table["dependencies"]]
        fields += [("License-File", name) for name in self.licences]
        fields += [
            ("Summary", table["description"]),
            ("License-Expression", table["license"]),
            ("Requires-Python", table["requires-python"]),
            ("Description-Content-Type", "text/markdown; charset=UTF-8; variant=GFM"),
        ]
        head = "".join(f"{name}: {value}\n" for name, value in fields)
        return head.encode() + b"\n" + (self.root / self.readme).read_bytes() + b"\n"

    def dist_info(self) -> dict[str, bytes]:
        """The files of the directory of metadata of a pure wheel, without RECORD: name -> contents."""
        scripts = "".join(f"{name}={place}\n" for name, place in self.table["scripts"].items())
        wheel = "Wheel-Version: 1.0\nGenerator: lakebed_build\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        return {
            "METADATA": self.metadata(),
            "WHEEL": wheel.encode(),
            "entry_points.txt": f"[console_scripts]\n{scripts}".encode(),
            **{f"licenses/{name}": (self.root / name).read_bytes() for name in self.licences},
        }
