"""The functions of the verbs of the command line. Each gets a `lakebed._cli.environment.context.Context` and its
arguments by name."""
