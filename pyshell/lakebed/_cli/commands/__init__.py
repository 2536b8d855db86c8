"""What the verbs do. `context` is what each function gets: the settings, the store, and the ways to say something.

Data goes to standard output, everything else to standard error. What a verb reports is data: lines for people on a terminal, one JSON
object a line in a pipe and with `--json`.
"""

from lakebed._cli.commands.context import Context

__all__ = ["Context"]
