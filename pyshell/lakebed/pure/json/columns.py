"""Typed columns from a summary and from what is fixed of them: docs/types.md, "Columns and their names"."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from lakebed.pure.json.infer import OTHER_KEYS, in_place, infer_column
from lakebed.pure.json.names import names_of
from lakebed.pure.json.node import MAX_COLUMNS, Node
from lakebed.pure.json.settings import NON_OBJECT, REST, Declared, Named, Settings, named_key
from lakebed.pure.json.summary import Summary, frequent_fields
from lakebed.pure.json.types import JSON, DataType, Step, lower, steps_of

__all__ = ["Column", "Schema", "columns_of", "keep_names"]


@dataclass
class Column:
    """A column of a collection."""

    name: str
    named: Named
    """What of a record it holds: the value of a key, the record where it is not an object, or the other keys."""
    type: DataType
    values: int
    """Rows with a value other than null."""
    nulls: int
    """Rows with the JSON null."""
    missing: int
    """Rows without the key."""
    notes: list[str]
    declared: list[Declared] = field(default_factory=list)
    """The parts of it whose type was declared."""
    misfits: int = 0
    """Values that a declared type cannot hold; 0 where they were not counted."""
    path: tuple[str, ...] = ()
    """Of a column that holds a field inside objects alone: the keys that lead to it from the value of the key."""
    known: frozenset[str] = frozenset()
    """Of the column of the other keys: those that have a column of their own."""


@dataclass
class Schema:
    """The typed columns of a collection, without the system columns."""

    columns: list[Column]
    rows: int
    """The rows it was made from, deleted ones included."""

    def column(self, name: str) -> Column | None:
        """The column of that name, in whatever case."""
        folded = lower(name)
        return next((column for column in self.columns if lower(column.name) == folded), None)

    def resolve(self, path: str) -> tuple[Column, list[Step]] | None:
        """What a path names: a column, and the steps from its value to the field that follows its name."""
        ends = [at for at, letter in enumerate(path) if letter in ".["]
        for end in [len(path), *reversed(ends)]:
            column = self.column(path[:end])
            steps = steps_of(column.type, path[end:]) if column else None
            if column is not None and steps is not None:
                return column, steps
        return None

    def projected(self, path: str) -> Column | None:
        """The column of a name, or of a path to a field inside objects, which is a column of its own."""
        found = self.resolve(path)
        if found is None:
            return None
        column, steps = found
        if not steps:
            return column
        kind = _inside(column, steps)
        if kind is None:
            return None
        inside = [
            Declared(part.path[len(steps) :], part.nulls) for part in column.declared if _begins(part.path, steps)
        ]
        return replace(column, name=path, type=kind, path=tuple(key for _, key in steps), declared=inside)


def _begins(path: tuple[Step, ...], steps: list[Step]) -> bool:
    return list(path[: len(steps)]) == steps


def _inside(column: Column, steps: list[Step]) -> DataType | None:
    from lakebed.pure.json.types import type_at

    if column.named[0] != 0 or any(kind != 0 for kind, _ in steps):
        return None
    return type_at(column.type, steps)


def columns_of(summary: Summary, settings: Settings, admitted: Collection[str] = ()) -> Schema:
    """The typed columns of the records that `summary` describes; `admitted` are keys that get a column although
    `settings` leaves them without."""
    root, rows = summary.root, summary.rows
    seen = [one for one in root.fields.values() if one.total]
    is_wide = REST in settings.names or summary.is_wide
    shown = _chosen_fields(summary, settings, admitted) if is_wide else seen
    fields = in_place(one for one in shown if one.total)
    keys = {one.key for one in fields}
    absent = [(key, declaration) for key, declaration in settings.declared_keys() if key not in keys]
    all_keys = [(one.key, one.total) for one in fields] + [(key, 0) for key, _ in absent]
    names = names_of(all_keys, settings)
    columns: list[Column] = []
    for node, name in zip(fields, names.of_keys, strict=False):
        notes = [name.note] if name.note else []
        kind = infer_column(summary, settings, node, notes)
        columns.append(
            Column(
                name.name,
                named_key(node.key),
                kind,
                node.total - node.nulls,
                node.nulls,
                rows - node.total,
                notes,
                settings.declared_in(node.key),
            )
        )
    for (key, declaration), name in zip(absent, names.of_keys[len(fields) :], strict=True):
        notes = [name.note] if name.note else []
        notes.append(declaration.note)
        columns.append(
            Column(name.name, named_key(key), declaration.type, 0, 0, rows, notes, settings.declared_in(key))
        )
    if is_wide:
        hidden = len(seen) - len(fields)
        known = frozenset(key for key, _ in all_keys)
        columns.append(_rest_column(summary, names.other(REST, OTHER_KEYS), known, hidden))
    others = summary.non_objects
    if others:
        columns.append(
            Column(
                names.other(NON_OBJECT, "value"),
                NON_OBJECT,
                JSON,
                others - root.nulls,
                root.nulls,
                root.objects,
                ["holds the records that are no objects"],
            )
        )
    return Schema(columns, rows)


def _rest_column(summary: Summary, name: str, known: frozenset[str], hidden: int) -> Column:
    """The column of the keys that have none of their own. Which records have such a key is not known without reading
    them."""
    keys = f"the {hidden} keys" if summary.root.value is None else "all keys"
    note = f"holds {keys} that have no column of their own, as one object: the records have more than {MAX_COLUMNS} different keys"
    return Column(name, REST, JSON, summary.root.objects, 0, summary.non_objects, [note], known=known)


def _chosen_fields(summary: Summary, settings: Settings, admitted: Collection[str]) -> list[Node]:
    """The fields that have a column where the records have too many keys: those whose name is fixed, and those that are
    admitted. Where nothing is fixed yet, those in most rows."""

    def keeps(key: str) -> bool:
        return named_key(key) in settings.names or key in admitted

    chosen = [one for one in summary.root.fields.values() if keeps(one.key)]
    if REST not in settings.names:
        # One column is for the other keys, and one for records that are not objects.
        room = max(0, MAX_COLUMNS - 2 - len(chosen))
        chosen += _frequent_in_rows(summary, keeps)[:room]
    return chosen


def _frequent_in_rows(summary: Summary, skip: Callable[[str], bool]) -> list[Node]:
    """The fields of the record that get a column although there are too many: those in many rows, and in more than one,
    so that a single record with very many keys takes no column that later rows need. Those in most rows first."""
    return [field for field in frequent_fields(summary.root, skip) if field.total > 1]


def keep_names(settings: Settings, before: Schema, after: Summary) -> None:
    """Fixes names so that the columns of `before` keep theirs when the rows are those of `after`, and so do the new
    columns later. Names that would be given again in any case are not kept."""
    fixed = settings.copy()
    for column in before.columns:
        fixed.names[column.named] = column.name
    admitted: set[str] = set()
    if REST in settings.names:
        fixed.names[REST] = settings.names[REST]
        room = max(0, MAX_COLUMNS - (len(settings.names) + 1))
        frequent = _frequent_in_rows(after, lambda key: named_key(key) in settings.names)
        admitted = {one.key for one in frequent[:room]}
    else:
        # The columns are chosen among all keys.
        fixed.names.pop(REST, None)
    schema = columns_of(after, fixed, admitted)
    has_rest = any(column.named == REST for column in schema.columns)
    alike: dict[str, int] = {}
    for column in schema.columns:
        if column.named[0] == 0:
            folded = _folded(column.named[1])
            alike[folded] = alike.get(folded, 0) + 1
    for column in schema.columns:
        kind, key = column.named
        derived = kind == 0 and column.name == key and alike[_folded(key)] == 1
        if has_rest or not derived:
            settings.names[column.named] = column.name


def _folded(key: str) -> str:
    """The key in lower case; each lone surrogate counts as any other."""
    return lower(key.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
