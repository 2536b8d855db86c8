"""Where an ingest begins, by the ingests that are recorded for its collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lakebed.errors import InvalidArgument, SourceChanged
from lakebed.pure.format.records import Ingested
from lakebed.pure.ingest.chunks import Content, Prefix
from lakebed.pure.ingest.inputs import Input
from lakebed.pure.ingest.names import rotation_name

__all__ = ["Begun", "Recorded", "Skipped", "find"]

_LONG = 4 << 10
"""The least bytes of a beginning by which a file of an unrelated name is recognised."""


class Recorded(NamedTuple):
    """An ingest of before, with the name of its file."""

    name: str
    entry: Ingested

    @property
    def prefix(self) -> Prefix:
        """The part of the content that was committed."""
        return Prefix(self.entry.content_offset, self.entry.prefix_digest)


class Skipped(NamedTuple):
    """All of it was ingested before, under this name."""

    name: str


class Begun(NamedTuple):
    """An ingest that is about to read its content."""

    content: Content
    """At the first byte that was not ingested before."""
    after: Recorded | None
    """What was ingested before."""
    original_digest: bytes | None
    """The hash of the file that holds the input, where it is not the hash of what is read."""


def find(
    input: Input,
    records: list[Recorded],
    *,
    again: bool,
    resume: bool,
    tick: Callable[[int], None],
    reading: Callable[[Callable[[], Content]], Content],
) -> Skipped | Begun:
    """Decides where to begin. `reading` calls what may wait for the input.

    Raises `SourceChanged`, `InvalidArgument`, `BadRecord`, `StoreIOError`.
    """
    if again and resume:
        raise InvalidArgument("An ingest either goes on (`resume`) or begins anew (`again`): ask for one of the two.")
    digest = input.digest(None, lambda: tick(0)) if input.kind == "made" else None
    if not again:
        name = _ingested_in_full(input, records, digest, tick)
        if name is not None:
            return Skipped(name)
    candidates = [] if again else _latest(input, records) if resume else _candidates(input, records)
    content = reading(lambda: Content(input))
    try:
        return _begin(input, content, records, candidates, digest, resume=resume, tick=tick)
    except BaseException:
        content.close()
        raise


def _begin(
    input: Input,
    content: Content,
    records: list[Recorded],
    candidates: list[Recorded],
    digest: bytes | None,
    *,
    resume: bool,
    tick: Callable[[int], None],
) -> Skipped | Begun:
    if not candidates:
        return Begun(content, None, digest)
    if resume or input.is_stream:
        content.skip_prefix(candidates[0].prefix, tick)
        return Begun(content, candidates[0], digest)
    longest = content.longest_prefix([one.prefix for one in candidates], tick)
    if longest is None:
        _refuse_if_rewritten(input, records, tick)
        return Begun(_again(input, content), None, digest)
    after = candidates[longest]
    if content.offset == after.entry.content_offset:
        content.skip_line_end(tick)
    else:
        content = _again(input, content)
        content.skip_prefix(after.prefix, tick)
    # What has no file of its own to be known by is over when nothing follows.
    if after.entry.complete and input.kind == "made" and input.original is None and content.is_over():
        content.close()
        return Skipped(after.name)
    return Begun(content, after, digest)


def _again(input: Input, content: Content) -> Content:
    """The content from the first byte on."""
    if input.kind != "followed":
        content.close()
    return Content(input)


def _ingested_in_full(
    input: Input, records: list[Recorded], digest: bytes | None, tick: Callable[[int], None]
) -> str | None:
    """The name under which the file that holds the input was ingested in full, if it was. `digest` is its hash, if it
    is known already."""
    # The size is compared first: a file of a size that was never ingested need not be hashed.
    of_this_size = [
        one
        for one in records
        if one.entry.complete and one.entry.raw_digest is not None and one.entry.raw_size == input.size
    ]
    if not of_this_size:
        return None
    if digest is None:
        digest = input.digest(None, lambda: tick(0))
    found = (one.name for one in of_this_size if digest is not None and one.entry.raw_digest == digest)
    return next(found, None)


def _refuse_if_rewritten(input: Input, records: list[Recorded], tick: Callable[[int], None]) -> None:
    """Refuses a made text that differs from what was ingested under its name, although the file that it is made from
    has only grown: its rows would be there twice."""
    if input.kind != "made" or input.original is None or input.size is None:
        return
    for name, entry in reversed(records):
        if (
            name == input.name
            and entry.complete
            and entry.raw_digest is not None
            and input.size > entry.raw_size
            and input.digest(entry.raw_size, lambda: tick(0)) == entry.raw_digest
        ):
            raise SourceChanged(
                f"{name} has grown, and the rows that were ingested of it before would now be written otherwise, because a column "
                "has values of another kind; `again` ingests all of it as new rows."
            )


def _latest(input: Input, records: list[Recorded]) -> list[Recorded]:
    """The latest ingest of this name."""
    return next(([one] for one in reversed(records) if one.name == input.name), [])


def _candidates(input: Input, records: list[Recorded]) -> list[Recorded]:
    """The ingests that this input may be the continuation of, in the order of their ends."""
    if input.is_stream:
        # A pipe of the same name is another input each time.
        return []
    is_file = input.kind in ("file", "followed")
    own = rotation_name(input.name)
    found = []
    for one in records:
        offset = one.entry.content_offset
        related = one.name == input.name or (is_file and rotation_name(one.name) == own)
        # A compressed file is not decompressed for every other file there is.
        is_long = input.kind == "file" and offset >= _LONG and input.size is not None and offset <= input.size
        if offset > 0 and (related or is_long):
            found.append(one)
    return sorted(found, key=lambda one: one.entry.content_offset)
