"""The result of an input row: the row that is stored, and the object that is returned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lakebed._types import Hash
from lakebed.prompts.input_rows import InputRow
from lakebed.prompts.results import PromptResult, RowError, SourceRow
from lakebed.prompts.run_plan import PreparedRow
from lakebed.prompts.sender import PendingRequest
from lakebed.prompts.storage import StoredReply, result_row

__all__ = ["SettledRow", "result_of"]


@dataclass
class SettledRow:
    """An input row with its request, and its reply once there is one."""

    row: InputRow
    prepared: PreparedRow
    reply: StoredReply | None = None
    cached: bool = False
    """Whether no request was sent for this row alone."""

    def after(self, pending: PendingRequest) -> SettledRow:
        """The row after its request was sent: with the error of the request, if it has one."""
        if pending.error is None:
            return self
        prepared = self.prepared._replace(error=pending.error, text=pending.text)
        return SettledRow(self.row, prepared, None, self.cached)


def result_of(settled: SettledRow, run: str, *, with_value: bool, raw: bool = False) -> tuple[bytes, PromptResult]:
    """The row that is stored and the result that is returned. `run` is the id of the run; `with_value`: the reply is
    JSON; `raw`: the text is that which the model wrote."""
    row, prepared, reply = settled.row, settled.prepared, settled.reply
    error = prepared.error
    text = prepared.text if error is not None else None
    if error is None and reply is not None:
        text = reply.raw if raw else reply.text
    value: Any = None
    row_error: RowError | None = None
    if error is not None:
        row_error = RowError(
            kind=getattr(error, "kind", "error"),
            message=f"Row {row.n}: {error}",
            thinking=getattr(error, "thinking", None),
        )
    elif reply is not None and with_value:
        value = json.loads(reply.text)
    data = result_row(
        run,
        row.n,
        prepared.input,
        row.sources_json,
        prepared.request,
        reply.hash if reply is not None else None,
        text,
        "null" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        "null" if row_error is None else json.dumps(row_error.model_dump(), ensure_ascii=False),
    )
    # model_construct: the values are valid, and validation would take longer than everything else here.
    result = PromptResult.model_construct(
        run=run,
        n=row.n,
        input=json.loads(prepared.input),
        sources=tuple(
            SourceRow.model_construct(collection=one["collection"], seq=one["seq"], hash=Hash(one["hash"]))
            for one in row.sources
        ),
        request=Hash(prepared.request),
        reply=Hash(reply.hash) if reply is not None else None,
        text=text,
        value=value,
        error=row_error,
        thinking=reply.thinking if reply is not None else getattr(error, "thinking", ""),
        done_reason=reply.done_reason if reply is not None else "",
        cached=settled.cached,
        stats=reply.stats if reply is not None else {},
    )
    return data, result
