"""What is fixed of a collection whatever its values are: docs/types.md, "Settings"."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lakebed.pure.json.encoding import Input, NewerSummary, bad, block, varint
from lakebed.pure.json.node import key_bytes
from lakebed.pure.json.quoting import quoted
from lakebed.pure.json.summary import Summary
from lakebed.pure.json.types import ELEMENT, BadType, DataType, Step, key_step, parse_type

__all__ = ["LAYOUTS", "NON_OBJECT", "REST", "Declaration", "Declared", "Named", "Settings", "named_key"]

_VERSION = 1
_WITH_LAYOUT = 2
"""How records are stored follows."""
LAYOUTS = ("rows", "columns", "auto")
"""How the records of a collection are stored."""
_LAYOUTS = (None, *LAYOUTS)
"""By their number; None where nobody said."""

Named = tuple[int, str]
"""A column by what it holds."""
NON_OBJECT: Named = (1, "")
"""The column of the records that are not objects."""
REST: Named = (2, "")
"""The column of the keys without a column."""


def named_key(key: str) -> Named:
    """The column of a key."""
    return (0, key)


@dataclass(frozen=True)
class Declaration:
    """The type that was declared for the values of a path."""

    type: DataType
    nulls: tuple[str, ...]
    """Texts that stand for NULL: strings, or numbers and words as they are written."""

    @property
    def note(self) -> str:
        """What it means for the values, for the user."""
        note = "declared: what does not fit is NULL, and in _json"
        if not self.nulls:
            return note
        texts = map(quoted, self.nulls)
        return f"{note}; {', '.join(texts)} mean NULL"


@dataclass(frozen=True)
class Declared:
    """A part of a column whose type was declared: a value that does not fit it is NULL."""

    path: tuple[Step, ...]
    """Where it is in the column; empty for the whole column."""
    nulls: tuple[str, ...]

    @staticmethod
    def inside(declared: Sequence[Declared], step: Step) -> list[Declared]:
        """The declared parts of what a step leads to. A type that was declared as a whole holds for all that is inside
        it."""
        return [Declared(part.path[1:], part.nulls) for part in declared if not part.path or part.path[0] == step]


@dataclass
class Settings:
    """What stays as it is when rows are added."""

    names: dict[Named, str] = field(default_factory=dict)
    """Names that were given and that the rows alone would not give. While `REST` is among them, only the keys that are
    there have a column."""
    declared: dict[tuple[Step, ...], Declaration] = field(default_factory=dict)
    """Declared types by their path: a key of the record, then what leads into its value."""
    layout: str | None = None
    """How records are stored: rows, columns or auto; None where nobody said."""
    stays_rows: int = 0
    """Rows with smaller sequence numbers were found unfit for columns, and stay whole unless somebody asks again."""

    def __bool__(self) -> bool:
        return self != Settings()

    def copy(self) -> Settings:
        """A copy."""
        return Settings(copy.copy(self.names), copy.copy(self.declared), self.layout, self.stays_rows)

    def declare(self, path: Sequence[Step], declaration: Declaration | None) -> None:
        """Declares the type of a path; None lets it be inferred again. What was declared inside the path before is
        forgotten."""
        path = tuple(path)
        for known in list(self.declared):
            if known[: len(path)] == path:
                del self.declared[known]
        if declaration is not None:
            self.declared[path] = declaration

    def declared_in(self, key: str) -> list[Declared]:
        """The declarations for the column of a key."""
        first = key_step(key)
        return [
            Declared(path[1:], declaration.nulls)
            for path, declaration in sorted(self.declared.items(), key=lambda item: item[0])
            if path[0] == first
        ]

    def declared_keys(self) -> Iterator[tuple[str, Declaration]]:
        """The keys of the record for which a type is declared as a whole."""
        for path, declaration in sorted(self.declared.items(), key=lambda item: item[0]):
            if len(path) == 1:
                yield path[0][1], declaration

    def forget_all_but(self, live: Summary) -> None:
        """Forgets the names of keys that `live` has not, and which keys have a column of their own."""
        keys = set(live.top_keys())
        declared = {key for key, _ in self.declared_keys()}
        was_wide = REST in self.names
        for named, name in list(self.names.items()):
            kind, key = named
            if kind == 0:
                keep = ((not was_wide or name != key) and key in keys) or key in declared
            else:
                keep = named == NON_OBJECT and live.non_objects > 0
            if not keep:
                del self.names[named]

    def encode(self, out: bytearray) -> None:
        """Appends their bytes."""
        has_layout = self.layout is not None or self.stays_rows > 0
        out.append(_WITH_LAYOUT if has_layout else _VERSION)
        varint(len(self.names), out)
        for (kind, key), name in sorted(self.names.items()):
            out.append(kind)
            if kind == 0:
                block(key_bytes(key), out)
            block(name.encode(), out)
        varint(len(self.declared), out)
        for path, declaration in sorted(self.declared.items(), key=lambda item: item[0]):
            varint(len(path), out)
            for kind, key in path:
                out.append(kind)
                if kind == 0:
                    block(key_bytes(key), out)
            block(str(declaration.type).encode(), out)
            varint(len(declaration.nulls), out)
            for text in declaration.nulls:
                block(text.encode(), out)
        if has_layout:
            out.append(_LAYOUTS.index(self.layout))
            varint(self.stays_rows, out)

    @classmethod
    def decode(cls, source: Input) -> Settings:
        """Reads what `encode` wrote. Raises `BadSummary`."""
        version = source.byte()
        if version not in (_VERSION, _WITH_LAYOUT):
            raise NewerSummary("has settings of a version this program does not know; use a newer one")
        settings = cls()
        last: Named | None = None
        for _ in range(source.varint()):
            kind = source.byte()
            if kind > REST[0]:
                bad("has a name of an unknown kind")
            named: Named = (kind, _key(source) if kind == 0 else "")
            if last is not None and last >= named:
                bad("has its names out of order")
            last = named
            settings.names[named] = _text(source)
        before: tuple[Step, ...] = ()
        for _ in range(source.varint()):
            path = tuple(_step(source) for _ in range(source.varint()))
            if not path or path[0] == ELEMENT or path <= before:
                bad("has its declared types out of order")
            before = path
            try:
                kind_of = parse_type(_text(source))
            except BadType:
                bad("has a declared type that cannot be read")
            nulls = tuple(_text(source) for _ in range(source.varint()))
            settings.declared[path] = Declaration(kind_of, nulls)
        if version == _WITH_LAYOUT:
            number = source.byte()
            if number >= len(_LAYOUTS):
                bad("has an unknown layout")
            settings.layout = _LAYOUTS[number]
            settings.stays_rows = source.varint()
            if settings.layout is None and not settings.stays_rows:
                bad("has settings of the wrong version")
        return settings


def _key(source: Input) -> str:
    return source.block().decode("utf-8", "surrogatepass")


def _step(source: Input) -> Step:
    kind = source.byte()
    if kind > ELEMENT[0]:
        bad("has a step of an unknown kind")
    return key_step(_key(source)) if kind == 0 else ELEMENT


def _text(source: Input) -> str:
    try:
        return source.block().decode()
    except UnicodeDecodeError:
        bad("has a text that is not UTF-8")
