"""Members of zip and tar archives as inputs. Each is called `ARCHIVE/MEMBER`."""

from __future__ import annotations

import io
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from lakebed._inputs import names, tables
from lakebed._inputs.made import Made
from lakebed._inputs.unpack import unpacked
from lakebed.errors import BadRecord

__all__ = ["is_tar", "of_tar", "of_zip"]

_M = TypeVar("_M", zipfile.ZipInfo, tarfile.TarInfo)
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError)


def is_tar(begin: bytes) -> bool:
    """Whether a file with this beginning, of 512 bytes, is a tar archive."""
    return begin[257:262] == b"ustar"


def of_zip(path: str, name: str) -> Iterator[Made]:
    """The members of a zip archive that hold records."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except _DAMAGE as problem:
        raise _damaged(name, problem) from problem
    for member in _wanted(members, [member.filename for member in members]):
        if member.flag_bits & 1:
            message = f"{name}/{member.filename} is encrypted: unpack the archive first."
            raise BadRecord(message)

        def opened(member: zipfile.ZipInfo = member) -> Any:
            return _Member(f"{name}/{member.filename}", *_open_zip(path, member))

        yield from _of_member(f"{name}/{member.filename}", opened)


def _open_zip(path: str, member: zipfile.ZipInfo) -> tuple[IO[bytes], Any]:
    archive = zipfile.ZipFile(path)
    return archive.open(member), archive


def of_tar(path: str, name: str) -> Iterator[Made]:
    """The members of a tar archive, compressed or not, that hold records."""
    try:
        # It stays open: members that are read in order need one pass.
        archive = tarfile.open(path)  # noqa: SIM115
        members = [member for member in archive.getmembers() if member.isfile()]
    except (*_DAMAGE, OSError) as problem:
        raise _damaged(name, problem) from problem
    with archive:
        for member in _wanted(members, [member.name for member in members]):

            def opened(member: tarfile.TarInfo = member) -> Any:
                file = archive.extractfile(member)
                if file is None:
                    raise _damaged(name, tarfile.TarError(f"{member.name} has no content"))
                return _Member(f"{name}/{member.name}", file, None)

            yield from _of_member(f"{name}/{member.name}", opened)


def _wanted(members: Sequence[_M], called: Sequence[str]) -> list[_M]:
    """The members whose suffix says that they hold records; all where none does. Hidden files are left out."""
    visible = [
        (member, name)
        for member, name in zip(members, called, strict=True)
        if not any(part.startswith((".", "__MACOSX")) and part != "." for part in name.split("/"))
    ]
    known = [member for member, name in visible if names.is_known(name)]
    return known or [member for member, _ in visible]


def _of_member(name: str, opened: Any) -> Iterator[Made]:
    if names.suffixes(name)[0] not in names.TABLES:
        yield Made(name, lambda: unpacked(io.BufferedReader(opened()), name))
        return
    # Tables are read from a file of their own. It is another one each time, so what was ingested is known by its rows.
    with tempfile.TemporaryDirectory(prefix="lakebed-") as directory:
        place = Path(directory) / Path(name).name
        with opened() as file, place.open("wb") as out:
            shutil.copyfileobj(file, out)
        with place.open("rb") as copy:
            table = tables.opener(str(place), name, copy.read(8))
        yield Made(name, table or (lambda: place.open("rb")))


class _Member(io.RawIOBase):
    """A member of an archive, with errors that name it."""

    def __init__(self, name: str, file: IO[bytes], archive: Any) -> None:
        super().__init__()
        self.name = name
        self._file = file
        self._archive = archive

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads into the buffer; how many bytes."""
        try:
            data = self._file.read(len(buffer))
        except (*_DAMAGE, RuntimeError) as problem:
            raise _damaged(self.name, problem) from problem
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Closes the member, and the archive if it was opened for it."""
        if not self.closed:
            self._file.close()
            if self._archive is not None:
                self._archive.close()
        super().close()


def _damaged(name: str, problem: BaseException) -> BadRecord:
    return BadRecord(f"{name} cannot be unpacked: {problem}; copy or fetch the archive again.")
