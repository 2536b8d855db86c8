"""Prompts over rows: each row of a query, or of a Python iterable, becomes a prompt; replies go into the store.

    template, options, request, schema     pure: from a row to canonical bytes, and whether a reply is what was asked for
    address, failures, frames              pure: where Ollama is, what went wrong, what a line of the stream says
    client, httpx_client                   the seam to the wire, and the client without Rust
    gate, ask                              one question until there is a reply; waiting for a server in trouble
    rows, plan, runner, dry                input rows and their sources; what a run is to do; the run; what it would do
    record, index, templates               what is stored, and how it is found again
    chat, catalog, models                  single chats, the server's models, what is given back

A stream is a reply only when it ends in `done: true`. Requests are keyed by hash, so asking the same again asks only what is missing.
"""

from __future__ import annotations

from lakebed.prompts.api import dry_run, prompt
from lakebed.prompts.chat import Chat, Ollama
from lakebed.prompts.run import Run

__all__ = ["Chat", "Ollama", "Run", "dry_run", "prompt"]

# What users see is lakebed.X, wherever it is written.
Ollama.__module__ = prompt.__module__ = "lakebed"
