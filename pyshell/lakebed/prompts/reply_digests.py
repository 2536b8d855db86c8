"""Which version of the model gave the replies of a run, when the model changes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from lakebed.prompts.run_plan import RunPlan
from lakebed.prompts.sender import PendingRequest

__all__ = ["ReplyDigests"]


class ReplyDigests:
    """Gives replies the digest of the version that gave them: the one that the server listed both before the request
    and after the reply. A reply in between two versions gets none. Changes are notes of the run."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._unsure = 0

    def settle(self, replied: Sequence[PendingRequest]) -> None:
        """Corrects the requests that have their replies, before they are stored."""
        if not replied:
            return
        plan = self._plan
        looked = plan.watch.look_if_due()
        self._notice()
        for pending in replied:
            plan.with_digest(pending, plan.watch.digest if pending.epoch == plan.watch.epoch else "")
        self._unsure = 0 if looked else self._unsure + len(replied)

    def finish(self) -> None:
        """Looks a last time."""
        self._plan.watch.look_if_due(always=True)
        self._notice()

    def _notice(self) -> None:
        plan = self._plan
        before, after = plan.settings.digest, plan.watch.digest
        if before == after:
            return
        if after:
            what = f"became another version during the run ({before[:12]} before, {after[:12]} after)"
        else:
            what = "is no longer on the server"
        unsure = f"; the last {self._unsure:,} replies before may be of either" if self._unsure else ""
        plan.notes.append(
            f"{plan.settings.model} {what}: replies carry the digest of their version, or none where it is not known{unsure}"
        )
        plan.use_digest(after)
