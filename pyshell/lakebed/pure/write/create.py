"""Making a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from lakebed.pure.context import FORMAT, LOCK, Context, Options, check_finished, now
from lakebed.pure.damage import operating_system
from lakebed.pure.files import Directory, no_directory, no_format, no_store, sync_names
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.format.store_file import NEWEST_FEATURES, StoreFile
from lakebed.pure.write.lock import WriterLock
from lakebed.pure.write.manifests import write_manifest
from lakebed.pure.write.recovery import RESERVE, make_reserve

__all__ = ["create_store", "write_store_file"]

_OURS: Final = {FORMAT, LOCK, RESERVE, "manifests", "segments", "index", "aside"}


def create_store(path: str, options: Options) -> None:
    """Make a store at a path where there is none; nothing if there is one.

    Raises `NotAStore` when something else is there, `StoreLocked`, `StoreFull`, `StoreIOError`.
    """
    place = Path(path)
    with operating_system(f"Making the store {place.absolute()}"):
        if place.is_symlink() and not place.exists():
            raise no_store(path)
        if place.exists() and not place.is_dir():
            raise no_directory(path)
        above = [one for one in place.absolute().parents if not one.exists()]
        place.mkdir(parents=True, exist_ok=True)
        directory = Directory(path)
        try:
            if directory.stat(FORMAT) is not None:
                return
            check_finished(directory)
            others = [name for name in directory.names(".") if name not in _OURS and not _is_temporary(name)]
            if others:
                raise no_format(directory.path)
            _fill(directory, options)
            # The store's directory and those made above it lie in directories that nothing else syncs.
            for made in (place.absolute(), *above):
                sync_names(made.parent)
        finally:
            directory.close()


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")


def write_store_file(directory: Directory, store_file: StoreFile) -> None:
    """Write FORMAT, which makes a directory a store. Raises `OSError`."""
    directory.write(FORMAT, store_file.encode(), ".FORMAT.tmp")


def _fill(directory: Directory, options: Options) -> None:
    """Directories, the first manifest, `reserve`, and at the end FORMAT, which makes it a store. Raises `OSError`."""
    store_file = StoreFile(os.urandom(16), NEWEST_FEATURES, 0, now())
    context = Context(directory, options, store_file)
    lock = WriterLock(context)
    try:
        if directory.stat(FORMAT) is not None:
            # Another process made it while this one waited.
            return
        for name in ("manifests", "segments", "index"):
            directory.make(name)
        for name in directory.names("manifests"):
            # Of an attempt that did not come to its FORMAT.
            directory.unlink(f"manifests/{name}")
        write_manifest(context, 1, Manifest())
        make_reserve(context)
        lock.synced(0)
        directory.sync()
        write_store_file(directory, store_file)
    finally:
        lock.close()
