"""An input that is made from something else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Made"]


@dataclass
class Made:
    """An input that is opened by a function, as often as is needed, with the same bytes each time."""

    name: str
    """The name in rows and messages."""
    open: Callable[[], Any]
    """Opens it: returns a file object with `read1` or `read`."""
    original: str | None = None
    """The path of the file that all of it is made from. What was ingested before is recognised by that file's bytes."""
    opened: list[Any] = field(default_factory=list)

    def __call__(self) -> Any:
        """Opens it, and remembers what is to be closed."""
        file = self.open()
        self.opened.append(file)
        return file

    def close(self) -> None:
        """Closes what was opened."""
        while self.opened:
            file = self.opened.pop()
            if hasattr(file, "close"):
                with contextlib.suppress(OSError, ValueError):
                    file.close()
