"""Results as charts in text: bars, lines and histograms. Pure.

Which one a result is drawn as follows from its columns: one column of numbers is a histogram; numbers over numbers or
times are lines; numbers beside anything else are bars.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from lakebed._cli.render.cells import count, cut, escaped, padded, width
from lakebed._cli.render.columns import PLAIN, Column, Row, Style

CHARTS = ("bar", "line", "histogram")
_MOST_BARS = 100
_MOST_POINTS = 1_000_000
_MOST_BINS = 24
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_MARKS = "•+xo*#"
"""The points of several lines in one chart."""
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of the dots of a Braille character, by row and column."""


class NoChart(ValueError):
    """A result that cannot be drawn; the message says why."""


def chart(
    columns: Sequence[Column],
    rows: Iterable[Row],
    places: int,
    height: int,
    *,
    kind: str | None = None,
    null: str = "NULL",
    style: Style = PLAIN,
) -> Iterator[str]:
    """The lines of a chart of at most `places` columns of a terminal; one of lines is `height` lines high. `kind` is
    one of `CHARTS`, None for the one that fits the columns.

    Raises `NoChart` when the columns do not fit a chart.
    """
    numbers = [index for index, column in enumerate(columns) if column.is_number]
    if not numbers:
        message = "A chart needs a column of numbers, as in SELECT type, count(*) FROM events GROUP BY ALL"
        raise NoChart(message)
    first = columns[0]
    if kind is None:
        is_ordered = first.is_number or first.type.startswith(("DATE", "TIMESTAMP"))
        kind = "histogram" if len(columns) == 1 else "line" if is_ordered and numbers != [0] else "bar"
    if kind == "histogram":
        return _histogram(columns[numbers[0]], (row[numbers[0]] for row in rows), places, style)
    values = [index for index in numbers if index != 0] or numbers
    if kind == "line":
        return _lines(columns, values, rows, places, height, style)
    return _bars(columns, values, rows, places, null, style)


# --- Bars -----------------------------------------------------------------------------------------------------------


def _bars(
    columns: Sequence[Column], values: Sequence[int], rows: Iterable[Row], places: int, null: str, style: Style
) -> Iterator[str]:
    """A bar for each row; for each of its numbers where it has several."""
    labels = [index for index in range(len(columns)) if index not in values]
    names = len(values) > 1
    drawn: list[tuple[str, float | None, str]] = []
    read = iter(rows)
    for row in islice(read, _MOST_BARS):
        label = " ".join(null if row[index] is None else escaped(row[index] or "") for index in labels)
        for index in values:
            shown = f"{label} {escaped(columns[index].name)}".strip() if names else label
            drawn.append((shown, _number(row[index]), row[index] or null))
    yield from _bar_lines(drawn, places, style)
    left = sum(1 for _ in read)
    if left:
        yield style.dim(f"  the first {_MOST_BARS} rows; {count(left, 'row')} more")


def _bar_lines(drawn: Sequence[tuple[str, float | None, str]], places: int, style: Style) -> Iterator[str]:
    """Lines of a label, a bar and the text of its value."""
    label_width = min(max((width(label) for label, _, _ in drawn), default=0), max(places // 3, 8))
    value_width = max((len(text) for _, _, text in drawn), default=0)
    room = max(places - label_width - value_width - 4, 4)
    known = [value for _, value, _ in drawn if value is not None]
    low, high = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    scale = room / ((high - low) or 1)
    zero = round(-low * scale)
    for label, value, text in drawn:
        bar = "" if value is None else _bar(value * scale, zero)
        yield f"{padded(cut(label, label_width), label_width)} │{padded(bar, room)} {style.dim(text)}".rstrip()


def _bar(length: float, zero: int) -> str:
    """A bar of this length from the place of zero on; a negative one is to its left."""
    if length < 0:
        whole = min(round(-length), zero)
        return " " * (zero - whole) + "█" * whole
    eighths = round(length * 8)
    # What is more than nothing is seen.
    eighths = max(eighths, 1) if length > 0 else eighths
    return " " * zero + "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _histogram(column: Column, values: Iterable[str | None], places: int, style: Style) -> Iterator[str]:
    """A bar for each range of values, as long as there are values in it."""
    numbers = array("d")
    missing = 0
    for text in islice(values, _MOST_POINTS):
        number = _number(text)
        if number is None:
            missing += 1
        else:
            numbers.append(number)
    if numbers:
        low, high = min(numbers), max(numbers)
        whole = all(number == int(number) for number in (low, high)) and high - low < _MOST_BINS
        bins = int(high - low) + 1 if whole else min(_MOST_BINS, max(int(math.log2(len(numbers))) + 1, 1))
        step = 1.0 if whole else (high - low) / bins or 1.0
        counts = [0] * bins
        for number in numbers:
            counts[min(int((number - low) / step), bins - 1)] += 1
        drawn = [
            (
                f"{_shown(low + step * index)}" if whole else f"{_shown(low + step * index)} …",
                float(found),
                f"{found:,}",
            )
            for index, found in enumerate(counts)
        ]
        yield style.bold(escaped(column.name))
        yield from _bar_lines(drawn, places, style)
    yield style.dim(f"  {count(len(numbers), 'value')}" + (f", {count(missing, 'row')} without one" if missing else ""))


# --- Lines ----------------------------------------------------------------------------------------------------------


def _lines(
    columns: Sequence[Column], values: Sequence[int], rows: Iterable[Row], places: int, height: int, style: Style
) -> Iterator[str]:
    """The numbers over the first column."""
    values = values[: len(_MARKS)]
    across = array("d")
    series = [array("d") for _ in values]
    is_time = not columns[0].is_number
    for row in islice(rows, _MOST_POINTS):
        x = _time(row[0]) if is_time else _number(row[0])
        if x is None:
            continue
        across.append(x)
        for found, index in zip(series, values, strict=True):
            y = _number(row[index])
            found.append(math.nan if y is None else y)
    known = [y for found in series for y in found if not math.isnan(y)]
    if not known:
        yield style.dim("  no values")
        return
    low, high = min(known), max(known)
    left, right = min(across), max(across)
    labels = [_shown(high), _shown(low)]
    margin = max(map(len, labels))
    columns_wide, lines_high = max(places - margin - 3, 8), max(height, 4)
    canvas = _canvas(across, series, (left, right, low, high), columns_wide, lines_high)
    for number, line in enumerate(canvas):
        label = labels[0] if number == 0 else labels[1] if number == lines_high - 1 else ""
        yield f"{label:>{margin}} ┤{line.rstrip()}"
    ends = [_time_shown(left), _time_shown(right)] if is_time else [_shown(left), _shown(right)]
    yield " " * (margin + 1) + "└" + "─" * columns_wide
    gap = max(columns_wide - len(ends[0]) - len(ends[1]), 1)
    yield style.dim(" " * (margin + 2) + ends[0] + " " * gap + ends[1])
    names = [escaped(columns[index].name) for index in values]
    marked = [f"{mark} {name}" for mark, name in zip(_MARKS, names, strict=False)] if len(names) > 1 else names
    yield style.dim(f"  {', '.join(marked)} over {escaped(columns[0].name)}, {count(len(across), 'point')}")


def _canvas(
    across: Sequence[float],
    series: Sequence[Sequence[float]],
    ends: tuple[float, float, float, float],
    wide: int,
    high: int,
) -> list[str]:
    """The lines of text with the points: in Braille, whose characters have 2 by 4 dots, or as marks where there are
    several lines."""
    left, right, low, top = ends
    braille = len(series) == 1
    dots_wide, dots_high = (wide * 2, high * 4) if braille else (wide, high)
    cells = [[0] * wide for _ in range(high)]
    marks = [[" "] * wide for _ in range(high)]
    for number, found in enumerate(series):
        before: tuple[int, int] | None = None
        for x, y in sorted(zip(across, found, strict=True)):
            if math.isnan(y):
                before = None
                continue
            place = (
                round((x - left) / ((right - left) or 1) * (dots_wide - 1)),
                round((top - y) / ((top - low) or 1) * (dots_high - 1)),
            )
            for column, row in _between(before, place) if braille else (place,):
                if braille:
                    cells[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
                else:
                    marks[row][column] = _MARKS[number]
            before = place
    if not braille:
        return ["".join(line) for line in marks]
    return ["".join(chr(0x2800 + cell) if cell else " " for cell in line) for line in cells]


def _between(start: tuple[int, int] | None, end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The dots from one to another."""
    if start is None:
        yield end
        return
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(1, steps + 1):
        yield (
            round(start[0] + (end[0] - start[0]) * step / steps),
            round(start[1] + (end[1] - start[1]) * step / steps),
        )


# --- Values ---------------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _number(text: str | None) -> float | None:
    """A number; None for NULL and for what is not finite."""
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _time(text: str | None) -> float | None:
    """The seconds of a date or a time since 1970; None for NULL and for what Python's calendar has not."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _time_shown(seconds: float) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")


def _shown(number: float) -> str:
    """A number in few digits."""
    return f"{number:,.0f}" if number == int(number) and abs(number) < 1e15 else f"{number:,.4g}"
