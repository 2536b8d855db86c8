"""What the streams of this process are connected to."""

from __future__ import annotations

import codecs
import os
from typing import IO

from lakebed._cli.render import printable, printable_json


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


def shown(text: str, stream: IO[str], *, json: bool = False) -> str:
    """The text as it is written to a stream: on a terminal, control characters other than line breaks and tabs are
    shown as escapes; a pipe or a file gets the text as it is. With `json` the text stays JSON."""
    if not stream.isatty():
        return text
    return printable_json(text) if json else printable(text)


class TerminalWriter:
    """Writes UTF-8 to a terminal, with control characters shown as escapes."""

    def __init__(self, stream: IO[str], *, json: bool) -> None:
        self._stream = stream
        self._shown = printable_json if json else printable
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def write(self, data: bytes) -> int:
        """Writes bytes; an incomplete character waits for its rest."""
        self._stream.write(self._shown(self._decoder.decode(data)))
        return len(data)

    def flush(self) -> None:
        """Writes what the stream has buffered."""
        self._stream.flush()


def discard(stream: IO[str]) -> None:
    """Sends what is still buffered in a stream nowhere, so that the interpreter does not fail on it at exit."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
