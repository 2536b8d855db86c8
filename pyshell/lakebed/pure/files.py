"""The files of a store: looked up in its open directory, whatever happens to the path."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lakebed.errors import NotAStore, StoreNotFound
from lakebed.pure.damage import io_error, operating_system
from lakebed.pure.format.coding import Malformed

__all__ = [
    "OLD_RUN_SUFFIXES", "RUN_SUFFIX", "Directory", "SegmentFile", "no_directory", "no_format", "no_store", "part_of",
    "sync_names", "write_all",
]  # fmt: skip

RUN_SUFFIX: Final = ".segs"
"""How the names of store-wide runs end."""
OLD_RUN_SUFFIXES: Final = (".run", ".idx")
"""How the names of runs of older forms end, which nobody reads any more."""


def no_store(path: str) -> StoreNotFound:
    """The error for a path where there is nothing."""
    if Path(path).is_symlink():
        return StoreNotFound(
            f"{path} is a symbolic link to {Path(path).readlink()}, which does not exist; make that directory, or correct the link."
        )
    return StoreNotFound(
        f"There is no store at {Path(path).absolute()}; check the path, or ingest a file into it to make one."
    )


def no_format(path: str) -> NotAStore:
    """The error for a directory of something else."""
    return NotAStore(f"{path} is a directory but not a lakebed store: it has no file FORMAT.")


def no_directory(path: str) -> NotAStore:
    """The error for a file in the place of a store."""
    return NotAStore(f"{Path(path).absolute()} is a file and not a lakebed store, which is a directory.")


class Directory:
    """A store's directory, held open. Names are relative to it."""

    def __init__(self, path: str) -> None:
        """Raises `StoreNotFound`, `NotAStore`, `StoreIOError`."""
        self.descriptor = -1
        self.path = str(Path(path).absolute())
        try:
            self.descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise no_store(path) from None
        except NotADirectoryError:
            raise no_directory(path) from None
        except (OSError, ValueError) as problem:
            # The latter for a character that no path has.
            raise io_error(problem, f"Opening the store {self.path}") from None

    def close(self) -> None:
        """Let the directory go. A second call does nothing."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def shown(self, name: str) -> str:
        """A name as messages show it."""
        return str(Path(self.path, name))

    def open(self, name: str, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
        """A descriptor of a file. Raises `OSError`."""
        return os.open(name, flags | os.O_CLOEXEC, mode, dir_fd=self.descriptor)

    def stat(self, name: str) -> os.stat_result | None:
        """The status of a file; None when it is not there. Raises `OSError`."""
        try:
            return os.stat(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes:
        """The whole file. Raises `OSError`."""
        with open(self.open(name), "rb") as file:  # noqa: PTH123  (relative to the directory)
            return file.read()

    def stored(self, name: str) -> bytes:
        """The file without the zeros at its end that take no room. Raises `OSError`."""
        descriptor = self.open(name)
        try:
            return read_all(descriptor, data_end(descriptor), 0)
        finally:
            os.close(descriptor)

    def names(self, name: str) -> list[str]:
        """The names in a subdirectory, sorted; none when it is not there. Raises `OSError`."""
        try:
            descriptor = self.open(name, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return []
        try:
            return sorted(os.listdir(descriptor))  # noqa: PTH208  (a descriptor)
        finally:
            os.close(descriptor)

    def sizes(self, name: str) -> dict[str, int]:
        """The sizes of the files in a subdirectory by name. Raises `OSError`."""
        found = {}
        for entry in self.names(name):
            status = self.stat(f"{name}/{entry}")
            if status is not None and stat.S_ISREG(status.st_mode):
                found[entry] = status.st_size
        return found

    def make(self, name: str) -> None:
        """Make a subdirectory, unless it is there. Raises `OSError`."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=self.descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file, if it is there. Raises `OSError`."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def rename(self, name: str, target: str) -> None:
        """Give a file another name. Raises `OSError`."""
        os.rename(name, target, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def sync(self, name: str = ".", *, is_file: bool = False) -> None:
        """Make the names in a subdirectory durable, or the bytes of a file. Raises `OSError`."""
        descriptor = self.open(name, os.O_RDONLY if is_file else os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def write(self, name: str, data: bytes, temporary: str) -> None:
        """Write a file whole: under a temporary name, synced, renamed, the name made durable. Raises `OSError`."""
        descriptor = self.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_all(descriptor, data, 0)
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                self.unlink(temporary)
            raise
        os.close(descriptor)
        self.rename(temporary, name)
        self.sync(os.path.dirname(name) or ".")  # noqa: PTH120

    def leads_here(self) -> bool:
        """Whether the path still leads to this directory."""
        try:
            there = Path(self.path).stat()
        except OSError:
            return False
        here = os.fstat(self.descriptor)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def sync_names(place: Path) -> None:
    """Make the names in a directory durable. Raises `OSError`."""
    directory = Directory(str(place))
    directory.sync()
    directory.close()


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of the bytes at an offset. Raises `OSError`."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        if written == 0:
            raise OSError(28, "a write wrote nothing")
        offset += written
        view = view[written:]


def read_all(descriptor: int, length: int, offset: int) -> bytes:
    """The bytes at an offset, as many as there are up to `length`. Raises `OSError`."""
    data = os.pread(descriptor, length, offset)
    while len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def data_end(descriptor: int) -> int:
    """Offset behind which a file has only zeros that take no room. Raises `OSError`."""
    end, length = 0, os.fstat(descriptor).st_size
    while end < length:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as problem:
            # There is no data behind, or the file system does not know.
            return end if problem.errno == errno.ENXIO else length
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
    return end


class SegmentFile:
    """The bytes of a segment: mapped when it is sealed, and read with calls while it may still grow or be cut."""

    def __init__(
        self,
        directory: Directory,
        number: int,
        part: int | None = None,
        *,
        mapped: bool,
        length: int | None = None,
        name: str | None = None,
    ) -> None:
        """`part`: the collection of the part that is meant, instead of the segment itself. `length`: bytes that the
        file must have; what is behind them does not count. `name`: another place than that of a segment or part. Raises
        `OSError`, `Malformed`."""
        self.number = number
        self.name = name or (segment_name(number) if part is None else part_name(number, part))
        self.descriptor = directory.open(self.name)
        self._map: mmap.mmap | None = None
        self._view: memoryview | None = None
        try:
            status = os.fstat(self.descriptor)
            self.length = status.st_size
            self.identity = (status.st_dev, status.st_ino)
            if length is not None:
                if self.length < length:
                    raise Malformed(f"the file has {self.length} bytes instead of {length}")
                self.length = length
            if mapped and self.length:
                self._map = mmap.mmap(self.descriptor, self.length, access=mmap.ACCESS_READ)
                self._view = memoryview(self._map)
        finally:
            if mapped:
                self.close()

    def close(self) -> None:
        """Let the descriptor go; what is mapped stays as long as somebody holds a part of it."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            self.close()

    @property
    def mapped(self) -> bool:
        return self._view is not None

    def read(self, offset: int, length: int) -> memoryview:
        """The bytes there, as many as there are up to `length`. Raises `StoreIOError`."""
        if self._view is not None:
            return self._view[offset : offset + length]
        with operating_system(f"Reading {self.name}"):
            length = max(min(length, self.length - offset), 0)
            return memoryview(read_all(self.descriptor, length, offset))

    def exactly(self, offset: int, length: int) -> memoryview:
        """The bytes there. Raises `Malformed` when there are fewer, `StoreIOError`."""
        data = self.read(offset, length)
        if len(data) != length:
            raise Malformed(f"the file ends before offset {offset + length}")
        return data

    def data_end(self) -> int:
        """Offset behind which the file, which is not mapped, has only zeros that take no room. Raises
        `StoreIOError`."""
        with operating_system(f"Reading {self.name}"):
            return min(data_end(self.descriptor), self.length)


def segment_name(number: int) -> str:
    """The name of a segment's file."""
    return f"segments/{number:012}.seg"


def part_name(number: int, collection: int) -> str:
    """The name of a part of a segment."""
    return f"segments/{number:012}-{collection}.parquet"


def part_of(name: str) -> tuple[int, int] | None:
    """The segment and the collection of the part with that name in `segments`; None for another name."""
    number, _, collection = name.removesuffix(".parquet").partition("-")
    if not (number + collection).isdecimal() or f"segments/{name}" != part_name(int(number), int(collection or 0)):
        return None
    return int(number), int(collection)


def manifest_name(number: int) -> str:
    """The name of a manifest."""
    return f"manifests/{number:020}"


def run_name(number: int) -> str:
    """The name of a store-wide run."""
    return f"index/{number:012}{RUN_SUFFIX}"


def numbered(names: Iterator[str] | list[str], digits: int, suffix: str) -> list[int]:
    """The numbers that names of this form have, ascending."""
    found = []
    for name in names:
        stem = name.removesuffix(suffix) if suffix else name
        if name.endswith(suffix) and stem.isascii() and stem.isdigit() and f"{int(stem):0{digits}}" == stem:
            found.append(int(stem))
    return sorted(found)
