"""Pipes: `SELECT ... | VERB ...`, in the shell and in `lakebed query` alike.

A statement is a pipe at its first `|` outside parentheses with a verb of `lakebed._cli.verbs.PIPE_VERBS` to its right
and SQL that DuckDB parses to its left (`lakebed._cli.language.statements`). The right side consists of words
(`lakebed._cli.language.words`), because in SQL `--option` is a comment.

What a verb of a pipe promises:

- It is in the registry as plain data, like every verb. Help, completion, highlighting and parsing come from there.
- Its function is imported when the verb runs and called as `function(context, rows, **arguments)`: `context` is the
  `lakebed._cli.environment.context.Context`, `rows` is a `lakebed._cli.pipes.rows.PipedRows`, and the arguments come by
  name, converted, with their defaults.
- It returns None, or an exit code. It raises `lakebed.errors` for what a user can cause, and lets `KeyboardInterrupt`
  pass.
- `rows` is a stream that can be read once. The query starts when the first row is read.
- The store is written through `context.open("a")`, only for as long as the verb writes.
"""
