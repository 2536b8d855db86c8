"""Where the records come from: a file, eight changed copies of it, or generators that give the same bytes for the same seed."""

from __future__ import annotations

import base64
import io
import json
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

WORDS = """
fix add remove update error test build cache index reader writer segment store query plan lock thread memory page
schema column value parser token buffer commit branch merge release version config option default file path name
user server client request response timeout retry the a of to in for with from when after before without and or not
is are
""".split()
HEX = re.compile(rb'"([0-9a-f]{32,128})"')


def read(path: Path) -> Iterator[bytes]:
    """The non-empty lines of a file, `.zst` or plain, without their line ends."""
    if path.suffix == ".zst":
        with path.open("rb") as packed:
            stream = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
            yield from (line.rstrip(b"\r\n") for line in io.BufferedReader(stream, 1 << 20) if line.strip())
    else:
        with path.open("rb") as plain:
            yield from (line.rstrip(b"\r\n") for line in plain if line.strip())


def write(path: Path, lines: Iterable[bytes]) -> Path:
    with path.open("wb", buffering=1 << 20) as out:
        out.writelines(line + b"\n" for line in lines)
    return path


def changed(lines: Iterable[bytes], seed: int) -> Iterator[bytes]:
    """The same records with other hashes: a new `_id`, new hexadecimal strings, a new Size; so that no two copies are equal."""
    rng = random.Random(seed)

    def other(match: re.Match[bytes]) -> bytes:
        digits = len(match[1])
        return b'"%0*x"' % (digits, rng.getrandbits(4 * digits))

    for number, line in enumerate(lines):
        copy = HEX.sub(other, line)
        copy = re.sub(rb'"Size":\d+', lambda _: b'"Size":%d' % rng.randrange(1000, 10**8), copy, count=1)
        yield b'{"_id":"%d-%d",' % (seed, number) + copy[1:]


def eight(lines: Iterable[bytes]) -> Iterator[bytes]:
    kept = list(lines)
    for seed in range(8):
        yield from changed(kept, seed)


def small(count: int, start: int = 0) -> Iterator[bytes]:
    """Log-like rows of about 80 bytes."""
    rng = random.Random(start)
    for number in range(start, start + count):
        yield (
            b'{"id":%d,"at":"2026-11-%02dT%02d:%02d:%02dZ","level":"%s","ms":%d}'
            % (
                number,
                1 + number // 86400 % 28,
                number // 3600 % 24,
                number // 60 % 60,
                number % 60,
                rng.choice((b"info", b"info", b"info", b"warn", b"error")),
                rng.randrange(100000),
            )
        )


def noise(stored: int, each: int = 10_000) -> Iterator[bytes]:
    """Records of random bytes in base 64, which take about `stored` bytes in any store."""
    rng = random.Random(stored)
    for number in range(max(stored // each, 1)):
        yield b'{"n":%d,"x":"%s"}' % (number, base64.b64encode(rng.randbytes(each)))


def events(count: int, seed: int = 7) -> Iterator[bytes]:
    """Records in the manner of a code host's event stream, 1 KB each on average: nested, with text, of several shapes."""
    rng = random.Random(seed)
    kinds = ("PushEvent", "PullRequestEvent", "IssuesEvent", "IssueCommentEvent", "WatchEvent")
    api = "https://api.example.com"

    def text(low: int, high: int) -> str:
        return " ".join(rng.choices(WORDS, k=rng.randrange(low, high)))

    def person() -> dict[str, object]:
        number = int(rng.paretovariate(0.6)) % 50_000
        name = f"user{number}"
        return {
            "id": 1000 + number,
            "login": name,
            "url": f"{api}/users/{name}",
            "avatar_url": f"{api}/avatars/u/{1000 + number}",
        }

    for number in range(count):
        kind = rng.choices(kinds, (50, 15, 10, 15, 10))[0]
        repo = int(rng.paretovariate(0.7)) % 20_000
        full = f"org{repo % 977}/repo{repo}"
        payload: dict[str, object] = (
            {"push_id": number} if kind == "PushEvent" else {"action": rng.choice(("opened", "closed"))}
        )
        if kind == "PushEvent":
            payload["ref"] = "refs/heads/main"
            payload["head"] = f"{rng.getrandbits(160):040x}"
            payload["commits"] = [
                {
                    "sha": (sha := f"{rng.getrandbits(160):040x}"),
                    "author": person(),
                    "message": text(4, 20),
                    "distinct": rng.random() < 0.9,
                    "url": f"{api}/repos/{full}/commits/{sha}",
                }
                for _ in range(rng.randrange(1, 4))
            ]
        elif kind == "PullRequestEvent":
            payload["pull_request"] = {
                "number": rng.randrange(9999),
                "title": text(3, 10),
                "body": text(20, 120),
                "user": person(),
                "additions": int(rng.paretovariate(0.5)) % 5000,
                "merged_at": None,
            }
        elif kind != "WatchEvent":
            payload["issue"] = {
                "number": rng.randrange(9999),
                "title": text(3, 10),
                "body": text(20, 150),
                "user": person(),
                "labels": [{"name": label, "default": True} for label in rng.sample(("bug", "question", "feature"), 2)],
            }
        yield json.dumps(
            {
                "id": str(40_000_000_000 + number),
                "type": kind,
                "actor": person(),
                "repo": {"id": repo, "name": full, "url": f"{api}/repos/{full}"},
                "payload": payload,
                "public": True,
                "created_at": f"2026-10-{1 + number // 86400 % 28:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
            },
            separators=(",", ":"),
        ).encode()


class Query:
    """One question in every dialect: `{t}` is the table, `{a}`, `{b}` the fields, given as "dotted.path TYPE"."""

    def __init__(self, name: str, text: str, **fields: str) -> None:
        self.name = name
        self.text = text
        self.fields = fields

    def sql(self, dialect: str, table: str) -> str:
        """For typed columns ("typed"), a column `json` of JSON text ("json"), or one of type VARIANT ("variant")."""
        return self.text.format(t=table, **{key: column(dialect, *field.split()) for key, field in self.fields.items()})


def column(dialect: str, path: str, kind: str) -> str:
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
    """The questions that fit records like this one; none for records of an unknown kind."""
    record = json.loads(first)
    if "Section" in record and "Maintainer" in record:
        return PACKAGES
    if "level" in record and "ms" in record:
        return SMALL
    return EVENTS if "payload" in record and "repo" in record else []
