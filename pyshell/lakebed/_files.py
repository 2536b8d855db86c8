"""Writing a file whole: it appears under its name only when all of it is written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from lakebed.errors import InvalidArgument

__all__ = ["check_outside_stores", "written_whole"]


def check_outside_stores(target: Path) -> None:
    """Raises `InvalidArgument` for a file inside the directory of a store: all files there are the store's own."""
    place = target.resolve()
    for directory in (place.parent, place.parent.parent):
        if (directory / "FORMAT").is_file() and (directory / "segments").is_dir():
            message = (
                f"{target} would be inside the store {directory}, whose files are all its own; write it elsewhere."
            )
            raise InvalidArgument(message)


@contextlib.contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A path to write to instead of `target`, in the same directory; at the end it replaces `target` in one step.

    After an exception the unfinished file is removed and `target` is what it was. A target that exists and is not a
    regular file (a pipe, a device) cannot be replaced: then the path is `target` itself.

    Raises `OSError` when the file cannot be replaced; `InvalidArgument` for one inside a store.
    """
    check_outside_stores(target)
    if target.exists() and not target.is_file():
        yield target
        return
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        unfinished.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
