"""What the streams of this process are connected to."""

from __future__ import annotations

import os
from typing import IO


def wants_color(setting: str, stream: IO[str]) -> bool:
    """Whether to color the output to this stream.

    `setting` is `always`, `never` or `auto`. `auto` follows `NO_COLOR` and `FORCE_COLOR`, else whether the stream is a
    terminal with colors.
    """
    if setting != "auto":
        return setting == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def discard(stream: IO[str]) -> None:
    """Sends what is still buffered in a stream nowhere, so that the interpreter does not fail on it at exit."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
