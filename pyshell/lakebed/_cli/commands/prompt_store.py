"""The store that `lakebed prompt` works with: the one of the command line, a new one, or none."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import lakebed
from lakebed.errors import StoreNotFound

if TYPE_CHECKING:
    from lakebed._cli.environment.context import Context
    from lakebed.store import Store


@contextlib.contextmanager
def opened_or_scratch(context: Context, mode: Literal["r", "a"]) -> Iterator[tuple[Store, bool]]:
    """The store, and True; if it does not exist, an empty one that is removed at the end, and False."""
    try:
        store = context.open(mode)
    except StoreNotFound:
        with scratch() as store:
            yield store, False
        return
    with store:
        yield store, True


@contextlib.contextmanager
def scratch() -> Iterator[Store]:
    """An empty store that is removed at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="lakebed-", ignore_cleanup_errors=True) as place,
        lakebed.open(Path(place) / "none.lakebed") as store,
    ):
        yield store
