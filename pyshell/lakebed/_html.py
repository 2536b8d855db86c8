"""HTML for notebooks: tables and progress bars. Every value is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

_NUMBER = ' style="text-align:right;font-variant-numeric:tabular-nums"'
_TEXT = ' style="text-align:left"'


def text(value: object) -> str:
    """A value as text for display."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
        case float():
            return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
        case tuple() | list():
            return "; ".join(str(item) for item in value)
    return str(value)


def _cell(value: object, tag: str = "td") -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"<{tag}{_NUMBER if number else _TEXT}>{escape(text(value))}</{tag}>"


def fields(title: str, values: Mapping[str, object]) -> str:
    """A table of one object, a line for each field."""
    lines = "".join(f"<tr><th{_TEXT}>{escape(name)}</th>{_cell(value)}</tr>" for name, value in values.items())
    return f"<table><caption>{escape(title)}</caption><tbody>{lines}</tbody></table>"


def rows(items: Sequence[Mapping[str, object]]) -> str:
    """A table of several objects of one kind, a line for each."""
    if not items:
        return "<em>none</em>"
    head = "".join(f"<th{_TEXT}>{escape(name)}</th>" for name in items[0])
    body = "".join(f"<tr>{''.join(_cell(value) for value in item.values())}</tr>" for item in items)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _amounts(done: int, total: int | None, rows: int, seconds: float) -> str:
    """The amounts of work done as text: `12.3 of 45.6 MB, 7,890 rows, 24.6 MB/s, 1 s left`.

    `done` and `total` are bytes. Speed and remaining time are left out where they are not known.
    """
    parts = [f"{done / 1e6:,.1f}{f' of {total / 1e6:,.1f}' if total else ''} MB", f"{rows:,} rows"]
    if seconds > 0 and done:
        parts.append(f"{done / 1e6 / seconds:,.1f} MB/s")
        if total and total > done:
            parts.append(f"{(total - done) * seconds / done:,.0f} s left")
    return ", ".join(parts)


def bar(title: str, done: int, total: int | None, rows: int, seconds: float) -> str:
    """A progress bar with bytes, rows, speed and, if the total is known, the remaining time in seconds."""
    position = f' value="{done}" max="{total}"' if total else ""
    return f"{escape(title)} <progress{position}></progress> {_amounts(done, total, rows, seconds)}"
