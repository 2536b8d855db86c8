"""Values of columns, from records: docs/types.md, "Extraction".

A missing key and the JSON null are NULL. Of equal keys the first counts. A JSON column gets the exact text of the
value. A value that its column's type cannot hold is an error, unless the type was declared: then it is NULL, and
counted.

Typed values are bool, int (days of a DATE, microseconds of timestamps), float and str; a list of elements, a tuple of
the fields of a STRUCT, a list of the (key, value) pairs of a MAP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lakebed.pure.json.columns import Column
from lakebed.pure.json.fit import MISFIT, Misfit, exact, fitted, has_lone_surrogate
from lakebed.pure.json.quoting import quoted
from lakebed.pure.json.settings import NON_OBJECT, REST, Declared
from lakebed.pure.json.spans import elements, members, skip_blanks
from lakebed.pure.json.syntax import Value
from lakebed.pure.json.types import ELEMENT, JSON, DataType, ListType, MapType, Scalar, StructType, key_step
from lakebed.pure.json.values import scan_value

__all__ = ["ExtractError", "Extractor"]


class ExtractError(Exception):
    """Why a record has no value for a column: half a sentence."""


class _Converter:
    """From values of JSON to those of one type."""

    needs_text = False
    """Whether it needs the text of values."""
    misfits = 0
    """Values that a declared type could not hold, here alone."""

    def convert(self, value: Value, text: str, start: int, end: int, /) -> Any:
        """The typed value of one that lies in a text. Raises `Misfit`."""
        raise NotImplementedError

    def parts(self) -> Sequence[_Converter]:
        """The converters of what is inside."""
        return ()

    def all_misfits(self) -> int:
        """Values that declared types could not hold, here and inside."""
        return self.misfits + sum(part.all_misfits() for part in self.parts())


class _Exact(_Converter):
    """An inferred scalar type."""

    def __init__(self, kind: Scalar) -> None:
        self._exact = exact(kind)

    def convert(self, value: Value, _text: str, _start: int, _end: int, /) -> Any:
        return None if value is None else self._exact(value)


class _Json(_Converter):
    """JSON: the exact text."""

    needs_text = True

    def convert(self, value: Value, text: str, start: int, end: int, /) -> Any:
        return None if value is None else text[start:end]


class _Fitted(_Converter):
    """A declared scalar type, or JSON."""

    needs_text = True

    def __init__(self, kind: DataType, nulls: tuple[str, ...]) -> None:
        self._kind = kind
        self._nulls = nulls

    def convert(self, value: Value, text: str, start: int, end: int, /) -> Any:
        found = fitted(self._kind, value, text[start:end], self._nulls)
        if found is MISFIT:
            self.misfits += 1
            return None
        return found


class _Container(_Converter):
    """A list, STRUCT or MAP; `nulls` are the texts that mean NULL where it was declared, else None."""

    kind_of: type = list

    def __init__(self, nulls: tuple[str, ...] | None) -> None:
        self._nulls = nulls

    def convert(self, value: Value, text: str, start: int, end: int, /) -> Any:
        if value is None:
            return None
        if type(value) is not self.kind_of:
            if self._nulls is None:
                raise Misfit
            if fitted(JSON, value, text[start:end], self._nulls) is not None:
                self.misfits += 1
            return None
        return self.inside(value, text, start)

    def inside(self, value: Value, text: str, start: int) -> Any:
        raise NotImplementedError


class _List(_Container):
    def __init__(self, element: _Converter, nulls: tuple[str, ...] | None) -> None:
        super().__init__(nulls)
        self._element = element
        self.needs_text = element.needs_text or nulls is not None

    def parts(self) -> Sequence[_Converter]:
        return (self._element,)

    def inside(self, value: Value, text: str, start: int) -> Any:
        convert = self._element.convert
        if not self._element.needs_text:
            return [convert(one, text, 0, 0) for one in value]
        return [convert(one, text, begin, end) for one, begin, end in elements(text, start)]


class _Struct(_Container):
    kind_of = tuple

    def __init__(self, kind: StructType, fields: list[_Converter], nulls: tuple[str, ...] | None) -> None:
        super().__init__(nulls)
        self._fields = fields
        self._places = {field.name: place for place, field in enumerate(kind.fields) if not field.rest}
        self._rest = next((place for place, field in enumerate(kind.fields) if field.rest), None)
        self.needs_text = any(field.needs_text for field in fields) or nulls is not None
        self._walks = any(field.needs_text for field in fields)

    def parts(self) -> Sequence[_Converter]:
        return self._fields

    def inside(self, value: Value, text: str, start: int) -> Any:
        found: list[Any] = [None] * len(self._fields)
        seen: set[str] = set()
        if not self._walks:
            for key, one in value:
                place = self._places.get(key)
                if place is not None and key not in seen:
                    seen.add(key)
                    found[place] = self._fields[place].convert(one, text, 0, 0)
            return tuple(found)
        others: list[str] = []
        for key, written, one, begin, end in members(text, start):
            place = self._places.get(key)
            if place is None:
                others.append(f'"{written}":{text[begin:end]}')
            elif key not in seen:
                seen.add(key)
                found[place] = self._fields[place].convert(one, text, begin, end)
        if self._rest is not None and others:
            found[self._rest] = f"{{{','.join(others)}}}"
        return tuple(found)


class _Map(_Container):
    kind_of = tuple

    def __init__(self, value: _Converter, nulls: tuple[str, ...] | None) -> None:
        super().__init__(nulls)
        self._value = value
        self.needs_text = value.needs_text or nulls is not None

    def parts(self) -> Sequence[_Converter]:
        return (self._value,)

    def inside(self, value: Value, text: str, start: int) -> Any:
        found: dict[str, Any] = {}
        parts: Iterable[tuple[str, Value, int, int]]
        if self._value.needs_text:
            parts = ((key, one, begin, end) for key, _, one, begin, end in members(text, start))
        else:
            parts = ((key, one, 0, 0) for key, one in value)
        for key, one, begin, end in parts:
            if key in found:
                continue
            if has_lone_surrogate(key):
                # No VARCHAR can hold the key.
                if self._nulls is None:
                    raise Misfit
                self.misfits += 1
                continue
            found[key] = self._value.convert(one, text, begin, end)
        return list(found.items())


def _converter(kind: DataType, declared: list[Declared]) -> _Converter:
    """The converter of a type; `declared` are the parts of it that were declared: what is inside a declared type fits
    or is NULL on its own."""
    whole = [part for part in declared if not part.path][:1]
    nulls = whole[0].nulls if whole else None
    if isinstance(kind, ListType):
        return _List(_converter(kind.element, Declared.inside(declared, ELEMENT)), nulls)
    if isinstance(kind, MapType):
        return _Map(_converter(kind.value, whole), nulls)
    if isinstance(kind, StructType):
        fields = [_converter(field.type, Declared.inside(declared, key_step(field.name))) for field in kind.fields]
        return _Struct(kind, fields, nulls)
    if nulls is not None:
        return _Fitted(kind, nulls)
    return _Json() if kind == JSON else _Exact(kind)


class Extractor:
    """The values of some columns, record by record."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._converters = [_converter(column.type, column.declared) for column in columns]
        self._places: dict[str, list[int]] = {}
        for place, column in enumerate(columns):
            if column.named[0] == 0:
                self._places.setdefault(column.named[1], []).append(place)
        self._paths = {place: column.path for place, column in enumerate(columns) if column.path}
        self._rests = [place for place, column in enumerate(columns) if column.named == REST]
        self._others = [place for place, column in enumerate(columns) if column.named == NON_OBJECT]
        self._walks = bool(self._rests or self._paths) or any(
            converter.needs_text for place, converter in enumerate(self._converters) if place not in self._others
        )

    def misfits(self) -> list[int]:
        """For each column, how many values its declared types could not hold so far."""
        return [converter.all_misfits() for converter in self._converters]

    def values(self, data: bytes) -> list[Any]:
        """The values of a record, in the order of the columns. Raises `ExtractError`."""
        text = data.decode()
        start = skip_blanks(text, 0)
        found: list[Any] = [None] * len(self._columns)
        if text[start] != "{":
            for place in self._others:
                end = len(text.rstrip(" \t\n\r"))
                found[place] = None if text[start:end] == "null" else text[start:end]
            return found
        if self._walks:
            self._walk(text, start, found)
            return found
        pairs, _ = scan_value(text, start)
        # Of equal keys the first counts.
        values = dict(reversed(pairs))
        for key, places in self._places.items():
            if key in values:
                for place in places:
                    found[place] = self._convert(place, values[key], text, 0, 0)
        return found

    def _convert(self, place: int, value: Value, text: str, start: int, end: int) -> Any:
        try:
            return self._converters[place].convert(value, text, start, end)
        except Misfit:
            column = self._columns[place]
            raise ExtractError(
                f"it has a value in column {quoted(column.name)} that {column.type} cannot hold; "
                "take the schema of the snapshot that is read"
            ) from None

    def _walk(self, text: str, start: int, found: list[Any]) -> None:
        missing = dict(self._places)
        others: list[tuple[str, str]] = []
        for key, written, value, begin, end in members(text, start):
            if self._rests:
                others.append((key, f'"{written}":{text[begin:end]}'))
            elif not missing:
                break
            for place in missing.pop(key, ()):
                path = self._paths.get(place)
                if path:
                    self._follow(place, path, value, text, begin, found)
                else:
                    found[place] = self._convert(place, value, text, begin, end)
        for place in self._rests:
            known = self._columns[place].known
            rest = [member for key, member in others if key not in known]
            found[place] = f"{{{','.join(rest)}}}" if rest else None

    def _follow(self, place: int, path: tuple[str, ...], value: Value, text: str, begin: int, found: list[Any]) -> None:
        """Sets the value of a field inside objects."""
        first, *rest = path
        if type(value) is not tuple:
            return
        for key, _, one, start, end in members(text, begin):
            if key != first:
                continue
            if rest:
                self._follow(place, tuple(rest), one, text, start, found)
            else:
                found[place] = self._convert(place, one, text, start, end)
            return
