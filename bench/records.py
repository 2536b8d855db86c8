"""The records of all benchmarks: read from a file, or generated, the same bytes for the same seed."""

from __future__ import annotations

import base64
import datetime
import io
import itertools
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


LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def documents(count: int, seed: int = 11) -> Iterator[bytes]:
    """Events of a social network, of the shape of JSONBench's documents, 500 bytes each on average: eight kinds,
    nested, with identifiers of random letters, and texts of which some words are frequent."""
    rng = random.Random(seed)

    def name(length: int) -> str:
        return "".join(rng.choices(LETTERS, k=length))

    def reference() -> str:
        return "bafyrei" + name(52)

    words = WORDS + [name(rng.randint(2, 9)) for _ in range(6000)]
    frequencies = [1 / (place + 3) for place in range(len(words))]
    sums = list(itertools.accumulate(frequencies))
    users = ["did:plc:" + name(24) for _ in range(max(1000, count // 12))]
    posts = [(rng.choice(users), name(13), reference()) for _ in range(max(500, count // 30))]

    def text(low: int, high: int) -> str:
        return " ".join(rng.choices(words, cum_weights=sums, k=rng.randint(low, high)))

    def subject() -> dict[str, object]:
        user, key, hash_ = rng.choice(posts)
        return {"cid": hash_, "uri": f"at://{user}/app.bsky.feed.post/{key}"}

    def picture() -> dict[str, object]:
        size = rng.randint(10_000, 1_000_000)
        return {"$type": "blob", "ref": {"$link": reference()}, "mimeType": "image/jpeg", "size": size}

    def post(at: str) -> dict[str, object]:
        found: dict[str, object] = {"$type": "app.bsky.feed.post", "createdAt": at}
        found["langs"] = rng.choice([["en"], ["ja"], ["pt"], ["de"], ["en", "fr"]])
        if rng.random() < 0.35:
            parent = subject()
            found["reply"] = {"parent": parent, "root": parent if rng.random() < 0.5 else subject()}
        if rng.random() < 0.2:
            images = [
                {
                    "alt": text(0, 12) if rng.random() < 0.4 else "",
                    "aspectRatio": {"height": rng.randint(300, 2000), "width": rng.randint(300, 2000)},
                    "image": picture(),
                }
                for _ in range(rng.randint(1, 4))
            ]
            found["embed"] = {"$type": "app.bsky.embed.images", "images": images}
        if rng.random() < 0.12:
            start = rng.randint(0, 20)
            tag = {"$type": "app.bsky.richtext.facet#tag", "tag": rng.choice(words)}
            index = {"byteEnd": start + rng.randint(3, 20), "byteStart": start}
            found["facets"] = [{"$type": "app.bsky.richtext.facet", "features": [tag], "index": index}]
        found["text"] = text(3, 45) + (rng.choice("äéß日本😀🎉…") if rng.random() < 0.3 else "")
        return found

    kinds = ("like", "post", "repost", "follow", "block", "delete", "identity", "profile")
    now = 1_732_206_349_000_167
    for number in range(count):
        now += rng.randint(20, 4000)
        # Few users write much.
        often = rng.random() < 0.35
        user = users[min(int(rng.paretovariate(0.8)), len(users)) - 1] if often else rng.choice(users)
        moment = datetime.datetime.fromtimestamp(now / 1e6, datetime.UTC)
        at = f"{moment:%Y-%m-%dT%H:%M:%S}.{rng.randint(0, 999):03}Z"
        kind = rng.choices(kinds, (48, 20, 10, 14, 1, 5, 1, 1))[0]
        record: dict[str, object] = {"did": user, "time_us": now}
        if kind == "identity":
            handle = {"did": user, "handle": name(8) + ".example.com", "seq": 10**9 + number, "time": at}
            record |= {"kind": "identity", "identity": handle}
            yield _compact(record)
            continue
        commit: dict[str, object] = {"rev": "3l" + name(11), "operation": "create"}
        if kind == "delete":
            deleted = ("app.bsky.feed.like", "app.bsky.graph.follow", "app.bsky.feed.post")
            commit |= {"operation": "delete", "collection": rng.choice(deleted), "rkey": "3l" + name(11)}
        elif kind == "profile":
            collection = "app.bsky.actor.profile"
            profile = {"$type": collection, "avatar": picture(), "description": text(3, 40), "displayName": text(1, 3)}
            commit |= {"operation": "update", "collection": collection, "rkey": "self", "record": profile}
            commit["cid"] = reference()
        else:
            of_feed = kind in ("like", "repost", "post")
            collection = f"app.bsky.feed.{kind}" if of_feed else f"app.bsky.graph.{kind}"
            if kind == "post":
                made = post(at)
            else:
                target: object = subject() if of_feed else rng.choice(users)
                made = {"$type": collection, "createdAt": at, "subject": target}
            commit |= {"collection": collection, "rkey": "3l" + name(11), "record": made, "cid": reference()}
        yield _compact(record | {"kind": "commit", "commit": commit})


def _compact(record: dict[str, object]) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
