"""A preview of a run (a dry run): what it would do, without a request for a reply and without a change of the store."""

from __future__ import annotations

import itertools
import json
import queue

from lakebed.errors import CollectionNotFound
from lakebed.prompts import storage
from lakebed.prompts.input_rows import END, InputRow
from lakebed.prompts.result_index import ResultIndex
from lakebed.prompts.results import DryRun
from lakebed.prompts.run_plan import RunPlan
from lakebed.store import Store

_SAMPLE_REPLIES = 500
_DEFAULT_RATIO = 4.0


def preview(plan: RunPlan, *, reachable: bool, digest: str | None) -> DryRun:
    """Reads the rows as a run would. `reachable` and `digest` are put into the report; the plan is closed."""
    results = None if plan.fresh or plan.into is None else ResultIndex(plan.store, plan.into)
    ratio = characters_per_token(plan.store, plan.settings.model)
    rows = answered = present = 0
    characters = 0
    first: str | None = None
    seen: set[int] = set()
    arrived: queue.SimpleQueue[None] = queue.SimpleQueue()
    plan.rows.start(lambda: arrived.put(None))
    try:
        while (row := plan.rows.poll()) is not END:
            if not isinstance(row, InputRow):
                arrived.get()
                continue
            rows += 1
            prepared = plan.prepare(row)
            first = prepared.prompt if first is None else first
            if results is not None and results.take(
                prepared.request, prepared.input, prepared.values, row.sources_json, row.sources
            ):
                present += 1
            key = int(prepared.request[:16], 16)
            if key in seen:
                continue
            seen.add(key)
            if not plan.fresh and plan.known(prepared) is not None:
                answered += 1
            else:
                characters += len(prepared.prompt) + len(plan.system or "")
    finally:
        plan.rows.close()
        plan.close()
    return DryRun(
        model=plan.settings.model,
        digest=digest,
        reachable=reachable,
        rows=rows,
        distinct=len(seen),
        answered=answered,
        present=present,
        prompt_tokens=round(characters / ratio),
        characters_per_token=round(ratio, 2),
        first_prompt=first,
        notes=tuple(plan.notes),
    )


def characters_per_token(store: Store, model: str) -> float:
    """The characters of a prompt per token, from the last replies of the model; 4 if there are none."""
    characters = tokens = 0
    try:
        end = next((one.next_seq for one in store.collections() if one.name == storage.REPLIES), 0)
        for row in itertools.islice(store.scan(storage.REPLIES, max(0, end - _SAMPLE_REPLIES)), _SAMPLE_REPLIES):
            reply = row.json()
            count = reply["stats"].get("prompt_eval_count")
            if reply.get("model") == model and count and reply["request"] in store:
                messages = json.loads(store.get(reply["request"]))["messages"]
                characters += sum(len(one.get("content", "")) for one in messages)
                tokens += count
    except CollectionNotFound:
        pass
    return characters / tokens if tokens else _DEFAULT_RATIO
