"""Dictionaries of collections."""

from __future__ import annotations

from lakebed.pure.catalogue import Collection
from lakebed.pure.format.records import DictionaryAdded
from lakebed.pure.write.writer import Writer

__all__ = ["install_dictionary"]


def install_dictionary(writer: Writer, collection: Collection, data: bytes) -> tuple[int, int]:
    """Store a dictionary as the newest one of a collection: what is added from now on is compressed with it. Returns
    its number and its generation."""
    catalogue = writer.begin().catalogue
    id, hash = writer.blob(data)
    before = catalogue.dictionary_of(collection.id)
    number, generation = catalogue.next_dictionary, 1 if before is None else before.generation + 1
    writer.record(DictionaryAdded(number, collection.id, generation, id, hash, len(data)))
    return number, generation
