"""The records of all benchmarks: read from a file, or generated, the same bytes for the same seed."""

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
    """Writes NDJSON; returns the path."""
    with path.open("wb", buffering=1 << 20) as out:
        out.writelines(line + b"\n" for line in lines)
    return path


def changed(lines: Iterable[bytes], seed: int) -> Iterator[bytes]:
    """Copies with other hashes: a new `_id`, new hexadecimal strings, a new `Size`. No two seeds give equal records."""
    rng = random.Random(seed)

    def other(match: re.Match[bytes]) -> bytes:
        digits = len(match[1])
        return b'"%0*x"' % (digits, rng.getrandbits(4 * digits))

    for number, line in enumerate(lines):
        copy = HEX.sub(other, line)
        copy = re.sub(rb'"Size":\d+', lambda _: b'"Size":%d' % rng.randrange(1000, 10**8), copy, count=1)
        yield b'{"_id":"%d-%d",' % (seed, number) + copy[1:]


def eight(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Eight changed copies of all records, one after the other."""
    kept = list(lines)
    for seed in range(8):
        yield from changed(kept, seed)


def small(count: int, start: int = 0) -> Iterator[bytes]:
    """Log rows of about 80 bytes, numbered from `start`."""
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
    """Records of random bytes in base 64, `each` bytes a record, about `stored` bytes in all: no store makes them
    smaller."""
    rng = random.Random(stored)
    for number in range(max(stored // each, 1)):
        yield b'{"n":%d,"x":"%s"}' % (number, base64.b64encode(rng.randbytes(each)))


def titles(count: int, body: str = "") -> Iterator[dict[str, object]]:
    """Rows for prompts: an id, a title and a body."""
    for number in range(count):
        yield {"id": number, "title": f"Title number {number}", "body": body}


def events(count: int, seed: int = 7) -> Iterator[bytes]:
    """Events like those of a code host, 1 KB each on average: nested, with text, of five kinds."""
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
