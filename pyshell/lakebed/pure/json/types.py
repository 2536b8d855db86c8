"""Types of columns, as SQL writes them: docs/types.md, "The lattice"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lakebed.pure.json.quoting import quoted

__all__ = [
    "BIGINT",
    "BOOLEAN",
    "DATE",
    "DOUBLE",
    "ELEMENT",
    "HUGEINT",
    "JSON",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "UBIGINT",
    "VARCHAR",
    "BadType",
    "DataType",
    "Field",
    "ListType",
    "MapType",
    "Scalar",
    "Step",
    "StructType",
    "key_step",
    "lower",
    "parse_type",
    "steps_of",
    "type_at",
]


@dataclass(frozen=True)
class Scalar:
    """A type without parts, JSON included."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class ListType:
    """A list of values of one type."""

    element: DataType

    def __str__(self) -> str:
        return f"{self.element}[]"


@dataclass(frozen=True)
class Field:
    """A field of a STRUCT."""

    name: str
    """Its name, which is the key in records."""
    type: DataType
    rest: bool = False
    """Whether it holds the keys that have no field, as one JSON object, instead of the key of its name."""


@dataclass(frozen=True)
class StructType:
    """A STRUCT."""

    fields: tuple[Field, ...]

    def __str__(self) -> str:
        parts = ('"{}" {}'.format(field.name.replace('"', '""'), field.type) for field in self.fields)
        return f"STRUCT({', '.join(parts)})"


@dataclass(frozen=True)
class MapType:
    """A MAP from VARCHAR to values of one type."""

    value: DataType

    def __str__(self) -> str:
        return f"MAP(VARCHAR, {self.value})"


DataType: TypeAlias = Scalar | ListType | StructType | MapType

BOOLEAN = Scalar("BOOLEAN")
BIGINT = Scalar("BIGINT")
UBIGINT = Scalar("UBIGINT")
HUGEINT = Scalar("HUGEINT")
DOUBLE = Scalar("DOUBLE")
VARCHAR = Scalar("VARCHAR")
DATE = Scalar("DATE")
TIMESTAMP = Scalar("TIMESTAMP")
TIMESTAMPTZ = Scalar("TIMESTAMP WITH TIME ZONE")
JSON = Scalar("JSON")

Step: TypeAlias = tuple[int, str]
"""A step of a path into a value: to a key (`key_step`), or to every element of an array (`ELEMENT`)."""
ELEMENT: Step = (1, "")


def key_step(key: str) -> Step:
    """The step to the value of a key."""
    return (0, key)


_UPPER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def lower(name: str) -> str:
    """The name with the letters A to Z in lower case, which is how DuckDB compares names."""
    return name.translate(_UPPER)


def steps_of(kind: DataType, path: str) -> list[Step] | None:
    """The steps of a path such as `.a[].b` into values of a type; None where it leads nowhere."""
    if not path:
        return []
    if isinstance(kind, ListType):
        if not path.startswith("[]"):
            return None
        inside, step, rest = kind.element, ELEMENT, path[2:]
    elif isinstance(kind, StructType):
        if not path.startswith("."):
            return None
        path = path[1:]
        # A field's name may hold a dot: the longest one that fits.
        fitting = [
            field
            for field in kind.fields
            if not field.rest
            and lower(path[: len(field.name)]) == lower(field.name)
            and path[len(field.name) : len(field.name) + 1] in ("", ".", "[")
        ]
        if not fitting:
            return None
        field = max(fitting, key=lambda field: len(field.name.encode()))
        inside, step, rest = field.type, key_step(field.name), path[len(field.name) :]
    else:
        return None
    further = steps_of(inside, rest)
    return None if further is None else [step, *further]


def type_at(kind: DataType, steps: Sequence[Step]) -> DataType | None:
    """The type of what these steps lead to."""
    if not steps:
        return kind
    (what, key), *rest = steps
    if isinstance(kind, ListType) and what == ELEMENT[0]:
        return type_at(kind.element, rest)
    if isinstance(kind, StructType) and what == 0:
        for field in kind.fields:
            if field.name == key:
                return type_at(field.type, rest)
    return None


class BadType(Exception):
    """What is wrong with the text of a type: half a sentence."""


_SYNONYMS = {
    BOOLEAN: ("BOOLEAN", "BOOL", "LOGICAL"),
    BIGINT: ("BIGINT", "INT8", "INT64", "LONG"),
    UBIGINT: ("UBIGINT", "UINT64"),
    HUGEINT: ("HUGEINT", "INT128"),
    DOUBLE: ("DOUBLE", "FLOAT8"),
    VARCHAR: ("VARCHAR", "TEXT", "STRING"),
    DATE: ("DATE",),
    TIMESTAMPTZ: ("TIMESTAMPTZ",),
    JSON: ("JSON",),
}
_WORDS = {word: kind for kind, words in _SYNONYMS.items() for word in words}
_BLANKS = " \t\n\f\r"
_WORD = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff]*")
_DEEPEST = 64


def parse_type(text: str) -> DataType:
    """The type that a text of SQL names. Raises `BadType`."""
    parser = _Parser(text)
    kind = parser.type()
    if parser.rest.lstrip(_BLANKS):
        raise BadType(f"{quoted(parser.rest.lstrip(_BLANKS))} follows a whole type")
    return kind


class _Parser:
    def __init__(self, text: str) -> None:
        self.rest = text
        self._depth = 0

    def _takes(self, wanted: str) -> bool:
        """Passes `wanted`, if that is next; whether it was."""
        self.rest = self.rest.lstrip(_BLANKS)
        found = self.rest.startswith(wanted)
        self.rest = self.rest.removeprefix(wanted)
        return found

    def _expect(self, wanted: str) -> None:
        if not self._takes(wanted):
            where = f"'{wanted}' is missing before {quoted(self.rest)}" if self.rest else ""
            raise BadType(where or f"it ends where '{wanted}' is missing")

    def _word(self) -> str:
        self.rest = self.rest.lstrip(_BLANKS)
        found = _WORD.match(self.rest)
        word = found[0] if found else ""
        self.rest = self.rest[len(word) :]
        return word

    def type(self) -> DataType:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BadType(f"it nests more than {_DEEPEST} levels")
        kind = self._element()
        while self._takes("["):
            self._expect("]")
            kind = ListType(kind)
        self._depth -= 1
        return kind

    def _element(self) -> DataType:
        word = self._word()
        upper = word.upper() if word.isascii() else word
        if upper in _WORDS:
            return _WORDS[upper]
        if upper in ("TIMESTAMP", "DATETIME"):
            return self._timestamp()
        if upper in ("STRUCT", "ROW"):
            return self._struct()
        if upper == "MAP":
            return self._map()
        if not word:
            raise BadType("a type is missing")
        raise BadType(
            f"{quoted(word)} is none of BOOLEAN, BIGINT, UBIGINT, HUGEINT, DOUBLE, VARCHAR, DATE, TIMESTAMP, TIMESTAMPTZ, JSON, "
            "STRUCT(...), MAP(VARCHAR, ...) and lists of them"
        )

    def _timestamp(self) -> DataType:
        before = self.rest
        if self._word().upper() != "WITH":
            self.rest = before
            return TIMESTAMP
        for wanted in ("TIME", "ZONE"):
            if self._word().upper() != wanted:
                raise BadType("TIMESTAMP WITH is to go on with TIME ZONE")
        return TIMESTAMPTZ

    def _name(self) -> str:
        """The name of a field, quoted or plain."""
        if not self._takes('"'):
            word = self._word()
            if not word:
                raise BadType(f"a field's name is missing before {quoted(self.rest)}")
            return word
        name = ""
        while True:
            part, quote, rest = self.rest.partition('"')
            if not quote:
                raise BadType("the quote of a field's name is not closed")
            name += part
            self.rest = rest
            if not rest.startswith('"'):
                return name
            name += '"'
            self.rest = rest[1:]

    def _struct(self) -> DataType:
        self._expect("(")
        fields: list[Field] = []
        while True:
            name = self._name()
            if any(lower(field.name) == lower(name) for field in fields):
                raise BadType(f"the STRUCT has two fields {quoted(name)}")
            fields.append(Field(name, self.type()))
            if not self._takes(","):
                self._expect(")")
                return StructType(tuple(fields))

    def _map(self) -> DataType:
        self._expect("(")
        if self.type() != VARCHAR:
            raise BadType("the keys of a MAP are VARCHAR")
        self._expect(",")
        value = self.type()
        self._expect(")")
        return MapType(value)
