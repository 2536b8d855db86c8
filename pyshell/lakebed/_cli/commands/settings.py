"""`lakebed config`, `completions`."""

from __future__ import annotations

from pydantic import BaseModel

from lakebed._cli.commands.context import Context
from lakebed._cli.config import HELP
from lakebed._cli.render import Column


class Setting(BaseModel):
    """A setting."""

    name: str
    value: bool | str | int | float
    origin: str
    help: str


class File(BaseModel):
    """A settings file that is looked for."""

    path: str
    exists: bool


def config(context: Context, action: str) -> None:
    """Shows the settings with their origins, or the files they may stand in."""
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
    """Prints the completion script."""
    from click.shell_completion import get_completion_class

    from lakebed._cli.main import COMPLETE_VARIABLE, PROGRAM, root

    found = get_completion_class(shell)
    assert found is not None, shell
    context.say(found(root, {}, PROGRAM, COMPLETE_VARIABLE).source())
