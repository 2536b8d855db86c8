"""The prompt's text: as given, from standard input, or from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lakebed._cli.environment.statement_input import given_statements, read_statements
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed._cli.environment.context import Context
    from lakebed.store import Store


def prompt_text(context: Context, store: Store, given: str, *, has_rows: bool) -> str:
    """The template for the text that is given: `-` is standard input, `@NAME` a saved template or else a file.

    What is read is a template if there are rows, and the exact text of the prompt if there are none. A line break at
    its end is left out.

    Raises `InvalidArgument` when there is neither such a template nor such a file, `StoreIOError` when the file cannot
    be read.
    """
    from lakebed.prompts.template import verbatim

    if given == "-":
        text = given_statements(None, "-") or ""
    elif given.startswith("@"):
        file = _file_of(store, given[1:])
        if file is None:
            return given
        context.allow_file(file)
        text = read_statements(Path(os.path.expanduser(file)), file)  # noqa: PTH111  (as everywhere in the shell)
    else:
        return given
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        where = "Standard input" if given == "-" else given[1:]
        message = f"{where} is empty: there is no prompt to send."
        raise InvalidArgument(message)
    if not has_rows:
        return verbatim(text)
    return "\\" + text if text.startswith("@") else text


def _file_of(store: Store, reference: str) -> str | None:
    """The file that `@reference` names; None if it names a saved template."""
    from lakebed.prompts import saved_templates

    if "/" in reference or os.sep in reference:
        return reference
    try:
        saved_templates.load(store, reference)
    except InvalidArgument as problem:
        if Path(reference).is_file():
            return reference
        if "." in reference and ":" not in reference:
            message = f"{problem.message} There is no file {reference} either."
            raise InvalidArgument(message) from None
    return None
