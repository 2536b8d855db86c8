"""Which input rows have a result already."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from lakebed.prompts.digest_bag import DigestBag, digest_of
from lakebed.prompts.storage import collection_rows, stored_reply, with_numbers
from lakebed.prompts.template import parse
from lakebed.store import Store

__all__ = ["ResultIndex"]

_START = b'{"run":"'
_INPUT = b',"input":'
_REQUEST = b'],"request":"'
_OK = b'"error":null}'
_EMPTY = b',"text":"","value":null,"error":null}'


class ResultIndex:
    """The results without an error that a collection has. Each is the result of one input row.

    Results are found by the digest of their bytes from the input to the request: no result is parsed. If a row is not
    found so although its request has results, results are compared as values from then on, so that columns in another
    order, or numbers written in another way, are the same input.
    """

    def __init__(self, store: Store, collection: str) -> None:
        self._store = store
        self._collection = collection
        self._bytes = DigestBag()
        self._requests = DigestBag()
        self._values: DigestBag | None = None
        self._has_others = False
        for data in self._rows():
            key = _bytes_of(data)
            if key is None:
                self._has_others = True
                continue
            self._bytes.add(digest_of(key))
            request = bytes.fromhex(key[-64:].decode())[:16]
            if request not in self._requests:
                self._requests.add(request)

    def take(self, request: str, input: str, values: object, sources_json: str, sources: object) -> bool:
        """Whether there is such a result that no other input row has taken; this input row takes it.

        `input` and `sources_json` are `values` and `sources` as JSON.
        """
        if self._values is None:
            key = f'{input},"sources":{sources_json},"request":"{request}'.encode("utf-8", "surrogatepass")
            if self._bytes.take(digest_of(key)):
                return True
            if not self._has_others and bytes.fromhex(request)[:16] not in self._requests:
                return False
            self._values = self._by_values()
        return self._values.take(_value_digest(request, values, sources))

    def _rows(self) -> Iterator[bytes]:
        """The results without an error. An empty reply is one, which older versions did not know."""
        for _, data in collection_rows(self._store, self._collection):
            if _OK in data[-16:] and not (data.endswith(_EMPTY) and self._is_empty(data)):
                yield data

    def _is_empty(self, data: bytes) -> bool:
        """Whether a result without text has a reply that says nothing."""
        reply = json.loads(data).get("reply")
        return reply is None or reply not in self._store or stored_reply(reply, self._store.get(reply)).is_empty

    def _by_values(self) -> DigestBag:
        """The results that are not taken, by their values."""
        bag = DigestBag()
        for data in self._rows():
            key = _bytes_of(data)
            if key is not None and not self._bytes.take(digest_of(key)):
                continue
            if (found := _result(data)) is not None:
                bag.add(_value_digest(*found))
        return bag


def _bytes_of(data: bytes) -> bytes | None:
    """The bytes of a result from its input to the hash of its request, of a row that `storage.result_row` wrote."""
    start, end = data.find(_INPUT), data.find(_REQUEST)
    stop = end + len(_REQUEST) + 64
    # In text the quotes would be escaped, so a second one is a key in the input or in the value.
    if (
        not data.startswith(_START)
        or not 0 < start < end
        or data.find(_REQUEST, stop) >= 0
        or data[stop : stop + 1] != b'"'
    ):
        return None
    return data[start + len(_INPUT) : stop]


def _result(data: bytes) -> tuple[str, Any, object] | None:
    try:
        row = parse(data)
        return row["request"], row["input"], with_numbers(row["sources"])
    except (ValueError, KeyError, TypeError):
        return None


def _value_digest(request: str, values: object, sources: object) -> bytes:
    return digest_of(f"{request}{_comparable(values)}{_comparable(sources)}".encode())


_comparable: Callable[[object], str] = json.JSONEncoder(ensure_ascii=True, sort_keys=True).encode
