"""Rows of Arrow tables as JSON objects: what `append` stores of a table."""

from __future__ import annotations

import base64
import json.encoder
import math
import struct
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from lakebed.errors import BadRecord
from lakebed.pure.arrow import times
from lakebed.pure.arrow.reading import Column, Type, batches
from lakebed.pure.json.syntax import JsonError
from lakebed.pure.json.values import record

__all__ = ["json_lines", "table_records"]

_quoted: Callable[[str], str] = json.encoder.encode_basestring
_UNITS = {"s": 1, "m": 1_000, "u": 1_000_000, "n": 1_000_000_000}
_INTEGERS = {"c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "l": "q", "L": "Q"}
_EXTENSION = "ARROW:extension:name"


class _Unwritable(Exception):
    """Why a value has no JSON form: the rest of a sentence that begins with the column."""


def table_records(table: Any, places: list[list[int]]) -> Iterator[bytes]:
    """A JSON object for each row of a table with `__arrow_c_stream__`; `places` are those of text that is JSON: the
    position of a column, then of a field of a struct or a member of a union; 0 is the item of a list, 0 and 1 the key
    and the value of a map.

    Raises `BadRecord` for a value without a JSON form.
    """
    for texts in _objects(table, places):
        for text in texts:
            yield text.encode()


def json_lines(table: Any, json: list[list[int]], /) -> JsonLines:
    """A file object to read from: one JSON object a line for each row of a table, as `append` stores it."""
    return JsonLines(_objects(table, json))


class JsonLines:
    """Objects as the lines of a file."""

    def __init__(self, batches: Iterator[list[str]]) -> None:
        self._batches = batches

    def read1(self, size: int = -1, /) -> bytes:
        """The lines of the next rows; empty at the end. `size` is not kept to. Raises `BadRecord`."""
        del size
        for texts in self._batches:
            if texts:
                return "\n".join([*texts, ""]).encode()
        return b""


def _objects(table: Any, places: list[list[int]]) -> Iterator[list[str]]:
    """The rows of each batch."""
    types, found = batches(table)
    _check_unique(
        types,
        lambda name: f"Two columns are named {_shown(name)}, and a JSON object has each key once; rename one of them.",
    )
    writers = [_of_column(one.name, lambda one=one: _writer(one)) for one in types]  # type: ignore[misc]
    for path in places:
        if path and path[0] < len(writers):
            writers[path[0]].set_json(path[1:])
    keys = [f"{_quoted(one.name)}:" for one in types]
    for columns in found:
        texts = [
            _of_column(one.name, lambda writer=writer, column=column: writer.texts(column))  # type: ignore[misc]
            for one, writer, column in zip(types, writers, columns, strict=False)
        ]
        if not types:
            yield ["{}"] * columns[0].length
            continue
        pairs = ([f"{key}{text}" for text in column] for key, column in zip(keys, texts, strict=True))
        yield [f"{{{','.join(row)}}}" for row in zip(*pairs, strict=True)]


def _of_column(name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (_Unwritable, times.Beyond) as why:
        raise BadRecord(f"Column {_shown(name)} {why}") from None


def _shown(name: str) -> str:
    return '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))


def _check_unique(types: Sequence[Type], message: Callable[[str], str]) -> None:
    names = sorted(one.name for one in types)
    for one, other in pairwise(names):
        if one == other:
            raise BadRecord(message(one))


class _Writer:
    """Writes the values of columns of one type as JSON."""

    def __init__(self, children: Sequence[_Writer] = ()) -> None:
        self.children = children
        self.is_json = False
        """Whether text is JSON."""

    def set_json(self, path: Sequence[int]) -> None:
        """Says that the text at a path of positions from here is JSON."""
        if not path:
            self.is_json = True
        elif path[0] < len(self.children):
            self.children[path[0]].set_json(path[1:])

    def texts(self, column: Column) -> list[str]:
        """The text of each value, NULL included."""
        texts = self.values(column)
        valid = column.validity()
        if all(valid):
            return [self.checked(text) for text in texts]
        return [self.checked(text) if is_valid else "null" for text, is_valid in zip(texts, valid, strict=True)]

    def values(self, column: Column) -> list[Any]:
        """Something for each value, for NULLs whatever it may be."""
        raise NotImplementedError

    def checked(self, value: Any) -> str:
        """The text of a value that is not NULL. Raises `_Unwritable`."""
        return str(value)


class _Simple(_Writer):
    """A type whose values are read by one function and written by another."""

    def __init__(self, read: Callable[[Column], list[Any]], write: Callable[[Any], str]) -> None:
        super().__init__()
        self._read = read
        self._write = write

    def values(self, column: Column) -> list[Any]:
        return self._read(column)

    def checked(self, value: Any) -> str:
        return self._write(value)


class _Text(_Writer):
    """Strings; JSON where that is said."""

    def __init__(self, read: Callable[[Column], list[bytes]]) -> None:
        super().__init__()
        self._read = read

    def values(self, column: Column) -> list[Any]:
        return self._read(column)

    def checked(self, value: bytes) -> str:
        if not self.is_json:
            return _quoted(value.decode())
        try:
            record(value)
        except JsonError as error:
            raise _Unwritable(f"holds text that is not JSON ({error}); CAST it AS VARCHAR.") from None
        # A line break in it is white space.
        return value.decode().replace("\n", " ").replace("\r", " ")


class _List(_Writer):
    """Lists of every kind: `spans` gives the item column, and the beginning and end of each list in it."""

    def __init__(self, item: _Writer, spans: Callable[[Column], tuple[Column, list[tuple[int, int]]]]) -> None:
        super().__init__([item])
        self._spans = spans

    def values(self, column: Column) -> list[Any]:
        items, spans = self._spans(column)
        texts = self.children[0].texts(items)
        return [f"[{','.join(texts[begin:end])}]" for begin, end in spans]


class _Struct(_Writer):
    def __init__(self, type: Type) -> None:
        super().__init__([_writer(one) for one in type.children])
        self._keys = [f"{_quoted(one.name)}:" for one in type.children]

    def values(self, column: Column) -> list[Any]:
        if not self._keys:
            return ["{}"] * column.length
        parts = [
            [f"{key}{text}" for text in child.texts(column.part_of_child(place))]
            for place, (key, child) in enumerate(zip(self._keys, self.children, strict=True))
        ]
        return [f"{{{','.join(row)}}}" for row in zip(*parts, strict=True)]


class _Map(_Writer):
    def __init__(self, type: Type) -> None:
        entries = type.children[0]
        super().__init__([_writer(one) for one in entries.children])

    def values(self, column: Column) -> list[Any]:
        entries, spans = _spans(column, "i")
        keys, values = (child.texts(entries.part_of_child(place)) for place, child in enumerate(self.children))
        pairs = [
            f"{key if key.startswith(chr(34)) else _quoted(key)}:{value}"
            for key, value in zip(keys, values, strict=True)
        ]
        return [f"{{{','.join(pairs[begin:end])}}}" for begin, end in spans]


class _Dictionary(_Writer):
    """Values by their index."""

    def __init__(self, values: _Writer, code: str) -> None:
        super().__init__(values.children)
        self._values = values
        self._code = code

    def set_json(self, path: Sequence[int]) -> None:
        self._values.set_json(path)

    def values(self, column: Column) -> list[Any]:
        texts = self._values.texts(column.dictionary)
        return [texts[place] if place < len(texts) else "null" for place in column.numbers(1, self._code)]


class _RunEnds(_Writer):
    """Values that stand for several rows each."""

    def __init__(self, type: Type) -> None:
        super().__init__([_writer(type.children[1])])

    def texts(self, column: Column) -> list[str]:
        ends = column.child(0)
        texts = self.children[0].texts(column.child(1))
        found: list[str] = []
        for end, text in zip(ends.numbers(1, _INTEGERS[ends.type.format]), texts, strict=False):
            found += [text] * (end - len(found))
        return found[column.offset : column.offset + column.length]


class _Union(_Writer):
    def __init__(self, type: Type) -> None:
        super().__init__([_writer(one) for one in type.children])
        kind, _, ids = type.format.partition(":")
        self._is_dense = kind == "+ud"
        self._places = {int(id): place for place, id in enumerate(ids.split(",")) if id}

    def texts(self, column: Column) -> list[str]:
        members = [
            child.texts(column.child(place) if self._is_dense else column.part_of_child(place))
            for place, child in enumerate(self.children)
        ]
        ids = column.numbers(0, "b")
        offsets = column.numbers(1, "i") if self._is_dense else range(column.length)
        return [members[self._places[id]][offset] for id, offset in zip(ids, offsets, strict=True)]


class _Null(_Writer):
    def texts(self, column: Column) -> list[str]:
        return ["null"] * column.length


def _spans(column: Column, code: str) -> tuple[Column, list[tuple[int, int]]]:
    """The items of lists with offsets, those of this part alone, and where each list is among them."""
    offsets = column.numbers(1, code, 1) if column.length else [0]
    base = offsets[0]
    spans = [(one - base, other - base) for one, other in pairwise(offsets)]
    return column.child(0, base, offsets[-1] - base), spans


def _view_spans(column: Column, code: str) -> tuple[Column, list[tuple[int, int]]]:
    offsets, sizes = column.numbers(1, code), column.numbers(2, code)
    return column.child(0), [(offset, offset + size) for offset, size in zip(offsets, sizes, strict=True)]


def _fixed_spans(size: int) -> Callable[[Column], tuple[Column, list[tuple[int, int]]]]:
    def spans(column: Column) -> tuple[Column, list[tuple[int, int]]]:
        items = column.child(0, column.offset * size, column.length * size)
        return items, [(place * size, (place + 1) * size) for place in range(column.length)]

    return spans


# --- From types to writers ---


def _writer(type: Type) -> _Writer:
    """The writer of a type. Raises `_Unwritable` for one without a JSON form."""
    if type.dictionary is not None:
        return _Dictionary(_writer(type.dictionary), _INTEGERS[type.format])
    extension = type.metadata.get(_EXTENSION, "")
    known = _of_extension(type, extension)
    if known is not None:
        return known
    form = type.format
    plain = _PLAIN.get(form)
    if plain is not None:
        made = plain()
        made.is_json = extension == "arrow.json"
        return made
    begin, _, rest = form.partition(":")
    if begin == "d":
        return _decimal(rest)
    if begin == "w":
        width = int(rest)
        return _Simple(lambda column: _fixed(column, width), _base64)
    if form.startswith("t"):
        return _time(form)
    if begin in ("+ud", "+us"):
        return _Union(type)
    if begin == "+w":
        return _List(_writer(type.children[0]), _fixed_spans(int(rest)))
    if form in _LISTS:
        spans, code = _LISTS[form]
        return _List(_writer(type.children[0]), lambda column: spans(column, code))
    if form == "+s":
        _check_unique(
            type.children,
            lambda name: (
                f"Column {_shown(type.name)} has two fields named {_shown(name)}, and a JSON object has each key once; rename one of them."
            ),
        )
        return _Struct(type)
    if form == "+m":
        return _Map(type)
    if form == "+r":
        return _RunEnds(type)
    raise _unknown(form)


def _unknown(name: str) -> _Unwritable:
    return _Unwritable(f"has the type {name}, which has no JSON form; CAST it AS VARCHAR first.")


def _of_extension(type: Type, extension: str) -> _Writer | None:
    """The writer of an extension type whose storage does not say how it is written."""
    if extension == "arrow.uuid" and type.format == "w:16":
        return _Simple(lambda column: _fixed(column, 16), lambda data: f'"{uuid.UUID(bytes=data)}"')
    if extension == "arrow.bool8" and type.format == "c":
        return _Simple(lambda column: column.numbers(1, "b"), lambda value: _boolean(value != 0))
    if extension == "arrow.parquet.variant":
        raise _unknown("VARIANT")
    if extension == "arrow.opaque":
        _, _, rest = type.metadata.get("ARROW:extension:metadata", "").partition('"type_name"')
        parts = rest.split('"')
        name = parts[1] if len(parts) > 1 else "opaque"
        if name not in ("hugeint", "uhugeint"):
            raise _unknown(name.upper())
        signed = name == "hugeint"
        return _Simple(
            lambda column: _fixed(column, 16), lambda data: str(int.from_bytes(data, "little", signed=signed))
        )
    return None


def _fixed(column: Column, width: int) -> list[bytes]:
    data = column.data(1, width)
    return [data[at * width : (at + 1) * width] for at in range(column.length)]


def _base64(data: bytes) -> str:
    return f'"{base64.b64encode(data).decode()}"'


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _decimal(rest: str) -> _Writer:
    _, scale, *bits = map(int, rest.split(","))
    width = (bits[0] if bits else 128) // 8

    def write(value: int) -> str:
        if scale <= 0:
            return str(value * 10**-scale)
        digits = str(abs(value)).rjust(scale + 1, "0")
        return f"{'-' if value < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"

    return _Simple(lambda column: column.wide(1, width), write)


def _time(form: str) -> _Writer:
    """Dates, times, timestamps, durations and intervals."""
    kind, zone = form[:3], form[4:]

    def simple(code: str, write: Callable[[Any], str]) -> _Writer:
        return _Simple(lambda column: column.numbers(1, code), lambda value: f'"{write(value)}"')

    if kind == "tdD":
        return simple("i", times.date)
    if kind == "tdm":
        return simple("q", lambda value: times.date(value // 86_400_000))
    if kind == "tiM":
        return simple("i", lambda value: times.period(value, 0, 0))
    if kind == "tiD":
        return _Simple(lambda column: _parts(column, "<ii"), lambda parts: _interval(0, parts[0], parts[1] * 10**6))
    if kind == "tin":
        return _Simple(lambda column: _parts(column, "<iiq"), lambda parts: _interval(*parts))
    unit = _UNITS[kind[2]]
    nanos = 1_000_000_000 // unit
    if kind[1] == "t":
        return simple("i" if kind[2] in "sm" else "q", lambda value: times.clock(value * nanos))
    if kind[1] == "D":
        return simple("q", lambda value: times.period(0, 0, value * nanos))
    return simple("q", lambda value: times.timestamp(value, unit, zone))


def _parts(column: Column, layout: str) -> list[tuple[int, ...]]:
    return list(struct.iter_unpack(layout, column.data(1, struct.calcsize(layout))))


def _interval(months: int, days: int, nanos: int) -> str:
    return f'"{times.period(months, days, nanos)}"'


def _double(value: float) -> str:
    """The shortest text that parses to the same double."""
    if math.isnan(value):
        return "null"
    if math.isinf(value):
        raise _Unwritable(f"holds {value}, which JSON cannot write; make it NULL first.")
    return repr(value).replace("e-0", "e-").replace("e+", "e")


def _single(value: float) -> str:
    """The shortest text that parses to the same float of 32 bits."""
    if math.isfinite(value):
        packed = struct.pack("<f", value)
        for digits in range(1, 10):
            shorter = float(f"{value:.{digits}g}")
            if abs(shorter) < 3.5e38 and _packed(shorter) == packed:
                return _double(shorter)
    return _double(value)


def _packed(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return b""


def _halves(column: Column) -> list[float]:
    data = column.data(1, 2)
    return list(struct.unpack(f"<{len(data) // 2}e", data))


def _integers(code: str) -> Callable[[], _Writer]:
    return lambda: _Simple(lambda column: column.numbers(1, code), str)


_LISTS: dict[str, tuple[Callable[[Column, str], tuple[Column, list[tuple[int, int]]]], str]] = {
    "+l": (_spans, "i"),
    "+L": (_spans, "q"),
    "+vl": (_view_spans, "i"),
    "+vL": (_view_spans, "q"),
}
_PLAIN: dict[str, Callable[[], _Writer]] = {
    "n": _Null,
    "b": lambda: _Simple(lambda column: column.bits(1), _boolean),
    **{form: _integers(code) for form, code in _INTEGERS.items()},
    "e": lambda: _Simple(_halves, _single),
    "f": lambda: _Simple(lambda column: column.numbers(1, "f"), _single),
    "g": lambda: _Simple(lambda column: column.numbers(1, "d"), _double),
    "u": lambda: _Text(lambda column: column.texts("i")),
    "U": lambda: _Text(lambda column: column.texts("q")),
    "vu": lambda: _Text(Column.views),
    "z": lambda: _Simple(lambda column: column.texts("i"), _base64),
    "Z": lambda: _Simple(lambda column: column.texts("q"), _base64),
    "vz": lambda: _Simple(Column.views, _base64),
}
