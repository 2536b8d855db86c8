"""`lakebed config` and `lakebed completions`."""

from __future__ import annotations

from pydantic import BaseModel

from lakebed._cli.environment.config import HELP
from lakebed._cli.environment.context import Context
from lakebed._cli.render import Column


class Setting(BaseModel):
    """A setting, its value, and where the value comes from."""

    name: str
    value: bool | str | int | float
    origin: str
    help: str


class File(BaseModel):
    """A settings file, which may not exist."""

    path: str
    exists: bool


def config(context: Context, action: str) -> None:
    """Lists the settings with their origins, or with `action` `path` the settings files."""
    loaded = context.loaded
    if action == "path":
        files = [File(path=str(path), exists=path.is_file()) for path in loaded.files]
        for file in files:
            context.report(file, [file.path + ("" if file.exists else " (not there)")])
        return
    found = [
        Setting(
            name=name,
            value=value if isinstance(value, int | float) else str(value),
            origin=origin,
            help=HELP[name],
        )
        for name, (value, origin) in loaded.values().items()
    ]
    columns = [Column("setting"), Column("value"), Column("from"), Column("what it is")]
    context.listing(found, columns, [[one.name, one.value, one.origin, one.help] for one in found], None)


def completions(context: Context, shell: str) -> None:
    """Prints the completion script for a system's shell."""
    import click
    from click.shell_completion import get_completion_class

    from lakebed._cli.environment.arguments import COMPLETION_VARIABLE, PROGRAM

    found = get_completion_class(shell)
    assert found is not None, shell
    root = click.get_current_context().find_root().command
    context.say(found(root, {}, PROGRAM, COMPLETION_VARIABLE).source())
