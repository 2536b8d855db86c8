"""`lakebed forget`: removes rows, and everything that prompts stored because of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.environment.context import Context
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed import CollectionRows, ForgetReport


def forget(context: Context, collections: tuple[str, ...], where: str, dry_run: bool, yes: bool) -> int | None:
    """Shows what is found and removes it after a confirmation; 1 when that is refused.

    Raises `InvalidArgument` for a condition that is not one, or when nobody can confirm; `CollectionNotFound`.
    """
    import lakebed

    with context.open("r" if dry_run else "a") as store:
        found = lakebed.forget(store, where, collections or None, dry_run=True)
        if dry_run or _is_empty(found):
            context.report(found, _lines(found))
            return None
        if not yes:
            if not context.can_ask:
                message = f"Forgetting {_sum(found)} needs --yes without a terminal; --dry-run shows what it is."
                raise InvalidArgument(message)
            for line in _lines(found):
                context.note(line)
            if not context.confirm(f"Forget {_sum(found)}?"):
                context.note("Nothing was removed.")
                return 1
        done = lakebed.forget(store, where, collections or None)
    context.report(done, _lines(done))
    if not done.erased:
        context.note(
            "note: no query and no hash finds it any more; the bytes are in the store's files until snapshots and readers "
            "of older commits end, and `lakebed compact` says what holds them"
        )
    return None


def _is_empty(found: ForgetReport) -> bool:
    return not (found.rows or found.results or found.requests or found.replies or found.blobs)


def _sum(found: ForgetReport) -> str:
    rows = sum(one.rows for one in (*found.rows, *found.equal))
    results = sum(one.rows for one in found.results)
    return f"{render.count(rows, 'row')} and {render.count(results, 'result')}"


def _lines(found: ForgetReport) -> Iterator[str]:
    """The report as lines."""
    did = "removed" if found.removed else "found"
    if _is_empty(found):
        yield f"found nothing in {', '.join(found.searched)}"
    for rows, what in ((found.rows, "row"), (found.equal, "row with the same bytes"), (found.results, "result")):
        for one in rows:
            yield f"{did} {_count(one.rows, what)} in {one.collection}"
    for number, what in ((found.requests, "request"), (found.blobs, "file or image")):
        if number:
            yield f"{did} {_count(number, what)}"
    if found.replies:
        yield f"{did} {render.count(found.replies, 'reply', 'replies')}"
    if found.kept_requests or found.kept_replies:
        yield (
            f"kept {render.count(found.kept_requests, 'request')} and "
            f"{render.count(found.kept_replies, 'reply', 'replies')}, which others need: {_places(found.kept_for)}"
        )
    if found.kept_blobs:
        yield f"kept {_count(found.kept_blobs, 'file or image')}, which other rows or requests name"
    if found.unknown_sources:
        yield (
            f"not followed: {render.count(found.unknown_sources, 'result')} without recorded source rows; "
            "search them by their input, as in --where \"input->>'name' = '...'\""
        )


def _count(number: int, what: str) -> str:
    first, _, rest = what.partition(" ")
    if what == "file or image":
        return f"{number:,} {what if number == 1 else 'files or images'}"
    return f"{render.count(number, first)} {rest}".rstrip()


def _places(rows: tuple[CollectionRows, ...]) -> str:
    return ", ".join(f"{render.count(one.rows, 'result')} in {one.collection}" for one in rows)
