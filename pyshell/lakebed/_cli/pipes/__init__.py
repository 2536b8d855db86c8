"""Pipes: `SELECT ... | VERB ...`, in the shell and in `lakebed query` alike.

A statement is a pipe at its first `|` outside parentheses whose right side begins with a verb of `pipes.verbs` and whose left
side DuckDB parses alone (`pipes.split`). The right side is words, lexed by `pipes.words`, because to SQL `--option` is a
comment.

What a verb is (the contract):

- It is listed in `pipes.verbs.PIPE_VERBS` as plain data, `PipeVerb(name, summary, run="package.module:function", arguments=...)`,
  cheap to import, with the same `Argument`s as the verbs of the command line. Help, completion, highlighting and parsing come from there.
- The function is imported when the verb runs and called as `function(context, rows, **arguments)`: `context` is a
  `lakebed._cli.commands.Context` (settings, `open()` for the store, `note()`, `say()`, `report()`, `progress`, `safe`), `rows` is a
  `pipes.rows.Rows`, and the arguments come by name, converted, each with its default when it is not given.
- It returns nothing, or an exit code. It raises `lakebed.errors` for what a user can cause. `KeyboardInterrupt` passes through it.
- `rows` can be read once, as a stream. Nothing has run before the first row is asked for.
- The store is written through `context.open("a")`, for as long as the verb writes and no longer.
"""

from lakebed._cli.pipes.verbs import PIPE_VERBS, PipeVerb

__all__ = ["PIPE_VERBS", "PipeVerb"]
