"""Quarantine: bad lines as rows of a collection of their own, `NAME_quarantine`.

Each is an object with `file`, `line`, `column`, `reason`, `size` (bytes of the line without its end), and then `text`,
the exact line, if it is UTF-8 and a record can hold it, or else `blob`, the hash under which its bytes are stored and
pinned. Of a line longer than the limit only the first 64 KiB are kept, and `cut` says so.
"""

from __future__ import annotations

import re

from lakebed.pure.hash import digest
from lakebed.pure.ingest.lines import BadLine
from lakebed.pure.json.syntax import MAX_LENGTH

__all__ = ["name_for", "row"]

_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def name_for(collection: str) -> str:
    """The name of the quarantine collection of a collection."""
    return f"{collection}_quarantine"


def row(bad: BadLine, file: str, line_number: int) -> tuple[bytes, bool]:
    """The row for a bad line, and whether the bytes of the line have to be stored as a blob beside it."""
    begin = f'{{"file":{_string(file)},"line":{line_number},"column":{bad.column},"reason":{_string(bad.reason)},"size":{bad.length}'
    text: str | None
    try:
        text = _string(bad.text.decode())
    except UnicodeDecodeError:
        text = None
    if text is not None and len(text.encode()) > MAX_LENGTH - len(begin.encode()) - 64:
        text = None
    kept = f',"text":{text}' if text is not None else f',"blob":"{digest(bad.text).hex()}"'
    cut = ',"cut":true' if bad.length > len(bad.text) else ""
    return f"{begin}{kept}{cut}}}".encode(), text is None


def _string(text: str) -> str:
    """A JSON string whose value is exactly `text`."""
    escaped = _ESCAPED.sub(lambda found: f"\\{found[0]}" if found[0] in '"\\' else f"\\u{ord(found[0]):04x}", text)
    return f'"{escaped}"'
