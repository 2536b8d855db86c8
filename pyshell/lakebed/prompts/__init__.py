"""Prompts over rows: each row of a query, or of a Python iterable, becomes a prompt; replies go into the store.

    template, model_options, request, reply_format     pure: a row as canonical bytes, and whether a reply matches its format
    address, model_names, failures, stream_lines       pure: the server's address, models, errors, lines of a stream
    client, httpx_client, server                       what a client does, the client on httpx, which client is used
    circuit_breaker, sender                            sending a request until there is a reply; waiting for a server in trouble
    reply_builder, request_cost                        a reply from its chunks; what requests cost in tokens
    model_watch, reply_digests                         the versions of the model during a run, and which reply is of which
    input_rows, row_sources                            input rows, and the rows of collections that they come from
    run_plan, run, run_status, result_rows, preview    the plan of a run, the run, its status, its results, its dry run
    run_record                                         what a run records of itself
    storage, seq_index, saved_templates                what is stored, and the index that finds it
    result_index, digest_bag                           which input rows have a result already
    removal                                            removing rows and all that stems from them
    chat, server_models, results                       single chats, the models of the server, what is returned

A stream is a reply only if it ends in `done: true`. Requests are identified by their hash, so the same call again sends
only what is missing.
"""

from __future__ import annotations

from lakebed.prompts.api import dry_run, prompt
from lakebed.prompts.chat import Chat, Ollama
from lakebed.prompts.removal import forget
from lakebed.prompts.run import Run

__all__ = ["Chat", "Ollama", "Run", "dry_run", "forget", "prompt"]

# Names print as lakebed.X, whichever module defines them.
Chat.__module__ = Ollama.__module__ = Run.__module__ = "lakebed"
prompt.__module__ = dry_run.__module__ = forget.__module__ = "lakebed"
