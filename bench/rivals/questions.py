"""The SQL questions of the comparison, in the dialect of each engine."""

from __future__ import annotations

import json


class Query:
    """One question. In its text `{t}` is the table, `{a}` and `{b}` are fields, each given as "dotted.path TYPE"."""

    def __init__(self, name: str, text: str, **fields: str) -> None:
        self.name = name
        self.text = text
        self.fields = fields

    def sql(self, dialect: str, table: str) -> str:
        """The SQL over typed columns ("typed"), a column `json` of JSON text ("json") or of VARIANT ("variant")."""
        return self.text.format(t=table, **{key: column(dialect, *field.split()) for key, field in self.fields.items()})


def column(dialect: str, path: str, kind: str) -> str:
    """The expression that reads one field."""
    if dialect == "typed":
        return ".".join(f'"{part}"' for part in path.split("."))
    if dialect == "variant":
        return "(json" + "".join(f'."{part}"' for part in path.split(".")) + f")::{kind}"
    text = f"(json->>'$.{path}')"
    return text if kind == "VARCHAR" else f"{text}::{kind}"


PACKAGES = [
    Query("group by Section", "SELECT {a}, count(*) FROM {t} GROUP BY 1", a="Section VARCHAR"),
    Query("sum by Maintainer", "SELECT {a}, sum({b}) FROM {t} GROUP BY 1", a="Maintainer VARCHAR", b="Size BIGINT"),
    Query(
        "filter and count",
        "SELECT count(*) FROM {t} WHERE {a} = 'all' AND {b} > 100000",
        a="Architecture VARCHAR",
        b="Size BIGINT",
    ),
]
EVENTS = [
    Query("group by type", "SELECT {a}, count(*) FROM {t} GROUP BY 1", a="type VARCHAR"),
    Query("count by nested repo.name", "SELECT {a}, count(*) FROM {t} GROUP BY 1", a="repo.name VARCHAR"),
    Query(
        "sum with two nested fields",
        "SELECT {a}, sum({b}) FROM {t} GROUP BY 1",
        a="payload.action VARCHAR",
        b="payload.pull_request.additions BIGINT",
    ),
]
SMALL = [
    Query("group by level", "SELECT {a}, count(*) FROM {t} GROUP BY 1", a="level VARCHAR"),
    Query("sum by level", "SELECT {a}, sum({b}) FROM {t} GROUP BY 1", a="level VARCHAR", b="ms BIGINT"),
    Query(
        "filter and count",
        "SELECT count(*) FROM {t} WHERE {a} = 'error' AND {b} > 50000",
        a="level VARCHAR",
        b="ms BIGINT",
    ),
]


def queries(first: bytes) -> list[Query]:
    """The questions for records of this kind; none for an unknown kind."""
    record = json.loads(first)
    if "Section" in record and "Maintainer" in record:
        return PACKAGES
    if "level" in record and "ms" in record:
        return SMALL
    return EVENTS if "payload" in record and "repo" in record else []
