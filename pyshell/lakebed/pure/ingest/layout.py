"""How the values of a content are laid out: one a line, in one array, or one after the other."""

from __future__ import annotations

from typing import Literal

from lakebed.pure.json.syntax import INSIDE_STRING, JsonError, first_value
from lakebed.pure.json.values import record

__all__ = ["Layout", "layout"]

Layout = Literal["lines", "array", "concatenated"]

_BLANKS = b" \t\n\x0c\r"


def layout(first: bytes, *, whole: bool) -> Layout | None:
    """The layout of a content that begins with these bytes; None when more of them are needed. `whole` says that there
    are no more, or that no more are wanted.

    Content is taken for lines unless its first line is not a whole value and its first value, or the beginning of it,
    is good JSON. So damage in a file of lines stays one bad line. A first line that is a whole array is a record,
    unless it holds objects and nothing follows it.
    """
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)
    line, end, rest = text.partition(b"\n")
    if not line:
        return "lines" if whole else None
    try:
        value = record(line).value
    except JsonError as error:
        return _of_bad_line(text, line, rest, error, ended=bool(end), whole=whole)
    if type(value) is list:
        if not line[1:].lstrip(_BLANKS).startswith(b"{") or rest.strip(_BLANKS):
            return "lines"
        return "array" if whole else None
    return "lines" if end or whole else None


def _of_bad_line(text: bytes, line: bytes, rest: bytes, error: JsonError, *, ended: bool, whole: bool) -> Layout | None:
    if not ended and not whole and not _ends_a_value(line):
        # It is not known yet, or it is the only one and not complete.
        return None
    if not ended and error.is_at_end(line) and not line.startswith(b"["):
        # Half a line.
        return "lines"
    if error.reason == INSIDE_STRING and ended:
        # No string goes on over the end of a line.
        return "lines"
    if line.startswith(b"[") and not error.is_at_end(line):
        # An array on one line with something wrong in it: of objects that are to be judged one by one, or a bad record.
        inside = line[1:].strip(_BLANKS)
        if not inside.startswith(b"{"):
            return "lines"
        if inside.endswith(b"]"):
            if rest.strip(_BLANKS):
                return "lines"
            return "array" if whole else None
    return _of_values(text, whole=whole)


def _ends_a_value(line: bytes) -> bool:
    """Whether the line holds a whole value, followed by something else."""
    try:
        return first_value(line) < len(line)
    except JsonError:
        return False


def _of_values(text: bytes, *, whole: bool) -> Layout | None:
    """The layout of content whose first line is not a record."""
    if text.startswith(b"["):
        # The elements are judged one by one; here it is enough that the first one may be good.
        inside = text[1:].lstrip(_BLANKS)
        try:
            end = first_value(inside)
        except JsonError as error:
            good = not inside or inside.startswith(b"]") or error.is_at_end(inside)
        else:
            good = inside[end:].lstrip(_BLANKS)[:1] in (b"", b",", b"]")
        return "array" if good else "lines"
    try:
        end = first_value(text)
    except JsonError as error:
        if not error.is_at_end(text):
            return "lines"
        if not whole:
            return None
        return "concatenated" if text.startswith(b"{") else "lines"
    # After a value comes another one, not the rest of a broken line.
    after = text[end:].lstrip(_BLANKS)[:1]
    if not after and not whole:
        return None
    good = after in (b"", b"{", b"[", b'"')
    return "concatenated" if good and text[:1] in (b"{", b"[") else "lines"
