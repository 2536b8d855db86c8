"""The summary of the values of a collection: a tree of paths that merges in any order (docs/types.md, "Bounds")."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lakebed.pure.json.node import MAX_COLUMNS, Node, limit, own_weight

__all__ = ["ESCAPED_KEY", "HIDDEN_KEY", "SURROGATE_KEY", "Summary", "frequent_fields", "weigh"]

ESCAPED_KEY, SURROGATE_KEY, HIDDEN_KEY = 1, 2, 4
"""The marks of a summary."""

_RARE = 100
"""A key of the record is kept or gets a column where one line in so many has it."""


class Summary:
    """What is known of the values of a collection: paths, kinds, counts and ranges."""

    def __init__(self) -> None:
        self.root = Node("", None, 0)
        self.marks = 0
        self.heavy: list[Node] = []
        """Objects that became too heavy in the current line."""

    @property
    def rows(self) -> int:
        """The number of lines that it describes."""
        return self.root.total

    @property
    def non_objects(self) -> int:
        """The number of lines that are not objects."""
        return max(0, self.rows - self.root.objects)

    @property
    def is_wide(self) -> bool:
        """Whether the lines have more keys than there are columns."""
        return self.root.value is not None or len(self.root.fields) > MAX_COLUMNS

    def top_keys(self) -> list[str]:
        """The keys of the lines that have a node of their own."""
        return [key for key, field in self.root.fields.items() if field.total]

    def has_collapsed(self) -> bool:
        """Whether any object in it collapsed."""
        return any(node.value is not None for node in self.nodes())

    def nodes(self) -> Iterator[Node]:
        """Every node, but for those of the values of collapsed objects."""
        pending = [self.root]
        while pending:
            node = pending.pop()
            yield node
            pending += node.fields.values()
            if node.element is not None:
                pending.append(node.element)

    def copy(self) -> Summary:
        """A copy."""
        copy = Summary()
        copy.root, copy.marks = self.root.copy(None), self.marks
        return copy

    def expecting(self) -> Summary:
        """A summary of no lines that expects the keys of this one: where it collapses they are not forgotten."""
        copy = Summary()
        copy.root = self.root.blank_copy(None)
        return copy

    def would_forget(self, other: Summary) -> bool:
        """Whether merging `other` into this one would forget keys that this one has."""
        return _forgets(self.root, other.root)

    def merge(self, other: Summary) -> None:
        """Adds the lines that `other` describes."""
        self.marks |= other.marks
        _absorb(self.root, other.root.copy(None))

    def values_of(self, node: Node) -> Summary:
        """A summary whose root merges all values of an object, under any key."""
        found = Summary()
        found.marks = self.marks
        found.root.depth = node.depth + 1
        for field in [*node.fields.values(), *([node.value] if node.value else [])]:
            _absorb_value(found.root, field.copy(None))
        return found

    # --- While a line is observed ---

    def add_field(self, parent: Node, key: str) -> Node:
        """A new field of an object."""
        field = parent.fields[key] = Node(key, parent, parent.depth + 1)
        self._grow(field)
        return field

    def add_element(self, parent: Node) -> Node:
        """A new node for the elements of arrays."""
        element = parent.element = Node("", parent, parent.depth + 1)
        self._grow(element)
        return element

    def _grow(self, added: Node) -> None:
        """Adds the weight of a new path to the nodes above it.

        An object that becomes too heavy gets its node of values at once, so that it grows no further. It collapses at
        the end of the line (`settle`).
        """
        node, more = added, added.share
        while more > 0 and (parent := node.parent) is not None:
            before, most = parent.share, limit(parent.depth)
            if parent.element is node:
                parent.weight += more
            elif parent.value is None:
                parent.inner += more
                parent.weight += more
                if parent.inner > most:
                    parent.weight -= parent.inner - (most + 1)
                    parent.value = Node("", parent, parent.depth + 1)
                    self.heavy.append(parent)
            else:
                # What stayed of its keys may become too heavy again.
                if parent.value is not node:
                    was = parent.inner
                    parent.inner += more
                    if was <= most < parent.inner:
                        self.heavy.append(parent)
                return
            node, more = parent, parent.share - before

    def settle(self) -> None:
        """Collapses the objects that became too heavy, innermost first."""
        heavy, self.heavy = sorted(self.heavy, key=lambda node: -node.depth), []
        for node in heavy:
            _collapse(node)
            _weigh(node)


def frequent_fields(node: Node, skip: Callable[[str], bool] = lambda _key: False) -> list[Node]:
    """The fields that are in many objects of `node`, without those that `skip` names: those in most objects first.

    Of the record these are all that are not rare; inside it, those that at least half of the objects have.
    """
    share = _RARE if node.parent is None else 2
    found = [
        field
        for field in node.fields.values()
        if (field.expected or field.total * share >= node.objects) and not skip(field.key)
    ]
    # Keys compare like their bytes.
    return sorted(found, key=lambda field: (not field.expected, -field.total, field.key))


def _forgets(own: Node, theirs: Node) -> bool:
    for key, field in own.fields.items():
        same = theirs.fields.get(key)
        if theirs.value is not None if same is None else _forgets(field, same):
            return True
    return own.element is not None and theirs.element is not None and _forgets(own.element, theirs.element)


def _absorb(target: Node, source: Node) -> None:
    """Merges `source`, which nothing else uses, into `target`, which has the same depth."""
    target.add(source)
    if source.element is not None:
        if target.element is None:
            target.element = source.element
            source.element.parent = target
        else:
            _absorb(target.element, source.element)
    value = target.value
    if source.value is not None:
        if value is None:
            target.value = source.value
            source.value.parent = target
        else:
            _absorb(value, source.value)
        # The values of keys that the source has no node of are among those of its other keys.
        _drop_keys(target, lambda field: field.key in source.fields)
    for key, field in source.fields.items():
        same = target.fields.get(key)
        if same is not None:
            _absorb(same, field)
        elif value is not None:
            _absorb_value(value, field)
        else:
            target.fields[key] = field
            field.parent = target
    _weigh(target)


def _absorb_value(target: Node, field: Node) -> None:
    """As `_absorb`, for a field whose key is dropped."""
    field.place = field.repeated = 0
    _absorb(target, field)


def _collapse(node: Node) -> None:
    """Merges the fields into one node of values. Those that are in many objects stay, up to half of the limit."""
    most = limit(node.depth) // 2
    kept: set[str] = set()
    weight = 0
    for field in frequent_fields(node):
        weight += field.share
        if weight > most:
            break
        kept.add(field.key)
    if node.value is None:
        node.value = Node("", node, node.depth + 1)
    _drop_keys(node, lambda field: field.key in kept)


def _drop_keys(node: Node, keep: Callable[[Node], bool]) -> None:
    """Merges the fields that are not kept into the node of values."""
    fields, node.fields, node.inner = node.fields, {}, 0
    for key, field in fields.items():
        if keep(field):
            node.fields[key] = field
        elif node.value is not None:
            _absorb_value(node.value, field)


def _weigh(node: Node) -> None:
    """Sums up the weight from the nodes below, and collapses the object where that is above the limit."""
    most = limit(node.depth)
    node.inner = sum(field.share for field in node.fields.values())
    if node.inner > most:
        _collapse(node)
        node.inner = sum(field.share for field in node.fields.values())
    objects = node.inner if node.value is None else most + 1
    node.weight = own_weight(node.key) + (node.element.share if node.element else 0) + objects


weigh = _weigh
