"""Results as text: boxes, records, Markdown, CSV and JSON lines. Pure functions over columns and rows of text.

A value is the text DuckDB's cast to VARCHAR gives, or None for NULL. Whatever is cut or left out is said in the footer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring
from typing import NamedTuple

from wcwidth import wcswidth, wcwidth

Row = Sequence[str | None]

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
            "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM", "VARINT")  # fmt: skip
_SHORT_TYPES = {"TIMESTAMP WITH TIME ZONE": "timestamptz", "TIME WITH TIME ZONE": "timetz", '"NULL"': "null"}
_ELLIPSIS = "…"
_NARROWEST = 6
"""Columns are not cut below this, rather left out."""


@dataclass(frozen=True)
class Column:
    """A column of a result."""

    name: str
    type: str = "VARCHAR"

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers: shown on the right, unquoted in JSON."""
        return self.type.partition("(")[0] in _NUMBERS

    @property
    def is_nested(self) -> bool:
        """Whether its values have parts: JSON, structs, lists, maps."""
        return self.type.startswith(("JSON", "STRUCT", "MAP", "UNION", "VARIANT")) or self.type.endswith("]")

    @property
    def shown_type(self) -> str:
        """The type as it stands under the name."""
        return _SHORT_TYPES.get(self.type, self.type).lower()


@dataclass(frozen=True)
class Style:
    """ANSI sequences around parts of a table, or nothing."""

    color: bool = False

    def bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.color else text

    def dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self.color else text


PLAIN = Style()


# --- Cells ----------------------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """The text with everything that would move the cursor, ring or reorder written visibly: `\\n`, `\\x1b`, `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


@lru_cache(maxsize=1024)
def _escape(character: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if named:
        return named
    # Controls, surrogates, line and paragraph separators, and the format characters that reorder text or hide in it.
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (
        unicodedata.category(character) == "Cf" and character not in "\u200d\u200c\u00ad"
    ):
        number = ord(character)
        return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
    return character


_JOINER = "\u200d"


def width(text: str) -> int:
    """How many places escaped text takes on a terminal."""
    if text.isascii():
        return len(text)
    if _JOINER in text:
        # It makes one of two emoji. Between other characters it takes nothing, and takes nothing away.
        text = re.sub(rf"(?<!{_EMOJI}){_JOINER}|{_JOINER}(?!{_EMOJI})", "", text)
    measured = wcswidth(text)
    return measured if measured >= 0 else sum(max(wcwidth(character), 0) for character in text)


_EMOJI = "[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"


def cut(text: str, places: int) -> str:
    """The text, or its beginning and an ellipsis, in at most so many places."""
    if width(text) <= places:
        return text
    if places <= 0:
        return ""
    taken, used = [], 0
    for character in text:
        used += max(wcwidth(character), 0)
        if used > places - 1:
            break
        taken.append(character)
    return "".join(taken).rstrip(_JOINER) + _ELLIPSIS


def _padded(text: str, places: int, *, right: bool = False) -> str:
    fill = " " * max(places - width(text), 0)
    return fill + text if right else text + fill


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: float) -> str:
    """Bytes for people: `812 bytes`, `13.4 MB` (millions)."""
    if number < 1000:
        return f"{number:,.0f} bytes"
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.95 or unit == "TB":
            return f"{number:,.1f} {unit}"
    raise AssertionError  # the loop returns at TB


# --- Boxes ----------------------------------------------------------------------------------------------------------------


class Box(NamedTuple):
    """A table drawn for people, and what it does not show."""

    lines: list[str]
    hidden_columns: int
    has_cut: bool


def fitted(widths: Sequence[int], places: int) -> list[int]:
    """These widths, the widest cut first, so that together they take at most so many places; none below the narrowest."""
    if sum(widths) <= places:
        return list(widths)
    low, high = _NARROWEST, max(widths, default=0)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(one, middle) for one in widths) <= places:
            low = middle
        else:
            high = middle - 1
    cap = low
    cut_down = [min(one, cap) for one in widths]
    # What is left over goes to the columns that were cut, from the left.
    left = places - sum(cut_down)
    for index, one in enumerate(widths):
        if left <= 0:
            break
        if one > cut_down[index]:
            cut_down[index] += 1
            left -= 1
    return cut_down


def _kept(widths: Sequence[int], places: int) -> list[int]:
    """The columns to show when even narrow ones do not all fit: from both ends, the left one first."""
    room = [min(one, _NARROWEST) for one in widths]
    if sum(room) + 3 * len(room) + 1 <= places:
        return list(range(len(widths)))
    left: list[int] = []
    right: list[int] = []
    used = 1 + 4  # the border, and the column of dots
    low, high = 0, len(widths) - 1
    while low <= high:
        from_left = len(left) <= len(right)
        index = low if from_left else high
        if left and used + room[index] + 3 > places:
            break
        used += room[index] + 3
        if from_left:
            left.append(index)
            low += 1
        else:
            right.append(index)
            high -= 1
    return left + right[::-1]


def box(
    columns: Sequence[Column], rows: Sequence[Row], places: int, *, null: str = "NULL", style: Style = PLAIN
) -> Box:
    """A table of at most so many places in width, types under names, numbers on the right."""
    names = [escaped(column.name) for column in columns]
    types = [column.shown_type for column in columns]
    cells = [[null if value is None else escaped(value) for value in row] for row in rows]
    # What a cell beyond the screen holds is not measured.
    natural = [
        max(width(names[index]), min(width(types[index]), 20), *(min(width(line[index]), places) for line in cells), 1)
        for index in range(len(columns))
    ]
    kept = _kept(natural, places)
    hidden = len(columns) - len(kept)
    dots = (
        kept.index(next(index for number, index in enumerate(kept) if index != number))
        if hidden and _gap(kept)
        else len(kept)
    )
    available = places - 1 - 3 * len(kept) - (4 if hidden else 0)
    widths = fitted([natural[index] for index in kept], available)
    has_cut = False

    def line(texts: Sequence[str], right: Sequence[bool], looks: Sequence[int]) -> str:
        nonlocal has_cut
        parts = []
        for place, (text, one, on_right, look) in enumerate(zip(texts, widths, right, looks, strict=True)):
            if hidden and place == dots:
                parts.append(style.dim(_ELLIPSIS))
            short = cut(text, one)
            has_cut = has_cut or (short != text and look != _TYPE)
            padded = _padded(short, one, right=on_right)
            parts.append(
                style.bold(padded) if look == _NAME else style.dim(padded) if look in (_TYPE, _NULL) else padded
            )
        if hidden and dots == len(kept):
            parts.append(style.dim(_ELLIPSIS))
        return "│ " + " │ ".join(parts) + " │"

    bars = [one + 2 for one in widths]
    if hidden:
        bars.insert(dots, 3)
    right = [columns[index].is_number for index in kept]
    lines = ["┌" + "┬".join("─" * bar for bar in bars) + "┐"]
    lines.append(line([names[index] for index in kept], right, [_NAME] * len(kept)))
    lines.append(line([types[index] for index in kept], right, [_TYPE] * len(kept)))
    lines.append("├" + "┼".join("─" * bar for bar in bars) + "┤")
    for row, texts in zip(rows, cells, strict=True):
        lines.append(
            line([texts[index] for index in kept], right, [_NULL if row[index] is None else _CELL for index in kept])
        )
    lines.append("└" + "┴".join("─" * bar for bar in bars) + "┘")
    return Box(lines, hidden, has_cut)


_NAME, _TYPE, _NULL, _CELL = range(4)


def _gap(kept: Sequence[int]) -> bool:
    return any(index != number for number, index in enumerate(kept))


def missing(columns: int, drawn: Box) -> str:
    """What a box does not show of columns and values, in brackets behind their number; nothing where it shows all."""
    told = [f"{columns - drawn.hidden_columns} shown"] if drawn.hidden_columns else []
    if drawn.has_cut:
        told.append("cut to fit")
    return f" ({', '.join(told)})" if told else ""


def footer(shown: int, columns: int, drawn: Box, *, more: bool) -> str:
    """What a box shows and what it does not."""
    rows = f"the first {count(shown, 'row')}; there are more (--rows 0 shows all)" if more else count(shown, "row")
    told = [rows, count(columns, "column") + missing(columns, drawn)]
    if drawn.has_cut or drawn.hidden_columns:
        told.append("--format vertical shows everything")
    return "  " + ", ".join(told)


# --- Records, Markdown, CSV -----------------------------------------------------------------------------------------------


def vertical(
    columns: Sequence[Column], rows: Iterable[Row], *, null: str = "NULL", style: Style = PLAIN
) -> Iterator[str]:
    """Each row as lines of name and value, nothing cut; JSON is laid out, line breaks in values are kept and indented."""
    names = [escaped(column.name) for column in columns]
    room = max((width(name) for name in names), default=0)
    for number, row in enumerate(rows, 1):
        heading = f"── row {number} "
        yield style.dim(heading + "─" * max(room + 12 - len(heading), 3))
        for name, value, column in zip(names, row, columns, strict=True):
            label = style.bold(_padded(name, room, right=True))
            if value is None:
                yield f"{label}  {style.dim(null)}"
                continue
            shown = laid_out(value) if column.is_nested else value
            first, *others = re.split(r"\r?\n", shown)
            yield f"{label}  {escaped(first)}"
            for other in others:
                yield " " * (room + 2) + escaped(other)


def markdown(columns: Sequence[Column], rows: Iterable[Row], *, null: str = "NULL") -> Iterator[str]:
    """A Markdown table, whole values."""

    def cell(text: str) -> str:
        return escaped(text.replace("\\", "\\\\").replace("|", "\\|").replace("\r\n", "\n").replace("\n", "<br>"))

    yield "| " + " | ".join(cell(column.name) for column in columns) + " |"
    yield "|" + "|".join(" ---: " if column.is_number else " --- " for column in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(null if value is None else cell(value) for value in row) + " |"


def csv(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[str]:
    """Comma-separated lines after RFC 4180. NULL is empty, an empty text is `""`."""
    yield ",".join(_csv_cell(column.name) for column in columns)
    for row in rows:
        yield ",".join("" if value is None else _csv_cell(value) for value in row)


def _csv_cell(text: str) -> str:
    if text == "" or text[0] == " " or text[-1] == " " or any(character in text for character in ',"\r\n'):
        doubled = text.replace('"', '""')
        return f'"{doubled}"'
    return text


def laid_out(text: str) -> str:
    """The text of JSON over several lines where it is long. Nothing but white space outside strings changes: numbers keep their digits."""
    if len(text) <= _ON_ONE_LINE or text[:1] not in ("{", "["):
        return text
    lines: list[str] = []
    line: list[str] = []
    depth = 0
    at = 0
    while at < len(text):
        string = _STRING.match(text, at)
        if string:
            line.append(string[0])
            at = string.end()
            continue
        character = text[at]
        at += 1
        if character.isspace():
            continue
        if character in "{[":
            empty = _EMPTY.match(text, at)
            if empty:
                line.append(character + empty[1])
                at = empty.end()
                continue
            depth += 1
        elif character in "}]":
            depth -= 1
            lines.append("".join(line))
            line = ["  " * depth]
        line.append(character)
        if character in "{[,":
            lines.append("".join(line))
            line = ["  " * depth]
        elif character == ":":
            line.append(" ")
    lines.append("".join(line))
    return "\n".join(lines)


_ON_ONE_LINE = 60
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_EMPTY = re.compile(r"\s*([}\]])")

_MAGIC = (
    (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"%PDF", "PDF"), (b"PK\x03\x04", "zip"), (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"), (b"RIFF", "RIFF"), (b"PAR1", "Parquet"), (b"SQLite format 3", "SQLite"), (b"\x7fELF", "ELF"),
    (b"\x37\xa4\x30\xec", "zstd dictionary"),
)  # fmt: skip


def described(length: int, beginning: bytes) -> str:
    """Binary data for people: what it seems to be, how much, and its first bytes: `PNG, 12.3 kB, \\x89PNG\\x0d…`."""
    kind = next((name for magic, name in _MAGIC if beginning.startswith(magic)), None)
    text = _as_text(beginning, is_cut=length > len(beginning)) if kind is None else None
    if text is not None:
        kind = "JSON" if text[:1] in ("{", "[") else "text"
        return f"{kind}, {size(length)}, {text}{_ELLIPSIS if length > len(beginning) else ''}"
    shown = "".join(chr(byte) if 0x20 <= byte <= 0x7E else f"\\x{byte:02x}" for byte in beginning[:8])
    return f"{kind or 'binary'}, {size(length)}, {shown}{_ELLIPSIS if length > 8 else ''}"


def _as_text(data: bytes, *, is_cut: bool) -> str | None:
    """The bytes as text, if that is what they are; the last character may be cut."""
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        if not is_cut or problem.start < len(data) - 3:
            return None
        text = data[: problem.start].decode()
    return None if any(character < " " and character not in "\t\n\r" for character in text) else text


# --- JSON -----------------------------------------------------------------------------------------------------------------


def distinct(names: Iterable[str]) -> list[str]:
    """The names with a number behind those that came before: a JSON object has each key once."""
    names = list(names)
    taken: set[str] = set()
    given = []
    for name in names:
        key, number = name, 0
        while key in taken or (number and key in names):
            number += 1
            key = f"{name}_{number}"
        taken.add(key)
        given.append(key)
    return given


def json_objects(columns: Sequence[Column], rows: Iterable[Row], is_json: Sequence[bool]) -> Iterator[str]:
    """Each row as a JSON object on one line. `is_json` says which values are JSON already; the others become strings."""
    keys = [encode_basestring(name) + ":" for name in distinct(column.name for column in columns)]
    for row in rows:
        parts = []
        for key, value, ready in zip(keys, row, is_json, strict=True):
            if value is None:
                parts.append(key + "null")
            elif ready:
                parts.append(key + _json_text(value))
            else:
                parts.append(key + encode_basestring(value))
        yield "{" + ",".join(parts) + "}"


def json_array(columns: Sequence[Column], rows: Iterable[Row], is_json: Sequence[bool]) -> Iterator[str]:
    """All rows as lines of one JSON array of objects."""
    before = "["
    last = None
    for last in json_objects(columns, rows, is_json):
        if before != "[":
            yield before + ","
        else:
            yield before
        before = " " + last
    if last is None:
        yield "["
    else:
        yield before
    yield "]"


_NOT_JSON_NUMBERS = {"inf": "null", "-inf": "null", "nan": "null", "-nan": "null"}


def _json_text(value: str) -> str:
    if "\n" in value or "\r" in value:
        # Inside JSON, line breaks can only be white space.
        value = value.replace("\r", " ").replace("\n", " ")
    return _NOT_JSON_NUMBERS.get(value, value)
