"""Which version of the model gave the replies of a run, when the model changes meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from lakebed.errors import OllamaError
from lakebed.prompts.failures import Canceled
from lakebed.prompts.run_plan import RunPlan
from lakebed.prompts.sender import PendingRequest

__all__ = ["ReplyDigests"]

_FAILURES = 3
"""Looks that fail one after the other, after which the versions of replies count as unknown."""
_LAST_SECONDS = 2.0
"""Seconds that a run which is stopped waits for the versions of its last replies, at most."""


class ReplyDigests:
    """Gives replies the digest of their version, and none where it is not known, before they are stored. Changes are
    notes of the run."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._asked: float | None = None
        self._unknown = 0

    def are_known(self, sent: Sequence[PendingRequest], *, waits: bool) -> bool:
        """Whether the versions of the replies are known, or will not be; otherwise the watch is told to look. Replies
        that arrive after the first call may be unknown still. `waits`: the run waits for the server."""
        watch = self._plan.watch
        if self._asked is None:
            self._asked = time.monotonic()
        unknown = [one.began for one in sent if one.began <= self._asked and self._digest(one) is None]
        if unknown and (waits or watch.failures < _FAILURES):
            watch.want(max(unknown))
            return False
        self._asked = None
        return True

    def settled(
        self, sent: Sequence[PendingRequest], *, all: bool
    ) -> tuple[list[PendingRequest], list[PendingRequest]]:
        """The requests whose replies have their digest now, and those that are to wait: none with `all`."""
        self._notice()
        given_up = all or self._plan.watch.failures >= _FAILURES
        ready: list[PendingRequest] = []
        rest: list[PendingRequest] = []
        for one in sent:
            digest = self._digest(one)
            if digest is None and not given_up:
                rest.append(one)
                continue
            self._unknown += digest is None
            self._plan.with_digest(one, digest or "")
            ready.append(one)
        return ready, rest

    def confirm(self, sent: Sequence[PendingRequest]) -> None:
        """Waits a short time for the versions of the last replies."""
        unknown = [one.began for one in sent if self._digest(one) is None]
        if unknown:
            self._plan.watch.confirm(max(unknown), _LAST_SECONDS)

    def finish(self) -> None:
        """Looks a last time."""
        with contextlib.suppress(OllamaError, Canceled):
            self._plan.watch.look()
        self._notice()

    def note_unknown(self) -> None:
        """Says how many replies have no digest because the server could not be asked."""
        if self._unknown:
            what = "reply carries" if self._unknown == 1 else "replies carry"
            self._plan.notes.append(
                f"{self._unknown:,} {what} no digest, because the server could not be asked afterwards for that of "
                f"{self._plan.settings.model}: the next run sends these requests again"
            )
            self._unknown = 0

    def _digest(self, pending: PendingRequest) -> str | None:
        """The digest of a reply; empty for a request without one, None if it is not known yet."""
        if pending.reply is None:
            return ""
        return self._plan.watch.digest_of(pending.epoch, pending.began)

    def _notice(self) -> None:
        plan = self._plan
        before, after = plan.settings.digest, plan.watch.digest
        if before == after:
            return
        if after:
            what = f"became another version during the run ({before[:12]} before, {after[:12]} after)"
        else:
            what = "is no longer on the server"
        plan.notes.append(
            f"{plan.settings.model} {what}: replies carry the digest of their version, or none where it is not known"
        )
        plan.use_digest(after)
