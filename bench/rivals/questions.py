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
CREATED = "{kind} = 'commit' AND {operation} = 'create'"
FIELDS = {
    "kind": "kind VARCHAR",
    "operation": "commit.operation VARCHAR",
    "collection": "commit.collection VARCHAR",
    "did": "did VARCHAR",
    "time": "time_us BIGINT",
}
POSTS = f"{CREATED} AND {{collection}} = 'app.bsky.feed.post'"
DOCUMENTS = [
    Query("q1", "SELECT {collection} AS c, count(*) AS n FROM {t} GROUP BY c ORDER BY n DESC, c", **FIELDS),
    Query(
        "q2",
        "SELECT {collection} AS c, count(*) AS n, count(DISTINCT {did}) AS users FROM {t} "
        f"WHERE {CREATED} GROUP BY c ORDER BY n DESC, c",
        **FIELDS,
    ),
    Query(
        "q3",
        "SELECT {collection} AS c, hour(make_timestamp({time})) AS h, count(*) AS n FROM {t} "
        f"WHERE {CREATED} AND {{collection}} IN ('app.bsky.feed.post', 'app.bsky.feed.repost', 'app.bsky.feed.like') "
        "GROUP BY c, h ORDER BY h, c",
        **FIELDS,
    ),
    Query(
        "q4",
        f"SELECT {{did}} AS user, min(make_timestamp({{time}})) AS first FROM {{t}} WHERE {POSTS} "
        "GROUP BY user ORDER BY first LIMIT 3",
        **FIELDS,
    ),
    Query(
        "q5",
        "SELECT {did} AS user, date_diff('ms', min(make_timestamp({time})), max(make_timestamp({time}))) AS span "
        f"FROM {{t}} WHERE {POSTS} GROUP BY user ORDER BY span DESC, user LIMIT 3",
        **FIELDS,
    ),
]
"""JSONBench's."""


def queries(first: bytes) -> list[Query]:
    """The questions for records of this kind; none for an unknown kind."""
    record = json.loads(first)
    if "Section" in record and "Maintainer" in record:
        return PACKAGES
    if "time_us" in record and "kind" in record:
        return DOCUMENTS
    if "level" in record and "ms" in record:
        return SMALL
    return EVENTS if "payload" in record and "repo" in record else []
