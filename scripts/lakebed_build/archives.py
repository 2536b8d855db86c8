"""The files that a build makes: a pure wheel, and the source distribution. Equal sources give equal bytes; files have
the time `SOURCE_DATE_EPOCH`, or that of 1980-01-01."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .project import Project

__all__ = ["write_sdist", "write_wheel"]

PACKAGE: Final = "pyshell"
"""The directory that is on Python's path."""
SOURCES: Final = ("Cargo.toml", "Cargo.lock", "pyproject.toml", "engine", PACKAGE, "scripts/lakebed_build")
"""What a source distribution contains, besides the page and the licences: all that a build reads."""
BUILT: Final = (".so", ".pyd", ".dylib", ".duckdb_extension", ".pyc")
"""What builds and editable installs leave among the sources."""
LEFT_OUT: Final = frozenset(("target", "__pycache__", "fuzz"))
"""Directories that belong to no package; the fuzz targets are a workspace of their own."""
EARLIEST: Final = 315532800  # 1980-01-01, the first time that a zip file can state.


def _epoch() -> int:
    return max(int(os.environ.get("SOURCE_DATE_EPOCH") or EARLIEST), EARLIEST)


def _files(root: Path, place: str) -> Iterator[str]:
    """The sources at or below `place`, as paths below `root`, sorted."""
    path = root / place
    if path.is_file():
        yield place
        return
    for child in sorted(path.iterdir()):
        if child.name in LEFT_OUT or child.name.startswith(".") or child.suffix in BUILT:
            continue
        yield from _files(root, f"{place}/{child.name}")


def write_wheel(project: Project, directory: Path, *, editable: bool) -> str:
    """Writes the pure wheel; returns its file name. An editable one has a path to the sources in the place of
    modules."""
    if editable:
        contents = {f"{project.table['name']}.pth": f"{project.root / PACKAGE}\n".encode()}
    else:
        places = _files(project.root, PACKAGE)
        contents = {place.removeprefix(f"{PACKAGE}/"): (project.root / place).read_bytes() for place in places}
    contents |= {f"{project.dist_info_name}/{name}": data for name, data in project.dist_info().items()}
    record = f"{project.dist_info_name}/RECORD"
    contents[record] = ("".join(map(_recorded, contents.items())) + f"{record},,\n").encode()

    name = f"{project.release}-py3-none-any.whl"
    at = time.gmtime(_epoch())[:6]
    with zipfile.ZipFile(directory / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, data in contents.items():
            entry = zipfile.ZipInfo(member, at)
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return name


def _recorded(member: tuple[str, bytes]) -> str:
    name, data = member
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def write_sdist(project: Project, directory: Path) -> str:
    """Writes the source distribution; returns its file name."""
    name = f"{project.release}.tar.gz"
    epoch = _epoch()
    contents = {"PKG-INFO": project.metadata()}
    for place in (*SOURCES, project.readme, *project.licences):
        contents |= {file: (project.root / file).read_bytes() for file in _files(project.root, place)}
    with (
        (directory / name).open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member, data in contents.items():
            entry = tarfile.TarInfo(f"{project.release}/{member}")
            entry.size, entry.mtime, entry.mode = len(data), epoch, 0o644
            archive.addfile(entry, io.BytesIO(data))
    return name
