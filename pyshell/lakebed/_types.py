"""`Hash`, `Buffer`, `Row` and `Rows`: the classes of the backend that runs, whose objects are handed out as they are.

Their signatures and documentation are in `_types.pyi`. Without a backend, classes that cannot be instantiated stand in
for them.
"""

from __future__ import annotations

from typing import Any, NoReturn

from lakebed._installed import BACKENDS, missing_backend

__all__ = ["Buffer", "Hash", "HashLike", "Row", "Rows"]


def _stand_in(name: str) -> type:
    def refuse(*_args: object, **_keywords: object) -> NoReturn:
        raise missing_backend()

    return type(name, (), {"__new__": refuse, "of": staticmethod(refuse), "__module__": "lakebed"})


def _class(name: str) -> Any:
    return getattr(BACKENDS[0], name) if BACKENDS else _stand_in(name)


Hash = _class("Hash")
Buffer = _class("Buffer")
Row = _class("Row")
Rows = _class("Rows")
HashLike = Hash | bytes | str
