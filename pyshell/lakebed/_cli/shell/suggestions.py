"""What completion suggests, and the suggestions that several places share: names with a prefix, and files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lakebed._cli.language.words import quote


class Suggestion(NamedTuple):
    """A text to put in place of the text from `start` to the cursor."""

    text: str
    start: int
    kind: str
    """What it is, in a word, or the type of a column: shown beside it."""


def with_prefix(names: Iterable[str], typed: str, start: int, kind: str) -> Iterator[Suggestion]:
    """The names that begin with what is typed, whatever the case."""
    prefix = typed.lower()
    for name in names:
        if name.lower().startswith(prefix):
            yield Suggestion(name, start, kind)


def match_rank(name: str, typed: str) -> float | None:
    """How well a name matches what is typed: 0 where it begins with it, 1 where a word of it does, from 2 on where its
    letters occur in it in order, the first at its beginning, the closer together the better; None where it does not
    match."""
    name, typed = name.lower(), typed.lower()
    if name.startswith(typed):
        return 0
    if re.search(rf"(?:^|[^a-z0-9]){re.escape(typed)}", name):
        return 1
    if len(typed) < 2 or name[:1] != typed[0]:
        return None
    at = -1
    for letter in typed:
        at = name.find(letter, at + 1)
        if at < 0:
            return None
    return 2 + at / 1000


def files(typed: str, start: int) -> Iterator[Suggestion]:
    """The files whose path begins with what is typed, each as one word."""
    directory, prefix = os.path.split(typed)
    try:
        with os.scandir(os.path.expanduser(directory) or ".") as entries:  # noqa: PTH111
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return
    for name, is_directory in found:
        if name.startswith(prefix) and (prefix.startswith(".") or not name.startswith(".")):
            path = os.path.join(directory, name) + ("/" if is_directory else "")  # noqa: PTH118
            yield Suggestion(quote(path), start, "directory" if is_directory else "file")
